import { HOPS_PER_FRAME, MEL_BANDS, PgsError, WINDOW_FIRST, WINDOW_FRAMES } from '../core/index.js';

/** Values of one encoder input: bands x time. */
export const WINDOW_SIZE: number = MEL_BANDS * WINDOW_FRAMES;

/**
 * Cuts the encoder input of video frame k: feature frames 4k-22 .. 4k+9 as `[MEL_BANDS, WINDOW_FRAMES]`.
 *
 * @param features - normalised frames `[frameCount, MEL_BANDS]`.
 * @param k - video frame, any integer. Frames outside the clip read as `silence`.
 * @param out - `[WINDOW_SIZE]`, written whole; a subarray of a batch is fine.
 * @param silence - `[MEL_BANDS]`, see `silenceRow`.
 * @throws PgsError `AUDIO_FORMAT` - an array is too short.
 */
export function windowOf(
    features: Float32Array,
    frameCount: number,
    k: number,
    out: Float32Array,
    silence: Float32Array,
): void {
    windowFrom(features, frameCount, HOPS_PER_FRAME * k + WINDOW_FIRST, out, silence);
}

/** {@link windowOf} for the window that begins with feature frame `first`. */
export function windowFrom(
    features: Float32Array,
    frameCount: number,
    first: number,
    out: Float32Array,
    silence: Float32Array,
): void {
    if (features.length < frameCount * MEL_BANDS || out.length < WINDOW_SIZE || silence.length !== MEL_BANDS) {
        throw new PgsError(
            'AUDIO_FORMAT',
            `windowOf: expected ${frameCount} x ${MEL_BANDS} features, ${WINDOW_SIZE} outputs and ${MEL_BANDS} silence values, ` +
                `got ${features.length}, ${out.length} and ${silence.length}. Size the arrays by WINDOW_SIZE and computeSpeechFeatures.`,
        );
    }
    for (let column = 0; column < WINDOW_FRAMES; column++) {
        const h = first + column;
        const isInside = h >= 0 && h < frameCount;
        const source = isInside ? features : silence;
        const row = isInside ? h * MEL_BANDS : 0;
        for (let band = 0; band < MEL_BANDS; band++) out[band * WINDOW_FRAMES + column] = source[row + band] as number;
    }
}
