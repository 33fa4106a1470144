import { PgsError } from '../../../plugin/core/index.js';
import type { TrainConfig } from './config.js';

/** Names that `--preset` takes. */
export type PresetName = 'tiny' | 'fast' | 'paper';

/** The lineage's recipe: 50 000 iterations a branch and 10 000 jointly (method.md §5). */
function paper(): TrainConfig {
    return {
        preset: 'paper',
        seed: 0,
        threads: 0,
        iterations: { static: 3000, deform: 47_000, finetune: 10_000 },
        face: { seeds: 12_000, maxSplats: 60_000, gradThreshold: 5e-4, planeBase: 16, planeFinest: 38 },
        mouth: { seeds: 5000, maxSplats: 12_000, gradThreshold: 2e-4, planeBase: 16, planeFinest: 64 },
        lr: {
            means: 1.6e-4,
            meansFinal: 1.6e-6,
            sh: 2.5e-3,
            shRest: 1.25e-4,
            opacity: 0.05,
            scales: 3e-3,
            quats: 1e-3,
            planes: 5e-3,
            layers: 5e-4,
            encoder: 1e-4,
            netsFinal: 0.1,
            finetuneScale: 0.5,
        },
        shDegree: 2,
        shInterval: 1000,
        weightDssim: 0.2,
        weightAlpha: 1e-3,
        weightLips: 10,
        weightEyes: 5,
        weightDelta: 1e-5,
        decayPlanes: 0.01,
        pixelAware: true,
        densifyInterval: 100,
        densifyFrom: 500,
        densifyUntil: 0.9,
        pruneOpacity: [0.05, 0.3],
        pruneSizeFrom: 3000,
        audioVariants: 8,
        specAugment: 7,
        audioNoise: 0.3,
        audioJitter: 1,
        audioDropout: 0.3,
        decayEncoder: 1,
        hearing: { steps: 2500, batch: 64, lr: 1.5e-3 },
        expressionExchange: 0.2,
        finetuneOpacity: true,
        cleanShare: 0.5,
        faceOpeningEvery: 4,
        blinkEvery: 8,
        openingEvery: 7,
        minMouthPixels: 20,
        checkpointInterval: 1000,
        previewInterval: 2500,
    };
}

/** About an hour at 512 x 512 on two cores. Rates are raised where a quarter of the steps must travel the same way. */
function fast(): TrainConfig {
    const base = paper();
    return {
        ...base,
        preset: 'fast',
        iterations: { static: 1500, deform: 18_500, finetune: 1000 },
        face: { ...base.face, seeds: 10_000, maxSplats: 24_000 },
        mouth: { ...base.mouth, seeds: 3000, maxSplats: 4000 },
        // The encoder can hear already: at the layers' rate one window an iteration would make it forget.
        lr: { ...base.lr, planes: 1e-2, layers: 1.5e-3, encoder: 3e-4, netsFinal: 0.03 },
        // Degree 1 halves the asset's colour data; degree 2 is within noise on a matte bust.
        shDegree: 1,
        shInterval: 800,
        densifyFrom: 300,
        // What is added late has no time to settle in a short run.
        densifyUntil: 0.6,
        pruneOpacity: [0.02, 0.1],
        checkpointInterval: 500,
        previewInterval: 1000,
    };
}

/** Seconds on a 96 x 96 toy: for tests, and to see that everything runs. Fewer than 900 steps do not open a mouth (measured). */
function tiny(): TrainConfig {
    const base = fast();
    return {
        ...base,
        preset: 'tiny',
        iterations: { static: 150, deform: 900, finetune: 50 },
        face: { ...base.face, seeds: 800, maxSplats: 1600 },
        mouth: { ...base.mouth, seeds: 150, maxSplats: 300 },
        lr: { ...base.lr, layers: 4e-3, encoder: 1e-3 },
        shInterval: 75,
        densifyFrom: 50,
        pruneSizeFrom: 200,
        audioVariants: 3,
        hearing: { ...base.hearing, steps: 200 },
        checkpointInterval: 200,
        previewInterval: 400,
    };
}

/**
 * Hyper-parameters of a preset.
 *
 * @throws PgsError `OPTION_VALUE` - an unknown name.
 */
export function presetConfig(name: string): TrainConfig {
    if (name === 'paper') return paper();
    if (name === 'fast') return fast();
    if (name === 'tiny') return tiny();
    throw new PgsError(
        'OPTION_VALUE',
        `--preset: expected tiny, fast or paper, got "${name}". fast takes about an hour.`,
    );
}
