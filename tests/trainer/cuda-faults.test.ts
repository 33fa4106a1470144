import { describe, expect, it } from 'vitest';
import { MEL_BANDS, type PgsError } from '../../plugin/core/index.js';
import type { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { STATUS } from '../../tools/trainer-node/src/native/errors.js';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';
import {
    COUNTS,
    differences,
    FRAMES,
    HEIGHT,
    NUM_EXPRESSIONS,
    openScene,
    parameters,
    putData,
    randomStream,
    STEPPED,
    WIDTH,
} from './cuda-scene.js';

/*
 * What the GPU library does when something goes wrong below it or is asked of it: no memory, a loss that is not finite, a GPU that is
 * gone, other data. Nothing that was trained may be lost, and the next call must find it usable.
 */
const emulated = findNative('libpgs_cuda_emu.so');
const reason = emulated === undefined ? '(needs `npm run build:native`)' : '';

describe.skipIf(emulated === undefined)(`the GPU library in trouble, on an emulated GPU ${reason}`, () => {
    const library = emulated as string;

    it('stops before a step that is not finite, names the tensor as the CPU does, and has changed nothing', async () => {
        const messages: string[] = [];
        for (const engine of [openScene({ library }), openScene()]) {
            await engine.trainRun('deform', ['mouth'], 2);
            const before = parameters(engine).map((name) => [name, engine.tensorGet(name)] as const);
            const bias = engine.tensorGet('mouth.mlp2.bias');
            engine.tensorSet('mouth.mlp2.bias', Float32Array.of(bias[0] as number, Number.NaN, bias[2] as number));
            await engine.trainRun('deform', ['mouth'], 40).then(
                () => messages.push('finite'),
                (error: PgsError) => messages.push(`${error.code} ${error.message}`),
            );
            engine.tensorSet('mouth.mlp2.bias', bias);
            for (const [name, values] of before) expect([name, engine.tensorGet(name)]).toEqual([name, values]);
            await engine.trainRun('deform', ['mouth'], 1);
            engine.dispose();
        }
        expect(messages[0]).toBe(messages[1]);
        expect(messages[0]).toMatch(
            /^TRAINING_DIVERGED .*mouth\.mlp2\.bias: expected finite numbers, .* iteration 2 of the deformation/,
        );
    });

    it('says what a full GPU lacked, keeps what it had, and goes on when there is room', async () => {
        const engine = openScene({ library });
        await engine.trainRun('static', ['face'], 1);
        const before = engine.tensorGet('face.means');
        process.env['PGS_EMULATED_BYTES'] = '4096';
        try {
            await expect(
                Promise.resolve().then(() => engine.densifyApply('face', new Uint8Array(COUNTS.face).fill(1))),
            ).rejects.toThrow(/GPU memory for the splats' next rows, 1 MB more with 0 MB of 1 MB free.*out of memory/);
        } finally {
            delete process.env['PGS_EMULATED_BYTES'];
        }
        expect(engine.tensorGet('face.means')).toEqual(before);
        await engine.trainRun('static', ['face'], 1);
        engine.dispose();
    });

    it('loses nothing at whichever allocation the memory ends, and goes on when there is room', async () => {
        const [cut, whole] = [openScene({ library, pairs: 40 }), openScene({ library, pairs: 40 })];
        const actions = new Uint8Array(COUNTS.face).fill(1);
        const state = (engine: Engine): string =>
            engine
                .tensorNames()
                .map((name) => Buffer.from(engine.tensorGet(name).buffer).toString('latin1'))
                .join();
        /** Calls it with room for no allocation, for one, for two ..., until it succeeds; returns how often it did not. */
        const squeeze = async (call: () => unknown, isDrawn: boolean): Promise<number> => {
            for (let room = 0; ; room++) {
                const before = state(cut);
                process.env['PGS_EMULATED_ALLOCATIONS'] = String(room);
                try {
                    await call();
                    return room;
                } catch (error) {
                    expect((error as PgsError).message).toMatch(
                        /GPU memory for .*got 'out of memory'|pinned host memory/,
                    );
                } finally {
                    delete process.env['PGS_EMULATED_ALLOCATIONS'];
                }
                expect(state(cut) === before).toBe(true);
                if (isDrawn) await cut.renderFrame(2, true);
            }
        };
        const train = (engine: Engine): Promise<unknown> => engine.trainRun('deform', ['face', 'mouth'], 3);
        // What was allocated before it failed is kept, so each time it gets further by one more.
        expect(await squeeze(() => train(cut), false)).toBeGreaterThan(12);
        await train(whole);
        expect(state(cut) === state(whole)).toBe(true);
        // Moments, sums, features, pairs: what density control moves.
        expect(await squeeze(() => cut.densifyApply('face', actions), true)).toBeGreaterThan(5);
        whole.densifyApply('face', actions);
        expect(await squeeze(() => train(cut), true)).toBeGreaterThan(0);
        await train(whole);
        expect(state(cut) === state(whole)).toBe(true);
        cut.dispose();
        whole.dispose();
    });

    it('takes other data, of another size, and no frames where it has no room for them', async () => {
        const [cuda, cpu] = [openScene({ library }), openScene()];
        for (const engine of [cuda, cpu]) await engine.trainRun('deform', ['face', 'mouth'], 2);
        const intrinsics = { fx: 60, fy: 61, cx: 20, cy: 17, width: WIDTH, height: HEIGHT };
        for (const isStreamed of [0, 1]) {
            cuda.set('data.stream', isStreamed);
            process.env['PGS_EMULATED_ALLOCATIONS'] = '0';
            try {
                expect(() => cuda.dataBegin(60, intrinsics, NUM_EXPRESSIONS)).toThrow(/frames|pinned host memory/);
            } finally {
                delete process.env['PGS_EMULATED_ALLOCATIONS'];
            }
            await expect(cuda.renderFrame(0, false)).rejects.toThrow(/expected one of the 0 frames/);
        }
        for (const [width, height] of [
            [30, 33],
            [WIDTH, HEIGHT],
        ] as const) {
            for (const engine of [cuda, cpu]) {
                putData(engine, randomStream(5), width, height);
                await engine.trainRun('deform', ['face', 'mouth'], 2);
            }
            expect(differences(cuda, cpu, STEPPED, parameters(cpu))).toEqual([]);
        }
        for (const engine of [cuda, cpu]) {
            engine.dataBegin(FRAMES, intrinsics, NUM_EXPRESSIONS + 1);
            const pixels = WIDTH * HEIGHT;
            engine.dataFrame(0, {
                rgb: new Uint8Array(pixels * 3),
                labels: new Uint8Array(pixels),
                viewmat: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0.5, 0, 0, 0, 1),
                expression: new Float64Array(NUM_EXPRESSIONS + 1),
                lips: Float64Array.of(12, 15, 28, 27),
                eyes: null,
                mouthOpen: 0,
            });
            engine.dataAudio(1, 4, new Float32Array(4 * MEL_BANDS), new Float32Array(MEL_BANDS));
            await expect(engine.renderFrame(0, true)).rejects.toThrow(
                /face: expected a dataset of 3 expressions, as when pgs_nets_init was called, got 4/,
            );
            engine.dispose();
        }
    });

    it('says that the GPU is gone', async () => {
        const engine = openScene({ library });
        await engine.trainRun('static', ['face'], 1);
        process.env['PGS_EMULATED_LOSS'] = '1';
        try {
            await expect(engine.trainRun('static', ['face'], 1)).rejects.toMatchObject({
                code: 'NATIVE_STATUS',
                cause: STATUS.device,
                message: expect.stringMatching(
                    /the GPU failed: an iteration: expected success, got 'unspecified launch failure'.*checkpoint is intact/,
                ),
            });
        } finally {
            delete process.env['PGS_EMULATED_LOSS'];
        }
        engine.dispose();
    });

    it.each([0, -5, 2 ** 32])('refuses room for %d pairs, and goes on with a better number', async (pairs) => {
        const engine = openScene({ library, pairs });
        await expect(engine.trainRun('static', ['face'], 1)).rejects.toThrow(
            /gpu\.pairs: expected 1 to 2\^32 - 2 pairs/,
        );
        engine.set('gpu.pairs', 1000);
        expect((await engine.trainRun('static', ['face'], 1)).iterations).toBe(1);
        engine.dispose();
    });
});
