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
import { CSV_HEADER, csvRow, withRow } from './frame/csv-row.js';
import { FLAT_PASSES, openStageAsync } from './frame/compute-stage.js';
import { deformError } from './frame/deform-check.js';
import { interleaveAsync } from './frame/interleave.js';
import { writeNaiveFaceOnnx, writeRefactoredFaceOnnx } from './frame/mlp-onnx.js';
import { parseOptions, roundPlan, SPLAT_COUNTS } from './frame/options.js';
import { PassClock } from './frame/pass-clock.js';
import type { PassRow } from './frame/pass-row.js';
import { WorkCounter } from './frame/pass-work.js';
import { referenceHead } from './frame/reference-blocks.js';
import { openQuadsAsync } from './frame/quads-bench.js';
import { reportOf, verdictOf, type BrowserRow, type Measured } from './frame/report.js';
import { peakOf, rooflineUs } from './frame/roofline.js';
import { median, quantile, ratio, relativeRms, scalingExponent, threeDigits } from './frame/statistics.js';
import { createStraightPortAsync, weightOffsets } from './frame/straight-port.js';
import { tableOf } from './frame/table.js';
import { calibrateAsync, sampleAsync, type PassSample, type Workload } from './frame/workload.js';

function pass(
    name: string,
    splats: number,
    cpuMs: number,
    gpuMs: number | null,
    pixels: number | null = null,
): PassRow {
    const times = { cpuMs, gpuMs, wallMs: cpuMs, wallP95Ms: cpuMs };
    return { name, splats, pixels, repeats: 1, rounds: 3, ...times, rooflineUs: null };
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
        pass('tile', 30_000, 100, 5, 256),
        pass('tile', 30_000, 400, 5, 512),
        pass('tile', 60_000, 800, 5, 512),
    ],
    browser: {
        adapter: 'some adapter',
        isSoftware: true,
        peerPictureDb: 45,
        nets: [inBrowser('ours', 100, 150), inBrowser('ortWebGpuNaive', 1000, 900)],
        frames: [
            inBrowser('babylonStatic', 200, 300),
            inBrowser('oursTalking', 230, 900),
            inBrowser('oursTiles', 500, 900),
            inBrowser('oursAllSplats', 260, 900),
        ],
    },
    quality: { tilePsnr: null, quadsPsnr: 64, tileVsQuadsPsnr: 59.5 },
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
            tileVsQuadsPsnr: 'pass',
        });
        expect(ratios.frameTileOverBabylonStatic).toBe(2.5);
        expect(verdictOf({ name: 'x', meaning: '', atMost: 2 }, NaN)).toBe('miss');
    });

    it('knows a software adapter by its flag or its name', () => {
        const facts = { vendor: 'google', architecture: 'swiftshader', device: '', description: '' };
        expect(isSoftwareAdapter(facts)).toBe(true);
        expect(isSoftwareAdapter({ ...facts, architecture: 'ampere', isFallbackAdapter: true })).toBe(true);
        expect(isSoftwareAdapter({ ...facts, vendor: 'nvidia', architecture: 'turing', device: 'tesla-t4' })).toBe(
            false,
        );
    });

    it('fits the power with which a cost grows', () => {
        expect(scalingExponent([1, 2, 5].map((x) => [x, 3 * x ** 1.5]))).toBeCloseTo(1.5, 12);
        expect(scalingExponent([[2, 5]])).toBeNull();
        expect(scalingExponent([[2, 5], [2, 6]])).toBeNull(); // prettier-ignore
        expect(scalingExponent([[2, 0], [3, 6]])).toBeNull(); // prettier-ignore
    });

    it('reads scaling over splats at 512 px and over pixels at 30 000 splats, where there are two sizes', () => {
        const tile = { name: 'tile', overSplats: expect.closeTo(1, 12), overPixels: expect.closeTo(1, 12) };
        const deform = { name: 'deform', overSplats: expect.closeTo(Math.log2(2.5), 12), overPixels: null };
        expect(reportOf(MEASURED).scaling).toEqual([deform, tile]);
        const onGpu = reportOf({ ...MEASURED, isSoftware: false }).scaling;
        expect(onGpu.find(({ name }) => name === 'tile')).toMatchObject({ overPixels: 0 });
    });

    it('knows the peaks of a GPU by its name alone', () => {
        expect(peakOf('nvidia hopper nvidia-h100-80gb-hbm3 NVIDIA: 550.54')?.name).toBe('H100');
        expect(peakOf('nvidia hopper nvidia-h200 NVIDIA: 550.54')?.bytesPerSecond).toBe(4.8e12);
        expect(peakOf('nvidia hopper nvidia-h100-pcie NVIDIA: 550.54')).toBeUndefined();
        expect(peakOf('google swiftshader')).toBeUndefined();
    });

    it('lets the slower of memory and arithmetic decide a roofline', () => {
        const peak = { name: 'toy', pattern: /toy/, bytesPerSecond: 1e6, flopsPerSecond: 2e6 };
        expect(rooflineUs({ bytes: 5, flops: 2 }, peak)).toBe(5);
        expect(rooflineUs({ bytes: 1, flops: 20 }, peak)).toBe(10);
    });
});

