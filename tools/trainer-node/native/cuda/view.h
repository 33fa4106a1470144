/* One view on the device: its arrays, and its kernels in their order. The training program will hold one for each branch. */
#pragma once
#include <vector>
#include "error.h"
#include "layout.h"

namespace pgs {

/* Device memory with an owner. */
template <class T>
class DeviceArray {
  public:
    DeviceArray() = default;
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    /* Contents are lost. */
    void resize(size_t count, const char* name) {
        cudaFree(data_);
        data_ = nullptr;
        count_ = 0;
        if (count == 0) return;
        void* memory = nullptr;
        const cudaError_t error = cudaMalloc(&memory, count * sizeof(T));
        if (error != cudaSuccess)
            check_cuda(error, std::string("GPU memory for ") + name + ", " + std::to_string(count * sizeof(T) >> 20) + " MB more");
        data_ = static_cast<T*>(memory);
        count_ = count;
    }
    void put(const T* from, size_t count, cudaStream_t stream) {
        check_cuda(cudaMemcpyAsync(data_, from, count * sizeof(T), cudaMemcpyHostToDevice, stream), "copy to the GPU");
    }
    /* Waits for the stream. */
    std::vector<T> get(cudaStream_t stream) const {
        std::vector<T> out(count_);
        if (count_ > 0)
            check_cuda(cudaMemcpyAsync(out.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost, stream), "copy from the GPU");
        check_cuda(cudaStreamSynchronize(stream), "kernels");
        return out;
    }
    T* data() const { return data_; }
    size_t size() const { return count_; }

  private:
    T* data_ = nullptr;
    size_t count_ = 0;
};

struct ViewSize {
    int splats, sh_degree; /* degree of storage */
    int width, height;
    uint32_t pair_capacity;
    bool depth;
};

class DeviceView {
  public:
    /* Allocates everything; throws CudaFailure. Density sums start at zero. */
    DeviceView(const ViewSize& size, cudaStream_t stream);

    /* Queue the kernels; none waits. `degree` is the active one. */
    void forward(int degree);
    /* After forward, with v_picture (and v_depth) filled. */
    void backward(int degree);
    /* Waits; true where the view needed more pairs than its capacity, and so was not drawn. */
    bool overflowed(ViewCounters& counters);

    /* Inputs, filled by the caller: [n, 3], [n, 4] ... as the trainer's tensors are. */
    DeviceArray<CameraT<float>> camera;
    DeviceArray<float> means, quats, log_scales, logit_opacities, sh;
    DeviceArray<Quad> v_picture;
    DeviceArray<float> v_depth;
    /* Outputs. */
    DeviceArray<ScreenSplat> screen;
    DeviceArray<Quad> picture;
    DeviceArray<float> depth, median;
    DeviceArray<PairGradT<float>> slots;
    DeviceArray<float> v_means, v_quats, v_log_scales, v_logit_opacities, v_sh;
    DeviceArray<float> grad_accum, weight_accum, grad_accum_plain, view_count, max_contribution;
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
    SplatArrays splats() const;
    int tiles_x() const { return (size_.width + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE; }
    int tiles_y() const { return (size_.height + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE; }

  private:
    ViewSize size_;
    cudaStream_t stream_;
};

}  // namespace pgs
