import { describe, expect, it } from 'vitest';
import { BRANCH_NAMES, type BranchName } from '../../plugin/core/index.js';
import type { NativeStage } from '../../tools/trainer-node/src/native/engine.js';
import { isCancelled } from '../../tools/trainer-node/src/native/errors.js';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';
import {
    COUNTS,
    differences,
    distance,
    FORWARD,
    FRAMES,
    GRADIENT,
    openScene,
    parameters,
    statistics,
    STEPPED,
} from './cuda-scene.js';

/*
 * The whole GPU library behind its C edge, with the SIMT emulator in the place of the GPU, against the CPU library: the same calls,
 * the same numbers. Graphs, rings, streams and mirrors are the real ones; only the machine below them is not.
 */
const emulated = findNative('libpgs_cuda_emu.so');

const STAGES: readonly (readonly [stage: NativeStage, branches: readonly BranchName[]])[] = [
    ['static', ['face']],
    ['static', ['mouth']],
    ['static', ['face', 'mouth']],
    ['deform', ['face']],
    ['deform', ['mouth']],
    ['deform', ['face', 'mouth']],
    ['finetune', ['face', 'mouth']],
];

const reason = emulated === undefined ? '(needs `npm run build:native`)' : '';

describe.skipIf(emulated === undefined)(`the GPU library on an emulated GPU ${reason}`, () => {
    const library = emulated as string;

    it.each(STAGES)('has the loss and gradients of the CPU, %s %j', async (stage, branches) => {
        const [cuda, cpu] = [openScene({ library }), openScene()];
        for (const frame of [0, 3]) {
            const [actual, expected] = [
                await cuda.lossGrad(stage, branches, frame, true),
                await cpu.lossGrad(stage, branches, frame, true),
            ];
            expect(Math.abs(actual - expected)).toBeLessThan(FORWARD * expected);
            expect(await cuda.lossGrad(stage, branches, frame, false)).toBe(actual);
            const gradients = parameters(cpu).map((name) => `${name}.grad`);
            expect(differences(cuda, cpu, GRADIENT, gradients)).toEqual([]);
        }
        expect(differences(cuda, cpu, FORWARD, statistics(cpu))).toEqual([]);
        cuda.dispose();
        cpu.dispose();
    });

    it.each(STAGES)('trains as the CPU does, %s %j', async (stage, branches) => {
        const [cuda, cpu] = [openScene({ library }), openScene()];
        for (const iterations of [3, 4]) {
            const actual = await cuda.trainRun(stage, branches, iterations);
            const expected = await cpu.trainRun(stage, branches, iterations);
            expect(actual.iterations).toBe(iterations);
            for (const key of ['lossFace', 'lossMouth', 'l1', 'dssim'] as const)
                expect(Math.abs(actual[key] - expected[key])).toBeLessThanOrEqual(1e-4 * expected[key]);
        }
        for (const name of ['step.face', 'step.mouth', 'step.nets'])
            expect(cuda.tensorGet(name)).toEqual(cpu.tensorGet(name));
        expect(cuda.get('iteration')).toBe(7);
        expect(differences(cuda, cpu, STEPPED, parameters(cpu))).toEqual([]);
        cuda.dispose();
        cpu.dispose();
    });

    it('gives the same bits again, streamed or resident, with room for pairs or without, whatever the threads', async () => {
        const runs = [
            { library },
            { library, threads: 2 },
            { library, isStreamed: true },
            { library, pairs: 40 },
            { library, isStreamed: true, pairs: 40 },
        ];
        const states = await Promise.all(
            runs.map(async (options) => {
                const engine = openScene(options);
                const losses: number[] = [];
                for (const [stage, branches] of STAGES) {
                    const stats = await engine.trainRun(stage, branches, 3);
                    losses.push(stats.lossFace, stats.lossMouth, stats.l1);
                }
                const state = engine.tensorNames().map((name) => [name, ...engine.tensorGet(name)]);
                engine.dispose();
                return JSON.stringify([losses, state]);
            }),
        );
        for (const state of states) expect(state === states[0]).toBe(true);
    });

    it('does without an iteration of both branches where one has no room, in whatever order their kernels run', async () => {
        // The face has 275 pairs, the mouth 78; its sums must not count the view twice.
        const trained = async (pairs: number): Promise<string> => {
            const engine = openScene({ library, pairs });
            await engine.trainRun('static', ['face', 'mouth'], 2);
            const state = engine.tensorNames().map((name) => [name, ...engine.tensorGet(name)]);
            engine.dispose();
            return JSON.stringify(state);
        };
        const expected = await trained(1000);
        for (let i = 0; i < 6; i++) expect((await trained(150)) === expected).toBe(true);
    });

    it('goes on over many lanes of iterations, however they are cut into calls', async () => {
        const [whole, cut] = [openScene({ library }), openScene({ library })];
        await whole.trainRun('static', ['mouth'], 101);
        for (const iterations of [1, 31, 32, 37]) await cut.trainRun('static', ['mouth'], iterations);
        for (const name of cut.tensorNames())
            expect([name, cut.tensorGet(name)]).toEqual([name, whole.tensorGet(name)]);
        cut.dispose();
        whole.dispose();
    });

    it('hears as the CPU does', async () => {
        const [cuda, cpu] = [openScene({ library }), openScene()];
        const frames = Int32Array.from({ length: 12 }, (_, i) => i % FRAMES);
        for (const engine of [cuda, cpu]) engine.set('iteration', 5);
        expect(await cuda.hearingLoss(frames, true)).toBeCloseTo(await cpu.hearingLoss(frames, true), 5);
        const names = parameters(cpu).filter((name) => name.startsWith('encoder.'));
        const gradients = names.map((name) => `${name}.grad`);
        expect(differences(cuda, cpu, GRADIENT, gradients)).toEqual([]);
        const [actual, expected] = [await cuda.hearingRun(frames, 4), await cpu.hearingRun(frames, 4)];
        expect(Math.abs(actual - expected)).toBeLessThan(1e-4 * expected);
        expect(differences(cuda, cpu, STEPPED, names)).toEqual([]);
        expect(cuda.get('iteration')).toBe(8);
        cuda.dispose();
        cpu.dispose();
    });

    it('rewrites splats as the CPU does, and trains on', async () => {
        const [cuda, cpu] = [openScene({ library }), openScene()];
        const actions = Uint8Array.from({ length: COUNTS.face }, (_, i) => i % 4);
        for (const engine of [cuda, cpu]) {
            await engine.trainRun('deform', ['face', 'mouth'], 2);
            expect(engine.densifyApply('face', actions)).toBe(88);
        }
        const moments = cpu
            .tensorNames()
            .filter((name) => /^face\.(means|quats|logScales|logitOpacities|sh)/.test(name));
        expect(differences(cuda, cpu, STEPPED, moments)).toEqual([]);
        for (const name of statistics(cpu).filter((name) => name.startsWith('face.')))
            expect(cuda.tensorGet(name)).toEqual(new Float32Array(88));
        for (const engine of [cuda, cpu]) await engine.trainRun('deform', ['face', 'mouth'], 2);
        expect(differences(cuda, cpu, STEPPED, parameters(cpu))).toEqual([]);
        // Exactly the CPU's rows, where both start from the same ones.
        for (const name of moments) cuda.tensorSet(name, cpu.tensorGet(name));
        const more = Uint8Array.from({ length: 88 }, (_, i) => (i * 7) % 4);
        expect(cuda.densifyApply('face', more)).toBe(cpu.densifyApply('face', more));
        expect(differences(cuda, cpu, 1e-7, moments)).toEqual([]);
        cuda.dispose();
        cpu.dispose();
    });

    it('draws as the CPU does', async () => {
        const [cuda, cpu] = [openScene({ library, pairs: 40 }), openScene()];
        for (const isPosed of [true, false]) {
            const [actual, expected] = [await cuda.renderFrame(2, isPosed), await cpu.renderFrame(2, isPosed)];
            for (const branch of BRANCH_NAMES) expect(distance(actual[branch], expected[branch])).toBeLessThan(FORWARD);
        }
        expect(distance(cuda.encodeAudio(0, 3), cpu.encodeAudio(0, 3))).toBeLessThan(FORWARD);
        const [actual, expected] = [cuda.spatialFeatures('face'), cpu.spatialFeatures('face')];
        expect(distance(actual.features, expected.features)).toBeLessThan(FORWARD);
        expect(actual.inside).toEqual(expected.inside);
        cuda.dispose();
        cpu.dispose();
    });

    it('is cancelled between lanes and keeps what was done', async () => {
        const engine = openScene({ library });
        const running = engine.trainRun('static', ['mouth'], 2000);
        setTimeout(() => engine.cancel(), 300);
        await expect(running).rejects.toSatisfy(isCancelled);
        const done = engine.get('iteration');
        expect(done).toBeGreaterThan(0);
        expect(done).toBeLessThan(2000);
        expect(engine.tensorGet('step.mouth')[0]).toBe(done);
        engine.dispose();
    });

    it('times its passes and tells the memory that it takes', async () => {
        const engine = openScene({ library });
        const report = await engine.bench('deform', ['face', 'mouth'], 2);
        const passes = ['begin', 'pose', 'projectAndBin', 'rasterForward', 'loss', 'rasterBackward', 'projectBackward'];
        for (const pass of [...passes, 'poseBackward', 'encoderBackward', 'adam', 'end', 'step'])
            expect([pass, report[pass]]).toEqual([pass, expect.any(Number)]);
        expect(report['facePairs']).toBeGreaterThan(COUNTS.face / 2);
        expect(report['gpuBytes']).toBeGreaterThan(1 << 20);
        expect(report['framesOnGpu']).toBe(1);
        engine.dispose();
    });
});
