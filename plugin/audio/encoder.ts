import { AUDIO_FEAT_DIM, MEL_BANDS, PgsError, WINDOW_FRAMES, type AudioFrontEnd } from '../core/index.js';
import { FRONT_END_KEY } from './onnx-format.js';
import { readOnnxChain, type OnnxChain, type OnnxLayer } from './onnx-read.js';
import { WINDOW_SIZE } from './windows.js';

/** Anything that turns windows of speech features into f_a. */
export interface AudioEncoder {
    /**
     * @param windows - `[count, MEL_BANDS, WINDOW_FRAMES]`, see `windowOf`.
     * @param out - `[count, AUDIO_FEAT_DIM]`, written whole. May resolve later.
     */
    encode(windows: Float32Array, count: number, out: Float32Array): void | Promise<void>;
}

/** Wider nets belong to onnxruntime-web; also keeps a hostile file from asking for much memory. */
const MAX_VALUES = 1 << 20;

/**
 * Runs a small convolutional encoder in plain TypeScript: no WASM, no start-up cost, about 0.1 ms a window.
 *
 * Sums are in double, stored as float32; the result agrees with onnxruntime-web to 1e-6. Allocates nothing per call.
 */
export class TsEncoder implements AudioEncoder {
    /** The front end that the file declares, unchecked; null where it declares none. */
    public readonly frontEnd: AudioFrontEnd | null;
    private readonly steps: readonly Step[];
    private front: Float32Array;
    private back: Float32Array;
    /** Padded input columns of one output step, and the same for a whole linear layer. */
    private readonly patch: Float64Array;

    private constructor(chain: OnnxChain, sizes: ChainSizes) {
        this.steps = chain.layers.map((layer) => ({
            layer,
            packed: layer.op === 'conv' || layer.op === 'linear' ? pack(layer) : null,
        }));
        this.frontEnd = parseFrontEnd(chain.metadata[FRONT_END_KEY]);
        this.front = new Float32Array(sizes.values);
        this.back = new Float32Array(sizes.values);
        this.patch = new Float64Array(sizes.patch);
    }

    /**
     * Reads an encoder from an ONNX file.
     *
     * @throws PgsError `ENCODER_UNSUPPORTED` - not a chain of the supported operators, or not
     *   [N, MEL_BANDS, WINDOW_FRAMES] to [N, AUDIO_FEAT_DIM].
     */
    public static fromOnnx(bytes: Uint8Array): TsEncoder {
        const chain = readOnnxChain(bytes);
        const declared = chain.inputShape.join(' x ');
        if (declared !== `${MEL_BANDS} x ${WINDOW_FRAMES}`)
            throw refuse(`an input of ${MEL_BANDS} x ${WINDOW_FRAMES}`, declared);
        return new TsEncoder(chain, checkSizes(chain.layers));
    }

    /** @throws PgsError `AUDIO_FORMAT` - an array is too short for `count` windows. */
    public encode(windows: Float32Array, count: number, out: Float32Array): void {
        if (windows.length < count * WINDOW_SIZE || out.length < count * AUDIO_FEAT_DIM) {
            throw new PgsError(
                'AUDIO_FORMAT',
                `TsEncoder.encode: expected ${count * WINDOW_SIZE} inputs and ${count * AUDIO_FEAT_DIM} outputs for ${count} windows, ` +
                    `got ${windows.length} and ${out.length}. Size the arrays by WINDOW_SIZE and AUDIO_FEAT_DIM.`,
            );
        }
        for (let n = 0; n < count; n++) {
            this.front.set(windows.subarray(n * WINDOW_SIZE, (n + 1) * WINDOW_SIZE));
            let values = WINDOW_SIZE;
            let time = WINDOW_FRAMES;
            for (const { layer, packed } of this.steps) {
                if (layer.op === 'leaky') leaky(this.front, values, layer.slope);
                else if (layer.op === 'flatten') time = 1;
                else if (packed !== null) {
                    const timeOut = layer.op === 'conv' ? convSteps(layer, time) : 1;
                    this.apply(layer, packed, time, timeOut);
                    values = layer.outDim * timeOut;
                    time = timeOut;
                }
            }
            out.set(this.front.subarray(0, AUDIO_FEAT_DIM), n * AUDIO_FEAT_DIM);
        }
    }

    /** A convolution, or a linear layer as a convolution of kernel 1 over one time step; swaps the buffers. */
    private apply(
        layer: Extract<OnnxLayer, { op: 'conv' | 'linear' }>,
        packed: PackedLayer,
        time: number,
        timeOut: number,
    ): void {
        const { front, back, patch } = this;
        const kernel = layer.op === 'conv' ? layer.kernel : 1;
        for (let t = 0; t < timeOut; t++) {
            const first = layer.op === 'conv' ? t * layer.stride - layer.pad : 0;
            for (let c = 0, at = 0; c < layer.inDim; c++) {
                for (let j = first; j < first + kernel; j++, at++) {
                    patch[at] = j >= 0 && j < time ? (front[c * time + j] as number) : 0;
                }
            }
            multiply(packed, patch, back, t, timeOut);
        }
        this.front = back;
        this.back = front;
    }
}

