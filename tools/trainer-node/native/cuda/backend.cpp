/*
 * The back end of a GPU. Tensors live on the device; the context's vectors are copies that are fetched when somebody reads them.
 * What changes from iteration to iteration is drawn by the host, many iterations ahead, while a captured graph of one iteration is
 * replayed. An iteration that cannot be finished (a view with more pairs than there is room for, a loss that is not finite) stops
 * the run before anything that lasts is written; the host makes room and goes on from there.
 */
#include "../engine/backend.h"
#include <algorithm>
#include <sstream>
#include "../engine/density_plan.h"
#include "device.h"
#include "inputs.h"
#include "mirrors.h"
#include "program.h"

namespace pgs {
namespace {

/* Iterations drawn and uploaded at once, and how many such lanes: one is filled while another runs. */
constexpr int LANE = 32, LANES = 2, RING = LANE * LANES;

/* A lane's inputs on their way, and what the run had come to when they were used up. */
struct Lane {
    PinnedArray<IterationInput> inputs;
    PinnedArray<RunState> state;
    Event copied, done;
    bool is_used = false;
};

/* Calls body(vector, values a splat has in it) for the tensors of the splats, their gradients and moments. */
template <class F> void each_vector(Branch& b, F&& body) {
    const std::pair<Param*, size_t> params[] = {
        {&b.means, 3}, {&b.quats, 4}, {&b.log_scales, 3}, {&b.logit_opacities, 1}, {&b.sh, size_t(b.sh_k()) * 3}};
    for (const auto& [param, row] : params)
        for (std::vector<real>* values : {&param->value, &param->grad, &param->adam1, &param->adam2}) body(*values, row);
}

class CudaBackend : public Backend {
  public:
    /* A call that failed may have left work behind, which the members' memory must outlive. */
    ~CudaBackend() override {
        for (Stream* stream : {&copies_, &bench_.main, &bench_.side}) stream->finish();
    }

    void data_begun(Context& ctx) override {
        open();
        release(ctx);
        is_shaped_ = false; /* pictures may have another size */
        bench_.expressions = ctx.data.expressions;
        try {
            frames_.begin(ctx.data, ctx.setting("data.stream") != 0, LANES, LANE * BRANCHES);
        } catch (...) {
            ctx.data.frames.clear(); /* there is no room to put one */
            throw;
        }
    }
    void frame_put(Context& ctx, int index) override { frames_.put(ctx.data, index, bench_.main); }

    /* Before anything is on the device, not even its stream is touched: the first call that needs a GPU says that there is none. */
    void fetch(Context&, const std::vector<real>& values) override {
        if (is_open_) mirrors_.fetch(values, bench_.main);
    }
    void written(Context&, const std::vector<real>& values) override { mirrors_.written(values); }
    void release(Context&) override {
        if (is_open_) mirrors_.fetch_all(bench_.main);
    }
    void reshaped(Context&) override { is_shaped_ = false; }

    RunTotals train(Context& ctx, int stage, int branch_mask, int n) override {
        RunTotals totals;
        while (totals.done < n && !ctx.cancel) {
            load(ctx);
            const RunState state = run(ctx, key_of(ctx, stage, branch_mask), n - totals.done);
            for (int b = 0; b < BRANCHES; b++) totals.branch_loss[b] += state.branch_loss[b];
            totals.l1 += state.l1;
            totals.dssim += state.dssim;
            totals.done += state.next;
            if (state.diverged) require_finite(ctx, std::nan(""), STAGE_NAMES[stage], int64_t(ctx.setting("iteration")));
            if (state.overflowed) make_room(ctx, state);
        }
        return totals;
    }

