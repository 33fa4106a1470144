/* Mistakes with streams, copies and captures that a GPU punishes, made on purpose: the emulated runtime must find each. */
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include "../emu/launch.h"
#include "emu_machine.h"

namespace pgs {
namespace {

/* Times that each mistake is made: the runtime draws when work is done, and must find it in one of them. */
constexpr int TRIES = 32;

__global__ void write_one(int* to) { *to = 1; }
__global__ void add_one(const int* from, int* to) { *to = *from + 1; }
struct alignas(16) Wide {
    int word[4];
};
__global__ void load_wide(const int* from, int* to) { *to = reinterpret_cast<const Wide*>(from)->word[3]; }

/* Two streams, an event, and two numbers on the device that start at zero. */
struct Desk {
    cudaStream_t first = nullptr, second = nullptr;
    cudaEvent_t event = nullptr, other = nullptr;
    int* numbers = nullptr;
    Desk() {
        for (cudaStream_t* stream : {&first, &second}) cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking);
        for (cudaEvent_t* made : {&event, &other}) cudaEventCreateWithFlags(made, cudaEventDisableTiming);
        void* memory = nullptr;
        cudaMalloc(&memory, 8 * sizeof(int));
        numbers = static_cast<int*>(memory);
        cudaMemsetAsync(numbers, 0, 8 * sizeof(int), nullptr);
    }
    ~Desk() {
        for (cudaStream_t stream : {first, second}) cudaStreamDestroy(stream);
        for (cudaEvent_t made : {event, other}) cudaEventDestroy(made);
        cudaFree(numbers);
    }
    void wait(cudaStream_t before, cudaStream_t after, cudaEvent_t through) {
        cudaEventRecord(through, before);
        cudaStreamWaitEvent(after, through, 0);
    }
    int result() {
        for (cudaStream_t stream : {second, first}) cudaStreamSynchronize(stream);
        return numbers[1];
    }
};

/* The second stream adds to what the first writes. */
int run_pair(bool with_wait) {
    Desk desk;
    PGS_LAUNCH(write_one, 1, 1, desk.first, desk.numbers);
    if (with_wait) desk.wait(desk.first, desk.second, desk.event);
    PGS_LAUNCH(add_one, 1, 1, desk.second, desk.numbers, desk.numbers + 1);
    return desk.result();
}

/* What a copy brings whose source the host changes before, or after, it waits. */
int run_copy(bool with_wait) {
    Desk desk;
    void* memory = nullptr;
    cudaMallocHost(&memory, sizeof(int));
    int* const host = static_cast<int*>(memory);
    *host = 2;
    cudaMemcpyAsync(desk.numbers + 1, host, sizeof(int), cudaMemcpyHostToDevice, desk.first);
    if (with_wait) cudaStreamSynchronize(desk.first);
    *host = 3;
    const int copied = desk.result();
    cudaFreeHost(host);
    return copied;
}

/* A graph of both streams; without the second wait it has an end that nobody waits for. Minus the error where there is one. */
int run_graph(bool with_fork, bool with_join) {
    Desk desk;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    cudaStreamBeginCapture(desk.first, cudaStreamCaptureModeThreadLocal);
    desk.wait(desk.first, desk.second, desk.event);
    PGS_LAUNCH(write_one, 1, 1, desk.first, desk.numbers);
    if (with_fork) desk.wait(desk.first, desk.second, desk.event);
    PGS_LAUNCH(add_one, 1, 1, desk.second, desk.numbers, desk.numbers + 1);
    if (with_join) desk.wait(desk.second, desk.first, desk.other);
    const cudaError_t error = cudaStreamEndCapture(desk.first, &graph);
    if (error != cudaSuccess) return -int(error);
    cudaGraphInstantiate(&exec, graph, 0);
    cudaGraphLaunch(exec, desk.first);
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    return desk.result();
}

/* The error that a capture ends in when `call` is made inside. */
template <class F>
cudaError_t captured(F&& call) {
    Desk desk;
    cudaGraph_t graph = nullptr;
    desk.wait(desk.second, desk.first, desk.other); /* an event of no capture */
    cudaStreamBeginCapture(desk.first, cudaStreamCaptureModeThreadLocal);
    PGS_LAUNCH(write_one, 1, 1, desk.first, desk.numbers);
    call(desk);
    const cudaError_t error = cudaStreamEndCapture(desk.first, &graph);
    if (graph) cudaGraphDestroy(graph);
    return error;
}

template <class F>
bool always(F&& body, int expected) {
    for (int i = 0; i < TRIES; i++)
        if (body() != expected) return false;
    return true;
}

/* The program ends at the mistake, so it is made in a child. */
template <class F>
bool dies(F&& body) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        if (!std::freopen("/dev/null", "w", stderr)) _exit(1);
        for (int i = 0; i < TRIES; i++) body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void free_early(bool with_wait) {
    Desk desk;
    void* memory = nullptr;
    cudaMalloc(&memory, sizeof(int));
    PGS_LAUNCH(write_one, 1, 1, desk.first, static_cast<int*>(memory));
    if (with_wait) cudaStreamSynchronize(desk.first);
    cudaFree(memory);
}

void load_from(int offset) {
    Desk desk;
    PGS_LAUNCH(load_wide, 1, 1, nullptr, desk.numbers + offset, desk.numbers);
}

bool remembers_an_error_once() {
    void* memory = nullptr;
    const bool failed = cudaMalloc(&memory, size_t(1) << 60) == cudaErrorMemoryAllocation;
    return failed && cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess;
}

}  // namespace

