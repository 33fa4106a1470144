import { describe, expect, it } from 'vitest';
import { speechGain } from '../../plugin/audio/index.js';
import { energyOf } from '../../plugin/audio/energy.js';
import { RunningLevel } from '../../plugin/audio/running-level.js';
import { MEL_BANDS } from '../../plugin/core/index.js';
import { noise } from './sounds.js';
import { concat, talk } from './streaming.js';

const RATE = 16000;

/** Gain and speech after each block of 20 ms. */
function run(level: RunningLevel, sound: Float32Array): { gains: number[]; isSpeech: boolean[] } {
    const gains: number[] = [];
    const isSpeech: boolean[] = [];
    for (let start = 0; start < sound.length;) {
        const part = sound.subarray(start, start + level.missing);
        if (level.push(part)) {
            gains.push(level.gain);
            isSpeech.push(level.isSpeech);
        }
        start += part.length;
    }
    return { gains, isSpeech };
}

const decibel = (factor: number): number => 20 * Math.log10(factor);

describe('running level', () => {
    it.each([1, 0.1, 0.02])('comes to the gain of the whole clip within 1 dB in a second of speech, at %f', (gain) => {
        const speech = talk(6, gain);
        const { gains } = run(new RunningLevel(), speech);
        const wanted = decibel(speechGain(speech));
        for (const found of gains.slice(75)) expect(Math.abs(decibel(found) - wanted)).toBeLessThan(1);
    });

    it('changes the gain by 1.5 dB in a block at most, whatever comes', () => {
        const sound = concat(talk(2, 0.01), talk(2, 1), noise(RATE, 0.9, 1), new Float32Array(RATE), talk(2, 0.1));
        let last = 1;
        for (const gain of run(new RunningLevel(), sound).gains) {
            expect(Math.abs(decibel(gain / last))).toBeLessThan(1.5 + 1e-9);
            last = gain;
        }
    });

    it('keeps the gain through silence and hiss', () => {
        const level = new RunningLevel();
        run(level, talk(6, 0.1));
        const { gain } = level;
        run(level, new Float32Array(30 * RATE));
        expect(level.gain).toBe(gain);
        run(level, noise(30 * RATE, 0.002, 1));
        expect(Math.abs(decibel(level.gain / gain))).toBeLessThan(1);
        expect(level.isSpeech).toBe(false);
    });

    it('tells speech from its noise 15 dB below', () => {
        const speech = talk(9, 0.1);
        const hiss = noise(speech.length, 0.1 * 0.143 * 10 ** (-15 / 20), 4);
        const clean = run(new RunningLevel(), speech).isSpeech;
        const noisy = run(
            new RunningLevel(),
            speech.map((value, i) => value + (hiss[i] as number)),
        ).isSpeech;
        const agree = clean.filter((isSpeech, block) => block >= 150 && isSpeech === noisy[block]).length;
        expect(agree / (clean.length - 150)).toBeGreaterThan(0.8);
    });

    it('knows within a block when its gain has settled', () => {
        const level = new RunningLevel();
        expect(level.isSettling).toBe(true);
        run(level, talk(2, 0.1));
        expect(level.isSettling).toBe(false);
    });

    it('takes full scale, denormals and minutes of decay', () => {
        const level = new RunningLevel();
        run(level, talk(2));
        for (let second = 0; second < 10; second++)
            run(level, new Float32Array(RATE).fill(second % 2 === 0 ? 1e-40 : 1));
        expect(Number.isFinite(level.gain)).toBe(true);
        // 20 minutes; unused bins are denormal from then on.
        for (let block = 0; block < 60000; block++)
            (level as unknown as { take(power: number): void }).take(block % 3 === 0 ? 1e-9 : 1e-3);
        expect(level.gain).toBeGreaterThan(0);
        expect(Number.isFinite(level.gain)).toBe(true);
    });
});

describe('energy', () => {
    it('runs from 0 in a pause to 1 on a stressed vowel, and never beyond', () => {
        const at = (mean: number): number => energyOf(new Float32Array(2 * MEL_BANDS).fill(mean, MEL_BANDS), MEL_BANDS);
        expect(at(-4)).toBe(0);
        expect(at(-1.5)).toBe(0);
        expect(at(-0.15)).toBeCloseTo(0.5, 6);
        expect(at(1.2)).toBeCloseTo(1, 6);
        expect(at(4)).toBe(1);
    });
});
