import { computeLogMel, computeSpeechFeatures, TsEncoder, WINDOW_SIZE, windowOf } from '../../../plugin/audio/index.js';
import { OrtEncoder } from '../../../plugin/audio/ort/index.js';
import { AUDIO_FEAT_DIM, HOPS_PER_FRAME, type HeadAsset } from '../../../plugin/core/index.js';
import { babble } from '../../audio/sounds.js';
import { relativeRms } from '../frame/statistics.js';
import { hashFeatures } from './feature-hash.js';
import type { Speech } from './speech.js';
import type { VoicePages } from './voice-page.js';

/** Fidelity of the features. */
export interface FeatureFacts {
    /** Log-mel of the same sound at 44.1, 48 and 24 kHz against 16 kHz, nats rms. */
    readonly rateRms: Readonly<Record<string, number>>;
    /** Change of the normalised features by a gain of -20 dB, relative rms. */
    readonly gainChange: number;
    /** Node and Chromium agree to the last bit, as a clip and as a stream in any chunks. */
    readonly isBitIdentical: boolean;
    readonly chunkings: number;
    /** Our executor against onnxruntime-web on every window of the speech: largest difference, and largest f_a. */
    readonly encoderDifference: number;
    readonly encoderRange: number;
}

const CHUNKINGS = 3;

export async function measureFeaturesAsync(pages: VoicePages, head: HeadAsset, speech: Speech): Promise<FeatureFacts> {
    const encoder = await measureEncoderAsync(head, speech);
    return {
        rateRms: Object.fromEntries([44_100, 48_000, 24_000].map((rate) => [rate, rateRms(rate)])),
        gainChange: gainChange(head, speech),
        isBitIdentical: await isBitIdentical(pages, head, speech),
        chunkings: CHUNKINGS,
        encoderDifference: encoder.difference,
        encoderRange: encoder.range,
    };
}

/** A sound that is a function of time, sampled at both rates: no other resampler takes part. */
function rateRms(rate: number): number {
    const seconds = 10;
    const expected = computeLogMel(babble(16_000, seconds), 16_000).frames;
    const actual = computeLogMel(babble(rate, seconds), rate).frames;
    let squares = 0;
    for (let i = 0; i < expected.length; i++) squares += ((actual[i] as number) - (expected[i] as number)) ** 2;
    return Math.sqrt(squares / expected.length);
}

function gainChange(head: HeadAsset, { samples, sampleRate }: Speech): number {
    const quiet = samples.map((value) => value / 10);
    const expected = computeSpeechFeatures(samples, sampleRate, head.audio).mel;
    return relativeRms(computeSpeechFeatures(quiet, sampleRate, head.audio).mel, expected);
}

async function isBitIdentical(pages: VoicePages, head: HeadAsset, { samples, sampleRate }: Speech): Promise<boolean> {
    const { page } = await pages.openAsync(true);
    const encoder = TsEncoder.fromOnnx(head.encoderOnnx);
    const expected = await hashFeatures(samples, sampleRate, head.audio, encoder, 0);
    for (let seed = 1; seed <= CHUNKINGS; seed++) {
        const here = await hashFeatures(samples, sampleRate, head.audio, encoder, seed);
        const there = await page.evaluate((n) => globalThis.voiceBench.hashAsync(n), 100 + seed);
        for (const { clip, stream } of [here, there])
            if (clip !== expected.clip || stream !== expected.stream) return false;
    }
    return true;
}

async function measureEncoderAsync(
    head: HeadAsset,
    { samples, sampleRate }: Speech,
): Promise<{ difference: number; range: number }> {
    const { mel, frames, silence } = computeSpeechFeatures(samples, sampleRate, head.audio);
    const count = Math.ceil(frames / HOPS_PER_FRAME);
    const windows = new Float32Array(count * WINDOW_SIZE);
    for (let n = 0; n < count; n++)
        windowOf(mel, frames, n, windows.subarray(n * WINDOW_SIZE, (n + 1) * WINDOW_SIZE), silence);
    const [ours, theirs] = [new Float32Array(count * AUDIO_FEAT_DIM), new Float32Array(count * AUDIO_FEAT_DIM)];
    TsEncoder.fromOnnx(head.encoderOnnx).encode(windows, count, ours);
    const ort = await OrtEncoder.createAsync(head.encoderOnnx);
    await ort.encode(windows, count, theirs);
    await ort.dispose();
    let [difference, range] = [0, 0];
    for (let i = 0; i < ours.length; i++) {
        difference = Math.max(difference, Math.abs((ours[i] as number) - (theirs[i] as number)));
        range = Math.max(range, Math.abs(ours[i] as number));
    }
    return { difference, range };
}
