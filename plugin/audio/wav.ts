import { PgsError } from '../core/index.js';
import { mixToMono } from './samples.js';

/** A decoded clip: `samples` is the mean of all channels `[n]`, -1..1; `channels` is what the file held. */
export interface WavClip {
    readonly sampleRate: number;
    readonly channels: number;
    readonly samples: Float32Array;
}

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_EXTENSIBLE = 0xfffe;
const MAX_CHANNELS = 32;

interface WavFormat {
    readonly format: number;
    readonly channels: number;
    readonly sampleRate: number;
    readonly bits: number;
}

/**
 * Reads a RIFF/WAVE file: PCM of 16, 24 or 32 bits, or 32-bit float. A data chunk that a cut-off download or a streaming
 * writer left longer than the file is read as far as it goes.
 *
 * @throws PgsError `AUDIO_FORMAT` - not a WAV file, a compressed or odd format, or no whole sample.
 */
export function decodeWav(bytes: Uint8Array): WavClip {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 12 || tag(view, 0) !== 'RIFF' || tag(view, 8) !== 'WAVE') {
        throw refuse(
            `a RIFF/WAVE header, got ${bytes.length < 12 ? `${bytes.length} bytes` : JSON.stringify(tag(view, 0))}`,
        );
    }
    let format: WavFormat | null = null;
    for (let at = 12; at + 8 <= bytes.length;) {
        const name = tag(view, at);
        const size = Math.min(view.getUint32(at + 4, true), bytes.length - at - 8);
        if (name === 'fmt ') format = readFormat(view, at + 8, size);
        if (name === 'data') {
            if (format === null) throw refuse('a "fmt " chunk before "data", got none');
            return readSamples(view, at + 8, size, format);
        }
        at += 8 + size + (size & 1);
    }
    throw refuse('a "data" chunk, got none');
}

/**
 * Writes mono PCM16; samples are clamped to -1..1 and rounded.
 *
 * @throws PgsError `AUDIO_FORMAT` - a sample rate that is no positive whole number.
 */
export function encodeWav(samples: Float32Array, sampleRate: number): Uint8Array {
    if (!Number.isInteger(sampleRate) || sampleRate <= 0) throw refuse(`a whole sample rate, got ${sampleRate}`);
    const bytes = new Uint8Array(44 + 2 * samples.length);
    const view = new DataView(bytes.buffer);
    const text = (at: number, value: string): void => bytes.set(new TextEncoder().encode(value), at);
    text(0, 'RIFF');
    view.setUint32(4, bytes.length - 8, true);
    text(8, 'WAVEfmt ');
    view.setUint32(16, 16, true);
    view.setUint16(20, FORMAT_PCM, true);
    view.setUint16(22, 1, true);
    view.setUint32(24, sampleRate, true);
    view.setUint32(28, 2 * sampleRate, true);
    view.setUint16(32, 2, true);
    view.setUint16(34, 16, true);
    text(36, 'data');
    view.setUint32(40, 2 * samples.length, true);
    for (let i = 0; i < samples.length; i++) {
        const level = Math.round((samples[i] as number) * 32768);
        view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, level)), true);
    }
    return bytes;
}

function readFormat(view: DataView, at: number, size: number): WavFormat {
    if (size < 16) throw refuse(`a "fmt " chunk of 16 bytes or more, got ${size}`);
    let format = view.getUint16(at, true);
    // The extensible form keeps the real format in the first two bytes of its GUID.
    if (format === FORMAT_EXTENSIBLE && size >= 26) format = view.getUint16(at + 24, true);
    const channels = view.getUint16(at + 2, true);
    const sampleRate = view.getUint32(at + 4, true);
    const bits = view.getUint16(at + 14, true);
    const isKnown = (format === FORMAT_PCM && [16, 24, 32].includes(bits)) || (format === FORMAT_FLOAT && bits === 32);
    if (!isKnown) throw refuse(`PCM of 16, 24 or 32 bits or 32-bit float, got format ${format} with ${bits} bits`);
    if (channels < 1 || channels > MAX_CHANNELS) throw refuse(`1..${MAX_CHANNELS} channels, got ${channels}`);
    if (sampleRate < 1) throw refuse('a sample rate above 0 Hz, got 0');
    return { format, channels, sampleRate, bits };
}

function readSamples(
    view: DataView,
    at: number,
    size: number,
    { format, channels, sampleRate, bits }: WavFormat,
): WavClip {
    const width = bits / 8;
    const count = Math.floor(size / (width * channels));
    if (count === 0) throw refuse(`at least one sample, got ${size} bytes of data`);
    const read = sampleReader(view, format, bits);
    const planes = Array.from({ length: channels }, () => new Float32Array(count));
    planes.forEach((plane, c) => {
        for (let i = 0; i < count; i++) plane[i] = read(at + (i * channels + c) * width);
    });
    return { sampleRate, channels, samples: mixToMono(planes) };
}

function sampleReader(view: DataView, format: number, bits: number): (at: number) => number {
    if (format === FORMAT_FLOAT) return (at) => view.getFloat32(at, true);
    if (bits === 16) return (at) => view.getInt16(at, true) / 32768;
    if (bits === 32) return (at) => view.getInt32(at, true) / 2147483648;
    return (at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65536) / 8388608;
}

function tag(view: DataView, at: number): string {
    return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function refuse(problem: string): PgsError {
    return new PgsError('AUDIO_FORMAT', `WAV file: expected ${problem}. Convert the sound to 16-bit PCM WAV.`);
}
