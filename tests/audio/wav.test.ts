import { describe, expect, it } from 'vitest';
import { decodeWav, encodeWav } from '../../plugin/audio/index.js';

/** A WAV file of the given format tag, bits and channels around raw sample bytes. */
function wavOf(format: number, bits: number, channels: number, data: number[], extra: number[] = []): Uint8Array {
    const u16 = (value: number): number[] => [value & 255, (value >> 8) & 255];
    const u32 = (value: number): number[] => [...u16(value & 65535), ...u16(value >>> 16)];
    const text = (value: string): number[] => [...new TextEncoder().encode(value)];
    const width = (bits / 8) * channels;
    const fmt = [
        ...u16(format),
        ...u16(channels),
        ...u32(48000),
        ...u32(48000 * width),
        ...u16(width),
        ...u16(bits),
        ...extra,
    ];
    const body = [
        ...text('WAVE'),
        ...text('LIST'),
        ...u32(3),
        1,
        2,
        3,
        0,
        ...text('fmt '),
        ...u32(fmt.length),
        ...fmt,
        ...text('data'),
        ...u32(data.length),
        ...data,
    ];
    return Uint8Array.from([...text('RIFF'), ...u32(body.length), ...body]);
}

describe('WAV', () => {
    it('survives writing and reading', () => {
        const samples = Float32Array.of(0, 0.5, -0.5, 1, -1, 2, 1 / 32768);
        const clip = decodeWav(encodeWav(samples, 16000));
        expect(clip.sampleRate).toBe(16000);
        expect(clip.channels).toBe(1);
        expect(Array.from(clip.samples)).toEqual([0, 0.5, -0.5, 32767 / 32768, -1, 32767 / 32768, 1 / 32768]);
    });

    it('reads 16, 24, 32-bit PCM and 32-bit float', () => {
        expect(Array.from(decodeWav(wavOf(1, 16, 1, [0, 0xc0])).samples)).toEqual([-0.5]);
        expect(Array.from(decodeWav(wavOf(1, 24, 1, [0, 0, 0xc0, 0, 0, 0x40])).samples)).toEqual([-0.5, 0.5]);
        expect(Array.from(decodeWav(wavOf(1, 32, 1, [0, 0, 0, 0xc0])).samples)).toEqual([-0.5]);
        const half = [...new Uint8Array(Float32Array.of(0.5).buffer)];
        expect(Array.from(decodeWav(wavOf(3, 32, 1, half)).samples)).toEqual([0.5]);
    });

    it('reads the extensible form and mixes channels', () => {
        const guid = [22, 0, 16, 0, 3, 0, 0, 0, 1, 0, ...new Array<number>(14).fill(0)];
        const clip = decodeWav(wavOf(0xfffe, 16, 2, [0, 0x40, 0, 0], guid));
        expect(clip.channels).toBe(2);
        expect(Array.from(clip.samples)).toEqual([0.25]);
    });

    it('reads what there is of a cut-off file', () => {
        const whole = encodeWav(Float32Array.of(0.5, 0.25), 16000);
        expect(Array.from(decodeWav(whole.subarray(0, whole.length - 1)).samples)).toEqual([0.5]);
    });

    it.each([
        ['an empty file', new Uint8Array(0), /RIFF/],
        ['an MP3', Uint8Array.from([...new TextEncoder().encode('ID3'), ...new Array<number>(20).fill(0)]), /RIFF/],
        ['A-law', wavOf(6, 16, 1, [1, 1]), /format 6/],
        ['8-bit PCM', wavOf(1, 8, 1, [1]), /8 bits/],
        ['no channels', wavOf(1, 16, 0, [1, 1]), /0/],
        ['no data', wavOf(1, 16, 1, []), /at least one sample/],
        ['a header alone', encodeWav(Float32Array.of(1), 16000).subarray(0, 36), /"data" chunk/],
    ] as const)('refuses %s', (_, bytes, message) => {
        expect(() => decodeWav(bytes)).toThrow(expect.objectContaining({ code: 'AUDIO_FORMAT' }) as Error);
        expect(() => decodeWav(bytes)).toThrow(message);
    });
});
