/* Exclusive sum over the threads of a block, in thread order. All threads call it; it holds two barriers. */
#pragma once
#include "layout.h"

namespace pgs {

/* warp_sums [blockDim / 32] is shared memory that nothing else uses until the block's next barrier. blockDim: a multiple of 32. */
template <class T>
__device__ __forceinline__ T block_scan(T value, T* warp_sums, T& total) {
    const int lane = int(threadIdx.x) % WARP_SIZE, warp = int(threadIdx.x) / WARP_SIZE, warps = int(blockDim.x) / WARP_SIZE;
    T inclusive = value;
    for (int by = 1; by < WARP_SIZE; by *= 2) {
        const T other = __shfl_up_sync(FULL_WARP, inclusive, by);
        if (lane >= by) inclusive += other;
    }
    if (lane == WARP_SIZE - 1) warp_sums[warp] = inclusive;
    __syncthreads();
    T before = 0;
    total = 0;
    for (int w = 0; w < warps; w++) { /* at most 32: cheaper than a second round of shuffles and its barrier */
        const T sum = warp_sums[w];
        if (w < warp) before += sum;
        total += sum;
    }
    __syncthreads();
    return before + inclusive - value;
}

}  // namespace pgs
