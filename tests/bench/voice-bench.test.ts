import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AUDIO_FEAT_DIM, decodeHead } from '../../plugin/core/index.js';
import { noise } from '../audio/sounds.js';
import { lipsOf, referenceAperture } from './voice/aperture.js';
import { bandEnergy } from './voice/band-energy.js';
import { judgeClip } from './voice/clip-part.js';
import { csvRow, CSV_HEADER, withRow } from './voice/csv-row.js';
import { fft } from './voice/fft.js';
import type { KnownSpeech } from './voice/heard-speech.js';
import { judgeInterrupt } from './voice/interrupt-part.js';
import { curveThrough, FRAME_MS, lagOf, STEP_MS, type Curve } from './voice/lag.js';
import { solveLeastSquares } from './voice/least-squares.js';
import { fitLine, placeOf, valueAt } from './voice/line.js';
import { segmentErrors } from './voice/live-part.js';
import { atRate, locate } from './voice/locate.js';
import { parseOptions, planOf } from './voice/options.js';
import { pack, unpack32, unpack64, type Run } from './voice/packed.js';
import { fitPageClock } from './voice/page-clock.js';
import { isPassing, reportOf, type Measured } from './voice/report.js';
import { tableOf } from './voice/table.js';

/** A mouth over time in s: seeded syllables of 2 to 6 a second, mm. */
function mouthAt(seconds: number): number {
    let sum = 0;
    for (let k = 0; k < 12; k++) sum += Math.sin(2 * Math.PI * (0.7 + 0.43 * k) * seconds + 1.7 * k * k) / (1 + k / 4);
    return sum;
}

/** The mouth drawn 60 times a second with a shift in ms, as a curve over page time. */
function drawn(shift: number, seconds = 20): Curve {
    const pages = Float64Array.from({ length: 60 * seconds }, (_, k) => 1000 + (k * 1000) / 60 + ((k * 7) % 5));
    const values = pages.map((page) => mouthAt((page - shift) / 1000));
    return curveThrough(pages, values, 1100, (100 * seconds) | 0);
}

describe('lags', () => {
    it.each([-3, -1.37, 0, 0.25, 2, 4])('a shift of %f video frames is found within 0.02 of one', (frames) => {
        const { lagMs, peak, margin } = lagOf(drawn(frames * FRAME_MS), drawn(0));
        expect(Math.abs(lagMs / FRAME_MS - frames)).toBeLessThan(0.02);
        expect(peak).toBeGreaterThan(0.98);
        expect(margin).toBeGreaterThan(0.7);
    });

    it('are the same whatever grid a curve lies on', () => {
        const [shown, heard] = [drawn(52), drawn(0)];
        const moved = { start: heard.start - 3.3, values: heard.values };
        expect(lagOf(shown, moved).lagMs - lagOf(shown, heard).lagMs).toBeCloseTo(3.3, 6);
    });

    it('of a mouth that does not move are no number, and those of another mouth have no margin', () => {
        const still = { start: 1100, values: new Float64Array(2000) };
        expect(lagOf(still, drawn(0)).lagMs).toBeNaN();
        const other = { start: 1100, values: Float64Array.from(noise(2000, 1, 3)) };
        expect(lagOf(other, drawn(0)).margin).toBeLessThan(0.2);
    });

    it('of segments tell a shift that lasts for a second only', () => {
        const [heard, late] = [drawn(0), drawn(120)];
        const shown = { start: heard.start, values: heard.values.map((v, i) => (i > 800 && i < 1000 ? (late.values[i] as number) : v)) };
        const { errors } = segmentErrors(shown, heard);
        expect(Math.max(...errors)).toBeGreaterThan(80);
        expect(errors.filter((error) => Math.abs(error) < 2).length / errors.length).toBeGreaterThan(0.7);
    }); // prettier-ignore

    it('of segments count a mouth that does not move at all', () => {
        const { errors } = segmentErrors({ start: 1100, values: new Float64Array(2000) }, drawn(0));
        expect(errors.length).toBeGreaterThan(20);
        expect(Math.min(...errors)).toBe(400);
    });
});

