/* Every named scalar of pgs_set: its name, default and meaning. Learning rates are absolute: schedules are the caller's. */
#pragma once

namespace pgs {

struct Setting {
    const char* name;
    double value;
    const char* meaning;
};

constexpr Setting SETTINGS[] = {
    {"lr.means", 1.6e-4 * 0.3, "Adam, metres a step; the caller multiplies by the scene's extent"},
    {"lr.sh", 2.5e-3, "Adam, DC coefficient"},
    {"lr.shRest", 1.25e-4, "Adam, higher coefficients"},
    {"lr.opacity", 0.05, "Adam, logits"},
    {"lr.scales", 3e-3, "Adam, log scales"},
    {"lr.quats", 1e-3, "Adam, unit quaternions (normalised again after each step)"},
    {"lr.planes", 5e-3, "AdamW, feature planes"},
    {"lr.layers", 5e-4, "AdamW, MGF and MLP layers"},
    {"lr.encoder", 5e-4, "AdamW, audio encoder"},
    {"decay.planes", 0.01, "AdamW weight decay of the feature planes"},
    {"decay.encoder", 0, "AdamW weight decay of the audio encoder"},
    {"weight.dssim", 0.2, "lambda of Eqs. 11-13"},
    {"weight.alpha", 1e-3, "alpha against the mask"},
    {"weight.lips", 0, "extra L1 inside the lips box: where a bust fills the frame the mouth is 1 % of it, and its motion would drown"},
    {"weight.eyes", 0, "the same inside the box around eyes and brows: a blink is a thousandth of a bust's loss"},
    {"weight.delta", 1e-5, "mean absolute deltas"},
    {"sh.degree", 0, "active spherical-harmonics degree"},
    {"background.r", 0.5, "dataset's background colour, 0..1"},
    {"background.g", 0.5, ""},
    {"background.b", 0.5, ""},
    {"background.random", 1, "1: a new background colour behind the masks each iteration, so that no splat can paint it"},
    {"finetune.opacity", 1, "1: fine-tuning moves the face's opacities too"},
    {"audio.cleanShare", 0.5, "share of training windows taken from the clean clip, the rest from its augmented takes"},
    {"audio.specAugment", 0, "most mel bands masked at random in a training window"},
    {"audio.noise", 0, "standard deviation of the noise on a training window's normalised mel values"},
    {"audio.jitter", 0, "most feature frames (10 ms) that a training window is shifted by, either way"},
    {"audio.dropout", 0, "share of the encoder's 128 pooled activations dropped in training, the rest scaled up"},
    {"expression.exchange", 0, "share of face iterations that wear another frame's expression and are compared in the lips box only"},
    {"data.stream", 0, "GPU: 1 before pgs_data_begin: frames stay in the host's memory and are sent when they are needed"},
    {"gpu.pairs", 1 << 18, "GPU: (tile, splat) pairs that a view has room for at first; one that needs more gets more, for the price of an iteration"},
    {"iteration", 0, "iteration counter: seeds the random draws, advances by itself"},
};

}  // namespace pgs
