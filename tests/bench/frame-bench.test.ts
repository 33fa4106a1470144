import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { GpuArena } from '../../plugin/compute/index.js';
import { SPATIAL_FEAT_DIM } from '../../plugin/core/index.js';
import { compositeReference, deltasReference, renderReference } from '../../plugin/core/reference/index.js';
import { bakeHead, computeFrameUniforms } from '../../plugin/deformer/index.js';
import { expectClose } from '../helpers/assert-close.js';
import { readBack, tryGpu, withValidation } from '../helpers/gpu.js';
import { makeHead } from '../helpers/make-head.js';
import { randomSplats } from '../helpers/random-splats.js';
import { obliqueCamera } from '../helpers/scenes.js';
import { isSoftwareAdapter } from './frame/adapter-name.js';
import { BENCH_INSTANT } from './frame/bench-head.js';
import { CSV_HEADER, csvRow } from './frame/csv-row.js';
import { deformError } from './frame/deform-check.js';
import { interleaveAsync } from './frame/interleave.js';
import { writeNaiveFaceOnnx, writeRefactoredFaceOnnx } from './frame/mlp-onnx.js';
import { parseOptions, roundPlan } from './frame/options.js';
import { referenceHead } from './frame/reference-blocks.js';
import { reportOf, verdictOf, type BrowserRow, type Measured, type PassRow } from './frame/report.js';
import { median, quantile, ratio, relativeRms, threeDigits } from './frame/statistics.js';
import { createStraightPortAsync, weightOffsets } from './frame/straight-port.js';
import { tableOf } from './frame/table.js';

function pass(name: string, splats: number, cpuMs: number, gpuMs: number | null): PassRow {
    return { name, splats, repeats: 1, rounds: 3, cpuMs, gpuMs, wallMs: cpuMs, wallP95Ms: cpuMs };
}

function inBrowser(name: string, wallMs: number, cpuMs: number | null): BrowserRow {
    return { name, rounds: 3, wallMs, wallP95Ms: wallMs, cpuMs };
}

const MEASURED: Measured = {
    date: '2026-01-02',
    commit: 'abc1234',
    mode: 'quick',
    adapter: 'some, adapter',
    isSoftware: true,
    load: 1.25,
    passes: [
        pass('deform', 30_000, 200, 1),
        pass('deform', 60_000, 500, 2),
        pass('straightPort', 30_000, 1600, 20),
        pass('sort', 30_000, 20, null),
    ],
    browser: {
        adapter: 'some adapter',
        isSoftware: true,
        peerPictureDb: 45,
        nets: [inBrowser('ours', 100, 150), inBrowser('ortWebGpuNaive', 1000, 900)],
        frames: [inBrowser('babylonStatic', 200, 300), inBrowser('oursTalking', 230, 900)],
    },
    quality: { tilePsnr: null, quadsPsnr: 64, tileVsQuadsPsnr: null },
};

describe('the numbers of the frame bench', () => {
    it('takes the middle value, or the mean of the middle two, and does not sort what it is given', () => {
        const values = [9, 1, 4];
        expect(median(values)).toBe(4);
        expect(values).toEqual([9, 1, 4]);
        expect(median([4, 1, 9, 2])).toBe(3);
        expect(quantile([0, 10], 0.95)).toBeCloseTo(9.5, 12);
        expect(() => median([])).toThrow(RangeError);
    });

    it('writes times without exponents', () => {
        expect([1234.5, 0.012345, 20].map(threeDigits)).toEqual(['1230', '0.0123', '20']);
    });

    it('forms no ratio of what was not measured', () => {
        expect(ratio(6, 2)).toBe(3);
        expect(ratio(null, 2)).toBeNull();
        expect(ratio(6, undefined)).toBeNull();
        expect(ratio(6, 0)).toBeNull();
    });

    it('calls an error of unequal lengths no error at all, but not a number', () => {
        expect(relativeRms([3, 4], [3, 4])).toBe(0);
        expect(relativeRms([3], [3, 4])).toBeNaN();
    });

    it('judges by CPU time on a software adapter and by the GPU clock elsewhere', () => {
        const software = reportOf(MEASURED);
        expect(software.ratios.deformSpeedupOverStraightPort).toBe(8);
        expect(software.ratios.deformScaling60kOver30k).toBe(2.5);
        expect(software.ratios.deformSpeedupOverOrtWebGpu).toBe(6);
        const real = reportOf({ ...MEASURED, isSoftware: false });
        expect(real.ratios.deformSpeedupOverStraightPort).toBe(20);
        expect(real.ratios.deformScaling60kOver30k).toBe(2);
    });

    it('compares frames by the wall clock, and says what passes, misses or was not measured', () => {
        const { ratios, verdicts } = reportOf(MEASURED);
        expect(ratios.frameOverBabylonStatic).toBeCloseTo(1.15, 12);
        expect(verdicts).toMatchObject({
            deformSpeedupOverStraightPort: 'pass',
            deformScaling60kOver30k: 'miss',
            frameOverBabylonStatic: 'pass',
            frameAtRestOverBabylonStatic: 'none',
            quadsPsnr: 'miss',
            tilePsnr: 'none',
        });
        expect(verdictOf({ name: 'x', meaning: '', atMost: 2 }, NaN)).toBe('miss');
    });

    it('knows a software adapter by its flag or its name', () => {
        const facts = { vendor: 'google', architecture: 'swiftshader', description: '' };
        expect(isSoftwareAdapter(facts)).toBe(true);
        expect(isSoftwareAdapter({ ...facts, architecture: 'ampere', isFallbackAdapter: true })).toBe(true);
        expect(isSoftwareAdapter({ vendor: 'nvidia', architecture: 'ampere', description: 'T4' })).toBe(false);
    });
});

