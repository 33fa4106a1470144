import {
    AUDIO_FEAT_DIM,
    FACE_DELTA_DIM,
    FACE_HIDDEN_DIM,
    MOUTH_DELTA_DIM,
    MOUTH_HIDDEN_DIM,
    PROJ_DIM,
    PROJ_EXPR_DIM,
    SPATIAL_FEAT_DIM,
} from './constants.js';

/** The two branches of the method. Everything that differs between them is a row of {@link BRANCHES}. */
export type BranchName = 'face' | 'mouth';

/** Draw order of Eq. 10, front first: all of the face precedes all of the mouth. Also the branch index used natively. */
export const BRANCH_NAMES: readonly BranchName[] = ['face', 'mouth'];

/** Shape of a network tensor, row-major; a linear layer is `[out, in]`. */
export interface TensorSpec {
    readonly name: string;
    readonly shape: readonly number[];
}

/** What a branch is made of: one row a branch, never a code path. */
export interface BranchSpec {
    readonly name: BranchName;
    /** Values the MLP predicts per splat. */
    readonly deltaDim: number;
    /** Hidden width of the MLP; also the width of the baked first-layer pre-activation. */
    readonly hiddenDim: number;
    /** The layers of Eqs. 6-9 in the order in which they are stored. */
    layers(numExpressions: number): readonly TensorSpec[];
}

function linear(name: string, outDim: number, inDim: number): TensorSpec[] {
    return [
        { name: `${name}.weight`, shape: [outDim, inDim] },
        { name: `${name}.bias`, shape: [outDim] },
    ];
}

/** The branch table. Input columns of a concatenating layer are in the order that the equation prints. */
export const BRANCHES: Readonly<Record<BranchName, BranchSpec>> = {
    face: {
        name: 'face',
        deltaDim: FACE_DELTA_DIM,
        hiddenDim: FACE_HIDDEN_DIM,
        layers: (numExpressions) => [
            ...linear('projAudio', PROJ_DIM, AUDIO_FEAT_DIM),
            ...linear('projExpr', PROJ_EXPR_DIM, numExpressions),
            // Eq. 8 gate over [f'_a ; f'_e].
            ...linear('gate', PROJ_DIM, PROJ_DIM + PROJ_EXPR_DIM),
            // Eq. 9 over [f_a ; gate * f'_a ; f'_e ; f_s].
            ...linear('mlp0', FACE_HIDDEN_DIM, AUDIO_FEAT_DIM + PROJ_DIM + PROJ_EXPR_DIM + SPATIAL_FEAT_DIM),
            ...linear('mlp1', FACE_HIDDEN_DIM, FACE_HIDDEN_DIM),
            ...linear('mlp2', FACE_DELTA_DIM, FACE_HIDDEN_DIM),
        ],
    },
    mouth: {
        name: 'mouth',
        deltaDim: MOUTH_DELTA_DIM,
        hiddenDim: MOUTH_HIDDEN_DIM,
        layers: () => [
            ...linear('projSpatial', PROJ_DIM, SPATIAL_FEAT_DIM),
            ...linear('projAudio', PROJ_DIM, AUDIO_FEAT_DIM),
            // Eq. 6 gate over [f'_s ; f'_a].
            ...linear('gate', PROJ_DIM, PROJ_DIM + PROJ_DIM),
            // Eq. 7 over [f'_s ; gate * f'_a].
            ...linear('mlp0', MOUTH_HIDDEN_DIM, PROJ_DIM + PROJ_DIM),
            ...linear('mlp1', MOUTH_HIDDEN_DIM, MOUTH_HIDDEN_DIM),
            ...linear('mlp2', MOUTH_DELTA_DIM, MOUTH_HIDDEN_DIM),
        ],
    },
};

/** Number of values in a tensor of this shape. */
export function tensorSize(spec: TensorSpec): number {
    return spec.shape.reduce((product, dim) => product * dim, 1);
}
