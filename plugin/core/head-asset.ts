import type { BranchName } from './branches.js';
import type { SplatSet } from './splat-set.js';

/** Version of the `PGS_talking_head` extension that this code reads and writes. */
export const ASSET_VERSION = 1;

/** How spatial features are stored: value = offset[c] + scale[c] * integer, a channel c each. */
export interface FeatureCoding {
    readonly bits: 8 | 16;
    readonly scale: readonly number[];
    readonly offset: readonly number[];
}

/** One branch of a loaded head. */
export interface BranchAsset {
    /** Canonical splats; the first {@link movingCount} of them move, the rest never do. */
    readonly splats: SplatSet;
    /** Splats inside the feature planes' bound. They come first in every array. */
    readonly movingCount: number;
    /** Tri-plane features f_s of the moving splats `[movingCount, SPATIAL_FEAT_DIM]`, dequantised. */
    readonly spatialFeat: Float32Array;
    /** How the file stored {@link spatialFeat}; absent before the first export. A writer keeps it. */
    readonly featureCoding?: FeatureCoding;
    /** The branch's network layers by name, shapes as `BRANCHES[name].layers(numExpressions)`. */
    readonly layers: Readonly<Record<string, Float32Array>>;
}

/** How sound becomes feature frames. The runtime refuses a front end it does not implement (contracts.md §3). */
export interface AudioFrontEnd {
    readonly kind: 'log-mel-v1';
    readonly sampleRate: number;
    readonly hop: number;
    readonly windowLength: number;
    readonly fftSize: number;
    readonly preEmphasis: number;
    readonly melBands: number;
    readonly melMinHz: number;
    readonly melMaxHz: number;
    /** Added to the band energy before the logarithm. */
    readonly logFloor: number;
    /** Feature frames per video frame, frames in a window, first frame of video frame 0's window. */
    readonly hopsPerFrame: number;
    readonly windowFrames: number;
    readonly windowFirst: number;
    /** Samples of sound after the video frame's centre that its window needs, ms. */
    readonly lookAheadMs: number;
    /** Causal normalisation starts from these: mean and standard deviation per band, and their weight in seconds. */
    readonly normalisation: {
        readonly mean: readonly number[];
        readonly std: readonly number[];
        readonly priorSeconds: number;
    };
}

/** Pinhole camera the head was trained with and the cone of views it is good for; a sandbox can frame the head with it. */
export interface ViewPrior {
    readonly verticalFovDegrees: number;
    /** Mean distance of the training cameras, metres. */
    readonly distance: number;
    /** Ranges seen in training, degrees: yaw positive towards the head's left, pitch positive from above. */
    readonly yawDegrees: readonly [number, number];
    readonly pitchDegrees: readonly [number, number];
}

/** Everything that drives and draws one head, in memory: plain data, no GPU, no Babylon. */
export interface HeadAsset {
    readonly version: number;
    readonly name: string;
    /** Video frames a second of the training data; the rate of feature frames f_a. */
    readonly fps: number;
    readonly branches: Readonly<Record<BranchName, BranchAsset>>;
    readonly audio: AudioFrontEnd;
    /** The audio encoder as ONNX: input `[N, MEL_BANDS, WINDOW_FRAMES]`, output `[N, AUDIO_FEAT_DIM]`. */
    readonly encoderOnnx: Uint8Array;
    readonly expression: {
        readonly names: readonly string[];
        readonly neutral: readonly number[];
        readonly ranges: readonly (readonly [number, number])[];
    };
    /** Box that holds every deformed splat centre seen in training, grown by its radius, metres. */
    readonly bounds: { readonly min: readonly number[]; readonly max: readonly number[] };
    readonly view: ViewPrior;
    /** Facts for people: metrics on the test split, presets, trainer version. JSON values only. */
    readonly facts: Readonly<Record<string, unknown>>;
    /** Where the likeness comes from and by whose leave it is used. */
    readonly provenance: Readonly<Record<string, unknown>>;
    readonly consent: string;
}
