/*
 * Adam for the splats, AdamW for the networks (method.md section 5): which rates a tensor steps with, and the step of one value.
 * Rates of an iteration are computed on the host in double; the step runs on both sides.
 */
#pragma once
#include "hd.h"

namespace pgs {

/* What a step of one tensor multiplies by. */
template <class T> struct AdamRatesT {
    T beta1, beta2, epsilon;
    T lr;      /* over 1 - beta1^t */
    T lr_rest; /* of spherical harmonics above the DC coefficient; elsewhere as lr */
    T root;    /* 1 / sqrt(1 - beta2^t) */
    T keep;    /* 1 - lr decay */
};

/* One value: moves its moments, then the value itself. `lr` is one of the two of `rates`. */
template <class T> PGS_HD void adam_step(const AdamRatesT<T>& rates, T lr, T g, T& w, T& m, T& v) {
    m = rates.beta1 * m + (T(1) - rates.beta1) * g;
    v = rates.beta2 * v + (T(1) - rates.beta2) * g * g;
    w = w * rates.keep - lr * m / (std::sqrt(v) * rates.root + rates.epsilon);
}

/* Unit length again: a predicted delta is added to the stored quaternion, so its length would scale the rotation, and the asset
 * stores unit quaternions. */
template <class T> PGS_HD void normalize_quat(T q[4]) {
    const T norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (norm > T(0))
        for (int k = 0; k < 4; k++) q[k] /= norm;
}

/* Tensors that share their rates. A branch counts its own steps; the networks of both count together. */
enum SplatRates { RATES_SH, RATES_OPACITY, RATES_MEANS, RATES_SCALES, RATES_QUATS, SPLAT_RATES };
enum NetRates { RATES_PLANES, RATES_LAYERS, RATES_ENCODER_WEIGHT, RATES_ENCODER_BIAS, NET_RATES };

/* Absolute; schedules are the caller's. */
struct LearningRates {
    double sh, sh_rest, opacity, means, scales, quats;
    double planes, layers, encoder, decay_planes, decay_encoder;
};

/* `setting` gives a named scalar of engine/settings.h. */
template <class F> LearningRates read_learning_rates(F&& setting) {
    return {setting("lr.sh"),     setting("lr.shRest"), setting("lr.opacity"), setting("lr.means"),     setting("lr.scales"),
            setting("lr.quats"),  setting("lr.planes"), setting("lr.layers"),  setting("lr.encoder"),   setting("decay.planes"),
            setting("decay.encoder")};
}

template <class T> AdamRatesT<T> adam_rates(double lr, double decay, double beta1, double beta2, double epsilon, double step) {
    const T rate = T(lr / (1 - std::pow(beta1, step)));
    return {T(beta1), T(beta2), T(epsilon), rate, rate, T(1 / std::sqrt(1 - std::pow(beta2, step))), T(1 - lr * decay)};
}

/* Of a branch's step number `step`, counted from 1. */
template <class T> void splat_rates(const LearningRates& lr, double step, AdamRatesT<T> out[SPLAT_RATES]) {
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-15;
    const auto rates = [&](double rate) { return adam_rates<T>(rate, 0, beta1, beta2, epsilon, step); };
    /* Rounded before they are multiplied: the bits of every run so far. */
    const T unbiased = T(1 / (1 - std::pow(beta1, step)));
    out[RATES_SH] = rates(lr.sh);
    out[RATES_SH].lr = T(lr.sh) * unbiased;
    out[RATES_SH].lr_rest = T(lr.sh_rest) * unbiased;
    out[RATES_OPACITY] = rates(lr.opacity);
    out[RATES_MEANS] = rates(lr.means);
    out[RATES_SCALES] = rates(lr.scales);
    out[RATES_QUATS] = rates(lr.quats);
}

/* Of the networks' step number `step`, counted from 1. */
template <class T> void net_rates(const LearningRates& lr, double step, AdamRatesT<T> out[NET_RATES]) {
    const auto rates = [&](double rate, double decay) { return adam_rates<T>(rate, decay, 0.9, 0.99, 1e-8, step); };
    out[RATES_PLANES] = rates(lr.planes, lr.decay_planes);
    out[RATES_LAYERS] = rates(lr.layers, 0);
    out[RATES_ENCODER_WEIGHT] = rates(lr.encoder, lr.decay_encoder);
    out[RATES_ENCODER_BIAS] = rates(lr.encoder, 0);
}

}  // namespace pgs
