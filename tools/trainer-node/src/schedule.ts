import type { TrainConfig } from './config.js';

/** Iterations between two settings of the learning rates: a chunk of native work. Chunks lie on multiples of it. */
export const CHUNK = 25;

/** Named scalars of the native program (native/engine/settings.h). */
export type Scalars = Readonly<Record<string, number>>;

/** What holds for the whole run: loss weights, background, audio masking. */
export function runScalars(config: TrainConfig, backgroundColor: readonly number[]): Scalars {
    const [r = 0, g = 0, b = 0] = backgroundColor.map((byte) => byte / 255);
    return {
        'weight.dssim': config.weightDssim,
        'weight.alpha': config.weightAlpha,
        'weight.lips': config.weightLips,
        'weight.eyes': config.weightEyes,
        'weight.delta': config.weightDelta,
        'decay.planes': config.decayPlanes,
        'background.r': r,
        'background.g': g,
        'background.b': b,
        'audio.specAugment': config.specAugment,
        'audio.noise': config.audioNoise,
        'audio.jitter': config.audioJitter,
        'audio.dropout': config.audioDropout,
        'expression.exchange': config.expressionExchange,
        'decay.encoder': config.decayEncoder,
        'audio.cleanShare': config.cleanShare,
        'finetune.opacity': config.finetuneOpacity ? 1 : 0,
    };
}

/**
 * Learning rates and active SH degree of a global iteration.
 *
 * Means decay log-linearly over static + deform. Networks decay exponentially over the deformation stage. Fine-tuning keeps
 * the splats' rates times a constant that falls to a tenth, so that the last steps only polish.
 *
 * @param extent - scene extent, metres.
 */
export function rateScalars(config: TrainConfig, iteration: number, extent: number): Scalars {
    const { lr, iterations } = config;
    const fitted = iterations.static + iterations.deform;
    const progress = Math.min(1, iteration / fitted);
    const netProgress = Math.min(1, Math.max(0, iteration - iterations.static) / iterations.deform);
    const polish =
        iteration < fitted ? 1 : lr.finetuneScale * 0.1 ** Math.min(1, (iteration - fitted) / iterations.finetune);
    const nets = lr.netsFinal ** netProgress;
    return {
        'lr.means': extent * lr.means * (lr.meansFinal / lr.means) ** progress,
        'lr.sh': lr.sh * polish,
        'lr.shRest': lr.shRest * polish,
        'lr.opacity': lr.opacity * polish,
        'lr.scales': lr.scales,
        'lr.quats': lr.quats,
        'lr.planes': lr.planes * nets,
        'lr.layers': lr.layers * nets,
        'lr.encoder': lr.encoder * nets,
        'sh.degree': Math.min(config.shDegree, Math.floor(iteration / config.shInterval)),
        // Fine-tuning compares the composite over the recorded background.
        'background.random': iteration < fitted ? 1 : 0,
    };
}
