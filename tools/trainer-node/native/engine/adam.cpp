/* Steps of the optimisers over a context's tensors; the rule itself is core/adam.h. */
#include "../core/adam.h"
#include "state.h"

namespace pgs {
namespace {

typedef AdamRatesT<real> Rates;

void step_param(Pool& pool, Param& p, const Rates& shared) {
    pool.ranges(int(p.size()), 1 << 14, [&](int begin, int end, int) {
        const Rates rates = shared;
        real *__restrict w = p.value.data(), *__restrict m = p.adam1.data(), *__restrict v = p.adam2.data();
        const real* __restrict g = p.grad.data();
        for (int i = begin; i < end; i++) adam_step(rates, rates.lr, g[i], w[i], m[i], v[i]);
    });
}

/* The DC coefficient learns faster than the rest: one pass with two rates. */
void step_sh(Pool& pool, Branch& b, const Rates& rates) {
    const int row = b.sh_k() * 3;
    pool.ranges(b.n, 1024, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++)
            for (int j = 0; j < row; j++) {
                const size_t at = size_t(i) * row + j;
                adam_step(rates, j < 3 ? rates.lr : rates.lr_rest, b.sh.grad[at], b.sh.value[at], b.sh.adam1[at], b.sh.adam2[at]);
            }
    });
}

LearningRates learning_rates(const Context& ctx) {
    return read_learning_rates([&](const char* name) { return ctx.setting(name); });
}

}  // namespace

void adam_splats(Context& ctx, int branch, bool colour_only) {
    Branch& b = ctx.branch[branch];
    b.step += 1;
    Rates rates[SPLAT_RATES];
    splat_rates(learning_rates(ctx), b.step, rates);
    step_sh(ctx.pool, b, rates[RATES_SH]);
    const bool opacity = !colour_only || (branch == FACE && ctx.setting("finetune.opacity") != 0);
    if (opacity) step_param(ctx.pool, b.logit_opacities, rates[RATES_OPACITY]);
    if (colour_only) return;
    step_param(ctx.pool, b.means, rates[RATES_MEANS]);
    step_param(ctx.pool, b.log_scales, rates[RATES_SCALES]);
    step_param(ctx.pool, b.quats, rates[RATES_QUATS]);
    ctx.pool.ranges(b.n, 4096, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++) normalize_quat(&b.quats.value[size_t(i) * 4]);
    });
}

void adam_nets(Context& ctx, int branch_mask) {
    ctx.net_step += 1;
    Rates rates[NET_RATES];
    net_rates(learning_rates(ctx), ctx.net_step, rates);
    for (int branch = 0; branch < BRANCHES; branch++) {
        if (!(branch_mask & (1 << branch))) continue;
        Branch& b = ctx.branch[branch];
        step_param(ctx.pool, b.planes, rates[RATES_PLANES]);
        for (Linear& layer : b.layers) {
            if (layer.weight.size() == 0) continue;
            step_param(ctx.pool, layer.weight, rates[RATES_LAYERS]);
            step_param(ctx.pool, layer.bias, rates[RATES_LAYERS]);
        }
    }
    for (Linear* layer : encoder_layers(ctx.encoder)) {
        step_param(ctx.pool, layer->weight, rates[RATES_ENCODER_WEIGHT]);
        step_param(ctx.pool, layer->bias, rates[RATES_ENCODER_BIAS]);
    }
}

}  // namespace pgs
