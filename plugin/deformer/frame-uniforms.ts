import {
    assertShape,
    AUDIO_FEAT_DIM,
    FACE_HIDDEN_DIM,
    MOUTH_HIDDEN_DIM,
    PROJ_DIM,
    PROJ_EXPR_DIM,
    type BranchAsset,
    type BranchName,
} from '../core/index.js';
import type { SharedActivations } from './deform-pass.js';
import { addColumns, affine, sigmoid } from './linear.js';

/** The parts of Eqs. 6-9 that all splats share in one instant, with the memory to compute the next ones in. */
export interface FrameUniforms extends SharedActivations {
    /** f'_a `[PROJ_DIM]` of the branch at work. */
    readonly projAudio: Float64Array;
    /** f'_e `[PROJ_EXPR_DIM]`. */
    readonly projExpr: Float64Array;
    /** Eq. 8's gate, the same for all splats of the face `[PROJ_DIM]`. */
    readonly faceGate: Float64Array;
    /** Layer 0 of the face before it is rounded `[FACE_HIDDEN_DIM]`. */
    readonly faceSum: Float64Array;
}

/** Uniforms of no instant yet: all zero. */
export function createFrameUniforms(): FrameUniforms {
    return {
        face: { speech: new Float32Array(FACE_HIDDEN_DIM) },
        mouth: { gate: new Float32Array(PROJ_DIM), mix: new Float32Array(MOUTH_HIDDEN_DIM * PROJ_DIM) },
        projAudio: new Float64Array(PROJ_DIM),
        projExpr: new Float64Array(PROJ_EXPR_DIM),
        faceGate: new Float64Array(PROJ_DIM),
        faceSum: new Float64Array(FACE_HIDDEN_DIM),
    };
}

/** What {@link computeFrameUniforms} needs of a baked head. */
export type UniformSource = Readonly<Record<BranchName, { readonly layers: BranchAsset['layers'] }>> & {
    readonly uniforms: FrameUniforms;
};

/**
 * Computes what one instant of speech and expression is to every splat (Eqs. 6-9, refactored). About 15 kMAC, no
 * allocation.
 *
 * @param baked - from `bakeHead`.
 * @param audioFeat - f_a `[AUDIO_FEAT_DIM]`.
 * @param exprFeat - f_e, one value an expression of the asset, 0..1.
 * @returns `baked.uniforms`, overwritten by the next call. Biases of layer 0 and of the mouth's gate are in the baked
 *   features, not here.
 * @throws PgsError `ASSET_SHAPE` - f_a or f_e has another length than the head's layers ask for.
 */
export function computeFrameUniforms(
    baked: UniformSource,
    audioFeat: ArrayLike<number>,
    exprFeat: ArrayLike<number>,
): SharedActivations {
    const numExpressions = (baked.face.layers['projExpr.weight'] as Float32Array).length / PROJ_EXPR_DIM;
    assertShape('ASSET_SHAPE', 'audioFeat', audioFeat, 1, AUDIO_FEAT_DIM, "Pass the answer of the head's own encoder.");
    assertShape('ASSET_SHAPE', 'exprFeat', exprFeat, 1, numExpressions, 'Pass one value an expression of the head.');
    faceUniforms(baked.face.layers, audioFeat, exprFeat, baked.uniforms);
    mouthUniforms(baked.mouth.layers, audioFeat, baked.uniforms);
    return baked.uniforms;
}

/** Face: Eq. 8's gate, then u = W1[:, f_a] f_a + W1[:, f_ae] [gate * f'_a ; f'_e]. */
function faceUniforms(
    layers: BranchAsset['layers'],
    audioFeat: ArrayLike<number>,
    exprFeat: ArrayLike<number>,
    { face, projAudio, projExpr, faceGate, faceSum }: FrameUniforms,
): void {
    const gate = { weight: layers['gate.weight'] as Float32Array, inDim: PROJ_DIM + PROJ_EXPR_DIM };
    const weight = layers['mlp0.weight'] as Float32Array;
    const mlp0 = { weight, inDim: weight.length / FACE_HIDDEN_DIM };
    affine(layers['projAudio.weight'] as Float32Array, layers['projAudio.bias'] as Float32Array, audioFeat, projAudio);
    affine(layers['projExpr.weight'] as Float32Array, layers['projExpr.bias'] as Float32Array, exprFeat, projExpr);
    faceGate.set(layers['gate.bias'] as Float32Array);
    addColumns({ ...gate, first: 0 }, projAudio, faceGate);
    addColumns({ ...gate, first: PROJ_DIM }, projExpr, faceGate);
    for (let k = 0; k < PROJ_DIM; k++) projAudio[k] = (projAudio[k] as number) * sigmoid(faceGate[k] as number);
    faceSum.fill(0);
    addColumns({ ...mlp0, first: 0 }, audioFeat, faceSum);
    addColumns({ ...mlp0, first: AUDIO_FEAT_DIM }, projAudio, faceSum);
    addColumns({ ...mlp0, first: AUDIO_FEAT_DIM + PROJ_DIM }, projExpr, faceSum);
    face.speech.set(faceSum);
}

/** Mouth: g = Wg[:, f'_a] f'_a for Eq. 6 and M = W1[:, gated] diag(f'_a) for Eq. 7, as its gate differs by splat. */
function mouthUniforms(
    layers: BranchAsset['layers'],
    audioFeat: ArrayLike<number>,
    { mouth, projAudio }: FrameUniforms,
): void {
    const weight = layers['mlp0.weight'] as Float32Array;
    affine(layers['projAudio.weight'] as Float32Array, layers['projAudio.bias'] as Float32Array, audioFeat, projAudio);
    mouth.gate.fill(0);
    addColumns(
        { weight: layers['gate.weight'] as Float32Array, inDim: 2 * PROJ_DIM, first: PROJ_DIM },
        projAudio,
        mouth.gate,
    );
    for (let o = 0; o < MOUTH_HIDDEN_DIM; o++) {
        const row = (2 * o + 1) * PROJ_DIM;
        for (let k = 0; k < PROJ_DIM; k++) {
            mouth.mix[o * PROJ_DIM + k] = (weight[row + k] as number) * (projAudio[k] as number);
        }
    }
}
