/*
 * The loss kernels under the emulator against the training program itself: a small head of splats is drawn by the CPU engine, which
 * also says what it costs and what each pixel's gradient is; the kernels get the same picture. Prints one JSON object a case;
 * judging it is tests/trainer/cuda-loss.test.ts' business.
 */
#include <algorithm>
#include <cstdio>
#include <memory>
#include "../cuda/loss.h"
#include "../cuda/view.h"
#include "../engine/capi.h"

using namespace pgs;

namespace {

constexpr uint64_t SEEDS[] = {1, 2, 3};
enum Compared { FACE_ALONE, MOUTH_ALONE, COMPOSITE };

struct Case {
    const char* name;
    Compared compared;
    int width, height;
    double lips[4], eyes[4]; /* boxes x0, y0, x1, y1, px */
    double weights[4];       /* dssim, alpha, lips, eyes */
    bool lips_only = false;
    int splats = 250;
    int overflowing = -1; /* branch whose view overflowed */
    bool counted = true;  /* false: no counters are given */
};

std::vector<Case> all_cases() {
    return {
        {"face, 90x70", FACE_ALONE, 90, 70, {30, 40.5, 55.25, 58}, {25, 18, 62, 29}, {0.2, 1e-3, 2, 1}},
        {"face, lips only, 61x83", FACE_ALONE, 61, 83, {20, 44, 43, 60.5}, {15, 20, 45, 33}, {0.2, 1e-3, 2, 1}, true},
        {"face, no weights, 48x32", FACE_ALONE, 48, 32, {10, 10, 30, 20}, {10, 2, 30, 8}, {0, 0, 0, 0}},
        {"face, 8x8", FACE_ALONE, 8, 8, {2, 4, 5, 6}, {1, 1, 6, 3}, {0.2, 1e-3, 1, 1}},
        {"face, 416 tiles, 410x250", FACE_ALONE, 410, 250, {150, 150, 250, 199}, {120, 60, 290, 99}, {0.2, 1e-3, 2, 1}},
        {"mouth, 130x90", MOUTH_ALONE, 130, 90, {50, 40, 79.5, 52}, {40, 10, 90, 25}, {0.2, 1e-3, 2, 1}, false, 250, -1, false},
        {"mouth, lips only, 90x70", MOUTH_ALONE, 90, 70, {35, 30, 55, 40}, {1, 1, 0, 0}, {0.2, 1e-3, 2, 1}, true},
        {"mouth, lips across the border, 130x50", MOUTH_ALONE, 130, 50, {95.5, -8, 141, 11}, {40, 10, 90, 25}, {0.2, 1e-3, 2, 1}},
        {"mouth, lips outside, 61x43", MOUTH_ALONE, 61, 43, {20, 70, 40, 80}, {10, 10, 50, 20}, {0.2, 1e-3, 2, 1}},
        {"mouth, 8x8", MOUTH_ALONE, 8, 8, {2, 4, 5, 6}, {1, 1, 6, 3}, {0.2, 1e-3, 1, 1}},
        {"identical, 40x24", FACE_ALONE, 40, 24, {10, 12, 30, 20}, {10, 2, 30, 8}, {0.2, 1e-3, 2, 1}, false, 0},
        {"composite, 90x70", COMPOSITE, 90, 70, {30, 40.5, 55.25, 58}, {25, 18, 62, 29}, {0.2, 1e-3, 2, 1}},
        {"composite, 33x17", COMPOSITE, 33, 17, {10, 8, 40, 30}, {5, 2, 25, 6}, {0.2, 0, 0, 1}, false, 250, -1, false},
        {"overflowing face, 40x24", FACE_ALONE, 40, 24, {10, 12, 30, 20}, {10, 2, 30, 8}, {0.2, 1e-3, 2, 1}, false, 250, FACE},
        {"overflowing mouth, 40x24", COMPOSITE, 40, 24, {10, 12, 30, 20}, {10, 2, 30, 8}, {0.2, 1e-3, 2, 1}, false, 250, MOUTH},
    };
}

void must(int64_t status, pgs_context* engine) {
    if (status >= 0) return;
    std::fprintf(stderr, "%s\n", pgs_last_error(engine));
    std::exit(1);
}

/* Labels as of a head before a background, some of them wrong; a frame without splats is the bare background. */
void put_frame(pgs_context* engine, const Case& c, Rng& rng) {
    const int w = c.width, h = c.height;
    std::vector<uint8_t> rgb(size_t(w) * h * 3), labels(size_t(w) * h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const double dx = (x - 0.5 * w) / (0.35 * w), dy = (y - 0.55 * h) / (0.45 * h);
            const bool mouth = x > c.lips[0] + 2 && x < c.lips[2] - 2 && y > c.lips[1] + 2 && y < c.lips[3] - 2;
            int label = dx * dx + dy * dy < 1 ? (mouth ? INSIDE_MOUTH : dy < -0.4 ? HAIR : SKIN) : (y > 0.85 * h ? TORSO : BACKGROUND);
            if (rng.uniform() < 0.03) label = int(rng.uniform() * 5);
            labels[size_t(y) * w + x] = uint8_t(c.splats > 0 ? label : BACKGROUND);
            for (int k = 0; k < 3; k++) rgb[(size_t(y) * w + x) * 3 + k] = uint8_t(c.splats > 0 ? 255 * rng.uniform() : 51 * (k + 1));
        }
    const double viewmat[16] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0.6, 0, 0, 0, 1}, expression[2] = {0.5, -0.25};
    must(pgs_data_begin(engine, 1, w, h, 2.6 * w, 2.6 * h, 0.5 * w, 0.5 * h, 2), engine);
    must(pgs_data_frame(engine, 0, rgb.data(), labels.data(), viewmat, expression, c.lips, c.eyes, 0.5), engine);
    const std::vector<float> silence(PGS_MEL_BANDS, 0.0f);
    must(pgs_data_audio(engine, 1, 1, silence.data(), silence.data()), engine);
}

