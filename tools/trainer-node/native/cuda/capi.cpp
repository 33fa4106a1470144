/* The C edge of the kernels: one view on host arrays. */
#include <cmath>
#include <cstdio>
#include <exception>
#include "view.h"

namespace pgs {
namespace {

/* Rows of the picture without what the last tiles hold beyond it; `width` values of type T. */
template <class T>
void copy_rows(const std::vector<T>& padded, int stride, int width, int height, void* out) {
    for (int y = 0; y < height; y++)
        std::memcpy(static_cast<char*>(out) + size_t(y) * width * sizeof(T), &padded[size_t(y) * stride], width * sizeof(T));
}
template <class T>
std::vector<T> pad_rows(const void* in, size_t pixels, int stride, int width, int height) {
    std::vector<T> padded(pixels, T{});
    for (int y = 0; y < height; y++)
        std::memcpy(&padded[size_t(y) * stride], static_cast<const char*>(in) + size_t(y) * width * sizeof(T), width * sizeof(T));
    return padded;
}
void copy_out(const DeviceArray<float>& array, float* out, cudaStream_t stream) {
    if (!out) return;
    const std::vector<float> values = array.get(stream);
    if (!values.empty()) std::memcpy(out, values.data(), values.size() * sizeof(float));
}

}  // namespace
}  // namespace pgs

using namespace pgs;

extern "C" int32_t pgs_cuda_view(int32_t n, int32_t sh_degree, const float* means, const float* quats, const float* log_scales,
                                 const float* logit_opacities, const float* sh, const double* viewmat, double fx, double fy, double cx,
                                 double cy, int32_t width, int32_t height, const float* v_rgbt, const float* v_depth,
                                 uint32_t pair_capacity, float* out_rgbt, float* out_depth, float* out_median, float* out_counts,
                                 float* out_max, float* v_means, float* v_quats, float* v_log_scales, float* v_logit_opacities, float* v_sh,
                                 char* text, int32_t capacity) {
    std::string message;
    int32_t status = PGS_OK;
    try {
        require(n >= 0 && sh_degree >= 0 && sh_degree <= (v_rgbt ? 2 : 3) && viewmat && out_rgbt && width > 0 && height > 0 &&
                    width <= 8192 && height <= 8192 && fx > 0 && fy > 0,
                "pgs_cuda_view: expected a camera, a picture of 1..8192 px and a degree 0..3 (0..2 with gradients).");
        require(n == 0 || (means && quats && log_scales && logit_opacities && sh), "pgs_cuda_view: expected no null array of splats.");
        require(!out_depth == !out_median && (out_depth || !v_depth),
                "pgs_cuda_view: expected out_depth and out_median, or neither and no v_depth.");
        const cudaStream_t stream = nullptr;
        const size_t count = size_t(n), k3 = size_t(sh_degree + 1) * (sh_degree + 1) * 3;
        DeviceSplats splats(n, sh_degree, stream);
        DeviceView view;
        view.resize({n, width, height, pair_capacity, out_depth != nullptr});
        CameraT<float> camera;
        set_camera(camera, viewmat, fx, fy, cx, cy, width, height);
        DeviceArray<CameraT<float>> device_camera;
        device_camera.resize(1, "the camera");
        device_camera.put(&camera, 1, stream);
        splats.means.put(means, count * 3, stream);
        splats.quats.put(quats, count * 4, stream);
        splats.log_scales.put(log_scales, count * 3, stream);
        splats.logit_opacities.put(logit_opacities, count, stream);
        splats.sh.put(sh, count * k3, stream);
        view.project_and_bin(stream, device_camera.data(), splats.arrays(), sh_degree);
        view.raster_forward(stream);
        ViewCounters counters;
        if (view.overflowed(stream, counters))
            throw Failure{PGS_E_OVERFLOW, "pgs_cuda_view: expected at most " + std::to_string(pair_capacity) + " pairs, got " +
                                                  std::to_string(counters.pairs) + ". Pass a larger pair_capacity."};
        const int stride = view.tiles_x() * PGS_TILE_SIZE;
        copy_rows(view.picture.get(stream), stride, width, height, out_rgbt);
        if (out_depth) {
            copy_rows(view.depth.get(stream), stride, width, height, out_depth);
            copy_rows(view.median.get(stream), stride, width, height, out_median);
        }
        if (v_rgbt) {
            const std::vector<Quad> gradient = pad_rows<Quad>(v_rgbt, view.v_picture.size(), stride, width, height);
            view.v_picture.put(gradient.data(), gradient.size(), stream);
            std::vector<float> depth_gradient(view.v_depth.size(), 0.0f);
            if (v_depth) depth_gradient = pad_rows<float>(v_depth, depth_gradient.size(), stride, width, height);
            if (out_depth) view.v_depth.put(depth_gradient.data(), depth_gradient.size(), stream);
            view.raster_backward(stream);
            view.project_back(stream, device_camera.data(), splats.arrays(), sh_degree);
            copy_out(splats.weight_accum, out_counts, stream);
            copy_out(splats.max_contribution, out_max, stream);
            copy_out(splats.v_means, v_means, stream);
            copy_out(splats.v_quats, v_quats, stream);
            copy_out(splats.v_log_scales, v_log_scales, stream);
            copy_out(splats.v_logit_opacities, v_logit_opacities, stream);
            copy_out(splats.v_sh, v_sh, stream);
        }
    } catch (const Failure& failure) {
        status = failure.status;
        message = failure.message;
    } catch (const std::exception& e) {
        status = PGS_E_MEMORY;
        message = std::string("pgs_cuda_view: ") + e.what();
    }
    if (text && capacity > 0) std::snprintf(text, size_t(capacity), "%s", message.c_str());
    return status;
}
