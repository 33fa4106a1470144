import type { TrainConfig } from './config.js';
import type { Engine } from './native/engine.js';
import { randomStream } from './random.js';

/** Steps between two settings of the step size, and between two looks at Ctrl-C. */
const CHUNK = 100;
/** Share of the step size left at the end; reached exponentially. */
const FINAL = 0.01;

/** What of an engine takes part. */
export type Ear = Pick<Engine, 'set' | 'hearingRun'>;

/**
 * Teaches the audio encoder, alone, how far the mouth is open, from the training frames' `mouthOpen`.
 *
 * Through a renderer the encoder hears one window an iteration; here a batch costs milliseconds. It starts the deformation stage with features
 * that already follow the lips, also for speech it never heard (config.ts has the figures).
 *
 * @param train - ids of the training frames.
 * @param onStep - called with the steps done and the r.m.s. error of the last chunk.
 */
export async function learnToHear(
    engine: Ear,
    config: TrainConfig,
    train: Int32Array,
    signal: AbortSignal,
    onStep: (done: number, error: number) => void,
): Promise<void> {
    const { steps, batch, lr } = config.hearing;
    engine.set('iteration', 0);
    for (let done = 0; done < steps && !signal.aborted;) {
        const count = Math.min(CHUNK, steps - done);
        engine.set('lr.encoder', lr * FINAL ** (done / steps));
        const random = randomStream(config.seed, 0x4ea2, done);
        const frames = Int32Array.from(
            { length: count * batch },
            () => train[Math.floor(random() * train.length)] as number,
        );
        const loss = await engine.hearingRun(frames, batch);
        done += count;
        onStep(done, Math.sqrt(2 * loss));
    }
}
