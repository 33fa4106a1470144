/*
 * The deformation forward (Eqs. 6-9): every splat of a branch posed for project_forward.
 *
 *   copy_pose      one thread per value: posed = canonical, for the static stage.
 *   face_forward, mouth_forward  one block of 128 threads per tile of 64 splats, every so many-th tile: plane lookup (two threads a
 *                  splat), the layers as products of dense.h with all weights in shared memory, posed splats, sum of |delta|.
 * Reads canonical splats, planes, layers, the frame's vectors (deform_frame.cu). Writes posed splats, the rows kept for the backward
 * pass, totals.
 * Barriers: around every change of the rows in shared memory. Invariant: the block that arrives last at totals->arrived adds the
 * blocks' sums of |delta|, in the order of the blocks, so the result does not depend on who that is; splats are counted by
 * whole-number atomics.
 */
#include "dense.h"

namespace pgs {
namespace {

constexpr int FEAT = PGS_SPATIAL_FEAT_DIM, P = PGS_PROJ_DIM, E_DIM = PGS_PROJ_EXPR_DIM, A = PGS_AUDIO_FEAT_DIM;
constexpr int FACE_H = PGS_FACE_HIDDEN_DIM, FACE_Y = PGS_FACE_DELTA_DIM, MOUTH_H = PGS_MOUTH_HIDDEN_DIM, MOUTH_Y = PGS_MOUTH_DELTA_DIM;
constexpr int FACE_UNIFORM = A + P + E_DIM; /* columns of the face's first layer before f_s */
constexpr int WARPS = DEFORM_THREADS / WARP_SIZE;

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__global__ void __launch_bounds__(SPLAT_BLOCK) copy_pose(PoseArrays pose) {
    const size_t e = size_t(blockIdx.x) * SPLAT_BLOCK + threadIdx.x, n = size_t(pose.n);
    if (e < n * 4) pose.posed_quats[e] = pose.quats[e];
    if (e >= n * 3) return;
    pose.posed_means[e] = pose.means[e];
    pose.posed_log_scales[e] = pose.log_scales[e];
}

/* Features of the tile's splats into rows 0 .. 35 of x, and kept; moving[m] where splat m is inside the bound. */
__device__ __forceinline__ uint32_t encode_tile(const PoseArrays& pose, const float* planes, const PlaneLayout& layout,
                                                const LevelTable& levels, int tile, float* x, float* kept, uint32_t* moving) {
    const int m = int(threadIdx.x) % DEFORM_TILE, half = int(threadIdx.x) / DEFORM_TILE;
    float mean[3] = {0.0f, 0.0f, 0.0f};
    const bool moves = load_moving(pose, tile * DEFORM_TILE + m, mean);
    if (half == 0) moving[m] = moves;
#pragma unroll 6
    for (int k = 0; k < HALF_FEATURES; k++) {
        const int f = half * HALF_FEATURES + k, plane = f / PGS_PLANE_LEVELS, l = f % PGS_PLANE_LEVELS;
        float value = 0.0f;
        if (moves) {
            const float a = plane == 1 ? mean[1] : mean[0], b = plane == 0 ? mean[1] : mean[2]; /* plane_axis_a, plane_axis_b */
            const PlaneTap<float> tap = plane_tap(levels.scale[l], levels.stride[l], a, b);
            value = tap_value(planes + size_t(plane) * layout.plane_texels + levels.offset[l] + tap.index, levels.stride[l], tap);
        }
        x[f * TILE_PITCH + m] = value;
        kept[f * DEFORM_TILE + m] = value;
    }
    return half == 0 && moves ? 1u : 0u;
}

/* A layer's outputs of the thread, channels group + 16 j: sums start at the bias. */
template <int J> __device__ __forceinline__ void start_at(const float* bias, int group, float (&sums)[J][OWN_SPLATS]) {
#pragma unroll
    for (int j = 0; j < J; j++)
#pragma unroll
        for (int s = 0; s < OWN_SPLATS; s++) sums[j][s] = bias[group + j * GROUPS];
}
template <int J> __device__ __forceinline__ void relu(float (&sums)[J][OWN_SPLATS]) {
#pragma unroll
    for (int j = 0; j < J; j++)
#pragma unroll
        for (int s = 0; s < OWN_SPLATS; s++) sums[j][s] = sums[j][s] > 0.0f ? sums[j][s] : 0.0f;
}
/* They into rows of the tile in shared memory and into those kept. */
template <int J> __device__ __forceinline__ void store_rows(const float (&sums)[J][OWN_SPLATS], const TileLane& at, float* x, float* kept) {
#pragma unroll
    for (int j = 0; j < J; j++) {
        store_own(x + (at.group + j * GROUPS) * TILE_PITCH, at.splat, sums[j]);
        store_own(kept + (at.group + j * GROUPS) * DEFORM_TILE, at.splat, sums[j]);
    }
}
/* The output layer, linear, Y <= 16 channels. All threads call it; it holds the barrier before it overwrites x. */
template <int Y, int IN>
__device__ __forceinline__ void output_layer(const float* w, const float* bias, const float* in, const TileLane& at, float* x,
                                             float* kept) {
    const int o = at.group < Y ? at.group : Y - 1;
    float y[1][OWN_SPLATS];
    start_at(bias, o, y);
    add_product<IN>(w + o * staged_pitch(IN), in, at.splat, y);
    __syncthreads();
    if (at.group < Y) store_rows(y, at, x, kept);
}

/* One tensor [n, WIDTH] of a tile posed: canonical + delta where splats move. y: its rows, null where it has no delta. Returns the
 * thread's part of the sum of |delta|. */
template <int WIDTH>
__device__ __forceinline__ double pose_tensor(const float* canonical, float* posed, int first, int count, const float* y, float scale,
                                              const uint32_t* moving) {
    double sum = 0.0;
    for (int e = int(threadIdx.x); e < count * WIDTH; e += DEFORM_THREADS) {
        const int m = e / WIDTH;
        float value = canonical[size_t(first) * WIDTH + e];
        if (y && moving[m]) {
            const float delta = y[e % WIDTH * TILE_PITCH + m] * scale;
            value += delta;
            sum += double(fabsf(delta));
        }
        posed[size_t(first) * WIDTH + e] = value;
    }
    return sum;
}
/* y: rows of the output layer, DELTA of them. Returns the thread's part of the regulariser before it is divided by the splats. */
template <int DELTA>
__device__ __forceinline__ double pose_tile(const PoseArrays& pose, int tile, const float* y, const uint32_t* moving) {
    const int first = tile * DEFORM_TILE, count = pose.n - first < DEFORM_TILE ? pose.n - first : DEFORM_TILE;
    const bool all = DELTA > 3;
    double sum = pose_tensor<3>(pose.means, pose.posed_means, first, count, y, float(PGS_MEAN_DELTA_SCALE), moving) / 3;
    sum += pose_tensor<3>(pose.log_scales, pose.posed_log_scales, first, count, all ? y + 3 * TILE_PITCH : nullptr, 1.0f, moving) / 3;
    return sum + pose_tensor<4>(pose.quats, pose.posed_quats, first, count, all ? y + 6 * TILE_PITCH : nullptr, 1.0f, moving) / 4;
}

struct BlockSums {
    double deltas[WARPS];
    uint32_t moving[WARPS], last;
};

__device__ __forceinline__ double warp_sum(double value) {
    for (int by = WARP_SIZE / 2; by > 0; by /= 2) value += __shfl_xor_sync(FULL_WARP, value, by);
    return value;
}

/* Adds the block to the totals; the last block closes them. All threads call it once. */
__device__ __forceinline__ void close_totals(double delta, uint32_t moved, BlockSums& sums, const DeformArrays& arrays) {
    const int thread = int(threadIdx.x), lane = thread % WARP_SIZE, warp = thread / WARP_SIZE, blocks = int(gridDim.x);
    DeformTotals* const totals = arrays.totals;
    delta = warp_sum(delta);
    for (int by = WARP_SIZE / 2; by > 0; by /= 2) moved += __shfl_xor_sync(FULL_WARP, moved, by);
    if (lane == 0) {
        sums.deltas[warp] = delta;
        sums.moving[warp] = moved;
    }
    __syncthreads();
    if (thread == 0) {
        double block = 0.0;
        uint32_t count = 0;
        for (int w = 0; w < WARPS; w++) {
            block += sums.deltas[w];
            count += sums.moving[w];
        }
        arrays.block_sums[blockIdx.x] = block;
        atomicAdd(&totals->moving, count);
        __threadfence(); /* what was added must be there before the arrival is */
        sums.last = atomicAdd(&totals->arrived, 1u) + 1u == uint32_t(blocks);
    }
    __syncthreads();
    if (!sums.last) return;
    /* Volatile: other multiprocessors wrote them, so the first-level cache must not answer. */
    const volatile double* const all = arrays.block_sums;
    double sum = 0.0;
    for (int b = thread; b < blocks; b += DEFORM_THREADS) sum += all[b];
    sum = warp_sum(sum);
    if (lane == 0) sums.deltas[warp] = sum;
    __syncthreads();
    if (thread != 0) return;
    const uint32_t count = *const_cast<const volatile uint32_t*>(&totals->moving);
    sum = 0.0;
    for (int w = 0; w < WARPS; w++) sum += sums.deltas[w];
    totals->regulariser = count > 0 ? sum / double(count) : 0.0;
}

struct alignas(16) FaceForward {
    float x[FACE_H * TILE_PITCH]; /* a layer's rows take the place of those that it read */
    float mlp0[FACE_H * staged_pitch(FEAT)], mlp1[FACE_H * staged_pitch(FACE_H)], mlp2[FACE_Y * staged_pitch(FACE_H)];
    float uniform[FACE_H], bias1[FACE_H], bias2[FACE_Y];
    LevelTable levels;
    uint32_t moving[DEFORM_TILE];
    BlockSums sums;
};
static_assert(sizeof(FaceForward) <= 48 << 10, "static shared memory");

__global__ void __launch_bounds__(DEFORM_THREADS, 4) face_forward(DeformWeights weights, PlaneLayout layout, PoseArrays pose,
                                                                  DeformArrays arrays) {
    __shared__ FaceForward s;
    const TileLane at = tile_lane();
    stage_levels(s.levels, layout);
    stage_weights<FACE_H, FEAT>(s.mlp0, weights.weight[MLP0], FACE_UNIFORM + FEAT, FACE_UNIFORM);
    stage_weights<FACE_H, FACE_H>(s.mlp1, weights.weight[MLP1], FACE_H, 0);
    stage_weights<FACE_Y, FACE_H>(s.mlp2, weights.weight[MLP2], FACE_H, 0);
    if (at.thread < FACE_H) {
        s.uniform[at.thread] = arrays.frame->uniform[at.thread];
        s.bias1[at.thread] = weights.bias[MLP1][at.thread];
    }
    if (at.thread < FACE_Y) s.bias2[at.thread] = weights.bias[MLP2][at.thread];
    double delta = 0.0;
    uint32_t moved = 0;
    const int tiles = deform_tiles(pose.n);
    for (int tile = int(blockIdx.x); tile < tiles; tile += int(gridDim.x)) {
        float* const kept = arrays.kept + size_t(tile) * FaceRows::COUNT * DEFORM_TILE;
        __syncthreads(); /* weights are staged; the tile before is posed */
        moved += encode_tile(pose, weights.planes, layout, s.levels, tile, s.x, kept + FaceRows::FEAT * DEFORM_TILE, s.moving);
        __syncthreads();
        float h[FACE_H / GROUPS][OWN_SPLATS];
        start_at(s.uniform, at.group, h);
        add_product<FEAT>(s.mlp0 + at.group * staged_pitch(FEAT), s.x, at.splat, h);
        relu(h);
        __syncthreads();
        store_rows(h, at, s.x, kept + FaceRows::H1 * DEFORM_TILE);
        __syncthreads();
        start_at(s.bias1, at.group, h);
        add_product<FACE_H>(s.mlp1 + at.group * staged_pitch(FACE_H), s.x, at.splat, h);
        relu(h);
        __syncthreads();
        store_rows(h, at, s.x, kept + FaceRows::H2 * DEFORM_TILE);
        __syncthreads();
        output_layer<FACE_Y, FACE_H>(s.mlp2, s.bias2, s.x, at, s.x, kept + FaceRows::Y * DEFORM_TILE);
        __syncthreads();
        delta += pose_tile<FACE_Y>(pose, tile, s.x, s.moving);
    }
    close_totals(delta, moved, s.sums, arrays);
}

struct alignas(16) MouthForward {
    float x[FEAT * TILE_PITCH], z[P * TILE_PITCH]; /* layers read one and write the other */
    float proj[P * staged_pitch(FEAT)], gate[P * staged_pitch(P)], spatial[MOUTH_H * staged_pitch(P)], gated[MOUTH_H * staged_pitch(P)];
    float mlp1[MOUTH_H * staged_pitch(MOUTH_H)], mlp2[MOUTH_Y * staged_pitch(MOUTH_H)];
    float bias_proj[P], audio_gate[P], proj_audio[P], uniform[MOUTH_H], bias1[MOUTH_H], bias2[MOUTH_Y];
    LevelTable levels;
    uint32_t moving[DEFORM_TILE];
    BlockSums sums;
};
static_assert(sizeof(MouthForward) <= 48 << 10, "static shared memory");
static_assert(P == MOUTH_H, "one thread stages one of each bias");

__global__ void __launch_bounds__(DEFORM_THREADS, 4) mouth_forward(DeformWeights weights, PlaneLayout layout, PoseArrays pose,
                                                                   DeformArrays arrays) {
    __shared__ MouthForward s;
    const TileLane at = tile_lane();
    constexpr int J = P / GROUPS;
    stage_levels(s.levels, layout);
    stage_weights<P, FEAT>(s.proj, weights.weight[PROJ_SPATIAL], FEAT, 0);
    stage_weights<P, P>(s.gate, weights.weight[GATE], 2 * P, 0);
    stage_weights<MOUTH_H, P>(s.spatial, weights.weight[MLP0], 2 * P, 0);
    stage_weights<MOUTH_H, P>(s.gated, weights.weight[MLP0], 2 * P, P);
    stage_weights<MOUTH_H, MOUTH_H>(s.mlp1, weights.weight[MLP1], MOUTH_H, 0);
    stage_weights<MOUTH_Y, MOUTH_H>(s.mlp2, weights.weight[MLP2], MOUTH_H, 0);
    if (at.thread < P) {
        s.bias_proj[at.thread] = weights.bias[PROJ_SPATIAL][at.thread];
        s.audio_gate[at.thread] = arrays.frame->audio_gate[at.thread];
        s.proj_audio[at.thread] = arrays.frame->proj_audio[at.thread];
        s.uniform[at.thread] = arrays.frame->uniform[at.thread];
        s.bias1[at.thread] = weights.bias[MLP1][at.thread];
    }
    if (at.thread < MOUTH_Y) s.bias2[at.thread] = weights.bias[MLP2][at.thread];
    double delta = 0.0;
    uint32_t moved = 0;
    const int tiles = deform_tiles(pose.n);
    for (int tile = int(blockIdx.x); tile < tiles; tile += int(gridDim.x)) {
        float* const kept = arrays.kept + size_t(tile) * MouthRows::COUNT * DEFORM_TILE;
        __syncthreads(); /* weights are staged; the tile before is posed */
        moved += encode_tile(pose, weights.planes, layout, s.levels, tile, s.x, kept + MouthRows::FEAT * DEFORM_TILE, s.moving);
        __syncthreads();
        float h[J][OWN_SPLATS], gate[J][OWN_SPLATS];
        start_at(s.bias_proj, at.group, h);
        add_product<FEAT>(s.proj + at.group * staged_pitch(FEAT), s.x, at.splat, h);
        store_rows(h, at, s.z, kept + MouthRows::PROJ * DEFORM_TILE);
        __syncthreads();
        start_at(s.audio_gate, at.group, gate);
        add_product<P>(s.gate + at.group * staged_pitch(P), s.z, at.splat, gate);
        start_at(s.uniform, at.group, h);
        add_product<P>(s.spatial + at.group * staged_pitch(P), s.z, at.splat, h);
#pragma unroll
        for (int j = 0; j < J; j++) {
            const int o = at.group + j * GROUPS;
#pragma unroll
            for (int k = 0; k < OWN_SPLATS; k++) gate[j][k] = sigmoid(gate[j][k]);
            store_own(kept + (MouthRows::GATE + o) * DEFORM_TILE, at.splat, gate[j]);
#pragma unroll
            for (int k = 0; k < OWN_SPLATS; k++) gate[j][k] *= s.proj_audio[o];
            store_own(s.x + o * TILE_PITCH, at.splat, gate[j]); /* the features were last read two barriers ago */
        }
        __syncthreads();
        add_product<P>(s.gated + at.group * staged_pitch(P), s.x, at.splat, h);
        relu(h);
        store_rows(h, at, s.z, kept + MouthRows::H1 * DEFORM_TILE);
        __syncthreads();
        start_at(s.bias1, at.group, h);
        add_product<MOUTH_H>(s.mlp1 + at.group * staged_pitch(MOUTH_H), s.z, at.splat, h);
        relu(h);
        store_rows(h, at, s.x, kept + MouthRows::H2 * DEFORM_TILE);
        __syncthreads();
        output_layer<MOUTH_Y, MOUTH_H>(s.mlp2, s.bias2, s.x, at, s.z, kept + MouthRows::Y * DEFORM_TILE);
        __syncthreads();
        delta += pose_tile<MOUTH_Y>(pose, tile, s.z, s.moving);
    }
    close_totals(delta, moved, s.sums, arrays);
}

}  // namespace

void launch_pose(cudaStream_t stream, const PoseArrays& pose) {
    if (pose.n > 0) PGS_LAUNCH(copy_pose, blocks_for(size_t(pose.n) * 4, SPLAT_BLOCK), SPLAT_BLOCK, stream, pose);
}

void launch_deform_forward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                           const DeformWeights& weights, const PlaneLayout& layout, const PoseArrays& pose, const DeformArrays& arrays) {
    const unsigned blocks = unsigned(deform_blocks(pose.n));
    launch_frame_forward(stream, branch, input, expressions, audio_feat, weights, arrays);
    if (blocks == 0) return;
    if (branch == FACE)
        PGS_LAUNCH(face_forward, blocks, DEFORM_THREADS, stream, weights, layout, pose, arrays);
    else
        PGS_LAUNCH(mouth_forward, blocks, DEFORM_THREADS, stream, weights, layout, pose, arrays);
}

}  // namespace pgs