void put_splats(pgs_context* engine, const Case& c, Rng& rng) {
    must(pgs_encoder_init(engine), engine);
    for (int b = 0; b < BRANCHES; b++) {
        must(pgs_splats_resize(engine, b, c.splats, 0), engine);
        must(pgs_nets_init(engine, b, 4, 8), engine);
        Branch& branch = engine->branch[b];
        for (real& v : branch.means.value) v = real(0.2 * rng.uniform() - 0.1);
        for (real& v : branch.quats.value) v = real(rng.normal());
        for (real& v : branch.log_scales.value) v = real(-4.5 + 0.4 * rng.normal());
        for (real& v : branch.logit_opacities.value) v = real(2 * rng.normal());
        for (real& v : branch.sh.value) v = real(0.8 * rng.normal());
    }
}

/* What the CPU engine makes of a case. */
struct Twin {
    std::unique_ptr<pgs_context> engine;
    Draw draw;
    StepLoss loss;
    double boxes = 0, alpha = 0; /* their shares of the total */
};

StepLoss engine_loss(const Case& c, Twin& twin) {
    if (c.compared == COMPOSITE) return composite_loss(*twin.engine, 0, twin.draw, true);
    return branch_loss(*twin.engine, 1, c.compared == FACE_ALONE ? FACE : MOUTH, 0, twin.draw, true);
}

