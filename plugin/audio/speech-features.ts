import { MEL_BANDS, type AudioFrontEnd } from '../core/index.js';
import { DEFAULT_FRONT_END, PRIOR_SECONDS, assertFrontEnd, FEATURE_RATE } from './front-end.js';
import { speechGain } from './level.js';
import { LogMelStream, melFrameCount } from './log-mel.js';
import { CausalNormaliser, estimatePrior, silenceRow } from './normaliser.js';
import { Resampler } from './resampler.js';
import { assertNotEmpty, assertSampleRate, assertSamples } from './samples.js';

/** Log-mel frames of a clip `[count, MEL_BANDS]`, not normalised. */
export interface LogMel {
    readonly frames: Float32Array;
    readonly count: number;
}

/** Normalised features of a clip. */
export interface SpeechFeatures {
    /** `[frames, MEL_BANDS]`. */
    readonly mel: Float32Array;
    readonly frames: number;
    /** What the frames before and after the clip read as `[MEL_BANDS]`. */
    readonly silence: Float32Array;
}

/** Samples analysed between two progress reports: one second at 16 kHz, about 10 ms of work. */
const STEP = FEATURE_RATE;

/**
 * Log-mel frames of a whole clip at the reference speech level; frame count ceil(n / 160) for n samples at 16 kHz.
 *
 * @param samples - mono `[n]`, -1..1, n >= 1.
 * @param sampleRate - Hz, 8000..192000.
 * @throws PgsError `AUDIO_FORMAT` - empty, NaN, integer PCM, or a rate out of range.
 */
export function computeLogMel(samples: Float32Array, sampleRate: number): LogMel {
    return runToEnd(logMelSteps(samples, sampleRate));
}

/**
 * Normalised speech features of a whole clip: the same code, to the last bit, in the trainer and in the page.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - a front end that this version does not implement.
 * @throws PgsError `AUDIO_FORMAT` - as {@link computeLogMel}.
 */
export function computeSpeechFeatures(
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
): SpeechFeatures {
    return runToEnd(speechFeatureSteps(samples, sampleRate, frontEnd));
}

/** The front end of a new head: {@link DEFAULT_FRONT_END} with the statistics of its training sound. */
export function estimateFrontEnd(samples: Float32Array, sampleRate: number): AudioFrontEnd {
    const { mean, std } = estimatePrior(computeLogMel(samples, sampleRate).frames);
    return { ...DEFAULT_FRONT_END, normalisation: { mean, std, priorSeconds: PRIOR_SECONDS } };
}

/** {@link computeSpeechFeatures} in steps of some milliseconds; yields the share done, 0..1. */
export function* speechFeatureSteps(
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
): Generator<number, SpeechFeatures, void> {
    assertFrontEnd(frontEnd);
    const { frames, count } = yield* logMelSteps(samples, sampleRate);
    new CausalNormaliser(frontEnd.normalisation).push(frames);
    return { mel: frames, frames: count, silence: silenceRow(frontEnd.normalisation) };
}

function* logMelSteps(samples: Float32Array, sampleRate: number): Generator<number, LogMel, void> {
    assertSampleRate('speech features', sampleRate);
    assertNotEmpty('speech features', samples);
    assertSamples('speech features', samples);
    const pcm = yield* resampleSteps(samples, sampleRate);
    const count = melFrameCount(pcm.length);
    const frames = new Float32Array(count * MEL_BANDS);
    const stream = new LogMelStream(speechGain(pcm));
    let filled = 0;
    for (let start = 0; start < pcm.length; start += STEP) {
        const part = stream.push(pcm.subarray(start, start + STEP));
        frames.set(part, filled);
        filled += part.length;
        yield 0.5 + 0.5 * (start / pcm.length);
    }
    frames.set(stream.flush(), filled);
    return { frames, count };
}

function* resampleSteps(samples: Float32Array, sampleRate: number): Generator<number, Float32Array, void> {
    if (sampleRate === FEATURE_RATE) return samples;
    const resampler = new Resampler(sampleRate);
    const pcm = new Float32Array(Math.ceil((samples.length * FEATURE_RATE) / sampleRate));
    let filled = 0;
    for (let start = 0; start < samples.length; start += sampleRate) {
        const part = resampler.push(samples.subarray(start, start + sampleRate));
        pcm.set(part, filled);
        filled += part.length;
        yield 0.5 * (start / samples.length);
    }
    pcm.set(resampler.flush(), filled);
    return pcm;
}

function runToEnd<T>(steps: Generator<number, T, void>): T {
    for (;;) {
        const step = steps.next();
        if (step.done === true) return step.value;
    }
}
