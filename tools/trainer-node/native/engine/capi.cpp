/* The C edge: checks arguments, takes the context's lock, turns exceptions into status codes. */
#include "../include/pgs_trainer.h"
#include <chrono>
#include <new>
#include <sstream>
#include "../core/rng.h"
#include "state.h"

struct pgs_context : pgs::Context {
    using pgs::Context::Context;
};

namespace {

using namespace pgs;

struct Failure {
    int32_t status;
    std::string message;
};

void require(bool ok, const std::string& message, int32_t status = PGS_E_ARGUMENT) {
    if (!ok) throw Failure{status, message};
}

/* One call in flight, no exception past the edge. */
template <class F> int64_t guarded(pgs_context* ctx, F&& body) {
    if (!ctx) return PGS_E_ARGUMENT;
    std::unique_lock<std::mutex> lock(ctx->running, std::try_to_lock);
    if (!lock.owns_lock() || ctx->closed) return PGS_E_BUSY;
    try {
        return body();
    } catch (const Failure& failure) {
        ctx->error = failure.message;
        return failure.status;
    } catch (const std::bad_alloc&) {
        ctx->error = "memory: the allocation failed. Train fewer frames, a smaller picture or fewer splats.";
        return PGS_E_MEMORY;
    } catch (const std::exception& e) {
        ctx->error = e.what();
        return PGS_E_ARGUMENT;
    }
}

Branch& branch_of(pgs_context* ctx, int32_t branch) {
    require(branch == FACE || branch == MOUTH, "branch: expected 0 (face) or 1 (mouth), got " + std::to_string(branch) + ".");
    return ctx->branch[branch];
}

void require_frame(pgs_context* ctx, int32_t frame) {
    require(frame >= 0 && size_t(frame) < ctx->data.frames.size() && !ctx->data.frames[frame].rgb.empty(),
            "frame: expected one of the " + std::to_string(ctx->data.frames.size()) + " frames put with pgs_data_frame, got " + std::to_string(frame) + ".");
}

void require_model(pgs_context* ctx, int32_t mask, bool deform) {
    for (int b = 0; b < BRANCHES; b++) {
        if (!(mask & (1 << b))) continue;
        require(ctx->branch[b].n > 0, std::string(BRANCH_NAMES[b]) + ": expected splats, got none. Call pgs_splats_resize first.");
        require(!deform || ctx->branch[b].planes.size() > 0, std::string(BRANCH_NAMES[b]) + ": expected networks. Call pgs_nets_init first.");
    }
    require(!deform || ctx->encoder.fc[1].weight.size() > 0, "encoder: expected weights. Call pgs_encoder_init first.");
    require(!deform || !ctx->data.mel.empty(), "audio: expected feature frames. Call pgs_data_audio first.");
}

template <class T> void set_camera(CameraT<T>& camera, const double* viewmat, double fx, double fy, double cx, double cy, int width, int height) {
    for (int i = 0; i < 12; i++) camera.view[i] = T(viewmat[i]);
    for (int c = 0; c < 3; c++)
        camera.centre[c] = T(-(viewmat[c] * viewmat[3] + viewmat[4 + c] * viewmat[7] + viewmat[8 + c] * viewmat[11]));
    camera.fx = T(fx);
    camera.fy = T(fy);
    camera.cx = T(cx);
    camera.cy = T(cy);
    camera.lim_x = T(PGS_FOV_CLAMP * 0.5 * width / fx);
    camera.lim_y = T(PGS_FOV_CLAMP * 0.5 * height / fy);
    camera.width = width;
    camera.height = height;
}

void resize_statistics(Branch& b) {
    for (auto* values : {&b.grad_accum, &b.weight_accum, &b.grad_accum_plain, &b.view_count, &b.max_contribution}) values->assign(b.n, real(0));
}

void require_finite(pgs_context* ctx, double loss, const char* stage, int64_t iteration) {
    if (std::isfinite(loss)) return;
    std::string culprit = "the loss";
    for (const std::string& name : stored_tensors(*ctx))
        if (auto* values = find_tensor(*ctx, name))
            if (!all_finite(*values)) {
                culprit = name;
                break;
            }
    std::ostringstream message;
    message << culprit << ": expected finite numbers, got NaN or infinity at iteration " << iteration << " of the " << stage
            << " stage. Resume from the last checkpoint with smaller learning rates.";
    throw Failure{PGS_E_DIVERGED, message.str()};
}

const char* const STAGE_NAMES[3] = {"static", "deformation", "fine-tuning"};

int next_frame(Branch& b) { return b.order[size_t(b.cursor++ % int64_t(b.order.size()))]; }

void zero_encoder(Encoder& encoder) {
    for (Linear& layer : encoder.conv) layer.weight.zero_grad(), layer.bias.zero_grad();
    for (Linear& layer : encoder.fc) layer.weight.zero_grad(), layer.bias.zero_grad();
}

void copy_rows(std::vector<real>& values, int row, const std::vector<int>& source, bool zero_new, int survivors) {
    std::vector<real> out(source.size() * row);
    for (size_t i = 0; i < source.size(); i++)
        for (int k = 0; k < row; k++)
            out[i * row + k] = zero_new && int(i) >= survivors ? real(0) : values[size_t(source[i]) * row + k];
    values.swap(out);
}

void copy_planes(const Frame& frame, float* out) {
    if (!out) return;
    for (int y = 0; y < frame.height; y++)
        for (int x = 0; x < frame.width; x++) {
            const size_t at = size_t(y) * frame.stride + x;
            float* pixel = out + (size_t(y) * frame.width + x) * 4;
            for (int c = 0; c < 3; c++) pixel[c] = float(frame.color[c][at]);
            pixel[3] = float(real(1) - frame.trans[at]);
        }
}

}  // namespace

