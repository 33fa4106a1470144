import {
    AUDIO_FEAT_DIM,
    LEAKY_SLOPE,
    MEL_BANDS,
    WINDOW_FRAMES,
    type AudioFrontEnd,
    type TensorSpec,
} from '../core/index.js';
import {
    CONV_KERNEL,
    ENCODER_LAYERS,
    assertEncoderWeights,
    encoderTensors,
    type EncoderLayer,
    type EncoderWeights,
} from './encoder-weights.js';
import { assertFrontEnd } from './front-end.js';
import { FRONT_END_KEY, ONNX, WIRE } from './onnx-format.js';

type Message = Uint8Array[];

/**
 * The audio encoder as an ONNX model (IR 8, opset 17): input `windows` [N, MEL_BANDS, WINDOW_FRAMES], output `audioFeat`
 * [N, AUDIO_FEAT_DIM], N free. The front end goes into `metadata_props`, so that the file alone says what it expects.
 *
 * @throws PgsError `ASSET_SHAPE`, `ASSET_VALUE` - a tensor is malformed. `ENCODER_UNSUPPORTED` - an unknown front end.
 */
export function writeEncoderOnnx(weights: EncoderWeights, frontEnd: AudioFrontEnd): Uint8Array {
    assertEncoderWeights(weights);
    assertFrontEnd(frontEnd);
    const { model, opset, metadata } = ONNX;
    return concat([
        integer(model.irVersion, 8),
        text(model.producerName, 'pgstalker'),
        message(model.graph, encoderGraph(weights)),
        message(model.opsetImport, [text(opset.domain, ''), integer(opset.version, 17)]),
        message(model.metadata, [text(metadata.key, FRONT_END_KEY), text(metadata.value, JSON.stringify(frontEnd))]),
    ]);
}

function encoderGraph(weights: EncoderWeights): Message {
    const { graph } = ONNX;
    const nodes: Message = [];
    let value = 'windows';
    const add = (op: string, name: string, inputs: string[], output: string, attributes: Message[]): void => {
        nodes.push(message(graph.node, node(op, name, inputs, output, attributes)));
        value = output;
    };
    ENCODER_LAYERS.forEach(({ name, kind }, i) => {
        const isLast = i === ENCODER_LAYERS.length - 1;
        const parameters = [`${name}.weight`, `${name}.bias`];
        const output = isLast ? 'audioFeat' : `${name}.out`;
        if (name === 'fc0') add('Flatten', 'flatten', [value], 'flat', [intAttribute('axis', 1)]);
        if (kind === 'conv') add('Conv', name, [value, ...parameters], output, convAttributes());
        else add('Gemm', name, [value, ...parameters], output, [intAttribute('transB', 1)]);
        if (!isLast) add('LeakyRelu', `${name}.act`, [value], `${name}.relu`, [floatAttribute('alpha', LEAKY_SLOPE)]);
    });
    const initializers = encoderTensors().map((spec) => {
        const [layer, part] = spec.name.split('.') as [EncoderLayer['name'], 'weight' | 'bias'];
        return message(graph.initializer, tensor(spec, weights[layer][part]));
    });
    return [
        ...nodes,
        text(graph.name, 'audioEncoder'),
        ...initializers,
        message(graph.input, valueInfo('windows', ['N', MEL_BANDS, WINDOW_FRAMES])),
        message(graph.output, valueInfo('audioFeat', ['N', AUDIO_FEAT_DIM])),
    ];
}

function node(op: string, name: string, inputs: string[], output: string, attributes: Message[]): Message {
    const f = ONNX.node;
    return [
        ...inputs.map((input) => text(f.input, input)),
        text(f.output, output),
        text(f.name, name),
        text(f.opType, op),
        ...attributes.map((attribute) => message(f.attribute, attribute)),
    ];
}

function convAttributes(): Message[] {
    return [
        intsAttribute('dilations', [1]),
        intAttribute('group', 1),
        intsAttribute('kernel_shape', [CONV_KERNEL]),
        intsAttribute('pads', [1, 1]),
        intsAttribute('strides', [2]),
    ];
}

function intAttribute(name: string, value: number): Message {
    const f = ONNX.attribute;
    return [text(f.name, name), integer(f.i, value), integer(f.type, ONNX.attributeType.int)];
}

function intsAttribute(name: string, values: number[]): Message {
    const f = ONNX.attribute;
    return [
        text(f.name, name),
        ...values.map((value) => integer(f.ints, value)),
        integer(f.type, ONNX.attributeType.ints),
    ];
}

function floatAttribute(name: string, value: number): Message {
    const f = ONNX.attribute;
    return [text(f.name, name), float(f.f, value), integer(f.type, ONNX.attributeType.float)];
}

function tensor({ name, shape }: TensorSpec, values: Float32Array): Message {
    const f = ONNX.tensor;
    const raw = new Uint8Array(values.length * 4);
    const view = new DataView(raw.buffer);
    values.forEach((value, i) => view.setFloat32(4 * i, value, true));
    return [
        ...shape.map((dim) => integer(f.dims, dim)),
        integer(f.dataType, ONNX.dataType.float),
        text(f.name, name),
        bytes(f.rawData, raw),
    ];
}

function valueInfo(name: string, dims: (number | string)[]): Message {
    const shape = dims.map((dim) =>
        message(ONNX.shape.dim, [typeof dim === 'string' ? text(ONNX.dim.param, dim) : integer(ONNX.dim.value, dim)]),
    );
    const tensorType = [integer(ONNX.tensorType.elemType, ONNX.dataType.float), message(ONNX.tensorType.shape, shape)];
    return [text(ONNX.valueInfo.name, name), message(ONNX.valueInfo.type, [message(ONNX.type.tensor, tensorType)])];
}

// Protocol buffers: a field is the varint (number << 3 | wire type) and its value.

function varint(value: number): number[] {
    const out: number[] = [];
    let rest = value;
    while (rest > 127) {
        out.push((rest % 128) | 128);
        rest = Math.floor(rest / 128);
    }
    out.push(rest);
    return out;
}

function integer(field: number, value: number): Uint8Array {
    return Uint8Array.from([...varint(field * 8 + WIRE.varint), ...varint(value)]);
}

function float(field: number, value: number): Uint8Array {
    const raw = new Uint8Array(4);
    new DataView(raw.buffer).setFloat32(0, value, true);
    return concat([Uint8Array.from(varint(field * 8 + WIRE.fixed32)), raw]);
}

function bytes(field: number, value: Uint8Array): Uint8Array {
    return concat([Uint8Array.from([...varint(field * 8 + WIRE.bytes), ...varint(value.length)]), value]);
}

function text(field: number, value: string): Uint8Array {
    return bytes(field, new TextEncoder().encode(value));
}

function message(field: number, parts: Message): Uint8Array {
    return bytes(field, concat(parts));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        out.set(part, at);
        at += part.length;
    }
    return out;
}
