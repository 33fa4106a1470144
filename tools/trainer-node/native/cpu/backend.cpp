/* The back end of this machine's cores: the context's vectors are all there is, so nothing is fetched. */
#include "../engine/backend.h"
#include <sstream>
#include "../core/split.h"
#include "../engine/density_plan.h"
#include "../engine/state.h"

namespace pgs {
namespace {

void copy_rows(std::vector<real>& values, int row, const DensityPlan& plan, bool zero_new) {
    std::vector<real> out(plan.source.size() * row);
    for (size_t i = 0; i < plan.source.size(); i++)
        for (int k = 0; k < row; k++)
            out[i * row + k] = zero_new && int(i) >= plan.survivors ? real(0) : values[size_t(plan.source[i]) * row + k];
    values.swap(out);
}

class CpuBackend : public Backend {
  public:
    RunTotals train(Context& ctx, int stage, int branch_mask, int n) override {
        RunTotals totals;
        for (; totals.done < n && !ctx.cancel; totals.done++) {
            double& iteration = ctx.settings["iteration"];
            zero_encoder(ctx.encoder);
            if (stage == PGS_STAGE_FINETUNE)
                finetune(ctx, int64_t(iteration), totals);
            else
                train_branches(ctx, stage, branch_mask, int64_t(iteration), totals);
            iteration += 1;
        }
        return totals;
    }

    double loss(Context& ctx, int stage, int branch_mask, int frame, bool grads) override {
        if (grads) {
            zero_encoder(ctx.encoder);
            for (int b = 0; b < BRANCHES; b++) zero_grads(ctx, b);
        }
        const Draw draw = plain_draw(ctx);
        if (stage == PGS_STAGE_FINETUNE) return composite_loss(ctx, frame, draw, grads).total;
        double total = 0;
        for (int b = 0; b < BRANCHES; b++)
            if (branch_mask & (1 << b)) total += branch_loss(ctx, stage, b, frame, draw, grads).total;
        return total;
    }

    double hear(Context& ctx, const int32_t* frames, int count, bool grads) override {
        return hearing_loss(ctx, frames, count, int64_t(ctx.setting("iteration")), grads);
    }
    void step_encoder(Context& ctx) override { adam_nets(ctx, 0); }

    void densify(Context& ctx, int branch, const DensityPlan& plan) override {
        Branch& b = ctx.branch[branch];
        const std::pair<Param*, int> params[] = {
            {&b.means, 3}, {&b.quats, 4}, {&b.log_scales, 3}, {&b.logit_opacities, 1}, {&b.sh, b.sh_k() * 3}};
        for (const auto& [param, row] : params) {
            copy_rows(param->value, row, plan, false);
            copy_rows(param->adam1, row, plan, true);
            copy_rows(param->adam2, row, plan, true);
            param->grad.assign(param->value.size(), real(0));
        }
        const std::vector<real> normals = child_normals<real>(plan, ctx.seed, uint64_t(ctx.setting("iteration")), branch);
        for (int child = 0; child < plan.children(); child++) {
            const size_t i = size_t(plan.first_child) + child;
            place_child(&b.quats.value[i * 4], &normals[size_t(child) * 3], &b.means.value[i * 3], &b.log_scales.value[i * 3]);
        }
        b.n = int(plan.source.size());
        b.reset_statistics();
    }

    void render(Context& ctx, int branch, int frame, bool deform, float* rgba) override {
        pose_branch(ctx, branch, frame, deform, plain_draw(ctx));
        render_branch(ctx, branch, ctx.data.frames[frame].camera, ctx.data.width, ctx.data.height, false);
        copy_picture(ctx.view[branch].frame, rgba);
    }

    std::string bench(Context& ctx, int, int, int iterations) override {
        std::ostringstream text;
        for (const auto& [pass, seconds] : ctx.seconds) text << ",\"" << pass << "\":" << seconds / iterations;
        for (int b = 0; b < BRANCHES; b++)
            text << ",\"" << BRANCH_NAMES[b] << "Pairs\":" << ctx.view[b].bins.pairs << ",\"" << BRANCH_NAMES[b]
                 << "LongestTile\":" << ctx.view[b].bins.longest;
        return text.str();
    }

  private:
    static void finetune(Context& ctx, int64_t iteration, RunTotals& totals) {
        for (int b = 0; b < BRANCHES; b++) zero_grads(ctx, b);
        /* The frame as it is: clean audio, recorded background. */
        const StepLoss loss = composite_loss(ctx, frame_ahead(ctx, FACE, 0), plain_draw(ctx), true);
        ctx.branch[FACE].cursor++;
        require_finite(ctx, loss.total, STAGE_NAMES[PGS_STAGE_FINETUNE], iteration);
        for (int b = 0; b < BRANCHES; b++) adam_splats(ctx, b, true);
        totals.branch_loss[FACE] += loss.total;
        totals.l1 += loss.l1;
        totals.dssim += loss.dssim;
    }

    static void train_branches(Context& ctx, int stage, int branch_mask, int64_t iteration, RunTotals& totals) {
        for (int b = 0; b < BRANCHES; b++) {
            if (!(branch_mask & (1 << b))) continue;
            zero_grads(ctx, b);
            const StepLoss loss = branch_loss(ctx, stage, b, frame_ahead(ctx, b, 0), random_draw(ctx, b, iteration), true);
            ctx.branch[b].cursor++;
            require_finite(ctx, loss.total, STAGE_NAMES[stage], iteration);
            adam_splats(ctx, b, false);
            totals.branch_loss[b] += loss.total;
            if (b == MOUTH && branch_mask != 2) continue;
            totals.l1 += loss.l1;
            totals.dssim += loss.dssim;
        }
        if (stage == PGS_STAGE_DEFORM) adam_nets(ctx, branch_mask);
    }
};

}  // namespace

std::unique_ptr<Backend> make_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace pgs
