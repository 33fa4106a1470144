/*
 * One Adam step of many tensors in one launch (core/adam.h has the rule). The host lists the tensors of a stage when their shapes
 * change; what changes from iteration to iteration are the rates, in device memory.
 */
#pragma once
#include <vector>
#include "../core/adam.h"
#include "layout.h"

namespace pgs {

typedef AdamRatesT<float> AdamRates;

/* What may forbid a step. A step that is not taken leaves every value and moment as it was. */
struct StepGuard {
    const ViewCounters* views[2]; /* an overflow in either means that gradients are missing; may be null */
    int* diverged;                /* [1] once 1, nothing steps until the host writes 0 again */
};

struct AdamTensor {
    float* value;
    const float* grad;
    float *m, *v;
    int count;
    int rates; /* index into the iteration's rates */
    int row;   /* spherical harmonics: values a splat has, of which the first 3 step with lr, the others with lr_rest; else 0 */
    int quats; /* 1: rows of 4 become unit quaternions after their step */
};

/* A block's share: ADAM_SLICE values of a tensor, or what is left of it. */
struct AdamSlice {
    int tensor, first;
};
constexpr int ADAM_SLICE = 1024;

/* Slices of all tensors in their order, to be copied to the device beside them. */
std::vector<AdamSlice> adam_slices(const std::vector<AdamTensor>& tensors);

struct AdamList { /* device memory */
    const AdamTensor* tensors;
    const AdamSlice* slices;
    int slice_count;
};

/* Where one of losses [count] is NaN or infinite, sets the guard's flag; to be queued before the step. Losses of a view that
 * overflowed were never written: then nothing is looked at. */
void launch_check_losses(cudaStream_t stream, const double* losses, int count, const StepGuard& guard);
/* rates: the iteration's, device memory, as AdamTensor::rates counts them. */
void launch_adam(cudaStream_t stream, const AdamList& list, const AdamRates* rates, const StepGuard& guard);

}  // namespace pgs
