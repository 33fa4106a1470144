#include "runtime.h"
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace {

constexpr size_t PAGE = 4096;
/* Arrays end at a guard page but stay aligned for the widest load; what that leaves free is filled and checked. */
constexpr size_t ALIGNMENT = 16;
constexpr unsigned char FILL = 0xa5;

size_t used_bytes = 0;

/* Asked anew each time: a test fills the memory while it runs. */
size_t most_bytes() {
    const char* const text = std::getenv("PGS_EMULATED_BYTES");
    return text ? size_t(std::strtoull(text, nullptr, 10)) : size_t(8) << 30;
}

struct Block {
    char* base;
    size_t pages, bytes;
};

std::map<void*, Block>& blocks() {
    static std::map<void*, Block> all;
    return all;
}

/* A kernel left its memory. Only async-signal-safe calls from here. */
void on_fault(int, siginfo_t*, void*) {
    static const char text[] = "simt: a kernel left its device memory (or overflowed a thread's stack)\n";
    const ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    _exit(written > 0 ? 86 : 87);
}

void watch_faults() {
    static bool watching = false;
    if (watching) return;
    watching = true;
    stack_t stack{}; /* the faulting stack may be the full one */
    stack.ss_size = 64 << 10;
    stack.ss_sp = std::malloc(stack.ss_size);
    sigaltstack(&stack, nullptr);
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    watch_faults();
    if (used_bytes + bytes > most_bytes()) return cudaErrorMemoryAllocation;
    const size_t used = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, pages = (used + PAGE - 1) / PAGE + 1;
    void* base = mmap(nullptr, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return cudaErrorMemoryAllocation;
    char* const end = static_cast<char*>(base) + (pages - 1) * PAGE;
    mprotect(end, PAGE, PROT_NONE);
    std::memset(base, FILL, (pages - 1) * PAGE);
    *memory = end - used;
    std::memset(*memory, 0xff, bytes);
    blocks()[*memory] = {static_cast<char*>(base), pages, bytes};
    used_bytes += bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    if (!memory) return cudaSuccess;
    const auto found = blocks().find(memory);
    if (found == blocks().end()) return cudaErrorInvalidValue;
    const Block block = found->second;
    char *const begin = static_cast<char*>(memory), *const end = block.base + (block.pages - 1) * PAGE;
    for (const char* byte = block.base; byte < end; byte++) {
        if (byte == begin) byte += block.bytes;
        if (byte < end && static_cast<unsigned char>(*byte) != FILL) {
            std::fprintf(stderr, "simt: a kernel wrote %td bytes from an array of %zu bytes\n", byte - begin, block.bytes);
            std::abort();
        }
    }
    used_bytes -= block.bytes;
    blocks().erase(found);
    munmap(block.base, block.pages * PAGE);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    *memory = std::malloc(bytes > 0 ? bytes : 1);
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* memory) {
    std::free(memory);
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    *total = most_bytes();
    *free = *total > used_bytes ? *total - used_bytes : 0;
    return cudaSuccess;
}

struct PgsEmulatedStream {
    PgsEmulatedGraph* capturing = nullptr;
    bool forked = false, unjoined = false; /* captures for another stream; has work that the other does not wait for */
};
struct PgsEmulatedGraph {
    std::vector<std::function<void()>> work;
};
struct PgsEmulatedEvent {
    PgsEmulatedStream* stream = nullptr;
    double milliseconds = 0;
};

namespace {

std::set<PgsEmulatedStream*>& streams() {
    static std::set<PgsEmulatedStream*> all;
    return all;
}

}  // namespace

void simt::submit(cudaStream_t stream, std::function<void()> work) {
    if (stream && stream->capturing) {
        stream->capturing->work.push_back(std::move(work));
        stream->unjoined = stream->forked;
    } else {
        work();
    }
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    simt::submit(stream, [=] {
        if (bytes > 0) std::memcpy(to, from, bytes);
    });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int byte, size_t bytes, cudaStream_t stream) {
    simt::submit(stream, [=] { std::memset(memory, byte, bytes); });
    return cudaSuccess;
}
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t error) {
    return error == cudaErrorMemoryAllocation ? "out of memory" : error == cudaErrorInvalidValue ? "invalid value" :
           error == cudaErrorUnknown ? "unspecified launch failure" : "no error";
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    *stream = new PgsEmulatedStream;
    streams().insert(*stream);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    streams().erase(stream);
    delete stream;
    return cudaSuccess;
}
/* What was not launched has not happened: a wait for it would be a mistake, and is one on a GPU. */
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return stream && stream->capturing ? cudaErrorInvalidValue : cudaSuccess; }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = new PgsEmulatedEvent;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    event->stream = stream;
    event->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
    *milliseconds = float(to->milliseconds - from->milliseconds);
    return cudaSuccess;
}
/* A stream that waits for one that is captured is captured with it, until that one waits for it in turn. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    PgsEmulatedStream* const other = event->stream;
    if (!stream || !other || !other->capturing) return cudaSuccess;
    if (stream->capturing) {
        other->unjoined = false;
        return cudaSuccess;
    }
    stream->capturing = other->capturing;
    stream->forked = true;
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (!stream || stream->capturing) return cudaErrorInvalidValue;
    stream->capturing = new PgsEmulatedGraph;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    if (!stream || !stream->capturing || stream->forked) return cudaErrorInvalidValue;
    bool joined = true;
    *graph = stream->capturing;
    for (PgsEmulatedStream* other : streams()) {
        if (other->capturing != *graph) continue;
        joined = joined && !other->unjoined;
        other->capturing = nullptr;
        other->forked = other->unjoined = false;
    }
    return joined ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
    *exec = new PgsEmulatedGraph(*graph);
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    if (!stream || stream->capturing) return cudaErrorInvalidValue;
    if (std::getenv("PGS_EMULATED_LOSS")) return cudaErrorUnknown;
    for (const std::function<void()>& work : exec->work) work();
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { return cudaGraphDestroy(exec); }

cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = 13000;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    std::snprintf(properties->name, sizeof properties->name, "SIMT emulator");
    properties->major = 7;
    properties->minor = 5;
    size_t free;
    return cudaMemGetInfo(&free, &properties->totalGlobalMem);
}
