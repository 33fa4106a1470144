/*
 * Splats onto the screen, and gradients back (method.md section 3; Eqs. 1-4).
 *
 *   project_forward    one thread per splat: reads its parameters and the camera, writes its ScreenSplat.
 *   project_backward   one thread per splat: adds its pairs' slots in their order, writes the gradients of its parameters, adds
 *                      the view to the density sums.
 *
 * Barriers: none. Invariant: a splat's slots are contiguous, so its sum has one order and needs no atomics.
 * Deviation from the CPU twin (engine/step.cpp): gradients are written, not added, as one view makes up a step; culled splats get
 * zeros, so nobody needs to clear the arrays.
 */
#include "layout.h"

namespace pgs {
namespace {

/* Degrees that training knows (0..2), and 3, which only renders. */
constexpr int MAX_TRAINED_DEGREE = 2;

__device__ __forceinline__ SplatT<float> load_splat(const SplatArrays& a, size_t i) {
    SplatT<float> s;
    for (int c = 0; c < 3; c++) {
        s.mean[c] = a.means[i * 3 + c];
        s.log_scale[c] = a.log_scales[i * 3 + c];
    }
    for (int c = 0; c < 4; c++) s.quat[c] = a.quats[i * 4 + c];
    s.logit_opacity = a.logit_opacities[i];
    return s;
}

/* The degree is a constant so that the basis stays in registers. */
template <int DEGREE>
__global__ void __launch_bounds__(SPLAT_BLOCK) project_forward(const CameraT<float>* camera, SplatArrays splats, ScreenSplat* out) {
    const int i = int(blockIdx.x * SPLAT_BLOCK + threadIdx.x);
    if (i >= splats.n) return;
    ProjectedT<float> p = {};
    project_splat(*camera, load_splat(splats, size_t(i)), splats.sh + size_t(i) * splats.sh_k * 3, DEGREE, p);
    out[i] = pack_splat(p);
}

template <int DEGREE>
__global__ void __launch_bounds__(SPLAT_BLOCK) project_backward(const CameraT<float>* camera, SplatArrays splats, const ScreenSplat* screen,
                                                                BinArrays bins, const PairGradT<float>* slots) {
    if (bins.counters->overflow) return;
    const int i = int(blockIdx.x * SPLAT_BLOCK + threadIdx.x);
    if (i >= splats.n) return;
    const size_t row = size_t(i), sh_row = row * splats.sh_k * 3;
    const ProjectedT<float> p = unpack_splat(screen[i]);
    SplatGradT<float> out = {};
    int written = 0; /* coefficients that get a gradient; those above the active degree, and all of a culled splat, get zero */
    if (p.radius > 0) {
        PairGradT<float> sum = {};
        const uint32_t begin = bins.splat_slot[i], end = begin + bins.pair_count[i];
        for (uint32_t slot = begin; slot < end; slot++) add_pair(sum, slots[slot]);
        ProjectedGradT<float> g;
        close_pairs(p, sum, g);
        project_splat_vjp(*camera, load_splat(splats, row), splats.sh + sh_row, DEGREE, p, g, out,
                          [&](int at, float value) { splats.v_sh[sh_row + at] = value; });
        written = (DEGREE + 1) * (DEGREE + 1) * 3;
        const float half_w = 0.5f * float(camera->width), half_h = 0.5f * float(camera->height);
        if (splats.density.grad_accum) add_view(splats.density, row, g.x, g.y, half_w, half_h, sum.pixels, sum.max_weight);
    }
    for (int k = written; k < splats.sh_k * 3; k++) splats.v_sh[sh_row + k] = 0.0f;
    for (int c = 0; c < 3; c++) {
        splats.v_means[row * 3 + c] = out.mean[c];
        splats.v_log_scales[row * 3 + c] = out.log_scale[c];
    }
    for (int c = 0; c < 4; c++) splats.v_quats[row * 4 + c] = out.quat[c];
    splats.v_logit_opacities[row] = out.logit_opacity;
}

}  // namespace

void launch_project(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree, ScreenSplat* out) {
    if (splats.n == 0) return;
    const unsigned blocks = blocks_for(size_t(splats.n), SPLAT_BLOCK);
    if (degree == 0)
        PGS_LAUNCH(project_forward<0>, blocks, SPLAT_BLOCK, stream, camera, splats, out);
    else if (degree == 1)
        PGS_LAUNCH(project_forward<1>, blocks, SPLAT_BLOCK, stream, camera, splats, out);
    else if (degree == MAX_TRAINED_DEGREE)
        PGS_LAUNCH(project_forward<2>, blocks, SPLAT_BLOCK, stream, camera, splats, out);
    else
        PGS_LAUNCH(project_forward<3>, blocks, SPLAT_BLOCK, stream, camera, splats, out);
}

void launch_project_backward(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree,
                             const ScreenSplat* screen, const BinArrays& bins, const PairGradT<float>* slots) {
    if (splats.n == 0) return;
    const unsigned blocks = blocks_for(size_t(splats.n), SPLAT_BLOCK);
    if (degree == 0)
        PGS_LAUNCH(project_backward<0>, blocks, SPLAT_BLOCK, stream, camera, splats, screen, bins, slots);
    else if (degree == 1)
        PGS_LAUNCH(project_backward<1>, blocks, SPLAT_BLOCK, stream, camera, splats, screen, bins, slots);
    else
        PGS_LAUNCH(project_backward<MAX_TRAINED_DEGREE>, blocks, SPLAT_BLOCK, stream, camera, splats, screen, bins, slots);
}

}  // namespace pgs
