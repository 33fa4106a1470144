/*
 * Density control on the device: old rows gathered into new arrays, children placed. Who lives is the host's choice
 * (engine/density_plan.h).
 */
#pragma once
#include "layout.h"

namespace pgs {

/* A tensor with its moments, before and after; old and new must not overlap. Rows as the trainer's tensors have them. */
struct DensifyTensor {
    const float *value, *m, *v;
    float *new_value, *new_m, *new_v;
};

struct DensifyArrays {
    int rows;             /* splats afterwards; may be 0 */
    int survivors;        /* the first so many keep their moments, the others' are zero */
    int first_child;      /* rows from here on are children of splits */
    int sh_k;             /* coefficients stored */
    const int* source;    /* [rows] old row of each new one */
    const float* normals; /* [rows - first_child, 3] */
    DensifyTensor means, quats, log_scales, logit_opacities, sh;
};

/* Gradients and density sums have to be made anew by whoever owns them: their old rows mean nothing any more. */
void launch_densify(cudaStream_t stream, const DensifyArrays& arrays);

}  // namespace pgs
