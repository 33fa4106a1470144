import { ONNX, WIRE } from '../../plugin/audio/onnx-format.js';
import { AUDIO_FEAT_DIM, MEL_BANDS, WINDOW_FRAMES } from '../../plugin/core/index.js';
import { noise } from './sounds.js';

/** Columns that the attention pools the window into. */
const HEADS = 8;

/** How a test's encoder differs from one that keeps the contract. */
export interface AttentionOptions {
    /** A name is a free size. */
    readonly batch?: number | string;
    readonly outputBatch?: number | string;
    readonly melBands?: number;
    /** Outputs of the last layer, as the file both declares and computes. */
    readonly outDim?: number;
    /** One weight is NaN. */
    readonly isPoisoned?: boolean;
    /** A second output, the attention. */
    readonly isTwofold?: boolean;
    /** Declares its input as float16 and casts it. */
    readonly isHalf?: boolean;
    readonly metadata?: Readonly<Record<string, string>>;
}

/** The tensors of the test's encoder, seeded. */
export interface AttentionWeights {
    readonly keys: Float32Array;
    readonly weight: Float32Array;
    readonly bias: Float32Array;
    readonly mix: Float32Array;
}

/**
 * An encoder that is no chain: A = softmax(X K) over K's columns, P = X^T A, h = W vec(P) + b, f_a = h + h M. X is a
 * window; the sum with h is the residual.
 */
export function attentionOnnx(weights: AttentionWeights, options: AttentionOptions = {}): Uint8Array {
    const { batch = 'N', outputBatch = batch, melBands = MEL_BANDS, outDim = AUDIO_FEAT_DIM } = options;
    const pooled = WINDOW_FRAMES * HEADS;
    const weight = weights.weight.slice();
    if (options.isPoisoned === true) weight[5] = Number.NaN;
    const half = [message(ONNX.graph.node, node('Cast', ['windows'], 'x', [int('to', FLOAT)]))];
    const x = options.isHalf === true ? 'x' : 'windows';
    const graph = [
        ...(options.isHalf === true ? half : []),
        message(ONNX.graph.node, node('MatMul', [x, 'keys'], 'scores')),
        message(ONNX.graph.node, node('Softmax', ['scores'], 'attention', [int('axis', 2)])),
        message(ONNX.graph.node, node('Transpose', [x], 'columns', [ints('perm', [0, 2, 1])])),
        message(ONNX.graph.node, node('MatMul', ['columns', 'attention'], 'pooled')),
        message(ONNX.graph.node, node('Flatten', ['pooled'], 'flat', [int('axis', 1)])),
        message(ONNX.graph.node, node('Gemm', ['flat', 'weight', 'bias'], 'hidden', [int('transB', 1)])),
        message(ONNX.graph.node, node('MatMul', ['hidden', 'mix'], 'mixed')),
        message(ONNX.graph.node, node('Add', ['hidden', 'mixed'], 'audioFeat')),
        text(ONNX.graph.name, 'attention'),
        tensor('keys', [WINDOW_FRAMES, HEADS], weights.keys),
        tensor('weight', [outDim, pooled], weight),
        tensor('bias', [outDim], weights.bias),
        tensor('mix', [outDim, outDim], weights.mix),
        value(ONNX.graph.input, 'windows', options.isHalf === true ? FLOAT16 : FLOAT, [batch, melBands, WINDOW_FRAMES]),
        value(ONNX.graph.output, 'audioFeat', FLOAT, [outputBatch, outDim]),
        ...(options.isTwofold === true
            ? [value(ONNX.graph.output, 'attention', FLOAT, [outputBatch, melBands, HEADS])]
            : []),
    ];
    return concat([
        integer(ONNX.model.irVersion, 8),
        message(ONNX.model.graph, graph),
        message(ONNX.model.opsetImport, [text(ONNX.opset.domain, ''), integer(ONNX.opset.version, 17)]),
        ...Object.entries(options.metadata ?? {}).map(([key, entry]) =>
            message(ONNX.model.metadata, [text(ONNX.metadata.key, key), text(ONNX.metadata.value, entry)]),
        ),
    ]);
}

