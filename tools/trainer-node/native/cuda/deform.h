/*
 * The deformation network of a branch on the device (Eqs. 6-9; engine/deform.cpp is the CPU twin): what its kernels read, keep and
 * write. A tile is 64 consecutive splats of the branch; splats outside the bound have features and gradients of zero in it, so
 * nothing is compacted.
 */
#pragma once
#include "../core/branches.h"
#include "../core/planes.h"
#include "layout.h"
#include "step.h"

namespace pgs {

constexpr int DEFORM_TILE = 64;
constexpr int DEFORM_THREADS = 128;
/* Most blocks of the kernels that take tiles, and so most slots of partial sums: four on each of the 132 multiprocessors of the
 * largest GPU. A block takes every so many-th tile. */
constexpr int DEFORM_BLOCKS = 528;
constexpr int MAX_HIDDEN = PGS_FACE_HIDDEN_DIM;

/* Parameters as the trainer stores them: weights [out, in] row-major, biases [out], by LayerId; those that the branch does not have
 * are null. Weights and planes begin on 16 bytes. */
struct DeformWeights {
    const float *weight[LAYERS], *bias[LAYERS];
    const float* planes; /* [3, layout.plane_texels] */
};
/* Their gradients, of one view: written, not added. */
struct DeformGrads {
    float *weight[LAYERS], *bias[LAYERS];
    float* planes;
    float* v_audio_feat; /* [32] */
};

/* A branch's canonical splats, and where they are posed: what project_forward then reads. [n, 3], [n, 4], [n, 3]. */
struct PoseArrays {
    int n;
    const float *means, *quats, *log_scales;
    float *posed_means, *posed_quats, *posed_log_scales;
};
/* Gradients of the posed splats as project_backward leaves them. Those of the canonical splats are the same, but for what the
 * encoder adds to the means. */
struct PoseGrads {
    float* v_means;
    const float *v_quats, *v_log_scales;
};

/* One vector each a frame. */
struct DeformFrame {
    float proj_audio[PGS_PROJ_DIM], proj_expr[PGS_PROJ_EXPR_DIM];
    float gate[PGS_PROJ_DIM];    /* the face's (Eq. 8), after the sigmoid */
    float uniform[MAX_HIDDEN];   /* bias of the first layer of the MLP with all that is the same for every splat */
    float audio_gate[PGS_PROJ_DIM]; /* the mouth's gate (Eq. 6) before the sigmoid: its bias and the audio half */
    float v_audio[PGS_PROJ_DIM]; /* d L / d proj_audio through the mouth's gated half */
};
/* Sums over all splats. */
struct DeformTotals {
    double regulariser; /* mean |delta|: of means, log scales and quats, added */
    uint32_t moving;    /* splats inside the bound */
    uint32_t arrived;   /* blocks that have added theirs */
    uint32_t largest;   /* bits of the largest |d L / d feature|: sets the fixed point of the planes' gradient */
};

/* Rows of activations that the forward pass keeps of a tile: [row][64]. */
struct FaceRows {
    static constexpr int FEAT = 0, H1 = FEAT + PGS_SPATIAL_FEAT_DIM, H2 = H1 + PGS_FACE_HIDDEN_DIM, Y = H2 + PGS_FACE_HIDDEN_DIM,
                         COUNT = Y + PGS_FACE_DELTA_DIM;
};
struct MouthRows {
    static constexpr int FEAT = 0, PROJ = FEAT + PGS_SPATIAL_FEAT_DIM, GATE = PROJ + PGS_PROJ_DIM, H1 = GATE + PGS_PROJ_DIM,
                         H2 = H1 + PGS_MOUTH_HIDDEN_DIM, Y = H2 + PGS_MOUTH_HIDDEN_DIM, COUNT = Y + PGS_MOUTH_DELTA_DIM;
};

/* Values of a block's slot: each [out, in] gradient as its threads hold it (dense.h), then sums of rows. */
constexpr int outer_values(int out, int in) { return (out + 7) / 8 * ((in + 15) / 16) * DEFORM_THREADS; }
struct FaceSlot {
    static constexpr int H = PGS_FACE_HIDDEN_DIM;
    static constexpr int MLP2_W = 0, MLP1_W = MLP2_W + outer_values(PGS_FACE_DELTA_DIM, H), MLP0_W = MLP1_W + outer_values(H, H),
                         MLP2_B = MLP0_W + outer_values(H, PGS_SPATIAL_FEAT_DIM), MLP1_B = MLP2_B + PGS_FACE_DELTA_DIM,
                         MLP0_B = MLP1_B + H, COUNT = MLP0_B + H;
};
struct MouthSlot {
    static constexpr int H = PGS_MOUTH_HIDDEN_DIM, P = PGS_PROJ_DIM;
    static constexpr int MLP2_W = 0, MLP1_W = MLP2_W + outer_values(PGS_MOUTH_DELTA_DIM, H), SPATIAL_W = MLP1_W + outer_values(H, H),
                         GATED_W = SPATIAL_W + outer_values(H, P), GATE_W = GATED_W + outer_values(H, P),
                         PROJ_W = GATE_W + outer_values(P, P), MLP2_B = PROJ_W + outer_values(P, PGS_SPATIAL_FEAT_DIM),
                         MLP1_B = MLP2_B + PGS_MOUTH_DELTA_DIM, MLP0_B = MLP1_B + H, GATE_B = MLP0_B + H, PROJ_B = GATE_B + P,
                         AUDIO = PROJ_B + P, COUNT = AUDIO + P;
};

/* Lengths for whoever allocates. */
PGS_HD int deform_tiles(int n) { return (n + DEFORM_TILE - 1) / DEFORM_TILE; }
inline int deform_blocks(int n) { return deform_tiles(n) < DEFORM_BLOCKS ? deform_tiles(n) : DEFORM_BLOCKS; }
inline size_t kept_values(int branch, int n) {
    return size_t(deform_tiles(n)) * (branch == FACE ? FaceRows::COUNT : MouthRows::COUNT) * DEFORM_TILE;
}
inline size_t v_feat_values(int n) { return size_t(deform_tiles(n)) * PGS_SPATIAL_FEAT_DIM * DEFORM_TILE; }
inline size_t partial_values(int branch, int n) { return size_t(deform_blocks(n)) * (branch == FACE ? FaceSlot::COUNT : MouthSlot::COUNT); }

/* What lives from the forward to the backward pass, and scratch. Arrays begin on 16 bytes. */
struct DeformArrays {
    DeformFrame* frame;    /* [1] */
    DeformTotals* totals;  /* [1] */
    double* block_sums;    /* [deform_blocks(n)] of |delta| */
    float* kept;           /* [kept_values] */
    float* v_feat;         /* [v_feat_values]: [tile][feature][64] */
    float* partial;        /* [partial_values] */
    unsigned long long* plane_sums; /* [3, layout.plane_texels] zero between two steps; the host clears it once */
};

/* Without a deformation (the static stage): posed = canonical. */
void launch_pose(cudaStream_t stream, const PoseArrays& pose);
/* Poses every splat of the branch; totals->regulariser and totals->moving hold when it ends. Two kernels. `expressions`: E <= 64;
 * audio_feat: f_a [32]. */
void launch_deform_forward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                           const DeformWeights& weights, const PlaneLayout& layout, const PoseArrays& pose, const DeformArrays& arrays);
/* Its first kernel: fills frame and clears totals. */
void launch_frame_forward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                          const DeformWeights& weights, const DeformArrays& arrays);
/* After launch_deform_forward with the same arguments and project_backward: gradients of every layer and of audio_feat, v_feat, and
 * what the encoder adds to v_means. Three kernels. counters may be null; where they say overflow, nothing is written. */
void launch_deform_backward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                            const DeformWeights& weights, const PlaneLayout& layout, const PoseArrays& pose, const PoseGrads& v_pose,
                            const DeformArrays& arrays, const ViewCounters* counters, const DeformGrads& grads);
/* Its last kernel: gradients of the layers' columns that see no splat, and of audio_feat. */
void launch_frame_backward(cudaStream_t stream, int branch, const StepInput* input, int expressions, const float* audio_feat,
                           const DeformWeights& weights, const DeformArrays& arrays, const ViewCounters* counters,
                           const DeformGrads& grads);
/* After launch_deform_backward: grads.planes. Two kernels. Needs nothing but v_feat and totals, so it may run on a stream beside what
 * reads the other gradients. */
void launch_planes_backward(cudaStream_t stream, const PlaneLayout& layout, const PoseArrays& pose, const DeformArrays& arrays,
                            const ViewCounters* counters, float* v_planes);

}  // namespace pgs
