import type { BranchName } from '../branches.js';
import { MEAN_DELTA_SCALE, SPATIAL_FEAT_DIM } from '../constants.js';
import type { BranchAsset } from '../head-asset.js';
import { normalised, row, type SplatArrays } from './project.js';

/*
 * Float64 reference of Multimodal Gated Fusion and the deformation (Eqs. 6-9) as printed, nothing refactored, for tests.
 */

type Layers = Readonly<Record<string, ArrayLike<number>>>;

/**
 * What a branch predicts for one splat.
 *
 * @param spatialFeat - f_s `[SPATIAL_FEAT_DIM]`.
 * @returns face: delta mean 3, delta log-scale 3, delta quaternion 4; mouth: delta mean 3. Means not yet in metres.
 */
export function deltasReference(
    name: BranchName,
    layers: Layers,
    audioFeat: ArrayLike<number>,
    exprFeat: ArrayLike<number>,
    spatialFeat: ArrayLike<number>,
): number[] {
    const fused =
        name === 'face'
            ? fuseFace(layers, audioFeat, exprFeat, spatialFeat)
            : fuseMouth(layers, audioFeat, spatialFeat);
    const hidden = rectified(linear(layers, 'mlp1', rectified(linear(layers, 'mlp0', fused))));
    return linear(layers, 'mlp2', hidden);
}

/** Eqs. 6-7 for the mouth: omega = sigmoid(Wg [f'_s ; f'_a]), then [f'_s ; omega * f'_a]. */
function fuseMouth(layers: Layers, audioFeat: ArrayLike<number>, spatialFeat: ArrayLike<number>): number[] {
    const spatial = linear(layers, 'projSpatial', spatialFeat);
    const audio = linear(layers, 'projAudio', audioFeat);
    const gate = linear(layers, 'gate', [...spatial, ...audio]).map(sigmoid);
    return [...spatial, ...audio.map((value, k) => value * (gate[k] as number))];
}

/** Eqs. 8-9 for the face: omega = sigmoid(Wg [f'_a ; f'_e]), then [f_a ; omega * f'_a ; f'_e ; f_s]. */
function fuseFace(
    layers: Layers,
    audioFeat: ArrayLike<number>,
    exprFeat: ArrayLike<number>,
    spatialFeat: ArrayLike<number>,
): number[] {
    const audio = linear(layers, 'projAudio', audioFeat);
    const expression = linear(layers, 'projExpr', exprFeat);
    const gate = linear(layers, 'gate', [...audio, ...expression]).map(sigmoid);
    const gated = audio.map((value, k) => value * (gate[k] as number));
    return [...Array.from(audioFeat), ...gated, ...expression, ...Array.from(spatialFeat)];
}

/**
 * Applies a branch's deltas to its splats: mean + 0.01 delta, log-scale + delta, normalise(normalise(quat) + delta).
 *
 * @param spatialFeatAt - f_s of splat i, or null where it does not move.
 * @returns new arrays; opacity and colour are those of `splats`.
 */
export function deformReference(
    name: BranchName,
    splats: SplatArrays,
    layers: Layers,
    spatialFeatAt: (i: number) => ArrayLike<number> | null,
    audioFeat: ArrayLike<number>,
    exprFeat: ArrayLike<number>,
): SplatArrays & Record<'means' | 'quats' | 'logScales', Float64Array> {
    const means = Float64Array.from(splats.means);
    const quats = Float64Array.from(splats.quats);
    const logScales = Float64Array.from(splats.logScales);
    for (let i = 0; i < splats.count; i++) {
        const spatialFeat = spatialFeatAt(i);
        if (spatialFeat === null) continue;
        const deltas = deltasReference(name, layers, audioFeat, exprFeat, spatialFeat);
        means.set(
            sum(
                row(means, i, 3),
                deltas.slice(0, 3).map((delta) => delta * MEAN_DELTA_SCALE),
            ),
            i * 3,
        );
        if (name === 'mouth') continue;
        logScales.set(sum(row(logScales, i, 3), deltas.slice(3, 6)), i * 3);
        quats.set(normalised(sum(normalised(row(quats, i, 4)), deltas.slice(6, 10))), i * 4);
    }
    return { ...splats, means, quats, logScales };
}

/** {@link deformReference} of a branch of an asset. */
export function deformBranchReference(
    name: BranchName,
    { splats, movingCount, spatialFeat, layers }: BranchAsset,
    audioFeat: ArrayLike<number>,
    exprFeat: ArrayLike<number>,
): ReturnType<typeof deformReference> {
    const featureOf = (i: number): number[] | null => (i < movingCount ? row(spatialFeat, i, SPATIAL_FEAT_DIM) : null);
    return deformReference(name, splats, layers, featureOf, audioFeat, exprFeat);
}

/** A `Conv1x1` of the paper: a linear layer with bias. */
function linear(layers: Layers, name: string, input: ArrayLike<number>): number[] {
    const weight = layers[`${name}.weight`];
    const bias = layers[`${name}.bias`];
    if (!weight || !bias) throw new Error(`reference: layer ${name} is missing`);
    return Array.from(bias, (start, o) => {
        let total = start;
        for (let k = 0; k < input.length; k++) total += (weight[o * input.length + k] as number) * (input[k] as number);
        return total;
    });
}

function rectified(values: readonly number[]): number[] {
    return values.map((value) => Math.max(0, value));
}

function sigmoid(x: number): number {
    return 1 / (1 + Math.exp(-x));
}

function sum(a: readonly number[], b: readonly number[]): number[] {
    return a.map((value, k) => value + (b[k] as number));
}
