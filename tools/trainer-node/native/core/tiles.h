/*
 * Which 16x16 tiles a screen ellipse reaches: exact, row of tiles by row of tiles, so that no pair is made for nothing
 * (a bounding square makes 1.6 times as many).
 */
#pragma once
#include "splat.h"

namespace pgs {

/* 2 ln(opacity / ALPHA_MIN): Mahalanobis distance^2 at which alpha falls to ALPHA_MIN; <= 0 where it never reaches it. */
template <class T> PGS_HD T footprint(T opacity) { return T(2) * std::log(opacity * T(1.0 / PGS_ALPHA_MIN)); }

/* Calls hit(tile_x, tile_y) for each tile with a pixel centre that may receive alpha >= ALPHA_MIN. */
template <class T, class F> PGS_HD void for_each_tile(const ProjectedT<T>& p, int tiles_x, int tiles_y, F&& hit) {
    const T k = footprint(p.opacity);
    if (!(k > T(0))) return;
    const T half_h = std::sqrt(k * p.cov_yy), half_w = std::sqrt(k * p.cov_xx);
    const T size = T(PGS_TILE_SIZE);
    /* Pixel centres lie at +0.5, hence the shift: a tile's centres span [16 t + 0.5, 16 t + 15.5]. */
    const T y_min = p.y - half_h, y_max = p.y + half_h;
    int ty0 = int(std::floor((y_min - T(0.5)) / size)), ty1 = int(std::floor((y_max - T(0.5)) / size));
    ty0 = ty0 < 0 ? 0 : ty0;
    ty1 = ty1 >= tiles_y ? tiles_y - 1 : ty1;
    const T a = p.conic[0], b = p.conic[1], c = p.conic[2];
    const T dy_right = -b / c * half_w; /* where the ellipse is widest */
    for (int ty = ty0; ty <= ty1; ty++) {
        T lo = T(ty) * size + T(0.5) - p.y, hi = lo + (size - T(1));
        lo = lo < -half_h ? -half_h : lo;
        hi = hi > half_h ? half_h : hi;
        if (lo > hi) continue;
        const T dr = dy_right < lo ? lo : (dy_right > hi ? hi : dy_right);
        const T dl = -dy_right < lo ? lo : (-dy_right > hi ? hi : -dy_right);
        /* a dx^2 + 2 b dy dx + c dy^2 = k */
        const T disc_r = b * b * dr * dr - a * (c * dr * dr - k), disc_l = b * b * dl * dl - a * (c * dl * dl - k);
        const T right = (-b * dr + std::sqrt(disc_r > T(0) ? disc_r : T(0))) / a;
        const T left = (-b * dl - std::sqrt(disc_l > T(0) ? disc_l : T(0))) / a;
        int tx0 = int(std::floor((p.x + left - T(0.5) - (size - T(1))) / size)) + 1;
        int tx1 = int(std::floor((p.x + right - T(0.5)) / size));
        /* tx0: first tile whose last centre is not left of the ellipse. An exact touch may fall to either side: keep it. */
        if (T(tx0 - 1) * size + T(PGS_TILE_SIZE - 1) + T(0.5) >= p.x + left) tx0--;
        tx0 = tx0 < 0 ? 0 : tx0;
        tx1 = tx1 >= tiles_x ? tiles_x - 1 : tx1;
        for (int tx = tx0; tx <= tx1; tx++) hit(tx, ty);
    }
}

}  // namespace pgs
