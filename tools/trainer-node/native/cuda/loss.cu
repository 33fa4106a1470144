/*
 * L1 + D-SSIM of a rendered picture (Eqs. 11-13), the extra L1 of the lips and eyes boxes, alpha against the mask; and gradients.
 *
 *   loss_forward    one block of 256 threads per tile: both sides of the tile and of 5 px around it to shared memory, then channel
 *                   by channel the 11x11 window, rows first. Adds the tile's sums; with gradients, writes SSIM's partials.
 *   loss_sums       one block: adds the tiles' sums, weights them.
 *   loss_backward   one block per tile: blurs the partials (the window is its own adjoint), adds L1, boxes and alpha, writes
 *                   v_picture of its 256 pixels.
 *
 * COMPOSITE compares the face over the mouth, over the recorded background; otherwise one branch, over the drawn one.
 * Reads StepInput and the renders. Writes partials, tile_sums, LossSums, v_picture.
 * Barriers: after the sides are loaded, after a channel's rows are blurred, and before they are overwritten.
 * Invariants: the grid is the whole picture's, as the region moves from one iteration to the next; a tile beside the region writes
 * zeros. Outside the region both sides are zero, as the window's padding. Sums have one order: pairwise in a warp, then in double
 * over warps and tiles.
 * Deviation from the CPU twin (engine/step.cpp): 1 - SSIM is added up instead of SSIM, which loses less where pictures agree.
 */
#include "loss.h"
#include "../core/ssim.h"
#include "../core/wanted.h"

