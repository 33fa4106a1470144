import { MEL_BANDS, PgsError, assertFinite, type AudioFrontEnd } from '../core/index.js';
import { HOP, LOG_FLOOR, FEATURE_RATE } from './front-end.js';

/** Frames a second. */
const FRAME_RATE = FEATURE_RATE / HOP;
/**
 * A frame is voiced - it counts in the statistics - when the mean of its log-mel bands is above this. Sound arrives here
 * at the reference speech level (level.ts), so an absolute threshold is one of loudness relative to the speech: half of
 * the frames of continuous speech pass, white noise 37 dB below the speech does not.
 */
const VOICED_MIN_MEAN = -7;
/** Smallest deviation of a band, nats: a clip of one steady tone must not blow its noise up. */
const MIN_STD = 0.25;
/**
 * Normalised features are kept within this many deviations. Speech stays inside; below it, digital silence, room tone
 * and a stop's closure become the same, so that hiss does not move lips.
 */
const LIMIT = 4;

export type Normalisation = AudioFrontEnd['normalisation'];

/**
 * Streaming normalisation per band: (x - mean) / std, with the statistics of the voice heard so far and a prior.
 *
 * With n voiced frames heard, this one included, and a prior of n0 = priorSeconds * 100 frames:
 * mean = (n0 mean0 + sum x) / (n0 + n), and the variance pools the second moments likewise. Unvoiced frames are
 * normalised but leave the statistics alone, so a pause never drifts them. Causal: a frame depends on no later one;
 * and in double precision with one order of summation, so chunking does not change a bit.
 */
export class CausalNormaliser {
    private readonly normalisation: Normalisation;
    private readonly maxWeight: number;
    private readonly sums: Float64Array = new Float64Array(MEL_BANDS);
    private readonly squares: Float64Array = new Float64Array(MEL_BANDS);
    private readonly mean: Float64Array = new Float64Array(MEL_BANDS);
    private readonly inverseStd: Float64Array = new Float64Array(MEL_BANDS);
    private weight = 0;

    /**
     * @param normalisation - a valid prior; `assertFrontEnd` checks it.
     * @param memorySeconds - voiced sound that is remembered, s; a stream that goes on for hours may change its speaker.
     */
    public constructor(normalisation: Normalisation, memorySeconds: number = Number.POSITIVE_INFINITY) {
        this.normalisation = normalisation;
        this.maxWeight = memorySeconds * FRAME_RATE;
        this.reset();
    }

    /** Forgets the voice; the prior alone is left. */
    public reset(): void {
        const { mean, std, priorSeconds } = this.normalisation;
        this.weight = priorSeconds * FRAME_RATE;
        for (let band = 0; band < MEL_BANDS; band++) {
            const mean0 = mean[band] as number;
            const std0 = std[band] as number;
            this.sums[band] = this.weight * mean0;
            this.squares[band] = this.weight * (std0 * std0 + mean0 * mean0);
            this.mean[band] = mean0;
            this.inverseStd[band] = 1 / Math.max(MIN_STD, std0);
        }
    }

    /** Normalises frames `[count, MEL_BANDS]` in place. @param isLearning - whether they count in the statistics where they are voiced. */
    public push(mel: Float32Array, isLearning = true): void {
        for (let row = 0; row + MEL_BANDS <= mel.length; row += MEL_BANDS) {
            if (isLearning && isVoiced(mel, row)) this.update(mel, row);
            for (let band = 0; band < MEL_BANDS; band++) {
                const value =
                    ((mel[row + band] as number) - (this.mean[band] as number)) * (this.inverseStd[band] as number);
                mel[row + band] = Math.max(-LIMIT, Math.min(LIMIT, value));
            }
        }
    }

    private update(mel: Float32Array, row: number): void {
        const kept = Math.min(1, this.maxWeight / (this.weight + 1));
        this.weight = kept * this.weight + 1;
        for (let band = 0; band < MEL_BANDS; band++) {
            const value = mel[row + band] as number;
            const sum = kept * (this.sums[band] as number) + value;
            const square = kept * (this.squares[band] as number) + value * value;
            const mean = sum / this.weight;
            this.sums[band] = sum;
            this.squares[band] = square;
            this.mean[band] = mean;
            this.inverseStd[band] = 1 / Math.max(MIN_STD, Math.sqrt(Math.max(0, square / this.weight - mean * mean)));
        }
    }
}

/**
 * Mean and deviation per band over the voiced frames of the training sound.
 *
 * @param mel - log-mel frames `[M, MEL_BANDS]` of `computeLogMel`.
 * @throws PgsError `AUDIO_FORMAT` - no voiced frame: the clip is silent.
 */
export function estimatePrior(mel: Float32Array): { mean: number[]; std: number[] } {
    assertFinite('AUDIO_FORMAT', 'estimatePrior mel', mel, 'Compute the frames with computeLogMel.');
    const sums = new Float64Array(MEL_BANDS);
    const squares = new Float64Array(MEL_BANDS);
    let count = 0;
    for (let row = 0; row + MEL_BANDS <= mel.length; row += MEL_BANDS) {
        if (!isVoiced(mel, row)) continue;
        count++;
        for (let band = 0; band < MEL_BANDS; band++) {
            const value = mel[row + band] as number;
            sums[band] = (sums[band] as number) + value;
            squares[band] = (squares[band] as number) + value * value;
        }
    }
    if (count === 0) {
        throw new PgsError(
            'AUDIO_FORMAT',
            `estimatePrior: expected speech, got ${mel.length / MEL_BANDS} frames of silence. Check the recording.`,
        );
    }
    const mean = Array.from(sums, (sum) => sum / count);
    const std = mean.map((m, band) =>
        Math.max(MIN_STD, Math.sqrt(Math.max(0, (squares[band] as number) / count - m * m))),
    );
    return { mean, std };
}

/** A frame of digital silence after normalisation by the prior `[MEL_BANDS]`: what lies before and after a clip. */
export function silenceRow(normalisation: Normalisation): Float32Array {
    const row = new Float32Array(MEL_BANDS).fill(Math.log(LOG_FLOOR));
    for (let band = 0; band < MEL_BANDS; band++) {
        const { mean, std } = normalisation;
        const value = ((row[band] as number) - (mean[band] as number)) / Math.max(MIN_STD, std[band] as number);
        row[band] = Math.max(-LIMIT, Math.min(LIMIT, value));
    }
    return row;
}

/** Whether the log-mel frame at `mel[row]` counts in the statistics. */
export function isVoiced(mel: Float32Array, row: number): boolean {
    let sum = 0;
    for (let band = 0; band < MEL_BANDS; band++) sum += mel[row + band] as number;
    return sum > VOICED_MIN_MEAN * MEL_BANDS;
}
