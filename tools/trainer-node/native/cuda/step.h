/*
 * What one branch must know of one iteration. The host draws it ahead of time (the same draws as the CPU engine's, so both train
 * on the same windows and backgrounds), uploads many iterations at once, and a replayed graph reads the current one: nothing that
 * changes from iteration to iteration is a kernel argument.
 */
#pragma once
#include "../core/rect.h"
#include "../core/splat.h"

namespace pgs {

constexpr int MAX_EXPRESSIONS = 64; /* as pgs_data_begin allows */
constexpr int WINDOW_VALUES = PGS_MEL_BANDS * PGS_WINDOW_FRAMES;
constexpr int POOLED_VALUES = 128; /* what the encoder's convolutions leave: 64 channels of 2 steps */

/* Everything of one frame that the loss and the deformation read. Arrays behind pointers are device memory. */
struct StepInput {
    CameraT<float> camera;
    const uint8_t* rgb;   /* [height, width, 3] of the recorded frame */
    const uint8_t* label; /* [height, width] as TrainFrame::label: id in the low 3 bits, foreground neighbours above */
    Rect region;          /* of the picture that is compared: all of it, or around the lips; may be empty */
    float lips[4];        /* box x0, y0, x1, y1, px, borders included */
    float eyes[4];        /* inside out: none */
    int lips_only;        /* 1: the face wears another frame's expression, so only the lips box counts */
    float recorded[3];    /* the dataset's background */
    float drawn[3];       /* this iteration's */
    float weight_dssim, weight_alpha, weight_lips, weight_eyes, weight_delta;
    float expression[MAX_EXPRESSIONS];
    float window[WINDOW_VALUES]; /* [band, time], augmented */
    float keep[POOLED_VALUES];   /* dropout: 0 or 1 / (1 - share) */
};

}  // namespace pgs
