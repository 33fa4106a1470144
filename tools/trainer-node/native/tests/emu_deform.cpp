/*
 * The deformation's kernels under the emulator against engine/deform.cpp: every posed splat, the regulariser, every gradient, in
 * both branches. Prints one JSON object a line; judging them is tests/trainer/cuda-deform.test.ts' business.
 */
#include <chrono>
#include <cstdio>
#include "../cuda/deform.h"
#include "../cuda/memory.h"
#include "../engine/state.h"

using namespace pgs;

namespace {

constexpr uint64_t SEEDS[] = {1, 2, 3};
constexpr float WEIGHT_DELTA = 0.37f; /* large, so that the regulariser's share of the gradients shows */

typedef std::vector<float> Floats;

struct Case {
    const char* name;
    int branch, splats;
    double box;              /* half the side of the cube of means, m: 0.15 is the bound */
    int expressions = 6, base = 16, finest = 38;
    bool dead = false;       /* half of the second layer's units are off for every splat */
    bool infinite = false;   /* one gradient is */
    bool same = false;       /* every splat is where the first is and has its gradient: the largest sums there can be */
};

const Case CASES[] = {
    {"face, no splats", FACE, 0, 0.1},
    {"face, one splat", FACE, 1, 0.1},
    {"face, 31", FACE, 31, 0.16, 64},
    {"face, 513, half its units dead", FACE, 513, 0.17, 33, 16, 38, true},
    {"face, 2000", FACE, 2000, 0.16},
    {"face, 100, all outside", FACE, 100, 0.0},
    {"face, 34001: more tiles than blocks", FACE, 34001, 0.16},
    {"mouth, no splats", MOUTH, 0, 0.1, 6, 16, 64},
    {"mouth, one splat", MOUTH, 1, 0.1, 6, 16, 64},
    {"mouth, 31", MOUTH, 31, 0.16, 6, 16, 64},
    {"mouth, 513, half its units dead", MOUTH, 513, 0.17, 6, 16, 64, true},
    {"mouth, 4500", MOUTH, 4500, 0.16, 6, 16, 64},
    {"mouth, 100, all outside", MOUTH, 100, 0.0, 6, 16, 64},
    {"mouth, 700, planes to 200", MOUTH, 700, 0.16, 6, 16, 200},
    {"face, 512 at one point", FACE, 512, 0.1, 6, 16, 38, false, false, true},
    {"face, 200, one gradient infinite", FACE, 200, 0.1, 6, 16, 38, false, true},
};

/* Largest difference over the largest expected value. NaN counts as infinite. */
double distance(const Floats& actual, const Floats& expected) {
    if (actual.size() != expected.size()) return INFINITY;
    double worst = 0, largest = 0;
    for (size_t i = 0; i < expected.size(); i++) {
        if (actual[i] == expected[i]) continue;
        const double difference = std::abs(double(actual[i]) - expected[i]);
        worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    }
    for (float value : expected) largest = std::max(largest, std::abs(double(value)));
    return worst == 0 ? 0 : worst / (largest > 0 ? largest : 1);
}

bool same_bits(const Floats& a, const Floats& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

typedef std::map<std::string, Floats> Arrays;

/* A branch with every weight drawn, and the view that both sides are given. */
struct Subject {
    Context ctx{2, 7};
    Floats audio_feat, expression, v_means, v_quats, v_log_scales;
    Branch& branch(const Case& c) { return ctx.branch[c.branch]; }
};

void draw(Floats& values, size_t count, double spread, Rng& rng) {
    values.resize(count);
    for (float& value : values) value = float(spread * rng.normal());
}

void build(const Case& c, Subject& s) {
    Branch& b = s.branch(c);
    Rng rng(101 + uint64_t(c.splats), uint64_t(c.branch));
    s.ctx.data.expressions = c.expressions;
    s.ctx.settings["weight.delta"] = double(WEIGHT_DELTA);
    nets_init(s.ctx, c.branch, c.base, c.finest);
    for (float& texel : b.planes.value) texel = float(0.5 * rng.normal());
    for (Linear& layer : b.layers) {
        for (float& w : layer.weight.value) w = float(rng.normal() / std::sqrt(double(layer.in)));
        for (float& w : layer.bias.value) w = float(0.3 * rng.normal());
    }
    if (c.dead)
        for (int o = 0; o < b.layers[MLP1].out; o += 2) b.layers[MLP1].bias.value[o] = -100;
    b.n = c.splats;
    const size_t n = size_t(c.splats);
    for (Param* p : {&b.means, &b.log_scales}) p->resize(n * 3);
    b.quats.resize(n * 4);
    b.logit_opacities.resize(n);
    for (size_t e = 0; e < n * 3; e++) b.means.value[e] = float(c.box > 0 ? (2 * rng.uniform() - 1) * c.box : 0.2 + rng.uniform());
    if (n > 20 && c.box > 0 && !c.same) { /* on the bound, beside it, and nowhere */
        for (int k = 0; k < 3; k++) b.means.value[3 + k] = k == 1 ? float(-PGS_PLANE_BOUND) : float(PGS_PLANE_BOUND);
        b.means.value[6] = std::nextafter(float(PGS_PLANE_BOUND), 1.0f);
        b.means.value[9] = std::nanf("");
        b.means.value[12] = INFINITY;
    }
    for (float& value : b.quats.value) value = float(rng.normal());
    for (float& value : b.log_scales.value) value = float(-5 + rng.normal());
    draw(s.audio_feat, PGS_AUDIO_FEAT_DIM, 1, rng);
    draw(s.expression, size_t(c.expressions), 1, rng);
    draw(s.v_means, n * 3, 1, rng);
    draw(s.v_quats, n * 4, c.same ? 0 : 1e-2, rng);
    draw(s.v_log_scales, n * 3, 1e-2, rng);
    if (c.same)
        for (size_t e = 3; e < n * 3; e++) {
            b.means.value[e] = b.means.value[e - 3];
            s.v_means[e] = s.v_means[e - 3];
            s.v_log_scales[e] = s.v_log_scales[e - 3];
        }
    if (c.infinite) s.v_means[3 * 20] = INFINITY;
}

Arrays run_engine(const Case& c, Subject& s, double& regulariser, size_t& moving) {
    Branch& b = s.branch(c);
    ViewPass& view = s.ctx.view[c.branch];
    view.splats.resize(size_t(b.n));
    view.v_splats.resize(size_t(b.n));
    b.means.grad = s.v_means;
    for (size_t i = 0; i < size_t(b.n); i++) {
        for (int k = 0; k < 3; k++) {
            view.splats[i].mean[k] = b.means.value[i * 3 + k];
            view.splats[i].log_scale[k] = b.log_scales.value[i * 3 + k];
            view.v_splats[i].mean[k] = s.v_means[i * 3 + k];
            view.v_splats[i].log_scale[k] = s.v_log_scales[i * 3 + k];
        }
        for (int k = 0; k < 4; k++) {
            view.splats[i].quat[k] = b.quats.value[i * 4 + k];
            view.v_splats[i].quat[k] = s.v_quats[i * 4 + k];
        }
    }
    deform_forward(s.ctx, c.branch, s.audio_feat.data(), s.expression.data(), view);
    Arrays out;
    out["v_audio_feat"].assign(PGS_AUDIO_FEAT_DIM, 0.0f);
    deform_backward(s.ctx, c.branch, s.audio_feat.data(), s.expression.data(), view, out["v_audio_feat"].data());
    for (const Splat& splat : view.splats) {
        out["means"].insert(out["means"].end(), splat.mean, splat.mean + 3);
        out["log_scales"].insert(out["log_scales"].end(), splat.log_scale, splat.log_scale + 3);
        out["quats"].insert(out["quats"].end(), splat.quat, splat.quat + 4);
    }
    for (const char* name : {"means", "log_scales", "quats"}) out[name]; /* there, if empty */
    out["v_means"] = b.means.grad;
    out["v_planes"] = b.planes.grad;
    for (int l = 0; l < LAYERS; l++) {
        if (b.layers[l].weight.size() == 0) continue;
        out[std::string("v_") + LAYER_NAMES[l] + ".weight"] = b.layers[l].weight.grad;
        out[std::string("v_") + LAYER_NAMES[l] + ".bias"] = b.layers[l].bias.grad;
    }
    regulariser = view.deform.regulariser;
    moving = view.deform.moving.size();
    return out;
}

/* The arrays of a step on the device. */
struct Device {
    std::map<std::string, DeviceArray<float>> arrays;
    DeviceArray<StepInput> input;
    DeviceArray<DeformFrame> frame;
    DeviceArray<DeformTotals> totals;
    DeviceArray<double> block_sums;
    DeviceArray<unsigned long long> plane_sums;
    DeviceArray<ViewCounters> counters;

    float* put(const std::string& name, const Floats& from) {
        arrays[name].resize(from.size(), name.c_str());
        if (!from.empty()) arrays[name].put(from.data(), from.size(), nullptr);
        return arrays[name].data();
    }
    float* room(const std::string& name, size_t count) {
        arrays[name].resize(count, name.c_str());
        return arrays[name].data();
    }
};

struct Run {
    Arrays arrays;
    DeformTotals totals;
    bool cleared = true; /* plane_sums is zero again */
};

Run run_kernels(const Case& c, Subject& s, uint64_t seed, bool overflow) {
    simt::set_seed(seed);
    const Branch& b = s.branch(c);
    Device d;
    const size_t n3 = size_t(b.n) * 3, n4 = size_t(b.n) * 4;
    DeformWeights weights = {};
    DeformGrads grads = {};
    for (int l = 0; l < LAYERS; l++) {
        const Linear& layer = b.layers[l];
        if (layer.weight.size() == 0) continue;
        const std::string name = LAYER_NAMES[l];
        weights.weight[l] = d.put(name + ".weight", layer.weight.value);
        weights.bias[l] = d.put(name + ".bias", layer.bias.value);
        grads.weight[l] = d.room("v_" + name + ".weight", layer.weight.size());
        grads.bias[l] = d.room("v_" + name + ".bias", layer.bias.size());
    }
    weights.planes = d.put("planes", b.planes.value);
    grads.planes = d.room("v_planes", b.planes.size());
    grads.v_audio_feat = d.room("v_audio_feat", PGS_AUDIO_FEAT_DIM);
    const float* const audio_feat = d.put("audio_feat", s.audio_feat);
    const PoseArrays pose = {b.n,
                             d.put("canonical_means", b.means.value),
                             d.put("canonical_quats", b.quats.value),
                             d.put("canonical_log_scales", b.log_scales.value),
                             d.room("means", n3),
                             d.room("quats", n4),
                             d.room("log_scales", n3)};
    const PoseGrads v_pose = {d.put("v_means", s.v_means), d.put("v_quats", s.v_quats), d.put("v_log_scales", s.v_log_scales)};
    StepInput input = {};
    input.weight_delta = WEIGHT_DELTA;
    std::copy(s.expression.begin(), s.expression.end(), input.expression);
    d.input.resize(1, "input");
    d.input.put(&input, 1, nullptr);
    d.counters.resize(1, "counters");
    const ViewCounters counters = {0, 0, 0, overflow ? 1u : 0u};
    d.counters.put(&counters, 1, nullptr);
    d.frame.resize(1, "frame");
    d.totals.resize(1, "totals");
    d.block_sums.resize(size_t(deform_blocks(b.n)), "sums");
    d.plane_sums.resize(b.planes.size(), "sums");
    cudaMemsetAsync(d.plane_sums.data(), 0, b.planes.size() * sizeof(unsigned long long), nullptr);
    const DeformArrays arrays = {d.frame.data(),
                                 d.totals.data(),
                                 d.block_sums.data(),
                                 d.room("kept", kept_values(c.branch, b.n)),
                                 d.room("v_feat", v_feat_values(b.n)),
                                 d.room("partial", partial_values(c.branch, b.n)),
                                 d.plane_sums.data()};
    launch_deform_forward(nullptr, c.branch, d.input.data(), c.expressions, audio_feat, weights, b.layout, pose, arrays);
    launch_deform_backward(nullptr, c.branch, d.input.data(), c.expressions, audio_feat, weights, b.layout, pose, v_pose, arrays,
                           d.counters.data(), grads);
    launch_planes_backward(nullptr, b.layout, pose, arrays, d.counters.data(), grads.planes);
    Run run;
    for (auto& [name, array] : d.arrays)
        if (name == "means" || name == "quats" || name == "log_scales" || name.rfind("v_", 0) == 0) run.arrays[name] = array.get(nullptr);
    for (const char* given : {"v_quats", "v_log_scales", "v_feat"}) run.arrays.erase(given);
    run.totals = d.totals.get(nullptr)[0];
    for (unsigned long long sum : d.plane_sums.get(nullptr)) run.cleared = run.cleared && sum == 0;
    return run;
}

size_t different_arrays(const Run& run, const Run& other) {
    size_t different = std::memcmp(&run.totals.regulariser, &other.totals.regulariser, sizeof(double)) != 0;
    different += run.totals.moving != other.totals.moving;
    for (const auto& [name, values] : run.arrays) different += !same_bits(values, other.arrays.at(name));
    return different;
}

/* After an overflow every gradient is as it was allocated, and v_means as it was given. */
bool untouched(const Case& c, Subject& s) {
    const Run run = run_kernels(c, s, SEEDS[0], true);
    bool as_before = same_bits(run.arrays.at("v_means"), s.v_means) && run.cleared;
    for (const auto& [name, values] : run.arrays) {
        if (name.rfind("v_", 0) != 0 || name == "v_means") continue;
        for (float value : values) as_before = as_before && std::isnan(value);
    }
    return as_before;
}

/* The static stage: bits of the canonical splats. */
bool poses_as_canonical(const Branch& b) {
    Device d;
    const size_t n3 = size_t(b.n) * 3, n4 = size_t(b.n) * 4;
    const PoseArrays pose = {b.n,
                             d.put("a", b.means.value),
                             d.put("b", b.quats.value),
                             d.put("c", b.log_scales.value),
                             d.room("means", n3),
                             d.room("quats", n4),
                             d.room("log_scales", n3)};
    launch_pose(nullptr, pose);
    return same_bits(d.arrays["means"].get(nullptr), b.means.value) && same_bits(d.arrays["quats"].get(nullptr), b.quats.value) &&
           same_bits(d.arrays["log_scales"].get(nullptr), b.log_scales.value);
}

/* Splats outside the bound keep their bits. */
size_t moved_outside(const Branch& b, const Run& run) {
    size_t moved = 0;
    for (size_t i = 0; i < size_t(b.n); i++) {
        if (inside_bound(&b.means.value[i * 3])) continue;
        moved += std::memcmp(&run.arrays.at("means")[i * 3], &b.means.value[i * 3], 12) != 0;
        moved += std::memcmp(&run.arrays.at("quats")[i * 4], &b.quats.value[i * 4], 16) != 0;
        moved += std::memcmp(&run.arrays.at("log_scales")[i * 3], &b.log_scales.value[i * 3], 12) != 0;
    }
    return moved;
}

void report(const Case& c) {
    const auto began = std::chrono::steady_clock::now();
    Subject s;
    build(c, s);
    double regulariser = 0;
    size_t moving = 0;
    Arrays expected = run_engine(c, s, regulariser, moving);
    Run run = run_kernels(c, s, SEEDS[0], false);
    size_t schedule = 0, nan_texels = 0;
    const size_t seeds = c.splats > 10000 ? 2 : sizeof SEEDS / sizeof *SEEDS;
    for (size_t k = 1; k < seeds; k++) schedule += different_arrays(run, run_kernels(c, s, SEEDS[k], false));
    for (float value : run.arrays.at("v_planes")) nan_texels += std::isnan(value);
    const size_t moved = moved_outside(s.branch(c), run);
    std::string distances = "{";
    for (const auto& [name, values] : expected) {
        Floats actual = run.arrays.at(name), wanted = values;
        for (size_t i = 0; i < wanted.size() && i < actual.size(); i++) /* a mean that is nowhere stays there */
            if (!std::isfinite(wanted[i]) && same_bits({wanted[i]}, {actual[i]})) wanted[i] = actual[i] = 0;
        const double far = distance(actual, wanted);
        char text[96];
        std::snprintf(text, sizeof text, "%s\"%s\":%.3g", distances.size() > 1 ? "," : "", name.c_str(), std::isfinite(far) ? far : 1e30);
        distances += text;
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double off = std::abs(run.totals.regulariser - regulariser) / (regulariser > 0 ? regulariser : 1);
    const auto claim = [](bool holds) { return holds ? "true" : "false"; };
    std::printf(
        "{\"case\":\"%s\",\"splats\":%d,\"moving\":%u,\"expectedMoving\":%zu,\"regulariser\":%.9g,\"regulariserDistance\":%.3g,"
        "\"scheduleDifferences\":%zu,\"untouched\":%s,\"cleared\":%s,\"canonical\":%s,\"movedOutside\":%zu,\"texels\":%zu,"
        "\"nanTexels\":%zu,\"distances\":%s},\"seconds\":%.2f}\n",
        c.name, c.splats, run.totals.moving, moving, std::isfinite(off) ? run.totals.regulariser : -1.0,
        std::isfinite(off) ? off : 1e30, schedule, claim(untouched(c, s)), claim(run.cleared), claim(poses_as_canonical(s.branch(c))),
        moved, run.arrays.at("v_planes").size(), nan_texels, distances.c_str(), seconds);
    std::fflush(stdout);
}

}  // namespace

int main() {
    for (const Case& c : CASES) report(c);
    return 0;
}
