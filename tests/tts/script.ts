import { type SpeechChunk, type SpokenWord } from '../../plugin/audio/index.js';

/** Samples a character: at 8 kHz it lasts 10 ms. */
const SAMPLES_EACH = 80;

/** What a fake voice says for a text: every character lasts as long, and sounds like no other text. */
export interface Script {
    readonly characters: readonly string[];
    readonly secondsEach: number;
    readonly words: readonly SpokenWord[];
    /** 16 bits. */
    readonly samples: Int16Array;
}

export function scriptOf(text: string, rate: number): Script {
    const characters = [...text];
    const secondsEach = SAMPLES_EACH / rate;
    const words = [...text.matchAll(/\S+/g)].map(({ 0: word, index }) => ({
        text: word,
        start: index * secondsEach,
        duration: word.length * secondsEach,
    }));
    let state = [...text].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) >>> 0, 7);
    const samples = Int16Array.from({ length: characters.length * SAMPLES_EACH }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state >>> 16) - 32768;
    });
    return { characters, secondsEach, words, samples };
}

/** The sound as little-endian bytes. */
export function encodeScript(text: string): Uint8Array {
    return new Uint8Array(scriptOf(text, 8000).samples.buffer);
}

/** What a listener should hear and read when these texts are spoken one after the other. */
export function spoken(texts: readonly string[], rate: number): Heard {
    const samples: number[] = [];
    const words: SpokenWord[] = [];
    for (const text of texts) {
        const script = scriptOf(text, rate);
        const before = samples.length / rate;
        words.push(...script.words.map((word) => ({ ...word, start: word.start + before })));
        samples.push(...Array.from(script.samples, (sample) => sample / 32768));
    }
    return { samples, words, rate };
}

export interface Heard {
    readonly samples: number[];
    readonly words: SpokenWord[];
    readonly rate: number;
}

/** Listens to the end. `into` keeps what was heard before a failure. */
export async function listen(
    chunks: AsyncIterable<SpeechChunk>,
    into: Heard = { samples: [], words: [], rate: 0 },
): Promise<Heard> {
    const heard = into as { -readonly [K in keyof Heard]: Heard[K] };
    for await (const { pcm, words, sampleRate } of chunks) {
        heard.samples.push(...(pcm ?? []));
        heard.words.push(...(words ?? []));
        heard.rate = sampleRate;
    }
    return heard;
}

/** Times to the nanosecond: sums of the same numbers in another order differ in the last bits. */
export function rounded(words: readonly SpokenWord[]): SpokenWord[] {
    const round = (seconds: number): number => Math.round(seconds * 1e9) / 1e9;
    return words.map(({ text, start, duration }) => ({ text, start: round(start), duration: round(duration) }));
}

/** Ways to write the same sound as a WAV file. */
export type WavKind = 'pcm16' | 'float' | 'stereo' | 'stream' | 'zero' | 'tagged' | 'mulaw' | 'no-fmt';

export function wavOf(text: string, kind: WavKind, rate: number): Uint8Array {
    const { samples } = scriptOf(text, rate);
    const channels = kind === 'stereo' ? 2 : 1;
    const width = kind === 'float' ? 4 : 2;
    const data = Buffer.alloc(samples.length * channels * width);
    samples.forEach((sample, i) => {
        if (kind === 'float') data.writeFloatLE(sample / 32768, 4 * i);
        else data.writeInt16LE(sample, 2 * i * channels);
    });
    const format = Buffer.alloc(24);
    format.write('fmt ');
    format.writeUInt32LE(16, 4);
    format.writeUInt16LE(kind === 'float' ? 3 : kind === 'mulaw' ? 7 : 1, 8);
    format.writeUInt16LE(channels, 10);
    format.writeUInt32LE(rate, 12);
    format.writeUInt32LE(rate * channels * width, 16);
    format.writeUInt16LE(channels * width, 20);
    format.writeUInt16LE(8 * width, 22);
    const size = kind === 'stream' ? 0xffffffff : kind === 'zero' ? 0 : data.length;
    const tags = kind === 'tagged' ? chunk('LIST', Buffer.from('INFOodd'), 7) : Buffer.alloc(0);
    const body = [kind === 'no-fmt' ? Buffer.alloc(0) : format, tags, chunk('data', data, size)];
    // A chunk after the samples must not be heard.
    if (kind === 'tagged') body.push(chunk('LIST', Buffer.from('INFOtail'), 8));
    return Buffer.concat([Buffer.from('RIFF\xff\xff\xff\xffWAVE', 'latin1'), ...body]);
}

function chunk(name: string, data: Buffer, size: number): Buffer {
    const head = Buffer.alloc(8);
    head.write(name);
    head.writeUInt32LE(size, 4);
    return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}
