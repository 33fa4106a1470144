/*
 * The tri-plane encoder f_s: planes xy, yz, xz; 12 dense levels, one feature a level, bilinear; zero outside the bound
 * (method.md section 2).
 */
#pragma once
#include "../generated/pgs_constants.h"
#include "hd.h"

namespace pgs {

struct PlaneLevel {
    double scale;  /* texels minus one across the bound */
    int stride;    /* texels a row */
    int offset;    /* first texel inside a plane's table */
};

struct PlaneLayout {
    PlaneLevel levels[PGS_PLANE_LEVELS];
    int plane_texels = 0;
    int base = 0, finest = 0;

    void set(int base_resolution, double finest_resolution) {
        base = base_resolution;
        const double growth = std::pow(finest_resolution / base_resolution, 1.0 / (PGS_PLANE_LEVELS - 1));
        plane_texels = 0;
        for (int l = 0; l < PGS_PLANE_LEVELS; l++) {
            PlaneLevel& level = levels[l];
            level.scale = base_resolution * std::pow(growth, l) - 1;
            level.stride = int(std::ceil(level.scale)) + 2;
            level.offset = plane_texels;
            plane_texels += level.stride * level.stride;
        }
    }
};

/* The two axes of each plane, in the order of its name. Functions, as device code cannot index a host's constant table. */
PGS_HD constexpr int plane_axis_a(int plane) { return plane == 1 ? 1 : 0; }
PGS_HD constexpr int plane_axis_b(int plane) { return plane == 0 ? 1 : 2; }

template <class T> PGS_HD bool inside_bound(const T* mean) {
    for (int k = 0; k < 3; k++)
        if (!(mean[k] >= T(-PGS_PLANE_BOUND) && mean[k] <= T(PGS_PLANE_BOUND))) return false;
    return true;
}

/* The four texels around a point of one level and their weights. */
template <class T> struct PlaneTap {
    int index;   /* of the lower corner, inside the level */
    T fx, fy;
};

/* scale, stride: the level's. */
template <class T> PGS_HD PlaneTap<T> plane_tap(T scale, int stride, T a, T b) {
    const T half_inv = T(0.5 / PGS_PLANE_BOUND);
    const T pa = (a + T(PGS_PLANE_BOUND)) * half_inv * scale + T(0.5), pb = (b + T(PGS_PLANE_BOUND)) * half_inv * scale + T(0.5);
    const int ia = int(pa), ib = int(pb); /* positive: truncation is floor */
    return {ia + ib * stride, pa - T(ia), pb - T(ib)};
}
template <class T> PGS_HD PlaneTap<T> plane_tap(const PlaneLevel& level, T a, T b) { return plane_tap(T(level.scale), level.stride, a, b); }

/* The feature at a tap; t is its lower corner's texel. */
template <class T> PGS_HD T tap_value(const T* t, int stride, const PlaneTap<T>& tap) {
    const T lower = t[0] + (t[1] - t[0]) * tap.fx;
    const T upper = t[stride] + (t[stride + 1] - t[stride]) * tap.fx;
    return lower + (upper - lower) * tap.fy;
}
/* Adds its gradient to the two coordinates; g: d L / d feature times the level's slope. */
template <class T> PGS_HD void add_tap_vjp(const T* t, int stride, const PlaneTap<T>& tap, T g, T& v_a, T& v_b) {
    const T d_lower = t[1] - t[0], d_upper = t[stride + 1] - t[stride];
    v_a += g * (d_lower + (d_upper - d_lower) * tap.fy);
    v_b += g * ((t[stride] + d_upper * tap.fx) - (t[0] + d_lower * tap.fx));
}

/* d position (texels) / d mean. */
PGS_HD double plane_slope(const PlaneLevel& level) { return level.scale * 0.5 / PGS_PLANE_BOUND; }

/* f_s of a mean inside the bound; out[36]. */
template <class T> PGS_HD void encode_planes(const PlaneLayout& layout, const T* tables, const T* mean, T* out) {
    for (int plane = 0; plane < 3; plane++) {
        const T a = mean[plane_axis_a(plane)], b = mean[plane_axis_b(plane)];
        const T* table = tables + size_t(plane) * layout.plane_texels;
        for (int l = 0; l < PGS_PLANE_LEVELS; l++) {
            const PlaneLevel& level = layout.levels[l];
            const PlaneTap<T> tap = plane_tap(level, a, b);
            out[plane * PGS_PLANE_LEVELS + l] = tap_value(table + level.offset + tap.index, level.stride, tap);
        }
    }
}

/* Adds d L / d mean through the encoder, given v_feat [36]. */
template <class T> PGS_HD void encode_planes_vjp_mean(const PlaneLayout& layout, const T* tables, const T* mean, const T* v_feat, T* v_mean) {
    for (int plane = 0; plane < 3; plane++) {
        const int axis_a = plane_axis_a(plane), axis_b = plane_axis_b(plane);
        const T* table = tables + size_t(plane) * layout.plane_texels;
        for (int l = 0; l < PGS_PLANE_LEVELS; l++) {
            const PlaneLevel& level = layout.levels[l];
            const PlaneTap<T> tap = plane_tap(level, mean[axis_a], mean[axis_b]);
            const T g = v_feat[plane * PGS_PLANE_LEVELS + l] * T(plane_slope(level));
            add_tap_vjp(table + level.offset + tap.index, level.stride, tap, g, v_mean[axis_a], v_mean[axis_b]);
        }
    }
}

}  // namespace pgs