extern "C" {

int32_t pgs_abi_version(void) { return 1; }
int32_t pgs_real_bytes(void) { return int32_t(sizeof(real)); }
const char* pgs_build_info(void) {
    return "g++ " __VERSION__
#if defined(__AVX512F__)
           ", avx512"
#elif defined(__AVX2__)
           ", avx2"
#endif
        ;
}

pgs_context* pgs_create(int32_t threads, uint64_t seed) {
    try {
        return new pgs_context(threads, seed);
    } catch (...) {
        return nullptr;
    }
}
void pgs_destroy(pgs_context* ctx) {
    if (!ctx) return;
    pgs_drain(ctx);
    delete ctx;
}
const char* pgs_last_error(pgs_context* ctx) { return ctx ? ctx->error.c_str() : "context: expected one from pgs_create, got null."; }
void pgs_cancel(pgs_context* ctx) {
    if (ctx) ctx->cancel = true;
}
int32_t pgs_drain(pgs_context* ctx) {
    if (!ctx) return PGS_E_ARGUMENT;
    ctx->closed = true;
    ctx->cancel = true;
    std::lock_guard<std::mutex> lock(ctx->running);
    return PGS_OK;
}

int32_t pgs_set(pgs_context* ctx, const char* name, double value) {
    return int32_t(guarded(ctx, [&] {
        require(name && ctx->settings.count(name), "pgs_set: expected a name of native/engine/settings.h, got '" + std::string(name ? name : "null") + "'.");
        require(std::isfinite(value), "pgs_set: expected a finite value for '" + std::string(name) + "'.");
        ctx->settings[name] = value;
        return PGS_OK;
    }));
}
int32_t pgs_get(pgs_context* ctx, const char* name, double* value) {
    return int32_t(guarded(ctx, [&] {
        require(name && value && ctx->settings.count(name), "pgs_get: expected a name of native/engine/settings.h.");
        *value = ctx->settings.at(name);
        return PGS_OK;
    }));
}

int32_t pgs_data_begin(pgs_context* ctx, int32_t frames, int32_t width, int32_t height, double fx, double fy, double cx, double cy, int32_t num_expressions) {
    return int32_t(guarded(ctx, [&] {
        require(frames > 0 && width >= 8 && height >= 8 && width <= 4096 && height <= 4096 && num_expressions >= 0 && num_expressions <= 64,
                "pgs_data_begin: expected 1+ frames of 8..4096 px and 0..64 expressions.");
        require(fx > 0 && fy > 0, "pgs_data_begin: expected positive focal lengths.");
        Dataset& d = ctx->data;
        d = Dataset();
        d.width = width;
        d.height = height;
        d.fx = fx;
        d.fy = fy;
        d.cx = cx;
        d.cy = cy;
        d.expressions = num_expressions;
        d.frames.resize(frames);
        return PGS_OK;
    }));
}

int32_t pgs_data_frame(pgs_context* ctx, int32_t index, const uint8_t* rgb, const uint8_t* labels, const double* viewmat, const double* expression, const double* lips) {
    return int32_t(guarded(ctx, [&] {
        Dataset& d = ctx->data;
        require(rgb && labels && viewmat && (expression || d.expressions == 0) && lips, "pgs_data_frame: expected no null pointer.");
        require(index >= 0 && size_t(index) < d.frames.size(), "pgs_data_frame: expected an index below " + std::to_string(d.frames.size()) + ".");
        TrainFrame& f = d.frames[index];
        const int w = d.width, h = d.height;
        f.rgb.assign(rgb, rgb + size_t(w) * h * 3);
        f.label.resize(size_t(w) * h);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const uint8_t label = labels[size_t(y) * w + x];
                require(label <= TORSO, "frame " + std::to_string(index) + " labels: expected 0..4, got " + std::to_string(label) + ".");
                int covered = 0; /* of the 3x3 neighbourhood, repeated at the border */
                for (int dy = -1; dy <= 1; dy++)
                    for (int dx = -1; dx <= 1; dx++) {
                        const int yy = y + dy < 0 ? 0 : (y + dy >= h ? h - 1 : y + dy), xx = x + dx < 0 ? 0 : (x + dx >= w ? w - 1 : x + dx);
                        covered += labels[size_t(yy) * w + xx] != BACKGROUND;
                    }
                f.label[size_t(y) * w + x] = uint8_t(label | (covered << 3));
            }
        for (int i = 0; i < 16; i++) require(std::isfinite(viewmat[i]), "frame " + std::to_string(index) + " viewmat: expected finite numbers.");
        set_camera(f.camera, viewmat, d.fx, d.fy, d.cx, d.cy, w, h);
        f.expression.assign(d.expressions, real(0));
        for (int i = 0; i < d.expressions; i++) f.expression[i] = real(expression[i]);
        for (int i = 0; i < 4; i++) f.lips[i] = real(lips[i]);
        return PGS_OK;
    }));
}

