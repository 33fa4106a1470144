import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MEL_BANDS } from '../../plugin/core/index.js';
import { learnToHear } from '../../tools/trainer-node/src/hearing.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { presetConfig } from '../../tools/trainer-node/src/presets.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu.so')));
const FRAMES = 60;
const SIDE = 8;
const config = presetConfig('tiny');

/** Half of the bands swell and fade with the mouth, the others say nothing. */
function openClip(mouthOpen: (frame: number) => number, threads = 2): Engine {
    const engine = Engine.open({ threads, seed: 3 });
    engine.dataBegin(FRAMES, { fx: 9, fy: 9, cx: 4, cy: 4, width: SIDE, height: SIDE }, 0);
    for (let frame = 0; frame < FRAMES; frame++) {
        engine.dataFrame(frame, {
            rgb: new Uint8Array(SIDE * SIDE * 3),
            labels: new Uint8Array(SIDE * SIDE),
            viewmat: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1),
            expression: new Float64Array(0),
            lips: Float64Array.of(2, 2, 6, 6),
            mouthOpen: mouthOpen(frame),
        });
    }
    const hops = FRAMES * 4;
    const mel = Float32Array.from({ length: hops * MEL_BANDS }, (_, i) => {
        const hop = Math.floor(i / MEL_BANDS);
        return i % MEL_BANDS < MEL_BANDS / 2 ? 2 * opening(hop / 4 - 0.5) - 1 : Math.sin(i * 12.9898);
    });
    engine.dataAudio(1, hops, mel, new Float32Array(MEL_BANDS));
    engine.encoderInit();
    return engine;
}

const opening = (frame: number): number => 0.5 + 0.5 * Math.sin(frame * 0.7);
const train = Int32Array.from({ length: FRAMES - 20 }, (_, i) => i);
const unheard = Int32Array.from({ length: 20 }, (_, i) => FRAMES - 20 + i);

describe.skipIf(!hasEngine)('learning to hear (needs `npm run build:native`)', () => {
    it('follows the opening of speech it has not heard', async () => {
        const engine = openClip(opening);
        // Half of the variance of a sine of amplitude 0.5: what a constant guess leaves.
        const constant = 0.5 * 0.125;
        expect(await engine.hearingLoss(unheard, false)).toBeGreaterThan(constant);
        const errors: number[] = [];
        await learnToHear(engine, config, train, new AbortController().signal, (_, error) => errors.push(error));
        expect(errors).toHaveLength(config.hearing.steps / 100);
        expect(await engine.hearingLoss(unheard, false)).toBeLessThan(constant / 5);
        engine.dispose();
    });

    it('hears the same on another number of threads, and stops when it is told to', async () => {
        const weights = async (threads: number, abort: AbortController): Promise<Float32Array> => {
            const engine = openClip(opening, threads);
            engine.set('audio.dropout', 0.3);
            await learnToHear(engine, config, train, abort.signal, () => undefined);
            const fc = engine.tensorGetF32('encoder.fc0.weight');
            engine.dispose();
            return fc;
        };
        const [one, two] = [await weights(1, new AbortController()), await weights(2, new AbortController())];
        expect(one).toEqual(two);
        const aborted = new AbortController();
        aborted.abort();
        expect(await weights(1, aborted)).not.toEqual(one);
    });

    it('says which frame lacks its opening', async () => {
        const engine = openClip((frame) => (frame === 7 ? Number.NaN : 0));
        await expect(engine.hearingRun(Int32Array.of(6, 7), 2)).rejects.toThrow(/open in frame 7/);
        engine.dispose();
    });
});
