/* The picture's loss: what it needs, what it leaves, and its launchers. */
#pragma once
#include "layout.h"
#include "step.h"

namespace pgs {

/* As the CPU engine's StepLoss, without the deltas' regulariser: that one needs no picture. */
struct LossSums {
    double total; /* l1 + boxes + weight_dssim * dssim + weight_alpha * alpha */
    double l1, dssim;
    double boxes; /* extra L1 of lips and eyes, weighted */
    double alpha; /* |alpha - mask|, mean over the whole picture; not weighted */
};

constexpr int LOSS_PARTIALS = 9, LOSS_SUMS = 5;

/* Sizes and scratch of a picture. One set serves all views of a stream, one after the other. */
struct LossArrays {
    int width, height, tiles_x, tiles_y; /* px; whole tiles */
    float* partials;                     /* [9, tiles * 256] derivatives of SSIM: 3 of each channel; only where it is compared */
    double* tile_sums;                   /* [5, tiles] */
    PGS_HD int tiles() const { return tiles_x * tiles_y; }
};

/* One branch's render and its gradient, row-major in whole tiles as RasterArrays::picture. */
struct LossView {
    const Quad* picture;          /* premultiplied red, green, blue; transmittance */
    Quad* v_picture;              /* written for every pixel: zero where nothing is compared */
    const ViewCounters* counters; /* on overflow nothing is written; null: it did not */
};

/*
 * One branch against the recorded frame, over the drawn background, inside input->region. Writes *sums and, with `grads`, v_picture.
 * branch: 0 face, 1 mouth. `input` is device memory, as everything behind it.
 */
void launch_branch_loss(cudaStream_t stream, const StepInput* input, int branch, bool grads, const LossArrays& arrays,
                        const LossView& view, LossSums* sums);
/* The head of the fine-tuning stage (Eq. 10): the face over the mouth over the recorded background, the whole picture; no alpha loss. */
void launch_composite_loss(cudaStream_t stream, const StepInput* input, bool grads, const LossArrays& arrays, const LossView& face,
                           const LossView& mouth, LossSums* sums);

}  // namespace pgs
