import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    DepthSorter,
    GpuArena,
    PACKED_LIMIT,
    SORT_LAYOUTS,
    SORT_WAYS,
    type DepthSorterOptions,
    type SortedView,
    type SortPrecision,
    type SortWay,
} from '../../plugin/compute/index.js';
import { readBack, tryGpu, withValidation, type GpuAttempt } from '../helpers/gpu.js';
import { random } from '../helpers/random-splats.js';

let gpu: GpuAttempt = { reason: 'not started' };
beforeAll(async () => {
    gpu = await tryGpu();
});
afterAll(() => {
    if ('device' in gpu) gpu.device.destroy();
});

const FLOATS_PER_POSED = 12;

/** Posed records with z in 0..1, many exact ties, all else zero. */
function posedWithDepths(count: number, seed: number): Float32Array {
    const next = random(seed);
    const posed = new Float32Array(Math.max(count, 1) * FLOATS_PER_POSED);
    for (let i = 0; i < count; i++) {
        const z = next();
        posed[i * FLOATS_PER_POSED + 2] = Math.fround(i % 7 === 0 ? Math.round(z * 16) / 16 : z);
    }
    return posed;
}

/** The order of some splats by definition: mouth first, then far to near in the key's own steps, then by id. */
function expectedOrder(posed: Float32Array, ids: Iterable<number>, faceCount: number, steps: number): Uint32Array {
    const depthOf = (i: number): number => {
        const nearness = Math.min(Math.max(posed[i * FLOATS_PER_POSED + 2] as number, 0), 1);
        return Math.floor(Math.fround(Math.fround(nearness * steps) + 0.5));
    };
    const keyed = Array.from(ids, (i) => ({ i, face: i < faceCount ? 1 : 0, depth: depthOf(i) }));
    keyed.sort((a, b) => a.face - b.face || a.depth - b.depth || a.i - b.i);
    return Uint32Array.from(keyed, ({ i }) => i);
}

type Combination = readonly [precision: SortPrecision, way: SortWay];
const COMBINATIONS: readonly Combination[] = (['packed', 'fine'] as const).flatMap((precision) =>
    SORT_WAYS.map((way) => [precision, way] as const),
);

/** A sorter of posed records on the test's device, and how to run it. */
interface Bench {
    readonly sorter: DepthSorter;
    readonly view: SortedView;
    /** Sorts on the GPU. @returns dispatches, and the first `activeCount` ids. */
    sortAsync(): Promise<{ dispatches: number; ids: Uint32Array }>;
    dispose(): void;
}

async function openBench(
    posed: Float32Array,
    options: Pick<DepthSorterOptions, 'splatCount' | 'faceCount'> & {
        combination: Combination;
        activeIds?: Uint32Array;
    },
): Promise<Bench> {
    if (!('device' in gpu)) throw new Error(gpu.reason);
    const { device } = gpu;
    const arena = new GpuArena(device, 'sort test');
    const { combination, activeIds, ...counts } = options;
    const sorter = await DepthSorter.createAsync({
        device,
        arena,
        posedSplats: arena.storage('posed', posed),
        ...counts,
        precision: combination[0],
        way: combination[1],
        ...(activeIds ? { activeIds: arena.storage('active ids', activeIds) } : {}),
    });
    const view = sorter.createView();
    return {
        sorter,
        view,
        sortAsync: () =>
            withValidation(device, async () => {
                view.aim({ x: 0, y: 0, z: 1, offset: 0, range: 1 });
                return runAsync(device, sorter, view);
            }),
        dispose: () => {
            arena.dispose();
            expect(arena.bufferCount).toBe(0);
        },
    };
}

