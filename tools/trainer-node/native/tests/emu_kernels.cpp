/*
 * The CUDA kernels under the emulator against the CPU twins. Prints one JSON object a line: the emulator's own provocations, then
 * every scene with the differences found. Judging them is tests/trainer/cuda-kernels.test.ts' business.
 */
#include <chrono>
#include <cstdio>
#include <map>
#include "../cuda/view.h"
#include "../include/pgs_trainer.h"
#include "emu_machine.h"
#include "emu_masks.h"
#include "emu_scenes.h"

using namespace pgs;

namespace {

/* Schedules that each scene runs under: half of the blocks of each let warps race. */
constexpr uint64_t SEEDS[] = {1, 2, 3};

typedef std::vector<float> Floats;

/* Largest difference over the largest expected value: an array's small entries are sums that cancel. NaN counts as infinite. */
double distance(const Floats& actual, const Floats& expected) {
    if (actual.size() != expected.size()) return INFINITY;
    double worst = 0, largest = 0;
    for (size_t i = 0; i < expected.size(); i++) {
        if (actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]))) continue;
        const double difference = std::abs(double(actual[i]) - expected[i]);
        worst = difference > worst || std::isnan(difference) ? (std::isnan(difference) ? INFINITY : difference) : worst;
    }
    for (float value : expected) largest = std::isfinite(value) && std::abs(value) > largest ? std::abs(double(value)) : largest;
    return worst == 0 ? 0 : worst / (largest > 0 ? largest : 1);
}

size_t mismatches(const Floats& actual, const Floats& expected) {
    size_t count = actual.size() == expected.size() ? 0 : 1;
    for (size_t i = 0; i < expected.size() && i < actual.size(); i++) count += actual[i] != expected[i];
    return count;
}

/* What a run leaves, by name; compared with the twin, and between seeds bit by bit. */
struct Run {
    std::map<std::string, Floats> arrays;
    Floats splats, slots_of, starts; /* of bins, as floats: exact below 2^24 */
    ViewCounters counters;
    size_t longest_walk = 0;
};

Floats words(const std::vector<uint32_t>& values, size_t count) {
    return Floats(values.begin(), values.begin() + std::min(count, values.size()));
}

Floats channel(const std::vector<Quad>& picture, int c) {
    Floats out;
    for (const Quad& pixel : picture) out.push_back(c == 0 ? pixel.x : c == 1 ? pixel.y : c == 2 ? pixel.z : pixel.w);
    return out;
}

/* Only what is drawn: the last tiles hold more than the picture. */
Floats inside(const Scene& scene, const Twin& twin, const Floats& plane) {
    Floats out;
    for (int y = 0; y < scene.height; y++)
        for (int x = 0; x < scene.width; x++) out.push_back(plane[size_t(y) * twin.frame.stride + x]);
    return out;
}

void push_screen(const Projected& p, Floats& screen) {
    const float values[] = {p.x,        p.y,        p.depth,    p.opacity,  p.conic[0], p.conic[1],
                            p.conic[2], p.color[0], p.color[1], p.color[2], p.cov_xx,   p.cov_yy};
    for (float value : values) screen.push_back(p.radius > 0 ? value : 0.0f);
    screen.push_back(float(p.radius));
}

void collect_bins(DeviceView& view, const Twin& twin, Run& run) {
    const size_t pairs = run.counters.pairs, tiles = twin.bins.tile_start.size() - 1;
    run.splats = words(view.isect_splats.get(nullptr), pairs);
    run.slots_of = words(view.isect_slots.get(nullptr), pairs);
    run.starts = words(view.tile_start.get(nullptr), tiles + 1);
    for (uint32_t reached : view.tile_reached.get(nullptr)) run.longest_walk = std::max(run.longest_walk, size_t(reached));
}

