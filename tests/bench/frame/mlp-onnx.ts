import { ONNX, WIRE } from '../../../plugin/audio/onnx-format.js';
import {
    AUDIO_FEAT_DIM,
    BRANCHES,
    FACE_DELTA_DIM,
    FACE_HIDDEN_DIM,
    SPATIAL_FEAT_DIM,
    type BranchAsset,
} from '../../../plugin/core/index.js';

/*
 * The face's network (Eqs. 8-9) as ONNX models, for a general runtime to run beside ours. Batch sizes are fixed: runtimes
 * plan better so.
 */

type Parts = Uint8Array[];
type Layers = BranchAsset['layers'];

interface OnnxGraph {
    readonly name: string;
    readonly nodes: Parts;
    readonly initializers: Parts;
    readonly inputs: Readonly<Record<string, readonly number[]>>;
    readonly outputs: Readonly<Record<string, readonly number[]>>;
}

/**
 * Eqs. 8-9 as printed, every row by itself: `audioFeat` [1, 32] and `exprFeat` [1, E] are spread over the rows, then met by
 * projections, gate and three layers together with `spatialFeat` [rows, 36]. Answers `deltas` [rows, 10].
 */
export function writeNaiveFaceOnnx(layers: Layers, numExpressions: number, rows: number): Uint8Array {
    const nodes: Parts = [
        node('Expand', ['audioFeat', 'audioShape'], 'audioRows'),
        node('Expand', ['exprFeat', 'exprShape'], 'exprRows'),
        gemm('projAudio', 'audioRows', 'audio'),
        gemm('projExpr', 'exprRows', 'expression'),
        node('Concat', ['audio', 'expression'], 'gateInput', [intAttribute('axis', 1)]),
        gemm('gate', 'gateInput', 'gateSum'),
        node('Sigmoid', ['gateSum'], 'gateValue'),
        node('Mul', ['gateValue', 'audio'], 'gated'),
        node('Concat', ['audioRows', 'gated', 'expression', 'spatialFeat'], 'fused', [intAttribute('axis', 1)]),
        gemm('mlp0', 'fused', 'sum0'),
        node('Relu', ['sum0'], 'hidden0'),
        gemm('mlp1', 'hidden0', 'sum1'),
        node('Relu', ['sum1'], 'hidden1'),
        gemm('mlp2', 'hidden1', 'deltas'),
    ];
    const tensors = BRANCHES.face
        .layers(numExpressions)
        .map(({ name, shape }) => floatTensor(name, shape, layers[name] ?? new Float32Array(0)));
    return modelOf({
        name: 'naiveFace',
        nodes,
        initializers: [
            ...tensors,
            shapeTensor('audioShape', [rows, AUDIO_FEAT_DIM]),
            shapeTensor('exprShape', [rows, numExpressions]),
        ],
        inputs: {
            audioFeat: [1, AUDIO_FEAT_DIM],
            exprFeat: [1, numExpressions],
            spatialFeat: [rows, SPATIAL_FEAT_DIM],
        },
        outputs: { deltas: [rows, FACE_DELTA_DIM] },
    });
}

/**
 * The exact refactoring (method.md section 2): `baked` [rows, 64] plus `shared` [1, 64], then two layers. Answers `deltas`
 * [rows, 10].
 */
export function writeRefactoredFaceOnnx(layers: Layers, numExpressions: number, rows: number): Uint8Array {
    const kept = BRANCHES.face.layers(numExpressions).filter(({ name }) => /^mlp[12]\./.test(name));
    return modelOf({
        name: 'refactoredFace',
        nodes: [
            node('Add', ['baked', 'shared'], 'sum0'),
            node('Relu', ['sum0'], 'hidden0'),
            gemm('mlp1', 'hidden0', 'sum1'),
            node('Relu', ['sum1'], 'hidden1'),
            gemm('mlp2', 'hidden1', 'deltas'),
        ],
        initializers: kept.map(({ name, shape }) => floatTensor(name, shape, layers[name] ?? new Float32Array(0))),
        inputs: { baked: [rows, FACE_HIDDEN_DIM], shared: [1, FACE_HIDDEN_DIM] },
        outputs: { deltas: [rows, FACE_DELTA_DIM] },
    });
}