Twin make_twin(const Case& c, uint64_t seed) {
    Twin twin;
    twin.engine.reset(new pgs_context(1, seed));
    pgs_context* engine = twin.engine.get();
    Rng rng(seed, 3);
    put_frame(engine, c, rng);
    put_splats(engine, c, rng);
    const char* const channels[3] = {"background.r", "background.g", "background.b"};
    for (int k = 0; k < 3; k++) must(pgs_set(engine, channels[k], 0.2 * (k + 1)), engine);
    twin.draw = plain_draw(*engine);
    if (c.compared != COMPOSITE && c.splats > 0)
        for (double& channel : twin.draw.background) channel = rng.uniform();
    twin.draw.expression_frame = c.lips_only ? 0 : -1;
    must(pgs_set(engine, "weight.delta", 0), engine); /* the regulariser is not the picture's */
    const char* const names[4] = {"weight.dssim", "weight.alpha", "weight.lips", "weight.eyes"};
    for (int k = 0; k < 4; k++) must(pgs_set(engine, names[k], k < 2 ? c.weights[k] : 0), engine);
    const StepLoss without_boxes = engine_loss(c, twin);
    for (int k = 2; k < 4; k++) must(pgs_set(engine, names[k], c.weights[k]), engine);
    twin.loss = engine_loss(c, twin);
    twin.boxes = twin.loss.total - without_boxes.total;
    twin.alpha = without_boxes.total - twin.loss.l1 - c.weights[0] * twin.loss.dssim;
    return twin;
}

/* The step's input; rgb and label are device memory. */
StepInput input_of(const Case& c, const Twin& twin, const uint8_t* rgb, const uint8_t* label) {
    const TrainFrame& frame = twin.engine->data.frames[0];
    StepInput in = {};
    in.camera = frame.camera;
    in.rgb = rgb;
    in.label = label;
    in.region = compared_region(c.compared != MOUTH_ALONE, frame.lips, c.width, c.height);
    std::copy(frame.lips, frame.lips + 4, in.lips);
    std::copy(frame.eyes, frame.eyes + 4, in.eyes);
    in.lips_only = c.lips_only;
    const Draw recorded = plain_draw(*twin.engine);
    for (int k = 0; k < 3; k++) {
        in.recorded[k] = float(recorded.background[k]);
        in.drawn[k] = float(twin.draw.background[k]);
    }
    in.weight_dssim = float(c.weights[0]);
    in.weight_alpha = float(c.weights[1]);
    in.weight_lips = float(c.weights[2]);
    in.weight_eyes = float(c.weights[3]);
    return in;
}

/* The engine's render; what lies in the last tiles but not in the picture is NaN, as no loss may look at it. */
std::vector<Quad> picture_of(const Frame& frame) {
    std::vector<Quad> out(frame.pixels());
    for (size_t p = 0; p < out.size(); p++) {
        const bool drawn = int(p % frame.stride) < frame.width && int(p / frame.stride) < frame.height;
        const float nan = std::nanf("");
        out[p] = drawn ? Quad{frame.color[0][p], frame.color[1][p], frame.color[2][p], frame.trans[p]} : Quad{nan, nan, nan, nan};
    }
    return out;
}

std::vector<Quad> gradient_of(const FrameGrad& grad) {
    std::vector<Quad> out(grad.trans.size());
    for (size_t p = 0; p < out.size(); p++) out[p] = {grad.color[0][p], grad.color[1][p], grad.color[2][p], grad.trans[p]};
    return out;
}

struct Run {
    LossSums sums;
    std::vector<Quad> v_picture[BRANCHES]; /* of the views that the case compares */
};