    double loss(Context& ctx, int stage, int branch_mask, int frame, bool grads) override {
        load(ctx);
        const ProgramKey key = key_of(ctx, stage, branch_mask);
        IterationInput input{};
        frames_.open_lane(0);
        const FramePlace place = frames_.place(ctx.data, frame, bench_.main);
        for (int b = 0; b < BRANCHES; b++) fill_step(ctx, b, frame, plain_draw(ctx), stage != PGS_STAGE_STATIC, place, input.step[b]);
        if (grads) clear_gradients();
        while (true) {
            begin(input);
            program_.queue_loss(bench_, key, grads);
            const RunState state = read_state();
            if (!state.overflowed) break;
            make_room(ctx, state);
        }
        if (grads) {
            mark_gradients();
            if (stage != PGS_STAGE_FINETUNE) mark_statistics(branch_mask);
        }
        double total[BRANCHES];
        bench_.total.read(total, BRANCHES, bench_.main);
        return total[FACE] + total[MOUTH];
    }

    double hear(Context& ctx, const int32_t* frames, int count, bool grads) override {
        load(ctx);
        const int64_t iteration = int64_t(ctx.setting("iteration"));
        std::vector<float> windows(size_t(count) * WINDOW_VALUES), keeps(size_t(count) * POOLED_VALUES), targets(size_t(count), 0.0f);
        ctx.pool.run(count, [&](int i) {
            EncoderPass pass;
            hearing_window(ctx, frames[i], iteration, i, pass);
            std::copy(pass.act[0].begin(), pass.act[0].end(), &windows[size_t(i) * WINDOW_VALUES]);
            std::copy(pass.keep.begin(), pass.keep.end(), &keeps[size_t(i) * POOLED_VALUES]);
            targets[i] = float(ctx.data.frames[frames[i]].mouth_open);
        });
        windows_.resize(windows.size(), "windows");
        keeps_.resize(keeps.size(), "windows");
        targets_.resize(targets.size(), "windows");
        windows_.put(windows.data(), windows.size(), bench_.main);
        keeps_.put(keeps.data(), keeps.size(), bench_.main);
        targets_.put(targets.data(), targets.size(), bench_.main);
        const size_t groups = size_t(hearing_groups(count));
        hearing_slots_.resize(grads ? groups * ENCODER_VALUES : 0, "gradients of windows");
        hearing_losses_.resize(groups, "losses of windows");
        launch_hearing(bench_.main, {count, windows_.data(), keeps_.data(), targets_.data(), bench_.encoder.value.data(),
                                     hearing_slots_.data(), hearing_losses_.data(), grads ? bench_.encoder.grad.data() : nullptr,
                                     bench_.total.data()});
        check_cuda(cudaGetLastError(), "hearing");
        double loss;
        bench_.total.read(&loss, 1, bench_.main);
        if (grads) mirrors_.made(bench_.encoder.grad);
        return loss;
    }

    void step_encoder(Context& ctx) override {
        IterationInput input{};
        fill_rates(ctx, 0, input.rates);
        ctx.net_step += 1;
        begin(input);
        program_.queue_encoder_step(bench_);
        bench_.main.wait(); /* `input` ends here */
        for (DeviceArray<float>* array : {&bench_.encoder.value, &bench_.encoder.adam1, &bench_.encoder.adam2}) mirrors_.made(*array);
    }

    void densify(Context& ctx, int branch, const DensityPlan& plan) override {
        load(ctx);
        Branch& b = ctx.branch[branch];
        DeviceBranch& device = bench_.branch[branch];
        const size_t rows = plan.source.size();
        each_vector(b, [&](std::vector<real>& values, size_t row) { values.reserve(row * rows); });
        begin_moving();
        device.densify(plan, child_normals<float>(plan, ctx.seed, uint64_t(ctx.setting("iteration")), branch), bench_.main);
        each_vector(b, [&](std::vector<real>& values, size_t row) { values.resize(row * rows); });
        b.n = int(rows);
        b.reset_statistics();
        mirror_splats(b, false);
        for (const DeviceParam* p : {&device.means, &device.quats, &device.log_scales, &device.logit_opacities, &device.sh})
            for (const DeviceArray<float>* array : {&p->value, &p->grad, &p->adam1, &p->adam2}) mirrors_.made(*array);
        is_shaped_ = true;
    }

