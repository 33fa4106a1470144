/*
 * Bins the projected splats of a view: (tile, splat) pairs by tile, then depth, then index. Four kernels, no read-back.
 *
 *   count_pairs    one thread per splat: how many tiles it reaches; how many pairs each tile gets.
 *   scan_bins      one block: slots of splats, ranges and buckets of tiles; decides overflow.
 *   scatter_pairs  one thread per splat: keys into their tiles, in whatever order atomics give.
 *   sort_tiles     one block per tile: bitonic in shared memory; beyond its capacity, sorted runs are merged in global memory.
 *
 * Reads ScreenSplat. Writes the arrays of BinArrays. Barriers: inside the block scans, around each pass of the sort.
 * Invariants: a key is (depth bits, slot) and slots grow with the splat's index, so keys are unique and the order does not depend
 * on the atomics. count_pairs and scatter_pairs must find the same tiles: this file is compiled without contraction into fused
 * multiply-adds (CMakeLists.txt), so both run the same arithmetic, and the CPU's.
 */
#include "block_scan.h"

namespace pgs {
namespace {

/* 2048 keys: 16 KB of shared memory, four blocks a multiprocessor on sm_75. The longest tile of the paper's heads has 700. */
constexpr int SORT_CAPACITY = 2048;
constexpr int SORT_BLOCK = 256;
constexpr int SCAN_BLOCK = 1024;

__global__ void __launch_bounds__(SPLAT_BLOCK) count_pairs(const ScreenSplat* splats, int n, BinArrays bins) {
    __shared__ uint32_t warp_sums[SPLAT_BLOCK / WARP_SIZE];
    const int i = int(blockIdx.x * SPLAT_BLOCK + threadIdx.x);
    uint32_t count = 0;
    if (i < n) {
        const ProjectedT<float> p = unpack_splat(splats[i]);
        if (p.radius > 0)
            for_each_tile(p, bins.tiles_x, bins.tiles_y, [&](int tx, int ty) {
                atomicAdd(&bins.tile_cursor[ty * bins.tiles_x + tx], 1u);
                count++;
            });
    }
    uint32_t total;
    const uint32_t before = block_scan(count, warp_sums, total);
    if (i < n) {
        bins.pair_count[i] = count;
        bins.splat_slot[i] = before; /* inside the block; scatter_pairs adds what lies before the block */
    }
    if (threadIdx.x == 0) bins.block_slots[blockIdx.x] = total;
}

__global__ void __launch_bounds__(SCAN_BLOCK) scan_bins(int splat_blocks, BinArrays bins) {
    __shared__ uint64_t wide_sums[SCAN_BLOCK / WARP_SIZE];
    __shared__ uint32_t sums[SCAN_BLOCK / WARP_SIZE];
    uint64_t pairs = 0; /* 64 bits: a view may ask for more than any capacity */
    for (int first = 0; first < splat_blocks; first += SCAN_BLOCK) {
        const int b = first + int(threadIdx.x);
        uint64_t total;
        const uint64_t before = pairs + block_scan(b < splat_blocks ? uint64_t(bins.block_slots[b]) : uint64_t(0), wide_sums, total);
        if (b < splat_blocks) bins.block_slots[b] = uint32_t(before);
        pairs += total;
    }
    const bool overflow = pairs > bins.pair_capacity || (bins.stopped && *bins.stopped);
    const int tiles = bins.tiles();
    uint32_t start = 0, bucket = 0, longest = 0;
    for (int first = 0; first < tiles; first += SCAN_BLOCK) {
        const int t = first + int(threadIdx.x);
        const uint32_t count = t < tiles && !overflow ? bins.tile_cursor[t] : 0;
        uint32_t total, bucket_total;
        const uint32_t before = block_scan(count, sums, total);
        const uint32_t buckets_before = block_scan((count + BUCKET - 1) / BUCKET, sums, bucket_total);
        if (t < tiles) {
            bins.tile_start[t] = start + before;
            bins.bucket_start[t] = bucket + buckets_before;
            bins.tile_cursor[t] = 0;
        }
        longest = count > longest ? count : longest;
        start += total;
        bucket += bucket_total;
    }
    for (int by = WARP_SIZE / 2; by > 0; by /= 2) {
        const uint32_t other = __shfl_xor_sync(FULL_WARP, longest, by);
        longest = other > longest ? other : longest;
    }
    if (threadIdx.x % WARP_SIZE == 0) sums[threadIdx.x / WARP_SIZE] = longest;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (int w = 0; w < SCAN_BLOCK / WARP_SIZE; w++) longest = sums[w] > longest ? sums[w] : longest;
    bins.tile_start[tiles] = start;
    bins.bucket_start[tiles] = bucket;
    *bins.counters = {pairs > 0xffffffffu ? 0xffffffffu : uint32_t(pairs), longest, bucket, overflow ? 1u : 0u};
}

/* Four blocks a multiprocessor: left alone, ptxas aims for eight and spills. */
__global__ void __launch_bounds__(SPLAT_BLOCK, 4) scatter_pairs(const ScreenSplat* splats, int n, BinArrays bins) {
    if (bins.counters->overflow) return;
    const int i = int(blockIdx.x * SPLAT_BLOCK + threadIdx.x);
    if (i >= n) return;
    uint32_t slot = bins.block_slots[blockIdx.x] + bins.splat_slot[i];
    bins.splat_slot[i] = slot;
    if (bins.pair_count[i] == 0) return;
    const ProjectedT<float> p = unpack_splat(splats[i]);
    uint32_t depth_bits; /* depths are positive, so their bits sort as they do */
    memcpy(&depth_bits, &p.depth, sizeof depth_bits);
    for_each_tile(p, bins.tiles_x, bins.tiles_y, [&](int tx, int ty) {
        const int tile = ty * bins.tiles_x + tx;
        const uint32_t at = bins.tile_start[tile] + atomicAdd(&bins.tile_cursor[tile], 1u);
        bins.keys[at] = uint64_t(depth_bits) << 32 | slot;
        bins.slot_splat[slot] = uint32_t(i);
        slot++;
    });
}

/* Sorts `count` keys of global memory by way of shared memory; count <= SORT_CAPACITY. */
__device__ void sort_run(uint64_t* global, int count, uint64_t* run) {
    int padded = WARP_SIZE;
    while (padded < count) padded *= 2;
    for (int i = int(threadIdx.x); i < padded; i += SORT_BLOCK) run[i] = i < count ? global[i] : ~uint64_t(0);
    __syncthreads();
    for (int size = 2; size <= padded; size *= 2)
        for (int stride = size / 2; stride > 0; stride /= 2) {
            for (int pair = int(threadIdx.x); pair < padded / 2; pair += SORT_BLOCK) {
                const int low = pair / stride * stride * 2 + pair % stride, high = low + stride;
                const bool ascending = (low & size) == 0;
                const uint64_t a = run[low], b = run[high];
                if ((a > b) == ascending) {
                    run[low] = b;
                    run[high] = a;
                }
            }
            __syncthreads();
        }
    for (int i = int(threadIdx.x); i < count; i += SORT_BLOCK) global[i] = run[i];
    __syncthreads(); /* before the next run overwrites shared memory, and before anyone reads what others wrote */
}

/* Merges neighbouring sorted runs of `width`: a key's place is its own index plus its rank in the sibling run. */
__device__ void merge_runs(const uint64_t* from, uint64_t* to, int count, int width) {
    for (int i = int(threadIdx.x); i < count; i += SORT_BLOCK) {
        const uint64_t key = from[i];
        const int run = i / width, pair_begin = run / 2 * 2 * width;
        int low = (run ^ 1) * width;
        low = low < count ? low : count;
        const int begin = low;
        int high = low + width < count ? low + width : count;
        while (low < high) {
            const int middle = (low + high) / 2;
            if (from[middle] < key)
                low = middle + 1;
            else
                high = middle;
        }
        to[pair_begin + (i - run * width) + (low - begin)] = key;
    }
    __syncthreads();
}

__global__ void __launch_bounds__(SORT_BLOCK) sort_tiles(BinArrays bins) {
    __shared__ uint64_t run[SORT_CAPACITY];
    if (bins.counters->overflow) return;
    const int tile = int(blockIdx.x);
    const uint32_t start = bins.tile_start[tile];
    const int count = int(bins.tile_start[tile + 1] - start);
    if (count == 0) return;
    uint64_t *keys = bins.keys + start, *other = bins.merge_keys + start;
    for (int first = 0; first < count; first += SORT_CAPACITY)
        sort_run(keys + first, count - first < SORT_CAPACITY ? count - first : SORT_CAPACITY, run);
    for (int width = SORT_CAPACITY; width < count; width *= 2) {
        merge_runs(keys, other, count, width);
        uint64_t* const merged = other;
        other = keys;
        keys = merged;
    }
    for (int i = int(threadIdx.x); i < count; i += SORT_BLOCK) {
        const uint32_t slot = uint32_t(keys[i]);
        bins.isect_slots[start + i] = slot;
        bins.isect_splats[start + i] = bins.slot_splat[slot];
    }
    const uint32_t bucket = bins.bucket_start[tile];
    for (int b = int(threadIdx.x); b * BUCKET < count; b += SORT_BLOCK) bins.bucket_tile[bucket + b] = uint32_t(tile);
}

}  // namespace

void launch_bin(cudaStream_t stream, const ScreenSplat* splats, int n, const BinArrays& bins) {
    const unsigned blocks = blocks_for(size_t(n), SPLAT_BLOCK);
    cudaMemsetAsync(bins.tile_cursor, 0, sizeof(uint32_t) * size_t(bins.tiles()), stream);
    if (n > 0) PGS_LAUNCH(count_pairs, blocks, SPLAT_BLOCK, stream, splats, n, bins);
    PGS_LAUNCH(scan_bins, 1, SCAN_BLOCK, stream, int(blocks), bins);
    if (n > 0) PGS_LAUNCH(scatter_pairs, blocks, SPLAT_BLOCK, stream, splats, n, bins);
    PGS_LAUNCH(sort_tiles, unsigned(bins.tiles()), SORT_BLOCK, stream, bins);
}

}  // namespace pgs