function modelOf({ name, nodes, initializers, inputs, outputs }: OnnxGraph): Uint8Array {
    const { model, graph, opset } = ONNX;
    const values = (field: number, shapes: OnnxGraph['inputs']): Parts =>
        Object.entries(shapes).map(([value, shape]) => message(field, valueInfo(value, shape)));
    return concat([
        integer(model.irVersion, 8),
        text(model.producerName, 'pgstalker bench'),
        message(model.graph, [
            ...nodes.map((part) => bytes(graph.node, part)),
            text(graph.name, name),
            ...initializers.map((part) => bytes(graph.initializer, part)),
            ...values(graph.input, inputs),
            ...values(graph.output, outputs),
        ]),
        message(model.opsetImport, [text(opset.domain, ''), integer(opset.version, 17)]),
    ]);
}

/** `output = input * weight^T + bias` of a layer. */
function gemm(layer: string, input: string, output: string): Uint8Array {
    return node('Gemm', [input, `${layer}.weight`, `${layer}.bias`], output, [intAttribute('transB', 1)]);
}

function node(op: string, inputs: readonly string[], output: string, attributes: Parts = []): Uint8Array {
    const f = ONNX.node;
    return concat([
        ...inputs.map((input) => text(f.input, input)),
        text(f.output, output),
        text(f.name, output),
        text(f.opType, op),
        ...attributes.map((attribute) => bytes(f.attribute, attribute)),
    ]);
}

function intAttribute(name: string, value: number): Uint8Array {
    const f = ONNX.attribute;
    return concat([text(f.name, name), integer(f.i, value), integer(f.type, ONNX.attributeType.int)]);
}

function floatTensor(name: string, shape: readonly number[], values: Float32Array): Uint8Array {
    const raw = new DataView(new ArrayBuffer(values.length * 4));
    values.forEach((value, k) => raw.setFloat32(k * 4, value, true));
    return tensor(name, shape, ONNX.dataType.float, raw);
}

/** A shape as the 64-bit integers that `Expand` wants. */
function shapeTensor(name: string, shape: readonly number[]): Uint8Array {
    const raw = new DataView(new ArrayBuffer(shape.length * 8));
    shape.forEach((size, k) => raw.setBigInt64(k * 8, BigInt(size), true));
    return tensor(name, [shape.length], ONNX.dataType.int64, raw);
}

function tensor(name: string, shape: readonly number[], dataType: number, raw: DataView): Uint8Array {
    const f = ONNX.tensor;
    return concat([
        ...shape.map((size) => integer(f.dims, size)),
        integer(f.dataType, dataType),
        text(f.name, name),
        bytes(f.rawData, new Uint8Array(raw.buffer)),
    ]);
}

function valueInfo(name: string, shape: readonly number[]): Parts {
    const dims = shape.map((size) => message(ONNX.shape.dim, [integer(ONNX.dim.value, size)]));
    const f = ONNX.tensorType;
    const tensorType = [integer(f.elemType, ONNX.dataType.float), message(f.shape, dims)];
    return [text(ONNX.valueInfo.name, name), message(ONNX.valueInfo.type, [message(ONNX.type.tensor, tensorType)])];
}

// Protocol buffers: a field is the varint (number << 3 | wire type), then its value.

function varint(value: number): number[] {
    return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

function integer(field: number, value: number): Uint8Array {
    return Uint8Array.from([...varint(field * 8 + WIRE.varint), ...varint(value)]);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
    return concat([Uint8Array.from([...varint(field * 8 + WIRE.bytes), ...varint(content.length)]), content]);
}

function text(field: number, content: string): Uint8Array {
    return bytes(field, new TextEncoder().encode(content));
}

function message(field: number, parts: Parts): Uint8Array {
    return bytes(field, concat(parts));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
    const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
        joined.set(part, at);
        at += part.length;
    }
    return joined;
}
