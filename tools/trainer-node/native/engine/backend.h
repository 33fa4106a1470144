/*
 * What a context's arithmetic runs on: this machine's cores (cpu/backend.cpp) or a GPU (cuda/backend.cpp). A library has one,
 * chosen when it is linked. The context's vectors are what the C edge reads and writes; a back end that keeps copies of its own
 * is told before a vector is read and after it was written.
 */
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include "../core/real.h"

namespace pgs {

struct Context;
struct DensityPlan;

/* Sums over the iterations of one call. */
struct RunTotals {
    double branch_loss[2] = {0, 0}; /* fine-tuning counts as the face's */
    double l1 = 0, dssim = 0;       /* the face's, or the mouth's where it trains alone */
    int done = 0;
};

class Backend {
  public:
    virtual ~Backend() = default;

    /* The dataset was begun anew; frame `index` was put. */
    virtual void data_begun(Context&) {}
    virtual void frame_put(Context&, int index) { (void)index; }

    /* Before the host reads a tensor or statistic, and after it wrote one of unchanged size. */
    virtual void fetch(Context&, const std::vector<real>& values) { (void)values; }
    virtual void written(Context&, const std::vector<real>& values) { (void)values; }
    /* Before the host gives tensors other sizes: fetches all. After: takes all again. */
    virtual void release(Context&) {}
    virtual void reshaped(Context&) {}

    /* Up to n whole iterations from settings["iteration"] on, which it advances; stops early when ctx.cancel is set. Throws Failure
     * where the loss is not finite. */
    virtual RunTotals train(Context&, int stage, int branch_mask, int n) = 0;
    /* Loss of one frame as it is, and its gradients where wanted. */
    virtual double loss(Context&, int stage, int branch_mask, int frame, bool grads) = 0;
    /* Mean of (opening(f_a) - mouth_open)^2 / 2 over windows drawn at the current iteration, with gradients where wanted. */
    virtual double hear(Context&, const int32_t* frames, int count, bool grads) = 0;
    /* One Adam step of the encoder with the gradients of the last hear(). */
    virtual void step_encoder(Context&) = 0;
    /* Rewrites the splats of a branch; density sums start at zero. */
    virtual void densify(Context&, int branch, const DensityPlan& plan) = 0;
    /* Premultiplied RGBA [height, width, 4] of a branch in a frame of the dataset. */
    virtual void render(Context&, int branch, int frame, bool deform, float* rgba) = 0;
    /* Entries of pgs_bench beside the step's, a comma before each: `,"pass":seconds` of an iteration, and sizes. Called after train()
     * with the same stage and mask, and so many iterations. */
    virtual std::string bench(Context&, int stage, int branch_mask, int iterations) = 0;
};

/* Never throws where there is no GPU: the first call that needs one does. */
std::unique_ptr<Backend> make_backend();

extern const char* const STAGE_NAMES[3];
/* Where the loss is not finite, throws PGS_E_DIVERGED and names the first tensor that is not. */
void require_finite(Context& ctx, double loss, const char* stage, int64_t iteration);
/* The frame that a branch draws `ahead` iterations from now. */
int frame_ahead(const Context& ctx, int branch, int64_t ahead);

}  // namespace pgs
