/*
 * SSIM of two pictures x, y around a pixel, with its derivatives: 11x11 Gaussian window, sigma 1.5, data range 1; the D-SSIM of
 * Eqs. 11-13 is 1 - SSIM. T: the scalar; V: the scalar, or a vector of it.
 */
#pragma once
#include "hd.h"

namespace pgs {

constexpr int SSIM_HALF = 5, SSIM_TAPS = 2 * SSIM_HALF + 1;

/* One axis of the window; its sum is 1. */
template <class T> struct SsimWindowT {
    T tap[SSIM_TAPS];
};
template <class T> inline SsimWindowT<T> ssim_window() {
    SsimWindowT<T> window;
    double sum = 0, g[SSIM_TAPS];
    for (int i = -SSIM_HALF; i <= SSIM_HALF; i++) sum += g[i + SSIM_HALF] = std::exp(-double(i * i) / (2 * 1.5 * 1.5));
    for (int i = 0; i < SSIM_TAPS; i++) window.tap[i] = T(g[i] / sum);
    return window;
}

/* The value, and its derivatives by the blurred x, x^2, x y. d sum(SSIM) / d x: by_x + 2 x by_xx + y by_xy, each blurred again. */
template <class V> struct SsimT {
    V value, by_x, by_xx, by_xy;
};

/* Of the window's weighted sums of x, y, x^2, y^2, x y. */
template <class T, class V> PGS_HD SsimT<V> ssim_at(const V& m1, const V& m2, const V& xx, const V& yy, const V& xy) {
    constexpr T C1 = T(0.01 * 0.01), C2 = T(0.03 * 0.03); /* (0.01 L)^2, (0.03 L)^2 with data range L = 1 */
    const V s11 = xx - m1 * m1, s22 = yy - m2 * m2, s12 = xy - m1 * m2;
    const V a1 = T(2) * m1 * m2 + C1, a2 = T(2) * s12 + C2;
    const V b1 = m1 * m1 + m2 * m2 + C1, b2 = s11 + s22 + C2;
    const V inv = T(1) / (b1 * b2);
    SsimT<V> out;
    out.value = a1 * a2 * inv;
    out.by_xx = -out.value / b2;
    out.by_xy = T(2) * a1 * inv;
    out.by_x = T(2) * m2 * a2 * inv - T(2) * m1 * out.value / b1 - T(2) * m1 * out.by_xx - m2 * out.by_xy;
    return out;
}

}  // namespace pgs