describe('the mathematics of the voice bench', () => {
    it('fits a line with the standard error of its slope', () => {
        const x = [0, 1, 2, 3, 4];
        const line = fitLine(x, [1, 3.1, 4.9, 7.1, 8.9]);
        expect(line.slope).toBeCloseTo(1.98, 10);
        // Left over: -0.04, 0.08, -0.1, 0.12, -0.06.
        expect(line.slopeError).toBeCloseTo(Math.sqrt(0.036 / 3 / 10), 10);
        expect(placeOf(line, valueAt(line, 2.5))).toBeCloseTo(2.5, 12);
        expect(() => fitLine([1, 1, 1], [1, 2, 3])).toThrow(/three places/);
    });

    it('transforms as its definition reads', () => {
        const x = Float64Array.from(noise(16, 1, 4));
        const [re, im] = [x.slice(), new Float64Array(16)];
        fft(re, im);
        for (let k = 0; k < 16; k++) {
            let [a, b] = [0, 0];
            for (let n = 0; n < 16; n++) {
                a += (x[n] as number) * Math.cos((2 * Math.PI * k * n) / 16);
                b -= (x[n] as number) * Math.sin((2 * Math.PI * k * n) / 16);
            }
            expect(Math.hypot((re[k] as number) - a, (im[k] as number) - b)).toBeLessThan(1e-12);
        }
        expect(() => fft(new Float64Array(12), new Float64Array(12))).toThrow(/power of two/);
    });

    it('finds a sound in a recording, to the sample, at any volume and in noise (seed 5)', () => {
        const wanted = noise(4000, 0.1, 5);
        const recording = noise(40_000, 0.02, 6);
        for (let i = 0; i < wanted.length; i++) recording[12_345 + i] = (recording[12_345 + i] as number) + 0.5 * (wanted[i] as number);
        expect(locate(wanted, recording, 0, 40_000)).toMatchObject({ sample: 12_345 });
        expect(locate(wanted, recording, 13_000, 40_000).peak).toBeLessThan(0.2);
        expect(() => locate(new Float64Array(9) as unknown as Float32Array, recording, 0, 9)).toThrow(/of sound/);
    }); // prettier-ignore

    it('changes a rate without a delay', () => {
        const tone = (rate: number): Float32Array =>
            Float32Array.from({ length: rate / 10 }, (_, i) => Math.sin((600 * i) / rate));
        const [out, expected] = [atRate(tone(16_000), 16_000, 48_000), tone(48_000)];
        const errors = out.map((value, i) => Math.abs(value - (expected[i] as number)));
        // Beyond the last sample there is nothing to go to.
        expect(Math.max(...errors.subarray(0, -3))).toBeLessThan(1e-3);
    });

    it('solves least squares', () => {
        const rows = Array.from({ length: 9 }, (_, n) => [n, n * n, 1]);
        const values = rows.map(([a = 0, b = 0]) => 2 * a - 0.5 * b + 7);
        for (const [k, value] of solveLeastSquares(rows, values).entries())
            expect(value).toBeCloseTo([2, -0.5, 7][k] as number, 3);
    });

    it('carries arrays to Node as they are', () => {
        expect(unpack64(pack(Float64Array.of(1 / 3, -2)))).toEqual(Float64Array.of(1 / 3, -2));
        expect(unpack32(pack(noise(40_000, 1, 7)))).toEqual(noise(40_000, 1, 7));
    });

    it('follows the clock of a page through readings that repeat or are not there yet', () => {
        const pages = [0, 10, 10, 20, 30];
        const clock = fitPageClock(pages, [0, 1.01, 1.01, 1.02, 1.03]);
        expect(clock.readings).toBe(3);
        expect(clock.heardAt(25)).toBeCloseTo(1.025, 10);
        expect(clock.pageOf(1.015)).toBeCloseTo(15, 6);
        expect(clock.residualMs).toBeLessThan(1e-6);
    });

    it('hears energy between 200 and 1200 Hz, in the middle of its window', () => {
        const rate = 48_000;
        const samples = Float32Array.from({ length: rate }, (_, i) =>
            (i > 0.5 * rate && i < 0.6 * rate ? Math.sin((2 * Math.PI * 600 * i) / rate) : 0) + Math.sin((2 * Math.PI * 4000 * i) / rate),
        );
        const { values } = bandEnergy({ samples, sampleRate: rate, start: 2 }, (page) => page / 1000, 2100, 80);
        const loud = [...values].flatMap((value, n) => (value > Math.max(...values) - Math.log(4) ? [2100 + n * STEP_MS] : []));
        expect((loud[0] as number) + (loud.at(-1) as number)).toBeCloseTo(2 * 2550, -1);
    }); // prettier-ignore

    it('finds both lips of the default avatar', () => {
        const head = decodeHead(readFileSync(new URL('../../sandbox/public/avatars/ava.glb', import.meta.url)));
        const { upper, lower } = lipsOf(head);
        expect(new Set([...upper, ...lower]).size).toBe(48);
        const opening = referenceAperture(head, { upper, lower }, new Float32Array(AUDIO_FEAT_DIM));
        expect(opening).toBeGreaterThan(0);
        expect(opening).toBeLessThan(30);
    });
});

