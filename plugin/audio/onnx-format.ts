/**
 * Field numbers of the part of onnx.proto3 that the reader and the writer use.
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
export const ONNX = {
    model: { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, metadata: 14 },
    opset: { domain: 1, version: 2 },
    metadata: { key: 1, value: 2 },
    graph: { node: 1, name: 2, initializer: 5, input: 11, output: 12 },
    node: { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 },
    attribute: { name: 1, f: 2, i: 3, s: 4, ints: 8, type: 20 },
    attributeType: { float: 1, int: 2, string: 3, ints: 7 },
    tensor: { dims: 1, dataType: 2, floatData: 4, int64Data: 7, name: 8, rawData: 9, dataLocation: 14 },
    dataType: { float: 1, int64: 7 },
    valueInfo: { name: 1, type: 2 },
    type: { tensor: 1 },
    tensorType: { elemType: 1, shape: 2 },
    shape: { dim: 1 },
    dim: { value: 1, param: 2 },
} as const;

/** Protocol buffer wire types. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** `metadata_props` key under which the front end travels with the encoder, as JSON. */
export const FRONT_END_KEY = 'pgs.frontEnd';