Run run_kernels(const Scene& scene, const Twin& twin, uint64_t seed) {
    simt::set_seed(seed);
    DeviceSplats splats(scene.count(), scene.sh_degree, nullptr);
    DeviceView view;
    view.resize({scene.count(), scene.width, scene.height, scene.pair_capacity, scene.depth});
    DeviceArray<CameraT<float>> camera;
    camera.resize(1, "the camera");
    camera.put(&scene.camera, 1, nullptr);
    const auto put = [](DeviceArray<float>& to, const Floats& from) { to.put(from.data(), from.size(), nullptr); };
    put(splats.means, scene.means);
    put(splats.quats, scene.quats);
    put(splats.log_scales, scene.log_scales);
    put(splats.logit_opacities, scene.logit_opacities);
    put(splats.sh, scene.sh);
    std::vector<Quad> v_picture(twin.frame.pixels());
    for (size_t p = 0; p < v_picture.size(); p++)
        v_picture[p] = {twin.frame_grad.color[0][p], twin.frame_grad.color[1][p], twin.frame_grad.color[2][p], twin.frame_grad.trans[p]};
    view.v_picture.put(v_picture.data(), v_picture.size(), nullptr);
    if (scene.depth) put(view.v_depth, twin.frame_grad.depth);
    view.project_and_bin(nullptr, camera.data(), splats.arrays(), scene.degree);
    view.raster_forward(nullptr);
    view.raster_backward(nullptr);
    view.project_back(nullptr, camera.data(), splats.arrays(), scene.degree);

    Run run;
    Floats& screen = run.arrays["screen"];
    for (const ScreenSplat& s : view.screen.get(nullptr)) push_screen(unpack_splat(s), screen);
    const bool overflowed = view.overflowed(nullptr, run.counters);
    if (!overflowed) collect_bins(view, twin, run);
    const std::vector<Quad> picture = view.picture.get(nullptr);
    const char* const names[4] = {"red", "green", "blue", "trans"};
    for (int c = 0; c < 4; c++) run.arrays[names[c]] = inside(scene, twin, channel(picture, c));
    if (scene.depth) {
        run.arrays["depth"] = inside(scene, twin, view.depth.get(nullptr));
        run.arrays["median"] = inside(scene, twin, view.median.get(nullptr));
    }
    run.arrays["v_means"] = splats.v_means.get(nullptr);
    run.arrays["v_quats"] = splats.v_quats.get(nullptr);
    run.arrays["v_log_scales"] = splats.v_log_scales.get(nullptr);
    run.arrays["v_logit_opacities"] = splats.v_logit_opacities.get(nullptr);
    run.arrays["v_sh"] = splats.v_sh.get(nullptr);
    run.arrays["grad_accum"] = splats.grad_accum.get(nullptr);
    run.arrays["grad_accum_plain"] = splats.grad_accum_plain.get(nullptr);
    run.arrays["max_contribution"] = splats.max_contribution.get(nullptr);
    run.arrays["counts"] = splats.weight_accum.get(nullptr);
    run.arrays["view_count"] = splats.view_count.get(nullptr);
    return run;
}

std::map<std::string, Floats> expected_arrays(const Scene& scene, const Twin& twin) {
    std::map<std::string, Floats> out;
    Floats& screen = out["screen"];
    for (const Projected& p : twin.projected) push_screen(p, screen);
    const char* const names[3] = {"red", "green", "blue"};
    for (int c = 0; c < 3; c++) out[names[c]] = inside(scene, twin, twin.frame.color[c]);
    out["trans"] = inside(scene, twin, twin.frame.trans);
    if (scene.depth) {
        out["depth"] = inside(scene, twin, twin.frame.depth);
        out["median"] = inside(scene, twin, twin.frame.median);
    }
    out["v_means"] = twin.v_means;
    out["v_quats"] = twin.v_quats;
    out["v_log_scales"] = twin.v_log_scales;
    out["v_logit_opacities"] = twin.v_logit_opacities;
    out["v_sh"] = twin.v_sh;
    out["grad_accum"] = twin.grad_accum;
    out["grad_accum_plain"] = twin.grad_accum_plain;
    out["max_contribution"] = twin.max_contribution;
    out["counts"] = twin.weight_accum;
    out["view_count"] = twin.view_count;
    return out;
}