interface Step {
    readonly layer: OnnxLayer;
    readonly packed: PackedLayer | null;
}

/** A layer's parameters in the order in which `multiply` reads them: blocks of eight rows, input by input, in double. */
interface PackedLayer {
    readonly weight: Float64Array;
    readonly bias: Float64Array;
    readonly rows: number;
    readonly length: number;
}

function pack({ weight, bias }: { weight: Float32Array; bias: Float32Array }): PackedLayer {
    const rows = bias.length;
    const length = weight.length / rows;
    const blocks = Math.ceil(rows / 8);
    const packed = { weight: new Float64Array(8 * blocks * length), bias: new Float64Array(8 * blocks), rows, length };
    packed.bias.set(bias);
    for (let o = 0; o < rows; o++) {
        const block = 8 * length * (o >> 3) + (o & 7);
        for (let i = 0; i < length; i++) packed.weight[block + 8 * i] = weight[o * length + i] as number;
    }
    return packed;
}

/** back[o * stride + offset] = bias[o] + weight[o] . patch; eight rows share each load of the patch. */
function multiply(
    { weight, bias, rows, length }: PackedLayer,
    patch: Float64Array,
    back: Float32Array,
    offset: number,
    stride: number,
): void {
    for (let o = 0, w = 0; o < rows; o += 8) {
        let a = bias[o] as number;
        let b = bias[o + 1] as number;
        let c = bias[o + 2] as number;
        let d = bias[o + 3] as number;
        let e = bias[o + 4] as number;
        let f = bias[o + 5] as number;
        let g = bias[o + 6] as number;
        let h = bias[o + 7] as number;
        for (let i = 0; i < length; i++, w += 8) {
            const x = patch[i] as number;
            a += x * (weight[w] as number);
            b += x * (weight[w + 1] as number);
            c += x * (weight[w + 2] as number);
            d += x * (weight[w + 3] as number);
            e += x * (weight[w + 4] as number);
            f += x * (weight[w + 5] as number);
            g += x * (weight[w + 6] as number);
            h += x * (weight[w + 7] as number);
        }
        const sums = [a, b, c, d, e, f, g, h];
        for (let k = 0; k < 8 && o + k < rows; k++) back[(o + k) * stride + offset] = sums[k] as number;
    }
}

function leaky(values: Float32Array, count: number, slope: number): void {
    for (let i = 0; i < count; i++) {
        const value = values[i] as number;
        if (value < 0) values[i] = slope * value;
    }
}

function convSteps(layer: { kernel: number; stride: number; pad: number }, steps: number): number {
    return Math.floor((steps + 2 * layer.pad - layer.kernel) / layer.stride) + 1;
}

interface ChainSizes {
    /** Most values between two layers. */
    readonly values: number;
    readonly patch: number;
}

/** Follows the shapes through the chain, so that `encode` cannot read or write outside its buffers. */
function checkSizes(layers: readonly OnnxLayer[]): ChainSizes {
    let channels = MEL_BANDS;
    let steps = WINDOW_FRAMES;
    let isFlat = false;
    let values = channels * steps;
    let patch = 0;
    for (const layer of layers) {
        if (layer.op === 'leaky') continue;
        if (layer.op === 'flatten') {
            [channels, steps, isFlat] = [channels * steps, 1, true];
            continue;
        }
        if (layer.inDim !== channels) throw refuse(`a layer with ${channels} inputs`, `${layer.inDim}`);
        if ((layer.op === 'linear') !== isFlat)
            throw refuse('Flatten between the convolutions and the linear layers', layer.op);
        if (layer.op === 'conv') steps = convSteps(layer, steps);
        if (steps < 1) throw refuse('at least one time step after every convolution', `${steps}`);
        channels = layer.outDim;
        patch = Math.max(patch, layer.inDim * (layer.op === 'conv' ? layer.kernel : 1));
        values = Math.max(values, channels * steps);
    }
    if (values > MAX_VALUES || patch > MAX_VALUES)
        throw refuse(`at most ${MAX_VALUES} values in a layer`, `${Math.max(values, patch)}`);
    if (!isFlat || channels !== AUDIO_FEAT_DIM)
        throw refuse(`${AUDIO_FEAT_DIM} outputs`, `${isFlat ? channels : `${channels} x ${steps}`}`);
    return { values, patch };
}

function parseFrontEnd(json: string | undefined): AudioFrontEnd | null {
    if (json === undefined) return null;
    try {
        const value: unknown = JSON.parse(json);
        return typeof value === 'object' && value !== null ? (value as AudioFrontEnd) : null;
    } catch {
        return null;
    }
}

function refuse(expected: string, got: string): PgsError {
    return new PgsError(
        'ENCODER_UNSUPPORTED',
        `audio encoder: expected ${expected}, got ${got}. Export the head again.`,
    );
}
