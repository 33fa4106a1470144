import { computeSpeechFeatures, type AudioEncoder } from '../../../plugin/audio/index.js';
import { restFeature } from '../../../plugin/audio/rest-feature.js';
import { SpeechStream } from '../../../plugin/audio/speech-stream.js';
import type { AudioFrontEnd } from '../../../plugin/core/index.js';

/** Bits of features as 16 hexadecimal digits; equal for equal bits. */
export interface FeatureHashes {
    /** Normalised log-mel of a clip. */
    readonly clip: string;
    /** f_a of a stream. */
    readonly stream: string;
}

/** Sound at a time that is analysed, samples at most. */
const MAX_CHUNK = 5000;

/**
 * Hashes what the analysis gives for a sound, as a clip and as a stream in chunks of random lengths. The same code runs in Node and in
 * the page.
 *
 * @param seed - of the lengths; 0 for one chunk.
 */
export async function hashFeatures(
    samples: Float32Array,
    sampleRate: number,
    frontEnd: AudioFrontEnd,
    encoder: AudioEncoder,
    seed: number,
): Promise<FeatureHashes> {
    const stream = new Hash();
    const speech = new SpeechStream(sampleRate, frontEnd, encoder, await restFeature(frontEnd, encoder));
    let state = seed;
    for (let at = 0; at < samples.length;) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const length = seed === 0 ? samples.length : 1 + Math.floor((state / 2 ** 32) * MAX_CHUNK);
        stream.add((await speech.push(samples.subarray(at, at + length))).features);
        at += length;
    }
    stream.add((await speech.end()).features);
    const clip = new Hash();
    clip.add(computeSpeechFeatures(samples, sampleRate, frontEnd).mel);
    return { clip: clip.text, stream: stream.text };
}

/** Two FNV-1a hashes with different beginnings, over 32-bit words. */
class Hash {
    private low = 0x811c9dc5;
    private high = 0x1b873593;

    public add(values: Float32Array): void {
        for (const bits of new Uint32Array(values.buffer, values.byteOffset, values.length)) {
            this.low = Math.imul(this.low ^ bits, 0x01000193);
            this.high = Math.imul(this.high ^ (bits >>> 7) ^ (bits << 11), 0x01000193);
        }
    }

    public get text(): string {
        return [this.high, this.low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
    }
}
