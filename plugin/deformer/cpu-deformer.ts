import {
    BRANCHES,
    FACE_DELTA_DIM,
    MEAN_DELTA_SCALE,
    PROJ_DIM,
    type BranchAsset,
    type BranchName,
    type HeadAsset,
    type SplatSet,
} from '../core/index.js';
import { bakeHead, type BakedHead } from './bake.js';
import { computeFrameUniforms } from './frame-uniforms.js';
import { sigmoid } from './linear.js';

/** Output rows that share one read of a hidden value. */
const ROWS = 4;

/**
 * Moves the splats of both branches on the CPU, in the form the GPU uses: for tools, tests and machines without WebGPU.
 *
 * Bakes the head once (about 5 kMAC a splat). A call of {@link deform} allocates nothing.
 */
export class CpuDeformer {
    readonly #baked: BakedHead;
    readonly #branches: readonly BranchDeformer[];
    readonly #posed: Record<BranchName, SplatSet>;

    /** @throws PgsError `ASSET_SHAPE` - a layer or f_s does not have the size that the head asks for. */
    public constructor(asset: HeadAsset) {
        const baked = bakeHead(asset);
        const { face, mouth } = asset.branches;
        const faceDeformer = new BranchDeformer('face', face, faceLayer0(baked));
        const mouthDeformer = new BranchDeformer('mouth', mouth, mouthLayer0(baked));
        this.#baked = baked;
        this.#branches = [faceDeformer, mouthDeformer];
        this.#posed = { face: faceDeformer.posed, mouth: mouthDeformer.posed };
    }

