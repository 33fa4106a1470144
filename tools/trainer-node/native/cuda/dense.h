/*
 * Dense layers over a tile of 64 splats by a block of 128 threads, in float32 registers: the product, its adjoint, the gradient of
 * the weights.
 *
 * Activations lie in shared memory as [channel][TILE_PITCH], splats along the row. A thread holds 8 splats (two quads, 32 apart) of
 * some channels; the lanes of a warp hold all 64 splats of four groups of channels, so a load of activations is 8 quads side by
 * side, and a load of weights is 4. A row is 4 words longer than 64 and a staged weight row 4 longer than a multiple of 32: quads of
 * 8 rows one below another then fall into different banks.
 */
#pragma once
#include "deform.h"

namespace pgs {

constexpr int TILE_PITCH = DEFORM_TILE + 4, OWN_SPLATS = 8, GROUPS = 16;
/* Words between rows of staged weights. */
PGS_HD constexpr int staged_pitch(int in) { return (in + 27) / 32 * 32 + 4; }
static_assert(staged_pitch(64) == 68 && staged_pitch(36) == 36 && staged_pitch(32) == 36, "four more than a multiple of 32");

struct alignas(8) Pair {
    float x, y;
};

/* The thread's part of a product. */
struct TileLane {
    int thread, lane, warp;
    int splat; /* its splats: splat .. splat + 3 and splat + 32 .. splat + 35 */
    int group; /* of channels, 0 .. 15 */
};
__device__ __forceinline__ TileLane tile_lane() {
    const int thread = int(threadIdx.x), lane = thread % WARP_SIZE, warp = thread / WARP_SIZE;
    return {thread, lane, warp, lane % 8 * 4, warp * 4 + lane / 8};
}

__device__ __forceinline__ Quad load_quad(const float* at) { return *reinterpret_cast<const Quad*>(at); }
__device__ __forceinline__ void store_quad(float* at, const Quad& value) { *reinterpret_cast<Quad*>(at) = value; }
__device__ __forceinline__ void load_own(const float* row, int splat, float own[OWN_SPLATS]) {
    const Quad a = load_quad(row + splat), b = load_quad(row + splat + 32);
    own[0] = a.x, own[1] = a.y, own[2] = a.z, own[3] = a.w;
    own[4] = b.x, own[5] = b.y, own[6] = b.z, own[7] = b.w;
}
__device__ __forceinline__ void store_own(float* row, int splat, const float own[OWN_SPLATS]) {
    store_quad(row + splat, {own[0], own[1], own[2], own[3]});
    store_quad(row + splat + 32, {own[4], own[5], own[6], own[7]});
}

/* Columns [column, column + IN) of a weight [OUT, ld] into shared memory. */
template <int OUT, int IN> __device__ __forceinline__ void stage_weights(float* staged, const float* weight, int ld, int column) {
    for (int e = int(threadIdx.x); e < OUT * IN / 4; e += DEFORM_THREADS) {
        const int o = e / (IN / 4), i = e % (IN / 4) * 4;
        store_quad(staged + o * staged_pitch(IN) + i, load_quad(weight + o * ld + column + i));
    }
}
/* Rows kept of a tile into shared memory. */
template <int ROWS> __device__ __forceinline__ void load_rows(float* rows, const float* kept) {
    for (int e = int(threadIdx.x); e < ROWS * DEFORM_TILE / 4; e += DEFORM_THREADS) {
        const int row = e / (DEFORM_TILE / 4), m = e % (DEFORM_TILE / 4) * 4;
        store_quad(rows + row * TILE_PITCH + m, load_quad(kept + row * DEFORM_TILE + m));
    }
}

/* sums[j] += W[o_j] x for the rows o_j = group + 16 j of staged weights; w points at the thread's first. */
template <int IN, int J>
__device__ __forceinline__ void add_product(const float* w, const float* x, int splat, float (&sums)[J][OWN_SPLATS]) {
#pragma unroll 2
    for (int k = 0; k < IN; k += 4) {
        Quad row[J];
#pragma unroll
        for (int j = 0; j < J; j++) row[j] = load_quad(w + j * GROUPS * staged_pitch(IN) + k);
#pragma unroll
        for (int q = 0; q < 4; q++) {
            float own[OWN_SPLATS];
            load_own(x + (k + q) * TILE_PITCH, splat, own);
#pragma unroll
            for (int j = 0; j < J; j++) {
                const float weight = q == 0 ? row[j].x : q == 1 ? row[j].y : q == 2 ? row[j].z : row[j].w;
#pragma unroll
                for (int s = 0; s < OWN_SPLATS; s++) sums[j][s] += weight * own[s];
            }
        }
    }
}

/* sums[c] += (W^T v)[C group + c]; w [OUT, ld] in global memory points at the thread's first column. Warps read it alike, so it
 * stays in the first-level cache. */
template <int OUT, int C>
__device__ __forceinline__ void add_adjoint(const float* w, int ld, const float* v, int splat, float (&sums)[C][OWN_SPLATS]) {
#pragma unroll 2 /* four, and the backward kernels spill */
    for (int o = 0; o < OUT; o++) {
        float weight[C], own[OWN_SPLATS];
        if constexpr (C == 4) {
            const Quad quad = load_quad(w + o * ld);
            weight[0] = quad.x, weight[1] = quad.y, weight[2] = quad.z, weight[3] = quad.w;
        } else if constexpr (C == 2) {
            const Pair pair = *reinterpret_cast<const Pair*>(w + o * ld);
            weight[0] = pair.x, weight[1] = pair.y;
        } else {
#pragma unroll
            for (int c = 0; c < C; c++) weight[c] = w[o * ld + c];
        }
        load_own(v + o * TILE_PITCH, splat, own);
#pragma unroll
        for (int c = 0; c < C; c++)
#pragma unroll
            for (int s = 0; s < OWN_SPLATS; s++) sums[c][s] += weight[c] * own[s];
    }
}

/* A block's slot: the first tile sets it, the others add. Each value belongs to one thread. */
__device__ __forceinline__ void put(float* slot, float value, bool first) { *slot = first ? value : *slot + value; }

/* The gradient of a weight [OUT, IN] over the tile's splats, v x^T, times factor[i] where there is one. Rows o = lane % 8 + 8 a,
 * columns i = 4 warp + lane / 8 + 16 b; see outer_target for where a value lies in the slot. */
template <int OUT, int IN>
__device__ __forceinline__ void put_outer(const float* v, const float* x, const float* factor, const TileLane& at, float* slot,
                                          bool first) {
    constexpr int ROWS = (OUT + 7) / 8, COLUMNS = (IN + 15) / 16;
    float sums[ROWS][COLUMNS] = {};
    const int o = at.lane % 8, i = at.group;
    const auto has_column = [i](int b) { return IN % 16 == 0 || i + 16 * b < IN; }; /* alike in all lanes of a warp */
    const auto has_row = [o](int a) { return OUT % 8 == 0 || o + 8 * a < OUT; };
#pragma unroll 1
    for (int m = 0; m < DEFORM_TILE; m += 4) {
        Quad in[COLUMNS];
#pragma unroll
        for (int b = 0; b < COLUMNS; b++)
            if (has_column(b)) in[b] = load_quad(x + (i + 16 * b) * TILE_PITCH + m);
#pragma unroll
        for (int a = 0; a < ROWS; a++) {
            const int row = has_row(a) ? o + 8 * a : OUT - 1; /* beyond the last: never stored */
            const Quad out = load_quad(v + row * TILE_PITCH + m);
#pragma unroll
            for (int b = 0; b < COLUMNS; b++)
                if (has_column(b)) sums[a][b] += out.x * in[b].x + out.y * in[b].y + out.z * in[b].z + out.w * in[b].w;
        }
    }
#pragma unroll
    for (int b = 0; b < COLUMNS; b++) {
        if (!has_column(b)) continue;
        const float scale = factor ? factor[i + 16 * b] : 1.0f;
#pragma unroll
        for (int a = 0; a < ROWS; a++)
            if (has_row(a)) put(slot + (a * COLUMNS + b) * DEFORM_THREADS + at.thread, sums[a][b] * scale, first);
    }
}
/* The element of a gradient `to` [OUT, ld] that value e of the slot is; null where no thread holds one. */
template <int OUT, int IN> __device__ __forceinline__ float* outer_target(int e, float* to, int ld) {
    constexpr int COLUMNS = (IN + 15) / 16;
    const int thread = e % DEFORM_THREADS, nth = e / DEFORM_THREADS, lane = thread % WARP_SIZE;
    const int o = lane % 8 + 8 * (nth / COLUMNS), i = thread / WARP_SIZE * 4 + lane / 8 + 16 * (nth % COLUMNS);
    return o < OUT && i < IN ? to + o * ld + i : nullptr;
}

/* Sum over the tile's splats of a channel that eight neighbouring lanes hold; every one of them gets it. Whole warps call it. */
__device__ __forceinline__ float tile_sum(const float own[OWN_SPLATS]) {
    float sum = ((own[0] + own[1]) + (own[2] + own[3])) + ((own[4] + own[5]) + (own[6] + own[7]));
    for (int by = 1; by < 8; by *= 2) sum += __shfl_xor_sync(FULL_WARP, sum, by);
    return sum;
}

/* Bias of a layer of few channels: sums of its rows, a warp a row. */
template <int Y> __device__ __forceinline__ void put_row_sums(const float* v_y, const TileLane& at, float* slot, bool first) {
    for (int k = at.warp; k < Y; k += DEFORM_THREADS / WARP_SIZE) {
        float sum = v_y[k * TILE_PITCH + at.lane] + v_y[k * TILE_PITCH + at.lane + WARP_SIZE];
        for (int by = WARP_SIZE / 2; by > 0; by /= 2) sum += __shfl_xor_sync(FULL_WARP, sum, by);
        if (at.lane == 0) put(slot + k, sum, first);
    }
}
/* The same for channels C group + c in registers. */
template <int C>
__device__ __forceinline__ void put_sums(const float (&v)[C][OWN_SPLATS], const TileLane& at, float* slot, bool first) {
#pragma unroll
    for (int c = 0; c < C; c++) {
        const float sum = tile_sum(v[c]);
        if (at.lane % 8 == 0) put(slot + C * at.group + c, sum, first);
    }
}
/* Zero where the unit h was off. */
template <int C> __device__ __forceinline__ void relu_vjp(const float* h, const TileLane& at, float (&v)[C][OWN_SPLATS]) {
#pragma unroll
    for (int c = 0; c < C; c++) {
        float own[OWN_SPLATS];
        load_own(h + (C * at.group + c) * TILE_PITCH, at.splat, own);
#pragma unroll
        for (int s = 0; s < OWN_SPLATS; s++) v[c][s] = own[s] > 0.0f ? v[c][s] : 0.0f;
    }
}
template <int C> __device__ __forceinline__ void store_columns(const float (&v)[C][OWN_SPLATS], const TileLane& at, float* rows) {
#pragma unroll
    for (int c = 0; c < C; c++) store_own(rows + (C * at.group + c) * TILE_PITCH, at.splat, v[c]);
}

/* The levels' numbers in float32, in shared memory: a conversion for each tap would cost more than the tap. */
struct LevelTable {
    float scale[PGS_PLANE_LEVELS], slope[PGS_PLANE_LEVELS];
    int stride[PGS_PLANE_LEVELS], offset[PGS_PLANE_LEVELS];
};
/* A barrier must follow. */
__device__ __forceinline__ void stage_levels(LevelTable& table, const PlaneLayout& layout) {
    const int l = int(threadIdx.x);
    if (l >= PGS_PLANE_LEVELS) return;
    table.scale[l] = float(layout.levels[l].scale);
    table.slope[l] = float(plane_slope(layout.levels[l]));
    table.stride[l] = layout.levels[l].stride;
    table.offset[l] = layout.levels[l].offset;
}

/* Half of a splat's features for each thread: its splat of the tile, and the first of its features. */
constexpr int HALF_FEATURES = PGS_SPATIAL_FEAT_DIM / 2;
static_assert(DEFORM_THREADS == 2 * DEFORM_TILE, "two threads a splat");

/* The mean of splat i; false outside the bound, and beyond the last. */
__device__ __forceinline__ bool load_moving(const PoseArrays& pose, int i, float mean[3]) {
    if (i >= pose.n) return false;
    for (int c = 0; c < 3; c++) mean[c] = pose.means[size_t(i) * 3 + c];
    return inside_bound(mean);
}

}  // namespace pgs
