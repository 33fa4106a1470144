/* The C edge: training, gradients, density control, timing. */
#include <chrono>
#include <sstream>
#include "capi.h"
#include "density_plan.h"

using namespace pgs;

namespace {

void require_hearing(pgs_context* ctx, const int32_t* frames, int32_t count) {
    require(frames && count > 0 && count <= 4096, "hearing: expected 1..4096 frames.");
    require(ctx->encoder.fc[1].weight.size() > 0, "encoder: expected weights. Call pgs_encoder_init first.");
    require(!ctx->data.mel.empty(), "audio: expected feature frames. Call pgs_data_audio first.");
    for (int i = 0; i < count; i++) {
        require(frames[i] >= 0 && size_t(frames[i]) < ctx->data.frames.size(), "hearing: expected frames of the dataset, got " + std::to_string(frames[i]) + ".");
        require(std::isfinite(ctx->data.frames[frames[i]].mouth_open), "hearing: expected how far the mouth is open in frame " + std::to_string(frames[i]) + ".");
    }
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
        const RunTotals totals = ctx->backend->train(*ctx, stage, branch_mask, n);
        const double each = totals.done > 0 ? 1.0 / totals.done : 0;
        stats[0] = totals.branch_loss[FACE] * each;
        stats[1] = totals.branch_loss[MOUTH] * each;
        stats[2] = totals.l1 * each;
        stats[3] = totals.dssim * each;
        stats[4] = ctx->branch[FACE].n;
        stats[5] = ctx->branch[MOUTH].n;
        stats[6] = totals.done;
        stats[7] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        require(!(ctx->cancel && totals.done < n), "cancelled after " + std::to_string(totals.done) + " iterations.", PGS_E_CANCELLED);
        return PGS_OK;
    }));
}

int32_t pgs_loss_grad(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t frame, int32_t grads, double* loss) {
    return int32_t(guarded(ctx, [&] {
        require(stage >= 0 && stage <= 2 && branch_mask >= 1 && branch_mask <= 3 && loss, "pgs_loss_grad: expected a stage 0..2 and a mask 1..3.");
        require_frame(ctx, frame);
        if (stage == PGS_STAGE_FINETUNE) branch_mask = 3;
        require_model(ctx, branch_mask, stage != PGS_STAGE_STATIC);
        *loss = ctx->backend->loss(*ctx, stage, branch_mask, frame, grads != 0);
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
            const double value = ctx->backend->hear(*ctx, frames + first, batch, true);
            require_finite(*ctx, value, "hearing", int64_t(iteration));
            ctx->backend->step_encoder(*ctx);
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
        *loss = ctx->backend->hear(*ctx, frames, count, grads != 0);
        return PGS_OK;
    }));
}

int32_t pgs_densify_apply(pgs_context* ctx, int32_t branch, const uint8_t* actions, int32_t n) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(actions && n == b.n, "pgs_densify_apply: expected " + std::to_string(b.n) + " actions, got " + std::to_string(n) + ".");
        for (int i = 0; i < n; i++) require(actions[i] <= PGS_PRUNE, "pgs_densify_apply: expected actions 0..3.");
        ctx->backend->densify(*ctx, branch, plan_density(actions, n));
        return b.n;
    }));
}
int32_t pgs_stats_reset(pgs_context* ctx, int32_t branch) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        b.reset_statistics();
        for (const auto* values : b.statistics()) ctx->backend->written(*ctx, *values);
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
        text << ctx->backend->bench(*ctx, stage, stage == PGS_STAGE_FINETUNE ? 3 : branch_mask, n);
        text << "}";
        const std::string out = text.str();
        require(json && capacity > int32_t(out.size()), "pgs_bench: expected room for " + std::to_string(out.size() + 1) + " bytes.");
        std::memcpy(json, out.c_str(), out.size() + 1);
        return PGS_OK;
    }));
}

}  // extern "C"
