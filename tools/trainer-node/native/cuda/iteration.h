/*
 * One iteration of the training program on the device: what it reads, what becomes of it, and the small kernels that open and
 * close it. A graph of the whole iteration is captured once and replayed; `begin` brings the next input to where every kernel of
 * the graph looks for it, `end` counts it, or stops the run.
 */
#pragma once
#include "../core/branches.h"
#include "adam.h"
#include "deform.h"
#include "loss.h"
#include "step.h"

namespace pgs {

/* Where the rates of an iteration begin: the face's splats, the mouth's, the networks. */
constexpr int FACE_RATES = 0, MOUTH_RATES = SPLAT_RATES, NETS_RATES = 2 * SPLAT_RATES, ALL_RATES = NETS_RATES + NET_RATES;

struct IterationInput {
    StepInput step[BRANCHES];
    AdamRates rates[ALL_RATES];
};

/* Of a run of iterations; the host clears it before the first. */
struct RunState {
    int next;       /* iterations that have ended well: the next input is this one of the ring */
    int stopped;    /* 1: nothing happens any more until the host has looked */
    int overflowed; /* why: a view needed more pairs than its arrays hold */
    int diverged;   /* or a loss was not finite */
    double branch_loss[BRANCHES], l1, dssim; /* sums over the iterations */
    ViewCounters views[BRANCHES];            /* of the last iteration that began */
};

/* What the loss of an iteration is made of. */
struct IterationLosses {
    const LossSums* sums[BRANCHES];        /* null: the branch has no loss of its own */
    const DeformTotals* totals[BRANCHES];  /* null: nothing moved */
    const ViewCounters* views[BRANCHES];   /* null: not drawn */
    int leading;                           /* the branch whose l1 and dssim are told */
    double* total;                         /* [2] with the deltas' regulariser; zero where there is no loss */
};

void launch_begin(cudaStream_t stream, const IterationInput* ring, int ring_size, const RunState* state, IterationInput* current);
/* What one view lacks, the other does without: after both were binned, before anything is written that lasts. */
void launch_agree(cudaStream_t stream, ViewCounters* face, ViewCounters* mouth);
void launch_total(cudaStream_t stream, const IterationInput* current, const IterationLosses& losses);
void launch_end(cudaStream_t stream, const IterationLosses& losses, RunState* state);

}  // namespace pgs
