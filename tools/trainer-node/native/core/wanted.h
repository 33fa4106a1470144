/*
 * What a recorded picture asks of a branch: the label ids, the part of the picture that is compared, and each pixel's target.
 * Templated on the scalar, so that both back ends train on the same pictures.
 */
#pragma once
#include "hd.h"
#include "rect.h"

namespace pgs {

/* Ids of the dataset's masks. */
enum Label { BACKGROUND = 0, SKIN = 1, HAIR = 2, INSIDE_MOUTH = 3, TORSO = 4 };
/* A stored label: the id in the low 3 bits, foreground pixels of the 3x3 neighbourhood (0..9) above. */
PGS_HD int label_id(uint8_t label) { return label & 7; }
PGS_HD int label_cover(uint8_t label) { return label >> 3; }

/* Pixels around the lips box that the mouth branch is compared in: room for the 11-px window and for what leaks outside the box. */
constexpr int MOUTH_MARGIN = 24;

PGS_HD int clamp_to_int(double v, int lo, int hi) { return v < lo ? lo : (v > hi ? hi : int(v)); }

/* The part of the picture that a branch is compared in. lips: x0, y0, x1, y1, px. Empty for a mouth outside the picture. */
template <class T> PGS_HD Rect compared_region(bool face, const T lips[4], int width, int height) {
    if (face) return {0, 0, width, height};
    const Rect r{clamp_to_int(double(lips[0]) - MOUTH_MARGIN, 0, width), clamp_to_int(double(lips[1]) - MOUTH_MARGIN, 0, height),
                 clamp_to_int(double(lips[2]) + MOUTH_MARGIN + 1, 0, width), clamp_to_int(double(lips[3]) + MOUTH_MARGIN + 1, 0, height)};
    if (r.x1 <= r.x0 || r.y1 <= r.y0) return {0, 0, 0, 0};
    return r;
}

/* box: x0, y0, x1, y1, px, borders included; inside out: holds nothing. */
template <class T> PGS_HD bool in_box(const T box[4], int x, int y) {
    return T(x) >= box[0] && T(x) <= box[2] && T(y) >= box[1] && T(y) <= box[3];
}

/* What a pixel asks of a branch. */
template <class T> struct WantedT {
    T target[3]; /* colour over the drawn background */
    T alpha;     /* +1: opaque, -1: empty, 0: no opinion */
    bool care;   /* false: whatever the branch shows here is hidden by the other one */
};

/*
 * The background is redrawn each step (so no splat can learn to paint it), but the picture's soft edges hold the `recorded` one:
 * it is exchanged in the share of the 3x3 neighbourhood that is background. rgb: the recorded pixel, [3]. lips_only: nothing but the
 * lips box counts.
 */
template <class T>
PGS_HD WantedT<T> wanted_pixel(uint8_t stored_label, const uint8_t* rgb, bool face, bool in_lips, bool lips_only, const T recorded[3],
                               const T drawn[3]) {
    const int label = label_id(stored_label);
    const T uncovered = T(1) - T(label_cover(stored_label)) / T(9);
    WantedT<T> w;
    w.care = true;
    if (lips_only && !in_lips) {
        w.alpha = 0;
        w.care = false;
        for (int c = 0; c < 3; c++) w.target[c] = drawn[c];
        return w;
    }
    if (face) {
        const bool mine = label == SKIN || label == HAIR || label == TORSO;
        w.alpha = mine ? T(1) : T(-1);
        for (int c = 0; c < 3; c++)
            w.target[c] = label == INSIDE_MOUTH ? drawn[c] : T(rgb[c]) / T(255) + (drawn[c] - recorded[c]) * uncovered;
        return w;
    }
    const bool mine = label == INSIDE_MOUTH;
    w.care = mine || !in_lips; /* inside the lips box but not mouth: the face covers it */
    w.alpha = mine ? T(1) : (in_lips ? T(0) : T(-1));
    for (int c = 0; c < 3; c++) w.target[c] = mine ? T(rgb[c]) / T(255) : drawn[c];
    return w;
}

}  // namespace pgs