std::string provoke_streams() {
    std::string json = "{";
    const auto found = [&json](const char* name, bool yes) {
        json += std::string(json.size() > 1 ? "," : "") + "\"" + name + "\":" + (yes ? "true" : "false");
    };
    const auto ends = [](cudaError_t expected, auto&& call) { return captured(call) == expected; };
    found("a stream that waits for another finds what it wrote", always([] { return run_pair(true); }, 2));
    found("one that does not wait sometimes does not", !always([] { return run_pair(false); }, 2));
    found("a copy that was waited for is what the host had", always([] { return run_copy(true); }, 2));
    found("one that was not is sometimes what the host wrote later", !always([] { return run_copy(false); }, 2));
    found("a graph with its fork and join gives one result", always([] { return run_graph(true, true); }, 2));
    found("one that forks too early sometimes another", !always([] { return run_graph(false, true); }, 2));
    found("one that is not joined is refused", run_graph(true, false) == -int(cudaErrorStreamCaptureUnjoined));
    found("kernels can be captured", ends(cudaSuccess, [](Desk&) {}));
    found("an allocation spoils a capture", ends(cudaErrorStreamCaptureInvalidated, [](Desk&) {
              void* memory = nullptr;
              cudaMalloc(&memory, 16);
          }));
    found("so does a wait for it", ends(cudaErrorStreamCaptureInvalidated, [](Desk& desk) { cudaStreamSynchronize(desk.first); }));
    found("and a copy from memory that is not pinned", ends(cudaErrorStreamCaptureInvalidated, [](Desk& desk) {
              int number = 0;
              cudaMemcpyAsync(desk.numbers, &number, sizeof number, cudaMemcpyHostToDevice, desk.first);
          }));
    found("and an event from outside",
          ends(cudaErrorStreamCaptureInvalidated, [](Desk& desk) { cudaStreamWaitEvent(desk.first, desk.other, 0); }));
    found("memory that is freed while a kernel may use it stops the program", dies([] { free_early(false); }));
    found("memory that is freed after a wait does not", !dies([] { free_early(true); }));
    found("a load that is not aligned stops the program", dies([] { load_from(1); }));
    found("one that is does not", !dies([] { load_from(4); }));
    found("an error is remembered until it is asked for", remembers_an_error_once());
    return json + "}";
}

}  // namespace pgs
