/*
 * The tile rasterizer: bins projected splats, blends front to back, and runs the same walk again for gradients and pixel counts.
 * CPU twin of the cooperative kernels; one tile row is one 16-lane vector.
 */
#pragma once
#include <vector>
#include "../core/blend.h"
#include "../core/real.h"
#include "pool.h"

namespace pgs {

typedef ProjectedT<real> Projected;
typedef ProjectedGradT<real> ProjectedGrad;
typedef CameraT<real> Camera;
typedef SplatT<real> Splat;
typedef SplatGradT<real> SplatGrad;
typedef PairGradT<real> PairGrad;

/* Image planes of whole tiles: row-major, stride = 16 * tiles_x, so that a tile row is one aligned vector. */
struct Frame {
    int width = 0, height = 0, tiles_x = 0, tiles_y = 0, stride = 0;
    std::vector<real> color[3]; /* premultiplied */
    std::vector<real> trans;    /* transmittance left: 1 - alpha */
    std::vector<real> depth;    /* sum z alpha T, where asked for */
    std::vector<real> median;   /* z where T crosses one half, 0 where it does not */
    void resize(int w, int h);
    size_t pixels() const { return size_t(stride) * tiles_y * PGS_TILE_SIZE; }
};

/* Gradients that enter the backward walk, one plane each, laid out as Frame's. */
struct FrameGrad {
    std::vector<real> color[3]; /* dL / d premultiplied colour */
    std::vector<real> trans;    /* dL / d transmittance: what lies behind, dotted with dL/d pixel, minus dL/d alpha */
    std::vector<real> depth;    /* dL / d expected depth; empty: none */
    void resize(const Frame& frame, bool with_depth);
};

struct SplatStats {
    uint32_t pixels = 0;      /* m of Eq. 5 */
    real max_weight = 0;      /* largest alpha * T */
};

/* The (tile, splat) pairs of one view. A pair's slot is fixed by its splat, so per-splat sums have one order. */
struct Bins {
    std::vector<int> tile_start;     /* [tiles + 1] into the two below */
    std::vector<int> splat;          /* projected index, by depth then index inside a tile */
    std::vector<int> slot;           /* where the pair's gradient goes */
    std::vector<int> splat_slot;     /* [n + 1] first slot of each splat */
    std::vector<int> order;          /* depth order of visible splats */
    int pairs = 0;
    int longest = 0;
  private:
    friend void bin_splats(Pool&, const std::vector<Projected>&, int, int, Bins&);
    std::vector<int> pair_tile_, cursor_, counts_;
    std::vector<std::vector<int>> chunk_tiles_;
    std::vector<uint64_t> keys_, keys2_;
};

void bin_splats(Pool& pool, const std::vector<Projected>& splats, int tiles_x, int tiles_y, Bins& bins);

/* Blends every tile front to back (method.md section 3). with_depth fills depth and median too. */
void rasterize(Pool& pool, const std::vector<Projected>& splats, const Bins& bins, Frame& frame, bool with_depth);

/*
 * Gradients of every projected splat, and the statistics of Eq. 5, by walking each tile front to back again.
 * `grads` and `stats` are overwritten, [n]; `slots` is scratch.
 */
void rasterize_backward(Pool& pool, const std::vector<Projected>& splats, const Bins& bins, const Frame& frame, const FrameGrad& in,
                        std::vector<PairGrad>& slots, std::vector<ProjectedGrad>& grads, std::vector<SplatStats>& stats);

}  // namespace pgs
