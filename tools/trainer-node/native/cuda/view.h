/* One view on the device: its arrays, and its kernels in their order. */
#pragma once
#include "layout.h"
#include "memory.h"

namespace pgs {

/* Splats that nobody else keeps on the device: for the C entry and the tests. A trained branch has its own (branch.h). */
struct DeviceSplats {
    /* Density sums start at zero. */
    DeviceSplats(int n, int sh_degree, cudaStream_t stream);
    SplatArrays arrays() const;

    int n, sh_degree;
    /* [n, 3], [n, 4] ... as the trainer's tensors are. */
    DeviceArray<float> means, quats, log_scales, logit_opacities, sh;
    DeviceArray<float> v_means, v_quats, v_log_scales, v_logit_opacities, v_sh;
    DeviceArray<float> grad_accum, weight_accum, grad_accum_plain, view_count, max_contribution;
};

struct ViewSize {
    int splats, width, height;
    uint32_t pair_capacity;
    bool depth;
};

class DeviceView {
  public:
    /* Allocates everything that `size` asks for and that is not there already. */
    void resize(const ViewSize& size);
    const ViewSize& size() const { return size_; }
    size_t bytes() const;

    /* Queue the kernels; none waits. `degree` is the active one. `camera` is device memory. */
    void project_and_bin(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree);
    void raster_forward(cudaStream_t stream);
    /* With v_picture (and v_depth) filled. */
    void raster_backward(cudaStream_t stream);
    void project_back(cudaStream_t stream, const CameraT<float>* camera, const SplatArrays& splats, int degree);
    /* Waits; true where the view needed more pairs than its capacity, and so was not drawn. */
    bool overflowed(cudaStream_t stream, ViewCounters& counters);

    /* Where it says 1, every kernel after binning leaves its outputs as they are. Device memory; null: nothing stops them. */
    const int* stopped = nullptr;

    /* Inputs. */
    DeviceArray<Quad> v_picture;
    DeviceArray<float> v_depth;
    /* Outputs. */
    DeviceArray<ScreenSplat> screen;
    DeviceArray<Quad> picture;
    DeviceArray<float> depth, median;
    DeviceArray<PairGradT<float>> slots;
    /* Bins, for whoever wants to look. */
    DeviceArray<ViewCounters> counters;
    DeviceArray<uint32_t> tile_cursor, tile_start, bucket_start, bucket_tile, tile_reached, pair_count, splat_slot, block_slots, slot_splat,
        isect_splats, isect_slots;
    DeviceArray<uint64_t> keys, merge_keys;
    DeviceArray<uint8_t> isect_masks;
    DeviceArray<Quad> checkpoints;
    DeviceArray<float> depth_checkpoints;

    BinArrays bins() const;
    RasterArrays raster() const;
    int tiles_x() const { return (size_.width + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE; }
    int tiles_y() const { return (size_.height + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE; }

  private:
    ViewSize size_ = {0, 0, 0, 0, false};
};

}  // namespace pgs
