import { AUDIO_FEAT_DIM, HOPS_PER_FRAME, MEL_BANDS, type AudioFrontEnd } from '../core/index.js';
import type { AudioEncoder } from './encoder.js';
import { energyOf } from './energy.js';
import { FeatureTimeline } from './feature-timeline.js';
import { FEATURE_FPS } from './front-end.js';
import { restFeature } from './rest-feature.js';
import { speechFeatureSteps, type SpeechFeatures } from './speech-features.js';
import { WINDOW_SIZE, windowOf } from './windows.js';

export interface AnalyseOptions {
    /** Told the share done, 0..1, rising; the last call is with 1. */
    readonly onProgress?: (share: number) => void;
    /** Ends the analysis with the signal's reason. */
    readonly signal?: AbortSignal;
}

/** Work between two pauses for the page, ms: half of a 60 Hz frame. */
const SLICE_MS = 8;
/** Windows encoded in one call. */
const BATCH = 25;
/** Features take about as long as the encoder. */
const FEATURE_SHARE = 0.5;

/**
 * f_a of a known clip, ahead of time (mode A). Works in slices of some milliseconds, so a page keeps drawing meanwhile;
 * a minute of 48 kHz sound takes about a second.
 *
 * @param samples - mono, -1..1; read during the whole call.
 * @throws PgsError `AUDIO_FORMAT`, `ENCODER_UNSUPPORTED` - as `computeSpeechFeatures`.
 */
export async function analyseClip(
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
    encoder: AudioEncoder,
    options: AnalyseOptions = {},
): Promise<FeatureTimeline> {
    const pause = pauser(options.signal);
    const features = await featuresOf(samples, sampleRate, frontEnd, options, pause);
    const frameCount = Math.ceil(features.frames / HOPS_PER_FRAME);
    const audioFeat = new Float32Array(frameCount * AUDIO_FEAT_DIM);
    const energy = Float32Array.from({ length: frameCount }, (_, k) =>
        energyOf(features.mel, Math.min(features.frames - 1, HOPS_PER_FRAME * k + 1) * MEL_BANDS),
    );
    const windows = new Float32Array(BATCH * WINDOW_SIZE);
    for (let first = 0; first < frameCount; first += BATCH) {
        const count = Math.min(BATCH, frameCount - first);
        for (let n = 0; n < count; n++) {
            windowOf(
                features.mel,
                features.frames,
                first + n,
                windows.subarray(n * WINDOW_SIZE, (n + 1) * WINDOW_SIZE),
                features.silence,
            );
        }
        await encoder.encode(
            windows,
            count,
            audioFeat.subarray(first * AUDIO_FEAT_DIM, (first + count) * AUDIO_FEAT_DIM),
        );
        options.onProgress?.(FEATURE_SHARE + (1 - FEATURE_SHARE) * ((first + count) / frameCount));
        await pause();
    }
    return new FeatureTimeline(
        audioFeat,
        FEATURE_FPS,
        samples.length / sampleRate,
        await restFeature(frontEnd, encoder),
        energy,
    );
}

async function featuresOf(
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
    options: AnalyseOptions,
    pause: () => Promise<void>,
): Promise<SpeechFeatures> {
    const steps = speechFeatureSteps(samples, sampleRate, frontEnd);
    for (;;) {
        const step = steps.next();
        if (step.done === true) return step.value;
        options.onProgress?.(FEATURE_SHARE * step.value);
        await pause();
    }
}

/** A pause that gives the event loop a turn when the slice is used up, and ends the work when it was aborted. */
function pauser(signal: AbortSignal | undefined): () => Promise<void> {
    let sliceStart = performance.now();
    return async () => {
        signal?.throwIfAborted();
        if (performance.now() - sliceStart < SLICE_MS) return;
        await nextTask();
        signal?.throwIfAborted();
        sliceStart = performance.now();
    };
}

/** A turn of the event loop by message, since timers of a hidden page wait for a second each. */
function nextTask(): Promise<void> {
    return new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
            port1.close();
            resolve();
        };
        port2.postMessage(null);
    });
}
