import { computeLogMel, CausalNormaliser, DEFAULT_FRONT_END } from '../../../plugin/audio/index.js';
import { MEL_BANDS, type AudioFrontEnd } from '../../../plugin/core/index.js';
import { normal, randomStream, type Random } from './random.js';

/** How one take of the clip is changed. Timing never changes: the pictures stay. */
export interface AudioChange {
    /** Vocal-tract length: factor on the frequency axis, 1 leaves it. */
    readonly warp: number;
    /** Spectral tilt: coefficient of y[n] = x[n] - tilt x[n-1], -0.5 (darker) .. 0.5 (brighter). */
    readonly tilt: number;
    /** Gain, dB. */
    readonly gainDb: number;
    /** Level of added white noise, dBFS. */
    readonly noiseDb: number;
}

/** Ranges of audio.md §5.4: what made a one-voice encoder transfer to other voices. */
const RANGES: Readonly<Record<keyof AudioChange, readonly [number, number]>> = {
    warp: [0.8, 1.25],
    tilt: [-0.5, 0.5],
    gainDb: [-20, 6],
    noiseDb: [-80, -40],
};

/** Above this frequency the warp bends back so that the band's top stays in place (the usual VTLP shape), Hz. */
const WARP_KNEE_HZ = 4800;
const NYQUIST_HZ = 8000;

/** Changes of one seeded take. */
export function drawChange(random: Random): AudioChange {
    const between = ([low, high]: readonly [number, number]): number => low + (high - low) * random();
    return {
        warp: between(RANGES.warp),
        tilt: between(RANGES.tilt),
        gainDb: between(RANGES.gainDb),
        noiseDb: between(RANGES.noiseDb),
    };
}

/**
 * Features of a changed take of a clip, normalised as the runtime would.
 *
 * @param samples - mono `[n]`, -1..1.
 * @returns `[ceil(n / 160), MEL_BANDS]`.
 */
export function augmentedFeatures(
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
    change: AudioChange,
    random: Random,
): Float32Array {
    const gain = 10 ** (change.gainDb / 20);
    const noise = 10 ** (change.noiseDb / 20);
    const changed = new Float32Array(samples.length);
    let previous = 0;
    for (let i = 0; i < samples.length; i++) {
        const sample = samples[i] as number;
        const value = gain * (sample - change.tilt * previous) + noise * normal(random);
        changed[i] = Math.max(-1, Math.min(1, value));
        previous = sample;
    }
    const { frames } = computeLogMel(changed, sampleRate);
    warpBands(frames, change.warp);
    new CausalNormaliser(frontEnd.normalisation).push(frames);
    return frames;
}

/** Stacks the clean features and `variants - 1` seeded takes: `[variants, frames, MEL_BANDS]`. */
export function featureVariants(
    clean: Float32Array,
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
    variants: number,
    seed: number,
): Float32Array {
    const stacked = new Float32Array(variants * clean.length);
    stacked.set(clean, 0);
    for (let v = 1; v < variants; v++) {
        const random = randomStream(seed, 0xa0d10, v);
        stacked.set(augmentedFeatures(samples, sampleRate, frontEnd, drawChange(random), random), v * clean.length);
    }
    return stacked;
}

/** Reads every log-mel frame at warped frequencies, in place (VTLP on the band axis). */
export function warpBands(frames: Float32Array, warp: number): void {
    const low = hzToMel(DEFAULT_FRONT_END.melMinHz);
    const step = (hzToMel(DEFAULT_FRONT_END.melMaxHz) - low) / (MEL_BANDS + 1);
    const source = Float64Array.from({ length: MEL_BANDS }, (_, band) => {
        const warped = hzToMel(warpHz(melToHz(low + (band + 1) * step), warp));
        return Math.max(0, Math.min(MEL_BANDS - 1, (warped - low) / step - 1));
    });
    const row = new Float32Array(MEL_BANDS);
    for (let at = 0; at + MEL_BANDS <= frames.length; at += MEL_BANDS) {
        row.set(frames.subarray(at, at + MEL_BANDS));
        for (let band = 0; band < MEL_BANDS; band++) {
            const from = source[band] as number;
            const below = Math.min(MEL_BANDS - 2, Math.floor(from));
            const share = from - below;
            frames[at + band] = (1 - share) * (row[below] as number) + share * (row[below + 1] as number);
        }
    }
}

function warpHz(hz: number, warp: number): number {
    const knee = (WARP_KNEE_HZ * Math.min(warp, 1)) / warp;
    if (hz <= knee) return hz * warp;
    return NYQUIST_HZ - ((NYQUIST_HZ - knee * warp) / (NYQUIST_HZ - knee)) * (NYQUIST_HZ - hz);
}

function hzToMel(hz: number): number {
    return 2595 * Math.log10(1 + hz / 700);
}

function melToHz(mel: number): number {
    return 700 * (10 ** (mel / 2595) - 1);
}
