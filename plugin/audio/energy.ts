import { MEL_BANDS } from '../core/index.js';

/** Mean of the normalised bands in a pause of speech and on a stressed vowel (measured on the training voice: 5th and 95th percentile). */
const QUIET = -1.5;
const LOUD = 1.2;

/** Loudness of a normalised feature frame against the voice's own level, 0..1. */
export function energyOf(mel: Float32Array, row: number): number {
    let sum = 0;
    for (let band = 0; band < MEL_BANDS; band++) sum += mel[row + band] as number;
    return Math.max(0, Math.min(1, (sum / MEL_BANDS - QUIET) / (LOUD - QUIET)));
}
