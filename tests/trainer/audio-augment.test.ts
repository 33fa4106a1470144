import { describe, expect, it } from 'vitest';
import { computeSpeechFeatures, estimateFrontEnd } from '../../plugin/audio/index.js';
import { MEL_BANDS } from '../../plugin/core/index.js';
import {
    augmentedFeatures,
    drawChange,
    featureVariants,
    warpBands,
} from '../../tools/trainer-node/src/audio-augment.js';
import { randomStream } from '../../tools/trainer-node/src/random.js';

const RATE = 16_000;
/** A second of harmonics that swell four times. */
const samples = Float32Array.from({ length: RATE }, (_, i) => {
    const t = i / RATE;
    let sum = 0;
    for (let h = 1; h < 20; h++) sum += Math.sin(2 * Math.PI * 130 * h * t) / h;
    return 0.1 * (0.5 + 0.5 * Math.sin(2 * Math.PI * 4 * t)) * sum;
});
const frontEnd = estimateFrontEnd(samples, RATE);
const clean = computeSpeechFeatures(samples, RATE, frontEnd).mel.slice();

describe('audio augmentation', () => {
    it('keeps the clean take first, to the last bit, and the length of every take', () => {
        const stacked = featureVariants(clean, samples, RATE, frontEnd, 3, 0);
        expect(stacked).toHaveLength(3 * clean.length);
        expect(stacked.subarray(0, clean.length)).toEqual(clean);
        expect(stacked.subarray(clean.length, 2 * clean.length)).not.toEqual(clean);
    });
    it('is the same for the same seed and another for another', () => {
        const take = (seed: number): Float32Array =>
            featureVariants(clean, samples, RATE, frontEnd, 2, seed).slice(clean.length);
        expect(take(5)).toEqual(take(5));
        expect(take(5)).not.toEqual(take(6));
    });
    it('without any change gives the clean features but for the faintest noise', () => {
        const same = augmentedFeatures(
            samples,
            RATE,
            frontEnd,
            { warp: 1, tilt: 0, gainDb: 0, noiseDb: -200 },
            randomStream(1),
        );
        const worst = same.reduce((max, v, i) => Math.max(max, Math.abs(v - (clean[i] as number))), 0);
        expect(worst).toBeLessThan(1e-3);
    });
    it('warps a peak to the band of the warped frequency and leaves the top in place', () => {
        const row = new Float32Array(MEL_BANDS).fill(-10);
        row[20] = 0;
        warpBands(row, 1.2);
        // Reading at 1.2 f moves what was at f down.
        expect(row.indexOf(Math.max(...row))).toBeLessThan(20);
        const flat = Float32Array.from({ length: MEL_BANDS }, (_, band) => band);
        warpBands(flat, 0.8);
        expect(flat[MEL_BANDS - 1]).toBeGreaterThan(MEL_BANDS - 4);
    });
    it('stays within the documented ranges', () => {
        const random = randomStream(9);
        for (let i = 0; i < 200; i++) {
            const { warp, tilt, gainDb, noiseDb } = drawChange(random);
            expect(
                warp >= 0.8 &&
                    warp <= 1.25 &&
                    Math.abs(tilt) <= 0.5 &&
                    gainDb >= -20 &&
                    gainDb <= 6 &&
                    noiseDb >= -80 &&
                    noiseDb <= -40,
            ).toBe(true);
        }
    });
});
