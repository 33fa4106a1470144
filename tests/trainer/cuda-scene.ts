import { BRANCH_NAMES, MEL_BANDS, type BranchName } from '../../plugin/core/index.js';
import { Engine, type Reals } from '../../tools/trainer-node/src/native/engine.js';

/* The small head that the tests of the GPU library train, and how two engines that trained it are compared. */

/** Odd on purpose: the last tiles are partly outside. */
export const WIDTH = 41;
export const HEIGHT = 35;
export const FRAMES = 5;
export const NUM_EXPRESSIONS = 3;
export const COUNTS: Readonly<Record<BranchName, number>> = { face: 70, mouth: 23 };

/** Largest difference over the tensor's largest value. */
export const FORWARD = 1e-5;
export const GRADIENT = 1e-4;
/** After some steps of Adam, which divides by small numbers at first: a gradient's last bits become a step's first. */
export const STEPPED = 1e-2;

export function randomStream(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

export function put(engine: Engine, name: string, value: () => number): void {
    engine.tensorSet(name, Float32Array.from({ length: engine.tensorSize(name) }, value));
}

export interface SceneOptions {
    readonly library?: string;
    /** Pairs that a view has room for at first. */
    readonly pairs?: number;
    readonly isStreamed?: boolean;
    readonly threads?: number;
}

/** Frames and sound; a picture is cut at the right and below where it is smaller. */
export function putData(engine: Engine, random: () => number, width: number = WIDTH, height: number = HEIGHT): void {
    const signed = (): number => random() * 2 - 1;
    engine.dataBegin(FRAMES, { fx: 60, fy: 61, cx: 20, cy: 17, width, height }, NUM_EXPRESSIONS);
    for (let frame = 0; frame < FRAMES; frame++) {
        const labels = new Uint8Array(width * height);
        for (let p = 0; p < labels.length; p++) {
            const x = (p % width) - 20 - frame;
            const y = Math.floor(p / width) - 17;
            if (x * x + y * y > 200) continue;
            labels[p] = Math.abs(x) < 6 && Math.abs(y - 4) < 4 ? 3 : y < -8 ? 2 : y > 10 ? 4 : 1;
        }
        engine.dataFrame(frame, {
            rgb: Uint8Array.from({ length: width * height * 3 }, () => random() * 255),
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
}

/** A small head with all labels, random splats, networks and sound (seed 11). */
export function openScene({ library, pairs, isStreamed = false, threads = 1 }: SceneOptions = {}): Engine {
    const random = randomStream(11);
    const signed = (): number => random() * 2 - 1;
    const engine = Engine.open({ threads, seed: 7, ...(library === undefined ? {} : { library }) });
    if (isStreamed) engine.set('data.stream', 1);
    if (pairs !== undefined) engine.set('gpu.pairs', pairs);
    putData(engine, random);
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

export const SETTINGS: Readonly<Record<string, number>> = {
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

export function distance(actual: Reals, expected: Reals): number {
    if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
    let [worst, largest] = [0, 0];
    expected.forEach((value, i) => {
        worst = Math.max(worst, Math.abs((actual[i] as number) - value));
        largest = Math.max(largest, Math.abs(value));
    });
    return worst === 0 ? 0 : worst / (largest > 0 ? largest : 1);
}

/** Tensors that are further apart than the bar, worst first. */
export function differences(
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

export const parameters = (engine: Engine): string[] =>
    engine.tensorNames().filter((name) => !/\.adam[12]$|^step\.|Accum|viewCount|maxContribution/.test(name));
export const statistics = (engine: Engine): string[] =>
    engine.tensorNames().filter((name) => /Accum|viewCount|maxContribution/.test(name));
