import { describe, expect, it } from 'vitest';
import { BRANCH_NAMES, MEL_BANDS, type BranchName, type PgsError } from '../../plugin/core/index.js';
import { Engine, type NativeStage, type Reals } from '../../tools/trainer-node/src/native/engine.js';
import { isCancelled, STATUS } from '../../tools/trainer-node/src/native/errors.js';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';

/*
 * The whole GPU library behind its C edge, with the SIMT emulator in the place of the GPU, against the CPU library: the same calls,
 * the same numbers. Graphs, rings, streams and mirrors are the real ones; only the machine below them is not.
 */
const emulated = findNative('libpgs_cuda_emu.so');

/** Odd on purpose: the last tiles are partly outside. */
const [WIDTH, HEIGHT, FRAMES, NUM_EXPRESSIONS] = [41, 35, 5, 3] as const;
const COUNTS: Readonly<Record<BranchName, number>> = { face: 70, mouth: 23 };

/** Largest difference over the tensor's largest value. */
const [FORWARD, GRADIENT] = [1e-5, 1e-4] as const;
/** After some steps of Adam, which divides by small numbers at first: a gradient's last bits become a step's first. */
const STEPPED = 1e-2;

function randomStream(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

function put(engine: Engine, name: string, value: () => number): void {
    engine.tensorSet(name, Float32Array.from({ length: engine.tensorSize(name) }, value));
}

interface SceneOptions {
    readonly library?: string;
    /** Pairs that a view has room for at first. */
    readonly pairs?: number;
    readonly isStreamed?: boolean;
    readonly threads?: number;
}

/** A small head with all labels, random splats, networks and sound (seed 11). */
function openScene({ library, pairs, isStreamed = false, threads = 1 }: SceneOptions = {}): Engine {
    const random = randomStream(11);
    const signed = (): number => random() * 2 - 1;
    const engine = Engine.open({ threads, seed: 7, ...(library === undefined ? {} : { library }) });
    if (isStreamed) engine.set('data.stream', 1);
    if (pairs !== undefined) engine.set('gpu.pairs', pairs);
    engine.dataBegin(FRAMES, { fx: 60, fy: 61, cx: 20, cy: 17, width: WIDTH, height: HEIGHT }, NUM_EXPRESSIONS);
    for (let frame = 0; frame < FRAMES; frame++) {
        const labels = new Uint8Array(WIDTH * HEIGHT);
        for (let p = 0; p < labels.length; p++) {
            const x = (p % WIDTH) - 20 - frame;
            const y = Math.floor(p / WIDTH) - 17;
            if (x * x + y * y > 200) continue;
            labels[p] = Math.abs(x) < 6 && Math.abs(y - 4) < 4 ? 3 : y < -8 ? 2 : y > 10 ? 4 : 1;
        }
        engine.dataFrame(frame, {
            rgb: Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, () => random() * 255),
            labels,
            viewmat: Float64Array.of(0.995, 0.0998, 0, 0.01 * frame, 0.0998, -0.995, 0, 0, 0, 0, -1, 0.5, 0, 0, 0, 1),
            expression: Float64Array.of(0.3, 0.7 * random(), 0.1),
            lips: Float64Array.of(12 + frame, 15, 28 + frame, 27),
            eyes: Float64Array.of(9, 5, 31, 13.5),
            mouthOpen: 0.2 * frame,
        });
    }
    const hops = FRAMES * 4;
    engine.dataAudio(
        2,
        hops,
        Float32Array.from({ length: 2 * hops * MEL_BANDS }, signed),
        Float32Array.from({ length: MEL_BANDS }, signed),
    );
    engine.encoderInit();
    for (const branch of BRANCH_NAMES) {
        const isMouth = branch === 'mouth';
        engine.splatsResize(branch, COUNTS[branch], 2);
        engine.netsInit(branch, 16, isMouth ? 64 : 38);
        put(engine, `${branch}.means`, () => signed() * (isMouth ? 0.03 : 0.1));
        put(engine, `${branch}.quats`, signed);
        put(engine, `${branch}.logScales`, () => Math.log(0.012) + random());
        put(engine, `${branch}.logitOpacities`, () => random() * 3 - 1);
        put(engine, `${branch}.sh`, () => signed() * 0.6);
        put(engine, `${branch}.planes`, () => signed() * 0.1);
        put(engine, `${branch}.mlp2.weight`, () => signed() * 0.3);
        engine.orderSet(branch, isMouth ? Int32Array.of(3, 0, 2) : Int32Array.of(1, 4, 0, 2, 3));
    }
    put(engine, 'encoder.opening.weight', () => signed() * 0.3);
    for (const [name, value] of Object.entries(SETTINGS)) engine.set(name, value);
    return engine;
}

const SETTINGS: Readonly<Record<string, number>> = {
    'sh.degree': 2,
    'weight.alpha': 0.05,
    'weight.delta': 0.01,
    'weight.lips': 2,
    'weight.eyes': 3,
    'audio.noise': 0.1,
    'audio.jitter': 2,
    'audio.dropout': 0.2,
    'audio.specAugment': 5,
    'expression.exchange': 0.4,
};

function distance(actual: Reals, expected: Reals): number {
    if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
    let [worst, largest] = [0, 0];
    expected.forEach((value, i) => {
        worst = Math.max(worst, Math.abs((actual[i] as number) - value));
        largest = Math.max(largest, Math.abs(value));
    });
    return worst === 0 ? 0 : worst / (largest > 0 ? largest : 1);
}

/** Tensors that are further apart than the bar, worst first. */
function differences(
    actual: Engine,
    expected: Engine,
    bar: number,
    names: readonly string[],
): readonly (readonly [name: string, distance: number])[] {
    return names
        .map((name) => [name, distance(actual.tensorGet(name), expected.tensorGet(name))] as const)
        .filter(([, far]) => !(far <= bar))
        .sort(([, a], [, b]) => b - a);
}

const parameters = (engine: Engine): string[] =>
    engine.tensorNames().filter((name) => !/\.adam[12]$|^step\.|Accum|viewCount|maxContribution/.test(name));
const statistics = (engine: Engine): string[] =>
    engine.tensorNames().filter((name) => /Accum|viewCount|maxContribution/.test(name));

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
