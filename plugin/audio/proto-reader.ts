import { PgsError } from '../core/index.js';
import { WIRE } from './onnx-format.js';

/** One field of a protocol buffer message. Integers are signed 64-bit cut to what a double holds. */
export interface ProtoField {
    readonly number: number;
    readonly wire: number;
    /** Value of a varint; 0 for other wire types. */
    readonly integer: number;
    /** Content of a length-delimited or fixed field; a view of the file. Empty for a varint. */
    readonly bytes: Uint8Array;
}

/** Most fields in one message: far above any graph read here, far below what would hold up a page. */
const MAX_FIELDS = 100_000;

/**
 * Splits a message into its fields. Nothing is copied, and no length is trusted beyond the bytes that are there.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - truncated or malformed.
 */
export function protoFields(bytes: Uint8Array): ProtoField[] {
    const fields: ProtoField[] = [];
    const none = bytes.subarray(0, 0);
    let at = 0;
    const varint = (): number => {
        let low = 0;
        let high = 0;
        for (let i = 0; i < 10; i++) {
            const byte = bytes[at++];
            if (byte === undefined) break;
            if (i < 4) low += (byte & 127) * 2 ** (7 * i);
            else high += (byte & 127) * 2 ** (7 * (i - 4));
            if (byte < 128) return signed64(high * 2 ** 28 + low);
        }
        throw malformed('a complete integer', at);
    };
    const take = (count: number): Uint8Array => {
        if (count < 0 || count > bytes.length - at) throw malformed(`${count} bytes`, at);
        const part = bytes.subarray(at, at + count);
        at += count;
        return part;
    };
    while (at < bytes.length) {
        if (fields.length >= MAX_FIELDS) throw malformed(`at most ${MAX_FIELDS} fields`, at);
        const key = varint();
        const number = Math.floor(key / 8);
        const wire = key - number * 8;
        if (number < 1) throw malformed('a field number above 0', at);
        if (wire === WIRE.varint) fields.push({ number, wire, integer: varint(), bytes: none });
        else if (wire === WIRE.bytes) fields.push({ number, wire, integer: 0, bytes: take(varint()) });
        else if (wire === WIRE.fixed32) fields.push({ number, wire, integer: 0, bytes: take(4) });
        else if (wire === WIRE.fixed64) fields.push({ number, wire, integer: 0, bytes: take(8) });
        else throw malformed(`wire type 0, 1, 2 or 5, got ${wire}`, at);
    }
    return fields;
}

/** Values of a repeated integer field, packed or not. */
export function protoIntegers(fields: readonly ProtoField[], number: number): number[] {
    return fields
        .filter((field) => field.number === number)
        .flatMap((field) => (field.wire === WIRE.varint ? [field.integer] : unpack(field.bytes)));
}

export function protoText(fields: readonly ProtoField[], number: number): string {
    const field = fields.find((candidate) => candidate.number === number);
    return field === undefined ? '' : new TextDecoder().decode(field.bytes);
}

function unpack(bytes: Uint8Array): number[] {
    const values: number[] = [];
    let value = 0;
    let scale = 1;
    for (const byte of bytes) {
        value += (byte & 127) * scale;
        scale *= 128;
        if (byte >= 128) continue;
        values.push(signed64(value));
        value = 0;
        scale = 1;
    }
    return values;
}

function signed64(value: number): number {
    return value >= 2 ** 63 ? value - 2 ** 64 : value;
}

function malformed(expected: string, at: number): PgsError {
    return new PgsError(
        'ENCODER_UNSUPPORTED',
        `ONNX file: expected ${expected} at byte ${at}, got a damaged message. Export the encoder again.`,
    );
}
