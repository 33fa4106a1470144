/*
 * One splat at one pixel, front to back, and back again (method.md section 3): what a thread of the rasterizer's kernels does.
 * The CPU's rows of 16 pixels (cpu/raster.cpp) take the same steps in the same order.
 */
#pragma once
#include "splat.h"

namespace pgs {

/* Sums over the pixels of one (tile, splat) pair. Twelve words, in the order that the device's reduction spreads over its lanes. */
template <class T> struct PairGradT {
    T s0, sx, sy, sxx, sxy, syy; /* of v_power times 1, dx, dy, dx^2, dx dy, dy^2 */
    T color[3], depth;
    T max_weight;                /* largest alpha * T */
    uint32_t pixels;             /* m of Eq. 5 */
};

/* exp(power) is the splat's falloff at an offset (dx, dy) = pixel - mean. */
template <class T> PGS_HD T splat_power(T a, T b, T c, T dx, T dy) {
    return T(-0.5) * a * dx * dx - b * dx * dy - T(0.5) * c * dy * dy;
}

template <class T> struct SampleT {
    T raw, alpha; /* before and after the ALPHA_MAX clamp */
    bool take;    /* visible, and light is left for it */
};

/* `done` is set where this splat would take the last light: it and all behind it are skipped. */
template <class T> PGS_HD SampleT<T> blend_sample(T opacity, T power, T trans, bool& done) {
    SampleT<T> s;
    s.raw = opacity * sample_exp(power);
    s.alpha = s.raw < T(PGS_ALPHA_MAX) ? s.raw : T(PGS_ALPHA_MAX);
    const bool visible = s.alpha >= T(PGS_ALPHA_MIN) && !done;
    const bool stop = visible && trans * (T(1) - s.alpha) < T(PGS_TRANSMITTANCE_MIN);
    s.take = visible && !stop;
    done = done || stop;
    return s;
}

template <class T> PGS_HD void add_pair(PairGradT<T>& sum, const PairGradT<T>& g) {
    sum.s0 += g.s0;
    sum.sx += g.sx;
    sum.sy += g.sy;
    sum.sxx += g.sxx;
    sum.sxy += g.sxy;
    sum.syy += g.syy;
    for (int c = 0; c < 3; c++) sum.color[c] += g.color[c];
    sum.depth += g.depth;
    sum.max_weight = sum.max_weight < g.max_weight ? g.max_weight : sum.max_weight;
    sum.pixels += g.pixels;
}

/* A splat's gradient from the sum of its pairs: power = -(a dx^2 + c dy^2) / 2 - b dx dy. */
template <class T> PGS_HD void close_pairs(const ProjectedT<T>& p, const PairGradT<T>& sum, ProjectedGradT<T>& out) {
    out.x = p.conic[0] * sum.sx + p.conic[1] * sum.sy;
    out.y = p.conic[1] * sum.sx + p.conic[2] * sum.sy;
    out.conic[0] = T(-0.5) * sum.sxx;
    out.conic[1] = -sum.sxy;
    out.conic[2] = T(-0.5) * sum.syy;
    out.opacity = p.radius > 0 && p.opacity > 0 ? sum.s0 / p.opacity : T(0);
    for (int c = 0; c < 3; c++) out.color[c] = sum.color[c];
    out.depth = sum.depth;
}

}  // namespace pgs
