import { describe, expect, it } from 'vitest';
import { microMotion } from '../../plugin/behaviors/micro-motion.js';
import { normalOf, randomFrom } from '../../plugin/behaviors/random.js';
import { BlinkWatch, deviationOf, LivingHead, meanOf, PAUSE, PHRASE, phrases } from './living-head.js';

const HALF_HOUR = 1800;
/** Starts closer than this belong to a double blink, s: 0.3 s of blink and 0.18 s of gap at most. */
const DOUBLE = 0.5;

function watch(seed: number, energy: (at: number) => number, options: { blinksPerMinute?: number } = {}): BlinkWatch {
    const head = new LivingHead({ seed, ...options }).attach();
    const seen = new BlinkWatch();
    head.run(
        HALF_HOUR,
        (at) => (head.voice.energy = energy(at)),
        (at) => seen.look(at, head.expression['AU45'] as number),
    );
    return seen;
}

const silence = (): number => 0;

describe.for([1, 2, 3])('blinks in half an hour, seed %i', (seed) => {
    const rest = watch(seed, silence);
    const talk = watch(seed, phrases);

    it('come 17 a minute at rest and about half as often again in speech', () => {
        // Half an hour holds 510 intervals that spread by 0.6 of their mean: 3 deviations are 8 %.
        expect(rest.blinks.length / 30).toBeGreaterThan(17 * 0.92);
        expect(rest.blinks.length / 30).toBeLessThan(17 * 1.08);
        const ratio = talk.blinks.length / rest.blinks.length;
        expect(ratio).toBeGreaterThan(1.3);
        expect(ratio).toBeLessThan(1.6);
    });

    it('keep unlike intervals: many short, few long', () => {
        for (const { intervals } of [rest, talk]) {
            const spread = deviationOf(intervals) / meanOf(intervals);
            expect(spread).toBeGreaterThan(0.45);
            expect(spread).toBeLessThan(0.85);
            expect(Math.max(...intervals)).toBeLessThan(20);
        }
        // In speech they cluster at the distance of phrases instead.
        const sorted = rest.intervals.toSorted((a, b) => a - b);
        expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(0.95 * meanOf(rest.intervals));
        // Logarithms of what is no double blink are near symmetric, as a log-normal's are.
        const logs = rest.intervals.filter((interval) => interval > DOUBLE).map(Math.log);
        const skew = meanOf(logs.map((value) => ((value - meanOf(logs)) / deviationOf(logs)) ** 3));
        expect(Math.abs(skew)).toBeLessThan(0.6);
    });

    it('close in 75 to 100 ms, open in 150 to 200 ms, and are seen shut', () => {
        // Looked at every 17 ms, and shut for as long.
        const frame = 1 / 60 + 1e-6;
        for (const { start, peakAt, end, peak } of rest.blinks) {
            expect(peak).toBeGreaterThan(0.9);
            expect(peakAt - start).toBeGreaterThan(0.075 - frame);
            expect(peakAt - start).toBeLessThan(0.1 + 2 * frame);
            expect(end - peakAt).toBeGreaterThan(0.15 - frame);
            expect(end - peakAt).toBeLessThan(0.2 + 3 * frame);
        }
        expect(deviationOf(rest.blinks.map(({ start, end }) => end - start))).toBeGreaterThan(0.01);
    });

    it('are double now and then, never triple', () => {
        const share = rest.intervals.filter((interval) => interval < DOUBLE).length / rest.blinks.length;
        expect(share).toBeGreaterThan(0.03);
        expect(share).toBeLessThan(0.14);
        const isShort = rest.intervals.map((interval) => interval < 0.35);
        expect(isShort.some((short, k) => short && isShort[k + 1])).toBe(false);
    });

    it('fall into the pauses of speech more than twice as often as chance', () => {
        const isInPause = (start: number): boolean => start % (PHRASE + PAUSE) > PHRASE;
        const share = talk.blinks.filter(({ start }) => isInPause(start)).length / talk.blinks.length;
        // Chance, which a silent head shows: 0.25. Measured: 0.56 to 0.61.
        expect(share).toBeGreaterThan(0.5);
        const silent = rest.blinks.filter(({ start }) => isInPause(start)).length / rest.blinks.length;
        expect(silent).toBeLessThan(0.35);
    });
});

describe('blinks', () => {
    it('come at the rate that is asked for, at once', () => {
        expect(watch(4, silence, { blinksPerMinute: 8 }).blinks.length / 30).toBeCloseTo(8, -0.3);
        const head = new LivingHead({ blinksPerMinute: 0 }).attach();
        let told = 0;
        head.behavior.onBlinkObservable.add(() => told++);
        head.run(60);
        expect(told).toBe(0);
        head.behavior.blinksPerMinute = 60;
        head.run(60);
        expect(told).toBeGreaterThan(40);
    });

    it('are seen at 10 frames a second, too', () => {
        const head = new LivingHead().attach();
        let [told, shut, wasOpen] = [0, 0, true];
        head.behavior.onBlinkObservable.add(() => told++);
        for (let k = 0; k < 6000; k++) {
            head.frame(100);
            const isOpen = (head.expression['AU45'] as number) < 0.3;
            if (wasOpen && !isOpen) shut++;
            wasOpen = isOpen;
        }
        expect(told).toBeGreaterThan(120);
        expect(shut / told).toBeGreaterThan(0.9);
    });
});

