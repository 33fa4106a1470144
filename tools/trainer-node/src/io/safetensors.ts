import { PgsError } from '../../../../plugin/core/index.js';

/** Named arrays of a safetensors file. */
export type TensorMap = ReadonlyMap<string, Float32Array | Float64Array>;

/** A decoded file. */
export interface SafeTensors {
    readonly tensors: TensorMap;
    /** The file's `__metadata__`: texts only. */
    readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly data_offsets: readonly [number, number];
}

/** A header larger than this is not ours; also the cap before any allocation. */
const MAX_HEADER_BYTES = 1 << 20;

/**
 * Encodes arrays as safetensors: u64 header length, JSON header, raw little-endian data. 1-D shapes.
 *
 * @returns the file in parts, in order, without copying the arrays.
 */
export function encodeSafeTensors(tensors: TensorMap, metadata: Readonly<Record<string, string>>): Uint8Array[] {
    const header: Record<string, unknown> = { __metadata__: metadata };
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const [name, values] of tensors) {
        const end = offset + values.byteLength;
        header[name] = {
            dtype: values instanceof Float64Array ? 'F64' : 'F32',
            shape: [values.length],
            data_offsets: [offset, end],
        };
        parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
        offset = end;
    }
    let json = JSON.stringify(header);
    // The format asks for data that starts at a multiple of 8.
    json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
    const text = Buffer.from(json, 'utf8');
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(text.length));
    return [head, text, ...parts];
}

/**
 * Decodes a safetensors file of F32 and F64 tensors.
 *
 * @param where - the file, for the message.
 * @throws PgsError `CHECKPOINT_FORMAT` - cut off, another format, or offsets outside the file.
 */
export function decodeSafeTensors(where: string, bytes: Uint8Array): SafeTensors {
    const refuse = (expected: string, got: unknown): PgsError =>
        new PgsError(
            'CHECKPOINT_FORMAT',
            `${where}: expected ${expected}, got ${String(got)}. Resume from another checkpoint.`,
        );
    if (bytes.length < 8) throw refuse('a safetensors file', `${bytes.length} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const headerBytes = Number(view.getBigUint64(0, true));
    if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > bytes.length)
        throw refuse(`a header within ${bytes.length} bytes`, headerBytes);
    let header: Record<string, unknown>;
    try {
        header = JSON.parse(Buffer.from(bytes.subarray(8, 8 + headerBytes)).toString('utf8')) as Record<
            string,
            unknown
        >;
    } catch (error) {
        throw refuse('a JSON header', (error as Error).message);
    }
    const data = bytes.subarray(8 + headerBytes);
    const tensors = new Map<string, Float32Array | Float64Array>();
    for (const [name, value] of Object.entries(header)) {
        if (name === '__metadata__') continue;
        const { dtype, shape, data_offsets: offsets } = value as Partial<Entry>;
        const width = dtype === 'F32' ? 4 : dtype === 'F64' ? 8 : 0;
        if (width === 0) throw refuse(`${name} as F32 or F64`, dtype);
        const [start, end] = offsets ?? [-1, -1];
        const count = Array.isArray(shape) ? shape.reduce((product: number, dim: number) => product * dim, 1) : -1;
        if (!(start >= 0 && end >= start && end <= data.length && end - start === count * width)) {
            throw refuse(`${name} of ${count} values within the file`, `bytes ${start}..${end} of ${data.length}`);
        }
        // A copy: the file's offset need not be a multiple of the element size. Not slice(), which on a Buffer is a view.
        const raw = new Uint8Array(data.subarray(start, end)).buffer;
        tensors.set(name, width === 4 ? new Float32Array(raw) : new Float64Array(raw));
    }
    return { tensors, metadata: (header['__metadata__'] ?? {}) as Record<string, string> };
}