int32_t pgs_data_audio(pgs_context* ctx, int32_t variants, int32_t mel_frames, const float* mel, const float* silence) {
    return int32_t(guarded(ctx, [&] {
        require(variants >= 1 && mel_frames >= 1 && mel && silence, "pgs_data_audio: expected at least one variant and one feature frame.");
        ctx->data.mel_variants = variants;
        ctx->data.mel_frames = mel_frames;
        ctx->data.mel.assign(mel, mel + size_t(variants) * mel_frames * PGS_MEL_BANDS);
        ctx->data.silence.assign(silence, silence + PGS_MEL_BANDS);
        return PGS_OK;
    }));
}

int32_t pgs_splats_resize(pgs_context* ctx, int32_t branch, int32_t n, int32_t sh_degree) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(n >= 0 && n <= (1 << 22) && sh_degree >= 0 && sh_degree <= 2, "pgs_splats_resize: expected 0..4194304 splats of degree 0..2.");
        b.n = n;
        b.sh_degree = sh_degree;
        b.means.resize(size_t(n) * 3);
        b.quats.resize(size_t(n) * 4);
        for (int i = 0; i < n; i++) b.quats.value[size_t(i) * 4] = 1;
        b.log_scales.resize(size_t(n) * 3);
        b.logit_opacities.resize(n);
        b.sh.resize(size_t(n) * b.sh_k() * 3);
        b.step = 0;
        resize_statistics(b);
        return PGS_OK;
    }));
}
int32_t pgs_splats_count(pgs_context* ctx, int32_t branch) {
    return int32_t(guarded(ctx, [&] { return branch_of(ctx, branch).n; }));
}
int32_t pgs_nets_init(pgs_context* ctx, int32_t branch, int32_t plane_base, int32_t plane_finest) {
    return int32_t(guarded(ctx, [&] {
        branch_of(ctx, branch);
        require(plane_base >= 2 && plane_finest >= plane_base && plane_finest <= 512, "pgs_nets_init: expected 2 <= base <= finest <= 512.");
        nets_init(*ctx, branch, plane_base, plane_finest);
        return PGS_OK;
    }));
}
int32_t pgs_encoder_init(pgs_context* ctx) {
    return int32_t(guarded(ctx, [&] {
        encoder_init(*ctx);
        return PGS_OK;
    }));
}

