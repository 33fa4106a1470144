/*
 * Adam steps (method.md section 5; the rule is core/adam.h's).
 *
 *   check_losses   one thread: raises the flag that stops all later steps where a loss is not finite.
 *   adam_steps     one block per slice of a tensor, four values a thread; then one quaternion a thread where the tensor holds them.
 *
 * Barriers: one, between the step of a slice of quaternions and their normalisation, taken by whole blocks.
 * Invariant: slices begin at multiples of ADAM_SLICE, so no row of 4 is shared between blocks.
 * Bound by memory: 28 bytes a value.
 */
#include "adam.h"

namespace pgs {
namespace {

constexpr int THREADS = 256, EACH = ADAM_SLICE / THREADS;
static_assert(THREADS * EACH == ADAM_SLICE && THREADS * 4 >= ADAM_SLICE, "whole rounds, and a thread for each quaternion");

__device__ __forceinline__ bool overflowed(const StepGuard& guard) {
    return (guard.views[0] && guard.views[0]->overflow) || (guard.views[1] && guard.views[1]->overflow);
}

__global__ void check_losses(const double* losses, int count, StepGuard guard) {
    if (overflowed(guard)) return;
    for (int i = 0; i < count; i++)
        if (!(losses[i] - losses[i] == 0)) *guard.diverged = 1; /* zero for finite numbers alone */
}

__global__ void __launch_bounds__(THREADS) adam_steps(AdamList list, const AdamRates* all_rates, StepGuard guard) {
    if (overflowed(guard) || *guard.diverged) return;
    const AdamSlice slice = list.slices[blockIdx.x];
    const AdamTensor tensor = list.tensors[slice.tensor];
    const AdamRates rates = all_rates[tensor.rates];
    const int own = slice.first + int(threadIdx.x);
    float g[EACH], value[EACH], m[EACH], v[EACH]; /* all loads are on their way before the first is needed */
#pragma unroll
    for (int k = 0; k < EACH; k++) {
        const int i = own + k * THREADS;
        if (i >= tensor.count) continue;
        g[k] = tensor.grad[i];
        value[k] = tensor.value[i];
        m[k] = tensor.m[i];
        v[k] = tensor.v[i];
    }
#pragma unroll
    for (int k = 0; k < EACH; k++) {
        const int i = own + k * THREADS;
        if (i >= tensor.count) continue;
        const bool rest = tensor.row > 0 && unsigned(i) % unsigned(tensor.row) >= 3;
        adam_step(rates, rest ? rates.lr_rest : rates.lr, g[k], value[k], m[k], v[k]);
        tensor.value[i] = value[k];
        tensor.m[i] = m[k];
        tensor.v[i] = v[k];
    }
    if (!tensor.quats) return; /* whole blocks */
    __syncthreads();
    const int row = slice.first + int(threadIdx.x) * 4;
    if (row >= tensor.count) return;
    float quat[4];
    for (int c = 0; c < 4; c++) quat[c] = tensor.value[row + c];
    normalize_quat(quat);
    for (int c = 0; c < 4; c++) tensor.value[row + c] = quat[c];
}

}  // namespace

std::vector<AdamSlice> adam_slices(const std::vector<AdamTensor>& tensors) {
    std::vector<AdamSlice> slices;
    for (size_t t = 0; t < tensors.size(); t++)
        for (int first = 0; first < tensors[t].count; first += ADAM_SLICE) slices.push_back({int(t), first});
    return slices;
}

void launch_check_losses(cudaStream_t stream, const double* losses, int count, const StepGuard& guard) {
    PGS_LAUNCH(check_losses, 1, 1, stream, losses, count, guard);
}

void launch_adam(cudaStream_t stream, const AdamList& list, const AdamRates* rates, const StepGuard& guard) {
    if (list.slice_count == 0) return;
    PGS_LAUNCH(adam_steps, unsigned(list.slice_count), THREADS, stream, list, rates, guard);
}

}  // namespace pgs