    void render(Context& ctx, int branch, int frame, bool deform, float* rgba) override {
        load(ctx);
        IterationInput input{};
        fill_step(ctx, branch, frame, plain_draw(ctx), deform, {nullptr, nullptr}, input.step[branch]);
        DeviceBranch& b = bench_.branch[branch];
        const StepInput* device = bench_.current.data()->step + branch;
        while (true) {
            begin(input);
            if (deform) b.pose(bench_.main, device, bench_.expressions, bench_.encoder.value.data());
            b.project(bench_.main, device, deform, false, key_of(ctx, 0, 1).degree);
            b.view.raster_forward(bench_.main);
            RunState state{};
            if (!b.view.overflowed(bench_.main, state.views[branch])) break;
            make_room(ctx, state);
        }
        b.copy_picture(rgba, bench_.main);
    }

    std::string bench(Context& ctx, int stage, int branch_mask, int) override {
        std::ostringstream text;
        load(ctx);
        const ProgramKey key = key_of(ctx, stage, branch_mask);
        PassClock clock;
        bench_.state.clear(bench_.main);
        fill_lane(ctx, key, lanes_[0], 0, 0, 1);
        program_.queue_timed(bench_, key, RING, clock);
        const RunState state = read_state();
        advance(ctx, key, state);
        for (const auto& [pass, seconds] : clock.seconds()) text << ",\"" << pass << "\":" << seconds;
        for (int b = 0; b < BRANCHES; b++)
            text << ",\"" << BRANCH_NAMES[b] << "Pairs\":" << state.views[b].pairs << ",\"" << BRANCH_NAMES[b]
                 << "LongestTile\":" << state.views[b].longest;
        size_t bytes = frames_.bytes();
        for (const DeviceBranch& b : bench_.branch) bytes += b.bytes();
        text << ",\"gpuBytes\":" << bytes << ",\"framesOnGpu\":" << (frames_.is_resident() ? 1 : 0);
        return text.str();
    }

  private:
    Workbench bench_;
    Program program_;
    FrameStore frames_;
    Mirrors mirrors_;
    Stream copies_;
    Lane lanes_[LANES];
    bool is_open_ = false, is_shaped_ = false;
    DeviceArray<float> windows_, keeps_, targets_, hearing_slots_;
    DeviceArray<double> hearing_losses_;

    void open() {
        if (is_open_) return;
        std::string text;
        if (describe_device(text) < 0) throw Failure{PGS_E_DEVICE, text};
        is_open_ = true;
    }

    static ProgramKey key_of(const Context& ctx, int stage, int branch_mask) {
        /* Branches may store different degrees; the kernels take the smaller of this and what a branch stores. */
        return {stage, branch_mask, int(ctx.setting("sh.degree")), ctx.setting("finetune.opacity") != 0};
    }

    /* Everything that is wanted on the device is there afterwards. */
    void load(Context& ctx) {
        open();
        if (!is_shaped_) shape(ctx);
        mirrors_.upload(bench_.main);
    }

    void shape(Context& ctx) {
        const double pairs = ctx.setting("gpu.pairs");
        require(pairs >= 1 && pairs < double(UINT32_MAX), "gpu.pairs: expected 1 to 2^32 - 2 pairs, got " + std::to_string(pairs) + ".");
        release(ctx); /* what the device alone knows */
        mirrors_.clear();
        program_.forget();
        bench_.ring.resize(RING, "inputs");
        bench_.current.resize(1, "inputs");
        bench_.state.resize(1, "the run's state");
        bench_.total.resize(BRANCHES, "losses");
        for (Lane& lane : lanes_) {
            lane.inputs.resize(LANE);
            lane.state.resize(1);
            lane.is_used = false;
        }
        for (int id = 0; id < BRANCHES; id++) {
            Branch& b = ctx.branch[id];
            DeviceBranch& device = bench_.branch[id];
            device.shape(b, ctx.data.width, ctx.data.height, bench_.main);
            device.shape_view(b.n, std::max(device.pair_capacity(), uint32_t(pairs)));
            device.view.stopped = &bench_.state.data()->stopped;
            mirror_splats(b, true);
            mirror(b.planes, device.planes, true);
            for (int l = 0; l < LAYERS; l++) {
                mirror(b.layers[l].weight, device.weight[l], true);
                mirror(b.layers[l].bias, device.bias[l], true);
            }
        }
        mirror_encoder(ctx.encoder);
        is_shaped_ = true;
    }

