/*
 * What is the same for every splat of a frame (Eqs. 6, 8): the projected audio and expression, the face's gate, what the first layer
 * and the mouth's gate start from; and its adjoint, from sums over the splats.
 *
 *   frame_forward   one block of 16 warps, a warp per output of a layer; clears totals.
 *   frame_backward  one block: columns in the lanes, every fourth row a thread.
 * Reads the frame's expression and audio feature, layers; backward also the biases' gradients, which sum_partials wrote. Writes
 * frame; backward the gradients of the layers' columns that see no splat, and v_audio_feat.
 * Barriers: between a layer and the next. Invariant: sums have one order.
 */
#include "deform.h"

namespace pgs {
namespace {

constexpr int FEAT = PGS_SPATIAL_FEAT_DIM, P = PGS_PROJ_DIM, E_DIM = PGS_PROJ_EXPR_DIM, A = PGS_AUDIO_FEAT_DIM;
constexpr int FACE_H = PGS_FACE_HIDDEN_DIM, MOUTH_H = PGS_MOUTH_HIDDEN_DIM;
constexpr int FACE_UNIFORM = A + P + E_DIM; /* columns of the face's first layer before f_s: f_a, gate * f'_a, f'_e */
constexpr int FRAME_THREADS = 512;

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* row . x over n values by a warp; every lane gets it. */
__device__ __forceinline__ float warp_dot(const float* row, const float* x, int n, int lane) {
    float sum = 0.0f;
    for (int i = lane; i < n; i += WARP_SIZE) sum += row[i] * x[i];
    for (int by = WARP_SIZE / 2; by > 0; by /= 2) sum += __shfl_xor_sync(FULL_WARP, sum, by);
    return sum;
}

template <int BRANCH>
__global__ void __launch_bounds__(FRAME_THREADS) frame_forward(const StepInput* input, int expressions, const float* audio_feat,
                                                               DeformWeights weights, DeformArrays arrays) {
    __shared__ float projected[P + E_DIM]; /* f'_a, f'_e */
    __shared__ float first[FACE_UNIFORM];  /* what the face's first layer sees */
    const int thread = int(threadIdx.x), lane = thread % WARP_SIZE, warp = thread / WARP_SIZE;
    constexpr int STEP = FRAME_THREADS / WARP_SIZE;
    DeformFrame& frame = *arrays.frame;
    if (thread == 0) *arrays.totals = DeformTotals{};
    for (int o = warp; o < P; o += STEP) {
        const float value = weights.bias[PROJ_AUDIO][o] + warp_dot(weights.weight[PROJ_AUDIO] + o * A, audio_feat, A, lane);
        if (lane == 0) projected[o] = frame.proj_audio[o] = value;
    }
    if constexpr (BRANCH == MOUTH) {
        __syncthreads();
        for (int o = warp; o < P; o += STEP) {
            const float value = weights.bias[GATE][o] + warp_dot(weights.weight[GATE] + o * 2 * P + P, projected, P, lane);
            if (lane == 0) frame.audio_gate[o] = value;
        }
        if (thread < MOUTH_H) frame.uniform[thread] = weights.bias[MLP0][thread];
    } else {
        for (int o = warp; o < E_DIM; o += STEP) {
            const float* row = weights.weight[PROJ_EXPR] + o * expressions;
            const float value = weights.bias[PROJ_EXPR][o] + warp_dot(row, input->expression, expressions, lane);
            if (lane == 0) projected[P + o] = frame.proj_expr[o] = first[A + P + o] = value;
        }
        if (thread < A) first[thread] = audio_feat[thread];
        __syncthreads();
        for (int o = warp; o < P; o += STEP) {
            const float* row = weights.weight[GATE] + o * (P + E_DIM);
            const float gate = sigmoid(weights.bias[GATE][o] + warp_dot(row, projected, P + E_DIM, lane));
            if (lane == 0) {
                frame.gate[o] = gate;
                first[A + o] = gate * projected[o];
            }
        }
        __syncthreads();
        for (int o = warp; o < FACE_H; o += STEP) {
            const float* row = weights.weight[MLP0] + o * (FACE_UNIFORM + FEAT);
            const float value = weights.bias[MLP0][o] + warp_dot(row, first, FACE_UNIFORM, lane);
            if (lane == 0) frame.uniform[o] = value;
        }
    }
}

constexpr int COLUMNS = 128, SHARES = FRAME_THREADS / COLUMNS;
static_assert(FACE_UNIFORM <= COLUMNS, "a thread per column");

/* out[i] = sum_o w[o, i] v[o] for i < ins: W^T v. v, out: shared memory. All threads call it; it begins and ends with a barrier. */
__device__ void transposed(const float* w, int ld, int outs, int ins, const float* v, float* out, float (*sums)[COLUMNS]) {
    const int i = int(threadIdx.x) % COLUMNS, share = int(threadIdx.x) / COLUMNS;
    __syncthreads();
    float sum = 0.0f;
    if (i < ins)
        for (int o = share; o < outs; o += SHARES) sum += w[o * ld + i] * v[o];
    sums[share][i] = sum;
    __syncthreads();
    if (share == 0 && i < ins) {
        for (int k = 1; k < SHARES; k++) sum += sums[k][i];
        out[i] = sum;
    }
    __syncthreads();
}

/* Columns of a weight's gradient, [outs, ld], that see x: v x^T. */
__device__ __forceinline__ void write_outer(float* v_w, int ld, int outs, int ins, const float* v, const float* x) {
    for (int e = int(threadIdx.x); e < outs * ins; e += FRAME_THREADS) v_w[e / ins * ld + e % ins] = v[e / ins] * x[e % ins];
}

struct FrameBackward {
    float sums[SHARES][COLUMNS];
    float v_uniform[MAX_HIDDEN], v_gate[P], v_gate_in[P + E_DIM]; /* v_gate: before the sigmoid */
    float v_first[FACE_UNIFORM];                                  /* of what the face's first layer sees */
    float v_projected[P + E_DIM], v_audio[A];
    float first[FACE_UNIFORM], projected[P + E_DIM];
};

template <int BRANCH>
__global__ void __launch_bounds__(FRAME_THREADS) frame_backward(const StepInput* input, int expressions, const float* audio_feat,
                                                                DeformWeights weights, DeformArrays arrays, const ViewCounters* counters,
                                                                DeformGrads grads) {
    __shared__ FrameBackward s;
    if (counters && counters->overflow) return;
    const int t = int(threadIdx.x);
    const DeformFrame& frame = *arrays.frame;
    if (t < P) s.projected[t] = frame.proj_audio[t];
    if constexpr (BRANCH == MOUTH) {
        if (t < P) s.v_gate[t] = grads.bias[GATE][t];
        transposed(weights.weight[GATE] + P, 2 * P, P, P, s.v_gate, s.v_gate_in, s.sums);
        if (t < P) s.v_projected[t] = frame.v_audio[t] + s.v_gate_in[t];
        write_outer(grads.weight[GATE] + P, 2 * P, P, P, s.v_gate, s.projected);
    } else {
        if (t < FACE_H) s.v_uniform[t] = grads.bias[MLP0][t];
        if (t < E_DIM) s.projected[P + t] = s.first[A + P + t] = frame.proj_expr[t];
        if (t < A) s.first[t] = audio_feat[t];
        if (t < P) s.first[A + t] = frame.gate[t] * frame.proj_audio[t];
        transposed(weights.weight[MLP0], FACE_UNIFORM + FEAT, FACE_H, FACE_UNIFORM, s.v_uniform, s.v_first, s.sums);
        if (t < P) s.v_gate[t] = s.v_first[A + t] * s.projected[t] * frame.gate[t] * (1.0f - frame.gate[t]);
        transposed(weights.weight[GATE], P + E_DIM, P, P + E_DIM, s.v_gate, s.v_gate_in, s.sums);
        if (t < P) {
            s.v_projected[t] = s.v_first[A + t] * frame.gate[t] + s.v_gate_in[t];
            grads.bias[GATE][t] = s.v_gate[t];
        } else if (t < P + E_DIM) {
            s.v_projected[t] = s.v_first[A + t] + s.v_gate_in[t];
            grads.bias[PROJ_EXPR][t - P] = s.v_projected[t];
        }
        write_outer(grads.weight[MLP0], FACE_UNIFORM + FEAT, FACE_H, FACE_UNIFORM, s.v_uniform, s.first);
        write_outer(grads.weight[GATE], P + E_DIM, P, P + E_DIM, s.v_gate, s.projected);
    }
    transposed(weights.weight[PROJ_AUDIO], A, P, A, s.v_projected, s.v_audio, s.sums);
    if (t < P) grads.bias[PROJ_AUDIO][t] = s.v_projected[t];
    if (t < A) grads.v_audio_feat[t] = s.v_audio[t] + (BRANCH == FACE ? s.v_first[t] : 0.0f);
    write_outer(grads.weight[PROJ_AUDIO], A, P, A, s.v_projected, audio_feat);
    if constexpr (BRANCH == FACE)
        write_outer(grads.weight[PROJ_EXPR], expressions, E_DIM, expressions, s.v_projected + P, input->expression);
}

}  // namespace

void launch_frame_forward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                          const DeformWeights& weights, const DeformArrays& arrays) {
    if (branch == FACE)
        PGS_LAUNCH(frame_forward<FACE>, 1, FRAME_THREADS, stream, input, expressions, audio_feat, weights, arrays);
    else
        PGS_LAUNCH(frame_forward<MOUTH>, 1, FRAME_THREADS, stream, input, expressions, audio_feat, weights, arrays);
}

void launch_frame_backward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                           const DeformWeights& weights, const DeformArrays& arrays, const ViewCounters* counters,
                           const DeformGrads& grads) {
    if (branch == FACE)
        PGS_LAUNCH(frame_backward<FACE>, 1, FRAME_THREADS, stream, input, expressions, audio_feat, weights, arrays, counters, grads);
    else
        PGS_LAUNCH(frame_backward<MOUTH>, 1, FRAME_THREADS, stream, input, expressions, audio_feat, weights, arrays, counters, grads);
}

}  // namespace pgs