describe('judging a run', () => {
    const rate = 8_000;
    const seconds = 20;
    const clockRate = 1 + 40e-6;
    /** Noise as loud as the mouth is open. */
    const voiced = noise(rate * seconds, 0.2, 8).map((value, i) => value * Math.exp(0.8 * mouthAt(i / rate)));
    const offline = Float64Array.from({ length: 25 * seconds }, (_, k) => mouthAt((k + 0.5) / 25));
    const weights = new Float64Array(AUDIO_FEAT_DIM);
    weights[3] = 2;
    const known: KnownSpeech = {
        speech: { samples: voiced, sampleRate: rate, wav: new Uint8Array() },
        offline,
        aperture: { weights, level: 1, r2: 1 },
    };

    /** A page whose lips come `lag` ms after the sound; speech begins 2 s into the context, which began at page time 3 s. */
    function pageRun(lag: number, feature = mouthAt): Run {
        const pages = Float64Array.from({ length: 60 * (seconds + 4) }, (_, k) => 3000 + (k * 1000) / 60);
        const heardAt = (page: number): number => ((page - 3000) / 1000) * clockRate;
        const features = new Float32Array(pages.length * AUDIO_FEAT_DIM);
        for (const [k, page] of pages.entries())
            features[k * AUDIO_FEAT_DIM + 3] = (feature(heardAt(page - lag) - 2) - 1) / 2;
        const output = new Float32Array(rate * (seconds + 3));
        output.set(voiced, 1.9 * rate);
        return {
            sampleRate: rate,
            pages,
            features,
            pairPages: pages,
            pairHeard: pages.map(heardAt),
            output,
            outputStart: 0.1,
            stampContexts: new Float64Array(),
            stampPages: new Float64Array(),
            events: [],
        };
    }

    it.each([-120, 0, 7, 60])('reads a lag of %i ms from pictures and sound', (lag) => {
        const row = judgeClip(pageRun(lag), known, false);
        expect(row.lagFrames * FRAME_MS).toBeCloseTo(lag, -0.3);
        expect(Math.abs(row.directLagMs - lag)).toBeLessThan(0.8);
        expect(row.slip).toBe(0);
        expect(row.offlineMargin).toBeGreaterThan(0.3);
    });

    it('refuses a recording without the speech, and sees sound that was lost', () => {
        const silent = { ...pageRun(0), output: noise(rate * 23, 0.01, 9) };
        expect(() => judgeClip(silent, known, false)).toThrow(/the speech in the recording/);
        const lossy = pageRun(0);
        lossy.output.copyWithin(10 * rate, 10 * rate + 128);
        expect(judgeClip(lossy, known, false).slip).toBe(-128);
    });

    it('fails a mouth that moves by itself', () => {
        const row = judgeClip(
            pageRun(0, (t) => mouthAt(1.37 * t + 50)),
            known,
            false,
        );
        expect(row.margin).toBeLessThan(0.5 * row.offlineMargin);
    });

    it('tells when an interruption is silent and at rest, and when never', () => {
        const rest = Array.from({ length: AUDIO_FEAT_DIM }, () => 0);
        const run = pageRun(0, (t) => (t < 5.15 ? 3 : 1));
        run.output.fill(0, Math.round((7.03 - 0.1) * rate));
        const moment = { kind: 'clip', page: 10_000 - 0.28, context: 7 } as const;
        const { silenceMs, heardSilenceMs, restMs } = judgeInterrupt(run, moment, rest, 1);
        expect(silenceMs).toBeGreaterThan(28);
        expect(silenceMs).toBeLessThan(30.1);
        expect(Math.abs(heardSilenceMs - silenceMs)).toBeLessThan(0.1);
        expect(restMs).toBeGreaterThan(149);
        expect(restMs).toBeLessThan(168);
        const open = pageRun(0, () => 3);
        expect(judgeInterrupt(open, moment, rest, 1).restMs).toBe(Number.POSITIVE_INFINITY);
    });
});