int64_t pgs_tensor_size(pgs_context* ctx, const char* name) {
    return guarded(ctx, [&]() -> int64_t {
        require(name != nullptr, "pgs_tensor_size: expected a name.");
        if (find_counter(*ctx, name)) return 1;
        const auto* values = find_tensor(*ctx, name);
        require(values != nullptr, "tensor: no tensor is called '" + std::string(name) + "'.");
        return int64_t(values->size());
    });
}
int32_t pgs_tensor_get(pgs_context* ctx, const char* name, void* out, int64_t count) {
    return int32_t(guarded(ctx, [&] {
        require(name && (out || count == 0), "pgs_tensor_get: expected a name and a buffer.");
        if (const double* counter = find_counter(*ctx, name)) {
            require(count == 1, std::string(name) + ": expected 1 value.");
            *static_cast<real*>(out) = real(*counter);
            return PGS_OK;
        }
        const auto* values = find_tensor(*ctx, name);
        require(values != nullptr, "tensor: no tensor is called '" + std::string(name) + "'.");
        require(count == int64_t(values->size()), std::string(name) + ": expected room for " + std::to_string(values->size()) + " values, got " + std::to_string(count) + ".");
        std::memcpy(out, values->data(), size_t(count) * sizeof(real));
        return PGS_OK;
    }));
}
int32_t pgs_tensor_set(pgs_context* ctx, const char* name, const void* in, int64_t count) {
    return int32_t(guarded(ctx, [&] {
        require(name && (in || count == 0), "pgs_tensor_set: expected a name and a buffer.");
        if (double* counter = find_counter(*ctx, name)) {
            require(count == 1, std::string(name) + ": expected 1 value.");
            *counter = double(*static_cast<const real*>(in));
            return PGS_OK;
        }
        auto* values = find_tensor(*ctx, name);
        require(values != nullptr, "tensor: no tensor is called '" + std::string(name) + "'.");
        require(count == int64_t(values->size()), std::string(name) + ": expected " + std::to_string(values->size()) + " values, got " + std::to_string(count) + ".");
        std::memcpy(values->data(), in, size_t(count) * sizeof(real));
        return PGS_OK;
    }));
}
int64_t pgs_tensor_names(pgs_context* ctx, char* out, int64_t capacity) {
    return guarded(ctx, [&]() -> int64_t {
        std::string text;
        for (const std::string& name : stored_tensors(*ctx)) text += name + "\n";
        if (out && capacity > int64_t(text.size())) std::memcpy(out, text.c_str(), text.size() + 1);
        return int64_t(text.size()) + 1;
    });
}

int32_t pgs_order_set(pgs_context* ctx, int32_t branch, const int32_t* frames, int32_t count) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(frames && count > 0, "pgs_order_set: expected at least one frame.");
        for (int i = 0; i < count; i++) require_frame(ctx, frames[i]);
        b.order.assign(frames, frames + count);
        b.cursor = 0;
        return PGS_OK;
    }));
}

