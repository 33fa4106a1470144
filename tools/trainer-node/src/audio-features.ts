import { computeSpeechFeatures, estimateFrontEnd } from '../../../plugin/audio/index.js';
import { MEL_BANDS, type AudioFrontEnd } from '../../../plugin/core/index.js';
import { featureVariants } from './audio-augment.js';
import type { Dataset } from './dataset/dataset.js';

/** Everything the engine needs to hear the clip. */
export interface TrainingAudio {
    /** What the asset stores, with the statistics of the training part of the clip. */
    readonly frontEnd: AudioFrontEnd;
    readonly variants: number;
    readonly melFrames: number;
    /** `[variants, melFrames, MEL_BANDS]`; variant 0 is what the runtime computes, to the last bit. */
    readonly mel: Float32Array;
    /** `[MEL_BANDS]`: what lies before and after the clip. */
    readonly silence: Float32Array;
}

/**
 * Speech features of a dataset and its augmented takes.
 *
 * The statistics come from the training split only, so the test split stays unseen.
 *
 * @throws PgsError `AUDIO_FORMAT` - the training part holds no speech.
 */
export function trainingAudio(dataset: Dataset, variants: number, seed: number): TrainingAudio {
    const { samples, sampleRate, header } = dataset;
    const [first, end] = header.split.train;
    const perFrame = sampleRate / header.fps;
    const frontEnd = estimateFrontEnd(samples.subarray(first * perFrame, end * perFrame), sampleRate);
    const { mel, frames, silence } = computeSpeechFeatures(samples, sampleRate, frontEnd);
    const clean = mel.slice(0, frames * MEL_BANDS);
    return {
        frontEnd,
        variants,
        melFrames: frames,
        mel: featureVariants(clean, samples, sampleRate, frontEnd, variants, seed),
        silence,
    };
}
