/*
 * The audio encoder on the device (method.md section 2, "Audio"): its sizes, one window forward and back, and the hearing batch.
 * All parameters lie in one array, tensor after tensor in the CPU's order (engine/state.h, encoder_layers): weight [out, columns],
 * then bias [out], of conv0..3, fc0, fc1, opening. Gradients and moments have the same layout.
 */
#pragma once
#include "layout.h"
#include "step.h"

namespace pgs {

struct EncoderShape {
    int out, columns; /* of a convolution: channels in times 3 taps */
};
enum EncoderLayerId { CONV0, CONV1, CONV2, CONV3, FC0, FC1, OPENING, ENCODER_LAYERS };
constexpr EncoderShape ENCODER_SHAPES[ENCODER_LAYERS] = {
    {32, PGS_MEL_BANDS * 3}, {32, 32 * 3}, {64, 32 * 3}, {64, 64 * 3},
    {64, POOLED_VALUES}, {PGS_AUDIO_FEAT_DIM, 64}, {1, PGS_AUDIO_FEAT_DIM}};

constexpr int encoder_weight_at(int layer) {
    return layer == 0 ? 0 : encoder_weight_at(layer - 1) + ENCODER_SHAPES[layer - 1].out * (ENCODER_SHAPES[layer - 1].columns + 1);
}
constexpr int encoder_bias_at(int layer) { return encoder_weight_at(layer) + ENCODER_SHAPES[layer].out * ENCODER_SHAPES[layer].columns; }
constexpr int ENCODER_VALUES = encoder_weight_at(ENCODER_LAYERS);

/* Time steps that a convolution reads; it leaves half of them. */
PGS_HD constexpr int conv_steps(int layer) { return PGS_WINDOW_FRAMES >> layer; }
static_assert(ENCODER_SHAPES[CONV3].out * conv_steps(4) == POOLED_VALUES, "two steps of the last convolution");

/* Activations of one window, kept for the backward pass. A row of `conv` is a channel over time behind one zero: the step before
 * the first, which the first tap of a convolution reads. */
struct EncoderActs {
    float conv0[PGS_MEL_BANDS * (conv_steps(0) + 1)]; /* what conv0 reads: the window */
    float conv1[32 * (conv_steps(1) + 1)];
    float conv2[32 * (conv_steps(2) + 1)];
    float conv3[64 * (conv_steps(3) + 1)];
    float top[POOLED_VALUES]; /* what conv3 leaves, [channel, step] */
    float keep[POOLED_VALUES];
    float pooled[POOLED_VALUES]; /* top * keep */
    float hidden[64];
    float feat[PGS_AUDIO_FEAT_DIM]; /* f_a */
};

/* Groups of windows whose gradients are summed apart, at most: that bounds their memory to 18 MB. Window i is of group i % groups. */
constexpr int HEARING_GROUPS = 128;
inline int hearing_groups(int count) { return count < HEARING_GROUPS ? count : HEARING_GROUPS; }

struct HearingBatch {
    int count;             /* 1..4096 windows */
    const float* windows;  /* [count, WINDOW_VALUES], each [band, time] */
    const float* keeps;    /* [count, POOLED_VALUES] */
    const float* targets;  /* [count] how far the mouth is open, 0..1 */
    const float* weights;  /* [ENCODER_VALUES] */
    float* slots;          /* [hearing_groups(count), ENCODER_VALUES] scratch; may be null without grads */
    double* group_losses;  /* [hearing_groups(count)] scratch */
    float* grads;          /* [ENCODER_VALUES] written; null: the loss alone */
    double* loss;          /* [1] mean of (opening(f_a) - target)^2 / 2 */
};

/* window [WINDOW_VALUES], keep [POOLED_VALUES]: device memory, as StepInput has them. Writes acts [1] and feat [32]. */
void launch_encoder_forward(cudaStream_t stream, const float* window, const float* keep, const float* weights, EncoderActs* acts,
                            float* feat);
/*
 * v_feat [32] in, grads [ENCODER_VALUES] out. Without `accumulate` every gradient is written, those of the opening layer as zero;
 * with it they are added to. Where both branches train in one iteration: first the face without, then the mouth with it, in that
 * order on one stream. `view`: the branch's; where it overflowed there is no v_feat, and grads stay as they are. May be null.
 */
void launch_encoder_backward(cudaStream_t stream, const EncoderActs* acts, const float* weights, const float* v_feat, bool accumulate,
                             const ViewCounters* view, float* grads);
void launch_hearing(cudaStream_t stream, const HearingBatch& batch);

}  // namespace pgs
