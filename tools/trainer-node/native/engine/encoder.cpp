/* The audio encoder: 4 strided convolutions over time, 2 dense layers (method.md section 2, "Audio"). One window, plain loops. */
#include "../core/linear.h"
#include "../core/rng.h"
#include "state.h"

namespace pgs {

constexpr int Encoder::CHANNELS[5];
namespace {

constexpr int POOLED = 128; /* 64 channels of the 2 last steps */
constexpr int STEPS[5] = {PGS_WINDOW_FRAMES, 16, 8, 4, 2}; /* time after each stride-2 convolution */

real leaky(real x) { return x > 0 ? x : real(PGS_LEAKY_SLOPE) * x; }
/* The slope's sign survives the activation, so the derivative can be read off the output. */
real leaky_slope(real y) { return y > 0 ? real(1) : real(PGS_LEAKY_SLOPE); }

void fill_uniform(Param& param, double bound, Rng& rng) {
    for (real& w : param.value) w = real((rng.uniform() * 2 - 1) * bound);
}

}  // namespace

void encoder_init(Context& ctx) {
    Rng rng(ctx.seed, 0xE0);
    for (int l = 0; l < 4; l++) {
        Linear& conv = ctx.encoder.conv[l];
        const int in = Encoder::CHANNELS[l], out = Encoder::CHANNELS[l + 1];
        conv.resize(out, in * 3);
        /* Kaiming bound for a leaky rectifier: keeps the variance from layer to layer. */
        fill_uniform(conv.weight, std::sqrt(6.0 / (in * 3)), rng);
    }
    ctx.encoder.fc[0].resize(64, POOLED);
    fill_uniform(ctx.encoder.fc[0].weight, std::sqrt(6.0 / POOLED), rng);
    ctx.encoder.fc[1].resize(PGS_AUDIO_FEAT_DIM, 64);
    fill_uniform(ctx.encoder.fc[1].weight, std::sqrt(3.0 / 64), rng);
    ctx.encoder.opening.resize(1, PGS_AUDIO_FEAT_DIM);
}

void zero_encoder(Encoder& encoder) {
    for (Linear* layer : encoder_layers(encoder)) layer->weight.zero_grad(), layer->bias.zero_grad();
}

WindowDraw random_window(const Context& ctx, Rng& rng) {
    WindowDraw draw;
    const bool clean = rng.uniform() < ctx.setting("audio.cleanShare");
    if (ctx.data.mel_variants > 1 && !clean) draw.variant = 1 + int(rng.uniform() * (ctx.data.mel_variants - 1));
    const int most = int(ctx.setting("audio.specAugment")), jitter = int(ctx.setting("audio.jitter"));
    if (most > 0) {
        draw.masked_bands = int(rng.uniform() * (most + 1));
        draw.masked_first = int(rng.uniform() * (PGS_MEL_BANDS - draw.masked_bands + 1));
    }
    if (jitter > 0) draw.shift = int(rng.uniform() * (2 * jitter + 1)) - jitter;
    draw.noise = ctx.setting("audio.noise");
    draw.dropout = ctx.setting("audio.dropout");
    draw.key = rng.next();
    return draw;
}

void encoder_window(const Dataset& data, int frame, const WindowDraw& draw, EncoderPass& pass) {
    pass.act[0].resize(size_t(PGS_MEL_BANDS) * PGS_WINDOW_FRAMES);
    const float* mel = data.mel.data() + size_t(draw.variant) * data.mel_frames * PGS_MEL_BANDS;
    Rng rng(draw.key, 0xE1);
    for (int t = 0; t < PGS_WINDOW_FRAMES; t++) {
        const int at = frame * PGS_HOPS_PER_FRAME + int(PGS_WINDOW_FIRST) + draw.shift + t;
        const float* row = at >= 0 && at < data.mel_frames ? mel + size_t(at) * PGS_MEL_BANDS : data.silence.data();
        for (int band = 0; band < PGS_MEL_BANDS; band++) {
            const bool masked = band >= draw.masked_first && band < draw.masked_first + draw.masked_bands;
            const double noise = draw.noise > 0 ? draw.noise * rng.normal() : 0;
            pass.act[0][band * PGS_WINDOW_FRAMES + t] = masked ? real(0) : real(row[band] + noise);
        }
    }
    pass.keep.assign(POOLED, real(1));
    if (draw.dropout > 0)
        for (real& keep : pass.keep) keep = rng.uniform() < draw.dropout ? real(0) : real(1 / (1 - draw.dropout));
}

void encoder_forward(const Encoder& encoder, EncoderPass& pass) {
    for (int l = 0; l < 4; l++) {
        const Linear& conv = encoder.conv[l];
        const int in = Encoder::CHANNELS[l], out = Encoder::CHANNELS[l + 1], t_in = STEPS[l], t_out = STEPS[l + 1];
        pass.act[l + 1].assign(size_t(out) * t_out, real(0));
        for (int o = 0; o < out; o++)
            for (int t = 0; t < t_out; t++) {
                real sum = conv.bias.value[o];
                for (int c = 0; c < in; c++)
                    for (int k = 0; k < 3; k++) {
                        const int at = 2 * t + k - 1;
                        if (at >= 0 && at < t_in) sum += conv.weight.value[(size_t(o) * in + c) * 3 + k] * pass.act[l][size_t(c) * t_in + at];
                    }
                pass.act[l + 1][size_t(o) * t_out + t] = leaky(sum);
            }
    }
    pass.pooled.resize(POOLED);
    for (int i = 0; i < POOLED; i++) pass.pooled[i] = pass.act[4][i] * pass.keep[i];
    pass.fc_hidden.resize(64);
    affine(encoder.fc[0].weight.value.data(), encoder.fc[0].bias.value.data(), 64, POOLED, pass.pooled.data(), pass.fc_hidden.data());
    for (real& x : pass.fc_hidden) x = leaky(x);
    pass.feat.resize(PGS_AUDIO_FEAT_DIM);
    affine(encoder.fc[1].weight.value.data(), encoder.fc[1].bias.value.data(), PGS_AUDIO_FEAT_DIM, 64, pass.fc_hidden.data(), pass.feat.data());
}

void encoder_backward(Encoder& encoder, EncoderPass& pass) {
    std::vector<real> v_hidden(64, real(0)), v_act(POOLED, real(0));
    Linear &fc0 = encoder.fc[0], &fc1 = encoder.fc[1];
    affine_vjp(fc1.weight.value.data(), PGS_AUDIO_FEAT_DIM, 64, pass.fc_hidden.data(), pass.v_feat.data(), fc1.weight.grad.data(),
               fc1.bias.grad.data(), v_hidden.data());
    for (int i = 0; i < 64; i++) v_hidden[i] *= leaky_slope(pass.fc_hidden[i]);
    affine_vjp(fc0.weight.value.data(), 64, POOLED, pass.pooled.data(), v_hidden.data(), fc0.weight.grad.data(), fc0.bias.grad.data(), v_act.data());
    for (int i = 0; i < POOLED; i++) v_act[i] *= pass.keep[i];
    for (int l = 3; l >= 0; l--) {
        Linear& conv = encoder.conv[l];
        const int in = Encoder::CHANNELS[l], out = Encoder::CHANNELS[l + 1], t_in = STEPS[l], t_out = STEPS[l + 1];
        std::vector<real> v_in(size_t(in) * t_in, real(0));
        for (int o = 0; o < out; o++)
            for (int t = 0; t < t_out; t++) {
                const size_t at_out = size_t(o) * t_out + t;
                const real g = v_act[at_out] * leaky_slope(pass.act[l + 1][at_out]);
                conv.bias.grad[o] += g;
                for (int c = 0; c < in; c++)
                    for (int k = 0; k < 3; k++) {
                        const int at = 2 * t + k - 1;
                        if (at < 0 || at >= t_in) continue;
                        const size_t w = (size_t(o) * in + c) * 3 + k;
                        conv.weight.grad[w] += g * pass.act[l][size_t(c) * t_in + at];
                        v_in[size_t(c) * t_in + at] += g * conv.weight.value[w];
                    }
            }
        v_act.swap(v_in);
    }
}

}  // namespace pgs
