/* The kernels of an iteration in their order, and the graph that they are replayed from. */
#pragma once
#include <string>
#include "branch.h"

namespace pgs {

/* What decides which kernels an iteration is made of. */
struct ProgramKey {
    int stage, branch_mask, degree;
    bool opacity; /* fine-tuning moves the face's opacities too */
    bool has(int branch) const { return branch_mask & (1 << branch); }
    bool both() const { return branch_mask == 3; }
    bool operator==(const ProgramKey& o) const {
        return stage == o.stage && branch_mask == o.branch_mask && degree == o.degree && opacity == o.opacity;
    }
};

/* What the kernels work on. */
struct Workbench {
    DeviceBranch branch[BRANCHES];
    DeviceParam encoder; /* all layers in one array, as encoder.h lays them out */
    DeviceArray<IterationInput> ring, current;
    DeviceArray<RunState> state;
    DeviceArray<double> total; /* [2] */
    int expressions = 0;
    /* The mouth runs beside the face on the second stream: alone, neither fills a large GPU. */
    Stream main, side;
    Event forked, joined;
};

/* Times between the passes of one iteration on one stream. */
class PassClock {
  public:
    ~PassClock();
    /* What was queued since the last mark was this pass. */
    void mark(const char* pass, cudaStream_t stream);
    /* Waits; seconds by pass, passes of one name added. */
    std::vector<std::pair<std::string, double>> seconds();

  private:
    std::vector<std::pair<const char*, cudaEvent_t>> marks_;
};

/* An Adam step: its tensors in device memory. */
struct AdamProgram {
    DeviceArray<AdamTensor> tensors;
    DeviceArray<AdamSlice> slices;
    void set(const std::vector<AdamTensor>& list, cudaStream_t stream);
    void queue(cudaStream_t stream, const IterationInput* current, const StepGuard& guard) const;
};

class Program {
  public:
    Program() = default;
    ~Program() { forget(); }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /* Arrays have moved, or sizes changed. */
    void forget();
    /* Loss of bench.current, and gradients where wanted; then the iteration is counted. Takes no step. */
    void queue_loss(Workbench& bench, const ProgramKey& key, bool grads);
    /* n iterations from the ring. */
    void replay(Workbench& bench, const ProgramKey& key, int n, int ring_size);
    /* One, timed pass by pass. */
    void queue_timed(Workbench& bench, const ProgramKey& key, int ring_size, PassClock& clock);
    /* One step of the encoder with bench.current's rates. */
    void queue_encoder_step(Workbench& bench);

  private:
    bool is_ready_ = false, has_encoder_ = false;
    ProgramKey key_{};
    AdamProgram adam_, encoder_adam_;
    cudaGraphExec_t graph_ = nullptr;

    void forget_iteration();
    void prepare(Workbench& bench, const ProgramKey& key);
    void queue_iteration(Workbench& bench, const ProgramKey& key, int ring_size, PassClock* clock);
};

}  // namespace pgs
