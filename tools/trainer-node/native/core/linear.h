/*
 * Linear layers over rows (splats), channels in the lanes: out = in W^T + b, its two adjoints. Channel counts are padded to whole
 * vectors with zeros.
 */
#pragma once
#include <vector>
#include "real.h"

namespace pgs {

constexpr int pad16(int n) { return (n + LANES - 1) / LANES * LANES; }

/* out[r][0..16 OV) = bias + sum_i in[r][i] w[i][0..16 OV).  w row-major with ld = 16 OV. bias may be null (then zero). */
template <int OV> inline void rows_times(const real* in, int ld_in, int n_in, const real* w, const real* bias, real* out, int ld_out, int rows) {
    int r = 0;
    for (; r + 4 <= rows; r += 4) {
        V acc[4][OV];
        for (int v = 0; v < OV; v++) {
            const V b = bias ? load(bias + v * LANES) : V{};
            for (int k = 0; k < 4; k++) acc[k][v] = b;
        }
        for (int i = 0; i < n_in; i++) {
            V weight[OV];
            for (int v = 0; v < OV; v++) weight[v] = load(w + (size_t(i) * OV + v) * LANES);
            for (int k = 0; k < 4; k++) {
                const real x = in[size_t(r + k) * ld_in + i];
                for (int v = 0; v < OV; v++) acc[k][v] += x * weight[v];
            }
        }
        for (int k = 0; k < 4; k++)
            for (int v = 0; v < OV; v++) store(out + size_t(r + k) * ld_out + v * LANES, acc[k][v]);
    }
    for (; r < rows; r++) {
        V acc[OV];
        for (int v = 0; v < OV; v++) acc[v] = bias ? load(bias + v * LANES) : V{};
        for (int i = 0; i < n_in; i++) {
            const real x = in[size_t(r) * ld_in + i];
            for (int v = 0; v < OV; v++) acc[v] += x * load(w + (size_t(i) * OV + v) * LANES);
        }
        for (int v = 0; v < OV; v++) store(out + size_t(r) * ld_out + v * LANES, acc[v]);
    }
}

/* v_w[o][0..16 IV) += sum_r v_out[r][o] in[r][0..16 IV), and v_bias[o] += sum_r v_out[r][o]. */
template <int IV> inline void rows_outer(const real* v_out, int ld_out, int n_out, const real* in, int ld_in, int rows, real* v_w, real* v_bias) {
    for (int o = 0; o < n_out; o++) {
        V acc[IV];
        real* dst = v_w + size_t(o) * IV * LANES;
        for (int v = 0; v < IV; v++) acc[v] = load(dst + v * LANES);
        real sum = 0;
        for (int r = 0; r < rows; r++) {
            const real g = v_out[size_t(r) * ld_out + o];
            sum += g;
            for (int v = 0; v < IV; v++) acc[v] += g * load(in + size_t(r) * ld_in + v * LANES);
        }
        for (int v = 0; v < IV; v++) store(dst + v * LANES, acc[v]);
        if (v_bias) v_bias[o] += sum;
    }
}

/* Small dense y = W x + b for the per-frame parts. */
inline void affine(const real* w, const real* b, int n_out, int n_in, const real* x, real* y) {
    for (int o = 0; o < n_out; o++) {
        real sum = b ? b[o] : real(0);
        for (int i = 0; i < n_in; i++) sum += w[size_t(o) * n_in + i] * x[i];
        y[o] = sum;
    }
}

/* Its adjoint: v_w += v_y x^T, v_b += v_y, v_x += W^T v_y (v_x may be null). */
inline void affine_vjp(const real* w, int n_out, int n_in, const real* x, const real* v_y, real* v_w, real* v_b, real* v_x) {
    for (int o = 0; o < n_out; o++) {
        if (v_b) v_b[o] += v_y[o];
        for (int i = 0; i < n_in; i++) {
            v_w[size_t(o) * n_in + i] += v_y[o] * x[i];
            if (v_x) v_x[i] += w[size_t(o) * n_in + i] * v_y[o];
        }
    }
}

}  // namespace pgs
