/* The invariant of core/tiles.h that the raster kernels rely on, at the samples where rounding decides. */
#pragma once
#include <cstddef>

namespace pgs {

struct MaskCount {
    size_t samples = 0; /* of alpha >= ALPHA_MIN, all within rounding of it */
    size_t missed = 0;  /* whose sub-tile the mask leaves out */
};

/* Draws splats whose footprint ends at a pixel centre; deterministic. */
MaskCount count_mask_misses();

}  // namespace pgs
