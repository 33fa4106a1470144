import { describe, expect, it } from 'vitest';
import { BRANCH_NAMES, MEL_BANDS, type BranchName } from '../../plugin/core/index.js';
import { Engine, type NativeStage, type Reals } from '../../tools/trainer-node/src/native/engine.js';
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
    readonly isStreamed?: boolean;
    readonly threads?: number;
}

/** A small head with all labels, random splats, networks and sound (seed 11). */
function openScene({ library, isStreamed = false, threads = 1 }: SceneOptions = {}): Engine {
    const random = randomStream(11);
    const signed = (): number => random() * 2 - 1;
    const engine = Engine.open({ threads, seed: 7, ...(library === undefined ? {} : { library }) });
    if (isStreamed) engine.set('data.stream', 1);
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
});
