/* Adam for the splats, AdamW for the networks (method.md section 5). */
#include <cmath>
#include "state.h"

namespace pgs {
namespace {

struct AdamRule {
    double lr, beta1, beta2, epsilon, decay;
};
constexpr double SPLAT_BETA1 = 0.9, SPLAT_BETA2 = 0.999, SPLAT_EPSILON = 1e-15;
constexpr double NET_BETA1 = 0.9, NET_BETA2 = 0.99, NET_EPSILON = 1e-8;

void step_param(Pool& pool, Param& p, const AdamRule& rule, double step) {
    const real lr = real(rule.lr / (1 - std::pow(rule.beta1, step)));
    const real inv2 = real(1 / std::sqrt(1 - std::pow(rule.beta2, step)));
    const real b1 = real(rule.beta1), b2 = real(rule.beta2), eps = real(rule.epsilon), keep = real(1 - rule.lr * rule.decay);
    pool.ranges(int(p.size()), 1 << 14, [&](int begin, int end, int) {
        real *__restrict w = p.value.data(), *__restrict m = p.adam1.data(), *__restrict v = p.adam2.data();
        const real* __restrict g = p.grad.data();
        for (int i = begin; i < end; i++) {
            m[i] = b1 * m[i] + (real(1) - b1) * g[i];
            v[i] = b2 * v[i] + (real(1) - b2) * g[i] * g[i];
            w[i] = w[i] * keep - lr * m[i] / (std::sqrt(v[i]) * inv2 + eps);
        }
    });
}

AdamRule splat_rule(double lr) { return {lr, SPLAT_BETA1, SPLAT_BETA2, SPLAT_EPSILON, 0}; }
AdamRule net_rule(double lr, double decay) { return {lr, NET_BETA1, NET_BETA2, NET_EPSILON, decay}; }

/* The DC coefficient learns faster than the rest: one pass with two rates. */
void step_sh(Pool& pool, Branch& b, double lr_dc, double lr_rest) {
    const int row = b.sh_k() * 3;
    const real c1 = real(1 / (1 - std::pow(SPLAT_BETA1, b.step))), c2 = real(1 / std::sqrt(1 - std::pow(SPLAT_BETA2, b.step)));
    const real b1 = real(SPLAT_BETA1), b2 = real(SPLAT_BETA2), eps = real(SPLAT_EPSILON);
    pool.ranges(b.n, 1024, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++)
            for (int j = 0; j < row; j++) {
                const size_t at = size_t(i) * row + j;
                const real g = b.sh.grad[at];
                real &m = b.sh.adam1[at], &v = b.sh.adam2[at];
                m = b1 * m + (real(1) - b1) * g;
                v = b2 * v + (real(1) - b2) * g * g;
                b.sh.value[at] -= real(j < 3 ? lr_dc : lr_rest) * c1 * m / (std::sqrt(v) * c2 + eps);
            }
    });
}

}  // namespace

void adam_splats(Context& ctx, int branch, bool colour_only) {
    Branch& b = ctx.branch[branch];
    b.step += 1;
    step_sh(ctx.pool, b, ctx.setting("lr.sh"), ctx.setting("lr.shRest"));
    const bool opacity = !colour_only || (branch == FACE && ctx.setting("finetune.opacity") != 0);
    if (opacity) step_param(ctx.pool, b.logit_opacities, splat_rule(ctx.setting("lr.opacity")), b.step);
    if (colour_only) return;
    step_param(ctx.pool, b.means, splat_rule(ctx.setting("lr.means")), b.step);
    step_param(ctx.pool, b.log_scales, splat_rule(ctx.setting("lr.scales")), b.step);
    step_param(ctx.pool, b.quats, splat_rule(ctx.setting("lr.quats")), b.step);
    /* Unit length again: a predicted delta is added to the stored quaternion, so its length would scale the rotation, and the
     * asset stores unit quaternions. */
    ctx.pool.ranges(b.n, 4096, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++) {
            real* q = &b.quats.value[size_t(i) * 4];
            const real norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
            if (norm > 0)
                for (int k = 0; k < 4; k++) q[k] /= norm;
        }
    });
}

void adam_nets(Context& ctx, int branch_mask) {
    ctx.net_step += 1;
    for (int branch = 0; branch < BRANCHES; branch++) {
        if (!(branch_mask & (1 << branch))) continue;
        Branch& b = ctx.branch[branch];
        step_param(ctx.pool, b.planes, net_rule(ctx.setting("lr.planes"), ctx.setting("decay.planes")), ctx.net_step);
        for (Linear& layer : b.layers) {
            if (layer.weight.size() == 0) continue;
            step_param(ctx.pool, layer.weight, net_rule(ctx.setting("lr.layers"), 0), ctx.net_step);
            step_param(ctx.pool, layer.bias, net_rule(ctx.setting("lr.layers"), 0), ctx.net_step);
        }
    }
    const AdamRule weights = net_rule(ctx.setting("lr.encoder"), ctx.setting("decay.encoder")), biases = net_rule(ctx.setting("lr.encoder"), 0);
    for (Linear* layer : encoder_layers(ctx.encoder)) {
        step_param(ctx.pool, layer->weight, weights, ctx.net_step);
        step_param(ctx.pool, layer->bias, biases, ctx.net_step);
    }
}

}  // namespace pgs