/* One iteration. stale: an iteration of the whole picture uses the same scratch before. */
Run run_kernels(const Case& c, const Twin& twin, uint64_t seed, bool grads, bool stale) {
    simt::set_seed(seed);
    const TrainFrame& data = twin.engine->data.frames[0];
    DeviceArray<uint8_t> rgb, label;
    rgb.resize(data.rgb.size(), "frame");
    label.resize(data.label.size(), "frame");
    rgb.put(data.rgb.data(), data.rgb.size(), nullptr);
    label.put(data.label.data(), data.label.size(), nullptr);
    DeviceArray<StepInput> input;
    input.resize(1, "input");
    const StepInput in = input_of(c, twin, rgb.data(), label.data());
    input.put(&in, 1, nullptr);

    const int first = c.compared == MOUTH_ALONE ? MOUTH : FACE, last = c.compared == FACE_ALONE ? FACE : MOUTH;
    const Frame& frame = twin.engine->view[first].frame;
    DeviceArray<Quad> picture[BRANCHES], v_picture[BRANCHES];
    DeviceArray<ViewCounters> counters[BRANCHES];
    LossView view[BRANCHES] = {};
    for (int b = first; b <= last; b++) {
        const std::vector<Quad> drawn = picture_of(twin.engine->view[b].frame);
        picture[b].resize(drawn.size(), "picture");
        picture[b].put(drawn.data(), drawn.size(), nullptr);
        v_picture[b].resize(drawn.size(), "gradient");
        const ViewCounters counted = {0, 0, 0, c.overflowing == b};
        counters[b].resize(1, "counters");
        counters[b].put(&counted, 1, nullptr);
        view[b] = {picture[b].data(), v_picture[b].data(), c.counted ? counters[b].data() : nullptr};
    }
    DeviceArray<float> partials;
    DeviceArray<double> tile_sums;
    DeviceArray<LossSums> sums;
    const size_t tiles = size_t(frame.tiles_x) * frame.tiles_y;
    partials.resize(LOSS_PARTIALS * tiles * TILE_PIXELS, "partials");
    tile_sums.resize(LOSS_SUMS * tiles, "sums");
    sums.resize(1, "sums");
    const LossArrays arrays = {c.width, c.height, frame.tiles_x, frame.tiles_y, partials.data(), tile_sums.data()};
    if (stale) {
        StepInput whole = in;
        whole.region = {0, 0, c.width, c.height};
        input.put(&whole, 1, nullptr);
        launch_branch_loss(nullptr, input.data(), FACE, true, arrays, view[first], sums.data());
        input.put(&in, 1, nullptr);
    }
    if (c.compared == COMPOSITE)
        launch_composite_loss(nullptr, input.data(), grads, arrays, view[FACE], view[MOUTH], sums.data());
    else
        launch_branch_loss(nullptr, input.data(), first, grads, arrays, view[first], sums.data());
    Run run;
    run.sums = sums.get(nullptr)[0];
    for (int b = first; b <= last; b++) run.v_picture[b] = v_picture[b].get(nullptr);
    return run;
}

template <class T>
bool same_bits(const T* a, const T* b, size_t count) {
    return count == 0 || std::memcmp(a, b, count * sizeof(T)) == 0;
}
bool same_gradients(const Run& a, const Run& b) {
    bool same = true;
    for (int v = 0; v < BRANCHES; v++)
        same = same && a.v_picture[v].size() == b.v_picture[v].size() &&
               same_bits(a.v_picture[v].data(), b.v_picture[v].data(), a.v_picture[v].size());
    return same;
}

/* Device memory starts as bytes of 0xff. */
template <class T>
bool untouched(const T* values, size_t count) {
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(values);
    return std::all_of(bytes, bytes + count * sizeof(T), [](unsigned char byte) { return byte == 0xff; });
}
bool untouched_gradients(const Run& run) {
    const std::vector<Quad>&face = run.v_picture[FACE], &mouth = run.v_picture[MOUTH];
    return untouched(face.data(), face.size()) && untouched(mouth.data(), mouth.size());
}

