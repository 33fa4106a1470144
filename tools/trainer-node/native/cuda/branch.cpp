#include "branch.h"
#include <algorithm>
#include "../engine/density_plan.h"
#include "densify.h"

namespace pgs {
namespace {

DensifyTensor gather(const DeviceParam& before, const DeviceParam& after) {
    return {before.value.data(), before.adam1.data(), before.adam2.data(), after.value.data(), after.adam1.data(), after.adam2.data()};
}

}  // namespace

void DeviceBranch::shape(const Branch& branch, int width, int height, cudaStream_t stream) {
    id = branch.id;
    sh_degree_ = branch.sh_degree;
    width_ = width;
    height_ = height;
    layout_ = branch.layout;
    has_nets_ = branch.planes.size() > 0;
    const size_t k3 = size_t(branch.sh_k()) * 3, n = size_t(branch.n);
    means.resize(n * 3, "means");
    quats.resize(n * 4, "quats");
    log_scales.resize(n * 3, "log scales");
    logit_opacities.resize(n, "opacities");
    sh.resize(n * k3, "colours");
    planes.resize(branch.planes.size(), "feature planes");
    for (int l = 0; l < LAYERS; l++) {
        weight[l].resize(branch.layers[l].weight.size(), "layers");
        bias[l].resize(branch.layers[l].bias.size(), "layers");
    }
    n_ = branch.n;
    for (DeviceArray<float>* sums : statistics()) sums->resize(n, "density sums");
    shape_scratch(n_);
    const size_t tiles = size_t((width + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE) * ((height + PGS_TILE_SIZE - 1) / PGS_TILE_SIZE);
    sums.resize(1, "sums of the loss");
    loss_partials_.resize(size_t(LOSS_PARTIALS) * tiles * TILE_PIXELS, "derivatives of the loss");
    loss_tiles_.resize(size_t(LOSS_SUMS) * tiles, "sums of the loss");
    if (!has_nets_) return;
    frame_.resize(1, "the frame's vectors");
    totals_.resize(1, "sums of the deformation");
    plane_sums_.resize(branch.planes.size(), "sums of the feature planes");
    plane_sums_.clear(stream);
    acts_.resize(1, "the encoder's activations");
    audio_feat_.resize(PGS_AUDIO_FEAT_DIM, "f_a");
    v_audio_feat_.resize(PGS_AUDIO_FEAT_DIM, "f_a");
}

/* What has a row for each splat and lives no longer than an iteration. */
void DeviceBranch::shape_scratch(int n) {
    const size_t count = size_t(n);
    if (!has_nets_) return;
    posed_means_.resize(count * 3, "posed splats");
    posed_quats_.resize(count * 4, "posed splats");
    posed_log_scales_.resize(count * 3, "posed splats");
    block_sums_.resize(size_t(deform_blocks(n)), "sums of the deformation");
    kept_.resize(kept_values(id, n), "activations");
    v_spatial_.resize(v_feat_values(n), "gradients of features");
    partial_.resize(partial_values(id, n), "gradients of layers");
}

void DeviceBranch::shape_view(int splats, uint32_t pair_capacity) { view.resize({splats, width_, height_, pair_capacity, false}); }

size_t DeviceBranch::bytes() const {
    size_t sum = view.bytes() + loss_partials_.bytes() + loss_tiles_.bytes() + kept_.bytes() + v_spatial_.bytes() + partial_.bytes() +
                 plane_sums_.bytes() + posed_means_.bytes() + posed_quats_.bytes() + posed_log_scales_.bytes();
    for (const DeviceParam& param : spare_) sum += param.bytes();
    for (const DeviceParam* param : {&means, &quats, &log_scales, &logit_opacities, &sh, &planes}) sum += param->bytes();
    for (int l = 0; l < LAYERS; l++) sum += weight[l].bytes() + bias[l].bytes();
    return sum;
}

void DeviceBranch::densify(const DensityPlan& plan, const std::vector<float>& normals, cudaStream_t stream) {
    const size_t rows = plan.source.size(), k3 = size_t(sh_degree_ + 1) * (sh_degree_ + 1) * 3;
    DeviceParam* const kept[SPLAT_PARAMS] = {&means, &quats, &log_scales, &logit_opacities, &sh};
    const size_t row[SPLAT_PARAMS] = {3, 4, 3, 1, k3};
    DensifyTensor gathers[SPLAT_PARAMS];
    for (int i = 0; i < SPLAT_PARAMS; i++) {
        spare_[i].resize(rows * row[i], "the splats' next rows");
        gathers[i] = gather(*kept[i], spare_[i]);
    }
    for (DeviceArray<float>& sums : spare_sums_) sums.resize(rows, "density sums");
    source_.resize(rows, "rows to keep");
    normals_.resize(normals.size(), "places of children");
    shape_scratch(int(rows));
    shape_view(int(rows), pair_capacity()); /* from here on nothing asks for memory */
    source_.put(plan.source.data(), rows, stream);
    normals_.put(normals.data(), normals.size(), stream);
    launch_densify(stream, {int(rows), plan.survivors, plan.first_child, (sh_degree_ + 1) * (sh_degree_ + 1), source_.data(), normals_.data(),
                            gathers[0], gathers[1], gathers[2], gathers[3], gathers[4]});
    check_cuda(cudaGetLastError(), "density control");
    check_cuda(cudaStreamSynchronize(stream), "density control"); /* the host's lists end with this call */
    for (int i = 0; i < SPLAT_PARAMS; i++) {
        kept[i]->swap(spare_[i]);
        kept[i]->grad.clear(stream);
    }
    for (int i = 0; i < SPLAT_SUMS; i++) statistics()[i]->swap(spare_sums_[i]);
    n_ = int(rows);
    clear_statistics(stream);
}

void DeviceBranch::clear_statistics(cudaStream_t stream) {
    for (DeviceArray<float>* sums : statistics()) sums->clear(stream);
}

std::vector<DeviceParam*> DeviceBranch::params() {
    std::vector<DeviceParam*> all = {&means, &quats, &log_scales, &logit_opacities, &sh, &planes};
    for (int l = 0; l < LAYERS; l++) {
        all.push_back(&weight[l]);
        all.push_back(&bias[l]);
    }
    return all;
}

void DeviceBranch::copy_picture(float* rgba, cudaStream_t stream) const {
    const std::vector<Quad> picture = view.picture.get(stream);
    const size_t stride = size_t(view.tiles_x()) * PGS_TILE_SIZE;
    for (int y = 0; y < height_; y++)
        for (int x = 0; x < width_; x++) {
            const Quad& pixel = picture[size_t(y) * stride + x];
            float* out = rgba + (size_t(y) * width_ + x) * 4;
            out[0] = pixel.x;
            out[1] = pixel.y;
            out[2] = pixel.z;
            out[3] = 1.0f - pixel.w;
        }
}

void DeviceBranch::pose(cudaStream_t stream, const StepInput* input, int expressions, const float* encoder_weights) {
    launch_encoder_forward(stream, input->window, input->keep, encoder_weights, acts_.data(), audio_feat_.data());
    launch_deform_forward(stream, id, input, expressions, audio_feat_.data(), weights(), layout_, pose_arrays(), deform_arrays());
    check_cuda(cudaGetLastError(), "deformation");
}

void DeviceBranch::project(cudaStream_t stream, const StepInput* input, bool posed, bool statistics, int degree) {
    view.project_and_bin(stream, &input->camera, splats(posed, statistics), std::min(degree, sh_degree_));
}

void DeviceBranch::compare(cudaStream_t stream, const StepInput* input, bool grads) {
    launch_branch_loss(stream, input, id, grads, loss_arrays(), loss_view(), sums.data());
    check_cuda(cudaGetLastError(), "loss");
}

void DeviceBranch::project_back(cudaStream_t stream, const StepInput* input, bool posed, bool statistics, int degree) {
    view.project_back(stream, &input->camera, splats(posed, statistics), std::min(degree, sh_degree_));
}

void DeviceBranch::pose_back(cudaStream_t stream, const StepInput* input, int expressions) {
    const PoseGrads v_pose = {means.grad.data(), quats.grad.data(), log_scales.grad.data()};
    launch_deform_backward(stream, id, input, expressions, audio_feat_.data(), weights(), layout_, pose_arrays(), v_pose, deform_arrays(),
                           view.counters.data(), grads());
    launch_planes_backward(stream, layout_, pose_arrays(), deform_arrays(), view.counters.data(), planes.grad.data());
    check_cuda(cudaGetLastError(), "gradients of the deformation");
}

LossArrays DeviceBranch::loss_arrays() const {
    return {width_, height_, view.tiles_x(), view.tiles_y(), loss_partials_.data(), loss_tiles_.data()};
}

SplatArrays DeviceBranch::splats(bool posed, bool statistics) const {
    SplatArrays a = {n_,
                     (sh_degree_ + 1) * (sh_degree_ + 1),
                     posed ? posed_means_.data() : means.value.data(),
                     posed ? posed_quats_.data() : quats.value.data(),
                     posed ? posed_log_scales_.data() : log_scales.value.data(),
                     logit_opacities.value.data(),
                     sh.value.data(),
                     means.grad.data(),
                     quats.grad.data(),
                     log_scales.grad.data(),
                     logit_opacities.grad.data(),
                     sh.grad.data(),
                     {}};
    if (statistics) a.density = {grad_accum.data(), weight_accum.data(), grad_accum_plain.data(), view_count.data(), max_contribution.data()};
    return a;
}

PoseArrays DeviceBranch::pose_arrays() const {
    return {n_,
            means.value.data(),
            quats.value.data(),
            log_scales.value.data(),
            posed_means_.data(),
            posed_quats_.data(),
            posed_log_scales_.data()};
}

DeformWeights DeviceBranch::weights() const {
    DeformWeights w;
    for (int l = 0; l < LAYERS; l++) {
        w.weight[l] = weight[l].value.data();
        w.bias[l] = bias[l].value.data();
    }
    w.planes = planes.value.data();
    return w;
}

DeformGrads DeviceBranch::grads() const {
    DeformGrads g;
    for (int l = 0; l < LAYERS; l++) {
        g.weight[l] = weight[l].grad.data();
        g.bias[l] = bias[l].grad.data();
    }
    g.planes = planes.grad.data();
    g.v_audio_feat = v_audio_feat_.data();
    return g;
}

DeformArrays DeviceBranch::deform_arrays() const {
    return {frame_.data(), totals_.data(), block_sums_.data(), kept_.data(), v_spatial_.data(), partial_.data(), plane_sums_.data()};
}

}  // namespace pgs
