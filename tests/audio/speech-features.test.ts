import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
    CausalNormaliser,
    LogMelStream,
    Resampler,
    WINDOW_SIZE,
    computeLogMel,
    computeSpeechFeatures,
    decodeWav,
    estimateFrontEnd,
    estimatePrior,
    isVoiced,
    melBank,
    melFrameCount,
    resample,
    silenceRow,
    windowOf,
} from '../../plugin/audio/index.js';
import { MEL_BANDS, WINDOW_FRAMES, type AudioFrontEnd } from '../../plugin/core/index.js';
import { babble, noise, testFrontEnd } from './sounds.js';

const audioFormat = expect.objectContaining({ code: 'AUDIO_FORMAT' }) as Error;

function rmsDifference(a: Float32Array, b: Float32Array): number {
    expect(a.length).toBe(b.length);
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
    return Math.sqrt(sum / a.length);
}

function rms(values: Float32Array): number {
    return rmsDifference(values, new Float32Array(values.length));
}

/** Bit equality; `toEqual` would take seconds on arrays of this size. */
function isSame(a: Float32Array, b: Float32Array): boolean {
    return (
        Buffer.compare(
            Buffer.from(a.buffer, a.byteOffset, a.byteLength),
            Buffer.from(b.buffer, b.byteOffset, b.byteLength),
        ) === 0
    );
}

/** Feeds `samples` in seeded chunks of 1..700 and joins what comes out. */
function inChunks(
    samples: Float32Array,
    seed: number,
    push: (chunk: Float32Array) => Float32Array,
    flush: () => Float32Array,
): Float32Array {
    const sizes = noise(samples.length, 1 / Math.sqrt(3), seed);
    const parts: number[] = [];
    for (let start = 0, i = 0; start < samples.length; i++) {
        const size = 1 + Math.floor(350 * (1 + (sizes[i] as number)));
        for (const value of push(samples.subarray(start, start + size))) parts.push(value);
        start += size;
    }
    parts.push(...flush());
    return Float32Array.from(parts);
}

describe('resampler', () => {
    it.each([48000, 44100, 24000, 22050, 8000])('gives the same bits for any chunking at %i Hz (seed 3)', (rate) => {
        const samples = noise(rate / 4, 0.2, 3);
        const resampler = new Resampler(rate);
        const chunked = inChunks(
            samples,
            3,
            (chunk) => resampler.push(chunk),
            () => resampler.flush(),
        );
        const whole = resample(samples, rate);
        expect(whole.length).toBe(Math.ceil((samples.length * 16000) / rate));
        expect(isSame(chunked, whole)).toBe(true);
    });

    it.each([48000, 44100, 24000, 8000])('keeps a tone of 3 kHz in place and level at %i Hz', (rate) => {
        const tone = (r: number): Float32Array =>
            Float32Array.from({ length: r / 2 }, (_, i) => Math.sin((2 * Math.PI * 3000 * i) / r));
        const out = resample(tone(rate), rate);
        // The edges see the silence outside the clip.
        expect(rmsDifference(out.subarray(200, 7800), tone(16000).subarray(200, 7800))).toBeLessThan(1e-4);
    });

    it.each([48000, 44100, 24000])('removes what would fold back into the mel bank by 70 dB at %i Hz', (rate) => {
        for (const hz of [9000, 9500, 11900]) {
            const tone = Float32Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));
            expect(rms(resample(tone, rate).subarray(500, 15500))).toBeLessThan(10 ** (-70 / 20));
        }
    });

    it.each([48000, 44100, 24000])('is flat to the top of the mel bank, 0.01 dB, at %i Hz', (rate) => {
        for (const hz of [100, 6000, 7000]) {
            const tone = Float32Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));
            const level = rms(resample(tone, rate).subarray(500, 15500)) / rms(tone);
            expect(Math.abs(20 * Math.log10(level))).toBeLessThan(0.01);
        }
    });

    it('lets nothing fold back into what is heard, at another rate', () => {
        const tone = Float32Array.from({ length: 48000 }, (_, i) => Math.sin((2 * Math.PI * 8500 * i) / 48000));
        const resampler = new Resampler(48000, 16000);
        expect(rms(resampler.push(tone).subarray(500, 15500))).toBeLessThan(10 ** (-70 / 20));
    });

    it('is reusable after flush', () => {
        const resampler = new Resampler(48000);
        const samples = noise(4800, 0.1, 1);
        const once = [...resampler.push(samples), ...resampler.flush()];
        const again = [...resampler.push(samples), ...resampler.flush()];
        expect(again).toEqual(once);
    });

    it('refuses NaN, integer PCM and odd rates', () => {
        expect(() => new Resampler(48000).push(Float32Array.of(0, Number.NaN))).toThrow(/got NaN at sample 1/);
        expect(() => new Resampler(16000).push(Float32Array.of(-32768))).toThrow(audioFormat);
        for (const rate of [0, 4000, 192001, 44100.5, Number.NaN, 47999])
            expect(() => new Resampler(rate)).toThrow(audioFormat);
    });
});

