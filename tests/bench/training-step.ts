import { cpus } from 'node:os';
import { BRANCH_NAMES, MEL_BANDS } from '../../plugin/core/index.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';

/*
 * `npm run bench:training`: one CPU training step of a head-like scene at 512 x 512, pass by pass, at 30 000 and 60 000 splats.
 * Fastest of several rounds, the two sizes interleaved, so that what else the machine does weighs on both alike.
 */

const SIZE = 512;
const ROUNDS = 5;
const STEPS = 6;
const COUNTS = [30_000, 60_000] as const;
/** Semi-axes of the shell that splats lie on, metres: a head. */
const SHELL = [0.11, 0.14, 0.12] as const;

function randomStream(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

function openScene(faceCount: number): Engine {
    const random = randomStream(1);
    const engine = Engine.open({ threads: 0, seed: 7 });
    engine.dataBegin(1, { fx: 864, fy: 864, cx: 256, cy: 256, width: SIZE, height: SIZE }, 6);
    const labels = new Uint8Array(SIZE * SIZE);
    for (let p = 0; p < labels.length; p++) {
        const [x, y] = [(p % SIZE) - 256, Math.floor(p / SIZE) - 256];
        if (x * x + y * y < 200 ** 2) labels[p] = Math.abs(x) < 40 && Math.abs(y - 60) < 20 ? 3 : 1;
    }
    engine.dataFrame(0, {
        rgb: Uint8Array.from({ length: SIZE * SIZE * 3 }, () => random() * 255),
        labels,
        viewmat: Float64Array.of(1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0.68, 0, 0, 0, 1),
        expression: new Float64Array(6).fill(0.3),
        lips: Float64Array.of(206, 286, 306, 346),
    });
    engine.dataAudio(1, 64, Float32Array.from({ length: 64 * MEL_BANDS }, random), new Float32Array(MEL_BANDS));
    engine.encoderInit();
    const counts = { face: faceCount, mouth: 4000 };
    for (const branch of BRANCH_NAMES) {
        const n = counts[branch];
        const [scale, lower, forward] = branch === 'face' ? [1, 0, 0] : [0.2, -0.045, 0.09];
        // Sizes that keep the overdraw of a trained head whatever the count.
        const sigma = branch === 'face' ? 0.55 * Math.sqrt((4 * Math.PI * 0.0145) / n) : 0.0015;
        engine.splatsResize(branch, n, 2);
        engine.netsInit(branch, 16, branch === 'face' ? 38 : 64);
        const means = new Float32Array(n * 3);
        for (let i = 0; i < n; i++) {
            let direction = [0, 0, 0];
            let length = 0;
            while (length < 0.1 || length > 1) {
                direction = direction.map(() => random() * 2 - 1);
                length = Math.hypot(...direction);
            }
            const thickness = 0.97 + 0.06 * random();
            SHELL.forEach((axis, k) => {
                const offset = k === 1 ? lower : k === 2 ? forward : 0;
                means[i * 3 + k] = ((direction[k] as number) / length) * axis * scale * thickness + offset;
            });
        }
        engine.tensorSet(`${branch}.means`, means);
        engine.tensorSet(
            `${branch}.quats`,
            Float32Array.from({ length: n * 4 }, () => random() * 2 - 1),
        );
        engine.tensorSet(
            `${branch}.logScales`,
            Float32Array.from({ length: n * 3 }, () => Math.log(sigma * (0.3 + random()))),
        );
        engine.tensorSet(
            `${branch}.logitOpacities`,
            Float32Array.from({ length: n }, () => random() * 5 - 1.5),
        );
        engine.orderSet(branch, Int32Array.of(0));
    }
    engine.set('sh.degree', 2);
    // The scene must stay as it is from round to round.
    for (const rate of ['means', 'sh', 'shRest', 'opacity', 'scales', 'quats', 'planes', 'layers', 'encoder'])
        engine.set(`lr.${rate}`, 0);
    return engine;
}

const engines = COUNTS.map(openScene);
const best: (Record<string, number> | undefined)[] = COUNTS.map(() => undefined);
for (let round = 0; round < ROUNDS; round++) {
    for (const [i, engine] of engines.entries()) {
        const passes = (await engine.bench('deform', BRANCH_NAMES, STEPS)) as unknown as Record<string, number>;
        if ((passes['step'] as number) < (best[i]?.['step'] ?? Infinity)) best[i] = passes;
    }
}
const [small, large] = best as [Record<string, number>, Record<string, number>];
const report = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    engine: engines[0]?.buildInfo,
    ms30k: (small['step'] as number) * 1e3,
    ms60k: (large['step'] as number) * 1e3,
    ratio60kOver30k: (large['step'] as number) / (small['step'] as number),
    passes30k: small,
    passes60k: large,
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
for (const engine of engines) engine.dispose();
