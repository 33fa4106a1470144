import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BRANCH_NAMES, MEL_BANDS, type BranchName } from '../../plugin/core/index.js';
import { Engine, type NativeStage } from '../../tools/trainer-node/src/native/engine.js';

/*
 * The gradient oracle: every hand-written backward pass against central differences of the same engine built in float64,
 * through the C ABI that training uses.
 */

/** The bar, relative to the partial. Partials below 1 % of their tensor's largest drown in round-off and are not sampled. */
const TOLERANCE = 1e-6;
/** Partials checked per tensor. Every tensor is checked; large ones are sampled. */
const SAMPLES = 14;
/** Step of the five-point formula: truncation h^4 and round-off 1e-16 / h are both far below the bar here. */
const STEP = 1e-4;
const SIZE = 24;
const NUM_EXPRESSIONS = 3;

function randomStream(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

function put(engine: Engine, name: string, value: () => number): void {
    engine.tensorSet(name, Float64Array.from({ length: engine.tensorSize(name) }, value));
}

/** A 24 px head with all five labels, splats of both branches, networks and an audio window; everything random, seed 11. */
function openScene(): Engine {
    const random = randomStream(11);
    const signed = (): number => random() * 2 - 1;
    const engine = Engine.open({ precision: 'f64', threads: 1, seed: 7 });
    engine.dataBegin(1, { fx: 36, fy: 37, cx: 12, cy: 11.5, width: SIZE, height: SIZE }, NUM_EXPRESSIONS);
    const labels = new Uint8Array(SIZE * SIZE);
    for (let p = 0; p < labels.length; p++) {
        const x = (p % SIZE) - 12;
        const y = Math.floor(p / SIZE) - 12;
        if (x * x + y * y > 90) continue;
        labels[p] = Math.abs(x) < 4 && Math.abs(y - 3) < 3 ? 3 : y < -5 ? 2 : y > 7 ? 4 : 1;
    }
    engine.dataFrame(0, {
        rgb: Uint8Array.from({ length: SIZE * SIZE * 3 }, () => random() * 255),
        labels,
        viewmat: Float64Array.of(0.995, 0.0998, 0, 0.01, 0.0998, -0.995, 0, 0, 0, 0, -1, 0.5, 0, 0, 0, 1),
        expression: Float64Array.of(0.3, 0.7, 0.1),
        lips: Float64Array.of(7, 10, 17, 19),
        eyes: Float64Array.of(6, 3, 18, 8.5),
        mouthOpen: 0.4,
    });
    engine.dataAudio(
        1,
        32,
        Float32Array.from({ length: 32 * MEL_BANDS }, signed),
        Float32Array.from({ length: MEL_BANDS }, signed),
    );
    engine.encoderInit();
    for (const branch of BRANCH_NAMES) {
        const isMouth = branch === 'mouth';
        const spread = isMouth ? 0.03 : 0.1;
        engine.splatsResize(branch, isMouth ? 14 : 40, 2);
        engine.netsInit(branch, 16, isMouth ? 64 : 38);
        put(engine, `${branch}.means`, () => signed() * spread);
        put(engine, `${branch}.quats`, signed);
        put(engine, `${branch}.logScales`, () => Math.log(0.015) + random());
        put(engine, `${branch}.logitOpacities`, () => random() * 3 - 1);
        put(engine, `${branch}.sh`, () => signed() * 0.6);
        put(engine, `${branch}.planes`, () => signed() * 0.1);
        put(engine, `${branch}.mlp2.weight`, () => signed() * 0.3);
    }
    put(engine, 'encoder.opening.weight', () => signed() * 0.3);
    // Biases away from zero: an activation exactly at a rectifier's corner has no derivative to compare with.
    for (const name of engine.tensorNames()) if (name.endsWith('.bias')) put(engine, name, () => signed() * 0.2);
    engine.set('sh.degree', 2);
    engine.set('weight.alpha', 0.05);
    engine.set('weight.delta', 0.01);
    engine.set('weight.lips', 2);
    engine.set('weight.eyes', 3);
    return engine;
}

type LossOf = (engine: Engine, grads: boolean) => Promise<number>;

interface Comparison {
    readonly checked: number;
    readonly corners: number;
    readonly worst: number;
    readonly where: string;
}

/** Half the squared error of the mouth opening over three drawn windows, noise and dropout included. */
const HEARING: LossOf = (engine, grads) => engine.hearingLoss(Int32Array.of(0, 0, 0), grads);

const stageLoss =
    (stage: NativeStage, branches: readonly BranchName[]): LossOf =>
    (engine, grads) =>
        engine.lossGrad(stage, branches, 0, grads);

async function compare(
    engine: Engine,
    loss: LossOf,
    name: string,
    spoil: { readonly beforeGradient?: () => void; readonly afterGradient?: () => void } = {},
): Promise<Comparison> {
    spoil.beforeGradient?.();
    await loss(engine, true);
    spoil.afterGradient?.();
    const gradient = Float64Array.from(engine.tensorGet(`${name}.grad`));
    const values = engine.tensorGet(name);
    const largest = gradient.reduce((max, g) => Math.max(max, Math.abs(g)), 0);
    const candidates = Array.from(gradient.keys()).filter((i) => Math.abs(gradient[i] ?? 0) > 1e-2 * largest);
    const random = randomStream(name.length * 7919 + values.length);
    let [checked, corners, worst, where] = [0, 0, 0, ''];
    const lossAt = async (i: number, offset: number): Promise<number> => {
        const x = values[i] ?? 0;
        values[i] = x + offset;
        engine.tensorSet(name, values);
        values[i] = x;
        return loss(engine, false);
    };
    /** Five-point central difference, and how far the slopes on both sides of the point are apart. */
    const difference = async (i: number, h: number): Promise<{ slope: number; kink: number }> => {
        const [a2, a1, at, b1, b2] = [
            await lossAt(i, -2 * h),
            await lossAt(i, -h),
            await lossAt(i, 0),
            await lossAt(i, h),
            await lossAt(i, 2 * h),
        ];
        const before = (3 * at - 4 * a1 + a2) / (2 * h);
        const after = (-3 * at + 4 * b1 - b2) / (2 * h);
        return { slope: (8 * (b1 - a1) - (b2 - a2)) / (12 * h), kink: Math.abs(after - before) };
    };
    for (let sample = 0; sample < Math.min(SAMPLES, candidates.length); sample++) {
        const i =
            candidates.length <= SAMPLES ? candidates[sample] : candidates[Math.floor(random() * candidates.length)];
        if (i === undefined) continue;
        const coarse = await difference(i, STEP);
        const fine = await difference(i, STEP / 4);
        const analytic = gradient[i] ?? 0;
        const scale = Math.abs(analytic);
        // Steps or sides that disagree straddle a corner: alpha = 1/255, a clamp, |x - y| = 0, a rectifier, a texel's edge.
        if (Math.abs(coarse.slope - fine.slope) / scale > 1e-4 || fine.kink / scale > 2e-4) {
            corners++;
            continue;
        }
        checked++;
        // A wide step has the least round-off, a fine one the least truncation: the best of three is the derivative.
        const wide = await difference(i, STEP * 4);
        const error = Math.min(...[wide, coarse, fine].map(({ slope }) => Math.abs(slope - analytic))) / scale;
        if (error > worst)
            [worst, where] = [error, `${name}[${i}]: differences ${coarse.slope}, ${fine.slope}; analytic ${analytic}`];
    }
    engine.tensorSet(name, values);
    return { checked, corners, worst, where };
}

/** What each stage trains: the fine-tune stage moves colour and opacity only, so only those have gradients. */
function trainedTensors(engine: Engine, stage: NativeStage): string[] {
    const all = engine
        .tensorNames()
        .filter((name) => !/\.adam[12]$|Accum|viewCount|maxContribution|^step\.|^encoder\.opening/.test(name));
    if (stage === 'finetune') return all.filter((name) => /\.(sh|logitOpacities)$/.test(name));
    if (stage === 'static') return all.filter((name) => /\.(means|quats|logScales|logitOpacities|sh)$/.test(name));
    return all;
}

describe('hand-written gradients agree with central differences in float64', () => {
    let engine: Engine;
    let worst = 0;
    beforeAll(() => {
        engine = openScene();
    });
    afterAll(() => {
        engine.dispose();
        process.stdout.write(`gradient oracle: worst relative error ${worst.toExponential(2)} (bar ${TOLERANCE})\n`);
    });

    it.each(['static', 'deform', 'finetune'] as const)(
        'of every tensor that the %s stage trains, seed 11',
        async (stage) => {
            const names = trainedTensors(engine, stage);
            expect(names.length).toBeGreaterThanOrEqual(stage === 'deform' ? 45 : 4);
            for (const name of names) {
                const result = await compare(engine, stageLoss(stage, BRANCH_NAMES), name);
                worst = Math.max(worst, result.worst);
                expect(result.worst, `${stage}: ${result.where}`).toBeLessThan(TOLERANCE);
                expect(
                    result.checked,
                    `${stage} ${name}: partials away from corners (${result.corners} at one)`,
                ).toBeGreaterThanOrEqual(3);
            }
        },
    );

    it('of every tensor that hearing trains, windows changed and activations dropped, seed 11', async () => {
        engine.set('audio.noise', 0.3);
        engine.set('audio.jitter', 1);
        engine.set('audio.dropout', 0.3);
        engine.set('audio.specAugment', 7);
        const names = engine.tensorNames().filter((name) => /^encoder\..*(weight|bias)$/.test(name));
        expect(names).toHaveLength(14);
        for (const name of names) {
            const result = await compare(engine, HEARING, name);
            worst = Math.max(worst, result.worst);
            expect(result.worst, `hearing: ${result.where}`).toBeLessThan(TOLERANCE);
            expect(result.checked, `hearing ${name}: partials away from corners`).toBeGreaterThanOrEqual(1);
        }
    });

    it('refuse a backward pass that belongs to a loss one part in ten thousand off', async () => {
        // The analytic gradient is taken with another weight than the differences are: the fault a wrong constant would make.
        const result = await compare(engine, stageLoss('static', BRANCH_NAMES), 'face.sh', {
            beforeGradient: () => engine.set('weight.dssim', 0.2 * 1.0001),
            afterGradient: () => engine.set('weight.dssim', 0.2),
        });
        expect(result.checked).toBeGreaterThanOrEqual(3);
        expect(result.worst).toBeGreaterThan(TOLERANCE);
    });
});
