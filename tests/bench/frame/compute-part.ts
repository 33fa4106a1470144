import { readBack, withValidation } from '../../helpers/gpu.js';
import { BENCH_PASSES, openStageAsync, type ComputeStage } from './compute-stage.js';
import { BENCH_INSTANT } from './bench-head.js';
import { deformError } from './deform-check.js';
import { interleaveAsync, type Contestant } from './interleave.js';
import type { BenchDevice } from './node-device.js';
import { PassClock, type PassSample, type Repetition } from './pass-clock.js';
import type { PassRow } from './report.js';
import { median, quantile } from './statistics.js';
import { createStraightPortAsync } from './straight-port.js';
import type { PassRecorder } from '../../../plugin/compute/index.js';

/** Splats of the timed heads; halves and doubles of the paper's 30 000. */
const COUNTS = [7_500, 15_000, 30_000, 60_000] as const;
/** Size at which the straight port is timed. */
const PORT_COUNT = 30_000;
/** Relative rms error against the float64 reference above which times mean nothing. */
const EXACT = 1e-4;

interface TimedPass {
    readonly name: string;
    readonly splats: number;
    readonly recorder: PassRecorder;
    readonly repetition: Repetition;
}

/** Times {@link BENCH_PASSES} at every size and the straight port at one, interleaved. @throws Error - a kernel is wrong. */
export async function measurePassesAsync(
    { device }: BenchDevice,
    rounds: number,
    progress: (line: string) => void,
): Promise<readonly PassRow[]> {
    const clock = new PassClock(device);
    const stages: ComputeStage[] = [];
    try {
        const timed: TimedPass[] = [];
        const prepareAsync = async (name: string, splats: number, recorder: PassRecorder): Promise<void> => {
            const repetition = await withValidation(device, () => clock.calibrateAsync(recorder));
            timed.push({ name, splats, recorder, repetition });
        };
        for (const count of COUNTS) {
            progress(`kernels: preparing ${count} splats`);
            const stage = await openStageAsync(device, count);
            stages.push(stage);
            for (const pass of BENCH_PASSES) await prepareAsync(pass.name, count, await pass.prepareAsync(stage));
            if (count !== PORT_COUNT) continue;
            const port = await createStraightPortAsync(device, stage.arena, stage.asset, BENCH_INSTANT);
            await prepareAsync('straightPort', count, port);
            await assertExactAsync(device, 'deform', stage, stage.deformer.posedSplats);
            await assertExactAsync(device, 'straightPort', stage, port.posedSplats);
        }
        const contestants = timed.map(({ name, splats, recorder, repetition }): Contestant<PassSample> => ({
            name: `${name} ${splats}`,
            sampleAsync: () => clock.sampleAsync(recorder, repetition),
        }));
        const samples = await interleaveAsync(contestants, rounds, (round) =>
            progress(`kernels: round ${round + 1} of ${rounds}`),
        );
        return timed.map(({ name, splats, repetition }) =>
            rowOf(name, splats, repetition, samples.get(`${name} ${splats}`) ?? []),
        );
    } finally {
        clock.dispose();
        for (const { arena } of stages) arena.dispose();
    }
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

function rowOf(name: string, splats: number, { count }: Repetition, samples: readonly PassSample[]): PassRow {
    const walls = samples.map(({ wallMs }) => wallMs);
    const gpu = samples.flatMap(({ gpuMs }) => gpuMs ?? []);
    return {
        name,
        splats,
        repeats: count,
        rounds: samples.length,
        cpuMs: median(samples.map(({ cpuMs }) => cpuMs)),
        gpuMs: gpu.length > 0 ? median(gpu) : null,
        wallMs: median(walls),
        wallP95Ms: quantile(walls, 0.95),
    };
}