    void mirror(Param& host, DeviceParam& device, bool host_newer) {
        mirrors_.add(host.value, device.value.data(), host_newer);
        mirrors_.add(host.grad, device.grad.data(), host_newer);
        mirrors_.add(host.adam1, device.adam1.data(), host_newer);
        mirrors_.add(host.adam2, device.adam2.data(), host_newer);
    }
    void mirror_splats(Branch& b, bool host_newer) {
        DeviceBranch& device = bench_.branch[b.id];
        mirror(b.means, device.means, host_newer);
        mirror(b.quats, device.quats, host_newer);
        mirror(b.log_scales, device.log_scales, host_newer);
        mirror(b.logit_opacities, device.logit_opacities, host_newer);
        mirror(b.sh, device.sh, host_newer);
        const std::vector<std::vector<real>*> host = b.statistics();
        const std::vector<DeviceArray<float>*> sums = device.statistics();
        for (size_t i = 0; i < host.size(); i++) mirrors_.add(*host[i], sums[i]->data(), host_newer);
    }
    void mirror_encoder(Encoder& encoder) {
        const std::vector<Linear*> layers = encoder_layers(encoder);
        if (layers[0]->weight.size() == 0) return;
        bench_.encoder.resize(ENCODER_VALUES, "the encoder");
        for (int l = 0; l < ENCODER_LAYERS; l++)
            for (const auto& [param, at] : {std::pair<Param*, int>{&layers[l]->weight, encoder_weight_at(l)}, {&layers[l]->bias, encoder_bias_at(l)}}) {
                mirrors_.add(param->value, bench_.encoder.value.data() + at, true);
                mirrors_.add(param->grad, bench_.encoder.grad.data() + at, true);
                mirrors_.add(param->adam1, bench_.encoder.adam1.data() + at, true);
                mirrors_.add(param->adam2, bench_.encoder.adam2.data() + at, true);
            }
    }

    std::vector<DeviceParam*> trained() {
        std::vector<DeviceParam*> all = {&bench_.encoder};
        for (DeviceBranch& b : bench_.branch)
            for (DeviceParam* p : b.params()) all.push_back(p);
        return all;
    }
    void clear_gradients() {
        for (DeviceParam* p : trained()) p->grad.clear(bench_.main);
    }
    void mark_gradients() {
        for (DeviceParam* p : trained()) mirrors_.made(p->grad);
    }
    void mark_statistics(int branch_mask) {
        for (DeviceBranch& b : bench_.branch)
            if (branch_mask & (1 << b.id))
                for (DeviceArray<float>* sums : b.statistics()) mirrors_.made(*sums);
    }

    /* Brings one input to the device, and a state that nothing has stopped. */
    void begin(const IterationInput& input) {
        bench_.current.put(&input, 1, bench_.main);
        bench_.state.clear(bench_.main);
    }
    /* Waits. */
    RunState read_state() {
        RunState state;
        bench_.state.read(&state, 1, bench_.main);
        return state;
    }

    /* Arrays change their places, so no graph knows them any more; where it fails half way, all are made anew before the next use. */
    void begin_moving() {
        program_.forget();
        is_shaped_ = false;
    }

    /* Gives the views that overflowed half as much again as they asked for. */
    void make_room(Context& ctx, const RunState& state) {
        begin_moving();
        for (DeviceBranch& b : bench_.branch) {
            const uint64_t wanted = state.views[b.id].pairs, most = 0xffffffffu;
            if (wanted <= b.pair_capacity()) continue;
            require(wanted < most, "splats: expected a view of fewer than 2^32 pairs. Splats are far too large for the picture.", PGS_E_OVERFLOW);
            b.shape_view(ctx.branch[b.id].n, uint32_t(std::min(wanted + wanted / 2, most - 1)));
        }
        is_shaped_ = true;
    }

