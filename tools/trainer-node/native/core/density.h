/* The pixel-aware density statistics of one view (Eqs. 1-3); what is done with them is TypeScript's. */
#pragma once
#include "hd.h"

namespace pgs {

/* What density control sums over views; [n] each. */
template <class T> struct DensitySumsT {
    T *grad_accum, *weight_accum;       /* numerator and denominator of Eq. 2 */
    T *grad_accum_plain, *view_count;   /* of Eq. 1 */
    T* max_contribution;                /* largest alpha * T seen */
};

/* Adds one view of splat i, which was not culled. half_w, half_h: half the picture, px. */
template <class T>
PGS_HD void add_view(const DensitySumsT<T>& sums, size_t i, T v_x, T v_y, T half_w, T half_h, uint32_t pixels, T max_weight) {
    /* Eq. 3 in NDC units; Eq. 2 weighs it by the pixels reached, Eq. 1 by one. */
    const T gx = v_x * half_w, gy = v_y * half_h, norm = std::sqrt(gx * gx + gy * gy), m = T(pixels);
    sums.grad_accum[i] += m * norm;
    sums.weight_accum[i] += m;
    sums.grad_accum_plain[i] += norm;
    sums.view_count[i] += T(1);
    sums.max_contribution[i] = sums.max_contribution[i] < max_weight ? max_weight : sums.max_contribution[i];
}

}  // namespace pgs
