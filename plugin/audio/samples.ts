import { PgsError } from '../core/index.js';

/** Lowest and highest sample rate that the front end takes, Hz. */
const RATE_RANGE = [8000, 192000] as const;
/** Nominal full scale is 1. Beyond this, somebody passed integer PCM without dividing by 32768. */
const SAMPLE_LIMIT = 256;

/**
 * Throws unless every sample is a finite number near full scale 1. A single NaN would stay in the running statistics of
 * the normaliser for ever, so it is refused where sound comes in.
 *
 * @throws PgsError `AUDIO_FORMAT`
 */
export function assertSamples(where: string, samples: Float32Array): void {
    for (let i = 0; i < samples.length; i++) {
        const value = samples[i] as number;
        if (Math.abs(value) <= SAMPLE_LIMIT) continue; // false for NaN
        throw new PgsError(
            'AUDIO_FORMAT',
            `${where}: expected samples in -1..1, got ${value} at sample ${i}. ` +
                'Convert integer PCM to float (divide by 32768) and repair NaN before passing it.',
        );
    }
}

/** @throws PgsError `AUDIO_FORMAT` - the rate is no whole number of Hz in 8000..192000. */
export function assertSampleRate(where: string, sampleRate: number): void {
    if (Number.isInteger(sampleRate) && sampleRate >= RATE_RANGE[0] && sampleRate <= RATE_RANGE[1]) return;
    throw new PgsError(
        'AUDIO_FORMAT',
        `${where}: expected a whole sample rate in ${RATE_RANGE[0]}..${RATE_RANGE[1]} Hz, got ${sampleRate}. ` +
            'Pass the rate at which the sound was recorded.',
    );
}

/** @throws PgsError `AUDIO_FORMAT` - no samples at all. */
export function assertNotEmpty(where: string, samples: Float32Array): void {
    if (samples.length > 0) return;
    throw new PgsError(
        'AUDIO_FORMAT',
        `${where}: expected at least one sample, got an empty clip. Check that the sound was loaded.`,
    );
}

/** Mean of the channels `[C][n]` as one channel `[n]`; a single channel is returned as it is. */
export function mixToMono(channels: readonly Float32Array[]): Float32Array {
    const first = channels[0] ?? new Float32Array(0);
    if (channels.length <= 1) return first;
    const mono = new Float32Array(first.length);
    const share = 1 / channels.length;
    for (let i = 0; i < mono.length; i++) {
        let sum = 0;
        for (const channel of channels) sum += channel[i] ?? 0;
        mono[i] = sum * share;
    }
    return mono;
}
