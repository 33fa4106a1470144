/*
 * The audio encoder (method.md section 2): forward and back for one window, and for a hearing batch.
 *
 *   encoder_forward    one block: a window's activations and f_a.
 *   encoder_backward   one block: from the gradient of f_a to those of all parameters.
 *   hearing_windows    one block per window: forward, loss, backward into its group's slot; later launches add later windows.
 *   hearing_reduce     one thread per parameter adds the groups' slots in their order; one more adds their losses.
 *
 * Every layer has 512 work items, one a thread: outputs (or input gradients) times the adjacent lanes that share an output's sum.
 * A thread owns the same parameters of every window, so slots need no barrier and no atomics.
 * Barriers: one after each layer, forward and back, as it reads what the whole block wrote.
 * Invariant: rows carry a zero where a tap falls off the end, so no tap asks where it is; zeros are written with their row.
 * Deviation from the CPU twin (engine/encoder.cpp): sums over lanes are pairwise, and a window's gradients are summed before they
 * are added to those of earlier windows.
 */
#include "encoder.h"

namespace pgs {
namespace {

constexpr int THREADS = 512;
constexpr int REDUCE_BLOCK = 256;

/* Gradients before each layer's bias. Rows of `conv` end with one zero, the step after the last. */
struct EncoderGrads {
    float conv0[32 * (conv_steps(1) + 1)];
    float conv1[32 * (conv_steps(2) + 1)];
    float conv2[64 * (conv_steps(3) + 1)];
    float conv3[64 * (conv_steps(4) + 1)];
    float hidden[64];
    float feat[PGS_AUDIO_FEAT_DIM];
};

template <int LAYER>
struct Layer {
    enum : int {
        OUT = ENCODER_SHAPES[LAYER].out,
        COLUMNS = ENCODER_SHAPES[LAYER].columns,
        WEIGHT = encoder_weight_at(LAYER),
        BIAS = encoder_bias_at(LAYER),
        /* Of a convolution. */
        IN = COLUMNS / 3,
        STEPS_IN = conv_steps(LAYER),
        STEPS_OUT = STEPS_IN / 2
    };
};

__device__ __forceinline__ float leaky(float x) { return x > 0.0f ? x : float(PGS_LEAKY_SLOPE) * x; }
/* The slope's sign survives the activation, so the derivative can be read off the output. */
__device__ __forceinline__ float leaky_slope(float y) { return y > 0.0f ? 1.0f : float(PGS_LEAKY_SLOPE); }

/* Over `LANES_EACH` adjacent lanes; all of them get it. */
template <int LANES_EACH>
__device__ __forceinline__ float lane_sum(float x) {
#pragma unroll
    for (int by = LANES_EACH / 2; by > 0; by /= 2) x += __shfl_xor_sync(FULL_WARP, x, by);
    return x;
}

/* One output of a stride-2 convolution per group of lanes; leave(channel, step, activation) runs on one of them. */
template <int LAYER, class F>
__device__ __forceinline__ void convolve(const float* weights, const float* in, F&& leave) {
    typedef Layer<LAYER> L;
    constexpr int SHARE = THREADS / (L::OUT * L::STEPS_OUT);
    const int item = int(threadIdx.x) / SHARE, part = int(threadIdx.x) % SHARE, o = item / L::STEPS_OUT, t = item % L::STEPS_OUT;
    float sum = part == 0 ? weights[L::BIAS + o] : 0.0f;
#pragma unroll 8
    for (int c = part; c < L::IN; c += SHARE) {
        const float* const w = weights + L::WEIGHT + o * L::COLUMNS + c * 3;
        const float* const x = in + c * (L::STEPS_IN + 1) + 2 * t;
        sum += w[0] * x[0];
        sum += w[1] * x[1];
        sum += w[2] * x[2];
    }
    sum = lane_sum<SHARE>(sum);
    if (part == 0) leave(o, t, leaky(sum));
}

/* The same of a dense layer; leave(output, value). */
template <int LAYER, class F>
__device__ __forceinline__ void connect(const float* weights, const float* in, F&& leave) {
    typedef Layer<LAYER> L;
    constexpr int SHARE = THREADS / L::OUT;
    const int o = int(threadIdx.x) / SHARE, part = int(threadIdx.x) % SHARE;
    float sum = part == 0 ? weights[L::BIAS + o] : 0.0f;
#pragma unroll
    for (int i = part; i < L::COLUMNS; i += SHARE) sum += weights[L::WEIGHT + o * L::COLUMNS + i] * in[i];
    sum = lane_sum<SHARE>(sum);
    if (part == 0) leave(o, sum);
}

/* Gradient of what a convolution reads; leave(channel, step, value). */
template <int LAYER, class F>
__device__ __forceinline__ void convolve_back(const float* weights, const float* g_out, F&& leave) {
    typedef Layer<LAYER> L;
    constexpr int SHARE = THREADS / (L::IN * L::STEPS_IN);
    const int item = int(threadIdx.x) / SHARE, part = int(threadIdx.x) % SHARE, c = item / L::STEPS_IN, t = item % L::STEPS_IN;
    /* Output u reads steps 2u - 1, 2u and 2u + 1: an even step meets the middle tap, an odd one the last of u and the first of u + 1. */
    const bool odd = t % 2 == 1;
    const int u = t / 2, near_tap = odd ? 2 : 1;
    float sum = 0.0f;
#pragma unroll 8
    for (int o = part; o < L::OUT; o += SHARE) {
        const float* const w = weights + L::WEIGHT + o * L::COLUMNS + c * 3;
        const float* const g = g_out + o * (L::STEPS_OUT + 1) + u;
        sum += g[0] * w[near_tap];
        if (odd) sum += g[1] * w[0];
    }
    sum = lane_sum<SHARE>(sum);
    if (part == 0) leave(c, t, sum);
}

/* Gradient of what a dense layer reads; leave(input, value). */
template <int LAYER, class F>
__device__ __forceinline__ void connect_back(const float* weights, const float* g_out, F&& leave) {
    typedef Layer<LAYER> L;
    constexpr int SHARE = THREADS / L::COLUMNS;
    const int i = int(threadIdx.x) / SHARE, part = int(threadIdx.x) % SHARE;
    float sum = 0.0f;
#pragma unroll
    for (int o = part; o < L::OUT; o += SHARE) sum += g_out[o] * weights[L::WEIGHT + o * L::COLUMNS + i];
    sum = lane_sum<SHARE>(sum);
    if (part == 0) leave(i, sum);
}

__device__ __forceinline__ void put(float* at, float value, bool accumulate) { *at = accumulate ? *at + value : value; }

/* A thread takes pairs of channels: its three taps share what they read. */
template <int LAYER>
__device__ __forceinline__ void convolution_grads(const float* in, const float* g_out, bool accumulate, float* grads) {
    typedef Layer<LAYER> L;
    for (int pair = int(threadIdx.x); pair < L::OUT * L::IN; pair += THREADS) {
        const int o = pair / L::IN, c = pair % L::IN;
        const float *const x = in + c * (L::STEPS_IN + 1), *const g = g_out + o * (L::STEPS_OUT + 1);
        float sum[3] = {};
#pragma unroll
        for (int t = 0; t < L::STEPS_OUT; t++)
            for (int k = 0; k < 3; k++) sum[k] += g[t] * x[2 * t + k];
        for (int k = 0; k < 3; k++) put(grads + L::WEIGHT + pair * 3 + k, sum[k], accumulate);
    }
    const int o = int(threadIdx.x);
    if (o >= L::OUT) return;
    float sum = 0.0f;
    for (int t = 0; t < L::STEPS_OUT; t++) sum += g_out[o * (L::STEPS_OUT + 1) + t];
    put(grads + L::BIAS + o, sum, accumulate);
}

template <int LAYER>
__device__ __forceinline__ void dense_grads(const float* in, const float* g_out, bool accumulate, float* grads) {
    typedef Layer<LAYER> L;
    for (int w = int(threadIdx.x); w < L::OUT * L::COLUMNS; w += THREADS)
        put(grads + L::WEIGHT + w, g_out[w / L::COLUMNS] * in[w % L::COLUMNS], accumulate);
    if (int(threadIdx.x) < L::OUT) put(grads + L::BIAS + threadIdx.x, g_out[threadIdx.x], accumulate);
}

/* All threads call it; it ends with a barrier. */
__device__ __forceinline__ void run_forward(const float* window, const float* keep, const float* weights, EncoderActs& a) {
    for (int i = int(threadIdx.x); i < WINDOW_VALUES; i += THREADS)
        a.conv0[i / PGS_WINDOW_FRAMES * (PGS_WINDOW_FRAMES + 1) + 1 + i % PGS_WINDOW_FRAMES] = window[i];
    if (threadIdx.x < PGS_MEL_BANDS) a.conv0[threadIdx.x * (PGS_WINDOW_FRAMES + 1)] = 0.0f;
    if (threadIdx.x < POOLED_VALUES) a.keep[threadIdx.x] = keep[threadIdx.x];
    __syncthreads();
    const auto into = [](float* rows, int steps) {
        return [=](int o, int t, float y) {
            float* const row = rows + o * (steps + 1);
            row[1 + t] = y;
            if (t == 0) row[0] = 0.0f;
        };
    };
    convolve<CONV0>(weights, a.conv0, into(a.conv1, conv_steps(1)));
    __syncthreads();
    convolve<CONV1>(weights, a.conv1, into(a.conv2, conv_steps(2)));
    __syncthreads();
    convolve<CONV2>(weights, a.conv2, into(a.conv3, conv_steps(3)));
    __syncthreads();
    convolve<CONV3>(weights, a.conv3, [&](int o, int t, float y) {
        const int i = o * conv_steps(4) + t;
        a.top[i] = y;
        a.pooled[i] = y * a.keep[i];
    });
    __syncthreads();
    connect<FC0>(weights, a.pooled, [&](int o, float y) { a.hidden[o] = leaky(y); });
    __syncthreads();
    connect<FC1>(weights, a.hidden, [&](int o, float y) { a.feat[o] = y; });
    __syncthreads();
}

/* From g.feat to the gradients of all layers but the opening. All threads call it, behind a barrier. */
__device__ __forceinline__ void run_backward(const float* weights, const EncoderActs& a, EncoderGrads& g, bool accumulate, float* grads) {
    connect_back<FC1>(weights, g.feat, [&](int i, float v) { g.hidden[i] = v * leaky_slope(a.hidden[i]); });
    __syncthreads();
    connect_back<FC0>(weights, g.hidden, [&](int i, float v) {
        float* const row = g.conv3 + i / conv_steps(4) * (conv_steps(4) + 1);
        row[i % conv_steps(4)] = v * a.keep[i] * leaky_slope(a.top[i]);
        if (i % conv_steps(4) == 0) row[conv_steps(4)] = 0.0f;
    });
    __syncthreads();
    const auto into = [](float* rows, const float* acts, int steps) {
        return [=](int c, int t, float v) {
            float* const row = rows + c * (steps + 1);
            row[t] = v * leaky_slope(acts[c * (steps + 1) + 1 + t]);
            if (t == 0) row[steps] = 0.0f;
        };
    };
    convolve_back<CONV3>(weights, g.conv3, into(g.conv2, a.conv3, conv_steps(3)));
    __syncthreads();
    convolve_back<CONV2>(weights, g.conv2, into(g.conv1, a.conv2, conv_steps(2)));
    __syncthreads();
    convolve_back<CONV1>(weights, g.conv1, into(g.conv0, a.conv1, conv_steps(1)));
    __syncthreads();
    dense_grads<FC1>(a.hidden, g.feat, accumulate, grads);
    dense_grads<FC0>(a.pooled, g.hidden, accumulate, grads);
    convolution_grads<CONV3>(a.conv3, g.conv3, accumulate, grads);
    convolution_grads<CONV2>(a.conv2, g.conv2, accumulate, grads);
    convolution_grads<CONV1>(a.conv1, g.conv1, accumulate, grads);
    convolution_grads<CONV0>(a.conv0, g.conv0, accumulate, grads);
}

__global__ void __launch_bounds__(THREADS) encoder_forward(const float* window, const float* keep, const float* weights, EncoderActs* acts,
                                                           float* feat) {
    __shared__ EncoderActs a;
    run_forward(window, keep, weights, a);
    const float* const from = reinterpret_cast<const float*>(&a);
    float* const to = reinterpret_cast<float*>(acts);
    for (int i = int(threadIdx.x); i < int(sizeof(EncoderActs) / sizeof(float)); i += THREADS) to[i] = from[i];
    if (threadIdx.x < PGS_AUDIO_FEAT_DIM) feat[threadIdx.x] = a.feat[threadIdx.x];
}

__global__ void __launch_bounds__(THREADS) encoder_backward(const EncoderActs* acts, const float* weights, const float* v_feat,
                                                            bool accumulate, const ViewCounters* view, float* grads) {
    __shared__ EncoderActs a;
    __shared__ EncoderGrads g;
    if (view && view->overflow) return;
    const float* const from = reinterpret_cast<const float*>(acts);
    float* const to = reinterpret_cast<float*>(&a);
    for (int i = int(threadIdx.x); i < int(sizeof(EncoderActs) / sizeof(float)); i += THREADS) to[i] = from[i];
    if (threadIdx.x < PGS_AUDIO_FEAT_DIM) g.feat[threadIdx.x] = v_feat[threadIdx.x];
    __syncthreads();
    run_backward(weights, a, g, accumulate, grads);
    const int i = Layer<OPENING>::WEIGHT + int(threadIdx.x);
    if (i < ENCODER_VALUES && !accumulate) grads[i] = 0.0f;
}

/* Windows first .. first + gridDim.x - 1. */
__global__ void __launch_bounds__(THREADS) hearing_windows(HearingBatch batch, int first) {
    typedef Layer<OPENING> Opening;
    static_assert(Opening::COLUMNS == WARP_SIZE, "one lane a feature");
    __shared__ EncoderActs a;
    __shared__ EncoderGrads g;
    const int group = int(blockIdx.x), i = first + group, k = int(threadIdx.x);
    const bool accumulate = first > 0;
    float* const slot = batch.slots + size_t(group) * ENCODER_VALUES;
    run_forward(batch.windows + size_t(i) * WINDOW_VALUES, batch.keeps + size_t(i) * POOLED_VALUES, batch.weights, a);
    if (k < WARP_SIZE) {
        const float weight = batch.weights[Opening::WEIGHT + k];
        const float open = lane_sum<WARP_SIZE>(weight * a.feat[k]) + batch.weights[Opening::BIAS];
        const float off = open - batch.targets[i], v_open = off / float(batch.count);
        if (k == 0) batch.group_losses[group] = (accumulate ? batch.group_losses[group] : 0) + 0.5 * double(off) * double(off);
        g.feat[k] = v_open * weight;
        if (batch.grads) {
            put(slot + Opening::WEIGHT + k, v_open * a.feat[k], accumulate);
            if (k == 0) put(slot + Opening::BIAS, v_open, accumulate);
        }
    }
    if (!batch.grads) return;
    __syncthreads();
    run_backward(batch.weights, a, g, accumulate, slot);
}

__global__ void __launch_bounds__(REDUCE_BLOCK) hearing_reduce(HearingBatch batch, int groups) {
    const int i = int(blockIdx.x) * REDUCE_BLOCK + int(threadIdx.x);
    if (blockIdx.x + 1 == gridDim.x) {
        if (threadIdx.x > 0) return;
        double total = 0;
        for (int group = 0; group < groups; group++) total += batch.group_losses[group];
        *batch.loss = total / batch.count;
    } else if (i < ENCODER_VALUES) {
        float sum = 0.0f;
#pragma unroll 8
        for (int group = 0; group < groups; group++) sum += batch.slots[size_t(group) * ENCODER_VALUES + i];
        batch.grads[i] = sum;
    }
}

}  // namespace

void launch_encoder_forward(cudaStream_t stream, const float* window, const float* keep, const float* weights, EncoderActs* acts,
                            float* feat) {
    PGS_LAUNCH(encoder_forward, 1, THREADS, stream, window, keep, weights, acts, feat);
}

void launch_encoder_backward(cudaStream_t stream, const EncoderActs* acts, const float* weights, const float* v_feat, bool accumulate,
                             const ViewCounters* view, float* grads) {
    PGS_LAUNCH(encoder_backward, 1, THREADS, stream, acts, weights, v_feat, accumulate, view, grads);
}

void launch_hearing(cudaStream_t stream, const HearingBatch& batch) {
    const int groups = hearing_groups(batch.count);
    /* A launch for every HEARING_GROUPS windows: a loop over windows in the kernel keeps what it hoists in registers, and spills. */
    for (int first = 0; first < batch.count; first += groups) {
        const int left = batch.count - first;
        PGS_LAUNCH(hearing_windows, unsigned(left < groups ? left : groups), THREADS, stream, batch, first);
    }
    const unsigned blocks = (batch.grads ? blocks_for(ENCODER_VALUES, REDUCE_BLOCK) : 0) + 1;
    PGS_LAUNCH(hearing_reduce, blocks, REDUCE_BLOCK, stream, batch, groups);
}

}  // namespace pgs
