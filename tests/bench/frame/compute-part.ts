import type { PassRecorder } from '../../../plugin/compute/index.js';
import { readBack, withValidation } from '../../helpers/gpu.js';
import { BENCH_INSTANT, drawnHead } from './bench-head.js';
import { FLAT_PASSES, openStageAsync, type ComputeStage } from './compute-stage.js';
import { deformError } from './deform-check.js';
import { interleaveAsync, type Contestant } from './interleave.js';
import type { BenchDevice } from './node-device.js';
import { SPLAT_COUNTS, USUAL_DRAW, type RoundPlan } from './options.js';
import { PassClock } from './pass-clock.js';
import type { PassRow } from './pass-row.js';
import { WorkCounter } from './pass-work.js';
import { openQuadsAsync, type QuadsBench } from './quads-bench.js';

import { peakOf, rooflineUs } from './roofline.js';
import { median, quantile } from './statistics.js';
import { createStraightPortAsync } from './straight-port.js';
import { calibrateAsync, sampleAsync, type PassSample, type Repetition, type Workload } from './workload.js';

/** Relative rms error against the float64 reference above which times mean nothing. */
const EXACT = 1e-4;

type PassKey = Pick<PassRow, 'name' | 'splats' | 'pixels'>;

interface TimedPass extends PassKey {
    readonly work: Workload;
    readonly repetition: Repetition;
}

/** What passes run on; stages by their number of splats. */
interface PassBench {
    readonly device: GPUDevice;
    readonly clock: PassClock;
    readonly stages: ReadonlyMap<number, ComputeStage>;
    readonly quads: QuadsBench;
}

/**
 * Times all passes, in two interleaved contests: {@link FLAT_PASSES} at every number of splats with the straight port at one, then
 * `tile` and `quads` at the plan's sizes, which a software adapter takes seconds for.
 *
 * @throws Error - a kernel is wrong, or Babylon does not start.
 */
export async function measurePassesAsync(
    { device, adapter }: BenchDevice,
    plan: RoundPlan,
    progress: (line: string) => void,
): Promise<readonly PassRow[]> {
    const clock = new PassClock(device);
    const stages = new Map<number, ComputeStage>();
    let quads: QuadsBench | undefined;
    try {
        for (const splats of SPLAT_COUNTS) {
            progress(`kernels: preparing ${splats} splats`);
            stages.set(splats, await openStageAsync(device, splats));
        }
        quads = await openQuadsAsync();
        const bench = { device, clock, stages, quads };
        const flat = await prepareFlatAsync(bench);
        const flatRows = await contestAsync('kernels', flat, plan.compute, progress);
        const draws = await prepareDrawsAsync(bench, plan, progress);
        const drawRows = await contestAsync('draws', draws, plan.draws, progress);
        return withRooflines([...flatRows, ...drawRows], adapter);
    } finally {
        clock.dispose();
        quads?.dispose();
        for (const stage of stages.values()) stage.dispose();
    }
}

async function prepareFlatAsync({ device, clock, stages }: PassBench): Promise<readonly TimedPass[]> {
    const timed: TimedPass[] = [];
    const prepareAsync = async (name: string, splats: number, recorder: PassRecorder): Promise<void> => {
        timed.push(await calibratedAsync(device, { name, splats, pixels: null }, clock.workload(recorder)));
    };
    for (const [splats, stage] of stages) {
        for (const name of FLAT_PASSES) await prepareAsync(name, splats, stage[name]);
        if (splats !== USUAL_DRAW.splats) continue;
        const port = await createStraightPortAsync(device, stage.arena, stage.asset, BENCH_INSTANT);
        await prepareAsync('straightPort', splats, port);
        await assertExactAsync(device, 'deform', stage, stage.posedSplats);
        await assertExactAsync(device, 'straightPort', stage, port.posedSplats);
    }
    return timed;
}

async function prepareDrawsAsync(
    { device, clock, stages, quads }: PassBench,
    { drawSizes }: RoundPlan,
    progress: (line: string) => void,
): Promise<readonly TimedPass[]> {
    const timed: TimedPass[] = [];
    for (const { splats, pixels } of drawSizes) {
        progress(`draws: preparing ${splats} splats on ${pixels} px`);
        const stage = stages.get(splats);
        if (!stage) throw new Error(`bench: expected a stage of ${splats} splats, got none. Add it to SPLAT_COUNTS.`);
        const tiles = clock.workload(stage.tiles(pixels));
        timed.push(await calibratedAsync(device, { name: 'tile', splats, pixels }, tiles));
        const draw = await quads.workloadAsync(splats, pixels);
        timed.push(await calibratedAsync(device, { name: 'quads', splats, pixels }, draw));
    }
    return timed;
}

async function calibratedAsync(device: GPUDevice, key: PassKey, work: Workload): Promise<TimedPass> {
    return { ...key, work, repetition: await withValidation(device, () => calibrateAsync(work)) };
}

async function contestAsync(
    title: string,
    timed: readonly TimedPass[],
    rounds: number,
    progress: (line: string) => void,
): Promise<readonly PassRow[]> {
    const nameOf = ({ name, splats, pixels }: PassKey): string => `${name} ${splats} ${pixels}`;
    const contestants = timed.map((pass): Contestant<PassSample> => ({
        name: nameOf(pass),
        sampleAsync: () => sampleAsync(pass.work, pass.repetition),
    }));
    const samples = await interleaveAsync(contestants, rounds, (round) =>
        progress(`${title}: round ${round + 1} of ${rounds}`),
    );
    return timed.map((pass) => rowOf(pass, samples.get(nameOf(pass)) ?? []));
}

async function assertExactAsync(
    device: GPUDevice,
    name: string,
    { asset }: ComputeStage,
    posed: GPUBuffer,
): Promise<void> {
    const error = deformError(new Float32Array(await readBack(device, posed)), asset);
    if (error <= EXACT) return;
    throw new Error(`bench ${name}: expected a relative rms error of at most ${EXACT}, got ${error}. Mend it first.`);
}

function rowOf({ name, splats, pixels, repetition }: TimedPass, samples: readonly PassSample[]): PassRow {
    const walls = samples.map(({ wallMs }) => wallMs);
    const gpu = samples.flatMap(({ gpuMs }) => gpuMs ?? []);
    return {
        name,
        splats,
        pixels,
        repeats: repetition.count,
        rounds: samples.length,
        cpuMs: median(samples.map(({ cpuMs }) => cpuMs)),
        gpuMs: gpu.length > 0 ? median(gpu) : null,
        wallMs: median(walls),
        wallP95Ms: quantile(walls, 0.95),
        rooflineUs: null,
    };
}

/** Adds rooflines where the adapter's peaks are known. */
function withRooflines(rows: readonly PassRow[], adapter: string): readonly PassRow[] {
    const peak = peakOf(adapter);
    if (!peak) return rows;
    const counters = new Map(SPLAT_COUNTS.map((splats) => [splats as number, new WorkCounter(drawnHead(splats))]));
    return rows.map((row) => {
        const work = counters.get(row.splats)?.workOf(row.name, row.pixels) ?? null;
        return { ...row, rooflineUs: work && rooflineUs(work, peak) };
    });
}
