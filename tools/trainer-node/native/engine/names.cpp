/* Tensors by name: what checkpoints, tests and the exporter see of a context. */
#include "state.h"

namespace pgs {
namespace {

Param* splat_param(Branch& b, const std::string& field) {
    if (field == "means") return &b.means;
    if (field == "quats") return &b.quats;
    if (field == "logScales") return &b.log_scales;
    if (field == "logitOpacities") return &b.logit_opacities;
    if (field == "sh") return &b.sh;
    if (field == "planes") return &b.planes;
    return nullptr;
}

Param* linear_param(Linear& layer, const std::string& part) {
    if (layer.weight.size() == 0) return nullptr;
    return part == "weight" ? &layer.weight : (part == "bias" ? &layer.bias : nullptr);
}

Param* find_param(Context& ctx, const std::string& name) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos) return nullptr;
    const std::string owner = name.substr(0, dot), rest = name.substr(dot + 1);
    const size_t part_at = rest.rfind('.');
    if (owner == "encoder" && part_at != std::string::npos) {
        const std::string layer = rest.substr(0, part_at), part = rest.substr(part_at + 1);
        for (int i = 0; i < 4; i++)
            if (layer == "conv" + std::to_string(i)) return linear_param(ctx.encoder.conv[i], part);
        for (int i = 0; i < 2; i++)
            if (layer == "fc" + std::to_string(i)) return linear_param(ctx.encoder.fc[i], part);
        if (layer == "opening") return linear_param(ctx.encoder.opening, part);
        return nullptr;
    }
    for (int branch = 0; branch < BRANCHES; branch++) {
        if (owner != BRANCH_NAMES[branch]) continue;
        Branch& b = ctx.branch[branch];
        if (Param* p = splat_param(b, rest)) return p;
        if (part_at == std::string::npos) return nullptr;
        for (int l = 0; l < LAYERS; l++)
            if (rest.substr(0, part_at) == LAYER_NAMES[l]) return linear_param(b.layers[l], rest.substr(part_at + 1));
    }
    return nullptr;
}

std::vector<real>* find_statistic(Context& ctx, const std::string& name) {
    for (int branch = 0; branch < BRANCHES; branch++) {
        Branch& b = ctx.branch[branch];
        const std::string prefix = std::string(BRANCH_NAMES[branch]) + ".";
        if (name == prefix + "gradAccum") return &b.grad_accum;
        if (name == prefix + "weightAccum") return &b.weight_accum;
        if (name == prefix + "gradAccumPlain") return &b.grad_accum_plain;
        if (name == prefix + "viewCount") return &b.view_count;
        if (name == prefix + "maxContribution") return &b.max_contribution;
    }
    return nullptr;
}

bool take_suffix(std::string& name, const char* suffix) {
    const std::string s(suffix);
    if (name.size() <= s.size() || name.compare(name.size() - s.size(), s.size(), s) != 0) return false;
    name.resize(name.size() - s.size());
    return true;
}

}  // namespace

std::vector<real>* find_tensor(Context& ctx, const std::string& full_name) {
    if (auto* statistic = find_statistic(ctx, full_name)) return statistic;
    std::string name = full_name;
    std::vector<real> Param::*field = &Param::value;
    if (take_suffix(name, ".grad")) field = &Param::grad;
    else if (take_suffix(name, ".adam1")) field = &Param::adam1;
    else if (take_suffix(name, ".adam2")) field = &Param::adam2;
    Param* param = find_param(ctx, name);
    return param ? &(param->*field) : nullptr;
}

/* Single numbers that are state too. */
double* find_counter(Context& ctx, const std::string& name) {
    if (name == "step.face") return &ctx.branch[FACE].step;
    if (name == "step.mouth") return &ctx.branch[MOUTH].step;
    if (name == "step.nets") return &ctx.net_step;
    return nullptr;
}

std::vector<std::string> stored_tensors(Context& ctx) {
    std::vector<std::string> params, out;
    const auto add = [&](const std::string& name) {
        Param* p = find_param(ctx, name);
        if (p && p->size() > 0) params.push_back(name);
    };
    for (const char* branch : BRANCH_NAMES) {
        const std::string prefix = std::string(branch) + ".";
        for (const char* field : {"means", "quats", "logScales", "logitOpacities", "sh", "planes"}) add(prefix + field);
        for (const char* layer : LAYER_NAMES)
            for (const char* part : {".weight", ".bias"}) add(prefix + layer + part);
        for (const char* field : {"gradAccum", "weightAccum", "gradAccumPlain", "viewCount", "maxContribution"}) out.push_back(prefix + field);
    }
    for (const char* layer : {"conv0", "conv1", "conv2", "conv3", "fc0", "fc1", "opening"})
        for (const char* part : {".weight", ".bias"}) add(std::string("encoder.") + layer + part);
    for (const std::string& name : params)
        for (const char* suffix : {"", ".adam1", ".adam2"}) out.push_back(name + suffix);
    for (const char* counter : {"step.face", "step.mouth", "step.nets"}) out.push_back(counter);
    return out;
}

}  // namespace pgs
