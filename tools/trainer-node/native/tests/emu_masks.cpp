#include "emu_masks.h"
#include "../core/blend.h"
#include "../core/rng.h"
#include "../core/tiles.h"

namespace pgs {

MaskCount count_mask_misses() {
    constexpr int DRAWS = 400000;
    Rng rng(31, 1);
    MaskCount count;
    for (int draw = 0; draw < DRAWS; draw++) {
        /* A screen covariance of 1 to 30 px, turned by any angle, around a mean that puts pixel (x, y) of tile (1, 1) on its border. */
        const double turn = 6.283185307179586 * rng.uniform(), c = std::cos(turn), s = std::sin(turn);
        const double u = std::exp(3.4 * rng.uniform()), v = std::exp(3.4 * rng.uniform());
        const double xx = c * c * u * u + s * s * v * v, xy = c * s * (u * u - v * v), yy = s * s * u * u + c * c * v * v,
                     det = xx * yy - xy * xy;
        ProjectedT<float> p{};
        p.conic[0] = float(yy / det);
        p.conic[1] = float(-xy / det);
        p.conic[2] = float(xx / det);
        p.cov_xx = float(xx);
        p.cov_yy = float(yy);
        p.opacity = float(0.01 + 0.98 * rng.uniform());
        const int x = PGS_TILE_SIZE + int(rng.uniform() * PGS_TILE_SIZE), y = PGS_TILE_SIZE + int(rng.uniform() * PGS_TILE_SIZE);
        /* Half of them where the ellipse is widest or highest: there a row or a column of pixels touches it in one point. */
        const double way = 6.283185307179586 * rng.uniform(), reach = std::sqrt(double(footprint(p.opacity)));
        double dx = reach * (c * u * std::cos(way) - s * v * std::sin(way)), dy = reach * (s * u * std::cos(way) + c * v * std::sin(way));
        if (draw % 4 == 0) {
            dx = reach * std::sqrt(xx);
            dy = dx * xy / xx;
        } else if (draw % 4 == 1) {
            dy = reach * std::sqrt(yy);
            dx = dy * xy / yy;
        }
        p.x = float(x + 0.5 - dx);
        p.y = float(y + 0.5 - dy);
        p.radius = 1;
        bool done = false;
        const float px = float(x) + 0.5f, py = float(y) + 0.5f;
        const float power = splat_power(p.conic[0], p.conic[1], p.conic[2], px - p.x, py - p.y);
        if (!blend_sample(p.opacity, power, 1.0f, done).take) continue;
        count.samples++;
        const int column = (x - PGS_TILE_SIZE) / SUB_TILE_WIDTH, row = (y - PGS_TILE_SIZE) / SUB_TILE_HEIGHT;
        if (!(sub_tile_mask(p, 1, 1) >> (row * 2 + column) & 1)) count.missed++;
    }
    return count;
}

}  // namespace pgs
