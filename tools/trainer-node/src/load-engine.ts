import type { Dataset } from './dataset/dataset.js';
import { streamFrames } from './dataset/images.js';
import { LABEL_IDS } from './dataset/labels.js';
import type { FrameFacts } from './curriculum.js';
import type { Engine } from './native/engine.js';
import type { TrainingAudio } from './audio-features.js';

/** Name of the blink in `expressionNames`. */
const BLINK = 'AU45';

/**
 * Decodes every frame into the engine, a few at a time, and learns what the curricula need.
 *
 * @param onFrame - called with the number of frames done.
 */
export async function loadFrames(
    engine: Engine,
    dataset: Dataset,
    onFrame: (done: number) => void,
    signal?: AbortSignal,
): Promise<FrameFacts> {
    const { header, frames } = dataset;
    const { width, height, intrinsics, split } = header;
    engine.dataBegin(header.frameCount, { ...intrinsics, width, height }, header.expressionNames.length);
    const mouthPixels = new Int32Array(header.frameCount);
    let done = 0;
    await streamFrames(
        dataset,
        frames.map((_, index) => index),
        (index, { rgb, labels }) => {
            const frame = frames[index] as (typeof frames)[number];
            engine.dataFrame(index, {
                rgb,
                labels,
                viewmat: frame.viewmat,
                expression: frame.expression,
                lips: frame.lips,
                eyes: frame.eyes,
                mouthOpen: frame.mouthOpen,
            });
            let count = 0;
            for (let p = 0; p < labels.length; p++) if (labels[p] === LABEL_IDS.mouth) count++;
            mouthPixels[index] = count;
            onFrame(++done);
        },
        signal,
    );
    const blinkAt = header.expressionNames.indexOf(BLINK);
    return {
        train: Int32Array.from({ length: split.train[1] - split.train[0] }, (_, i) => split.train[0] + i),
        mouthPixels,
        blink: Float64Array.from(frames, (frame) => (blinkAt < 0 ? 0 : (frame.expression[blinkAt] as number))),
        areaScale: (width * height) / (512 * 512),
    };
}

/** Gives the engine the clip's features. */
export function loadAudio(engine: Engine, audio: TrainingAudio): void {
    engine.dataAudio(audio.variants, audio.melFrames, audio.mel, audio.silence);
}