describe('log-mel', () => {
    it('has ceil(n / 160) frames', () => {
        for (const n of [1, 159, 160, 161, 400, 16000, 16001]) {
            expect(computeLogMel(noise(n, 0.1, 1), 16000).count).toBe(Math.ceil(n / 160));
            expect(melFrameCount(n)).toBe(Math.ceil(n / 160));
        }
    });

    it('streams the same bits for any chunking (seed 5)', () => {
        const samples = babble(16000, 1);
        const whole = new LogMelStream();
        const expected = Float32Array.from([...whole.push(samples), ...whole.flush()]);
        const stream = new LogMelStream();
        expect(
            isSame(
                inChunks(
                    samples,
                    5,
                    (chunk) => stream.push(chunk),
                    () => stream.flush(),
                ),
                expected,
            ),
        ).toBe(true);
    });

    it('puts an impulse into exactly the frames that cover it', () => {
        const samples = new Float32Array(16000);
        samples[8000] = 0.5;
        const stream = new LogMelStream();
        const frames = Float32Array.from([...stream.push(samples), ...stream.flush()]);
        const loud = Array.from({ length: 100 }, (_, h) => h).filter(
            (h) => (frames[h * MEL_BANDS + 20] as number) > -11,
        );
        // Frame h covers [160 h, 160 h + 400): 48 and 49. Frame 50 begins on the impulse, where the window is zero, and
        // holds only its pre-emphasis echo one sample later, weighted by 6e-5.
        expect(loud).toEqual([48, 49]);
    });

    it('matches a direct float64 evaluation to 1e-4', () => {
        const samples = noise(400, 0.1, 2);
        const actual = new LogMelStream().push(samples);
        const frame = Array.from(
            samples,
            (x, i) =>
                (x - 0.97 * (i > 0 ? (samples[i - 1] as number) : 0)) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 400)),
        );
        melBank().forEach(({ firstBin, weights }, band) => {
            let energy = 0;
            weights.forEach((weight, j) => {
                let re = 0;
                let im = 0;
                frame.forEach((x, i) => {
                    re += x * Math.cos((2 * Math.PI * (firstBin + j) * i) / 512);
                    im -= x * Math.sin((2 * Math.PI * (firstBin + j) * i) / 512);
                });
                energy += weight * (re * re + im * im);
            });
            expect(actual[band]).toBeCloseTo(Math.log(energy + 1e-5), 4);
        });
    });

    it('of the fixture is what it was: a change here needs every head trained again', () => {
        const clip = decodeWav(readFileSync(new URL('../fixtures/hello-3s.wav', import.meta.url)));
        const { frames, count } = computeLogMel(clip.samples, clip.sampleRate);
        expect(count).toBe(300);
        const bandMean = (band: number): number => {
            let sum = 0;
            for (let h = 0; h < count; h++) sum += frames[h * MEL_BANDS + band] as number;
            return sum / count;
        };
        // Every fifth band; 1e-3 leaves room for another engine's cosine and logarithm.
        const expected = [-7.5334, -7.0397, -7.7668, -8.2498, -8.2224, -7.982, -7.7161, -7.8502];
        expected.forEach((mean, i) => expect(Math.abs(bandMean(5 * i) - mean)).toBeLessThan(1e-3));
    });

    it('has no empty band', () => {
        for (const { weights } of melBank())
            expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeGreaterThan(0.5);
    });

    it.each([48000, 44100, 24000])('of a %i Hz recording is that of 16 kHz to 0.01 rms', (rate) => {
        const expected = computeLogMel(babble(16000, 3), 16000).frames;
        expect(rmsDifference(computeLogMel(babble(rate, 3), rate).frames, expected)).toBeLessThan(0.01);
    });

    it.each([8000, 11025, 22050, 32000, 96000, 192000])('takes %i Hz', (rate) => {
        const { frames, count } = computeLogMel(noise(rate, 0.1, 1), rate);
        expect(count).toBe(100);
        expect(frames.every((value) => Number.isFinite(value))).toBe(true);
    });
});

