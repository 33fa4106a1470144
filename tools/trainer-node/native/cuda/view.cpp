#include "view.h"

namespace pgs {

DeviceSplats::DeviceSplats(int n, int sh_degree, cudaStream_t stream) : n(n), sh_degree(sh_degree) {
    const size_t count = size_t(n), k3 = size_t(sh_degree + 1) * (sh_degree + 1) * 3;
    for (DeviceArray<float>* array : {&means, &v_means, &log_scales, &v_log_scales}) array->resize(count * 3, "splats");
    for (DeviceArray<float>* array : {&quats, &v_quats}) array->resize(count * 4, "splats");
    for (DeviceArray<float>* array : {&logit_opacities, &v_logit_opacities}) array->resize(count, "splats");
    for (DeviceArray<float>* array : {&sh, &v_sh}) array->resize(count * k3, "colours");
    for (DeviceArray<float>* sums : {&grad_accum, &weight_accum, &grad_accum_plain, &view_count, &max_contribution}) {
        sums->resize(count, "density sums");
        sums->clear(stream);
    }
}

SplatArrays DeviceSplats::arrays() const {
    return {n,
            (sh_degree + 1) * (sh_degree + 1),
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

void DeviceView::resize(const ViewSize& size) {
    size_ = size;
    size_.pair_capacity = 0; /* until there is room for them */
    const size_t n = size_t(size.splats), pairs = size.pair_capacity;
    const size_t tiles = size_t(tiles_x()) * tiles_y(), pixels = tiles * TILE_PIXELS, buckets = pairs / BUCKET + tiles;
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
    const size_t depths = size.depth ? 1 : 0;
    depth.resize(pixels * depths, "depth");
    median.resize(pixels * depths, "depth");
    v_depth.resize(pixels * depths, "the depth's gradient");
    depth_checkpoints.resize(buckets * TILE_PIXELS * depths, "checkpoints");
    size_ = size;
}

size_t DeviceView::bytes() const {
    size_t sum = v_picture.bytes() + screen.bytes() + picture.bytes() + slots.bytes() + keys.bytes() + merge_keys.bytes() +
                 isect_masks.bytes() + checkpoints.bytes();
    for (const DeviceArray<float>* array : {&v_depth, &depth, &median, &depth_checkpoints}) sum += array->bytes();
    for (const DeviceArray<uint32_t>* array : {&tile_cursor, &tile_start, &bucket_start, &bucket_tile, &tile_reached, &pair_count,
                                               &splat_slot, &block_slots, &slot_splat, &isect_splats, &isect_slots})
        sum += array->bytes();
    return sum;
}

void DeviceView::project_and_bin(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree) {
    launch_project(stream, camera, splats, degree, screen.data());
    launch_bin(stream, screen.data(), size_.splats, bins());
    check_cuda(cudaGetLastError(), "projection and binning");
}

void DeviceView::raster_forward(cudaStream_t stream) {
    launch_raster(stream, bins(), raster());
    check_cuda(cudaGetLastError(), "rasterization");
}

void DeviceView::raster_backward(cudaStream_t stream) {
    launch_raster_backward(stream, bins(), raster());
    check_cuda(cudaGetLastError(), "gradients of pairs");
}

void DeviceView::project_back(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree) {
    launch_project_backward(stream, camera, splats, degree, screen.data(), bins(), slots.data());
    check_cuda(cudaGetLastError(), "gradients of splats");
}

bool DeviceView::overflowed(cudaStream_t stream, ViewCounters& out) {
    out = counters.get(stream)[0];
    return out.overflow != 0;
}

BinArrays DeviceView::bins() const {
    BinArrays b;
    b.tiles_x = tiles_x();
    b.tiles_y = tiles_y();
    b.pair_capacity = size_.pair_capacity;
    b.counters = counters.data();
    b.stopped = stopped;
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

}  // namespace pgs
