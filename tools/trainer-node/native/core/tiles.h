/*
 * Which 16x16 tiles a screen ellipse reaches, and which 8x4 sub-tiles inside one: exact, row by row, so that no pair is made for
 * nothing (a bounding square makes 1.6 times as many).
 */
#pragma once
#include "splat.h"

namespace pgs {

/* A warp's share of a tile: 8x4 pixels, two columns and four rows of them; sub-tile s is bit s of a mask. */
constexpr int SUB_TILE_WIDTH = 8, SUB_TILE_HEIGHT = 4, SUB_TILES = 8;
/*
 * Added to the distance^2 (at most 11) that decides a sub-tile's bit: rounding must never hide a sample from its warp, as the
 * sample's own test is the exact one. Measured: of 200 000 samples on the border of a footprint, 0 hides 2316, 1e-4 hides 4, 1e-3
 * none. It widens the reach of all but the faintest splats by less than one part in 2000.
 */
#define PGS_SUB_TILE_SLACK 1e-3

/* 2 ln(opacity / ALPHA_MIN): Mahalanobis distance^2 at which alpha falls to ALPHA_MIN; <= 0 where it never reaches it. */
template <class T> PGS_HD T footprint(T opacity) { return T(2) * std::log(opacity * T(1.0 / PGS_ALPHA_MIN)); }

/* The ellipse at distance^2 k around a projected splat. */
template <class T> struct Reach {
    T k, half_w, half_h;
    T dy_right; /* where it is widest */
};

template <class T> PGS_HD Reach<T> reach_at(const ProjectedT<T>& p, T k) {
    Reach<T> reach;
    reach.k = k;
    reach.half_h = std::sqrt(k * p.cov_yy);
    reach.half_w = std::sqrt(k * p.cov_xx);
    reach.dy_right = -p.conic[1] / p.conic[2] * reach.half_w;
    return reach;
}

/* How far the ellipse extends left and right of the mean over the rows lo <= dy <= hi; false where it reaches none of them. */
template <class T> PGS_HD bool row_extent(const ProjectedT<T>& p, const Reach<T>& reach, T lo, T hi, T& left, T& right) {
    const T a = p.conic[0], b = p.conic[1], c = p.conic[2], k = reach.k;
    lo = lo < -reach.half_h ? -reach.half_h : lo;
    hi = hi > reach.half_h ? reach.half_h : hi;
    if (lo > hi) return false;
    const T dr = reach.dy_right < lo ? lo : (reach.dy_right > hi ? hi : reach.dy_right);
    const T dl = -reach.dy_right < lo ? lo : (-reach.dy_right > hi ? hi : -reach.dy_right);
    /* a dx^2 + 2 b dy dx + c dy^2 = k */
    const T disc_r = b * b * dr * dr - a * (c * dr * dr - k), disc_l = b * b * dl * dl - a * (c * dl * dl - k);
    right = (-b * dr + std::sqrt(disc_r > T(0) ? disc_r : T(0))) / a;
    left = (-b * dl - std::sqrt(disc_l > T(0) ? disc_l : T(0))) / a;
    return true;
}

/* Calls hit(tile_x, tile_y) for each tile with a pixel centre that may receive alpha >= ALPHA_MIN. */
template <class T, class F> PGS_HD void for_each_tile(const ProjectedT<T>& p, int tiles_x, int tiles_y, F&& hit) {
    const T k = footprint(p.opacity);
    if (!(k > T(0))) return;
    const Reach<T> reach = reach_at(p, k);
    const T size = T(PGS_TILE_SIZE);
    /* Pixel centres lie at +0.5, hence the shift: a tile's centres span [16 t + 0.5, 16 t + 15.5]. */
    const T y_min = p.y - reach.half_h, y_max = p.y + reach.half_h;
    int ty0 = int(std::floor((y_min - T(0.5)) / size)), ty1 = int(std::floor((y_max - T(0.5)) / size));
    ty0 = ty0 < 0 ? 0 : ty0;
    ty1 = ty1 >= tiles_y ? tiles_y - 1 : ty1;
    for (int ty = ty0; ty <= ty1; ty++) {
        const T lo = T(ty) * size + T(0.5) - p.y;
        T left, right;
        if (!row_extent(p, reach, lo, lo + (size - T(1)), left, right)) continue;
        int tx0 = int(std::floor((p.x + left - T(0.5) - (size - T(1))) / size)) + 1;
        int tx1 = int(std::floor((p.x + right - T(0.5)) / size));
        /* tx0: first tile whose last centre is not left of the ellipse. An exact touch may fall to either side: keep it. */
        if (T(tx0 - 1) * size + T(PGS_TILE_SIZE - 1) + T(0.5) >= p.x + left) tx0--;
        tx0 = tx0 < 0 ? 0 : tx0;
        tx1 = tx1 >= tiles_x ? tiles_x - 1 : tx1;
        for (int tx = tx0; tx <= tx1; tx++) hit(tx, ty);
    }
}

/* Sub-tiles of a tile that hold every pixel centre with alpha >= ALPHA_MIN, and little else. */
template <class T> PGS_HD uint32_t sub_tile_mask(const ProjectedT<T>& p, int tile_x, int tile_y) {
    const T k = footprint(p.opacity) + T(PGS_SUB_TILE_SLACK);
    if (!(k > T(0))) return 0;
    const Reach<T> reach = reach_at(p, k);
    const T x0 = T(tile_x * PGS_TILE_SIZE) + T(0.5) - p.x, y0 = T(tile_y * PGS_TILE_SIZE) + T(0.5) - p.y;
    uint32_t mask = 0;
    for (int row = 0; row < PGS_TILE_SIZE / SUB_TILE_HEIGHT; row++) {
        const T lo = y0 + T(row * SUB_TILE_HEIGHT);
        T left, right;
        if (!row_extent(p, reach, lo, lo + T(SUB_TILE_HEIGHT - 1), left, right)) continue;
        if (left <= x0 + T(SUB_TILE_WIDTH - 1) && right >= x0) mask |= 1u << (row * 2);
        if (left <= x0 + T(PGS_TILE_SIZE - 1) && right >= x0 + T(SUB_TILE_WIDTH)) mask |= 2u << (row * 2);
    }
    return mask;
}

}  // namespace pgs