describe('speech features', () => {
    const frontEnd = estimateFrontEnd(babble(16000, 4, 11), 16000);

    it('do not depend on the recording gain: -20 dB changes them by less than 1 %', () => {
        const loud = babble(16000, 3);
        const quiet = loud.map((value) => value * 0.1);
        const expected = computeSpeechFeatures(loud, 16000, frontEnd).mel;
        // Measured 3e-7 on float samples.
        expect(rmsDifference(computeSpeechFeatures(quiet, 16000, frontEnd).mel, expected) / rms(expected)).toBeLessThan(
            1e-4,
        );
        // Rounded to 16 bits after the attenuation, a recording has other noise in its gaps: measured 1.3 % on speech, 2.5 % here.
        const quantised = quiet.map((value) => Math.round(value * 32768) / 32768);
        expect(
            rmsDifference(computeSpeechFeatures(quantised, 16000, frontEnd).mel, expected) / rms(expected),
        ).toBeLessThan(0.04);
    });

    it('of a clip are those of a stream', () => {
        const samples = babble(16000, 1);
        const { frames } = computeLogMel(samples, 16000);
        const normaliser = new CausalNormaliser(frontEnd.normalisation);
        const streamed = frames.slice();
        for (let row = 0; row < streamed.length; row += 7 * MEL_BANDS)
            normaliser.push(streamed.subarray(row, row + 7 * MEL_BANDS));
        expect(isSame(streamed, computeSpeechFeatures(samples, 16000, frontEnd).mel)).toBe(true);
    });

    it('normalise causally: the future changes no frame', () => {
        const mel = computeLogMel(babble(16000, 1), 16000).frames;
        const changed = mel.slice();
        changed.fill(3, 60 * MEL_BANDS);
        for (const frames of [mel, changed]) new CausalNormaliser(frontEnd.normalisation).push(frames);
        expect(isSame(mel.subarray(0, 60 * MEL_BANDS), changed.subarray(0, 60 * MEL_BANDS))).toBe(true);
    });

    it('learn the statistics of the voice from voiced frames only', () => {
        const normaliser = new CausalNormaliser(testFrontEnd().normalisation);
        const silence = new Float32Array(3000 * MEL_BANDS).fill(Math.log(1e-5));
        normaliser.push(silence);
        const probe = new Float32Array(MEL_BANDS).fill(-2);
        const first = probe.slice();
        normaliser.push(first);
        const fresh = probe.slice();
        new CausalNormaliser(testFrontEnd().normalisation).push(fresh);
        expect(isSame(first, fresh)).toBe(true);
        // A voice 2 nats louder than the prior: after 60 s its mean has won (20 : 1).
        const voice = noise(6000 * MEL_BANDS, 1, 4).map((value) => value - 1);
        expect(isVoiced(voice, 0)).toBe(true);
        normaliser.push(voice);
        expect(rms(voice.subarray(5000 * MEL_BANDS))).toBeLessThan(1.2);
    });

    it('of silence are at rest, finite and equal to the silence outside the clip', () => {
        const { mel, silence, frames } = computeSpeechFeatures(new Float32Array(1600), 16000, frontEnd);
        expect(frames).toBe(10);
        expect(isSame(mel.subarray(0, MEL_BANDS), silence)).toBe(true);
        expect(isSame(silence, silenceRow(frontEnd.normalisation))).toBe(true);
    });

    it('refuse what is no sound', () => {
        expect(() => computeLogMel(new Float32Array(0), 16000)).toThrow(/at least one sample/);
        expect(() => computeLogMel(Float32Array.of(0, Number.POSITIVE_INFINITY), 16000)).toThrow(audioFormat);
        expect(() => estimatePrior(computeLogMel(new Float32Array(1600), 16000).frames)).toThrow(/silence/);
    });

    it('refuse another front end and a malformed normalisation', () => {
        const samples = babble(16000, 0.1);
        const other = { ...frontEnd, kind: 'hubert' } as unknown as AudioFrontEnd;
        expect(() => computeSpeechFeatures(samples, 16000, other)).toThrow(
            expect.objectContaining({ code: 'ENCODER_UNSUPPORTED' }) as Error,
        );
        for (const broken of [
            { mean: [], std: [], priorSeconds: 3 },
            { ...frontEnd.normalisation, priorSeconds: Number.NaN },
            undefined,
        ]) {
            const bad = { ...frontEnd, normalisation: broken } as unknown as AudioFrontEnd;
            expect(() => computeSpeechFeatures(samples, 16000, bad)).toThrow(
                expect.objectContaining({ code: 'ASSET_VALUE' }) as Error,
            );
        }
    });
});