int32_t pgs_train_run(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t n, double* stats) {
    return int32_t(guarded(ctx, [&] {
        require(stage >= 0 && stage <= 2 && branch_mask >= 1 && branch_mask <= 3 && n >= 0 && stats, "pgs_train_run: expected a stage 0..2, a mask 1..3 and room for stats.");
        if (stage == PGS_STAGE_FINETUNE) branch_mask = 3;
        require_model(ctx, branch_mask, stage != PGS_STAGE_STATIC);
        for (int b = 0; b < BRANCHES; b++)
            require(!(branch_mask & (1 << b)) || !ctx->branch[b].order.empty(), std::string(BRANCH_NAMES[b]) + ": expected a frame order. Call pgs_order_set first.");
        ctx->cancel = false;
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 8; i++) stats[i] = 0;
        int done = 0;
        for (; done < n && !ctx->cancel; done++) {
            double& iteration = ctx->settings["iteration"];
            const int64_t it = int64_t(iteration);
            zero_encoder(ctx->encoder);
            if (stage == PGS_STAGE_FINETUNE) {
                for (int b = 0; b < BRANCHES; b++) zero_grads(*ctx, b);
                const Draw draw = plain_draw(*ctx); /* the frame as it is: clean audio, recorded background */
                const StepLoss loss = composite_loss(*ctx, next_frame(ctx->branch[FACE]), draw, true);
                require_finite(ctx, loss.total, STAGE_NAMES[stage], it);
                for (int b = 0; b < BRANCHES; b++) adam_splats(*ctx, b, true);
                stats[0] += loss.total;
                stats[2] += loss.l1;
                stats[3] += loss.dssim;
            } else {
                for (int b = 0; b < BRANCHES; b++) {
                    if (!(branch_mask & (1 << b))) continue;
                    zero_grads(*ctx, b);
                    const StepLoss loss = branch_loss(*ctx, stage, b, next_frame(ctx->branch[b]), random_draw(*ctx, b, it), true);
                    require_finite(ctx, loss.total, STAGE_NAMES[stage], it);
                    adam_splats(*ctx, b, false);
                    stats[b] += loss.total;
                    if (b == FACE || branch_mask == 2) {
                        stats[2] += loss.l1;
                        stats[3] += loss.dssim;
                    }
                }
                if (stage == PGS_STAGE_DEFORM) adam_nets(*ctx, branch_mask);
            }
            iteration += 1;
        }
        for (int i = 0; i < 4; i++) stats[i] = done > 0 ? stats[i] / done : 0;
        stats[4] = ctx->branch[FACE].n;
        stats[5] = ctx->branch[MOUTH].n;
        stats[6] = done;
        stats[7] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        require(!(ctx->cancel && done < n), "cancelled after " + std::to_string(done) + " iterations.", PGS_E_CANCELLED);
        return PGS_OK;
    }));
}

int32_t pgs_loss_grad(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t frame, int32_t grads, double* loss) {
    return int32_t(guarded(ctx, [&] {
        require(stage >= 0 && stage <= 2 && branch_mask >= 1 && branch_mask <= 3 && loss, "pgs_loss_grad: expected a stage 0..2 and a mask 1..3.");
        require_frame(ctx, frame);
        if (stage == PGS_STAGE_FINETUNE) branch_mask = 3;
        require_model(ctx, branch_mask, stage != PGS_STAGE_STATIC);
        if (grads) {
            zero_encoder(ctx->encoder);
            for (int b = 0; b < BRANCHES; b++) zero_grads(*ctx, b);
        }
        const Draw draw = plain_draw(*ctx);
        *loss = 0;
        if (stage == PGS_STAGE_FINETUNE) {
            *loss = composite_loss(*ctx, frame, draw, grads != 0).total;
        } else {
            for (int b = 0; b < BRANCHES; b++)
                if (branch_mask & (1 << b)) *loss += branch_loss(*ctx, stage, b, frame, draw, grads != 0).total;
        }
        return PGS_OK;
    }));
}

