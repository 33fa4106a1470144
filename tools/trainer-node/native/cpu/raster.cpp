#include "raster.h"
#include <algorithm>
#include "../core/tiles.h"

namespace pgs {
namespace {

constexpr int T = PGS_TILE_SIZE;
static_assert(T == LANES, "a tile row is one vector");

/* What the walk needs of a splat, ready for a tile row. */
struct Cell {
    real mx, my, a, b, c, opacity;
    int row0, row1; /* rows of the tile that its footprint reaches */
};

inline bool open_cell(const Projected& p, int tile_y, Cell& cell) {
    const real half_h = std::sqrt(footprint(p.opacity) * p.cov_yy);
    const real top = real(tile_y * T) + real(0.5);
    int row0 = int(std::ceil(p.y - half_h - top)), row1 = int(std::floor(p.y + half_h - top));
    row0 = row0 < 0 ? 0 : row0;
    row1 = row1 >= T ? T - 1 : row1;
    if (row0 > row1) return false;
    cell = {p.x, p.y, p.conic[0], p.conic[1], p.conic[2], p.opacity, row0, row1};
    return true;
}

const V COLUMN = [] {
    V v{};
    for (int i = 0; i < LANES; i++) v[i] = real(i) + real(0.5);
    return v;
}();

/* Lanes of a tile row that lie outside the picture: they take no light, no gradient and are not counted. */
inline M outside(const Frame& frame, int tx, int y) {
    M m{};
    for (int i = 0; i < LANES; i++) m[i] = y >= frame.height || tx * T + i >= frame.width ? -1 : 0;
    return m;
}

/* One row of samples: alpha where the splat is visible to a pixel that still takes light, else 0. */
struct Sample {
    V dx, raw, alpha; /* raw: before the ALPHA_MAX clamp */
    M take;
};

PGS_HD Sample sample_row(const Cell& cell, V dx, V half_a_dx2, V b_dx, real dy, V trans, M done, M& stop) {
    Sample s;
    const V power = half_a_dx2 - b_dx * dy - real(0.5) * cell.c * dy * dy;
    s.dx = dx;
    s.raw = cell.opacity * exp_lanes(power);
    s.alpha = s.raw < real(PGS_ALPHA_MAX) ? s.raw : splat_lanes(real(PGS_ALPHA_MAX));
    const M visible = (s.alpha >= real(PGS_ALPHA_MIN)) & ~done;
    stop = visible & (trans * (real(1) - s.alpha) < real(PGS_TRANSMITTANCE_MIN));
    s.take = visible & ~stop;
    return s;
}

void rasterize_tile(const std::vector<Projected>& splats, const Bins& bins, Frame& frame, int tile, bool with_depth) {
    const int tx = tile % frame.tiles_x, ty = tile / frame.tiles_x;
    V trans[T], red[T], green[T], blue[T], depth[T], median[T];
    M done[T];
    for (int y = 0; y < T; y++) {
        trans[y] = splat_lanes(1);
        red[y] = green[y] = blue[y] = depth[y] = median[y] = V{};
        done[y] = outside(frame, tx, ty * T + y);
    }
    const V px = COLUMN + real(tx * T);
    int since_check = 0;
    for (int at = bins.tile_start[tile]; at < bins.tile_start[tile + 1]; at++) {
        const Projected& p = splats[bins.splat[at]];
        Cell cell;
        if (!open_cell(p, ty, cell)) continue;
        const V dx = px - cell.mx;
        const V half_a_dx2 = real(-0.5) * cell.a * dx * dx, b_dx = cell.b * dx;
        for (int y = cell.row0; y <= cell.row1; y++) {
            const real dy = real(ty * T + y) + real(0.5) - cell.my;
            M stop;
            const Sample s = sample_row(cell, dx, half_a_dx2, b_dx, dy, trans[y], done[y], stop);
            const V weight = s.take ? s.alpha * trans[y] : V{};
            red[y] += weight * p.color[0];
            green[y] += weight * p.color[1];
            blue[y] += weight * p.color[2];
            const V left = s.take ? trans[y] * (real(1) - s.alpha) : trans[y];
            if (with_depth) {
                depth[y] += weight * p.depth;
                median[y] = ((trans[y] > real(0.5)) & (left <= real(0.5))) ? splat_lanes(p.depth) : median[y];
            }
            trans[y] = left;
            done[y] |= stop;
        }
        if (++since_check == 16) { /* a tile whose pixels are all full needs no more splats */
            since_check = 0;
            M all = done[0];
            for (int y = 1; y < T; y++) all &= done[y];
            if (!any_lane(~all)) break;
        }
    }
    for (int y = 0; y < T; y++) {
        const size_t at = size_t(ty * T + y) * frame.stride + tx * T;
        store(&frame.color[0][at], red[y]);
        store(&frame.color[1][at], green[y]);
        store(&frame.color[2][at], blue[y]);
        store(&frame.trans[at], trans[y]);
        if (with_depth) {
            store(&frame.depth[at], depth[y]);
            store(&frame.median[at], median[y]);
        }
    }
}

template <bool DEPTH>
void backward_tile(const std::vector<Projected>& splats, const Bins& bins, const Frame& frame, const FrameGrad& in,
                   std::vector<PairGrad>& slots, int tile) {
    const int tx = tile % frame.tiles_x, ty = tile / frame.tiles_x;
    const int begin = bins.tile_start[tile], end = bins.tile_start[tile + 1];
    if (begin == end) return;
    /* Everything behind the current splat, dotted with the pixel's gradient: starts as the whole pixel, loses each splat. */
    V behind[T], trans[T], g0[T], g1[T], g2[T], gd[T];
    M done[T];
    for (int y = 0; y < T; y++) {
        const size_t at = size_t(ty * T + y) * frame.stride + tx * T;
        g0[y] = load(&in.color[0][at]);
        g1[y] = load(&in.color[1][at]);
        g2[y] = load(&in.color[2][at]);
        behind[y] = load(&frame.color[0][at]) * g0[y] + load(&frame.color[1][at]) * g1[y] + load(&frame.color[2][at]) * g2[y] +
                    load(&frame.trans[at]) * load(&in.trans[at]);
        if (DEPTH) {
            gd[y] = load(&in.depth[at]);
            behind[y] += load(&frame.depth[at]) * gd[y];
        }
        trans[y] = splat_lanes(1);
        done[y] = outside(frame, tx, ty * T + y);
    }
    const V px = COLUMN + real(tx * T);
    const V zero{};
    int at = begin, since_check = 0;
    for (; at < end; at++) {
        const Projected& p = splats[bins.splat[at]];
        PairGrad& out = slots[bins.slot[at]];
        out = PairGrad{};
        Cell cell;
        if (!open_cell(p, ty, cell)) continue;
        const V dx = px - cell.mx, dx2 = dx * dx;
        const V half_a_dx2 = real(-0.5) * cell.a * dx2, b_dx = cell.b * dx;
        const real radius2 = real(p.radius) * real(p.radius);
        V s0{}, sx{}, sy{}, sxx{}, sxy{}, syy{}, c0{}, c1{}, c2{}, cd{}, best{};
        M count{};
        for (int y = cell.row0; y <= cell.row1; y++) {
            const real dy = real(ty * T + y) + real(0.5) - cell.my;
            M stop;
            const Sample s = sample_row(cell, dx, half_a_dx2, b_dx, dy, trans[y], done[y], stop);
            const V weight = s.take ? s.alpha * trans[y] : zero;
            V q = p.color[0] * g0[y] + p.color[1] * g1[y] + p.color[2] * g2[y];
            if (DEPTH) q += p.depth * gd[y];
            behind[y] -= weight * q;
            const V v_alpha = trans[y] * q - behind[y] / (real(1) - s.alpha);
            /* The clamp at ALPHA_MAX passes no gradient; d alpha / d power = alpha below it. */
            const V v_power = (s.take & (s.raw < real(PGS_ALPHA_MAX))) ? v_alpha * s.alpha : zero;
            const V v_dy = v_power * dy;
            s0 += v_power;
            sx += v_power * dx;
            sxx += v_power * dx2;
            sy += v_dy;
            sxy += v_dy * dx;
            syy += v_dy * dy;
            c0 += weight * g0[y];
            c1 += weight * g1[y];
            c2 += weight * g2[y];
            if (DEPTH) cd += weight * gd[y];
            best = weight > best ? weight : best;
            /* Eq. 5: inside radius R of the centre, alpha >= ALPHA_MIN, light left. A true lane is -1. */
            count -= s.take & (dx2 + dy * dy < radius2);
            trans[y] = s.take ? trans[y] * (real(1) - s.alpha) : trans[y];
            done[y] |= stop;
        }
        out.s0 = lane_sum(s0);
        out.sx = lane_sum(sx);
        out.sy = lane_sum(sy);
        out.sxx = lane_sum(sxx);
        out.sxy = lane_sum(sxy);
        out.syy = lane_sum(syy);
        out.color[0] = lane_sum(c0);
        out.color[1] = lane_sum(c1);
        out.color[2] = lane_sum(c2);
        if (DEPTH) out.depth = lane_sum(cd);
        out.max_weight = lane_max(best);
        uint32_t pixels = 0;
        for (int i = 0; i < LANES; i++) pixels += uint32_t(count[i]);
        out.pixels = pixels;
        if (++since_check == 16) {
            since_check = 0;
            M all = done[0];
            for (int y = 1; y < T; y++) all &= done[y];
            if (!any_lane(~all)) {
                at++;
                break;
            }
        }
    }
    for (; at < end; at++) slots[bins.slot[at]] = PairGrad{};
}

}  // namespace

void rasterize(Pool& pool, const std::vector<Projected>& splats, const Bins& bins, Frame& frame, bool with_depth) {
    if (with_depth) {
        frame.depth.resize(frame.pixels());
        frame.median.resize(frame.pixels());
    }
    pool.run(frame.tiles_x * frame.tiles_y, [&](int tile) { rasterize_tile(splats, bins, frame, tile, with_depth); });
}

void rasterize_backward(Pool& pool, const std::vector<Projected>& splats, const Bins& bins, const Frame& frame, const FrameGrad& in,
                        std::vector<PairGrad>& slots, std::vector<ProjectedGrad>& grads, std::vector<SplatStats>& stats) {
    slots.resize(bins.pairs);
    const bool depth = !in.depth.empty();
    pool.run(frame.tiles_x * frame.tiles_y, [&](int tile) {
        if (depth)
            backward_tile<true>(splats, bins, frame, in, slots, tile);
        else
            backward_tile<false>(splats, bins, frame, in, slots, tile);
    });
    const int n = int(splats.size());
    grads.resize(n);
    stats.resize(n);
    pool.ranges(n, 1024, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++) {
            PairGrad sum{};
            for (int slot = bins.splat_slot[i]; slot < bins.splat_slot[i + 1]; slot++) add_pair(sum, slots[slot]);
            close_pairs(splats[i], sum, grads[i]);
            stats[i].pixels = sum.pixels;
            stats[i].max_weight = sum.max_weight;
        }
    });
}

}  // namespace pgs
