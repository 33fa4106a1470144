/*
 * Records and arrays that the kernels of one view share. Counts and orders are the CPU's (cpu/raster.h); what differs is packing:
 * a projected splat is four aligned 16-byte words, a pixel is one.
 */
#pragma once
#include "../core/blend.h"
#include "../core/density.h"
#include "../core/tiles.h"
#include "../emu/launch.h"

namespace pgs {

/* What a warp or a block of these kernels is. */
constexpr int WARP_SIZE = 32;
constexpr unsigned FULL_WARP = 0xffffffffu;
constexpr int TILE_PIXELS = PGS_TILE_SIZE * PGS_TILE_SIZE;
/* Splats between two checkpoints of the forward pass: the work of one warp of the backward pass. Chosen in the design: 4 KB of
 * state a bucket, and thousands of warps where the longest tile has 700 splats. */
constexpr int BUCKET = 64;
/* Threads of a kernel that takes one splat each. */
constexpr int SPLAT_BLOCK = 256;

struct alignas(16) Quad {
    float x, y, z, w;
};

/* A projected splat: 64 bytes. A culled one has radius 0, and then no other word counts. */
struct ScreenSplat {
    Quad place;  /* x, y: screen mean, px; z: depth, m; w: opacity */
    Quad shape;  /* x, y, z: conic a, b, c; w: radius, px, a whole number below 2^20 */
    Quad color;  /* x, y, z: red, green, blue; w: unused */
    Quad spread; /* x, y: dilated screen variances, px^2; z, w: unused */
};
static_assert(sizeof(ScreenSplat) == 64, "four 16-byte loads");

PGS_HD ScreenSplat pack_splat(const ProjectedT<float>& p) {
    return {{p.x, p.y, p.depth, p.opacity},
            {p.conic[0], p.conic[1], p.conic[2], float(p.radius)},
            {p.color[0], p.color[1], p.color[2], 0.0f},
            {p.cov_xx, p.cov_yy, 0.0f, 0.0f}};
}
PGS_HD ProjectedT<float> unpack_splat(const ScreenSplat& s) {
    ProjectedT<float> p;
    p.x = s.place.x;
    p.y = s.place.y;
    p.depth = s.place.z;
    p.opacity = s.place.w;
    p.conic[0] = s.shape.x;
    p.conic[1] = s.shape.y;
    p.conic[2] = s.shape.z;
    p.radius = int(s.shape.w);
    p.color[0] = s.color.x;
    p.color[1] = s.color.y;
    p.color[2] = s.color.z;
    p.cov_xx = s.spread.x;
    p.cov_yy = s.spread.y;
    return p;
}

/* What the device knows of a view that the host sized in advance. */
struct ViewCounters {
    uint32_t pairs;   /* (tile, splat) pairs that the view needs; 2^32 - 1 where more */
    uint32_t longest; /* splats of the fullest tile */
    uint32_t buckets;
    uint32_t overflow; /* 1: pairs > pair_capacity. Every later kernel then leaves its outputs as they are: the step did not happen. */
};

/* Bins and their scratch. T tiles, N splats; capacities are the host's. */
struct BinArrays {
    int tiles_x, tiles_y;
    uint32_t pair_capacity;
    ViewCounters* counters; /* [1] */
    const int* stopped;     /* [1] where 1, the view counts as one that overflowed; null: never */
    uint32_t* tile_cursor;  /* [T] pairs counted, then pairs placed */
    uint32_t* tile_start;   /* [T + 1] into isect_* */
    uint32_t* bucket_start; /* [T + 1] */
    uint32_t* bucket_tile;  /* [pair_capacity / BUCKET + T] tile of each bucket */
    uint32_t* pair_count;   /* [N] tiles that a splat reaches */
    uint32_t* splat_slot;   /* [N] first of a splat's contiguous slots */
    uint32_t* block_slots;  /* [ceil(N / SPLAT_BLOCK)] pairs of a block of splats, then those before it */
    uint32_t* slot_splat;   /* [pair_capacity] splat of each slot */
    uint64_t* keys;         /* [pair_capacity] depth bits, slot: in no order inside a tile, then sorted */
    uint64_t* merge_keys;   /* [pair_capacity] the other side of the merge, for tiles beyond the sort's shared memory */
    uint32_t* isect_splats; /* [pair_capacity] by tile, then depth, then index */
    uint32_t* isect_slots;  /* [pair_capacity] where the pair's gradient goes */
    PGS_HD int tiles() const { return tiles_x * tiles_y; }
};

/* Pictures are row-major in whole tiles: [tiles_y * 16, tiles_x * 16]. */
struct RasterArrays {
    int width, height;
    const ScreenSplat* splats;
    uint8_t* isect_masks;     /* [pair_capacity] sub-tiles that the pair reaches */
    uint32_t* tile_reached;   /* [T] buckets begun before every pixel was full */
    Quad* checkpoints;        /* [buckets, 256] colour and transmittance before the bucket; negative: the pixel is full */
    float* depth_checkpoints; /* [buckets, 256]; null without depth, as are the next three */
    float* depth;             /* sum z alpha T */
    float* median;            /* z where T crosses one half, 0 where it does not */
    const float* v_depth;
    Quad* picture;           /* premultiplied red, green, blue; transmittance */
    const Quad* v_picture;   /* their gradients */
    PairGradT<float>* slots; /* [pair_capacity] */
};

/* A branch's posed splats and their gradients; K coefficients stored. */
struct SplatArrays {
    int n, sh_k;
    const float *means, *quats, *log_scales, *logit_opacities, *sh;
    float *v_means, *v_quats, *v_log_scales, *v_logit_opacities, *v_sh;
    DensitySumsT<float> density;
};

inline unsigned blocks_for(size_t count, int per_block) { return unsigned((count + per_block - 1) / per_block); }

/* Launchers, one a file. All are queued on the stream; none waits. `camera` is device memory, so that a replayed graph can
 * change the view. */
void launch_project(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree, ScreenSplat* out);
void launch_project_backward(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree,
                             const ScreenSplat* screen, const BinArrays& bins, const PairGradT<float>* slots);
void launch_bin(cudaStream_t stream, const ScreenSplat* splats, int n, const BinArrays& bins);
void launch_raster(cudaStream_t stream, const BinArrays& bins, const RasterArrays& raster);
void launch_raster_backward(cudaStream_t stream, const BinArrays& bins, const RasterArrays& raster);

}  // namespace pgs
