/*
 * A small SIMT machine: the kernels' own `.cu` source compiled by a host compiler, one fiber per CUDA thread. A thread runs until
 * it meets a barrier, a warp operation or an atomic; who runs next is drawn from a seed, as is the order of blocks, so a kernel
 * whose result depends on a missing barrier or on the order of its atomics gives itself away under another seed.
 *
 * It stops with a message where lanes do not all arrive (some wait at one line, others at another line or at the end), where a
 * warp operation names lanes that are not there, and where a device pointer leaves its allocation. It proves logic: not the
 * absence of data races between two barriers, and no speed.
 */
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
/* One block runs at a time, so its shared memory is a static; the section lets the machine fill it with NaN between blocks. */
#define __shared__ static __attribute__((section("pgs_shared")))

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(16) float4 {
    float x, y, z, w;
};

namespace simt {

constexpr int WARP = 32;

/* Where the running thread is. Plain globals: the machine has one thread of its own. */
extern dim3 thread_idx, block_idx, block_dim, grid_dim;

/* Seed of every later launch. */
void set_seed(uint64_t seed);
/* Runs body once per thread; throws std::runtime_error where lanes do not all arrive. */
void launch(const char* kernel, dim3 grid, dim3 block, const std::function<void()>& body);

/* What a barrier adds up on the way: each is a full barrier of the block. */
int block_barrier(int line, int predicate);
/* Stores a lane's 64 bits, waits for the lanes of `mask`, and returns all 32 values; they stay until the lane's next operation. */
const uint64_t* warp_exchange(int line, unsigned mask, uint64_t value);
/* A point where another thread may run. */
void pause();
int lane();

template <class T>
inline uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8, "a warp operation moves at most 64 bits");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
}
template <class T>
inline T from_bits(uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
template <class T>
inline T shuffle(int line, unsigned mask, T value, int source) {
    const uint64_t* all = warp_exchange(line, mask, to_bits(value));
    return source >= 0 && source < WARP ? from_bits<T>(all[source]) : value;
}
inline unsigned ballot(int line, unsigned mask, bool predicate) {
    const uint64_t* all = warp_exchange(line, mask, predicate);
    unsigned bits = 0;
    for (int i = 0; i < WARP; i++)
        if ((mask >> i & 1) && all[i]) bits |= 1u << i;
    return bits;
}
template <class T>
inline T atomic_add(T* at, T value) {
    pause();
    const T old = *at;
    *at += value;
    return old;
}
template <class T>
inline T atomic_max(T* at, T value) {
    pause();
    const T old = *at;
    if (value > old) *at = value;
    return old;
}

}  // namespace simt

#define threadIdx ::simt::thread_idx
#define blockIdx ::simt::block_idx
#define blockDim ::simt::block_dim
#define gridDim ::simt::grid_dim
#define __syncthreads() ((void)::simt::block_barrier(__LINE__, 1))
#define __syncthreads_and(predicate) ::simt::block_barrier(__LINE__, (predicate) != 0)
#define __syncwarp() ((void)::simt::warp_exchange(__LINE__, 0xffffffffu, 0))
#define __shfl_sync(mask, value, source) ::simt::shuffle(__LINE__, mask, value, (source) & 31)
#define __shfl_xor_sync(mask, value, bits) ::simt::shuffle(__LINE__, mask, value, ::simt::lane() ^ (bits))
#define __shfl_up_sync(mask, value, by) ::simt::shuffle(__LINE__, mask, value, ::simt::lane() - int(by))
#define __shfl_down_sync(mask, value, by) ::simt::shuffle(__LINE__, mask, value, ::simt::lane() + int(by))
#define __ballot_sync(mask, predicate) ::simt::ballot(__LINE__, mask, predicate)
#define __any_sync(mask, predicate) (::simt::ballot(__LINE__, mask, predicate) != 0)
#define __all_sync(mask, predicate) (::simt::ballot(__LINE__, mask, predicate) == (mask))
#define atomicAdd(at, value) ::simt::atomic_add(at, value)
/* Memory here is one: what a thread wrote, the next to run sees. */
#define __threadfence() ((void)0)
#define atomicMax(at, value) ::simt::atomic_max(at, value)
#define __popc(bits) __builtin_popcount(bits)
#define __ffs(bits) __builtin_ffs(int(bits))
#define __fdividef(a, b) ((a) / (b))
