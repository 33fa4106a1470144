/* The C edge: training, gradients, density control, timing. */
#include <chrono>
#include <sstream>
#include "../core/split.h"
#include "capi.h"
#include "density_plan.h"

using namespace pgs;

namespace {

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

void require_hearing(pgs_context* ctx, const int32_t* frames, int32_t count) {
    require(frames && count > 0 && count <= 4096, "hearing: expected 1..4096 frames.");
    require(ctx->encoder.fc[1].weight.size() > 0, "encoder: expected weights. Call pgs_encoder_init first.");
    require(!ctx->data.mel.empty(), "audio: expected feature frames. Call pgs_data_audio first.");
    for (int i = 0; i < count; i++) {
        require(frames[i] >= 0 && size_t(frames[i]) < ctx->data.frames.size(), "hearing: expected frames of the dataset, got " + std::to_string(frames[i]) + ".");
        require(std::isfinite(ctx->data.frames[frames[i]].mouth_open), "hearing: expected how far the mouth is open in frame " + std::to_string(frames[i]) + ".");
    }
}

void copy_rows(std::vector<real>& values, int row, const std::vector<int>& source, bool zero_new, int survivors) {
    std::vector<real> out(source.size() * row);
    for (size_t i = 0; i < source.size(); i++)
        for (int k = 0; k < row; k++)
            out[i * row + k] = zero_new && int(i) >= survivors ? real(0) : values[size_t(source[i]) * row + k];
    values.swap(out);
}

}  // namespace

extern "C" {

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

int32_t pgs_hearing_run(pgs_context* ctx, const int32_t* frames, int32_t count, int32_t batch, double* loss) {
    return int32_t(guarded(ctx, [&] {
        require(batch > 0 && count % batch == 0 && loss, "pgs_hearing_run: expected whole batches and room for the loss.");
        ctx->cancel = false;
        double total = 0;
        for (int first = 0; first < count && !ctx->cancel; first += batch) {
            require_hearing(ctx, frames + first, batch);
            double& iteration = ctx->settings["iteration"];
            const double value = hearing_loss(*ctx, frames + first, batch, int64_t(iteration), true);
            require_finite(ctx, value, "hearing", int64_t(iteration));
            adam_nets(*ctx, 0);
            total += value;
            iteration += 1;
        }
        *loss = total / (count / batch);
        require(!ctx->cancel, "cancelled while learning to hear.", PGS_E_CANCELLED);
        return PGS_OK;
    }));
}

int32_t pgs_hearing_loss(pgs_context* ctx, const int32_t* frames, int32_t count, int32_t grads, double* loss) {
    return int32_t(guarded(ctx, [&] {
        require(loss != nullptr, "pgs_hearing_loss: expected room for the loss.");
        require_hearing(ctx, frames, count);
        *loss = hearing_loss(*ctx, frames, count, int64_t(ctx->setting("iteration")), grads != 0);
        return PGS_OK;
    }));
}

int32_t pgs_densify_apply(pgs_context* ctx, int32_t branch, const uint8_t* actions, int32_t n) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(actions && n == b.n, "pgs_densify_apply: expected " + std::to_string(b.n) + " actions, got " + std::to_string(n) + ".");
        for (int i = 0; i < n; i++) require(actions[i] <= PGS_PRUNE, "pgs_densify_apply: expected actions 0..3.");
        const DensityPlan plan = plan_density(actions, n);
        const int k3 = b.sh_k() * 3;
        const std::pair<Param*, int> params[] = {{&b.means, 3}, {&b.quats, 4}, {&b.log_scales, 3}, {&b.logit_opacities, 1}, {&b.sh, k3}};
        for (const auto& [param, row] : params) {
            copy_rows(param->value, row, plan.source, false, plan.survivors);
            copy_rows(param->adam1, row, plan.source, true, plan.survivors);
            copy_rows(param->adam2, row, plan.source, true, plan.survivors);
            param->grad.assign(param->value.size(), real(0));
        }
        const std::vector<real> normals = child_normals<real>(plan, ctx->seed, uint64_t(ctx->setting("iteration")), branch);
        for (int child = 0; child < plan.children(); child++) {
            const size_t i = size_t(plan.first_child) + child;
            place_child(&b.quats.value[i * 4], &normals[size_t(child) * 3], &b.means.value[i * 3], &b.log_scales.value[i * 3]);
        }
        b.n = int(plan.source.size());
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

int32_t pgs_bench(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t n, char* json, int32_t capacity) {
    const int32_t cleared = int32_t(guarded(ctx, [&] {
        require(n > 0, "pgs_bench: expected at least one iteration, got " + std::to_string(n) + ".");
        ctx->seconds.clear();
        return PGS_OK;
    }));
    if (cleared != PGS_OK) return cleared;
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
