/*
 * The deformation backward: from gradients of the posed splats to those of every layer, of the audio feature, of the spatial
 * features (planes.cu takes them on) and of the means through the encoder.
 *
 *   face_backward, mouth_backward  one block of 128 threads per tile of 64 splats, every so many-th tile: the rows that the forward
 *                   pass kept come through shared memory layer by layer, weights through the first-level cache. A block adds its
 *                   tiles' gradients in its own slot.
 *   sum_partials    one block of 8 warps per 32 values of a slot: adds the slots, a warp an eighth of them.
 * Reads what the forward pass kept, weights, v_pose. Writes grads, v_feat, totals->largest; adds to v_means.
 * Barriers: around every change of the rows in shared memory. Invariant: a value of a slot belongs to one thread and slots are
 * added in order; totals->largest is a maximum: repeats are bit-identical.
 */
#include "dense.h"

namespace pgs {
namespace {

constexpr int FEAT = PGS_SPATIAL_FEAT_DIM, P = PGS_PROJ_DIM, E_DIM = PGS_PROJ_EXPR_DIM, A = PGS_AUDIO_FEAT_DIM;
constexpr int FACE_H = PGS_FACE_HIDDEN_DIM, FACE_Y = PGS_FACE_DELTA_DIM, MOUTH_H = PGS_MOUTH_HIDDEN_DIM, MOUTH_Y = PGS_MOUTH_DELTA_DIM;
constexpr int FACE_UNIFORM = A + P + E_DIM, FACE_IN = FACE_UNIFORM + FEAT;
/* Feature columns of a thread: 12 of the 16 groups take 3 of the 36, so one warp rests. */
constexpr int FEAT_COLUMNS = 3, FEAT_GROUPS = FEAT / FEAT_COLUMNS;

__device__ __forceinline__ bool overflowed(const ViewCounters* counters) { return counters && counters->overflow; }

/* Gradient of the output layer's rows into v_y [Y][TILE_PITCH]; zero where a splat does not move. weight: the regulariser's over
 * the splats that move. */
template <int Y>
__device__ __forceinline__ void load_v_y(const PoseArrays& pose, const PoseGrads& v_pose, int tile, const float* y, float weight,
                                         float* v_y) {
    const int m = int(threadIdx.x) % DEFORM_TILE, half = int(threadIdx.x) / DEFORM_TILE;
    const size_t i = size_t(tile) * DEFORM_TILE + m;
    float mean[3];
    const bool moves = load_moving(pose, int(i), mean);
#pragma unroll 1 /* or registers spill */
    for (int k = half; k < Y; k += 2) {
        float v = 0.0f;
        if (moves) {
            v = k < 3 ? v_pose.v_means[i * 3 + k] : k < 6 ? v_pose.v_log_scales[i * 3 + k - 3] : v_pose.v_quats[i * 4 + k - 6];
            const float value = y[k * DEFORM_TILE + m], slope = weight / (k < 6 ? 3.0f : 4.0f);
            v += value > 0.0f ? slope : (value < 0.0f ? -slope : 0.0f);
            if (k < 3) v *= float(PGS_MEAN_DELTA_SCALE);
        }
        v_y[k * TILE_PITCH + m] = v;
    }
}

/* v_feat of the tile from the gradient v [OUT][TILE_PITCH] of the first layer: into global memory, into rows of x (after the barrier
 * that it holds, as x may be read until then), and its largest magnitude into `largest`. All threads call it. */
template <int OUT>
__device__ __forceinline__ void feature_gradient(const float* w, int ld, const float* v, const TileLane& at, float* v_feat, float* x,
                                                 uint32_t& largest) {
    const bool works = at.group < FEAT_GROUPS; /* alike in all lanes of a warp */
    float g[FEAT_COLUMNS][OWN_SPLATS] = {};
    if (works) {
        add_adjoint<OUT, FEAT_COLUMNS>(w + FEAT_COLUMNS * at.group, ld, v, at.splat, g);
#pragma unroll
        for (int c = 0; c < FEAT_COLUMNS; c++) {
            store_own(v_feat + (FEAT_COLUMNS * at.group + c) * DEFORM_TILE, at.splat, g[c]);
#pragma unroll
            for (int s = 0; s < OWN_SPLATS; s++) {
                uint32_t bits;
                memcpy(&bits, &g[c][s], sizeof bits);
                bits &= 0x7fffffffu; /* magnitudes order as whole numbers do, NaN above all */
                largest = bits > largest ? bits : largest;
            }
        }
    }
    __syncthreads();
    if (works) store_columns(g, at, x);
    __syncthreads();
}

/* Adds the encoder's share to v_means. v_feat: rows in shared memory; half_sums [3][64] scratch. Rows are last read before the barrier
 * that it holds, so the next tile may overwrite them at once. */
__device__ __forceinline__ void add_mean_gradient(const PoseArrays& pose, const DeformWeights& weights, const PlaneLayout& layout,
                                                  const LevelTable& levels, int tile, const float* v_feat, float* half_sums,
                                                  float* v_means) {
    const int m = int(threadIdx.x) % DEFORM_TILE, half = int(threadIdx.x) / DEFORM_TILE, i = tile * DEFORM_TILE + m;
    float mean[3];
    const bool moves = load_moving(pose, i, mean);
    float v_x = 0.0f, v_y = 0.0f, v_z = 0.0f;
    if (moves) {
#pragma unroll 3
        for (int k = 0; k < HALF_FEATURES; k++) {
            const int f = half * HALF_FEATURES + k, plane = f / PGS_PLANE_LEVELS, l = f % PGS_PLANE_LEVELS, stride = levels.stride[l];
            const float a = plane == 1 ? mean[1] : mean[0], b = plane == 0 ? mean[1] : mean[2]; /* plane_axis_a, plane_axis_b */
            const PlaneTap<float> tap = plane_tap(levels.scale[l], stride, a, b);
            const float* t = weights.planes + size_t(plane) * layout.plane_texels + levels.offset[l] + tap.index;
            float v_a = 0.0f, v_b = 0.0f;
            add_tap_vjp(t, stride, tap, v_feat[f * TILE_PITCH + m] * levels.slope[l], v_a, v_b);
            v_x += plane == 1 ? 0.0f : v_a;
            v_y += plane == 0 ? v_b : (plane == 1 ? v_a : 0.0f);
            v_z += plane == 0 ? 0.0f : v_b;
        }
    }
    if (half == 1) {
        half_sums[m] = v_x;
        half_sums[DEFORM_TILE + m] = v_y;
        half_sums[2 * DEFORM_TILE + m] = v_z;
    }
    __syncthreads();
    if (half == 1 || !moves) return;
    float* const out = v_means + size_t(i) * 3;
    out[0] += v_x + half_sums[m];
    out[1] += v_y + half_sums[DEFORM_TILE + m];
    out[2] += v_z + half_sums[2 * DEFORM_TILE + m];
}

__device__ __forceinline__ void add_largest(uint32_t largest, DeformTotals* totals) {
    for (int by = WARP_SIZE / 2; by > 0; by /= 2) {
        const uint32_t other = __shfl_xor_sync(FULL_WARP, largest, by);
        largest = other > largest ? other : largest;
    }
    if (threadIdx.x % WARP_SIZE == 0 && largest > 0) atomicMax(&totals->largest, largest);
}

struct alignas(16) FaceBackward {
    float v[FACE_H * TILE_PITCH], x[FACE_H * TILE_PITCH], v_y[FACE_Y * TILE_PITCH];
    float half_sums[3 * DEFORM_TILE];
    LevelTable levels;
};
static_assert(sizeof(FaceBackward) <= 48 << 10, "static shared memory");

__global__ void __launch_bounds__(DEFORM_THREADS, 4) face_backward(const StepInput* input, DeformWeights weights, PlaneLayout layout,
                                                                   PoseArrays pose, PoseGrads v_pose, DeformArrays arrays,
                                                                   const ViewCounters* counters) {
    __shared__ FaceBackward s;
    if (overflowed(counters)) return;
    const TileLane at = tile_lane();
    constexpr int C = FACE_H / GROUPS;
    float* const slot = arrays.partial + size_t(blockIdx.x) * FaceSlot::COUNT;
    const float weight = input->weight_delta / float(arrays.totals->moving); /* without moving splats nobody reads it */
    stage_levels(s.levels, layout);
    uint32_t largest = 0;
    const int tiles = deform_tiles(pose.n);
    for (int tile = int(blockIdx.x); tile < tiles; tile += int(gridDim.x)) {
        const bool first = tile == int(blockIdx.x);
        const float* const kept = arrays.kept + size_t(tile) * FaceRows::COUNT * DEFORM_TILE;
        float v[C][OWN_SPLATS] = {};
        load_v_y<FACE_Y>(pose, v_pose, tile, kept + FaceRows::Y * DEFORM_TILE, weight, s.v_y);
        load_rows<FACE_H>(s.x, kept + FaceRows::H2 * DEFORM_TILE);
        __syncthreads();
        put_outer<FACE_Y, FACE_H>(s.v_y, s.x, nullptr, at, slot + FaceSlot::MLP2_W, first);
        put_row_sums<FACE_Y>(s.v_y, at, slot + FaceSlot::MLP2_B, first);
        add_adjoint<FACE_Y, C>(weights.weight[MLP2] + C * at.group, FACE_H, s.v_y, at.splat, v);
        relu_vjp(s.x, at, v);
        put_sums(v, at, slot + FaceSlot::MLP1_B, first);
        store_columns(v, at, s.v);
        __syncthreads();
        load_rows<FACE_H>(s.x, kept + FaceRows::H1 * DEFORM_TILE);
        __syncthreads();
        put_outer<FACE_H, FACE_H>(s.v, s.x, nullptr, at, slot + FaceSlot::MLP1_W, first);
        float u[C][OWN_SPLATS] = {};
        add_adjoint<FACE_H, C>(weights.weight[MLP1] + C * at.group, FACE_H, s.v, at.splat, u);
        relu_vjp(s.x, at, u);
        put_sums(u, at, slot + FaceSlot::MLP0_B, first);
        __syncthreads();
        store_columns(u, at, s.v);
        load_rows<FEAT>(s.x, kept + FaceRows::FEAT * DEFORM_TILE);
        __syncthreads();
        put_outer<FACE_H, FEAT>(s.v, s.x, nullptr, at, slot + FaceSlot::MLP0_W, first);
        feature_gradient<FACE_H>(weights.weight[MLP0] + FACE_UNIFORM, FACE_IN, s.v, at,
                                 arrays.v_feat + size_t(tile) * FEAT * DEFORM_TILE, s.x, largest);
        add_mean_gradient(pose, weights, layout, s.levels, tile, s.x, s.half_sums, v_pose.v_means);
    }
    add_largest(largest, arrays.totals);
}

struct alignas(16) MouthBackward {
    float v[MOUTH_H * TILE_PITCH], gate[P * TILE_PITCH], x[FEAT * TILE_PITCH], v_y[MOUTH_Y * TILE_PITCH];
    float half_sums[3 * DEFORM_TILE];
    float proj_audio[P];
    LevelTable levels;
};

__global__ void __launch_bounds__(DEFORM_THREADS, 4) mouth_backward(const StepInput* input, DeformWeights weights, PlaneLayout layout,
                                                                    PoseArrays pose, PoseGrads v_pose, DeformArrays arrays,
                                                                    const ViewCounters* counters) {
    __shared__ MouthBackward s;
    if (overflowed(counters)) return;
    const TileLane at = tile_lane();
    constexpr int H = MOUTH_H, C = H / GROUPS, ROW = DEFORM_TILE;
    const int column = C * at.group;
    float* const slot = arrays.partial + size_t(blockIdx.x) * MouthSlot::COUNT;
    const float weight = input->weight_delta / float(arrays.totals->moving); /* without moving splats nobody reads it */
    stage_levels(s.levels, layout);
    if (at.thread < P) s.proj_audio[at.thread] = arrays.frame->proj_audio[at.thread];
    uint32_t largest = 0;
    const int tiles = deform_tiles(pose.n);
    for (int tile = int(blockIdx.x); tile < tiles; tile += int(gridDim.x)) {
        const bool first = tile == int(blockIdx.x);
        const float* const kept = arrays.kept + size_t(tile) * MouthRows::COUNT * ROW;
        float v_h2[C][OWN_SPLATS] = {}, v_h1[C][OWN_SPLATS] = {}, v_gate[C][OWN_SPLATS] = {}, v_proj[C][OWN_SPLATS] = {};
        load_v_y<MOUTH_Y>(pose, v_pose, tile, kept + MouthRows::Y * ROW, weight, s.v_y);
        load_rows<H>(s.x, kept + MouthRows::H2 * ROW);
        __syncthreads();
        put_outer<MOUTH_Y, H>(s.v_y, s.x, nullptr, at, slot + MouthSlot::MLP2_W, first);
        put_row_sums<MOUTH_Y>(s.v_y, at, slot + MouthSlot::MLP2_B, first);
        add_adjoint<MOUTH_Y, C>(weights.weight[MLP2] + column, H, s.v_y, at.splat, v_h2);
        relu_vjp(s.x, at, v_h2);
        put_sums(v_h2, at, slot + MouthSlot::MLP1_B, first);
        store_columns(v_h2, at, s.v);
        __syncthreads();
        load_rows<H>(s.x, kept + MouthRows::H1 * ROW);
        __syncthreads();
        put_outer<H, H>(s.v, s.x, nullptr, at, slot + MouthSlot::MLP1_W, first);
        add_adjoint<H, C>(weights.weight[MLP1] + column, H, s.v, at.splat, v_h1);
        relu_vjp(s.x, at, v_h1);
        put_sums(v_h1, at, slot + MouthSlot::MLP0_B, first);
        __syncthreads();
        store_columns(v_h1, at, s.v);
        load_rows<P>(s.x, kept + MouthRows::PROJ * ROW);
        load_rows<P>(s.gate, kept + MouthRows::GATE * ROW);
        __syncthreads();
        put_outer<H, P>(s.v, s.x, nullptr, at, slot + MouthSlot::SPATIAL_W, first);
        put_outer<H, P>(s.v, s.gate, s.proj_audio, at, slot + MouthSlot::GATED_W, first); /* gated = gate * f'_a */
        add_adjoint<H, C>(weights.weight[MLP0] + column, 2 * P, s.v, at.splat, v_proj);
        add_adjoint<H, C>(weights.weight[MLP0] + P + column, 2 * P, s.v, at.splat, v_gate); /* of gated, first */
#pragma unroll
        for (int c = 0; c < C; c++) {
            float gate[OWN_SPLATS], audio[OWN_SPLATS];
            load_own(s.gate + (column + c) * TILE_PITCH, at.splat, gate);
#pragma unroll
            for (int k = 0; k < OWN_SPLATS; k++) {
                audio[k] = v_gate[c][k] * gate[k];
                v_gate[c][k] = audio[k] * s.proj_audio[column + c] * (1.0f - gate[k]);
            }
            const float sum = tile_sum(audio);
            if (at.lane % 8 == 0) put(slot + MouthSlot::AUDIO + column + c, sum, first);
        }
        put_sums(v_gate, at, slot + MouthSlot::GATE_B, first);
        __syncthreads();
        store_columns(v_gate, at, s.v);
        __syncthreads();
        put_outer<P, P>(s.v, s.x, nullptr, at, slot + MouthSlot::GATE_W, first);
        add_adjoint<P, C>(weights.weight[GATE] + column, 2 * P, s.v, at.splat, v_proj);
        put_sums(v_proj, at, slot + MouthSlot::PROJ_B, first);
        __syncthreads();
        store_columns(v_proj, at, s.v);
        load_rows<FEAT>(s.x, kept + MouthRows::FEAT * ROW);
        __syncthreads();
        put_outer<P, FEAT>(s.v, s.x, nullptr, at, slot + MouthSlot::PROJ_W, first);
        feature_gradient<P>(weights.weight[PROJ_SPATIAL], FEAT, s.v, at, arrays.v_feat + size_t(tile) * FEAT * ROW, s.x, largest);
        add_mean_gradient(pose, weights, layout, s.levels, tile, s.x, s.half_sums, v_pose.v_means);
    }
    add_largest(largest, arrays.totals);
}

/* Where value e of a slot goes; null for the padding. */
template <int BRANCH> __device__ float* slot_target(int e, const DeformGrads& g, DeformFrame* frame) {
    if constexpr (BRANCH == FACE) {
        typedef FaceSlot S;
        if (e < S::MLP1_W) return outer_target<FACE_Y, FACE_H>(e - S::MLP2_W, g.weight[MLP2], FACE_H);
        if (e < S::MLP0_W) return outer_target<FACE_H, FACE_H>(e - S::MLP1_W, g.weight[MLP1], FACE_H);
        if (e < S::MLP2_B) return outer_target<FACE_H, FEAT>(e - S::MLP0_W, g.weight[MLP0] + FACE_UNIFORM, FACE_IN);
        if (e < S::MLP1_B) return g.bias[MLP2] + (e - S::MLP2_B);
        if (e < S::MLP0_B) return g.bias[MLP1] + (e - S::MLP1_B);
        return e < S::COUNT ? g.bias[MLP0] + (e - S::MLP0_B) : nullptr;
    } else {
        typedef MouthSlot S;
        if (e < S::MLP1_W) return outer_target<MOUTH_Y, MOUTH_H>(e - S::MLP2_W, g.weight[MLP2], MOUTH_H);
        if (e < S::SPATIAL_W) return outer_target<MOUTH_H, MOUTH_H>(e - S::MLP1_W, g.weight[MLP1], MOUTH_H);
        if (e < S::GATED_W) return outer_target<MOUTH_H, P>(e - S::SPATIAL_W, g.weight[MLP0], 2 * P);
        if (e < S::GATE_W) return outer_target<MOUTH_H, P>(e - S::GATED_W, g.weight[MLP0] + P, 2 * P);
        if (e < S::PROJ_W) return outer_target<P, P>(e - S::GATE_W, g.weight[GATE], 2 * P);
        if (e < S::MLP2_B) return outer_target<P, FEAT>(e - S::PROJ_W, g.weight[PROJ_SPATIAL], FEAT);
        if (e < S::MLP1_B) return g.bias[MLP2] + (e - S::MLP2_B);
        if (e < S::MLP0_B) return g.bias[MLP1] + (e - S::MLP1_B);
        if (e < S::GATE_B) return g.bias[MLP0] + (e - S::MLP0_B);
        if (e < S::PROJ_B) return g.bias[GATE] + (e - S::GATE_B);
        if (e < S::AUDIO) return g.bias[PROJ_SPATIAL] + (e - S::PROJ_B);
        return e < S::COUNT ? frame->v_audio + (e - S::AUDIO) : nullptr;
    }
}

constexpr int SHARES = 8;

template <int BRANCH>
__global__ void __launch_bounds__(SHARES* WARP_SIZE) sum_partials(DeformArrays arrays, int slots, const ViewCounters* counters,
                                                                  DeformGrads grads) {
    __shared__ float sums[SHARES][WARP_SIZE];
    if (overflowed(counters)) return;
    constexpr int COUNT = BRANCH == FACE ? FaceSlot::COUNT : MouthSlot::COUNT;
    const int lane = int(threadIdx.x) % WARP_SIZE, share = int(threadIdx.x) / WARP_SIZE, e = int(blockIdx.x) * WARP_SIZE + lane;
    float* const target = slot_target<BRANCH>(e, grads, arrays.frame);
    float sum = 0.0f;
    if (target) {
        const int end = slots * (share + 1) / SHARES;
#pragma unroll 8
        for (int slot = slots * share / SHARES; slot < end; slot++) sum += arrays.partial[size_t(slot) * COUNT + e];
    }
    sums[share][lane] = sum;
    __syncthreads();
    if (share > 0 || !target) return;
    for (int k = 1; k < SHARES; k++) sum += sums[k][lane];
    *target = sum;
}

template <int BRANCH>
void launch_sums(cudaStream_t stream, int slots, const DeformArrays& arrays, const ViewCounters* counters, const DeformGrads& grads) {
    const unsigned blocks = blocks_for(BRANCH == FACE ? FaceSlot::COUNT : MouthSlot::COUNT, WARP_SIZE);
    PGS_LAUNCH(sum_partials<BRANCH>, blocks, SHARES * WARP_SIZE, stream, arrays, slots, counters, grads);
}

}  // namespace

void launch_deform_backward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                            const DeformWeights& weights, const PlaneLayout& layout, const PoseArrays& pose, const PoseGrads& v_pose,
                            const DeformArrays& arrays, const ViewCounters* counters, const DeformGrads& grads) {
    const int blocks = deform_blocks(pose.n);
    if (branch == FACE) {
        if (blocks > 0)
            PGS_LAUNCH(face_backward, blocks, DEFORM_THREADS, stream, input, weights, layout, pose, v_pose, arrays, counters);
        launch_sums<FACE>(stream, blocks, arrays, counters, grads);
    } else {
        if (blocks > 0)
            PGS_LAUNCH(mouth_backward, blocks, DEFORM_THREADS, stream, input, weights, layout, pose, v_pose, arrays, counters);
        launch_sums<MOUTH>(stream, blocks, arrays, counters, grads);
    }
    launch_frame_backward(stream, branch, input, expressions, audio_feat, weights, arrays, counters, grads);
}

}  // namespace pgs
