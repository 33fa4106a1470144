import { type SpeechChunk } from '../audio/index.js';
import { speechFault } from './failure.js';
import { type PcmLayout } from './pcm.js';
import { readPcm } from './raw-pcm.js';

/** What the start of a WAV file says. */
interface WavHeader {
    readonly sampleRate: number;
    readonly layout: PcmLayout;
    /** Where the samples start, bytes. */
    readonly start: number;
    /** Of the samples, bytes; Infinity where the writer did not know. */
    readonly size: number;
}

/** Most that may stand before the samples, bytes: tags and pictures are not speech (chosen). */
const MAX_HEADER = 65_536;
/** Sizes from here on are what streaming writers put for "unknown": 0xFFFFFFFF, 0x7FFFFFFF and a header less of either. */
const UNKNOWN_SIZE = 0x7fff0000;
const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_EXTENSIBLE = 0xfffe;

/**
 * Samples of a WAV file while it comes in: 16-bit PCM or 32-bit float, channels averaged. The header is read as soon as it
 * is there; one that says 0 or a size near the limit is a stream's, and the file ends with the connection.
 *
 * @throws PgsError `SPEECH_SOURCE` - no WAV file, another encoding, or a file shorter than it says.
 */
export async function* readWav(
    where: string,
    bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<SpeechChunk, void, undefined> {
    const parts = bytes[Symbol.asyncIterator]();
    const head = new Uint8Array(MAX_HEADER);
    let filled = 0;
    try {
        for (let step = await parts.next(); step.done !== true; step = await parts.next()) {
            const taken = step.value.subarray(0, MAX_HEADER - filled);
            head.set(taken, filled);
            filled += taken.length;
            const header = headerOf(where, new DataView(head.buffer, 0, filled));
            if (header !== null) {
                const rest = [head.subarray(header.start, filled), step.value.subarray(taken.length)];
                yield* readPcm(where, samplesOf(where, rest, parts, header.size), header.sampleRate, header.layout);
                return;
            }
            if (filled === MAX_HEADER) throw refuse(where, 'samples', `${MAX_HEADER} bytes without any`);
        }
        throw refuse(where, 'a WAV header', `${filled} bytes`);
    } finally {
        await parts.return?.();
    }
}

/** The bytes of the samples: `first`, then `parts`, `size` in all. */
async function* samplesOf(
    where: string,
    first: readonly Uint8Array[],
    parts: AsyncIterator<Uint8Array>,
    size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
    let left = size;
    for (const part of first) {
        yield part.subarray(0, left);
        left -= Math.min(left, part.length);
    }
    while (left > 0) {
        const step = await parts.next();
        if (step.done === true) break;
        yield step.value.subarray(0, left);
        left -= Math.min(left, step.value.length);
    }
    if (left === 0 || left === Infinity) return;
    const got = `${size - left} before the end`;
    throw speechFault(where, `${size} bytes of samples`, got, 'The connection was closed in mid-word: try again.');
}

/** @returns null while the header is not complete. */
function headerOf(where: string, view: DataView): WavHeader | null {
    if (view.byteLength >= 4 && tag(view, 0) !== 'RIFF') throw refuse(where, 'a WAV file', 'other bytes');
    if (view.byteLength >= 12 && tag(view, 8) !== 'WAVE') throw refuse(where, 'a WAV file', 'another RIFF file');
    let format: Pick<WavHeader, 'sampleRate' | 'layout'> | null = null;
    for (let at = 12; at + 8 <= view.byteLength;) {
        const name = tag(view, at);
        const size = view.getUint32(at + 4, true);
        if (name === 'data') {
            if (format === null) throw refuse(where, 'a "fmt " chunk before "data"', 'none');
            return { ...format, start: at + 8, size: size === 0 || size >= UNKNOWN_SIZE ? Infinity : size };
        }
        if (at + 8 + size > view.byteLength) return null;
        if (name === 'fmt ') format = formatOf(where, view, at + 8, size);
        at += 8 + size + (size & 1);
    }
    return null;
}

function formatOf(where: string, view: DataView, at: number, size: number): Pick<WavHeader, 'sampleRate' | 'layout'> {
    if (size < 16) throw refuse(where, 'a "fmt " chunk of 16 bytes', `${size}`);
    const isExtensible = view.getUint16(at, true) === FORMAT_EXTENSIBLE && size >= 26;
    const format = view.getUint16(isExtensible ? at + 24 : at, true);
    const channels = view.getUint16(at + 2, true);
    const sampleRate = view.getUint32(at + 4, true);
    const bits = view.getUint16(at + 14, true);
    const isFloat = format === FORMAT_FLOAT && bits === 32;
    if (!isFloat && (format !== FORMAT_PCM || bits !== 16)) {
        throw refuse(where, '16-bit PCM or 32-bit float', `format ${format} with ${bits} bits`);
    }
    if (channels < 1 || channels > 32) throw refuse(where, '1..32 channels', `${channels}`);
    if (sampleRate < 8000 || sampleRate > 192_000) throw refuse(where, '8000..192000 Hz', `${sampleRate}`);
    return { sampleRate, layout: { encoding: isFloat ? 'f32' : 's16', channels } };
}

function tag(view: DataView, at: number): string {
    return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function refuse(where: string, expected: string, got: string): Error {
    return speechFault(where, expected, got, 'Let the service send 16-bit PCM WAV.');
}