namespace pgs {
namespace {

constexpr int HALO = PGS_TILE_SIZE + 2 * SSIM_HALF;
/* Odd, so that a warp that reads or writes one column of 32 rows meets no bank twice. */
constexpr int HALO_STRIDE = HALO + 1, ROW_STRIDE = PGS_TILE_SIZE + 1;
constexpr int BLOCK = TILE_PIXELS, WARPS = BLOCK / WARP_SIZE;
constexpr int MOMENTS = 5; /* weighted sums of x, y, x^2, y^2, x y */
enum Sum { L1, DSSIM, LIPS, EYES, ALPHA };
static_assert(ALPHA + 1 == LOSS_SUMS, "one row of tile_sums each");

/* A pixel's two sides. */
struct Pixel {
    float x[3], y[3]; /* drawn; wanted */
    float alpha;      /* as WantedT::alpha */
    bool care;        /* false: both sides are the same, whatever was drawn */
    Quad front;       /* what the branch drew; of a composite, the face */
    float behind[3];  /* what shines through it */
};

template <bool COMPOSITE>
__device__ __forceinline__ Pixel pixel_at(const StepInput& in, const LossArrays& arrays, const LossView& front, const LossView& rear,
                                          bool face, int x, int y) {
    const size_t recorded = size_t(y) * arrays.width + x, at = size_t(y) * (arrays.tiles_x * PGS_TILE_SIZE) + x;
    const uint8_t* const rgb = in.rgb + recorded * 3;
    Pixel p;
    p.front = front.picture[at];
    p.alpha = 0.0f;
    p.care = true;
    if (COMPOSITE) { /* Eq. 10 on premultiplied colours */
        const Quad mouth = rear.picture[at];
        p.behind[0] = mouth.x + mouth.w * in.recorded[0];
        p.behind[1] = mouth.y + mouth.w * in.recorded[1];
        p.behind[2] = mouth.z + mouth.w * in.recorded[2];
        for (int c = 0; c < 3; c++) p.y[c] = float(rgb[c]) / 255.0f;
    } else {
        const bool in_lips = in_box(in.lips, x, y), lips_only = in.lips_only != 0;
        const WantedT<float> w = wanted_pixel(in.label[recorded], rgb, face, in_lips, lips_only, in.recorded, in.drawn);
        p.alpha = w.alpha;
        p.care = w.care;
        for (int c = 0; c < 3; c++) {
            p.behind[c] = in.drawn[c];
            p.y[c] = w.target[c];
        }
    }
    p.x[0] = p.care ? p.front.x + p.front.w * p.behind[0] : p.behind[0];
    p.x[1] = p.care ? p.front.y + p.front.w * p.behind[1] : p.behind[1];
    p.x[2] = p.care ? p.front.z + p.front.w * p.behind[2] : p.behind[2];
    return p;
}

__device__ __forceinline__ bool overflowed(const LossView& front, const LossView& rear) {
    return (front.counters && front.counters->overflow) || (rear.counters && rear.counters->overflow);
}

template <bool COMPOSITE> __device__ __forceinline__ Rect region_of(const StepInput& in, const LossArrays& arrays) {
    return COMPOSITE ? Rect{0, 0, arrays.width, arrays.height} : in.region;
}
__device__ __forceinline__ bool holds(const Rect& region, int x, int y) {
    return x >= region.x0 && x < region.x1 && y >= region.y0 && y < region.y1;
}
/* x0, y0: the tile's first pixel. */
__device__ __forceinline__ bool touches(const Rect& region, int x0, int y0) {
    return x0 < region.x1 && x0 + PGS_TILE_SIZE > region.x0 && y0 < region.y1 && y0 + PGS_TILE_SIZE > region.y0;
}

/* What one pixel adds to the sums; those of SSIM come later. */
__device__ __forceinline__ void add_pixel(const StepInput& in, const Pixel& p, bool with_eyes, int x, int y, float sums[LOSS_SUMS]) {
    const float l1 = fabsf(p.x[0] - p.y[0]) + fabsf(p.x[1] - p.y[1]) + fabsf(p.x[2] - p.y[2]), alpha = 1.0f - p.front.w;
    sums[L1] += l1;
    if (in_box(in.lips, x, y)) sums[LIPS] += l1;
    if (with_eyes && in_box(in.eyes, x, y)) sums[EYES] += l1;
    sums[ALPHA] += p.alpha > 0.0f ? 1.0f - alpha : (p.alpha < 0.0f ? alpha : 0.0f);
}

/* Sums of each value over the block, in one order; thread i < LOSS_SUMS gets the i-th. All threads call it; it holds a barrier. */
template <class T> __device__ __forceinline__ double block_sum(const T values[LOSS_SUMS], double (*warp_sums)[LOSS_SUMS]) {
    const int thread = int(threadIdx.x);
    for (int i = 0; i < LOSS_SUMS; i++) {
        T sum = values[i];
        for (int by = WARP_SIZE / 2; by > 0; by /= 2) sum += __shfl_xor_sync(FULL_WARP, sum, by);
        if (thread % WARP_SIZE == 0) warp_sums[thread / WARP_SIZE][i] = double(sum);
    }
    __syncthreads();
    double total = 0;
    if (thread < LOSS_SUMS)
        for (int w = 0; w < WARPS; w++) total += warp_sums[w][thread];
    return total;
}

template <bool COMPOSITE>
__global__ void __launch_bounds__(BLOCK) loss_forward(const StepInput* input, LossArrays arrays, LossView front, LossView rear, bool face,
                                                      bool grads, SsimWindowT<float> window) {
    __shared__ float drawn[3][HALO][HALO_STRIDE], wanted[3][HALO][HALO_STRIDE];
    __shared__ float rows[MOMENTS][HALO][ROW_STRIDE];
    __shared__ double warp_sums[WARPS][LOSS_SUMS];
    if (overflowed(front, rear)) return;
    const StepInput& in = *input;
    const Rect region = region_of<COMPOSITE>(in, arrays);
    const int thread = int(threadIdx.x), tile = int(blockIdx.x), tiles = arrays.tiles();
    const int x0 = tile % arrays.tiles_x * PGS_TILE_SIZE, y0 = tile / arrays.tiles_x * PGS_TILE_SIZE;
    double* const tile_sum = arrays.tile_sums + tile;
    if (!touches(region, x0, y0)) {
        if (thread < LOSS_SUMS) tile_sum[size_t(thread) * tiles] = 0.0;
        return;
    }
    float sums[LOSS_SUMS] = {};
    for (int task = thread; task < HALO * HALO; task += BLOCK) {
        const int column = task % HALO, row = task / HALO, x = x0 + column - SSIM_HALF, y = y0 + row - SSIM_HALF;
        Pixel p = {};
        if (holds(region, x, y)) {
            p = pixel_at<COMPOSITE>(in, arrays, front, rear, face, x, y);
            const bool own = x >= x0 && x < x0 + PGS_TILE_SIZE && y >= y0 && y < y0 + PGS_TILE_SIZE;
            if (own) add_pixel(in, p, face, x, y, sums);
        }
        for (int c = 0; c < 3; c++) {
            drawn[c][row][column] = p.x[c];
            wanted[c][row][column] = p.y[c];
        }
    }
    __syncthreads();
    const int own_column = thread % PGS_TILE_SIZE, own_row = thread / PGS_TILE_SIZE, x = x0 + own_column, y = y0 + own_row;
    const size_t plane = size_t(tiles) * TILE_PIXELS, at = size_t(y) * (arrays.tiles_x * PGS_TILE_SIZE) + x;
    for (int c = 0; c < 3; c++) {
        for (int task = thread; task < HALO * PGS_TILE_SIZE; task += BLOCK) {
            const int row = task % HALO, column = task / HALO;
            float m[MOMENTS] = {};
#pragma unroll
            for (int k = 0; k < SSIM_TAPS; k++) {
                const float vx = drawn[c][row][column + k], vy = wanted[c][row][column + k], g = window.tap[k];
                m[0] += g * vx;
                m[1] += g * vy;
                m[2] += g * vx * vx;
                m[3] += g * vy * vy;
                m[4] += g * vx * vy;
            }
            for (int i = 0; i < MOMENTS; i++) rows[i][row][column] = m[i];
        }
        __syncthreads();
        if (holds(region, x, y)) {
            float m[MOMENTS] = {};
#pragma unroll
            for (int k = 0; k < SSIM_TAPS; k++)
                for (int i = 0; i < MOMENTS; i++) m[i] += window.tap[k] * rows[i][own_row + k][own_column];
            const SsimT<float> ssim = ssim_at<float, float>(m[0], m[1], m[2], m[3], m[4]);
            sums[DSSIM] += 1.0f - ssim.value;
            if (grads) {
                float* const partial = arrays.partials + plane * (c * 3) + at;
                partial[0] = ssim.by_x;
                partial[plane] = ssim.by_xx;
                partial[plane * 2] = ssim.by_xy;
            }
        }
        __syncthreads();
    }
    const double sum = block_sum(sums, warp_sums);
    if (thread < LOSS_SUMS) tile_sum[size_t(thread) * tiles] = sum;
}

/* A composite has no alpha loss: that sum is zero. */
__global__ void __launch_bounds__(BLOCK) loss_sums(const StepInput* input, LossArrays arrays, LossView front, LossView rear,
                                                   LossSums* out) {
    __shared__ double warp_sums[WARPS][LOSS_SUMS], totals[LOSS_SUMS];
    if (overflowed(front, rear)) return;
    const int thread = int(threadIdx.x), tiles = arrays.tiles();
    double sums[LOSS_SUMS] = {};
    for (int tile = thread; tile < tiles; tile += BLOCK)
        for (int i = 0; i < LOSS_SUMS; i++) sums[i] += arrays.tile_sums[size_t(i) * tiles + tile];
    const double sum = block_sum(sums, warp_sums);
    if (thread < LOSS_SUMS) totals[thread] = sum;
    __syncthreads();
    if (thread > 0) return;
    const double pixels = double(arrays.width) * arrays.height, values = 3 * pixels;
    LossSums s;
    s.l1 = totals[L1] / values;
    s.dssim = totals[DSSIM] / values;
    s.boxes = (totals[LIPS] * input->weight_lips + totals[EYES] * input->weight_eyes) / values;
    s.alpha = totals[ALPHA] / pixels;
    s.total = s.l1 + s.boxes + input->weight_dssim * s.dssim + input->weight_alpha * s.alpha;
    *out = s;
}

template <bool COMPOSITE>
__global__ void __launch_bounds__(BLOCK) loss_backward(const StepInput* input, LossArrays arrays, LossView front, LossView rear, bool face,
                                                       SsimWindowT<float> window) {
    __shared__ float partials[3][HALO][HALO_STRIDE];
    __shared__ float rows[3][HALO][ROW_STRIDE];
    if (overflowed(front, rear)) return;
    const StepInput& in = *input;
    const Rect region = region_of<COMPOSITE>(in, arrays);
    const int thread = int(threadIdx.x), stride = arrays.tiles_x * PGS_TILE_SIZE;
    const int x0 = int(blockIdx.x) % arrays.tiles_x * PGS_TILE_SIZE, y0 = int(blockIdx.x) / arrays.tiles_x * PGS_TILE_SIZE;
    const int own_column = thread % PGS_TILE_SIZE, own_row = thread / PGS_TILE_SIZE, x = x0 + own_column, y = y0 + own_row;
    const size_t plane = size_t(arrays.tiles()) * TILE_PIXELS, at = size_t(y) * stride + x;
    const bool inside = holds(region, x, y);
    float d_ssim[3][3] = {}; /* of each channel: the partials by x, x^2, x y, blurred */
    if (touches(region, x0, y0)) {
#pragma unroll
        for (int c = 0; c < 3; c++) {
            for (int task = thread; task < HALO * HALO; task += BLOCK) {
                const int column = task % HALO, row = task / HALO, px = x0 + column - SSIM_HALF, py = y0 + row - SSIM_HALF;
                const bool compared = holds(region, px, py);
                for (int i = 0; i < 3; i++)
                    partials[i][row][column] = compared ? arrays.partials[plane * (c * 3 + i) + size_t(py) * stride + px] : 0.0f;
            }
            __syncthreads();
            for (int task = thread; task < HALO * PGS_TILE_SIZE; task += BLOCK) {
                const int row = task % HALO, column = task / HALO;
                float m[3] = {};
#pragma unroll
                for (int k = 0; k < SSIM_TAPS; k++)
                    for (int i = 0; i < 3; i++) m[i] += window.tap[k] * partials[i][row][column + k];
                for (int i = 0; i < 3; i++) rows[i][row][column] = m[i];
            }
            __syncthreads();
            if (inside)
#pragma unroll
                for (int k = 0; k < SSIM_TAPS; k++)
                    for (int i = 0; i < 3; i++) d_ssim[c][i] += window.tap[k] * rows[i][own_row + k][own_column];
        }
    }
    Quad v_front = {0.0f, 0.0f, 0.0f, 0.0f}, v_rear = {0.0f, 0.0f, 0.0f, 0.0f};
    if (inside) {
        const Pixel p = pixel_at<COMPOSITE>(in, arrays, front, rear, face, x, y);
        const float pixels = float(arrays.width) * float(arrays.height), values = 3.0f * pixels;
        const float lips = in_box(in.lips, x, y) ? in.weight_lips / values : 0.0f;
        const float eyes = face && in_box(in.eyes, x, y) ? in.weight_eyes / values : 0.0f;
        float g[3] = {}, v_trans = in.weight_alpha / pixels * p.alpha; /* wanting alpha is wanting less transmittance */
        if (p.care)
            for (int c = 0; c < 3; c++) {
                const float diff = p.x[c] - p.y[c], sign = diff > 0.0f ? 1.0f : (diff < 0.0f ? -1.0f : 0.0f);
                const float d = d_ssim[c][0] + 2.0f * p.x[c] * d_ssim[c][1] + p.y[c] * d_ssim[c][2];
                g[c] = 1.0f / values * sign + -in.weight_dssim / values * d + lips * sign + eyes * sign;
                v_trans += g[c] * p.behind[c];
            }
        v_front = {g[0], g[1], g[2], v_trans};
        v_rear.x = g[0] * p.front.w;
        v_rear.y = g[1] * p.front.w;
        v_rear.z = g[2] * p.front.w;
        v_rear.w = v_rear.x * in.recorded[0] + v_rear.y * in.recorded[1] + v_rear.z * in.recorded[2];
    }
    front.v_picture[at] = v_front;
    if (COMPOSITE) rear.v_picture[at] = v_rear;
}

template <bool COMPOSITE>
void launch_loss(cudaStream_t stream, const StepInput* input, bool face, bool grads, const LossArrays& arrays, const LossView& front,
                 const LossView& rear, LossSums* sums) {
    const SsimWindowT<float> window = ssim_window<float>();
    const unsigned tiles = unsigned(arrays.tiles());
    PGS_LAUNCH(loss_forward<COMPOSITE>, tiles, BLOCK, stream, input, arrays, front, rear, face, grads, window);
    PGS_LAUNCH(loss_sums, 1, BLOCK, stream, input, arrays, front, rear, sums);
    if (grads) PGS_LAUNCH(loss_backward<COMPOSITE>, tiles, BLOCK, stream, input, arrays, front, rear, face, window);
}

}  // namespace

void launch_branch_loss(cudaStream_t stream, const StepInput* input, int branch, bool grads, const LossArrays& arrays,
                        const LossView& view, LossSums* sums) {
    launch_loss<false>(stream, input, branch == 0, grads, arrays, view, {nullptr, nullptr, nullptr}, sums);
}

void launch_composite_loss(cudaStream_t stream, const StepInput* input, bool grads, const LossArrays& arrays, const LossView& face,
                           const LossView& mouth, LossSums* sums) {
    launch_loss<true>(stream, input, true, grads, arrays, face, mouth, sums);
}

}  // namespace pgs
