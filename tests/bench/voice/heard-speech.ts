import { aperturesOf, type Aperture } from './aperture.js';
import { curveThrough, STEP_MS, type Curve } from './lag.js';
import { atRate, locate } from './locate.js';
import type { Run } from './packed.js';
import { fitPageClock, type PageClock } from './page-clock.js';
import type { Speech } from './speech.js';

/** Frames a second of the offline analysis; frame k is centred at (k + 0.5) / 25 s (contracts.md 3). */
export const OFFLINE_FPS = 25;
/** Length of what is looked for, s: long enough to be unlike any other part of the speech. */
const PIECE_SECONDS = 6;
/** The lips glide in at the beginning and out at the end; both are left out, s. */
const EDGE_SECONDS = 0.6;
/** What was not found with this correlation was not heard. */
const LEAST_PEAK = 0.9;

/** The speech, and what it does to the mouth. */
export interface KnownSpeech {
    readonly speech: Speech;
    /** Opening of the mouth in every frame of the offline analysis, mm. */
    readonly offline: Float64Array;
    readonly aperture: Aperture;
}

/** A run on the page's clock: what was shown, and what the offline analysis shows for what was heard. */
export interface HeardSpeech {
    readonly clock: PageClock;
    /** Context time at which the first sample of the speech left the voice, s, by cross-correlation. */
    readonly speechStart: number;
    /** Samples of the output that came too many or were missing between the first and the last piece. */
    readonly slip: number;
    /** Opening of the mouth in the pictures, mm. */
    readonly shown: Curve;
    /** Opening of the mouth of what was heard, mm. */
    readonly heard: Curve;
}

/**
 * Lays a run on the page's clock.
 *
 * @param seconds - length of the speech that was heard, s.
 * @throws Error - the speech is not in the recording.
 */
export function layOut(run: Run, { speech, offline, aperture }: KnownSpeech, seconds: number): HeardSpeech {
    const { sampleRate } = run;
    const piece = (from: number): Float32Array => {
        const first = Math.round(from * speech.sampleRate);
        const samples = speech.samples.subarray(first, first + PIECE_SECONDS * speech.sampleRate);
        return atRate(samples, speech.sampleRate, sampleRate);
    };
    // Anywhere in the first ten seconds, then at the one place where it must be.
    const find = (wanted: Float32Array, from: number, end: number): number => {
        const { sample, peak } = locate(wanted, run.output, from, end);
        if (peak >= LEAST_PEAK) return sample;
        throw new Error(`bench: expected the speech in the recording, got a correlation of ${peak.toFixed(2)}.`);
    };
    const first = find(piece(0), 0, 10 * sampleRate);
    const last = Math.floor(seconds - PIECE_SECONDS);
    const expected = first + last * sampleRate;
    const again = find(piece(last), expected - sampleRate / 2, expected + sampleRate / 2);
    const clock = fitPageClock(run.pairPages, run.pairHeard);
    const speechStart = run.outputStart + first / sampleRate;
    const start = clock.pageOf(speechStart + EDGE_SECONDS);
    const count = Math.floor((1000 * (seconds - 2 * EDGE_SECONDS)) / STEP_MS);
    const frameTimes = Float64Array.from(offline, (_, k) => clock.pageOf(speechStart + (k + 0.5) / OFFLINE_FPS));
    return {
        clock,
        speechStart,
        slip: again - expected,
        shown: curveThrough(run.pages, aperturesOf(aperture, run.features), start, count),
        heard: curveThrough(frameTimes, offline, start, count),
    };
}
