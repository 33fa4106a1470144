#include "view.h"

namespace pgs {

DeviceView::DeviceView(const ViewSize& size, cudaStream_t stream) : size_(size), stream_(stream) {
    const size_t n = size_t(size.splats), k3 = size_t(size.sh_degree + 1) * (size.sh_degree + 1) * 3, pairs = size.pair_capacity;
    const size_t tiles = size_t(tiles_x()) * tiles_y(), pixels = tiles * TILE_PIXELS, buckets = pairs / BUCKET + tiles;
    camera.resize(1, "the camera");
    means.resize(n * 3, "means");
    quats.resize(n * 4, "quats");
    log_scales.resize(n * 3, "log scales");
    logit_opacities.resize(n, "opacities");
    sh.resize(n * k3, "colours");
    v_means.resize(n * 3, "gradients of means");
    v_quats.resize(n * 4, "gradients of quats");
    v_log_scales.resize(n * 3, "gradients of log scales");
    v_logit_opacities.resize(n, "gradients of opacities");
    v_sh.resize(n * k3, "gradients of colours");
    for (DeviceArray<float>* sums : {&grad_accum, &weight_accum, &grad_accum_plain, &view_count, &max_contribution}) {
        sums->resize(n, "density sums");
        if (n > 0) check_cuda(cudaMemsetAsync(sums->data(), 0, n * sizeof(float), stream), "density sums");
    }
    screen.resize(n, "projected splats");
    picture.resize(pixels, "the picture");
    v_picture.resize(pixels, "the picture's gradient");
    counters.resize(1, "counters");
    tile_cursor.resize(tiles, "tiles");
    tile_start.resize(tiles + 1, "tiles");
    bucket_start.resize(tiles + 1, "tiles");
    tile_reached.resize(tiles, "tiles");
    bucket_tile.resize(buckets, "buckets");
    checkpoints.resize(buckets * TILE_PIXELS, "checkpoints");
    pair_count.resize(n, "slots of splats");
    splat_slot.resize(n, "slots of splats");
    block_slots.resize(blocks_for(n, SPLAT_BLOCK), "slots of splats");
    slot_splat.resize(pairs, "pairs");
    isect_splats.resize(pairs, "pairs");
    isect_slots.resize(pairs, "pairs");
    isect_masks.resize(pairs, "pairs");
    keys.resize(pairs, "pairs");
    merge_keys.resize(pairs, "pairs");
    slots.resize(pairs, "gradients of pairs");
    if (!size.depth) return;
    depth.resize(pixels, "depth");
    median.resize(pixels, "depth");
    v_depth.resize(pixels, "the depth's gradient");
    depth_checkpoints.resize(buckets * TILE_PIXELS, "checkpoints");
}

void DeviceView::forward(int degree) {
    launch_project(stream_, camera.data(), splats(), degree, screen.data());
    launch_bin(stream_, screen.data(), size_.splats, bins());
    launch_raster(stream_, bins(), raster());
    check_cuda(cudaGetLastError(), "forward kernels");
}

void DeviceView::backward(int degree) {
    launch_raster_backward(stream_, bins(), raster());
    launch_project_backward(stream_, camera.data(), splats(), degree, screen.data(), bins(), slots.data());
    check_cuda(cudaGetLastError(), "backward kernels");
}

bool DeviceView::overflowed(ViewCounters& out) {
    out = counters.get(stream_)[0];
    return out.overflow != 0;
}

BinArrays DeviceView::bins() const {
    BinArrays b;
    b.tiles_x = tiles_x();
    b.tiles_y = tiles_y();
    b.pair_capacity = size_.pair_capacity;
    b.counters = counters.data();
    b.tile_cursor = tile_cursor.data();
    b.tile_start = tile_start.data();
    b.bucket_start = bucket_start.data();
    b.bucket_tile = bucket_tile.data();
    b.pair_count = pair_count.data();
    b.splat_slot = splat_slot.data();
    b.block_slots = block_slots.data();
    b.slot_splat = slot_splat.data();
    b.keys = keys.data();
    b.merge_keys = merge_keys.data();
    b.isect_splats = isect_splats.data();
    b.isect_slots = isect_slots.data();
    return b;
}

RasterArrays DeviceView::raster() const {
    RasterArrays r;
    r.width = size_.width;
    r.height = size_.height;
    r.splats = screen.data();
    r.isect_masks = isect_masks.data();
    r.tile_reached = tile_reached.data();
    r.checkpoints = checkpoints.data();
    r.depth_checkpoints = depth_checkpoints.data();
    r.depth = depth.data();
    r.median = median.data();
    r.v_depth = v_depth.data();
    r.picture = picture.data();
    r.v_picture = v_picture.data();
    r.slots = slots.data();
    return r;
}

SplatArrays DeviceView::splats() const {
    return {size_.splats,
            (size_.sh_degree + 1) * (size_.sh_degree + 1),
            means.data(),
            quats.data(),
            log_scales.data(),
            logit_opacities.data(),
            sh.data(),
            v_means.data(),
            v_quats.data(),
            v_log_scales.data(),
            v_logit_opacities.data(),
            v_sh.data(),
            {grad_accum.data(), weight_accum.data(), grad_accum_plain.data(), view_count.data(), max_contribution.data()}};
}

}  // namespace pgs