    /* A run that ended by an exception may have left copies from the lanes' memory on their way. */
    void settle() {
        copies_.wait();
        bench_.main.wait();
        for (Lane& lane : lanes_) lane.is_used = false;
    }

    void fill_lane(Context& ctx, const ProgramKey& key, Lane& lane, int index, int first, int count) {
        const int64_t iteration = int64_t(ctx.setting("iteration"));
        std::vector<FramePlace> places(size_t(count) * BRANCHES);
        std::vector<int> frames(places.size(), 0);
        frames_.open_lane(index);
        for (int i = 0; i < count; i++)
            for (int b = 0; b < BRANCHES; b++) {
                if (!key.has(b)) continue;
                const size_t at = size_t(i) * BRANCHES + b;
                frames[at] = frame_ahead(ctx, key.stage == PGS_STAGE_FINETUNE ? int(FACE) : b, first + i);
                places[at] = frames_.place(ctx.data, frames[at], copies_);
            }
        ctx.pool.run(count, [&](int i) {
            IterationInput& input = lane.inputs[i];
            for (int b = 0; b < BRANCHES; b++) {
                if (!key.has(b)) continue;
                const size_t at = size_t(i) * BRANCHES + b;
                const Draw draw = key.stage == PGS_STAGE_FINETUNE ? plain_draw(ctx) : random_draw(ctx, b, iteration + first + i);
                fill_step(ctx, b, frames[at], draw, key.stage != PGS_STAGE_STATIC, places[at], input.step[b]);
            }
            fill_rates(ctx, first + i, input.rates);
        });
        check_cuda(cudaMemcpyAsync(bench_.ring.data() + size_t(index) * LANE, lane.inputs.data(), sizeof(IterationInput) * count,
                                   cudaMemcpyHostToDevice, copies_),
                   "inputs to the GPU");
        lane.copied.record(copies_);
        lane.copied.hold(bench_.main);
    }

    /* Up to n iterations; the context's counters stand behind the last that ended well. */
    RunState run(Context& ctx, const ProgramKey& key, int n) {
        settle();
        bench_.state.clear(bench_.main);
        bool is_stopped = false;
        for (int first = 0; first < n && !is_stopped && !ctx.cancel; first += LANE) {
            const int index = first / LANE % LANES, count = std::min(LANE, n - first);
            Lane& lane = lanes_[index];
            if (lane.is_used) {
                lane.done.wait();
                is_stopped = lane.state[0].stopped != 0;
            }
            if (is_stopped) break;
            fill_lane(ctx, key, lane, index, first, count);
            program_.replay(bench_, key, count, RING);
            check_cuda(cudaMemcpyAsync(lane.state.data(), bench_.state.data(), sizeof(RunState), cudaMemcpyDeviceToHost, bench_.main),
                       "the run's state");
            lane.done.record(bench_.main);
            lane.is_used = true;
        }
        const RunState state = read_state();
        advance(ctx, key, state);
        return state;
    }

    /* Iterations that ended well move the context's counters; the tensors are the device's now. */
    void advance(Context& ctx, const ProgramKey& key, const RunState& state) {
        ctx.settings["iteration"] += state.next;
        if (key.stage == PGS_STAGE_DEFORM) ctx.net_step += state.next;
        for (int b = 0; b < BRANCHES; b++) {
            if (!key.has(b)) continue;
            ctx.branch[b].step += state.next;
            if (key.stage != PGS_STAGE_FINETUNE || b == FACE) ctx.branch[b].cursor += state.next;
        }
        for (DeviceParam* p : trained())
            for (DeviceArray<float>* array : {&p->value, &p->grad, &p->adam1, &p->adam2}) mirrors_.made(*array);
        mark_statistics(key.branch_mask);
    }
};

}  // namespace

std::unique_ptr<Backend> make_backend() { return std::make_unique<CudaBackend>(); }

}  // namespace pgs