int32_t pgs_densify_apply(pgs_context* ctx, int32_t branch, const uint8_t* actions, int32_t n) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(actions && n == b.n, "pgs_densify_apply: expected " + std::to_string(b.n) + " actions, got " + std::to_string(n) + ".");
        std::vector<int> source;
        std::vector<bool> child;
        for (int i = 0; i < n; i++) {
            require(actions[i] <= PGS_PRUNE, "pgs_densify_apply: expected actions 0..3.");
            if (actions[i] == PGS_KEEP || actions[i] == PGS_CLONE) source.push_back(i);
        }
        const int survivors = int(source.size());
        for (int i = 0; i < n; i++)
            if (actions[i] == PGS_CLONE) source.push_back(i);
        const int first_child = int(source.size());
        for (int i = 0; i < n; i++)
            if (actions[i] == PGS_SPLIT) source.push_back(i), source.push_back(i);
        const int k3 = b.sh_k() * 3;
        const std::pair<Param*, int> params[] = {{&b.means, 3}, {&b.quats, 4}, {&b.log_scales, 3}, {&b.logit_opacities, 1}, {&b.sh, k3}};
        for (const auto& [param, row] : params) {
            copy_rows(param->value, row, source, false, survivors);
            copy_rows(param->adam1, row, source, true, survivors);
            copy_rows(param->adam2, row, source, true, survivors);
            param->grad.assign(param->value.size(), real(0));
        }
        Rng rng(ctx->seed, 0xD0000000ull + uint64_t(ctx->setting("iteration")) * 2 + branch);
        for (size_t i = first_child; i < source.size(); i++) {
            real *mean = &b.means.value[i * 3], *scale = &b.log_scales.value[i * 3];
            real rot[9], unit[4], offset[3];
            const real* q = &b.quats.value[i * 4];
            const real norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
            for (int k = 0; k < 4; k++) unit[k] = norm > 0 ? q[k] / norm : real(k == 0);
            rotation_of(unit, rot);
            for (int k = 0; k < 3; k++) offset[k] = real(rng.normal()) * std::exp(scale[k]);
            for (int r = 0; r < 3; r++) mean[r] += rot[r * 3] * offset[0] + rot[r * 3 + 1] * offset[1] + rot[r * 3 + 2] * offset[2];
            for (int k = 0; k < 3; k++) scale[k] -= real(std::log(1.6)); /* method.md section 4: children are 1.6 times smaller */
        }
        b.n = int(source.size());
        resize_statistics(b);
        return b.n;
    }));
}
int32_t pgs_stats_reset(pgs_context* ctx, int32_t branch) {
    return int32_t(guarded(ctx, [&] {
        resize_statistics(branch_of(ctx, branch));
        return PGS_OK;
    }));
}

int32_t pgs_render_frame(pgs_context* ctx, int32_t frame, int32_t deform, float* out_face, float* out_mouth) {
    return int32_t(guarded(ctx, [&] {
        require_frame(ctx, frame);
        const int mask = (out_face ? 1 : 0) | (out_mouth ? 2 : 0);
        require(mask != 0, "pgs_render_frame: expected at least one picture to fill.");
        require_model(ctx, mask, deform != 0);
        for (int b = 0; b < BRANCHES; b++) {
            if (!(mask & (1 << b))) continue;
            pose_branch(*ctx, b, frame, deform != 0, plain_draw(*ctx));
            render_branch(*ctx, b, ctx->data.frames[frame].camera, ctx->data.width, ctx->data.height, false);
            copy_planes(ctx->view[b].frame, b == FACE ? out_face : out_mouth);
        }
        return PGS_OK;
    }));
}

int32_t pgs_render_splats(pgs_context* ctx, int32_t n, int32_t sh_degree, const float* means, const float* quats, const float* log_scales,
                          const float* logit_opacities, const float* sh, const double* viewmat, double fx, double fy, double cx, double cy,
                          int32_t width, int32_t height, float* out_rgba, float* out_depth, float* out_median, uint32_t* out_counts, int32_t* out_radii) {
    return int32_t(guarded(ctx, [&] {
        require(n >= 0 && sh_degree >= 0 && sh_degree <= 3 && viewmat && out_rgba && width > 0 && height > 0 && width <= 8192 && height <= 8192 && fx > 0 && fy > 0,
                "pgs_render_splats: expected a camera, a picture of 1..8192 px and a degree 0..3.");
        require(n == 0 || (means && quats && log_scales && logit_opacities && sh), "pgs_render_splats: expected no null array.");
        for (int i = 0; i < 16; i++) require(std::isfinite(viewmat[i]), "viewmat: expected finite numbers.");
        Camera camera;
        set_camera(camera, viewmat, fx, fy, cx, cy, width, height);
        const int k3 = (sh_degree + 1) * (sh_degree + 1) * 3;
        std::vector<Projected> projected(n);
        ctx->pool.ranges(n, 1024, [&](int begin, int end, int) {
            for (int i = begin; i < end; i++) {
                Splat s;
                real coefficients[MAX_SH * 3];
                for (int k = 0; k < 3; k++) {
                    s.mean[k] = means[size_t(i) * 3 + k];
                    s.log_scale[k] = log_scales[size_t(i) * 3 + k];
                }
                for (int k = 0; k < 4; k++) s.quat[k] = quats[size_t(i) * 4 + k];
                s.logit_opacity = logit_opacities[i];
                for (int k = 0; k < k3; k++) coefficients[k] = sh[size_t(i) * k3 + k];
                project_splat(camera, s, coefficients, sh_degree, projected[i]);
            }
        });
        Frame frame;
        frame.resize(width, height);
        Bins bins;
        bin_splats(ctx->pool, projected, frame.tiles_x, frame.tiles_y, bins);
        const bool depth = out_depth || out_median;
        rasterize(ctx->pool, projected, bins, frame, depth);
        copy_planes(frame, out_rgba);
        for (int y = 0; depth && y < height; y++)
            for (int x = 0; x < width; x++) {
                const size_t at = size_t(y) * frame.stride + x, to = size_t(y) * width + x;
                if (out_depth) out_depth[to] = float(frame.depth[at]);
                if (out_median) out_median[to] = float(frame.median[at]);
            }
        if (out_counts) { /* the backward walk counts; its gradients are of no interest here */
            FrameGrad none;
            none.resize(frame, false);
            std::vector<PairGrad> slots;
            std::vector<ProjectedGrad> grads;
            std::vector<SplatStats> stats;
            rasterize_backward(ctx->pool, projected, bins, frame, none, slots, grads, stats);
            for (int i = 0; i < n; i++) out_counts[i] = stats[i].pixels;
        }
        if (out_radii)
            for (int i = 0; i < n; i++) out_radii[i] = projected[i].radius;
        return PGS_OK;
    }));
}

