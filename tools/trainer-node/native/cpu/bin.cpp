#include <algorithm>
#include "../core/tiles.h"
#include "raster.h"

namespace pgs {

void Frame::resize(int w, int h) {
    width = w;
    height = h;
    tiles_x = (w + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE;
    tiles_y = (h + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE;
    stride = tiles_x * PGS_TILE_SIZE;
    for (auto& plane : color) plane.resize(pixels());
    trans.resize(pixels());
}

void FrameGrad::resize(const Frame& frame, bool with_depth) {
    for (auto& plane : color) plane.resize(frame.pixels());
    trans.resize(frame.pixels());
    depth.resize(with_depth ? frame.pixels() : 0);
}

/* Stable order by depth: least-significant-digit radix sort of the float bits (depths are positive), ties by index. */
static void depth_order(const std::vector<Projected>& splats, std::vector<uint64_t>& keys, std::vector<uint64_t>& scratch,
                        std::vector<int>& order) {
    keys.clear();
    for (size_t i = 0; i < splats.size(); i++) {
        if (splats[i].radius == 0) continue;
        const float depth = float(splats[i].depth);
        uint32_t bits;
        std::memcpy(&bits, &depth, 4);
        keys.push_back((uint64_t(bits) << 32) | uint64_t(i));
    }
    scratch.resize(keys.size());
    for (int shift = 32; shift < 64; shift += 8) {
        size_t count[257] = {0};
        for (uint64_t key : keys) count[((key >> shift) & 255) + 1]++;
        for (int d = 0; d < 256; d++) count[d + 1] += count[d];
        for (uint64_t key : keys) scratch[count[(key >> shift) & 255]++] = key;
        keys.swap(scratch);
    }
    order.resize(keys.size());
    for (size_t i = 0; i < keys.size(); i++) order[i] = int(keys[i] & 0xffffffffu);
}

void bin_splats(Pool& pool, const std::vector<Projected>& splats, int tiles_x, int tiles_y, Bins& bins) {
    const int n = int(splats.size()), tiles = tiles_x * tiles_y, grain = 1024;
    const int chunks = (n + grain - 1) / grain;
    bins.counts_.resize(n);
    bins.chunk_tiles_.resize(chunks);
    pool.ranges(n, grain, [&](int begin, int end, int chunk) {
        auto& list = bins.chunk_tiles_[chunk];
        list.clear();
        for (int i = begin; i < end; i++) {
            const size_t before = list.size();
            if (splats[i].radius > 0)
                for_each_tile(splats[i], tiles_x, tiles_y, [&](int tx, int ty) { list.push_back(ty * tiles_x + tx); });
            bins.counts_[i] = int(list.size() - before);
        }
    });
    bins.splat_slot.resize(n + 1);
    bins.splat_slot[0] = 0;
    for (int i = 0; i < n; i++) bins.splat_slot[i + 1] = bins.splat_slot[i] + bins.counts_[i];
    bins.pairs = bins.splat_slot[n];
    bins.pair_tile_.clear();
    for (int chunk = 0; chunk < chunks; chunk++)
        bins.pair_tile_.insert(bins.pair_tile_.end(), bins.chunk_tiles_[chunk].begin(), bins.chunk_tiles_[chunk].end());

    bins.tile_start.assign(tiles + 1, 0);
    for (int tile : bins.pair_tile_) bins.tile_start[tile + 1]++;
    bins.longest = 0;
    for (int t = 0; t < tiles; t++) {
        bins.longest = std::max(bins.longest, bins.tile_start[t + 1]);
        bins.tile_start[t + 1] += bins.tile_start[t];
    }
    bins.cursor_.assign(bins.tile_start.begin(), bins.tile_start.end() - 1);
    bins.splat.resize(bins.pairs);
    bins.slot.resize(bins.pairs);
    depth_order(splats, bins.keys_, bins.keys2_, bins.order);
    for (int i : bins.order)
        for (int slot = bins.splat_slot[i]; slot < bins.splat_slot[i + 1]; slot++) {
            const int at = bins.cursor_[bins.pair_tile_[slot]]++;
            bins.splat[at] = i;
            bins.slot[at] = slot;
        }
}

}  // namespace pgs