describe('windows', () => {
    const frameCount = 100;
    const features = Float32Array.from(
        { length: frameCount * MEL_BANDS },
        (_, i) => Math.floor(i / MEL_BANDS) + (i % MEL_BANDS) / 100,
    );
    const silence = new Float32Array(MEL_BANDS).fill(-9);

    it('of video frame k hold frames 4k-22 .. 4k+9, bands by time', () => {
        const out = new Float32Array(WINDOW_SIZE);
        windowOf(features, frameCount, 10, out, silence);
        for (const [band, column] of [
            [0, 0],
            [39, 31],
            [17, 5],
        ] as const) {
            expect(out[band * WINDOW_FRAMES + column]).toBeCloseTo(4 * 10 - 22 + column + band / 100, 4);
        }
    });

    it('read silence outside the clip', () => {
        const out = new Float32Array(WINDOW_SIZE);
        windowOf(features, frameCount, 0, out, silence);
        expect(Array.from(out.subarray(0, WINDOW_FRAMES))).toEqual([
            ...new Array<number>(22).fill(-9),
            ...Array.from({ length: 10 }, (_, h) => h),
        ]);
        windowOf(features, frameCount, -100, out, silence);
        expect(out.every((value) => value === -9)).toBe(true);
        windowOf(features, frameCount, 1000, out, silence);
        expect(out.every((value) => value === -9)).toBe(true);
    });

    it('see an impulse 80 ms after the centre of their frame in the last columns', () => {
        const frontEnd = testFrontEnd();
        const samples = noise(16000, 1e-5, 1);
        // Video frame 10 is centred at 420 ms. 80 ms later is sample 8000, under frames 48 and 49 = columns 30 and 31.
        samples[8000] = 0.5;
        const { mel, frames, silence: rest } = computeSpeechFeatures(samples, 16000, frontEnd);
        const out = new Float32Array(WINDOW_SIZE);
        windowOf(mel, frames, 10, out, rest);
        const row = Array.from(out.subarray(20 * WINDOW_FRAMES, 21 * WINDOW_FRAMES));
        const quiet = Math.max(...row.slice(0, 30));
        expect(row[30]).toBeGreaterThan(quiet + 1);
        expect(row[31]).toBeGreaterThan(quiet + 1);
        windowOf(mel, frames, 9, out, rest);
        expect(Math.max(...out.subarray(20 * WINDOW_FRAMES, 21 * WINDOW_FRAMES))).toBeLessThanOrEqual(quiet + 0.5);
    });

    it('refuse arrays that are too short', () => {
        expect(() => windowOf(features, frameCount + 1, 0, new Float32Array(WINDOW_SIZE), silence)).toThrow(
            audioFormat,
        );
        expect(() => windowOf(features, frameCount, 0, new Float32Array(5), silence)).toThrow(audioFormat);
    });
});
