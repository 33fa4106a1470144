import { AUDIO_FEAT_DIM, MEAN_DELTA_SCALE, SPATIAL_FEAT_DIM, type HeadAsset } from '../../../plugin/core/index.js';
import { deltasReference } from '../../../plugin/core/reference/index.js';
import { median } from '../frame/statistics.js';
import { solveLeastSquares } from './least-squares.js';

/** Splats that stand for a lip; their mean moves smoothly, and more would only cost time. */
const SPLATS_A_LIP = 24;
/** Half the width of the middle of the mouth, m. */
const HALF_WIDTH = 0.01;

/** Numbers of face splats in the middle of each lip. */
export interface LipSplats {
    readonly upper: readonly number[];
    readonly lower: readonly number[];
}

/** Opening of the mouth as a straight function of f_a. */
export interface Aperture {
    /** mm a unit of f_a `[AUDIO_FEAT_DIM]`, and mm at 0. */
    readonly weights: Float64Array;
    readonly level: number;
    /** Share of the variance of the reference's apertures that it explains, on features that it was not fitted to. */
    readonly r2: number;
}

/**
 * The lips of a head: before the mouth branch, in its middle, face splats leave one gap in height. The nearest above it are the upper
 * lip, the nearest below it the lower one.
 *
 * @throws Error - too few splats there: the head has no lips that move.
 */
export function lipsOf({ branches }: HeadAsset): LipSplats {
    const { splats: inside } = branches.mouth;
    const middle = ([0, 2] as const).map((axis) =>
        median(Array.from({ length: inside.count }, (_, i) => inside.means[3 * i + axis] as number)),
    ) as [number, number];
    const { means } = branches.face.splats;
    const heightOf = (i: number): number => means[3 * i + 1] as number;
    const lips = Array.from({ length: branches.face.movingCount }, (_, i) => i)
        .filter((i) => Math.abs((means[3 * i] as number) - middle[0]) < HALF_WIDTH)
        .filter((i) => (means[3 * i + 2] as number) > middle[1])
        .sort((a, b) => heightOf(a) - heightOf(b));
    const gapOf = (n: number): number => heightOf(lips[n] as number) - heightOf(lips[n - 1] as number);
    let gap = SPLATS_A_LIP;
    for (let n = gap; n <= lips.length - SPLATS_A_LIP; n++) if (gapOf(n) > gapOf(gap)) gap = n;
    if (lips.length < 2 * SPLATS_A_LIP)
        throw new Error(
            `bench: expected ${2 * SPLATS_A_LIP} splats in the lips, got ${lips.length}. Use another head.`,
        );
    return { upper: lips.slice(gap, gap + SPLATS_A_LIP), lower: lips.slice(gap - SPLATS_A_LIP, gap) };
}

/** Mean height of the upper lip less that of the lower, mm, deformed by the float64 reference with a neutral expression. */
export function referenceAperture(head: HeadAsset, { upper, lower }: LipSplats, audioFeat: Float32Array): number {
    const { splats, layers, spatialFeat } = head.branches.face;
    const heightOf = (i: number): number => {
        const feature = spatialFeat.subarray(i * SPATIAL_FEAT_DIM, (i + 1) * SPATIAL_FEAT_DIM);
        const deltas = deltasReference('face', layers, audioFeat, head.expression.neutral, feature);
        return (splats.means[3 * i + 1] as number) + MEAN_DELTA_SCALE * (deltas[1] as number);
    };
    const mean = (lip: readonly number[]): number => lip.reduce((sum, i) => sum + heightOf(i) / lip.length, 0);
    return 1000 * (mean(upper) - mean(lower));
}

/**
 * Fits the opening of the mouth to f_a of speech, every other frame; the frames between tell how well it does. A straight function of f_a
 * has no memory, so it moves no lag, and it costs a thousandth of the reference.
 *
 * @param features - f_a `[F, AUDIO_FEAT_DIM]`.
 */
export function fitAperture(head: HeadAsset, features: Float32Array): Aperture {
    const lips = lipsOf(head);
    const frames = Array.from({ length: features.length / AUDIO_FEAT_DIM }, (_, k) => frameOf(features, k));
    const truth = frames.map((frame) => referenceAperture(head, lips, frame));
    const isFitted = (k: number): boolean => k % 2 === 0;
    const solution = solveLeastSquares(
        frames.filter((_, k) => isFitted(k)).map((frame) => [...frame, 1]),
        truth.filter((_, k) => isFitted(k)),
    );
    const [weights, level] = [solution.subarray(0, AUDIO_FEAT_DIM), solution[AUDIO_FEAT_DIM] as number];
    const held = frames.flatMap((frame, k) => (isFitted(k) ? [] : [{ frame, value: truth[k] as number }]));
    const mean = held.reduce((sum, { value }) => sum + value / held.length, 0);
    let [left, all] = [0, 0];
    for (const { frame, value } of held) {
        left += (value - apertureOf({ weights, level }, frame)) ** 2;
        all += (value - mean) ** 2;
    }
    return { weights, level, r2: 1 - left / all };
}

/** Opening of the mouth, mm. @param audioFeat - f_a `[AUDIO_FEAT_DIM]`. */
export function apertureOf({ weights, level }: Omit<Aperture, 'r2'>, audioFeat: ArrayLike<number>): number {
    let sum = level;
    for (let k = 0; k < AUDIO_FEAT_DIM; k++) sum += (weights[k] as number) * (audioFeat[k] as number);
    return sum;
}

/** Openings of many f_a in a row `[F, AUDIO_FEAT_DIM]`. */
export function aperturesOf(aperture: Aperture, features: Float32Array): Float64Array {
    return Float64Array.from({ length: features.length / AUDIO_FEAT_DIM }, (_, k) =>
        apertureOf(aperture, frameOf(features, k)),
    );
}

function frameOf(features: Float32Array, k: number): Float32Array {
    return features.subarray(k * AUDIO_FEAT_DIM, (k + 1) * AUDIO_FEAT_DIM);
}
