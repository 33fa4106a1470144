/*
 * Gradients of every (tile, splat) pair, with the pixel counts of Eq. 5 and the largest contribution.
 *
 * One warp per (tile, bucket of 64 splats). A lane owns eight pixels of the tile, one in each 8x4 sub-tile, and holds their state
 * in registers; it starts from the forward pass' checkpoint and walks the bucket front to back. A splat's twelve sums are spread
 * over the lanes while they are reduced (13 exchanges instead of 60) and leave in one store to the pair's own slot.
 * Reads bins, picture, v_picture, checkpoints, tile_reached, isect_masks. Writes slots: every pair's, zero where no pixel took it.
 * Barriers: of the warp, around the shared copy of 32 splats; warps of a block have nothing to do with each other.
 * Invariant: what lies behind a splat is the pixel's total minus what came before, so nothing else is kept per pixel and splat.
 * No atomics, one order of additions: repeats are bit-identical.
 */
#include "layout.h"

namespace pgs {
namespace {

constexpr int WARPS = 4;
/* Position of max_weight and pixels among the words of a pair: one is reduced by maximum, the other stored as a whole number. */
constexpr int SUMS = 12, MAX_WEIGHT = 10, PIXELS = 11;
static_assert(sizeof(PairGradT<float>) == SUMS * 4 && offsetof(PairGradT<float>, max_weight) == MAX_WEIGHT * 4 &&
                  offsetof(PairGradT<float>, pixels) == PIXELS * 4,
              "the reduction writes a pair word by word");

struct PixelState {
    float v_red, v_green, v_blue, v_depth;
    float trans, behind; /* behind: everything behind the current splat, dotted with the pixel's gradient */
    bool done;
};

struct StagedSplats {
    Quad place[WARP_SIZE], shape[WARP_SIZE], color[WARP_SIZE];
    uint32_t slot[WARP_SIZE], mask[WARP_SIZE];
};

template <bool DEPTH>
__device__ __forceinline__ PixelState open_pixel(const BinArrays& bins, const RasterArrays& raster, int x, int y, size_t checkpoint,
                                                 bool first) {
    PixelState s;
    const size_t at = size_t(y) * (bins.tiles_x * PGS_TILE_SIZE) + x;
    const Quad v = raster.v_picture[at], total = raster.picture[at];
    Quad before = {0.0f, 0.0f, 0.0f, 1.0f};
    if (!first) before = raster.checkpoints[checkpoint];
    s.v_red = v.x;
    s.v_green = v.y;
    s.v_blue = v.z;
    s.behind = (total.x - before.x) * v.x + (total.y - before.y) * v.y + (total.z - before.z) * v.z + total.w * v.w;
    if (DEPTH) {
        s.v_depth = raster.v_depth[at];
        s.behind += (raster.depth[at] - (first ? 0.0f : raster.depth_checkpoints[checkpoint])) * s.v_depth;
    }
    s.done = before.w < 0.0f || x >= raster.width || y >= raster.height;
    s.trans = before.w; /* of a full pixel nobody asks */
    return s;
}

/* One splat at one pixel: moves the pixel past it and adds to the lane's sums. */
template <bool DEPTH>
__device__ __forceinline__ void walk(const Quad& place, const Quad& shape, const Quad& color, float dx, float dy, PixelState& pixel,
                                     float sums[SUMS]) {
    const SampleT<float> s = blend_sample(place.w, splat_power(shape.x, shape.y, shape.z, dx, dy), pixel.trans, pixel.done);
    if (!s.take) return;
    const float weight = s.alpha * pixel.trans;
    float q = color.x * pixel.v_red + color.y * pixel.v_green + color.z * pixel.v_blue;
    if (DEPTH) q += place.z * pixel.v_depth;
    pixel.behind -= weight * q;
    const float v_alpha = pixel.trans * q - __fdividef(pixel.behind, 1.0f - s.alpha);
    /* The clamp at ALPHA_MAX passes no gradient; d alpha / d power = alpha below it. */
    const float v_power = s.raw < float(PGS_ALPHA_MAX) ? v_alpha * s.alpha : 0.0f;
    sums[0] += v_power;
    sums[1] += v_power * dx;
    sums[2] += v_power * dy;
    sums[3] += v_power * dx * dx;
    sums[4] += v_power * dx * dy;
    sums[5] += v_power * dy * dy;
    sums[6] += weight * pixel.v_red;
    sums[7] += weight * pixel.v_green;
    sums[8] += weight * pixel.v_blue;
    if (DEPTH) sums[9] += weight * pixel.v_depth;
    sums[MAX_WEIGHT] = weight > sums[MAX_WEIGHT] ? weight : sums[MAX_WEIGHT];
    /* Eq. 5: inside radius R of the centre, alpha >= ALPHA_MIN, light left. */
    if (dx * dx + dy * dy < shape.w * shape.w) sums[PIXELS] += 1.0f;
    pixel.trans *= 1.0f - s.alpha;
}

__device__ __forceinline__ float fold(float a, float b, bool by_max) { return by_max ? (a > b ? a : b) : a + b; }

/*
 * Reduces twelve sums over 32 lanes by halving: at each step a lane gives away the half of its values that its partner keeps.
 * Returns the one value that the lane ends with; `index` says which, -1 where the lane holds none of the twelve.
 */
__device__ __forceinline__ float reduce_spread(float v[SUMS], int lane, int& index) {
    const bool b4 = lane & 16, b3 = lane & 8, b2 = lane & 4, b1 = lane & 2;
#pragma unroll
    for (int k = 0; k < 6; k++) {
        const float mine = b4 ? v[6 + k] : v[k];
        v[k] = fold(mine, __shfl_xor_sync(FULL_WARP, b4 ? v[k] : v[6 + k], 16), b4 && k == MAX_WEIGHT - 6);
    }
#pragma unroll
    for (int k = 0; k < 3; k++) {
        const float mine = b3 ? v[3 + k] : v[k];
        v[k] = fold(mine, __shfl_xor_sync(FULL_WARP, b3 ? v[k] : v[3 + k], 8), b4 && b3 && k == MAX_WEIGHT - 9);
    }
    /* Three are left: one half keeps the first two, the other the third. */
    const bool last = b4 && b3; /* these lanes hold words 9 to 11 */
    const float second = __shfl_xor_sync(FULL_WARP, v[1], 4);
    v[0] = (b2 ? v[2] : v[0]) + __shfl_xor_sync(FULL_WARP, b2 ? v[0] : v[2], 4);
    v[1] = fold(v[1], second, last);
    const float mine = !b2 && b1 ? v[1] : v[0];
    const bool by_max = last && !b2 && b1;
    float value = fold(mine, __shfl_xor_sync(FULL_WARP, b2 || b1 ? v[0] : v[1], 2), by_max);
    value = fold(value, __shfl_xor_sync(FULL_WARP, value, 1), by_max);
    index = b2 && b1 ? -1 : (b4 ? 6 : 0) + (b3 ? 3 : 0) + (b2 ? 2 : (b1 ? 1 : 0));
    return value;
}

template <bool DEPTH>
__global__ void __launch_bounds__(WARPS* WARP_SIZE) raster_backward(BinArrays bins, RasterArrays raster) {
    __shared__ StagedSplats staged[WARPS];
    const int lane = int(threadIdx.x) % WARP_SIZE, warp = int(threadIdx.x) / WARP_SIZE;
    const uint32_t bucket = blockIdx.x * WARPS + warp;
    if (bins.counters->overflow || bucket >= bins.counters->buckets) return; /* whole warps, and warps share no barrier */
    StagedSplats& stage = staged[warp];
    const int tile = int(bins.bucket_tile[bucket]), tile_x = tile % bins.tiles_x, tile_y = tile / bins.tiles_x;
    const uint32_t nth = bucket - bins.bucket_start[tile], begin = bins.tile_start[tile] + nth * BUCKET;
    const uint32_t tile_end = bins.tile_start[tile + 1], end = begin + BUCKET < tile_end ? begin + BUCKET : tile_end;
    float* const words = reinterpret_cast<float*>(raster.slots);
    const bool reached = nth < raster.tile_reached[tile]; /* else every pixel was full before this bucket */
    if (!reached) {
        for (uint32_t at = begin + lane; at < end; at += WARP_SIZE) raster.slots[bins.isect_slots[at]] = PairGradT<float>{};
        return;
    }
    const int x0 = tile_x * PGS_TILE_SIZE + lane % SUB_TILE_WIDTH, y0 = tile_y * PGS_TILE_SIZE + lane / SUB_TILE_WIDTH;
    const float px0 = float(x0) + 0.5f, py0 = float(y0) + 0.5f;
    PixelState pixels[SUB_TILES];
#pragma unroll
    for (int s = 0; s < SUB_TILES; s++)
        pixels[s] = open_pixel<DEPTH>(bins, raster, x0 + s % 2 * SUB_TILE_WIDTH, y0 + s / 2 * SUB_TILE_HEIGHT,
                                      size_t(bucket) * TILE_PIXELS + s * WARP_SIZE + lane, nth == 0);

    for (uint32_t first = begin; first < end; first += WARP_SIZE) {
        const int count = end - first < uint32_t(WARP_SIZE) ? int(end - first) : WARP_SIZE;
        if (lane < count) {
            const ScreenSplat splat = raster.splats[bins.isect_splats[first + lane]];
            stage.place[lane] = splat.place;
            stage.shape[lane] = splat.shape;
            stage.color[lane] = splat.color;
            stage.slot[lane] = bins.isect_slots[first + lane];
            stage.mask[lane] = raster.isect_masks[first + lane];
        }
        __syncwarp();
        for (int j = 0; j < count; j++) {
            const Quad place = stage.place[j], shape = stage.shape[j], color = stage.color[j];
            const uint32_t mask = stage.mask[j];
            float sums[SUMS] = {};
#pragma unroll
            for (int s = 0; s < SUB_TILES; s++)
                if (mask >> s & 1)
                    walk<DEPTH>(place, shape, color, px0 + float(s % 2 * SUB_TILE_WIDTH) - place.x,
                                py0 + float(s / 2 * SUB_TILE_HEIGHT) - place.y, pixels[s], sums);
            int index;
            float value = reduce_spread(sums, lane, index);
            if (index == PIXELS) { /* a whole number, stored as one */
                const uint32_t whole = uint32_t(value);
                memcpy(&value, &whole, sizeof value);
            }
            if (index >= 0 && (lane & 1) == 0) words[size_t(stage.slot[j]) * SUMS + index] = value;
        }
        __syncwarp();
    }
}

}  // namespace

void launch_raster_backward(cudaStream_t stream, const BinArrays& bins, const RasterArrays& raster) {
    /* The grid covers the capacity, as the host does not know the count; warps beyond it end at once. */
    const unsigned blocks = blocks_for(bins.pair_capacity / BUCKET + size_t(bins.tiles()), WARPS);
    if (raster.v_depth)
        PGS_LAUNCH(raster_backward<true>, blocks, WARPS * WARP_SIZE, stream, bins, raster);
    else
        PGS_LAUNCH(raster_backward<false>, blocks, WARPS * WARP_SIZE, stream, bins, raster);
}

}  // namespace pgs
