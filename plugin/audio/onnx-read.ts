import { PgsError, assertFinite } from '../core/index.js';
import { ONNX } from './onnx-format.js';
import { protoFields, protoIntegers, protoText, type ProtoField } from './proto-reader.js';

/** One step of a read network; tensors are copies, row-major. */
export type OnnxLayer =
    | {
          readonly op: 'conv';
          readonly outDim: number;
          readonly inDim: number;
          readonly kernel: number;
          readonly stride: number;
          readonly pad: number;
          readonly weight: Float32Array;
          readonly bias: Float32Array;
      }
    | {
          readonly op: 'linear';
          readonly outDim: number;
          readonly inDim: number;
          readonly weight: Float32Array;
          readonly bias: Float32Array;
      }
    | { readonly op: 'leaky'; readonly slope: number }
    | { readonly op: 'flatten' };

/** A chain of layers with the shapes that its file declares, and its metadata. */
export interface OnnxChain {
    /** Input `[channels, steps]` without the batch. */
    readonly inputShape: readonly number[];
    readonly outputShape: readonly number[];
    readonly layers: readonly OnnxLayer[];
    readonly metadata: Readonly<Record<string, string>>;
}

/** Bigger files are no encoder of this kind (ours has 0.2 MB); checked before anything is parsed. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_NODES = 256;
const MAX_DIM = 65536;

interface Tensor {
    readonly shape: readonly number[];
    /** Null for a type other than float32, e.g. the int64 shape that a Reshape reads. */
    readonly floats: Float32Array | null;
    readonly integers: readonly number[];
}

interface Attributes {
    integers(name: string, fallback: readonly number[]): readonly number[];
    float(name: string, fallback: number): number;
    text(name: string, fallback: string): string;
}

/**
 * Reads an ONNX file that is one chain of Conv (1-D), LeakyRelu, Relu, Flatten, Reshape to [N, -1], and Gemm.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - damaged, too large, another operator, a branch in the graph, or sizes that disagree.
 */
export function readOnnxChain(bytes: Uint8Array): OnnxChain {
    if (bytes.length > MAX_BYTES) throw refuse(`at most ${MAX_BYTES} bytes`, `${bytes.length}`);
    const model = protoFields(bytes);
    const graphs = parts(model, ONNX.model.graph);
    const graph = graphs[0];
    if (graph === undefined) throw refuse('a graph', 'none');
    const tensors = readTensors(graph);
    const inputs = parts(graph, ONNX.graph.input).filter((info) => !tensors.has(protoText(info, ONNX.valueInfo.name)));
    const outputs = parts(graph, ONNX.graph.output);
    const [input] = inputs;
    const [output] = outputs;
    if (input === undefined || output === undefined || inputs.length !== 1 || outputs.length !== 1) {
        throw refuse('one input and one output', `${inputs.length} and ${outputs.length}`);
    }
    const nodes = parts(graph, ONNX.graph.node);
    if (nodes.length > MAX_NODES) throw refuse(`at most ${MAX_NODES} nodes`, `${nodes.length}`);
    let value = protoText(input, ONNX.valueInfo.name);
    const layers: OnnxLayer[] = [];
    for (const node of nodes) {
        const names = node
            .filter((field) => field.number === ONNX.node.input)
            .map((field) => new TextDecoder().decode(field.bytes));
        const op = protoText(node, ONNX.node.opType);
        if (names[0] !== value) throw refuse(`a chain: ${op} to read "${value}"`, `"${names[0] ?? ''}"`);
        layers.push(
            readLayer(
                op,
                names.slice(1).map((name) => tensors.get(name)),
                readAttributes(node),
            ),
        );
        value = protoText(node, ONNX.node.output);
    }
    const last = protoText(output, ONNX.valueInfo.name);
    if (value !== last) throw refuse(`the last node to write "${last}"`, `"${value}"`);
    return { inputShape: readShape(input), outputShape: readShape(output), layers, metadata: readMetadata(model) };
}

/**
 * The `metadata_props` of any ONNX file, whatever its operators; the graph is not looked into.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - damaged, or not an ONNX file.
 */
export function readOnnxMetadata(bytes: Uint8Array): Readonly<Record<string, string>> {
    return readMetadata(protoFields(bytes));
}

