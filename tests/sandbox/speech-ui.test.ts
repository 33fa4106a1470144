import { describe, expect, it } from 'vitest';
import { captionLines } from '../../sandbox/ui/caption.js';
import { formatHeadroom, formatPlace } from '../../sandbox/ui/voice-meters.js';
import { LevelHistory } from '../../sandbox/ui/wave.js';
import { explainMicrophone } from '../../sandbox/voice/microphone.js';
import { TypedSpeech } from '../../sandbox/voice/typed-speech.js';

describe('subtitles', () => {
    it('breaks a text between words, and keeps every word', () => {
        expect(captionLines('one two  three\nfour', 9)).toEqual([['one', 'two'], ['three'], ['four']]);
        expect(captionLines('one two three', 13)).toEqual([['one', 'two', 'three']]);
    });

    it('gives a word that is longer than a line one of its own', () => {
        expect(captionLines('a incomprehensibilities b', 9)).toEqual([['a'], ['incomprehensibilities'], ['b']]);
        expect(captionLines('  ')).toEqual([]);
    });
});

describe('the wave of live sound', () => {
    it('moves on by bars, each as loud as the loudest since the one before', () => {
        const history = new LevelHistory(4);
        history.hear(0.25);
        history.hear(0.5);
        history.hear(0.125);
        history.step(0);
        history.step(1);
        expect([...history.peaks]).toEqual([0, 0, 0, 0.5]);
        history.hear(0.25);
        history.step(2);
        expect([...history.peaks]).toEqual([0, 0.5, 0.25, 0.25]);
        history.step(NaN);
        history.step(-3);
        history.step(9);
        expect([...history.peaks]).toEqual([0, 0, 0, 0]);
    });
});

describe('the voice meters', () => {
    it.each([
        [Infinity, 'all known'],
        [61.7, '62 ms'],
        [-12, '12 ms late'],
    ])('calls a headroom of %d ms "%s"', (ms, text) => {
        expect(formatHeadroom(ms)).toBe(text);
    });

    it.each([
        ['worker', 'none', 'worker'],
        ['worker', 'shared-memory', 'worker, shared memory'],
        ['page', 'messages', 'page, messages'],
    ] as const)('names %s and %s "%s"', (analysis, transport, text) => {
        expect(formatPlace({ analysis, transport })).toBe(text);
    });
});

describe('a microphone that is not to be had', () => {
    it.each([
        ['NotAllowedError', 'not allowed'],
        ['NotFoundError', 'no microphone'],
        ['NotReadableError', 'could not be opened'],
        ['SomethingElse', 'went silent'],
    ])('explains %s as "%s", and says what to do', (name, words) => {
        const { title, hint } = explainMicrophone(new DOMException('', name));
        expect(title).toContain(words);
        expect(hint.length).toBeGreaterThan(20);
    });
});

describe('typed speech', () => {
    it('loads its voice when it is first heard, and tells the words with the sound', async () => {
        const speech = new TypedSpeech();
        expect(speech.isLoaded).toBe(false);
        let samples = 0;
        const words: string[] = [];
        for await (const chunk of speech.open('Hello there.', { signal: new AbortController().signal })) {
            samples += chunk.pcm?.length ?? 0;
            words.push(...(chunk.words ?? []).map(({ text }) => text));
        }
        expect(speech.isLoaded).toBe(true);
        expect(words).toEqual(['Hello', 'there.']);
        expect(samples).toBeGreaterThan(8000);
    });
});