int32_t pgs_encode_audio(pgs_context* ctx, int32_t first, int32_t count, float* out) {
    return int32_t(guarded(ctx, [&] {
        require(out && count >= 0 && !ctx->data.mel.empty() && ctx->encoder.fc[1].weight.size() > 0, "pgs_encode_audio: expected audio and encoder.");
        EncoderPass pass;
        pass.act[0].resize(size_t(PGS_MEL_BANDS) * PGS_WINDOW_FRAMES);
        for (int i = 0; i < count; i++) {
            encoder_window(ctx->data, first + i, 0, 0, 0, pass.act[0].data());
            encoder_forward(ctx->encoder, pass);
            for (int k = 0; k < PGS_AUDIO_FEAT_DIM; k++) out[size_t(i) * PGS_AUDIO_FEAT_DIM + k] = float(pass.feat[k]);
        }
        return PGS_OK;
    }));
}

int32_t pgs_spatial_features(pgs_context* ctx, int32_t branch, float* out, uint8_t* inside) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(out && inside && b.planes.size() > 0, "pgs_spatial_features: expected buffers and feature planes.");
        for (int i = 0; i < b.n; i++) {
            real feat[PGS_SPATIAL_FEAT_DIM] = {0};
            inside[i] = inside_bound(&b.means.value[size_t(i) * 3]) ? 1 : 0;
            if (inside[i]) encode_planes(b.layout, b.planes.value.data(), &b.means.value[size_t(i) * 3], feat);
            for (int k = 0; k < PGS_SPATIAL_FEAT_DIM; k++) out[size_t(i) * PGS_SPATIAL_FEAT_DIM + k] = float(feat[k]);
        }
        return PGS_OK;
    }));
}

int32_t pgs_bench(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t n, char* json, int32_t capacity) {
    ctx->seconds.clear();
    double stats[8];
    const int32_t status = pgs_train_run(ctx, stage, branch_mask, n, stats);
    if (status != PGS_OK) return status;
    return int32_t(guarded(ctx, [&] {
        std::ostringstream text;
        text << "{\"step\":" << stats[7] / n;
        for (const auto& [pass, seconds] : ctx->seconds) text << ",\"" << pass << "\":" << seconds / n;
        for (int b = 0; b < BRANCHES; b++)
            text << ",\"" << BRANCH_NAMES[b] << "Pairs\":" << ctx->view[b].bins.pairs << ",\"" << BRANCH_NAMES[b] << "LongestTile\":" << ctx->view[b].bins.longest;
        text << "}";
        const std::string out = text.str();
        require(json && capacity > int32_t(out.size()), "pgs_bench: expected room for " + std::to_string(out.size() + 1) + " bytes.");
        std::memcpy(json, out.c_str(), out.size() + 1);
        return PGS_OK;
    }));
}

}  // extern "C"