export function attentionWeights(seed: number, outDim: number = AUDIO_FEAT_DIM): AttentionWeights {
    return {
        keys: noise(WINDOW_FRAMES * HEADS, 0.3, seed),
        weight: noise(outDim * WINDOW_FRAMES * HEADS, 0.01, seed + 1),
        bias: noise(outDim, 0.1, seed + 2),
        mix: noise(outDim * outDim, 0.1, seed + 3),
    };
}

/** {@link attentionOnnx} of one window in float64, as its definition reads. */
export function attentionReference({ keys, weight, bias, mix }: AttentionWeights, window: Float32Array): Float64Array {
    const at = (array: Float32Array | Float64Array, i: number): number => array[i] as number;
    const pooled = new Float64Array(WINDOW_FRAMES * HEADS);
    for (let c = 0; c < MEL_BANDS; c++) {
        const scores = Array.from({ length: HEADS }, (_, h) => {
            let sum = 0;
            for (let t = 0; t < WINDOW_FRAMES; t++) sum += at(window, c * WINDOW_FRAMES + t) * at(keys, t * HEADS + h);
            return Math.exp(sum);
        });
        const total = scores.reduce((sum, score) => sum + score, 0);
        for (let t = 0; t < WINDOW_FRAMES; t++)
            for (let h = 0; h < HEADS; h++)
                pooled[t * HEADS + h] =
                    at(pooled, t * HEADS + h) + (at(window, c * WINDOW_FRAMES + t) * (scores[h] as number)) / total;
    }
    const hidden = Float64Array.from(bias, (start, o) =>
        pooled.reduce((sum, x, i) => sum + x * at(weight, o * pooled.length + i), start),
    );
    return hidden.map((h, o) => hidden.reduce((sum, x, i) => sum + x * at(mix, i * hidden.length + o), h));
}

const FLOAT = ONNX.dataType.float;
const FLOAT16 = 10;

function node(op: string, inputs: readonly string[], output: string, attributes: Uint8Array[] = []): Uint8Array[] {
    const f = ONNX.node;
    return [
        ...inputs.map((input) => text(f.input, input)),
        text(f.output, output),
        text(f.opType, op),
        ...attributes.map((attribute) => bytes(f.attribute, attribute)),
    ];
}

function int(name: string, number: number): Uint8Array {
    const f = ONNX.attribute;
    return concat([text(f.name, name), integer(f.i, number), integer(f.type, ONNX.attributeType.int)]);
}

function ints(name: string, numbers: readonly number[]): Uint8Array {
    const f = ONNX.attribute;
    return concat([
        text(f.name, name),
        ...numbers.map((number) => integer(f.ints, number)),
        integer(f.type, ONNX.attributeType.ints),
    ]);
}

function tensor(name: string, dims: readonly number[], values: Float32Array): Uint8Array {
    const f = ONNX.tensor;
    return message(ONNX.graph.initializer, [
        ...dims.map((dim) => integer(f.dims, dim)),
        integer(f.dataType, FLOAT),
        text(f.name, name),
        bytes(f.rawData, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    ]);
}

function value(field: number, name: string, type: number, dims: readonly (number | string)[]): Uint8Array {
    const shape = dims.map((dim) =>
        message(ONNX.shape.dim, [typeof dim === 'string' ? text(ONNX.dim.param, dim) : integer(ONNX.dim.value, dim)]),
    );
    const tensorType = [integer(ONNX.tensorType.elemType, type), message(ONNX.tensorType.shape, shape)];
    const info = [
        text(ONNX.valueInfo.name, name),
        message(ONNX.valueInfo.type, [message(ONNX.type.tensor, tensorType)]),
    ];
    return message(field, info);
}

function varint(number: number): number[] {
    return number < 128 ? [number] : [(number % 128) + 128, ...varint(Math.floor(number / 128))];
}

function integer(field: number, number: number): Uint8Array {
    return Uint8Array.from([...varint(field * 8 + WIRE.varint), ...varint(number)]);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
    return concat([Uint8Array.from([...varint(field * 8 + WIRE.bytes), ...varint(content.length)]), content]);
}

function text(field: number, content: string): Uint8Array {
    return bytes(field, new TextEncoder().encode(content));
}

function message(field: number, parts: readonly Uint8Array[]): Uint8Array {
    return bytes(field, concat(parts));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
    return Uint8Array.from(parts.flatMap((part) => [...part]));
}
