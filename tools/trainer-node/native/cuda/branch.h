/* A branch as it is trained on the device: its tensors, and everything that one view of it needs. */
#pragma once
#include <memory>
#include "../engine/state.h"
#include "deform.h"
#include "encoder.h"
#include "iteration.h"
#include "view.h"

namespace pgs {

/* A trained tensor with its gradient and moments, as Param. */
struct DeviceParam {
    DeviceArray<float> value, grad, adam1, adam2;
    void resize(size_t n, const char* name) {
        for (DeviceArray<float>* array : {&value, &grad, &adam1, &adam2}) array->resize(n, name);
    }
    void swap(DeviceParam& other) {
        value.swap(other.value);
        grad.swap(other.grad);
        adam1.swap(other.adam1);
        adam2.swap(other.adam2);
    }
    size_t bytes() const { return value.bytes() + grad.bytes() + adam1.bytes() + adam2.bytes(); }
};

class DeviceBranch {
  public:
    /* Sizes of everything but the pairs, for the branch as it is. Contents of the tensors are lost. */
    void shape(const Branch& branch, int width, int height, cudaStream_t stream);
    /* Arrays of a view for `splats` rows and so many pairs. */
    void shape_view(int splats, uint32_t pair_capacity);
    int count() const { return n_; }
    uint32_t pair_capacity() const { return view.size().pair_capacity; }
    size_t bytes() const;

    /* Rewrites the splats by the plan's rows; sums start at zero. Where memory runs out, tensors and sums are as they were, but
     * everything else has to be shaped again. */
    void densify(const DensityPlan& plan, const std::vector<float>& normals, cudaStream_t stream);

    /* The passes of a view in their order. `input` is device memory. */
    void pose(cudaStream_t stream, const StepInput* input, int expressions, const float* encoder_weights);
    void project(cudaStream_t stream, const StepInput* input, bool posed, bool statistics, int degree);
    void compare(cudaStream_t stream, const StepInput* input, bool grads);
    void project_back(cudaStream_t stream, const StepInput* input, bool posed, bool statistics, int degree);
    void pose_back(cudaStream_t stream, const StepInput* input, int expressions);

    LossArrays loss_arrays() const;
    LossView loss_view() const { return {view.picture.data(), view.v_picture.data(), view.counters.data()}; }
    const DeformTotals* totals() const { return totals_.data(); }
    const EncoderActs* acts() const { return acts_.data(); }
    const float* v_feat() const { return v_audio_feat_.data(); }
    void clear_statistics(cudaStream_t stream);
    std::vector<DeviceParam*> params();
    /* In the order of Branch::statistics. */
    std::vector<DeviceArray<float>*> statistics() {
        return {&grad_accum, &weight_accum, &grad_accum_plain, &view_count, &max_contribution};
    }
    /* Waits. Premultiplied RGBA [height, width, 4] of what was drawn. */
    void copy_picture(float* rgba, cudaStream_t stream) const;

    int id = FACE;
    DeviceParam means, quats, log_scales, logit_opacities, sh, planes;
    DeviceParam weight[LAYERS], bias[LAYERS];
    DeviceArray<float> grad_accum, weight_accum, grad_accum_plain, view_count, max_contribution;
    DeviceView view;
    DeviceArray<LossSums> sums;

  private:
    int n_ = 0, sh_degree_ = 0, width_ = 0, height_ = 0;
    bool has_nets_ = false;
    PlaneLayout layout_;
    DeviceArray<float> posed_means_, posed_quats_, posed_log_scales_;
    DeviceArray<float> loss_partials_;
    DeviceArray<double> loss_tiles_;
    DeviceArray<DeformFrame> frame_;
    DeviceArray<DeformTotals> totals_;
    DeviceArray<double> block_sums_;
    DeviceArray<float> kept_, v_spatial_, partial_;
    DeviceArray<unsigned long long> plane_sums_;
    DeviceArray<EncoderActs> acts_;
    DeviceArray<float> audio_feat_, v_audio_feat_;
    static constexpr int SPLAT_PARAMS = 5, SPLAT_SUMS = 5;
    DeviceParam spare_[SPLAT_PARAMS]; /* the other side of density control, kept: an allocation stops the GPU */
    DeviceArray<float> spare_sums_[SPLAT_SUMS];
    DeviceArray<int> source_;
    DeviceArray<float> normals_;

    void shape_scratch(int n);
    SplatArrays splats(bool posed, bool statistics) const;
    PoseArrays pose_arrays() const;
    DeformWeights weights() const;
    DeformGrads grads() const;
    DeformArrays deform_arrays() const;
};

}  // namespace pgs
