import { assertFinite, assertShape } from './errors.js';

/**
 * The splats of one branch as parallel arrays (structure of arrays). Canonical head space: right-handed metres, +Y up,
 * the face looks along +Z.
 */
export interface SplatSet {
    /** Number of splats N. */
    readonly count: number;
    /** Spherical-harmonics degree, 0..3; K = (degree + 1)^2 coefficients. */
    readonly shDegree: number;
    /** Centres `[N, 3]`, metres. */
    readonly means: Float32Array;
    /** Rotations `[N, 4]` wxyz, any length; normalised where used. */
    readonly quats: Float32Array;
    /** Natural log of the standard deviations `[N, 3]`, ln(metres). */
    readonly logScales: Float32Array;
    /** Opacity logits `[N]`. */
    readonly logitOpacities: Float32Array;
    /** Spherical-harmonics coefficients `[N, K, 3]`, DC first, in the colour space of the training images (sRGB values). */
    readonly sh: Float32Array;
}

/** Coefficients per colour channel for a degree. */
export function shCoefficients(degree: number): number {
    return (degree + 1) * (degree + 1);
}

/** An all-zero set with identity rotations. */
export function createSplatSet(count: number, shDegree: number): SplatSet {
    const quats = new Float32Array(count * 4);
    for (let i = 0; i < count; i++) quats[i * 4] = 1;
    return {
        count,
        shDegree,
        means: new Float32Array(count * 3),
        quats,
        logScales: new Float32Array(count * 3),
        logitOpacities: new Float32Array(count),
        sh: new Float32Array(count * shCoefficients(shDegree) * 3),
    };
}

/**
 * Checks lengths and finiteness of every array.
 *
 * @param where - what the set belongs to, for the message, e.g. `face branch`.
 * @throws PgsError `ASSET_SHAPE` or `ASSET_VALUE`.
 */
export function validateSplatSet(where: string, splats: SplatSet): void {
    const cure = 'Export the head again.';
    const fields: readonly (readonly [string, Float32Array, number])[] = [
        ['means', splats.means, 3],
        ['quats', splats.quats, 4],
        ['logScales', splats.logScales, 3],
        ['logitOpacities', splats.logitOpacities, 1],
        ['sh', splats.sh, shCoefficients(splats.shDegree) * 3],
    ];
    for (const [name, array, cols] of fields) {
        assertShape('ASSET_SHAPE', `${where} ${name}`, array, splats.count, cols, cure);
        assertFinite('ASSET_VALUE', `${where} ${name}`, array, cure);
    }
}
