import { PgsError } from '../../../plugin/core/index.js';

/** Iterations of the three stages (method.md §5). One iteration is one step of each branch. */
export interface StageLengths {
    readonly static: number;
    readonly deform: number;
    readonly finetune: number;
}

/** Settings that differ by branch: rows of data, not code paths. */
export interface BranchConfig {
    /** Splats at the start. Source: measured on a rendered bust (face); TalkingGaussian draws 2000 and 10 000. */
    readonly seeds: number;
    /** Densification stops adding above this. Bounds time and the asset's size. */
    readonly maxSplats: number;
    /** tau_pos of Eq. 2, NDC units. Source: TalkingGaussian (5e-4 face, 2e-4 mouth). */
    readonly gradThreshold: number;
    /** Resolution of the first and last tri-plane level. Source: method.md §2. */
    readonly planeBase: number;
    readonly planeFinest: number;
}

/** Step sizes at the start of a run; {@link ./schedule.ts} decays them. Source: TalkingGaussian unless said. */
export interface LearningRates {
    /** Metres a step per metre of scene extent; decays log-linearly to {@link meansFinal}. */
    readonly means: number;
    readonly meansFinal: number;
    readonly sh: number;
    readonly shRest: number;
    readonly opacity: number;
    readonly scales: number;
    readonly quats: number;
    readonly planes: number;
    readonly layers: number;
    readonly encoder: number;
    /** Share of the networks' rates left at the end of the deformation stage; reached exponentially. */
    readonly netsFinal: number;
    /** Factor on SH and opacity in the fine-tune stage. Chosen: geometry is fixed there, large steps only add noise. */
    readonly finetuneScale: number;
}

/** Every hyper-parameter of a run. Written to `config.json` of the run folder; a resumed run reads it from there. */
export interface TrainConfig {
    readonly preset: string;
    readonly seed: number;
    /** 0: all cores. Results do not depend on it. */
    readonly threads: number;
    readonly iterations: StageLengths;
    readonly face: BranchConfig;
    readonly mouth: BranchConfig;
    readonly lr: LearningRates;
    /** Spherical-harmonics degree of the result, 0..2. */
    readonly shDegree: number;
    /** Iterations between two raises of the active degree. Source: TalkingGaussian, 1000 of 50 000. */
    readonly shInterval: number;
    /** lambda of Eqs. 11-13. */
    readonly weightDssim: number;
    /** Alpha against the mask. */
    readonly weightAlpha: number;
    /** Extra L1 inside the lips box, where the mouth would be 1 % of a bust's loss. At 256 px, 2400 deformation steps without it (and smaller network rates) opened no mouth. */
    readonly weightLips: number;
    /** Extra L1 around eyes and brows, face branch. Without it AU45 moved no lid of the first default avatar by 2 mm. */
    readonly weightEyes: number;
    /** Mean absolute deltas. */
    readonly weightDelta: number;
    /** AdamW decay of the tri-planes. */
    readonly decayPlanes: number;
    /** Pixel-aware density control (Eq. 2) or, false, the plain rule of Eq. 1. */
    readonly pixelAware: boolean;
    /** Iterations between two density decisions. */
    readonly densifyInterval: number;
    /** First iteration that may densify. */
    readonly densifyFrom: number;
    /** Share of static + deform iterations after which density is fixed. */
    readonly densifyUntil: number;
    /** Opacity below which a splat is dropped: at the start and at the end of densification. */
    readonly pruneOpacity: readonly [number, number];
    /** From this iteration on, splats larger than a tenth of the extent are dropped. */
    readonly pruneSizeFrom: number;
    /** Takes of the sound, the clean one included; 1 switches augmentation off. */
    readonly audioVariants: number;
    /** Most mel bands masked in a window (SpecAugment); 0 switches it off. */
    readonly specAugment: number;
    /** Noise on normalised mel values, most shift of a window in 10 ms frames, share of dropped activations, and weight decay of the encoder. Chosen on the last tenth of the training frames: an encoder alone followed the opening of unheard speech with r 0.82 without them, 0.91 with them. */
    readonly audioNoise: number;
    readonly audioJitter: number;
    readonly audioDropout: number;
    readonly decayEncoder: number;
    /** Steps, windows a step and step size by which the encoder learns to hear how far the mouth is open before training. */
    readonly hearing: { readonly steps: number; readonly batch: number; readonly lr: number };
    /** Share of face iterations that wear another frame's expression and are compared at the lips only: speech moves those, and a minute of film is too short to tell by itself. */
    readonly expressionExchange: number;
    /** Fine-tuning also moves the face's opacities. */
    readonly finetuneOpacity: boolean;
    /** Share of training windows that hear the clean clip. Chosen: 0.125, 0.35, 0.5 and 0.7 were tried on rendered-f1, in runs that also differed otherwise; 0.5 followed the test speech best (r 0.797). */
    readonly cleanShare: number;
    /** Every n-th face iteration of the deformation stage shows a wide-open mouth. Chosen: rare frames, and L1 settles on the median. */
    readonly faceOpeningEvery: number;
    /** Every n-th face iteration of the deformation stage shows closed eyes. Chosen: 3 % of rendered-f1's frames do. */
    readonly blinkEvery: number;
    /** Every n-th mouth iteration takes its frame from the opening sweep. Source: TalkingGaussian, 7. */
    readonly openingEvery: number;
    /** Mouth frames show at least this many mouth pixels, at 512 px; scaled by area. */
    readonly minMouthPixels: number;
    /** Iterations between checkpoints and between preview pictures. */
    readonly checkpointInterval: number;
    readonly previewInterval: number;
}

/** Iterations of a whole run. */
export function totalIterations(config: TrainConfig): number {
    return config.iterations.static + config.iterations.deform + config.iterations.finetune;
}

/**
 * The same run, `scale` times as long; everything that is counted in iterations scales with it, except the density interval.
 *
 * @throws PgsError `OPTION_VALUE` - a scale that is not above 0.
 */
export function scaleIterations(config: TrainConfig, scale: number): TrainConfig {
    if (!Number.isFinite(scale) || scale <= 0 || scale > 100) {
        throw new PgsError(
            'OPTION_VALUE',
            `--iterations-scale: expected a number above 0 and up to 100, got ${scale}. 1 is the preset's own length.`,
        );
    }
    const times = (n: number): number => Math.max(1, Math.round(n * scale));
    const { iterations } = config;
    return {
        ...config,
        iterations: {
            static: times(iterations.static),
            deform: times(iterations.deform),
            finetune: times(iterations.finetune),
        },
        shInterval: times(config.shInterval),
        densifyFrom: times(config.densifyFrom),
        pruneSizeFrom: times(config.pruneSizeFrom),
    };
}
