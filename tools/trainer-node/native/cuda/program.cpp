#include "program.h"
#include "../include/pgs_trainer.h"

namespace pgs {
namespace {

AdamTensor step_of(const DeviceParam& p, int rates, int row = 0, int quats = 0) {
    return {p.value.data(), p.grad.data(), p.adam1.data(), p.adam2.data(), int(p.value.size()), rates, row, quats};
}

std::vector<AdamTensor> splat_tensors(const DeviceBranch& b, const ProgramKey& key) {
    const int rates = b.id == FACE ? FACE_RATES : MOUTH_RATES, count = b.count();
    std::vector<AdamTensor> list;
    if (count == 0) return list;
    list.push_back(step_of(b.sh, rates + RATES_SH, int(b.sh.value.size()) / count));
    const bool colour_only = key.stage == PGS_STAGE_FINETUNE;
    if (!colour_only || (b.id == FACE && key.opacity)) list.push_back(step_of(b.logit_opacities, rates + RATES_OPACITY));
    if (colour_only) return list;
    list.push_back(step_of(b.means, rates + RATES_MEANS));
    list.push_back(step_of(b.log_scales, rates + RATES_SCALES));
    list.push_back(step_of(b.quats, rates + RATES_QUATS, 0, 1));
    return list;
}

std::vector<AdamTensor> layer_tensors(const DeviceBranch& b) {
    std::vector<AdamTensor> list = {step_of(b.planes, NETS_RATES + RATES_PLANES)};
    for (int l = 0; l < LAYERS; l++) {
        if (b.weight[l].value.size() == 0) continue;
        list.push_back(step_of(b.weight[l], NETS_RATES + RATES_LAYERS));
        list.push_back(step_of(b.bias[l], NETS_RATES + RATES_LAYERS));
    }
    return list;
}

std::vector<AdamTensor> encoder_tensors(const DeviceParam& e) {
    std::vector<AdamTensor> list;
    const auto add = [&](int at, int count, int rates) {
        list.push_back({e.value.data() + at, e.grad.data() + at, e.adam1.data() + at, e.adam2.data() + at, count, rates, 0, 0});
    };
    for (int l = 0; l < ENCODER_LAYERS; l++) {
        add(encoder_weight_at(l), ENCODER_SHAPES[l].out * ENCODER_SHAPES[l].columns, NETS_RATES + RATES_ENCODER_WEIGHT);
        add(encoder_bias_at(l), ENCODER_SHAPES[l].out, NETS_RATES + RATES_ENCODER_BIAS);
    }
    return list;
}

void append(std::vector<AdamTensor>& to, const std::vector<AdamTensor>& more) { to.insert(to.end(), more.begin(), more.end()); }

IterationLosses losses_of(const Workbench& bench, const ProgramKey& key) {
    IterationLosses losses{};
    for (int b = 0; b < BRANCHES; b++) {
        if (!key.has(b)) continue;
        const bool composite = key.stage == PGS_STAGE_FINETUNE;
        if (!composite || b == FACE) losses.sums[b] = bench.branch[b].sums.data();
        if (key.stage == PGS_STAGE_DEFORM) losses.totals[b] = bench.branch[b].totals();
        losses.views[b] = bench.branch[b].view.counters.data();
    }
    losses.leading = key.has(FACE) ? FACE : MOUTH;
    losses.total = bench.total.data();
    return losses;
}

StepGuard guard_of(const Workbench& bench, const ProgramKey& key) {
    StepGuard guard{};
    for (int b = 0; b < BRANCHES; b++)
        if (key.has(b)) guard.views[b] = bench.branch[b].view.counters.data();
    guard.diverged = &bench.state.data()->diverged;
    return guard;
}

/* The passes of an iteration on their streams. */
class Passes {
  public:
    Passes(Workbench& bench, const ProgramKey& key, PassClock* clock) : bench_(bench), key_(key), clock_(clock) {}

    void queue(bool grads) {
        fork();
        each([&](DeviceBranch& b, const StepInput* input, cudaStream_t stream) {
            if (is_posed()) b.pose(stream, input, bench_.expressions, bench_.encoder.value.data());
            mark("pose", stream);
            b.project(stream, input, is_posed(), has_statistics(), key_.degree);
            mark("projectAndBin", stream);
        });
        join();
        if (key_.both()) launch_agree(bench_.main, bench_.branch[FACE].view.counters.data(), bench_.branch[MOUTH].view.counters.data());
        fork();
        each([&](DeviceBranch& b, const StepInput* input, cudaStream_t stream) {
            b.view.raster_forward(stream);
            mark("rasterForward", stream);
            if (!is_composite()) b.compare(stream, input, grads);
            mark("loss", stream);
            if (!is_composite() && grads) back(b, input, stream);
        });
        join();
        if (is_composite()) composite(grads);
        if (key_.stage == PGS_STAGE_DEFORM && grads) hear_back();
    }