async function runAsync(
    device: GPUDevice,
    sorter: DepthSorter,
    view: SortedView,
): Promise<{ dispatches: number; ids: Uint32Array }> {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const dispatches = view.record(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const words = new Uint32Array(await readBack(device, view.order));
    return { dispatches, ids: words.subarray(0, sorter.activeCount).map((word) => (word & sorter.idMask) >>> 0) };
}

// 8191 exercises the last row of a block; the others stand at the edges of a row, a block and the packed layout.
const SIZES = [0, 1, 2, 255, 256, 257, 2047, 2048, 2049, 5000, 8191, PACKED_LIMIT];
const FINE_SIZES = [70_000, 200_000];
const FULL_CASES = COMBINATIONS.flatMap(([precision, way]) =>
    [...SIZES, ...(precision === 'fine' ? FINE_SIZES : [])].map((size) => [precision, way, size] as const),
);

describe('depth sort', () => {
    it.for(FULL_CASES)(
        'orders %s keys by %s: %i splats back to front, mouth first, ties by id (seed 7)',
        async ([precision, way, splatCount], { skip }) => {
            if (!('device' in gpu)) return skip(gpu.reason);
            const posed = posedWithDepths(splatCount, 7);
            const faceCount = Math.floor(splatCount * 0.7);
            const bench = await openBench(posed, { splatCount, faceCount, combination: [precision, way] });
            const { ids, dispatches } = await bench.sortAsync();
            const all = Array.from({ length: splatCount }, (_, i) => i);
            expect(ids).toEqual(expectedOrder(posed, all, faceCount, SORT_LAYOUTS[precision].depthSteps));
            const perDigit = way === 'one-workgroup' ? 1 : 3 * SORT_LAYOUTS[precision].digits;
            expect(dispatches).toBe(splatCount === 0 ? 0 : 1 + perDigit);
            bench.dispose();
        },
    );

    it.for(COMBINATIONS)(
        'puts far and near, NaN and infinite splats somewhere: %s, %s',
        async (combination, { skip }) => {
            if (!('device' in gpu)) return skip(gpu.reason);
            const [splatCount, faceCount] = [3000, 1000];
            const posed = posedWithDepths(splatCount, 5);
            const poison = [NaN, Infinity, -Infinity, 1e38, -1e38, 1e-42, -5, 7];
            for (let i = 0; i < splatCount; i += 3)
                posed[i * FLOATS_PER_POSED + (i % 2) + 1] = poison[(i / 3) % poison.length] as number;
            const bench = await openBench(posed, { splatCount, faceCount, combination });
            const { ids } = await bench.sortAsync();
            expect(Uint32Array.from(ids).sort()).toEqual(Uint32Array.from({ length: splatCount }, (_, i) => i));
            // A NaN may get any depth, but not the other branch.
            expect(ids.subarray(0, splatCount - faceCount).every((id) => id >= faceCount)).toBe(true);
            bench.dispose();
        },
    );

    it.for(COMBINATIONS)('gives the same order twice: %s, %s (seed 3)', async (combination, { skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const bench = await openBench(posedWithDepths(5000, 3), { splatCount: 5000, faceCount: 3000, combination });
        const { ids } = await bench.sortAsync();
        expect((await bench.sortAsync()).ids).toEqual(ids);
        bench.dispose();
    });

    it('refuses more splats than the packed precision holds', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const splatCount = PACKED_LIMIT + 1;
        const opened = openBench(new Float32Array(12), {
            splatCount,
            faceCount: 0,
            combination: ['packed', 'one-workgroup'],
        });
        await expect(opened).rejects.toMatchObject({ code: 'OPTION_VALUE', message: expect.stringContaining('65537') });
    });
});

describe('active splats', () => {
    const splatCount = 6000;
    const faceCount = 4000;
    /** Ids of a list, ascending, in a buffer with room for all. */
    const LISTS: Readonly<Record<string, readonly number[]>> = {
        'no splat': [],
        'one splat': [4711],
        'every 13th splat': Array.from({ length: Math.ceil(splatCount / 13) }, (_, k) => k * 13),
        'all splats': Array.from({ length: splatCount }, (_, i) => i),
    };
    const cases = COMBINATIONS.flatMap(([precision, way]) =>
        Object.keys(LISTS).map((name) => [name, precision, way] as const),
    );

    it.for(cases)('sorts %s of a list and no other: %s, %s (seed 13)', async ([name, ...combination], { skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const posed = posedWithDepths(splatCount, 13);
        const list = LISTS[name] as readonly number[];
        const activeIds = new Uint32Array(splatCount).fill(1);
        activeIds.set(list);
        const bench = await openBench(posed, { splatCount, faceCount, combination, activeIds });
        bench.sorter.setActiveCount(list.length);
        const { ids, dispatches } = await bench.sortAsync();
        expect(ids).toEqual(expectedOrder(posed, list, faceCount, SORT_LAYOUTS[combination[0]].depthSteps));
        expect(dispatches > 0).toBe(list.length > 0);
        bench.dispose();
    });

    it.for(COMBINATIONS)(
        'follows the count from frame to frame, aimed again or not: %s, %s',
        async (combination, { skip }) => {
            if (!('device' in gpu)) return skip(gpu.reason);
            const { device } = gpu;
            const posed = posedWithDepths(splatCount, 17);
            const list = Uint32Array.from({ length: splatCount / 2 }, (_, k) => 2 * k + (k % 2));
            const activeIds = new Uint32Array(splatCount);
            activeIds.set(list);
            const bench = await openBench(posed, { splatCount, faceCount, combination, activeIds });
            const { sorter, view } = bench;
            view.aim({ x: 0, y: 0, z: 1, offset: 0, range: 1 });
            for (const count of [3000, 1, 0, 2049, 256]) {
                sorter.setActiveCount(count);
                const { ids } = await withValidation(device, () => runAsync(device, sorter, view));
                const { depthSteps } = SORT_LAYOUTS[combination[0]];
                expect(ids).toEqual(expectedOrder(posed, list.subarray(0, count), faceCount, depthSteps));
            }
            expect((await bench.sortAsync()).ids).toHaveLength(256);
            bench.dispose();
        },
    );

    it('sorts the first splats where there is no list', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const posed = posedWithDepths(splatCount, 19);
        const bench = await openBench(posed, { splatCount, faceCount, combination: ['packed', 'one-workgroup'] });
        bench.sorter.setActiveCount(300);
        const first = Array.from({ length: 300 }, (_, i) => i);
        expect((await bench.sortAsync()).ids).toEqual(expectedOrder(posed, first, faceCount, 0x7fff));
        bench.dispose();
    });

    it('refuses a count or a list that does not fit', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const options = { splatCount: 8, faceCount: 4, combination: ['packed', 'one-workgroup'] as const };
        const posed = posedWithDepths(8, 1);
        const bench = await openBench(posed, options);
        for (const count of [-1, 9, 1.5, NaN])
            expect(() => bench.sorter.setActiveCount(count)).toThrow(
                expect.objectContaining({ code: 'OPTION_VALUE', message: expect.stringContaining(`got ${count}`) }),
            );
        expect(bench.sorter.activeCount).toBe(8);
        bench.dispose();
        const opened = openBench(posed, { ...options, activeIds: new Uint32Array(7) });
        await expect(opened).rejects.toMatchObject({ code: 'OPTION_VALUE', message: expect.stringContaining('28') });
    });
});
