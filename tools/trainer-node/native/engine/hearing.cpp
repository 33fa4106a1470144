/*
 * Hearing: before anything moves, the encoder learns to tell from sound how far the mouth is open. A picture's loss reaches it
 * through a renderer, one window an iteration; here a batch costs milliseconds, so it hears every window a hundred times and
 * starts the deformation stage with features that follow the lips.
 */
#include "state.h"

namespace pgs {
namespace {

constexpr int SHARDS = 8; /* fixed, so that sums do not depend on the thread count */

}  // namespace

void hearing_window(const Context& ctx, int frame, int64_t iteration, int nth, EncoderPass& pass) {
    Rng rng(ctx.seed, 0x4EA2000000000000ull + (uint64_t(iteration) << 12) + uint64_t(nth));
    encoder_window(ctx.data, frame, random_window(ctx, rng), pass);
}

double hearing_loss(Context& ctx, const int32_t* frames, int count, int64_t iteration, bool grads) {
    ctx.shards.resize(SHARDS);
    std::vector<double> sums(SHARDS, 0);
    const std::vector<Linear*> layers = encoder_layers(ctx.encoder);
    ctx.pool.run(SHARDS, [&](int shard) {
        Encoder& encoder = ctx.shards[shard];
        const std::vector<Linear*> own = encoder_layers(encoder);
        for (size_t l = 0; l < layers.size(); l++) {
            own[l]->weight.value = layers[l]->weight.value;
            own[l]->bias.value = layers[l]->bias.value;
            own[l]->weight.grad.assign(layers[l]->weight.size(), real(0));
            own[l]->bias.grad.assign(layers[l]->bias.size(), real(0));
        }
        EncoderPass pass;
        for (int i = shard; i < count; i += SHARDS) {
            hearing_window(ctx, frames[i], iteration, i, pass);
            encoder_forward(encoder, pass);
            real open = encoder.opening.bias.value[0];
            for (int k = 0; k < PGS_AUDIO_FEAT_DIM; k++) open += encoder.opening.weight.value[k] * pass.feat[k];
            const real off = open - real(ctx.data.frames[frames[i]].mouth_open);
            sums[shard] += 0.5 * double(off) * double(off);
            if (!grads) continue;
            const real g = off / real(count);
            pass.v_feat.resize(PGS_AUDIO_FEAT_DIM);
            encoder.opening.bias.grad[0] += g;
            for (int k = 0; k < PGS_AUDIO_FEAT_DIM; k++) {
                encoder.opening.weight.grad[k] += g * pass.feat[k];
                pass.v_feat[k] = g * encoder.opening.weight.value[k];
            }
            encoder_backward(encoder, pass);
        }
    });
    if (grads) {
        zero_encoder(ctx.encoder);
        for (Encoder& shard : ctx.shards) {
            const std::vector<Linear*> own = encoder_layers(shard);
            for (size_t l = 0; l < layers.size(); l++) {
                for (size_t i = 0; i < layers[l]->weight.size(); i++) layers[l]->weight.grad[i] += own[l]->weight.grad[i];
                for (size_t i = 0; i < layers[l]->bias.size(); i++) layers[l]->bias.grad[i] += own[l]->bias.grad[i];
            }
        }
    }
    double total = 0;
    for (double sum : sums) total += sum;
    return total / count;
}

}  // namespace pgs