function readLayer(op: string, tensors: readonly (Tensor | undefined)[], attributes: Attributes): OnnxLayer {
    switch (op) {
        case 'Conv':
            return readConv(tensors, attributes);
        case 'Gemm':
            return readGemm(tensors, attributes);
        case 'LeakyRelu':
            return { op: 'leaky', slope: attributes.float('alpha', 0.01) };
        case 'Relu':
            return { op: 'leaky', slope: 0 };
        case 'Flatten':
            only('Flatten axis', attributes.integers('axis', [1]), [1]);
            return { op: 'flatten' };
        case 'Reshape': {
            const shape = tensors[0]?.integers ?? [];
            if (shape.length !== 2 || (shape[0] !== 0 && shape[0] !== -1))
                throw refuse('Reshape to [N, C]', `[${shape.join(', ')}]`);
            return { op: 'flatten' };
        }
        default:
            throw refuse(
                'Conv, LeakyRelu, Relu, Flatten, Reshape or Gemm',
                op === '' ? 'a node without operator' : op.slice(0, 64),
            );
    }
}

function readConv(tensors: readonly (Tensor | undefined)[], attributes: Attributes): OnnxLayer {
    const { floats: weight, shape } = parameter('Conv weight', tensors[0], 3);
    const [outDim, inDim, kernel] = shape as [number, number, number];
    only('Conv group', attributes.integers('group', [1]), [1]);
    only('Conv dilations', attributes.integers('dilations', [1]), [1]);
    only('Conv auto_pad', [attributes.text('auto_pad', 'NOTSET')], ['NOTSET']);
    only('Conv kernel_shape', attributes.integers('kernel_shape', [kernel]), [kernel]);
    const pads = attributes.integers('pads', [0, 0]);
    const stride = attributes.integers('strides', [1]);
    const pad = pads[0] ?? 0;
    if (pads.length !== 2 || pads[1] !== pad || pad < 0 || pad > kernel)
        throw refuse('equal Conv pads within the kernel', `[${pads.join(', ')}]`);
    if (stride.length !== 1 || !isDim(stride[0] as number))
        throw refuse('one positive Conv stride', `[${stride.join(', ')}]`);
    return {
        op: 'conv',
        outDim,
        inDim,
        kernel,
        stride: stride[0] as number,
        pad,
        weight,
        bias: readBias(tensors[1], outDim),
    };
}

function readGemm(tensors: readonly (Tensor | undefined)[], attributes: Attributes): OnnxLayer {
    const { floats, shape } = parameter('Gemm weight', tensors[0], 2);
    only('Gemm transA', attributes.integers('transA', [0]), [0]);
    only('Gemm alpha', [attributes.float('alpha', 1)], [1]);
    only('Gemm beta', [attributes.float('beta', 1)], [1]);
    const isTransposed = attributes.integers('transB', [0])[0] === 1;
    const [rows, cols] = shape as [number, number];
    const outDim = isTransposed ? rows : cols;
    const inDim = isTransposed ? cols : rows;
    const weight = isTransposed
        ? floats
        : floats.map((_, i) => floats[(i % inDim) * outDim + Math.floor(i / inDim)] as number);
    return { op: 'linear', outDim, inDim, weight, bias: readBias(tensors[1], outDim) };
}

function readBias(tensor: Tensor | undefined, outDim: number): Float32Array {
    if (tensor === undefined) return new Float32Array(outDim);
    const { floats } = parameter('bias', tensor, 1);
    if (floats.length !== outDim) throw refuse(`${outDim} bias values`, `${floats.length}`);
    return floats;
}

function parameter(
    what: string,
    tensor: Tensor | undefined,
    rank: number,
): { floats: Float32Array; shape: readonly number[] } {
    const floats = tensor?.floats ?? null;
    if (tensor === undefined || floats === null) throw refuse(`${what} as a float32 initializer`, 'none');
    if (tensor.shape.length !== rank) throw refuse(`${what} of rank ${rank}`, `rank ${tensor.shape.length}`);
    assertFinite('ENCODER_UNSUPPORTED', `ONNX ${what}`, floats, 'Export the encoder again.');
    return { floats, shape: tensor.shape };
}

