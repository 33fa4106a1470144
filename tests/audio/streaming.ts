import { readFileSync } from 'node:fs';
import {
    WINDOW_SIZE,
    decodeWav,
    type AudioEncoder,
    type FeatureTimeline,
    type WavClip,
} from '../../plugin/audio/index.js';
import type { SpeechStream, StreamFrames } from '../../plugin/audio/speech-stream.js';
import { AUDIO_FEAT_DIM, WINDOW_FRAMES } from '../../plugin/core/index.js';
import { noise } from './sounds.js';

/** The window column of the feature frame at the centre of a window. */
const CENTRE = 23;

/**
 * An encoder cheap enough for minutes of sound, whose f_a can be read: value 0 is band 20 at the centre of the window, value 1 the mean
 * of the window, the rest 0. `tell` sees every call.
 */
export function stubEncoder(tell: (count: number) => void = () => undefined): AudioEncoder {
    return {
        encode: (windows, count, out) => {
            tell(count);
            out.fill(0, 0, count * AUDIO_FEAT_DIM);
            for (let n = 0; n < count; n++) {
                const window = windows.subarray(n * WINDOW_SIZE, (n + 1) * WINDOW_SIZE);
                out[n * AUDIO_FEAT_DIM] = window[20 * WINDOW_FRAMES + CENTRE] as number;
                let sum = 0;
                for (const value of window) sum += value;
                out[n * AUDIO_FEAT_DIM + 1] = sum / WINDOW_SIZE;
            }
        },
    };
}

/** Cuts samples into seeded pieces of 0..`longest`, each in memory of its own; seed 0 gives one piece. */
export function pieces(samples: Float32Array, seed: number, longest = 3000): Float32Array[] {
    if (seed === 0) return [samples.slice()];
    const sizes = noise(samples.length, 1 / Math.sqrt(3), seed);
    const cut: Float32Array[] = [];
    for (let start = 0, i = 0; start < samples.length; i++) {
        const size = Math.floor((longest + 1) * 0.4999 * (1 + (sizes[i] as number)));
        cut.push(samples.slice(start, start + size));
        start += size;
    }
    return cut;
}

/** All frames of a stream that is given these pieces, checked to follow one another. */
export async function framesOf(stream: SpeechStream, parts: readonly Float32Array[]): Promise<StreamFrames> {
    const all: StreamFrames[] = [];
    for (const part of parts) all.push(await stream.push(part));
    all.push(await stream.end());
    return join(all);
}

/** Frames of several answers in one; throws where one does not follow the other. */
export function join(all: readonly StreamFrames[]): StreamFrames {
    const count = all.reduce((sum, { energy }) => sum + energy.length, 0);
    const features = new Float32Array(count * AUDIO_FEAT_DIM);
    const energy = new Float32Array(count);
    let at = 0;
    for (const frames of all) {
        if (frames.first !== at) throw new Error(`frames from ${frames.first} on do not follow ${at}`);
        features.set(frames.features, at * AUDIO_FEAT_DIM);
        energy.set(frames.energy, at);
        at += frames.energy.length;
    }
    return { first: 0, features, energy };
}

/** A clip's timeline at the times of a stream's frames. */
export function streamedClip(clip: FeatureTimeline): StreamFrames {
    const count = Math.ceil(clip.duration * 50);
    const features = new Float32Array(count * AUDIO_FEAT_DIM);
    for (let j = 0; j < count; j++)
        clip.sample((j + 0.5) / 50, features.subarray(j * AUDIO_FEAT_DIM, (j + 1) * AUDIO_FEAT_DIM));
    return {
        first: 0,
        features,
        energy: Float32Array.from({ length: count }, (_, j) => clip.energyAt((j + 0.5) / 50)),
    };
}

export function isSame(a: Float32Array, b: Float32Array): boolean {
    return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}

export function rms(values: ArrayLike<number>): number {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
    return Math.sqrt(sum / Math.max(1, values.length));
}

/** Pearson's, of two series of one length. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
    const n = a.length;
    let [sumA, sumB] = [0, 0];
    for (let i = 0; i < n; i++) {
        sumA += a[i] as number;
        sumB += b[i] as number;
    }
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
        const x = (a[i] as number) - sumA / n;
        const y = (b[i] as number) - sumB / n;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return ab / Math.sqrt(aa * bb);
}

/** Value `dim` of each frame. */
export function track({ features }: StreamFrames, dim: number): Float32Array {
    return Float32Array.from(
        { length: features.length / AUDIO_FEAT_DIM },
        (_, k) => features[k * AUDIO_FEAT_DIM + dim] as number,
    );
}

/** The 3 s of speech that the tests share. */
export function hello(): WavClip {
    return decodeWav(readFileSync(new URL('../fixtures/hello-3s.wav', import.meta.url)));
}

/** Speech over and over, n seconds. */
export function talk(seconds: number, gain = 1): Float32Array {
    const { samples, sampleRate } = hello();
    return Float32Array.from(
        { length: sampleRate * seconds },
        (_, i) => gain * (samples[i % samples.length] as number),
    );
}

export function concat(...parts: readonly Float32Array[]): Float32Array {
    const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
        all.set(part, at);
        at += part.length;
    }
    return all;
}
