/*
 * The gradient of the tri-planes: every splat adds to four texels of each level of each plane.
 *
 *   scatter_planes  one block per (plane, level, chunk of 4096 splats), one thread per splat and step: adds into the level's table,
 *                   private in shared memory, then flushes what is not zero by atomics on plane_sums. A level whose table is larger
 *                   than that goes to plane_sums at once.
 *   close_planes    one thread per texel: fixed point to float; leaves the sum at zero for the next step.
 * Reads v_feat, totals->largest, means. Writes v_planes; plane_sums is scratch, zero before and after.
 * Barriers: after the table is cleared, and before it is flushed.
 *
 * Invariant: sums are 64-bit whole numbers, so the order of atomics does not show. Their unit is the power of two with which
 * n * largest |v_feat| stays below 2^62: as each of a splat's four weights is at most one, no sum can overflow. What is cut off a part
 * is below 2^-45 of the largest gradient, for up to 65 536 splats. Where a gradient of a feature is infinite or NaN, every texel's
 * becomes NaN, for the guard that watches gradients.
 *
 * A 64-bit addition in shared memory would be a loop of compare and swap; it is made of two 32-bit ones: the lower half's old value
 * tells whether it carried, so the pair is exact in any order.
 */
#include "dense.h"

namespace pgs {
namespace {

constexpr int SCATTER_THREADS = 256, CHUNK = 4096, LEVELS = 3 * PGS_PLANE_LEVELS;
/* Texels of the largest table in shared memory: 42 x 42 for levels as the face has, and 77 x 77, where 48 KB end. */
constexpr int SMALL_TABLE = 42 * 42, LARGE_TABLE = 77 * 77;
constexpr uint32_t INFINITE = 0x7f800000u; /* bits; NaN lies above */

/* Bits after the point, so that n values of magnitude `largest` (float bits, finite) add up to less than 2^62. */
__device__ __forceinline__ int fixed_point(uint32_t largest, int n) {
    const int exponent = int(largest >> 23) - 126; /* largest < 2^exponent, denormals too */
    int log_n = 0;
    while (log_n < 31 && (1u << log_n) < uint32_t(n)) log_n++;
    return 62 - exponent - log_n;
}

/* value * 2^point, cut towards zero; without arithmetic in double, which small GPUs have little of. */
__device__ __forceinline__ unsigned long long to_fixed(float value, int point) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int exponent = int(bits >> 23 & 255u), shift = (exponent > 0 ? exponent : 1) - 150 + point;
    const unsigned long long whole = (bits & 0x7fffffu) | (exponent > 0 ? 0x800000u : 0u);
    const unsigned long long magnitude = shift >= 0 ? whole << shift : (shift > -24 ? whole >> -shift : 0ull);
    return bits >> 31 ? 0ull - magnitude : magnitude;
}

struct Table {
    uint32_t *low, *high;
    __device__ __forceinline__ void add(int at, unsigned long long value) const {
        const uint32_t part = uint32_t(value), old = atomicAdd(&low[at], part);
        const uint32_t rest = uint32_t(value >> 32) + (uint32_t(old + part) < part ? 1u : 0u);
        if (rest) atomicAdd(&high[at], rest);
    }
};
struct Sums {
    unsigned long long* at0;
    __device__ __forceinline__ void add(int at, unsigned long long value) const { atomicAdd(&at0[at], value); }
};

/* Adds the chunk's gradients of one feature; scale, stride: its level's. */
template <class To>
__device__ __forceinline__ void scatter_chunk(const To& to, const PoseArrays& pose, const float* v_feat, int feature, int chunk,
                                              float scale, int stride, int point) {
    const int plane = feature / PGS_PLANE_LEVELS, axis_a = plane_axis_a(plane), axis_b = plane_axis_b(plane);
    const int end = (chunk + 1) * CHUNK < pose.n ? (chunk + 1) * CHUNK : pose.n;
    for (int i = chunk * CHUNK + int(threadIdx.x); i < end; i += SCATTER_THREADS) {
        const float g = v_feat[(size_t(i / DEFORM_TILE) * PGS_SPATIAL_FEAT_DIM + feature) * DEFORM_TILE + i % DEFORM_TILE];
        if (g == 0.0f) continue; /* among them all splats outside the bound */
        const PlaneTap<float> tap = plane_tap(scale, stride, pose.means[size_t(i) * 3 + axis_a], pose.means[size_t(i) * 3 + axis_b]);
        const float upper = g * tap.fy, lower = g - upper, lower_right = lower * tap.fx, upper_right = upper * tap.fx;
        to.add(tap.index + 1, to_fixed(lower_right, point));
        to.add(tap.index, to_fixed(lower - lower_right, point));
        to.add(tap.index + stride + 1, to_fixed(upper_right, point));
        to.add(tap.index + stride, to_fixed(upper - upper_right, point));
    }
}

template <int TEXELS>
__global__ void __launch_bounds__(SCATTER_THREADS) scatter_planes(PlaneLayout layout, PoseArrays pose, DeformArrays arrays,
                                                                  const ViewCounters* counters) {
    __shared__ uint32_t low[TEXELS], high[TEXELS];
    if (counters && counters->overflow) return;
    const uint32_t largest = arrays.totals->largest;
    if (largest == 0 || largest >= INFINITE) return;
    const int feature = int(blockIdx.x) % LEVELS, chunk = int(blockIdx.x) / LEVELS;
    const PlaneLevel& level = layout.levels[feature % PGS_PLANE_LEVELS];
    const int stride = level.stride, texels = stride * stride, point = fixed_point(largest, pose.n);
    const float scale = float(level.scale);
    unsigned long long* const sums = arrays.plane_sums + size_t(feature / PGS_PLANE_LEVELS) * layout.plane_texels + level.offset;
    if (texels > TEXELS) {
        scatter_chunk(Sums{sums}, pose, arrays.v_feat, feature, chunk, scale, stride, point);
        return;
    }
    for (int t = int(threadIdx.x); t < texels; t += SCATTER_THREADS) low[t] = high[t] = 0;
    __syncthreads();
    scatter_chunk(Table{low, high}, pose, arrays.v_feat, feature, chunk, scale, stride, point);
    __syncthreads();
    for (int t = int(threadIdx.x); t < texels; t += SCATTER_THREADS) {
        const unsigned long long sum = (unsigned long long)(high[t]) << 32 | low[t];
        if (sum) atomicAdd(&sums[t], sum);
    }
}

__global__ void __launch_bounds__(SPLAT_BLOCK) close_planes(int texels, int n, DeformArrays arrays, const ViewCounters* counters,
                                                            float* v_planes) {
    if (counters && counters->overflow) return;
    const int t = int(blockIdx.x * SPLAT_BLOCK + threadIdx.x);
    if (t >= texels) return;
    const uint32_t largest = arrays.totals->largest;
    if (largest >= INFINITE) {
        v_planes[t] = NAN;
        return;
    }
    const unsigned long long sum = arrays.plane_sums[t];
    const uint64_t unit = uint64_t(1023 - fixed_point(largest, n)) << 52; /* 2^-point as the bits of a double */
    double factor;
    memcpy(&factor, &unit, sizeof factor);
    v_planes[t] = float(double((long long)sum) * factor);
    if (sum) arrays.plane_sums[t] = 0;
}

}  // namespace

void launch_planes_backward(cudaStream_t stream, const PlaneLayout& layout, const PoseArrays& pose, const DeformArrays& arrays,
                            const ViewCounters* counters, float* v_planes) {
    const PlaneLevel& last = layout.levels[PGS_PLANE_LEVELS - 1]; /* levels grow */
    const unsigned blocks = LEVELS * blocks_for(size_t(pose.n), CHUNK);
    if (blocks > 0) {
        if (last.stride * last.stride <= SMALL_TABLE)
            PGS_LAUNCH(scatter_planes<SMALL_TABLE>, blocks, SCATTER_THREADS, stream, layout, pose, arrays, counters);
        else
            PGS_LAUNCH(scatter_planes<LARGE_TABLE>, blocks, SCATTER_THREADS, stream, layout, pose, arrays, counters);
    }
    const int texels = 3 * layout.plane_texels;
    PGS_LAUNCH(close_planes, blocks_for(size_t(texels), SPLAT_BLOCK), SPLAT_BLOCK, stream, texels, pose.n, arrays, counters, v_planes);
}

}  // namespace pgs
