import {
    BRANCH_NAMES,
    FACE_DELTA_DIM,
    FACE_HIDDEN_DIM,
    MEAN_DELTA_SCALE,
    MOUTH_DELTA_DIM,
    MOUTH_HIDDEN_DIM,
    PgsError,
    POSED_SPLAT,
    type BranchAsset,
    type BranchName,
} from '../core/index.js';
import { packHalves } from '../compute/index.js';

/** Floats of a `CanonicalSplat` and of a `PosedSplat`; both are mean, opacity, 3 sizes, a gap, quat. */
const RECORD_FLOATS = POSED_SPLAT.size / 4;
const TILE = 4;
/** Values of a baked pre-activation in a plane. */
const PLANE_VALUES = 4;
/** Baked values per moving splat in both branches: face 64 hidden; mouth 32 gate, 32 hidden. */
export const BAKED_VALUES = 64;

type Branches = Readonly<Record<BranchName, BranchAsset>>;

/** Splats of both branches as they lie on the GPU: all of the face, then all of the mouth. */
export function totalSplats(branches: Branches): number {
    return BRANCH_NAMES.reduce((total, name) => total + branches[name].splats.count, 0);
}

/**
 * All splats at rest as GPU records.
 *
 * @param form - `canonical`: ln sizes, what the deformation adds to. `posed`: sizes in metres, what the draw reads. Unit
 *   quaternions in both.
 * @returns `CanonicalSplat[N]` or `PosedSplat[N]`.
 */
export function packSplats(branches: Branches, form: 'canonical' | 'posed'): Float32Array<ArrayBuffer> {
    const records = new Float32Array(totalSplats(branches) * RECORD_FLOATS);
    let at = 0;
    for (const name of BRANCH_NAMES) {
        const { splats } = branches[name];
        for (let i = 0; i < splats.count; i++, at += RECORD_FLOATS) {
            records.set(splats.means.subarray(i * 3, i * 3 + 3), at);
            records[at + 3] = 1 / (1 + Math.exp(-(splats.logitOpacities[i] as number)));
            records.set(splats.logScales.subarray(i * 3, i * 3 + 3), at + 4);
            records.set(splats.quats.subarray(i * 4, i * 4 + 4), at + 8);
            normaliseQuat(records, at + 8);
            if (form === 'posed') for (let k = 4; k < 7; k++) records[at + k] = Math.exp(records[at + k] as number);
        }
    }
    return records;
}

function normaliseQuat(records: Float32Array, at: number): void {
    let square = 0;
    for (let k = 0; k < 4; k++) square += (records[at + k] as number) ** 2;
    const scale = 1 / Math.max(Math.sqrt(square), 1e-12);
    for (let k = 0; k < 4; k++) records[at + k] = (records[at + k] as number) * scale;
}

/**
 * A linear layer as 4x4 column-major tiles, so that WGSL multiplies `mat4x4f * vec4f`. Missing rows are zero.
 *
 * @param weight - `[outDim, inDim]` row-major; `inDim` a multiple of 4.
 * @param order - tiles of one output row together, or of one input column together.
 * @param tiles - receives the tiles from index 0; default a new array.
 */
export function tileLayer(
    weight: ArrayLike<number>,
    outDim: number,
    inDim: number,
    order: 'output-major' | 'input-major',
    tiles: Float32Array = new Float32Array(Math.ceil(outDim / TILE) * TILE * inDim),
): Float32Array {
    const outTiles = Math.ceil(outDim / TILE);
    const inTiles = inDim / TILE;
    for (let out = 0; out < outDim; out++) {
        for (let column = 0; column < inDim; column++) {
            const j = Math.floor(out / TILE);
            const k = Math.floor(column / TILE);
            const tile = order === 'output-major' ? j * inTiles + k : k * outTiles + j;
            tiles[tile * 16 + (column % TILE) * TILE + (out % TILE)] = weight[out * inDim + column] as number;
        }
    }
    return tiles;
}

/** Layers 1 and 2 of a branch as the `FaceWeights` or `MouthWeights` record; rows that move means are in metres. */
export function packWeights(name: BranchName, layers: BranchAsset['layers']): Float32Array {
    const hidden = name === 'face' ? FACE_HIDDEN_DIM : MOUTH_HIDDEN_DIM;
    const deltas = name === 'face' ? FACE_DELTA_DIM : MOUTH_DELTA_DIM;
    const output = Float32Array.from(layer(layers, 'mlp2.weight'));
    const outputBias = new Float32Array(Math.ceil(deltas / TILE) * TILE);
    outputBias.set(layer(layers, 'mlp2.bias'));
    for (let k = 0; k < 3 * hidden; k++) output[k] = (output[k] as number) * MEAN_DELTA_SCALE;
    for (let k = 0; k < 3; k++) outputBias[k] = (outputBias[k] as number) * MEAN_DELTA_SCALE;
    return concat([
        tileLayer(layer(layers, 'mlp1.weight'), hidden, hidden, 'output-major'),
        layer(layers, 'mlp1.bias'),
        tileLayer(output, deltas, hidden, 'input-major'),
        outputBias,
    ]);
}

/**
 * Baked pre-activations as planes of four values: `[16, movingCount, 4]`.
 *
 * @param baked - `[movingCount, 64]`.
 * @param precision - `f16` halves the bytes for a relative rms error of 1.4e-4 (measured in the offsets).
 */
export function packFeatures(baked: Float32Array, movingCount: number, precision: 'f32' | 'f16'): ArrayBufferView {
    const planes = BAKED_VALUES / PLANE_VALUES;
    const values = new Float32Array(planes * movingCount * PLANE_VALUES);
    for (let i = 0; i < movingCount; i++) {
        for (let plane = 0; plane < planes; plane++) {
            for (let lane = 0; lane < PLANE_VALUES; lane++) {
                const value = baked[i * BAKED_VALUES + plane * PLANE_VALUES + lane] as number;
                values[(plane * movingCount + i) * PLANE_VALUES + lane] = value;
            }
        }
    }
    return precision === 'f32' ? values : packHalves(values);
}

function layer(layers: BranchAsset['layers'], name: string): Float32Array {
    const values = layers[name];
    if (values) return values;
    throw new PgsError('ASSET_SHAPE', `deformer: expected a layer "${name}", got none. Export the head again.`);
}

function concat(parts: readonly Float32Array[]): Float32Array {
    const joined = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
        joined.set(part, at);
        at += part.length;
    }
    return joined;
}
