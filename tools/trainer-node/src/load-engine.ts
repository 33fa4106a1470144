import type { Dataset } from './dataset/dataset.js';
import type { FrameRecord } from './dataset/validate.js';
import { streamFrames, type FrameImages } from './dataset/images.js';
import { LABEL_IDS } from './dataset/labels.js';
import type { FrameFacts } from './curriculum.js';
import type { Engine, FrameTruth } from './native/engine.js';
import type { Turns } from './turns.js';
import type { TrainingAudio } from './audio-features.js';

/** Name of the blink in `expressionNames`. */
const BLINK = 'AU45';

/** Most bytes of decoded frames that wait for the engine. */
const MOST_WAITING = 256 * 2 ** 20;

/** Begins the engine's dataset with all that is known of the frames but their pictures: enough to learn to hear. */
export function beginFrames(engine: Engine, { header, frames }: Dataset): void {
    const { width, height, intrinsics } = header;
    engine.dataBegin(header.frameCount, { ...intrinsics, width, height }, header.expressionNames.length);
    frames.forEach((frame, index) => engine.dataFrame(index, truthOf(frame)));
}

/** Ids of the training frames. */
export function trainingFrames({ header }: Dataset): Int32Array {
    const [first, end] = header.split.train;
    return Int32Array.from({ length: end - first }, (_, i) => first + i);
}

/**
 * Decodes every frame into the engine, and learns what the curricula need. To be called after {@link beginFrames}.
 *
 * @param turns - shared with whoever else uses the engine meanwhile.
 * @param onFrame - called with the number of frames done.
 */
export async function loadFrames(
    engine: Engine,
    dataset: Dataset,
    turns: Turns,
    onFrame: (done: number) => void,
    signal?: AbortSignal,
): Promise<FrameFacts> {
    const { header, frames } = dataset;
    const { width, height } = header;
    const mouthPixels = new Int32Array(header.frameCount);
    const most = Math.max(1, Math.floor(MOST_WAITING / (4 * width * height)));
    let waiting: { readonly index: number; readonly images: FrameImages }[] = [];
    let turn: Promise<void> = Promise.resolve();
    let done = 0;
    const put = (): void => {
        const taken = waiting;
        waiting = [];
        for (const { index, images } of taken) {
            engine.dataFrame(index, { ...truthOf(frames[index] as FrameRecord), ...images });
            onFrame(++done);
        }
    };
    await streamFrames(
        dataset,
        frames.map((_, index) => index),
        async (index, images) => {
            mouthPixels[index] = images.labels.reduce((sum, label) => sum + (label === LABEL_IDS.mouth ? 1 : 0), 0);
            waiting.push({ index, images });
            // The first to wait asks for a turn; whoever comes before it is given goes along.
            if (waiting.length === 1) turn = turns.take(put);
            if (waiting.length >= most) await turn;
        },
        signal,
    );
    await turn;
    const blinkAt = header.expressionNames.indexOf(BLINK);
    return {
        train: trainingFrames(dataset),
        mouthPixels,
        blink: Float64Array.from(frames, (frame) => (blinkAt < 0 ? 0 : (frame.expression[blinkAt] as number))),
        areaScale: (width * height) / (512 * 512),
    };
}

function truthOf({ viewmat, expression, lips, eyes, mouthOpen }: FrameRecord): FrameTruth {
    return { viewmat, expression, lips, eyes, mouthOpen };
}

/** Gives the engine the clip's features. */
export function loadAudio(engine: Engine, audio: TrainingAudio): void {
    engine.dataAudio(audio.variants, audio.melFrames, audio.mel, audio.silence);
}