/* Largest difference of a view's gradients over the largest expected one, at least what L1 gives a pixel: 1 / values. */
struct Distance {
    double color = 0, trans = 0;
    double largest = 0; /* expected, in units of 1 / values */
    size_t nonzero = 0; /* pixels */
};
void widen(double& worst, double difference) {
    if (std::isnan(difference) || difference > worst) worst = std::isnan(difference) ? 1e30 : difference;
}
Distance distance(const std::vector<Quad>& actual, const std::vector<Quad>& expected, double values) {
    Distance d;
    double color = 0, trans = 0, largest_color = 1 / values, largest_trans = 1 / values;
    for (size_t p = 0; p < expected.size(); p++) {
        const Quad &a = actual[p], &e = expected[p];
        const double differences[3] = {double(a.x) - e.x, double(a.y) - e.y, double(a.z) - e.z};
        for (double difference : differences) widen(color, std::abs(difference));
        widen(trans, std::abs(double(a.w) - e.w));
        for (float v : {e.x, e.y, e.z}) {
            largest_color = std::max(largest_color, std::abs(double(v)));
            d.largest = std::max(d.largest, std::abs(double(v)) * values);
        }
        largest_trans = std::max(largest_trans, std::abs(double(e.w)));
        d.nonzero += e.x != 0 || e.y != 0 || e.z != 0 || e.w != 0;
    }
    d.color = color / largest_color;
    d.trans = trans / largest_trans;
    return d;
}

void report(const Case& c, uint64_t seed) {
    const Twin twin = make_twin(c, seed);
    const Run run = run_kernels(c, twin, SEEDS[0], true, false);
    size_t schedules = 0;
    for (size_t s = 1; s < sizeof SEEDS / sizeof *SEEDS; s++) {
        const Run other = run_kernels(c, twin, SEEDS[s], true, false);
        schedules += !same_bits(&run.sums, &other.sums, 1) + !same_gradients(run, other);
    }
    const Run stale = run_kernels(c, twin, SEEDS[0], true, true), value = run_kernels(c, twin, SEEDS[0], false, false);
    const bool stale_same = same_bits(&run.sums, &stale.sums, 1) && same_gradients(run, stale);
    const bool value_same = same_bits(&run.sums, &value.sums, 1) && untouched_gradients(value);
    const Rect region = compared_region(c.compared != MOUTH_ALONE, twin.engine->data.frames[0].lips, c.width, c.height);
    std::printf("{\"case\":\"%s\",\"region\":[%d,%d,%d,%d]", c.name, region.x0, region.y0, region.x1, region.y1);
    std::printf(",\"untouched\":%s,\"scheduleDifferences\":%zu,\"sameAfterOthers\":%s,\"sameWithoutGradients\":%s",
                untouched(&run.sums, 1) && untouched_gradients(run) ? "true" : "false", schedules, stale_same ? "true" : "false",
                value_same ? "true" : "false");
    const char* separator = "";
    const auto print_sum = [&](const char* name, double actual, double expected) { /* JSON has no NaN */
        std::printf("%s\"%s\":[%.17g,%.17g]", separator, name, std::isfinite(actual) ? actual : 1e30, expected);
        separator = ",";
    };
    std::printf(",\"sums\":{");
    print_sum("total", run.sums.total, twin.loss.total);
    print_sum("l1", run.sums.l1, twin.loss.l1);
    print_sum("dssim", run.sums.dssim, twin.loss.dssim);
    print_sum("boxes", run.sums.boxes, twin.boxes);
    print_sum("alpha", run.sums.alpha * c.weights[1], twin.alpha);
    std::printf("},\"gradients\":{");
    separator = "";
    for (int b = 0; b < BRANCHES; b++) {
        if (run.v_picture[b].empty()) continue;
        const Distance d = distance(run.v_picture[b], gradient_of(twin.engine->view[b].frame_grad), 3.0 * c.width * c.height);
        std::printf("%s\"%s\":{\"color\":%.3g,\"trans\":%.3g,", separator, BRANCH_NAMES[b], d.color, d.trans);
        std::printf("\"largest\":%.3g,\"nonzero\":%zu}", d.largest, d.nonzero);
        separator = ",";
    }
    std::printf("}}\n");
    std::fflush(stdout);
}

}  // namespace

int main() {
    uint64_t seed = 40;
    for (const Case& c : all_cases()) report(c, seed++);
    return 0;
}
