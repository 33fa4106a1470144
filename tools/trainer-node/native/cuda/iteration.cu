/*
 * Opening and closing an iteration. All are one block: begin copies 13 KB, the others do a handful of additions.
 *
 *   begin_iteration   one word a thread: the next input of the ring to the current one.
 *   agree             one thread: an overflow of either view is one of both.
 *   total_losses      one thread: the loss with the deltas' regulariser.
 *   end_iteration     one thread: counts the iteration and its losses, or stops the run.
 *
 * Invariant: a run that has stopped stays as it is. Views read the flag (BinArrays::stopped), and what they would have fed reads
 * theirs, so nothing that outlives an iteration is written.
 */
#include "iteration.h"

namespace pgs {
namespace {

constexpr int COPY_BLOCK = 256;
constexpr int INPUT_WORDS = int(sizeof(IterationInput) / sizeof(uint32_t));
static_assert(sizeof(IterationInput) % sizeof(uint32_t) == 0, "copied by words");

__global__ void __launch_bounds__(COPY_BLOCK) begin_iteration(const IterationInput* ring, int ring_size, const RunState* state,
                                                              IterationInput* current) {
    const uint32_t* from = reinterpret_cast<const uint32_t*>(ring + state->next % ring_size);
    uint32_t* to = reinterpret_cast<uint32_t*>(current);
    for (int i = int(threadIdx.x); i < INPUT_WORDS; i += COPY_BLOCK) to[i] = from[i];
}

__global__ void agree(ViewCounters* face, ViewCounters* mouth) {
    if (face->overflow || mouth->overflow) face->overflow = mouth->overflow = 1;
}

__global__ void total_losses(const IterationInput* current, IterationLosses losses) {
    for (int b = 0; b < BRANCHES; b++) {
        double total = 0;
        if (losses.sums[b] && !losses.views[b]->overflow) {
            total = losses.sums[b]->total;
            if (losses.totals[b]) total += double(current->step[b].weight_delta) * losses.totals[b]->regulariser;
        }
        losses.total[b] = total;
    }
}

__global__ void end_iteration(IterationLosses losses, RunState* state) {
    if (state->stopped) return;
#pragma unroll
    for (int b = 0; b < BRANCHES; b++)
        if (losses.views[b]) {
            state->views[b] = *losses.views[b];
            state->overflowed |= int(losses.views[b]->overflow);
        }
    if (state->overflowed || state->diverged) {
        state->stopped = 1;
        return;
    }
    for (int b = 0; b < BRANCHES; b++) state->branch_loss[b] += losses.total[b];
    const LossSums* const told = losses.leading == FACE ? losses.sums[FACE] : losses.sums[MOUTH];
    state->l1 += told->l1;
    state->dssim += told->dssim;
    state->next++;
}

}  // namespace

void launch_begin(cudaStream_t stream, const IterationInput* ring, int ring_size, const RunState* state, IterationInput* current) {
    PGS_LAUNCH(begin_iteration, 1, COPY_BLOCK, stream, ring, ring_size, state, current);
}
void launch_agree(cudaStream_t stream, ViewCounters* face, ViewCounters* mouth) { PGS_LAUNCH(agree, 1, 1, stream, face, mouth); }
void launch_total(cudaStream_t stream, const IterationInput* current, const IterationLosses& losses) {
    PGS_LAUNCH(total_losses, 1, 1, stream, current, losses);
}
void launch_end(cudaStream_t stream, const IterationLosses& losses, RunState* state) { PGS_LAUNCH(end_iteration, 1, 1, stream, losses, state); }

}  // namespace pgs
