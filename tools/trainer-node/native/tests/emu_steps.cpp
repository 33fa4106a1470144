/* Cases of emu_nets.cpp: steps of the optimisers, which must leave the CPU's bits, and density control, which must too. */
#include "../cuda/adam.h"
#include "../cuda/densify.h"
#include "../engine/density_plan.h"
#include "emu_nets.h"

namespace pgs {
namespace {

/* Every trained tensor of a context, with the rates that it steps by and who owns it. */
struct Trained {
    std::string name;
    Param* param;
    int rates, row, quats;
};
/* Rates of an iteration on the device: the face's, the mouth's, the networks'. */
constexpr int NET_RATES_AT = BRANCHES * SPLAT_RATES, ALL_RATES = NET_RATES_AT + NET_RATES;

std::vector<Trained> splat_tensors(Branch& b) {
    const std::string prefix = std::string(BRANCH_NAMES[b.id]) + ".";
    const int at = b.id * SPLAT_RATES;
    return {{prefix + "sh", &b.sh, at + RATES_SH, b.sh_k() * 3, 0},
            {prefix + "logitOpacities", &b.logit_opacities, at + RATES_OPACITY, 0, 0},
            {prefix + "means", &b.means, at + RATES_MEANS, 0, 0},
            {prefix + "logScales", &b.log_scales, at + RATES_SCALES, 0, 0},
            {prefix + "quats", &b.quats, at + RATES_QUATS, 0, 1}};
}
std::vector<Trained> branch_nets(Branch& b) {
    const std::string prefix = std::string(BRANCH_NAMES[b.id]) + ".";
    std::vector<Trained> out{{prefix + "planes", &b.planes, NET_RATES_AT + RATES_PLANES, 0, 0}};
    for (int l = 0; l < LAYERS; l++) {
        if (b.layers[l].weight.size() == 0) continue;
        out.push_back({prefix + LAYER_NAMES[l] + ".weight", &b.layers[l].weight, NET_RATES_AT + RATES_LAYERS, 0, 0});
        out.push_back({prefix + LAYER_NAMES[l] + ".bias", &b.layers[l].bias, NET_RATES_AT + RATES_LAYERS, 0, 0});
    }
    return out;
}
std::vector<Trained> encoder_tensors(Encoder& encoder) {
    std::vector<Trained> out;
    const std::vector<Linear*> layers = encoder_layers(encoder);
    for (int l = 0; l < ENCODER_LAYERS; l++) {
        out.push_back({std::string(ENCODER_NAMES[l]) + ".weight", &layers[l]->weight, NET_RATES_AT + RATES_ENCODER_WEIGHT, 0, 0});
        out.push_back({std::string(ENCODER_NAMES[l]) + ".bias", &layers[l]->bias, NET_RATES_AT + RATES_ENCODER_BIAS, 0, 0});
    }
    return out;
}

/* Two small branches with networks; values, moments and step counts as in the middle of a run. */
std::unique_ptr<pgs_context> training_context() {
    auto ctx = hearing_context();
    ctx->data.expressions = 5;
    ctx->settings["decay.planes"] = 0.3;
    ctx->settings["decay.encoder"] = 0.2;
    for (int b = 0; b < BRANCHES; b++) {
        pgs_splats_resize(ctx.get(), b, b == FACE ? 431 : 77, b == FACE ? 2 : 1);
        pgs_nets_init(ctx.get(), b, 16, 32);
        ctx->branch[b].step = 3 + 4 * b;
    }
    ctx->net_step = 9;
    return ctx;
}
std::vector<Trained> all_tensors(pgs_context& ctx) {
    std::vector<Trained> all = encoder_tensors(ctx.encoder);
    for (Branch& b : ctx.branch)
        for (const auto& more : {splat_tensors(b), branch_nets(b)}) all.insert(all.end(), more.begin(), more.end());
    return all;
}
void randomize(const std::vector<Trained>& tensors) {
    Rng rng(17, 4);
    for (const Trained& t : tensors) {
        fill(t.param->value, rng, 1);
        fill(t.param->adam1, rng, 0.01);
        fill(t.param->adam2, rng, 0.01);
        for (real& v : t.param->adam2) v *= v;
    }
    for (const Trained& t : tensors)
        if (t.quats && t.param->size() > 0) std::fill(t.param->value.begin(), t.param->value.begin() + 4, real(0));
}
void draw_grads(const std::vector<Trained>& tensors, int step) {
    Rng rng(19, uint64_t(step));
    for (const Trained& t : tensors) fill(t.param->grad, rng, 0.02);
}
void name_state(const std::string& name, const Floats& value, const Floats& m, const Floats& v, Arrays& out) {
    out[name] = value;
    out[name + ".adam1"] = m;
    out[name + ".adam2"] = v;
}

struct AdamCase {
    const char* name;
    int splats_mask; /* branches whose splats step */
    bool colour_only;
    int nets_mask;   /* branches whose networks step; -1: no network, not even the encoder */
    double finetune_opacity;
    ViewCounters views[2];
    std::vector<double> losses;
    int diverged;
};

/* The mouth's view is watched where the mouth trains. */
bool watches_mouth(const AdamCase& c) { return c.splats_mask == 3; }
bool overflowed(const AdamCase& c) { return c.views[0].overflow || (watches_mouth(c) && c.views[1].overflow); }
bool diverged(const AdamCase& c) {
    bool finite = true;
    for (double loss : c.losses) finite = finite && std::isfinite(loss);
    return c.diverged || (!finite && !overflowed(c));
}

constexpr int ADAM_STEPS = 4;

void step_on_cpu(pgs_context& ctx, const AdamCase& c) {
    for (int b = 0; b < BRANCHES; b++)
        if (c.splats_mask >> b & 1) adam_splats(ctx, b, c.colour_only);
    if (c.nets_mask >= 0) adam_nets(ctx, c.nets_mask);
}

std::vector<Trained> stage_tensors(pgs_context& ctx, const AdamCase& c) {
    std::vector<Trained> out;
    const auto add = [&](const std::vector<Trained>& more) { out.insert(out.end(), more.begin(), more.end()); };
    for (int b = 0; b < BRANCHES; b++) {
        const std::vector<Trained> splats = splat_tensors(ctx.branch[b]);
        const bool opacity = b == FACE && c.finetune_opacity != 0;
        if (c.splats_mask >> b & 1) add({splats.begin(), c.colour_only ? splats.begin() + 1 + opacity : splats.end()});
        if (c.nets_mask > 0 && (c.nets_mask >> b & 1)) add(branch_nets(ctx.branch[b]));
    }
    if (c.nets_mask >= 0) add(encoder_tensors(ctx.encoder));
    return out;
}

struct DeviceParam {
    OnDevice<float> value, m, v, grad;
    explicit DeviceParam(const Param& p) : value(p.value), m(p.adam1), v(p.adam2), grad(p.grad.size()) {}
};

Arrays step_on_device(pgs_context& ctx, const AdamCase& c) {
    const std::vector<Trained> tensors = all_tensors(ctx);
    randomize(tensors);
    std::map<std::string, std::unique_ptr<DeviceParam>> params;
    for (const Trained& t : tensors) params[t.name] = std::make_unique<DeviceParam>(*t.param);
    std::vector<AdamTensor> list;
    for (const Trained& t : stage_tensors(ctx, c)) {
        const DeviceParam& p = *params.at(t.name);
        list.push_back({p.value.data(), p.grad.data(), p.m.data(), p.v.data(), int(p.value.size()), t.rates, t.row, t.quats});
    }
    const std::vector<AdamSlice> slices = adam_slices(list);
    const OnDevice<AdamTensor> d_list(list);
    const OnDevice<AdamSlice> d_slices(slices);
    const OnDevice<ViewCounters> views(std::vector<ViewCounters>(c.views, c.views + 2));
    const OnDevice<int> flag(std::vector<int>{c.diverged});
    const OnDevice<double> losses(c.losses);
    const StepGuard guard{{views.data(), watches_mouth(c) ? views.data() + 1 : nullptr}, flag.data()};
    const LearningRates lr = read_learning_rates([&](const char* name) { return ctx.setting(name); });
    for (int step = 1; step <= ADAM_STEPS; step++) {
        std::vector<AdamRates> rates(ALL_RATES);
        for (int b = 0; b < BRANCHES; b++) splat_rates(lr, ctx.branch[b].step + step, rates.data() + b * SPLAT_RATES);
        net_rates(lr, ctx.net_step + step, rates.data() + NET_RATES_AT);
        const OnDevice<AdamRates> d_rates(rates);
        draw_grads(tensors, step);
        for (const Trained& t : tensors)
            if (t.param->size() > 0) params.at(t.name)->grad.put(t.param->grad.data(), t.param->size(), nullptr);
        launch_check_losses(nullptr, losses.data(), int(c.losses.size()), guard);
        launch_adam(nullptr, {d_list.data(), d_slices.data(), int(slices.size())}, d_rates.data(), guard);
    }
    Arrays out;
    for (const Trained& t : tensors) {
        const DeviceParam& p = *params.at(t.name);
        name_state(t.name, p.value.read(), p.m.read(), p.v.read(), out);
    }
    out["diverged"] = {float(flag.read()[0])};
    return out;
}

void report_adam(const AdamCase& c) {
    const auto ctx = training_context(), start = training_context();
    for (pgs_context* each : {ctx.get(), start.get()}) each->settings["finetune.opacity"] = c.finetune_opacity;
    const std::vector<Trained> tensors = all_tensors(*ctx);
    randomize(tensors);
    Arrays before, expected{{"diverged", {float(diverged(c))}}};
    for (const Trained& t : tensors) name_state(t.name, t.param->value, t.param->adam1, t.param->adam2, before);
    for (int step = 1; step <= ADAM_STEPS && !overflowed(c) && !diverged(c); step++) {
        draw_grads(tensors, step);
        step_on_cpu(*ctx, c);
    }
    for (const Trained& t : tensors) name_state(t.name, t.param->value, t.param->adam1, t.param->adam2, expected);
    size_t changed = 0;
    for (const auto& [key, array] : before) changed += !same_bits(array, expected.at(key));
    report(std::string("adam, ") + c.name, expected, [&] { return step_on_device(*start, c); }, ",\"changed\":" + std::to_string(changed));
}

void report_densify(const std::string& name, int branch, int n, int degree, const std::vector<uint8_t>& pattern) {
    pgs_context ctx(1, 23);
    ctx.settings["iteration"] = 700;
    pgs_splats_resize(&ctx, branch, n, degree);
    Branch& b = ctx.branch[branch];
    const std::vector<Trained> tensors = splat_tensors(b);
    randomize(tensors); /* and the first quaternion is zero */
    std::vector<uint8_t> actions(size_t(n) + 1); /* one more: an empty array has no address */
    for (int i = 0; i < n; i++) actions[size_t(i)] = pattern[size_t(i) % pattern.size()];
    std::map<std::string, std::unique_ptr<DeviceParam>> old;
    for (const Trained& t : tensors) old[t.name] = std::make_unique<DeviceParam>(*t.param);
    const DensityPlan plan = plan_density(actions.data(), n);
    const int32_t status = pgs_densify_apply(&ctx, branch, actions.data(), n);
    Arrays expected;
    for (const Trained& t : tensors) name_state(t.name, t.param->value, t.param->adam1, t.param->adam2, expected);
    const std::string more = ",\"rows\":" + std::to_string(status) + ",\"survivors\":" + std::to_string(plan.survivors) +
                             ",\"children\":" + std::to_string(plan.children());
    report("densify, " + name, expected, [&] {
        std::map<std::string, std::unique_ptr<DeviceParam>> fresh;
        Param room;
        for (const Trained& t : tensors) {
            room.resize(t.param->size());
            fresh[t.name] = std::make_unique<DeviceParam>(room);
        }
        const OnDevice<int> source(plan.source);
        const OnDevice<float> normals(child_normals<float>(plan, ctx.seed, 700, branch));
        const auto tensor = [&](const char* field) {
            const std::string key = BRANCH_NAMES[branch] + std::string(field);
            const DeviceParam &from = *old.at(key), &to = *fresh.at(key);
            return DensifyTensor{from.value.data(), from.m.data(), from.v.data(), to.value.data(), to.m.data(), to.v.data()};
        };
        launch_densify(nullptr, {int(plan.source.size()), plan.survivors, plan.first_child, b.sh_k(), source.data(), normals.data(),
                                 tensor(".means"), tensor(".quats"), tensor(".logScales"), tensor(".logitOpacities"), tensor(".sh")});
        Arrays out;
        for (const Trained& t : tensors) {
            const DeviceParam& p = *fresh.at(t.name);
            name_state(t.name, p.value.read(), p.m.read(), p.v.read(), out);
        }
        return out;
    }, more);
}

}  // namespace

void report_steps() {
    const ViewCounters fine{}, full{1, 1, 1, 1};
    const std::vector<double> losses{0.5, 0.25};
    const AdamCase cases[] = {{"static, both", 3, false, -1, 1, {fine, fine}, losses, 0},
                              {"static, mouth", 2, false, -1, 1, {fine, full}, losses, 0},
                              {"deformation, face", 1, false, 1, 1, {fine, fine}, losses, 0},
                              {"deformation, mouth", 2, false, 2, 1, {fine, fine}, losses, 0},
                              {"deformation, both", 3, false, 3, 1, {fine, fine}, losses, 0},
                              {"fine-tuning", 3, true, -1, 1, {fine, fine}, losses, 0},
                              {"fine-tuning, fixed opacities", 3, true, -1, 0, {fine, fine}, losses, 0},
                              {"hearing", 0, false, 0, 1, {fine, fine}, losses, 0},
                              {"nothing", 0, false, -1, 1, {fine, fine}, losses, 0},
                              {"first view overflowed", 3, false, 3, 1, {full, fine}, losses, 0},
                              {"second view overflowed", 3, false, 3, 1, {fine, full}, {0.5, NAN}, 0},
                              {"diverged before", 3, false, 3, 1, {fine, fine}, losses, 1},
                              {"loss NaN", 3, false, 3, 1, {fine, fine}, {0.5, NAN}, 0},
                              {"loss infinite", 3, false, 3, 1, {fine, fine}, {-INFINITY, 0.5}, 0}};
    for (const AdamCase& c : cases) report_adam(c);

    report_densify("all four actions", FACE, 333, 2, {PGS_KEEP, PGS_CLONE, PGS_SPLIT, PGS_PRUNE, PGS_KEEP, PGS_SPLIT, PGS_SPLIT});
    report_densify("the first split, degree 0", MOUTH, 259, 0, {PGS_SPLIT, PGS_KEEP, PGS_PRUNE});
    report_densify("nothing to do", FACE, 100, 1, {PGS_KEEP});
    report_densify("clones alone", FACE, 65, 1, {PGS_CLONE});
    report_densify("splits alone", MOUTH, 129, 2, {PGS_SPLIT});
    report_densify("one splat", MOUTH, 1, 2, {PGS_SPLIT});
    report_densify("all pruned", FACE, 33, 2, {PGS_PRUNE});
    report_densify("no splats", FACE, 0, 2, {PGS_KEEP});
}

}  // namespace pgs
