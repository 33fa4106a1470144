#include "emu_machine.h"
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <stdexcept>
#include <vector>
#include "../emu/launch.h"

namespace pgs {
namespace {

constexpr int THREADS = 64;

__global__ void reverse(const int* in, int* out, bool with_barrier) {
    __shared__ int copy[THREADS];
    const int i = int(threadIdx.x);
    copy[i] = in[i];
    if (with_barrier) __syncthreads();
    out[i] = copy[THREADS - 1 - i];
}

__global__ void leave_before_barrier() {
    if (threadIdx.x == 7) return;
    __syncthreads();
}

__global__ void two_barriers() {
    if (threadIdx.x < 40)
        __syncthreads();
    else
        __syncthreads();
}

__global__ void shuffle_without_lane(int* out) {
    if (threadIdx.x == 3) return;
    out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, int(threadIdx.x), 1);
}

__global__ void read_stale(float* out) {
    __shared__ float never_written[THREADS];
    out[threadIdx.x] = never_written[threadIdx.x];
}

__global__ void take_numbers(int* next, int* out) { out[threadIdx.x] = atomicAdd(next, 1); }

__global__ void write_past(int* out, int count) {
    if (int(threadIdx.x) <= count) out[threadIdx.x] = 1;
}

/* A 64-bit sum, which 32 bits cannot hold, in shared and in device memory. */
__global__ void add_wide(unsigned long long* sum) {
    __shared__ unsigned long long part;
    if (threadIdx.x == 0) part = 0;
    __syncthreads();
    atomicAdd(&part, 0x123456789aull * (threadIdx.x + 1));
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(sum, part);
}

/* The block that arrives last adds what all of them left, and leaves its name. */
__global__ void close_by_last(unsigned* arrived, unsigned* left, unsigned* sum, unsigned* last) {
    left[blockIdx.x] = blockIdx.x + 1;
    __threadfence();
    if (atomicAdd(arrived, 1u) + 1u < gridDim.x) return;
    for (unsigned b = 0; b < gridDim.x; b++) *sum += left[b];
    *last = blockIdx.x;
}

template <class T>
struct Memory {
    T* data;
    explicit Memory(size_t count) {
        void* memory = nullptr;
        cudaMalloc(&memory, count * sizeof(T));
        data = static_cast<T*>(memory);
    }
    ~Memory() { cudaFree(data); }
};

template <class F>
bool throws(F&& body) {
    try {
        body();
    } catch (const std::runtime_error&) {
        return true;
    }
    return false;
}

/* The program ends at the fault, so it happens in a child. */
bool dies(int count) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        if (!std::freopen("/dev/null", "w", stderr)) _exit(1);
        Memory<int> out{size_t(count)};
        PGS_LAUNCH(write_past, 1, THREADS, nullptr, out.data, count);
        cudaFree(out.data);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

std::vector<int> run_reverse(bool with_barrier, uint64_t seed) {
    Memory<int> in(THREADS), out(THREADS);
    for (int i = 0; i < THREADS; i++) in.data[i] = i;
    simt::set_seed(seed);
    PGS_LAUNCH(reverse, 1, THREADS, nullptr, in.data, out.data, with_barrier);
    return std::vector<int>(out.data, out.data + THREADS);
}

std::vector<int> run_numbers(uint64_t seed) {
    Memory<int> next(1), out(THREADS);
    *next.data = 0;
    simt::set_seed(seed);
    PGS_LAUNCH(take_numbers, 1, THREADS, nullptr, next.data, out.data);
    return std::vector<int>(out.data, out.data + THREADS);
}

unsigned long long run_wide() {
    Memory<unsigned long long> sum(1);
    *sum.data = 0;
    PGS_LAUNCH(add_wide, 8, THREADS, nullptr, sum.data);
    return *sum.data;
}

/* Sum of the blocks' numbers, and which block took it. */
std::vector<unsigned> run_last(uint64_t seed) {
    constexpr unsigned BLOCKS = 40;
    Memory<unsigned> arrived(1), left(BLOCKS), result(2);
    *arrived.data = result.data[0] = 0;
    simt::set_seed(seed);
    PGS_LAUNCH(close_by_last, BLOCKS, 1, nullptr, arrived.data, left.data, result.data, result.data + 1);
    return std::vector<unsigned>(result.data, result.data + 2);
}

}  // namespace

std::string provoke_machine() {
    std::string json = "{";
    const auto found = [&json](const char* name, bool yes) {
        json += std::string(json.size() > 1 ? "," : "") + "\"" + name + "\":" + (yes ? "true" : "false");
    };
    found("a kernel with its barrier does not depend on the schedule",
          run_reverse(true, 1) == run_reverse(true, 2) && run_reverse(true, 1)[0] == THREADS - 1);
    found("a missing barrier shows between schedules", run_reverse(false, 1) != run_reverse(false, 2));
    found("the order of atomics changes with the seed, and only with it",
          run_numbers(1) != run_numbers(2) && run_numbers(1) == run_numbers(1));
    found("64-bit atomics add 64 bits", run_wide() == 0x123456789aull * (8 * THREADS * (THREADS + 1) / 2));
    found("which block arrives last changes with the seed, and all have written by then",
          run_last(1)[1] != run_last(2)[1] && run_last(1)[0] == 820 && run_last(2)[0] == 820);
    found("a thread that ends before a barrier is reported", throws([] { PGS_LAUNCH(leave_before_barrier, 1, THREADS, nullptr); }));
    found("threads at two barriers are reported", throws([] { PGS_LAUNCH(two_barriers, 1, THREADS, nullptr); }));
    Memory<int> out(THREADS);
    found("a warp operation without one of its lanes is reported",
          throws([&] { PGS_LAUNCH(shuffle_without_lane, 1, THREADS, nullptr, out.data); }));
    Memory<float> stale(THREADS);
    PGS_LAUNCH(read_stale, 1, THREADS, nullptr, stale.data);
    found("shared memory that nobody wrote is NaN", stale.data[5] != stale.data[5]);
    found("a write past an array that ends on 16 bytes stops the program", dies(8));
    found("a write past an array that does not is found when it is freed", dies(9));
    found("a write up to the end is fine", !dies(THREADS));
    return json + "}";
}

}  // namespace pgs