describe('what the frame bench writes', () => {
    it('writes a row with the columns of the header, quoting what would break it', () => {
        const row = csvRow(reportOf(MEASURED));
        expect(row).toContain(
            '2026-01-02,"some, adapter",abc1234,quick,1.3,8.00,2.50,6.00,,1.15,,64.0,,59.5,deform@30000=200 ',
        );
        expect(row).toContain(' tile@30000x256=100 ');
        expect(row).toMatch(/,2\.50,deform:splats=1\.32 tile:splats=1\.00 tile:pixels=1\.00,1\.30$/);
        expect(row.replace(/"[^"]*"/g, '').split(',')).toHaveLength(CSV_HEADER.split(',').length);
    });

    it('writes empty cells where only the kernels were measured', () => {
        const quality = { tilePsnr: null, quadsPsnr: null, tileVsQuadsPsnr: null };
        expect(csvRow(reportOf({ ...MEASURED, browser: null, quality }))).toMatch(
            /,8\.00,2\.50,,,,,,,,deform@.*,,,deform:/,
        );
    });

    it('adds a row to a file of fewer columns, and to no file of others', () => {
        const older = CSV_HEADER.split(',').slice(0, -2).join(',');
        expect(withRow('', 'row')).toBe(`${CSV_HEADER}\nrow\n`);
        expect(withRow(`${CSV_HEADER}\nold\n`, 'row')).toBe(`${CSV_HEADER}\nold\nrow\n`);
        expect(withRow(`${older}\nold\n`, 'row')).toBe(`${CSV_HEADER}\nold,,\nrow\n`);
        expect(() => withRow('date,other\nold\n', 'row')).toThrow(/got "date,other"/);
    });

    it('prints every bar with its verdict', () => {
        const text = tableOf(reportOf(MEASURED));
        expect(text).toMatch(/^pass +8\.00 +>= 8 +deformSpeedupOverStraightPort/m);
        expect(text).toMatch(/^MISS +2\.50 +<= 2\.3 +deformScaling60kOver30k/m);
        expect(text).toMatch(/^- +- +>= 75 +tilePsnr/m);
        expect(text).toMatch(/^tile +1\.00 +1\.00$/m);
        expect(text).toContain("a talking frame with tiles over Babylon's static one: 2.50");
    });

    it('prints how far a pass is above the roofline only where that is known', () => {
        expect(tableOf(reportOf(MEASURED))).not.toContain('roofline');
        const passes = [{ ...pass('deform', 30_000, 200, 0.05), rooflineUs: 20 }, pass('straightPort', 30_000, 9, 1)];
        const text = tableOf(reportOf({ ...MEASURED, isSoftware: false, passes }));
        expect(text).toMatch(/^deform .* 50 .* 20 +2\.5$/m);
        expect(text).toMatch(/^straightPort .* - +-$/m);
    });

    it('refuses an argument that it does not know, and is shorter when quick', () => {
        expect(parseOptions(['--quick', '--json'])).toMatchObject({ quick: true, json: true, computeOnly: false });
        expect(() => parseOptions(['--fast'])).toThrow(/got "--fast"/);
        expect(roundPlan(true).nets).toBeLessThan(roundPlan(false).nets);
    });

    it('draws every size in full, and a row and a column of them when quick', () => {
        expect(roundPlan(false).drawSizes).toHaveLength(12);
        const quick = roundPlan(true).drawSizes;
        expect(quick.filter(({ splats }) => splats === 30_000).map(({ pixels }) => pixels)).toEqual([256, 512, 1024]);
        expect(quick.filter(({ pixels }) => pixels === 512).map(({ splats }) => splats)).toEqual([...SPLAT_COUNTS]);
        expect(quick).toHaveLength(6);
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

    it('lets what is slow sit rounds out', async () => {
        const slow = { name: 'slow', every: 3, sampleAsync: (round: number) => Promise.resolve(round) };
        expect((await interleaveAsync([slow], 7)).get('slow')).toEqual([0, 3, 6]);
    });

    it('repeats work until it lasts 10 ms by the finest clock there is, and divides', async () => {
        const runs: number[] = [];
        const work: Workload = {
            runAsync: (count) => {
                runs.push(count);
                return Promise.resolve({ wallMs: 1 + count, cpuMs: 2 * count, gpuMs: count / 5 });
            },
        };
        const repetition = await calibrateAsync(work);
        expect(repetition).toEqual({ count: 64, wallMs: 65 });
        expect(runs).toEqual([1, 1, 4, 16, 64, 64]);
        expect(await sampleAsync(work, repetition)).toEqual({ wallMs: 65 / 64, cpuMs: 2, gpuMs: 0.2 });
    });

    it('runs what takes seconds only once before it is timed', async () => {
        const work: Workload = { runAsync: () => Promise.resolve({ wallMs: 1500, cpuMs: 1, gpuMs: null }) };
        expect(await calibrateAsync(work)).toEqual({ count: 1, wallMs: 1000 });
    });
});

describe('the work of a pass', () => {
    const work = new WorkCounter(makeHead({ faceCount: 300, mouthCount: 60, seed: 5, movingShare: 1, shDegree: 0 }));

    it('counts the deformation by hand: two layers a face splat, three a mouth splat', () => {
        const face = 2 * (64 * 64 + 64 + 64 * 10 + 10);
        const mouth = 2 * (32 * 32 + 32 * 32 + 32 + 32 * 3 + 3);
        expect(work.workOf('deform', null)).toEqual({ bytes: 360 * (256 + 48 + 48), flops: 300 * face + 60 * mouth });
    });

    it('grows with the pixels where a pass draws, by the area of the splats', () => {
        const [small, large] = [256, 512].map((pixels) => Number(work.workOf('quads', pixels)?.flops)) as [
            number,
            number,
        ];
        const corners = 360 * 4 * 256;
        // The low-pass does not grow with the picture.
        expect((large - corners) / (small - corners)).toBeGreaterThan(3.5);
        expect((large - corners) / (small - corners)).toBeLessThan(4);
        expect(work.workOf('tile', 512)?.bytes).toBeGreaterThan(Number(work.workOf('tile', 256)?.bytes));
        expect(work.workOf('straightPort', null)).toBeNull();
        expect(work.workOf('tile', null)).toBeNull();
    });
});

describe('the draws that are timed', () => {
    it('draws quads with Babylon as often as asked, which costs more than a frame without them', async ({ skip }) => {
        if ('reason' in (await tryGpu())) return skip('no WebGPU adapter');
        const quads = await openQuadsAsync();
        const work = await quads.workloadAsync(600, 64);
        // The first run compiles.
        await work.runAsync(1, 0);
        const [one, many] = [await work.runAsync(1, 0), await work.runAsync(40, 0)];
        quads.dispose();
        const costOf = ({ gpuMs, cpuMs }: PassSample): number => gpuMs ?? cpuMs;
        expect(costOf(many)).toBeGreaterThan(4 * costOf(one));
        expect(costOf(many)).toBeGreaterThan(0);
    });

    it('refuses to time a pass that does nothing', async ({ skip }) => {
        const attempt = await tryGpu();
        if ('reason' in attempt) return skip(attempt.reason);
        const clock = new PassClock(attempt.device);
        await expect(clock.workload({ record: () => 0 }).runAsync(3, 0)).rejects.toThrow(/none in 3/);
        clock.dispose();
    });

    it('deforms and sorts anew in every recording', async ({ skip }) => {
        const attempt = await tryGpu();
        if ('reason' in attempt) return skip(attempt.reason);
        const stage = await openStageAsync(attempt.device, 600);
        const pass = attempt.device.createCommandEncoder().beginComputePass();
        for (const name of FLAT_PASSES) {
            const first = stage[name].record(pass);
            expect(first).toBeGreaterThan(0);
            expect(stage[name].record(pass)).toBe(first);
        }
        pass.end();
        stage.dispose();
    });

    it('records tiles that show the head', async ({ skip }) => {
        const attempt = await tryGpu();
        if ('reason' in attempt) return skip(attempt.reason);
        const { device } = attempt;
        const stage = await openStageAsync(device, 600);
        const clock = new PassClock(device);
        const tiles = stage.tiles(64);
        await withValidation(device, () => clock.workload(tiles).runAsync(2, 0));
        const colours = new Float32Array(await readBack(device, tiles.view.colours as GPUBuffer));
        const covered = colours.filter((value, k) => k % 4 === 3 && value > 0.5).length / 64 ** 2;
        // The head fills a third of the picture and does not touch its border.
        expect(covered).toBeGreaterThan(0.2);
        expect(covered).toBeLessThan(0.9);
        stage.dispose();
        clock.dispose();
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