describe('what the frame bench writes', () => {
    it('writes a row with the columns of the header, quoting what would break it', () => {
        const row = csvRow(reportOf(MEASURED));
        expect(row).toContain(
            '2026-01-02,"some, adapter",abc1234,quick,1.3,8.00,2.50,6.00,,1.15,,64.0,,,deform@30000=200 ',
        );
        expect(row.replace(/"[^"]*"/g, '').split(',')).toHaveLength(CSV_HEADER.split(',').length);
    });

    it('writes empty cells where only the kernels were measured', () => {
        const quality = { tilePsnr: null, quadsPsnr: null, tileVsQuadsPsnr: null };
        expect(csvRow(reportOf({ ...MEASURED, browser: null, quality }))).toMatch(/,8\.00,2\.50,,,,,,,,deform@.*,$/);
    });

    it('prints every bar with its verdict', () => {
        const text = tableOf(reportOf(MEASURED));
        expect(text).toMatch(/^pass +8\.00 +>= 8 +deformSpeedupOverStraightPort/m);
        expect(text).toMatch(/^MISS +2\.50 +<= 2\.3 +deformScaling60kOver30k/m);
        expect(text).toMatch(/^- +- +>= 75 +tilePsnr/m);
    });

    it('refuses an argument that it does not know, and is shorter when quick', () => {
        expect(parseOptions(['--quick', '--json'])).toMatchObject({ quick: true, json: true, computeOnly: false });
        expect(() => parseOptions(['--fast'])).toThrow(/got "--fast"/);
        expect(roundPlan(true).nets).toBeLessThan(roundPlan(false).nets);
    });

    it('measures in turn, every other round backwards', async () => {
        const order: string[] = [];
        const contestants = ['a', 'b'].map((name) => ({
            name,
            sampleAsync: (round: number) => Promise.resolve(order.push(`${name}${round}`)),
        }));
        const samples = await interleaveAsync(contestants, 2);
        expect(order).toEqual(['a0', 'b0', 'b1', 'a1']);
        expect(samples.get('a')).toEqual([1, 4]);
    });
});

describe('the peers of the frame bench', () => {
    const head = makeHead({ faceCount: 192, mouthCount: 64, seed: 5, movingShare: 1 });
    const { audioFeat, exprFeat } = BENCH_INSTANT;

    it('names the offsets of a straight port as its WGSL does', () => {
        const specs = [
            { name: 'projAudio.weight', shape: [2, 3] },
            { name: 'projAudio.bias', shape: [2] },
            { name: 'mlp0.weight', shape: [4] },
        ];
        expect(weightOffsets(specs)).toEqual({ PROJ_AUDIO_WEIGHT: 0, PROJ_AUDIO_BIAS: 6, MLP0_WEIGHT: 8 });
    });

    it('ports the equations: 256 splats agree with the float64 reference, seed 5', async ({ skip }) => {
        const attempt = await tryGpu();
        if ('reason' in attempt) return skip(attempt.reason);
        const { device } = attempt;
        const arena = new GpuArena(device, 'straight port');
        const posed = await withValidation(device, async () => {
            const port = await createStraightPortAsync(device, arena, head, BENCH_INSTANT);
            const encoder = device.createCommandEncoder();
            const recording = encoder.beginComputePass();
            port.record(recording);
            recording.end();
            device.queue.submit([encoder.finish()]);
            return new Float32Array(await readBack(device, port.posedSplats));
        });
        // The bar of the bench; measured 8.4e-7.
        expect(deformError(posed, head)).toBeLessThan(1e-4);
        arena.dispose();
    });

    it('sees a head that was not deformed', async () => {
        expect(deformError(new Float32Array(256 * 12), head)).toBeGreaterThan(0.5);
    });

    it('writes both ONNX graphs of the face so that they agree with the float64 reference, seed 5', async () => {
        env.wasm.numThreads = 1;
        const { layers, spatialFeat, movingCount } = head.branches.face;
        const baked = bakeHead(head);
        const { face } = computeFrameUniforms(baked, audioFeat, exprFeat);
        const numExpressions = head.expression.names.length;
        const naive = await InferenceSession.create(writeNaiveFaceOnnx(layers, numExpressions, movingCount));
        const refactored = await InferenceSession.create(writeRefactoredFaceOnnx(layers, numExpressions, movingCount));
        const tensor = (values: ArrayLike<number>, rows: number): Tensor =>
            new Tensor('float32', Float32Array.from(values), [rows, values.length / rows]);
        const answers = [
            await naive.run({
                audioFeat: tensor(audioFeat, 1),
                exprFeat: tensor(exprFeat, 1),
                spatialFeat: tensor(spatialFeat, movingCount),
            }),
            await refactored.run({
                baked: tensor(baked.face.features, movingCount),
                shared: tensor(face.speech, 1),
            }),
        ];
        const expected = Array.from({ length: movingCount }, (_, i) => {
            const feature = spatialFeat.subarray(i * SPATIAL_FEAT_DIM, (i + 1) * SPATIAL_FEAT_DIM);
            return deltasReference('face', layers, audioFeat, exprFeat, feature);
        }).flat();
        for (const answer of answers)
            expect(relativeRms(answer['deltas']?.data as Float32Array, expected)).toBeLessThan(1e-5);
    });

    it('draws the reference in blocks exactly as in one piece, seeds 6 and 7', () => {
        const face = randomSplats(120, 6, { shDegree: 1, size: 0.015 });
        const mouth = randomSplats(30, 7, { radius: 0.04 });
        const camera = obliqueCamera(56, 40);
        const whole = compositeReference(renderReference(face, camera).rgba, renderReference(mouth, camera).rgba);
        expectClose(referenceHead(face, mouth, camera), whole, { atol: 1e-12 });
    });
});