describe('emphasis', () => {
    it('lifts the brows after loud syllables, and rests between them', () => {
        const head = new LivingHead({ microMotion: 0 }).attach();
        const lifts: number[] = [];
        const [loud, after]: [number[], number[]] = [[], []];
        let wasUp = false;
        const energies: number[] = [];
        const brows: number[] = [];
        head.run(
            600,
            (at) => energies.push((head.voice.energy = phrases(at))),
            (at) => {
                const brow = head.expression['AU01'] as number;
                brows.push(brow);
                if (brow > 0 && !wasUp) lifts.push(at);
                wasUp = brow > 0;
            },
        );
        const isRest = (at: number): boolean => at % (PHRASE + PAUSE) > PHRASE + 0.7;
        expect(lifts.length / 10).toBeGreaterThan(10);
        expect(lifts.length / 10).toBeLessThan(40);
        // No lift begins in a pause, and the brows are down at its end.
        expect(lifts.filter(isRest)).toEqual([]);
        expect(brows.filter((_, k) => isRest((k + 1) / 60)).every((brow) => brow === 0)).toBe(true);
        // Where a lift begins, energy is above its mean over the last two seconds.
        for (const at of lifts) {
            const end = Math.round(at * 60);
            loud.push(Math.max(...energies.slice(Math.max(0, end - 9), end)));
            after.push(meanOf(energies.slice(Math.max(0, end - 120), end)));
        }
        expect(loud.every((energy, k) => energy > (after[k] as number))).toBe(true);
        // Over all frames, the brow follows how far the last 0.3 s were above the running mean.
        const excess = energies.map((_, k) =>
            k < 120 ? 0 : Math.max(...energies.slice(k - 18, k)) - meanOf(energies.slice(k - 120, k)),
        );
        expect(correlation(excess, brows)).toBeGreaterThan(0.3);
    });

    it('is silent with a silent voice, and with one that never changes', () => {
        for (const energy of [0, 0.5]) {
            const head = new LivingHead({ microMotion: 0, blinksPerMinute: 0 }).attach();
            head.voice.energy = energy;
            // The voice's own beginning is an onset.
            head.run(5);
            const { framesWritten } = head;
            head.run(60);
            expect(head.framesWritten).toBe(framesWritten);
        }
    });

    it('grows with its setting', () => {
        const [half, full] = [0.5, 1].map((emphasis) => {
            const head = new LivingHead({ microMotion: 0, emphasis }).attach();
            let highest = 0;
            const look = (): void => void (highest = Math.max(highest, head.expression['AU01'] as number));
            head.run(60, (at) => (head.voice.energy = phrases(at)), look);
            return highest;
        });
        expect(full).toBeGreaterThan(0.25);
        expect(full).toBeLessThanOrEqual(0.36);
        expect((full as number) / (half as number)).toBeCloseTo(2, 0);
    });
});

describe('micro motion', () => {
    it('is slow: nearly all of its power lies below half a hertz', () => {
        const rate = 10;
        const samples = Array.from({ length: 4096 }, (_, k) => microMotion(11, 0, k / rate));
        let [slow, all] = [0, 0];
        for (let bin = 1; bin < 2048; bin += 3) {
            let [re, im] = [0, 0];
            samples.forEach((value, k) => {
                const angle = (2 * Math.PI * bin * k) / samples.length;
                re += value * Math.cos(angle);
                im += value * Math.sin(angle);
            });
            const power = re * re + im * im;
            all += power;
            if ((bin * rate) / samples.length < 0.5) slow += power;
        }
        expect(slow / all).toBeGreaterThan(0.99);
    });

    it('stays within -1..1, uses the range, and its channels know nothing of each other', () => {
        const channels = [0, 1, 2].map((channel) =>
            Array.from({ length: 20_000 }, (_, k) => microMotion(5, channel, k / 2)),
        );
        for (const samples of channels) {
            expect(Math.max(...samples.map(Math.abs))).toBeLessThanOrEqual(1);
            expect(deviationOf(samples)).toBeGreaterThan(0.3);
            expect(Math.abs(meanOf(samples))).toBeLessThan(0.05);
        }
        expect(Math.abs(correlation(channels[0] as number[], channels[1] as number[]))).toBeLessThan(0.08);
    });
});

describe('the generator', () => {
    it('is uniform, and normal where asked, with no tie between neighbouring seeds', () => {
        const random = randomFrom(1);
        const uniform = Array.from({ length: 50_000 }, random);
        expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...uniform)).toBeLessThan(1);
        expect(meanOf(uniform)).toBeCloseTo(0.5, 2);
        expect(deviationOf(uniform)).toBeCloseTo(Math.sqrt(1 / 12), 2);
        const normal = Array.from({ length: 50_000 }, () => normalOf(random));
        expect(meanOf(normal)).toBeCloseTo(0, 1);
        expect(deviationOf(normal)).toBeCloseTo(0.98, 1);
        const next = randomFrom(2);
        const other = Array.from({ length: 50_000 }, next);
        expect(Math.abs(correlation(uniform, other))).toBeLessThan(0.02);
        expect(Math.abs(correlation(uniform.slice(1), uniform.slice(0, -1)))).toBeLessThan(0.02);
    });
});

function correlation(a: readonly number[], b: readonly number[]): number {
    const [meanA, meanB] = [meanOf(a), meanOf(b)];
    const product = meanOf(a.map((value, k) => (value - meanA) * ((b[k] as number) - meanB)));
    return product / (deviationOf(a) * deviationOf(b));
}