describe('what the voice bench writes', () => {
    const counts = { audioNodes: 4, workletProcessors: 1, workers: 1, eventListeners: 17, heapBytes: 4e6 };
    const drift = { minutes: 3, lagsMs: [0, 0.1, 0], slopeMsPerHour: 0.4, standardErrorMsPerHour: 0.3 };
    const live = {
        sampleRate: 48_000,
        transport: 'messages',
        latency: 'balanced',
        errorP95Ms: 20,
        errorMedianMs: 1,
        displayedErrorP95Ms: 33,
        segments: 30,
        correlation: 0.99,
        delayMs: 160,
        reportedLatencyMs: 196,
        measuredLatencyMs: 195,
        reportedMinusMeasuredMs: 1,
        headroomMs: 70,
        underruns: 0,
        slip: 0,
        clockResidualMs: 0.3,
    } as const;
    const clip = {
        sampleRate: 48_000,
        isIsolated: true,
        shownLagMs: -7,
        offlineLagMs: -8,
        lagFrames: 0.025,
        directLagMs: 0.9,
        peak: 0.6,
        margin: 0.4,
        offlineMargin: 0.4,
        slip: 0,
        clockResidualMs: 0.3,
        picturesPerSecond: 60,
    };
    const measured: Measured = {
        date: '2026-01-02',
        commit: 'abc1234',
        mode: 'quick',
        machine: 'some, machine x2',
        load: 1.25,
        loadAtEnd: 1.5,
        apertureR2: 0.999,
        clips: [clip, { ...clip, lagFrames: -0.1 }],
        drift: { clip: drift, live: drift },
        liveRuns: [live, { ...live, latency: 'low', delayMs: 100.0001, errorP95Ms: 22, reportedMinusMeasuredMs: -2 }],
        analysisErrorP95Ms: 15,
        interrupts: [
            { kind: 'clip', count: 3, silenceMs: 15, heardSilenceMs: 55, peakBefore: 0.1, restMs: 123, restP95Ms: 120, closest: 0 },
        ],
        leaks: { interrupts: 200, before: counts, after: counts, starts: 9, ends: 9, nodesSeenOfLeak: 40, isLeaking: false },
        features: { rateRms: { 44100: 1e-3 }, gainChange: 1e-6, isBitIdentical: true, chunkings: 3, encoderDifference: 2e-8, encoderRange: 0.1 },
        cpu: { liveShare: 0.02, withShare: 0.1, withoutShare: 0.08, rounds: [0.02], analysisMsPerSecond: 9 },
        voidRuns: 0,
    }; // prettier-ignore

    it('judges by the worst, with its sign kept', () => {
        const report = reportOf(measured);
        expect(report.clip).toEqual({ lagFrames: -0.1, driftMsPerHour: 0.4 });
        expect(report.live).toMatchObject({ earToLipErrorP95Ms: 20, delayMs: 160, reportedMinusMeasuredMs: -2 });
        expect(report.interrupt).toEqual({ silenceMs: 15, heardSilenceMs: 55, restMs: 123 });
        expect(isPassing(report)).toBe(true);
    });

    it('misses where a mouth never comes to rest, a bit differs, or a node leaks', () => {
        const never = measured.interrupts.map((row) => ({ ...row, restMs: Number.POSITIVE_INFINITY }));
        const { verdicts, interrupt } = reportOf({
            ...measured,
            interrupts: never,
            leaks: { ...measured.leaks, isLeaking: true },
            features: { ...measured.features, isBitIdentical: false },
        });
        expect(interrupt.restMs).toBeNull();
        expect(verdicts).toMatchObject({ restMs: 'miss', leaks: 'miss', bitDifferences: 'miss', silenceMs: 'pass' });
    });

    it('lets a drift pass within two standard errors or a millisecond', () => {
        const of = (slopeMsPerHour: number, standardErrorMsPerHour: number): string | undefined => {
            const one = { ...drift, slopeMsPerHour, standardErrorMsPerHour };
            return reportOf({ ...measured, drift: { clip: one, live: one } }).verdicts['clipDriftOverBar'];
        };
        expect([of(0.99, 0.1), of(-1.5, 0.8), of(1.5, 0.2)]).toEqual(['pass', 'pass', 'miss']);
    });

    it('writes a row with the columns of the header and prints every bar', () => {
        const report = reportOf(measured);
        const row = csvRow(report);
        expect(row).toContain('2026-01-02,"some, machine x2",abc1234,quick,1.25,-0.1,0.4,');
        expect(row.replace(/"[^"]*"/g, '').split(',')).toHaveLength(CSV_HEADER.split(',').length);
        expect(withRow('', row)).toBe(`${CSV_HEADER}\n${row}\n`);
        expect(() => withRow('date,other\n', row)).toThrow(/Move the old file/);
        expect(tableOf(report)).toMatch(/^pass +20 +<= 40 +liveErrorP95Ms/m);
    });

    it('refuses an argument that it does not know, and is shorter when quick', () => {
        expect(parseOptions(['--quick', '--json'])).toEqual({ quick: true, json: true, help: false });
        expect(() => parseOptions(['--fast'])).toThrow(/got "--fast"/);
        expect(planOf(true).clips).toHaveLength(2);
        expect(planOf(false).clips).toHaveLength(4);
    });
});
