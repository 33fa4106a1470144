import {
    AUDIO_FEAT_DIM,
    BRANCH_NAMES,
    BRANCHES,
    FACE_HIDDEN_DIM,
    MOUTH_HIDDEN_DIM,
    PgsError,
    PROJ_DIM,
    PROJ_EXPR_DIM,
    SPATIAL_FEAT_DIM,
    tensorSize,
    type BranchAsset,
    type BranchName,
    type HeadAsset,
} from '../core/index.js';
import { createFrameUniforms, type FrameUniforms } from './frame-uniforms.js';
import { addColumns, affine } from './linear.js';

/** First column of f_s in layer 0 of the face: after f_a, the gated f'_a and f'_e (Eq. 9). */
const FACE_SPATIAL_COLUMN = AUDIO_FEAT_DIM + PROJ_DIM + PROJ_EXPR_DIM;

/** A branch with everything computed that depends on its canonical splats only. */
export interface BakedBranch {
    readonly layers: BranchAsset['layers'];
    /**
     * Pre-activations of the moving splats `[movingCount, 64]`, biases included. Face: layer 0's answer to f_s. Mouth: the
     * gate's and layer 0's answers to f'_s, 32 values each.
     */
    readonly features: Float32Array;
}

/** Both branches, baked. Per-asset work: made once at load. */
export type BakedHead = Readonly<Record<BranchName, BakedBranch>> & {
    /** Where `computeFrameUniforms` leaves its answer; the next call overwrites it. */
    readonly uniforms: FrameUniforms;
};

/**
 * Bakes a head: the exact refactoring of Eqs. 6-9 by which f_s is met once a head instead of once a frame.
 *
 * Costs about 5 kMAC a moving splat and 256 bytes of memory each.
 *
 * @throws PgsError `ASSET_SHAPE` - a layer is missing or has another size, or f_s does not fit the moving splats.
 */
export function bakeHead(asset: HeadAsset): BakedHead {
    const numExpressions = asset.expression.names.length;
    for (const name of BRANCH_NAMES) checkBranch(name, asset.branches[name], numExpressions);
    return {
        face: bakeBranch(asset.branches.face, 'face'),
        mouth: bakeBranch(asset.branches.mouth, 'mouth'),
        uniforms: createFrameUniforms(),
    };
}

/** Bakes one branch; its layers must be complete. */
export function bakeBranch(branch: BranchAsset, name: BranchName): BakedBranch {
    const { layers, movingCount, spatialFeat } = branch;
    const bakeSplat = name === 'face' ? faceBaker(layers) : mouthBaker(layers);
    const width = name === 'face' ? FACE_HIDDEN_DIM : PROJ_DIM + MOUTH_HIDDEN_DIM;
    const features = new Float32Array(movingCount * width);
    for (let i = 0; i < movingCount; i++) {
        bakeSplat(
            spatialFeat.subarray(i * SPATIAL_FEAT_DIM, (i + 1) * SPATIAL_FEAT_DIM),
            features.subarray(i * width, (i + 1) * width),
        );
    }
    return { layers, features };
}

type SplatBaker = (spatialFeat: Float32Array, out: Float32Array) => void;

/** Eq. 9's layer 0 over f_s: h = W1[:, f_s] f_s + b1. */
function faceBaker(layers: BranchAsset['layers']): SplatBaker {
    const weight = layers['mlp0.weight'] as Float32Array;
    const bias = layers['mlp0.bias'] as Float32Array;
    const columns = { weight, inDim: weight.length / FACE_HIDDEN_DIM, first: FACE_SPATIAL_COLUMN };
    return (spatialFeat, out) => {
        out.set(bias);
        addColumns(columns, spatialFeat, out);
    };
}

/** Eq. 6's gate and Eq. 7's layer 0 over f'_s = Ws f_s + bs: g = Wg[:, f'_s] f'_s + bg, then h = W1[:, f'_s] f'_s + b1. */
function mouthBaker(layers: BranchAsset['layers']): SplatBaker {
    const gate = { weight: layers['gate.weight'] as Float32Array, inDim: 2 * PROJ_DIM, first: 0 };
    const hidden = { weight: layers['mlp0.weight'] as Float32Array, inDim: 2 * PROJ_DIM, first: 0 };
    // Float64: rounding f'_s here would be seen twice.
    const projected = new Float64Array(PROJ_DIM);
    return (spatialFeat, out) => {
        affine(
            layers['projSpatial.weight'] as Float32Array,
            layers['projSpatial.bias'] as Float32Array,
            spatialFeat,
            projected,
        );
        out.set(layers['gate.bias'] as Float32Array);
        out.set(layers['mlp0.bias'] as Float32Array, PROJ_DIM);
        addColumns(gate, projected, out.subarray(0, PROJ_DIM));
        addColumns(hidden, projected, out.subarray(PROJ_DIM));
    };
}

function checkBranch(name: BranchName, branch: BranchAsset, numExpressions: number): void {
    const fail = (field: string, expected: number, got: number | undefined): never => {
        throw new PgsError(
            'ASSET_SHAPE',
            `${name} ${field}: expected ${expected} values, got ${got ?? 'none'}. Export the head again.`,
        );
    };
    for (const spec of BRANCHES[name].layers(numExpressions)) {
        const length = branch.layers[spec.name]?.length;
        if (length !== tensorSize(spec)) fail(`layer "${spec.name}"`, tensorSize(spec), length);
    }
    const expected = branch.movingCount * SPATIAL_FEAT_DIM;
    if (branch.spatialFeat.length !== expected) fail('spatialFeat', expected, branch.spatialFeat.length);
}
