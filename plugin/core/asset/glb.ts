import { PgsError } from '../errors.js';

/** Largest file, JSON part and splat count that a reader accepts: checked before anything is allocated. */
export const MAX_FILE_BYTES: number = 64 * 2 ** 20;
export const MAX_JSON_BYTES: number = 4 * 2 ** 20;
export const MAX_SPLATS: number = 2 ** 18;

const MAGIC = 0x46546c67;
const JSON_CHUNK = 0x4e4f534a;
const BIN_CHUNK = 0x004e4942;
const HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;

/** The two parts of a binary glTF. `bin` is a view into the file. */
export interface GlbParts {
    readonly json: unknown;
    readonly bin: Uint8Array;
}

/**
 * Splits a `.glb` into its JSON and its binary part.
 *
 * @throws PgsError `ASSET_FORMAT` - not a glTF 2 binary, cut short, or lying about its lengths; `ASSET_TOO_LARGE`.
 */
export function readGlb(bytes: Uint8Array): GlbParts {
    if (bytes.length > MAX_FILE_BYTES) {
        throw new PgsError(
            'ASSET_TOO_LARGE',
            `file: expected at most ${MAX_FILE_BYTES} bytes, got ${bytes.length}. Export with fewer splats.`,
        );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const fail = (message: string): never => {
        throw new PgsError('ASSET_FORMAT', `file: ${message} Download or export the .glb again.`);
    };
    if (bytes.length < HEADER_BYTES + CHUNK_HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
        return fail(`expected a binary glTF (first bytes "glTF"), got ${bytes.length} bytes of something else.`);
    }
    if (view.getUint32(4, true) !== 2) fail(`expected glTF version 2, got ${view.getUint32(4, true)}.`);
    const length = view.getUint32(8, true);
    if (length > bytes.length)
        fail(`expected ${length} bytes as its header says, got ${bytes.length}: it was cut short.`);
    const chunkAt = (offset: number, type: number, name: string): Uint8Array => {
        if (offset + CHUNK_HEADER_BYTES > length)
            return fail(`expected a ${name} chunk at byte ${offset}, got the end of the file.`);
        const size = view.getUint32(offset, true);
        if (view.getUint32(offset + 4, true) !== type)
            return fail(`expected a ${name} chunk at byte ${offset}, got another type.`);
        if (size % 4 !== 0 || offset + CHUNK_HEADER_BYTES + size > length)
            return fail(`expected a ${name} chunk inside the file, got ${size} bytes at byte ${offset}.`);
        return bytes.subarray(offset + CHUNK_HEADER_BYTES, offset + CHUNK_HEADER_BYTES + size);
    };
    const jsonBytes = chunkAt(HEADER_BYTES, JSON_CHUNK, 'JSON');
    if (jsonBytes.length > MAX_JSON_BYTES) {
        throw new PgsError(
            'ASSET_TOO_LARGE',
            `JSON chunk: expected at most ${MAX_JSON_BYTES} bytes, got ${jsonBytes.length}. Export the head again.`,
        );
    }
    const bin = chunkAt(HEADER_BYTES + CHUNK_HEADER_BYTES + jsonBytes.length, BIN_CHUNK, 'BIN');
    try {
        return { json: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(jsonBytes)), bin };
    } catch (cause) {
        throw new PgsError(
            'ASSET_FORMAT',
            `JSON chunk: expected UTF-8 JSON, got ${String(cause)}. Download or export the .glb again.`,
            { cause },
        );
    }
}

/** Joins JSON and binary part into a `.glb`. Same input, same bytes. */
export function writeGlb(json: unknown, bin: Uint8Array): Uint8Array {
    const jsonBytes = new TextEncoder().encode(JSON.stringify(json));
    const jsonLength = align4(jsonBytes.length);
    const binLength = align4(bin.length);
    const total = HEADER_BYTES + 2 * CHUNK_HEADER_BYTES + jsonLength + binLength;
    const out = new Uint8Array(total);
    const view = new DataView(out.buffer);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, 2, true);
    view.setUint32(8, total, true);
    view.setUint32(12, jsonLength, true);
    view.setUint32(16, JSON_CHUNK, true);
    // The format pads JSON with spaces, binary data with zeros.
    out.fill(0x20, 20, 20 + jsonLength);
    out.set(jsonBytes, 20);
    view.setUint32(20 + jsonLength, binLength, true);
    view.setUint32(24 + jsonLength, BIN_CHUNK, true);
    out.set(bin, 28 + jsonLength);
    return out;
}

function align4(n: number): number {
    return (n + 3) & ~3;
}