function readTensors(graph: readonly ProtoField[]): Map<string, Tensor> {
    const f = ONNX.tensor;
    const tensors = new Map<string, Tensor>();
    for (const tensor of parts(graph, ONNX.graph.initializer)) {
        const shape = protoIntegers(tensor, f.dims);
        const size = shape.reduce((product, dim) => product * dim, 1);
        const type = protoIntegers(tensor, f.dataType)[0];
        const raw =
            tensor.find((field) => field.number === f.rawData)?.bytes ??
            tensor.find((field) => field.number === f.floatData)?.bytes;
        if (type === ONNX.dataType.float) {
            // The size is compared with the bytes that are there before anything is allocated.
            if (!shape.every(isDim) || raw === undefined || raw.length !== 4 * size) {
                throw refuse(`${size} float values in tensor [${shape.join(', ')}]`, `${raw?.length ?? 0} bytes`);
            }
            tensors.set(protoText(tensor, f.name), { shape, floats: readFloats(raw), integers: [] });
        } else if (type === ONNX.dataType.int64) {
            tensors.set(protoText(tensor, f.name), { shape, floats: null, integers: readInt64s(tensor, raw) });
        }
    }
    return tensors;
}

function readFloats(raw: Uint8Array): Float32Array {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    return Float32Array.from({ length: raw.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function readInt64s(tensor: readonly ProtoField[], raw: Uint8Array | undefined): number[] {
    if (raw === undefined) return protoIntegers(tensor, ONNX.tensor.int64Data);
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    return Array.from({ length: Math.min(8, Math.floor(raw.length / 8)) }, (_, i) =>
        Number(view.getBigInt64(8 * i, true)),
    );
}

function readAttributes(node: readonly ProtoField[]): Attributes {
    const f = ONNX.attribute;
    const byName = new Map(
        parts(node, ONNX.node.attribute).map((attribute) => [protoText(attribute, f.name), attribute]),
    );
    return {
        integers(name, fallback) {
            const attribute = byName.get(name);
            if (attribute === undefined) return fallback;
            return [...protoIntegers(attribute, f.i), ...protoIntegers(attribute, f.ints)];
        },
        float(name, fallback) {
            const raw = byName.get(name)?.find((field) => field.number === f.f)?.bytes;
            return raw === undefined || raw.length !== 4 ? fallback : (readFloats(raw)[0] as number);
        },
        text(name, fallback) {
            const attribute = byName.get(name);
            return attribute === undefined ? fallback : protoText(attribute, f.s);
        },
    };
}

/** Sizes of a declared value without the batch; a symbolic size reads as -1. */
function readShape(info: readonly ProtoField[]): number[] {
    const tensor = parts(parts(info, ONNX.valueInfo.type)[0] ?? [], ONNX.type.tensor)[0] ?? [];
    const shape = parts(tensor, ONNX.tensorType.shape)[0] ?? [];
    return parts(shape, ONNX.shape.dim)
        .slice(1)
        .map((dim) => protoIntegers(dim, ONNX.dim.value)[0] ?? -1);
}

function readMetadata(model: readonly ProtoField[]): Record<string, string> {
    const f = ONNX.metadata;
    return Object.fromEntries(
        parts(model, ONNX.model.metadata).map((entry) => [protoText(entry, f.key), protoText(entry, f.value)]),
    );
}

/** The sub-messages in a field, split into fields. */
function parts(fields: readonly ProtoField[], number: number): ProtoField[][] {
    return fields.filter((field) => field.number === number).map((field) => protoFields(field.bytes));
}

function only(what: string, actual: readonly (number | string)[], expected: readonly (number | string)[]): void {
    if (actual.length === expected.length && actual.every((value, i) => value === expected[i])) return;
    throw refuse(`${what} ${expected.join(', ')}`, actual.join(', '));
}

function isDim(value: number): boolean {
    return Number.isInteger(value) && value >= 1 && value <= MAX_DIM;
}

function refuse(expected: string, got: string): PgsError {
    return new PgsError(
        'ENCODER_UNSUPPORTED',
        `ONNX file: expected ${expected}, got ${got}. Export the encoder again, or run it with onnxruntime-web.`,
    );
}