    /**
     * Poses the head for one instant (Eqs. 6-9).
     *
     * @param audioFeat - f_a `[AUDIO_FEAT_DIM]`.
     * @param expression - f_e, one value an expression of the asset, 0..1.
     * @returns the posed splats, owned by this object and overwritten by the next call. What does not move (opacity,
     *   colour, splats from `movingCount` on) are the asset's values.
     * @throws PgsError `ASSET_SHAPE` - f_a or f_e has another length than the head's layers ask for.
     */
    public deform(audioFeat: Float32Array, expression: ArrayLike<number>): Record<BranchName, SplatSet> {
        computeFrameUniforms(this.#baked, audioFeat, expression);
        for (const branch of this.#branches) branch.run();
        return this.#posed;
    }
}

/** Fills layer 0's pre-activation of moving splat `i` from the baked features and the instant's uniforms. */
type Layer0 = (i: number, hidden: Float64Array) => void;

/** Face: everything but f_s is the same for all splats. */
function faceLayer0({ face, uniforms }: BakedHead): Layer0 {
    const { features } = face;
    const { speech } = uniforms.face;
    return (i, hidden) => {
        const at = i * hidden.length;
        for (let k = 0; k < hidden.length; k++) hidden[k] = (features[at + k] as number) + (speech[k] as number);
    };
}

/** Mouth: the gate of Eq. 6 is the splat's own. */
function mouthLayer0({ mouth, uniforms }: BakedHead): Layer0 {
    const { features } = mouth;
    const { gate: gateShared, mix } = uniforms.mouth;
    const gate = new Float64Array(PROJ_DIM);
    return (i, hidden) => {
        const at = i * (PROJ_DIM + hidden.length);
        for (let k = 0; k < PROJ_DIM; k++) gate[k] = sigmoid((features[at + k] as number) + (gateShared[k] as number));
        for (let o = 0; o < hidden.length; o++) {
            let sum = features[at + PROJ_DIM + o] as number;
            for (let k = 0; k < PROJ_DIM; k++) sum += (mix[o * PROJ_DIM + k] as number) * (gate[k] as number);
            hidden[o] = sum;
        }
    };
}

/** Layers 1 and 2 and the application of deltas: what both branches have in common. */
class BranchDeformer {
    public readonly posed: SplatSet;
    readonly #rest: SplatSet;
    readonly #movingCount: number;
    readonly #layer0: Layer0;
    readonly #mlp1: RowLayer;
    readonly #mlp2: RowLayer;
    readonly #hidden0: Float64Array;
    readonly #hidden1: Float64Array;
    readonly #deltas: Float64Array;
    readonly #turns: boolean;

    public constructor(name: BranchName, { splats, movingCount, layers }: BranchAsset, layer0: Layer0) {
        const { hiddenDim, deltaDim } = BRANCHES[name];
        this.#rest = splats;
        this.posed = {
            ...splats,
            means: splats.means.slice(),
            quats: splats.quats.slice(),
            logScales: splats.logScales.slice(),
        };
        this.#movingCount = movingCount;
        this.#layer0 = layer0;
        this.#mlp1 = packRows(layers, 'mlp1', hiddenDim);
        this.#mlp2 = packRows(layers, 'mlp2', hiddenDim);
        this.#hidden0 = new Float64Array(hiddenDim);
        this.#hidden1 = new Float64Array(hiddenDim);
        this.#deltas = new Float64Array(this.#mlp2.bias.length);
        this.#turns = deltaDim === FACE_DELTA_DIM;
    }

    /** Poses every moving splat. */
    public run(): void {
        for (let i = 0; i < this.#movingCount; i++) {
            this.#layer0(i, this.#hidden0);
            rectify(this.#hidden0);
            multiplyRows(this.#mlp1, this.#hidden0, this.#hidden1);
            rectify(this.#hidden1);
            multiplyRows(this.#mlp2, this.#hidden1, this.#deltas);
            this.#apply(i);
        }
    }

    #apply(i: number): void {
        const { means, quats, logScales } = this.posed;
        const rest = this.#rest;
        const deltas = this.#deltas;
        for (let k = 0; k < 3; k++) {
            means[i * 3 + k] = (rest.means[i * 3 + k] as number) + MEAN_DELTA_SCALE * (deltas[k] as number);
        }
        if (!this.#turns) return;
        for (let k = 0; k < 3; k++) {
            logScales[i * 3 + k] = (rest.logScales[i * 3 + k] as number) + (deltas[3 + k] as number);
        }
        turn(rest.quats, quats, i * 4, deltas);
    }
}

/** normalise(normalise(quat) + delta), wxyz; deltas 6..9. */
function turn(rest: Float32Array, posed: Float32Array, at: number, deltas: Float64Array): void {
    const inverse = 1 / Math.max(length4(rest[at], rest[at + 1], rest[at + 2], rest[at + 3]), 1e-12);
    const w = (rest[at] as number) * inverse + (deltas[6] as number);
    const x = (rest[at + 1] as number) * inverse + (deltas[7] as number);
    const y = (rest[at + 2] as number) * inverse + (deltas[8] as number);
    const z = (rest[at + 3] as number) * inverse + (deltas[9] as number);
    const scale = 1 / Math.max(length4(w, x, y, z), 1e-12);
    posed[at] = w * scale;
    posed[at + 1] = x * scale;
    posed[at + 2] = y * scale;
    posed[at + 3] = z * scale;
}

function length4(w = 0, x = 0, y = 0, z = 0): number {
    return Math.sqrt(w * w + x * x + y * y + z * z);
}

/** A layer with {@link ROWS} output rows interleaved, rows padded with zeros: `weight[(block * inDim + k) * ROWS + row]`. */
interface RowLayer {
    readonly weight: Float64Array;
    readonly bias: Float64Array;
}

function packRows(layers: BranchAsset['layers'], name: string, inDim: number): RowLayer {
    const source = layers[`${name}.weight`] as Float32Array;
    const sourceBias = layers[`${name}.bias`] as Float32Array;
    const outDim = sourceBias.length;
    const padded = Math.ceil(outDim / ROWS) * ROWS;
    const weight = new Float64Array(padded * inDim);
    const bias = new Float64Array(padded);
    bias.set(sourceBias);
    for (let o = 0; o < outDim; o++) {
        const block = Math.floor(o / ROWS) * inDim;
        for (let k = 0; k < inDim; k++) weight[(block + k) * ROWS + (o % ROWS)] = source[o * inDim + k] as number;
    }
    return { weight, bias };
}

/** The inner loop of the deformation: four sums at a time, so that a hidden value is read once for four products. */
function multiplyRows({ weight, bias }: RowLayer, input: Float64Array, out: Float64Array): void {
    const inDim = input.length;
    let at = 0;
    for (let o = 0; o < out.length; o += ROWS) {
        let s0 = bias[o] as number;
        let s1 = bias[o + 1] as number;
        let s2 = bias[o + 2] as number;
        let s3 = bias[o + 3] as number;
        for (let k = 0; k < inDim; k++, at += ROWS) {
            const value = input[k] as number;
            s0 += (weight[at] as number) * value;
            s1 += (weight[at + 1] as number) * value;
            s2 += (weight[at + 2] as number) * value;
            s3 += (weight[at + 3] as number) * value;
        }
        out[o] = s0;
        out[o + 1] = s1;
        out[o + 2] = s2;
        out[o + 3] = s3;
    }
}

function rectify(values: Float64Array): void {
    for (let k = 0; k < values.length; k++) if (!((values[k] as number) > 0)) values[k] = 0;
}