bool same_bits(const Floats& a, const Floats& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/* The C entry, which checks on a GPU machine will call, must give what the kernels gave. */
bool same_through_the_edge(const Scene& scene, const Twin& twin, const Run& run) {
    if (scene.degree != scene.sh_degree) return true; /* it knows no inactive coefficients */
    const size_t n = size_t(scene.count()), pixels = size_t(scene.width) * scene.height;
    std::map<std::string, Floats> out;
    for (const char* name : {"depth", "median", "trans"}) out[name].resize(pixels);
    for (const char* name : {"counts", "max_contribution", "v_logit_opacities"}) out[name].resize(n);
    for (const char* name : {"v_means", "v_log_scales"}) out[name].resize(n * 3);
    out["v_quats"].resize(n * 4);
    out["v_sh"].resize(n * scene.sh_k() * 3);
    Floats rgbt(pixels * 4), v_rgbt(pixels * 4), v_depth;
    for (int c = 0; c < 4; c++) {
        const Floats plane = inside(scene, twin, c < 3 ? twin.frame_grad.color[c] : twin.frame_grad.trans);
        for (size_t p = 0; p < pixels; p++) v_rgbt[p * 4 + c] = plane[p];
    }
    if (scene.depth) v_depth = inside(scene, twin, twin.frame_grad.depth);
    double viewmat[16] = {};
    for (int i = 0; i < 12; i++) viewmat[i] = scene.camera.view[i];
    viewmat[15] = 1;
    char text[256];
    const Camera& lens = scene.camera;
    const int32_t status = pgs_cuda_view(
        scene.count(), scene.sh_degree, scene.means.data(), scene.quats.data(), scene.log_scales.data(), scene.logit_opacities.data(),
        scene.sh.data(), viewmat, lens.fx, lens.fy, lens.cx, lens.cy, scene.width, scene.height, v_rgbt.data(),
        scene.depth ? v_depth.data() : nullptr, scene.pair_capacity, rgbt.data(), scene.depth ? out["depth"].data() : nullptr,
        scene.depth ? out["median"].data() : nullptr, out["counts"].data(), out["max_contribution"].data(), out["v_means"].data(),
        out["v_quats"].data(), out["v_log_scales"].data(), out["v_logit_opacities"].data(), out["v_sh"].data(), text, sizeof text);
    if (run.counters.overflow)
        return status == PGS_E_OVERFLOW && std::string(text).find(std::to_string(run.counters.pairs)) != std::string::npos;
    for (size_t p = 0; p < pixels; p++) out["trans"][p] = rgbt[p * 4 + 3];
    bool same = status == PGS_OK;
    for (const auto& [name, values] : out) {
        if (!scene.depth && (name == "depth" || name == "median")) continue;
        same = same && same_bits(values, run.arrays.at(name));
    }
    return same;
}

/* Arrays that another order of fibers and blocks changed by a bit. */
size_t schedule_differences(const Scene& scene, const Twin& twin, const Run& run) {
    size_t different = 0;
    for (size_t s = 1; s < sizeof SEEDS / sizeof *SEEDS; s++) {
        const Run other = run_kernels(scene, twin, SEEDS[s]);
        for (const auto& [name, values] : run.arrays) different += !same_bits(values, other.arrays.at(name));
        different += !same_bits(run.splats, other.splats);
        different += !same_bits(run.slots_of, other.slots_of);
        different += !same_bits(run.starts, other.starts);
    }
    return different;
}

size_t bin_mismatches(const Twin& twin, const Run& run) {
    if (run.counters.overflow) return 0;
    const auto as_floats = [](const std::vector<int>& values) { return Floats(values.begin(), values.end()); };
    return mismatches(run.splats, as_floats(twin.bins.splat)) + mismatches(run.slots_of, as_floats(twin.bins.slot)) +
           mismatches(run.starts, as_floats(twin.bins.tile_start));
}

/* Device memory starts as NaN: an output that no kernel wrote still is. */
bool untouched(const Run& run) {
    bool all = true;
    for (const char* name : {"red", "trans", "v_means", "v_sh"})
        for (float value : run.arrays.at(name)) all = all && std::isnan(value);
    return all;
}

std::string distances_json(const Run& run, const std::map<std::string, Floats>& expected) {
    std::string json = "{";
    for (const auto& [name, values] : expected) {
        if (name == "counts" || name == "view_count") continue; /* compared exactly */
        const double d = distance(run.arrays.at(name), values);
        char entry[96];
        std::snprintf(entry, sizeof entry, "%s\"%s\":%.3g", json.size() > 1 ? "," : "", name.c_str(), std::isfinite(d) ? d : 1e30);
        json += entry;
    }
    return json + "}";
}

/* Calls of the C entry that must be refused with a reason: {"what is wrong": true where it was, ...}. */
std::string refuse_calls() {
    std::string json = "{";
    const Floats some(64);
    const double eye[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1};
    const auto call = [&](const char* name, int n, int degree, int width, const double* viewmat, const float* sh, const float* v_rgbt,
                          const float* v_depth) {
        Floats rgbt(64, 7.0f);
        const Floats before = rgbt;
        char text[200] = "";
        const int32_t status = pgs_cuda_view(n, degree, some.data(), some.data(), some.data(), some.data(), sh, viewmat, 4, 4, 2, 2, width,
                                             4, v_rgbt, v_depth, 64, rgbt.data(), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                                             nullptr, nullptr, nullptr, text, sizeof text);
        const bool refused = status == PGS_E_ARGUMENT && std::string(text).rfind("pgs_cuda_view: expected", 0) == 0 && rgbt == before;
        json += std::string(json.size() > 1 ? "," : "") + "\"" + name + "\":" + (refused ? "true" : "false");
    };
    call("a negative count", -1, 0, 4, eye, some.data(), nullptr, nullptr);
    call("no picture", 1, 0, 0, eye, some.data(), nullptr, nullptr);
    call("degree 3 with gradients", 1, 3, 4, eye, some.data(), some.data(), nullptr);
    call("no camera", 1, 0, 4, nullptr, some.data(), nullptr, nullptr);
    call("no colours", 1, 0, 4, eye, nullptr, nullptr, nullptr);
    call("a gradient of a depth that is not drawn", 1, 0, 4, eye, some.data(), some.data(), some.data());
    return json + "}";
}

void report(const Scene& scene) {
    const auto began = std::chrono::steady_clock::now();
    Twin twin;
    run_twin(scene, twin);
    const Run run = run_kernels(scene, twin, SEEDS[0]);
    size_t visible = 0, counted = 0;
    for (const Projected& p : twin.projected) visible += p.radius > 0;
    for (float m : twin.weight_accum) counted += size_t(m);
    const auto number = [](const char* name, size_t value) { return std::string(",\"") + name + "\":" + std::to_string(value); };
    const auto claim = [](const char* name, bool holds) { return std::string(",\"") + name + "\":" + (holds ? "true" : "false"); };
    std::string json = "{\"scene\":\"" + scene.name + "\"";
    json += number("splats", size_t(scene.count())) + number("visible", visible) + number("counted", counted);
    json +=
        number("pairs", run.counters.pairs) + number("expectedPairs", size_t(twin.bins.pairs)) + number("overflow", run.counters.overflow);
    json += number("longest", run.counters.longest) + number("longestWalk", run.longest_walk);
    json += number("binMismatches", bin_mismatches(twin, run));
    json += number("countMismatches", mismatches(run.arrays.at("counts"), twin.weight_accum));
    json += number("viewMismatches", mismatches(run.arrays.at("view_count"), twin.view_count));
    json += number("scheduleDifferences", schedule_differences(scene, twin, run));
    json += claim("untouched", untouched(run)) + claim("edge", same_through_the_edge(scene, twin, run));
    json += ",\"distances\":" + distances_json(run, expected_arrays(scene, twin));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("%s,\"seconds\":%.2f}\n", json.c_str(), seconds);
    std::fflush(stdout);
}

}  // namespace

int main() {
    const MaskCount masks = count_mask_misses();
    std::printf("{\"machine\":%s,\"streams\":%s,\"refusals\":%s,\"maskSamples\":%zu,\"maskMisses\":%zu}\n", provoke_machine().c_str(),
                provoke_streams().c_str(), refuse_calls().c_str(), masks.samples, masks.missed);
    std::fflush(stdout);
    for (const Scene& scene : all_scenes()) report(scene);
    return 0;
}
