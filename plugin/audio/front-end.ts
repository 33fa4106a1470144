import { HOPS_PER_FRAME, MEL_BANDS, PgsError, WINDOW_FIRST, WINDOW_FRAMES, type AudioFrontEnd } from '../core/index.js';

/** Rate that all speech features are computed at, Hz. */
export const FEATURE_RATE = 16000;
/** Samples between two feature frames: 10 ms. */
export const HOP = 160;
/** Rate of f_a in a clip: one a video frame, 25 a second. */
export const FEATURE_FPS: number = FEATURE_RATE / (HOP * HOPS_PER_FRAME);
/**
 * Highest rate of f_a in a stream: twice that of a clip. A frame can be shown only when the one after is there, and that is 20 ms
 * sooner; where there is time, a stream has {@link FEATURE_FPS} and costs half.
 */
export const STREAM_FPS = 50;
/** Samples under the Hann window of a feature frame: 25 ms. */
export const FRAME_LENGTH = 400;
export const FFT_SIZE = 512;
export const PRE_EMPHASIS = 0.97;
export const MEL_MIN_HZ = 60;
/** Below the 8 kHz Nyquist frequency, so that no resampler's roll-off reaches the features. */
export const MEL_MAX_HZ = 7000;
/** Added to a band's energy before the logarithm: about -70 dBFS of white noise. */
export const LOG_FLOOR = 1e-5;
/** Weight of the trained statistics against those of the voice being heard, seconds of voiced sound. */
export const PRIOR_SECONDS = 3;

/**
 * The only front end of this version; the asset adds the `normalisation` measured on its training sound.
 *
 * `log-mel-v1` is: resample to 16 kHz ({@link Resampler}), scale a clip to the reference speech level (level.ts),
 * log-mel frames (log-mel.ts), causal normalisation with a prior (normaliser.ts), windows (windows.ts).
 * Feature frame h covers samples [160 h, 160 h + 400), centre 10 h + 12.5 ms. Video frame k is centred at 40 k + 20 ms.
 */
export const DEFAULT_FRONT_END: Omit<AudioFrontEnd, 'normalisation'> = {
    kind: 'log-mel-v1',
    sampleRate: FEATURE_RATE,
    hop: HOP,
    windowLength: FRAME_LENGTH,
    fftSize: FFT_SIZE,
    preEmphasis: PRE_EMPHASIS,
    melBands: MEL_BANDS,
    melMinHz: MEL_MIN_HZ,
    melMaxHz: MEL_MAX_HZ,
    logFloor: LOG_FLOOR,
    hopsPerFrame: HOPS_PER_FRAME,
    windowFrames: WINDOW_FRAMES,
    windowFirst: WINDOW_FIRST,
    lookAheadMs: 80,
};

/**
 * Throws unless this code computes exactly the features that the front end describes.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - a parameter differs from {@link DEFAULT_FRONT_END}; names it and both values.
 * @throws PgsError `ASSET_VALUE` - the normalisation is malformed.
 */
export function assertFrontEnd(frontEnd: AudioFrontEnd): void {
    for (const key of Object.keys(DEFAULT_FRONT_END) as (keyof typeof DEFAULT_FRONT_END)[]) {
        if (frontEnd[key] === DEFAULT_FRONT_END[key]) continue;
        throw new PgsError(
            'ENCODER_UNSUPPORTED',
            `audio.${key}: expected ${DEFAULT_FRONT_END[key]}, got ${frontEnd[key]}. ` +
                'This head was trained with a front end that this version does not implement; update the plugin or export the head again.',
        );
    }
    const normalisation = frontEnd.normalisation as AudioFrontEnd['normalisation'] | undefined;
    const { mean = [], std = [], priorSeconds = Number.NaN } = normalisation ?? {};
    const isSound =
        Array.isArray(mean) &&
        Array.isArray(std) &&
        mean.length === MEL_BANDS &&
        std.length === MEL_BANDS &&
        mean.every((value) => Number.isFinite(value)) &&
        std.every((value) => Number.isFinite(value) && value > 0) &&
        Number.isFinite(priorSeconds) &&
        priorSeconds >= 0;
    if (isSound) return;
    throw new PgsError(
        'ASSET_VALUE',
        `audio.normalisation: expected ${MEL_BANDS} finite means, ${MEL_BANDS} positive deviations and priorSeconds >= 0, ` +
            `got ${mean.length} means, ${std.length} deviations, priorSeconds ${priorSeconds}. Export the head again.`,
    );
}
