/*
 * Blends every tile front to back (method.md section 3) and leaves what the backward pass starts from.
 *
 * One block of 256 threads per tile, one thread per pixel; a warp owns an 8x4 sub-tile. Splats come in batches of 128 through
 * shared memory; the thread that loads one also finds the sub-tiles that it reaches, and a warp walks only the set bits of its
 * own. Every 64 splats (a bucket) the pixels store what they hold.
 * Reads the bins and ScreenSplat. Writes picture, isect_masks, checkpoints of all but a tile's first bucket, tile_reached; with
 * DEPTH also depth, median, depth_checkpoints.
 * Barriers: after a batch is loaded, and before the next one overwrites it; the latter also asks whether any pixel takes light.
 * Invariant: a set bit of a mask never misses a sample (core/tiles.h), so the samples taken are those of a walk over all pixels.
 */
#include "layout.h"

namespace pgs {
namespace {

constexpr int BATCH = 128;
static_assert(BATCH % BUCKET == 0 && BUCKET % WARP_SIZE == 0, "a batch is whole buckets, a bucket whole words of a mask");
static_assert(TILE_PIXELS == SUB_TILES * WARP_SIZE, "a warp is a sub-tile");

struct Pixel {
    float red, green, blue, trans, depth, median;
    bool done;
};

template <bool DEPTH>
__device__ __forceinline__ void blend(const Quad& place, const Quad& shape, const Quad& color, float px, float py, Pixel& pixel) {
    const float power = splat_power(shape.x, shape.y, shape.z, px - place.x, py - place.y);
    const SampleT<float> s = blend_sample(place.w, power, pixel.trans, pixel.done);
    if (!s.take) return;
    const float weight = s.alpha * pixel.trans, left = pixel.trans * (1.0f - s.alpha);
    pixel.red += weight * color.x;
    pixel.green += weight * color.y;
    pixel.blue += weight * color.z;
    if (DEPTH) {
        pixel.depth += weight * place.z;
        if (pixel.trans > 0.5f && left <= 0.5f) pixel.median = place.z;
    }
    pixel.trans = left;
}

template <bool DEPTH>
__global__ void __launch_bounds__(TILE_PIXELS) raster_forward(BinArrays bins, RasterArrays raster) {
    __shared__ Quad place[BATCH], shape[BATCH], color[BATCH];
    __shared__ uint8_t masks[BATCH];
    if (bins.counters->overflow) return;
    const int tile = int(blockIdx.x), tile_x = tile % bins.tiles_x, tile_y = tile / bins.tiles_x;
    const int thread = int(threadIdx.x), warp = thread / WARP_SIZE, lane = thread % WARP_SIZE;
    const int x = tile_x * PGS_TILE_SIZE + warp % 2 * SUB_TILE_WIDTH + lane % SUB_TILE_WIDTH;
    const int y = tile_y * PGS_TILE_SIZE + warp / 2 * SUB_TILE_HEIGHT + lane / SUB_TILE_WIDTH;
    const float px = float(x) + 0.5f, py = float(y) + 0.5f;
    const uint32_t begin = bins.tile_start[tile], end = bins.tile_start[tile + 1], first_bucket = bins.bucket_start[tile];
    /* A pixel outside the picture takes no light from the start. */
    Pixel pixel = {0.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f, x >= raster.width || y >= raster.height};
    uint32_t reached = 0;
    for (uint32_t at = begin; at < end; at += BATCH) {
        const int count = end - at < uint32_t(BATCH) ? int(end - at) : BATCH;
        if (thread < BATCH) {
            uint32_t mask = 0;
            if (thread < count) {
                const ScreenSplat splat = raster.splats[bins.isect_splats[at + thread]];
                place[thread] = splat.place;
                shape[thread] = splat.shape;
                color[thread] = splat.color;
                mask = sub_tile_mask(unpack_splat(splat), tile_x, tile_y);
                raster.isect_masks[at + thread] = uint8_t(mask);
            }
            masks[thread] = uint8_t(mask);
        }
        __syncthreads();
        const bool full = __all_sync(FULL_WARP, pixel.done);
        for (int first = 0; first < count; first += BUCKET) {
            if (reached > 0) {
                const size_t to = size_t(first_bucket + reached) * TILE_PIXELS + thread;
                raster.checkpoints[to] = {pixel.red, pixel.green, pixel.blue, pixel.done ? -pixel.trans : pixel.trans};
                if (DEPTH) raster.depth_checkpoints[to] = pixel.depth;
            }
            reached++;
            if (full) continue;
            for (int word = first; word < first + BUCKET; word += WARP_SIZE) {
                uint32_t bits = __ballot_sync(FULL_WARP, masks[word + lane] >> warp & 1);
                while (bits) {
                    const int j = word + __ffs(int(bits)) - 1;
                    bits &= bits - 1;
                    blend<DEPTH>(place[j], shape[j], color[j], px, py, pixel);
                }
            }
        }
        if (__syncthreads_and(pixel.done)) break;
    }
    const size_t at = size_t(y) * (bins.tiles_x * PGS_TILE_SIZE) + x;
    raster.picture[at] = {pixel.red, pixel.green, pixel.blue, pixel.trans};
    if (DEPTH) {
        raster.depth[at] = pixel.depth;
        raster.median[at] = pixel.median;
    }
    if (thread == 0) raster.tile_reached[tile] = reached;
}

}  // namespace

void launch_raster(cudaStream_t stream, const BinArrays& bins, const RasterArrays& raster) {
    const unsigned tiles = unsigned(bins.tiles());
    if (raster.depth)
        PGS_LAUNCH(raster_forward<true>, tiles, TILE_PIXELS, stream, bins, raster);
    else
        PGS_LAUNCH(raster_forward<false>, tiles, TILE_PIXELS, stream, bins, raster);
}

}  // namespace pgs