    void mark(const char* pass, cudaStream_t stream) {
        if (clock_) clock_->mark(pass, stream);
    }

  private:
    Workbench& bench_;
    const ProgramKey& key_;
    PassClock* clock_;

    bool is_posed() const { return key_.stage != PGS_STAGE_STATIC; }
    bool is_composite() const { return key_.stage == PGS_STAGE_FINETUNE; }
    bool has_statistics() const { return key_.stage != PGS_STAGE_FINETUNE; }
    /* Timed passes run one after another. */
    bool is_forked() const { return key_.both() && !clock_; }

    template <class F> void each(F&& body) {
        for (int b = 0; b < BRANCHES; b++)
            if (key_.has(b)) body(bench_.branch[b], bench_.current.data()->step + b, is_forked() && b == MOUTH ? bench_.side : bench_.main);
    }
    void fork() {
        if (!is_forked()) return;
        bench_.forked.record(bench_.main);
        bench_.forked.hold(bench_.side);
    }
    void join() {
        if (!is_forked()) return;
        bench_.joined.record(bench_.side);
        bench_.joined.hold(bench_.main);
    }
    void back(DeviceBranch& b, const StepInput* input, cudaStream_t stream) {
        b.view.raster_backward(stream);
        mark("rasterBackward", stream);
        b.project_back(stream, input, is_posed(), has_statistics(), key_.degree);
        mark("projectBackward", stream);
        if (key_.stage != PGS_STAGE_DEFORM) return;
        b.pose_back(stream, input, bench_.expressions);
        mark("poseBackward", stream);
    }
    void composite(bool grads) {
        DeviceBranch &face = bench_.branch[FACE], &mouth = bench_.branch[MOUTH];
        launch_composite_loss(bench_.main, bench_.current.data()->step + FACE, grads, face.loss_arrays(), face.loss_view(), mouth.loss_view(),
                              face.sums.data());
        check_cuda(cudaGetLastError(), "loss");
        mark("loss", bench_.main);
        if (!grads) return;
        fork();
        each([&](DeviceBranch& b, const StepInput* input, cudaStream_t stream) { back(b, input, stream); });
        join();
    }
    /* One after another, as the second adds to what the first wrote. */
    void hear_back() {
        bool is_second = false;
        for (int b = 0; b < BRANCHES; b++) {
            if (!key_.has(b)) continue;
            const DeviceBranch& branch = bench_.branch[b];
            launch_encoder_backward(bench_.main, branch.acts(), bench_.encoder.value.data(), branch.v_feat(), is_second,
                                    branch.view.counters.data(), bench_.encoder.grad.data());
            is_second = true;
        }
        check_cuda(cudaGetLastError(), "gradients of the encoder");
        mark("encoderBackward", bench_.main);
    }
};

}  // namespace

PassClock::~PassClock() {
    for (const auto& [pass, event] : marks_) cudaEventDestroy(event);
}

void PassClock::mark(const char* pass, cudaStream_t stream) {
    cudaEvent_t event;
    check_cuda(cudaEventCreateWithFlags(&event, 0), "an event");
    marks_.push_back({pass, event});
    check_cuda(cudaEventRecord(event, stream), "an event");
}

std::vector<std::pair<std::string, double>> PassClock::seconds() {
    std::vector<std::pair<std::string, double>> out;
    for (size_t i = 1; i < marks_.size(); i++) {
        check_cuda(cudaEventSynchronize(marks_[i].second), "kernels");
        float milliseconds = 0;
        check_cuda(cudaEventElapsedTime(&milliseconds, marks_[i - 1].second, marks_[i].second), "an event");
        auto found = out.begin();
        while (found != out.end() && found->first != marks_[i].first) ++found;
        if (found == out.end()) found = out.insert(out.end(), {marks_[i].first, 0.0});
        found->second += milliseconds * 1e-3;
    }
    return out;
}

void AdamProgram::set(const std::vector<AdamTensor>& list, cudaStream_t stream) {
    const std::vector<AdamSlice> parts = adam_slices(list);
    tensors.resize(list.size(), "the optimiser's list");
    slices.resize(parts.size(), "the optimiser's list");
    tensors.put(list.data(), list.size(), stream);
    slices.put(parts.data(), parts.size(), stream);
    check_cuda(cudaStreamSynchronize(stream), "the optimiser's list");
}

void AdamProgram::queue(cudaStream_t stream, const IterationInput* current, const StepGuard& guard) const {
    launch_adam(stream, {tensors.data(), slices.data(), int(slices.size())}, current->rates, guard);
    check_cuda(cudaGetLastError(), "a step of Adam");
}

void Program::forget() {
    forget_iteration();
    has_encoder_ = false;
}

void Program::forget_iteration() {
    if (graph_) cudaGraphExecDestroy(graph_);
    graph_ = nullptr;
    is_ready_ = false;
}

void Program::prepare(Workbench& bench, const ProgramKey& key) {
    if (is_ready_ && key == key_) return;
    forget_iteration();
    std::vector<AdamTensor> list;
    for (int b = 0; b < BRANCHES; b++)
        if (key.has(b)) append(list, splat_tensors(bench.branch[b], key));
    if (key.stage == PGS_STAGE_DEFORM) {
        for (int b = 0; b < BRANCHES; b++)
            if (key.has(b)) append(list, layer_tensors(bench.branch[b]));
        append(list, encoder_tensors(bench.encoder));
    }
    adam_.set(list, bench.main);
    key_ = key;
    is_ready_ = true;
}

void Program::queue_loss(Workbench& bench, const ProgramKey& key, bool grads) {
    Passes(bench, key, nullptr).queue(grads);
    const IterationLosses losses = losses_of(bench, key);
    launch_total(bench.main, bench.current.data(), losses);
    launch_end(bench.main, losses, bench.state.data());
    check_cuda(cudaGetLastError(), "the end of an iteration");
}

void Program::queue_iteration(Workbench& bench, const ProgramKey& key, int ring_size, PassClock* clock) {
    Passes passes(bench, key, clock);
    passes.mark("", bench.main);
    launch_begin(bench.main, bench.ring.data(), ring_size, bench.state.data(), bench.current.data());
    passes.mark("begin", bench.main);
    passes.queue(true);
    const IterationLosses losses = losses_of(bench, key);
    const StepGuard guard = guard_of(bench, key);
    launch_total(bench.main, bench.current.data(), losses);
    launch_check_losses(bench.main, bench.total.data(), BRANCHES, guard);
    passes.mark("end", bench.main);
    adam_.queue(bench.main, bench.current.data(), guard);
    passes.mark("adam", bench.main);
    launch_end(bench.main, losses, bench.state.data());
    check_cuda(cudaGetLastError(), "the end of an iteration");
    passes.mark("end", bench.main);
}

void Program::replay(Workbench& bench, const ProgramKey& key, int n, int ring_size) {
    prepare(bench, key);
    if (!graph_) {
        bench.forked.make();
        bench.joined.make();
        bench.side.make();
        check_cuda(cudaStreamBeginCapture(bench.main, cudaStreamCaptureModeThreadLocal), "capture of an iteration");
        cudaGraph_t graph = nullptr;
        try {
            queue_iteration(bench, key, ring_size, nullptr);
        } catch (...) {
            if (cudaStreamEndCapture(bench.main, &graph) == cudaSuccess) cudaGraphDestroy(graph);
            cudaGetLastError();
            throw;
        }
        check_cuda(cudaStreamEndCapture(bench.main, &graph), "capture of an iteration");
        const cudaError_t made = cudaGraphInstantiate(&graph_, graph, 0);
        cudaGraphDestroy(graph);
        check_cuda(made, "the graph of an iteration");
    }
    for (int i = 0; i < n; i++) check_cuda(cudaGraphLaunch(graph_, bench.main), "an iteration");
}

void Program::queue_timed(Workbench& bench, const ProgramKey& key, int ring_size, PassClock& clock) {
    prepare(bench, key);
    queue_iteration(bench, key, ring_size, &clock);
}

void Program::queue_encoder_step(Workbench& bench) {
    if (!has_encoder_) encoder_adam_.set(encoder_tensors(bench.encoder), bench.main);
    has_encoder_ = true;
    StepGuard guard{};
    guard.diverged = &bench.state.data()->diverged;
    encoder_adam_.queue(bench.main, bench.current.data(), guard);
}

}  // namespace pgs
