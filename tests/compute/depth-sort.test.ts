import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DepthSorter, GpuArena, PACKED_LIMIT } from '../../plugin/compute/index.js';
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

/** The order by definition: mouth first, then far to near in the key's own steps, then by id. */
function expectedOrder(posed: Float32Array, count: number, faceCount: number, steps: number): Uint32Array {
    const depth = new Float64Array(count);
    for (let i = 0; i < count; i++) {
        const nearness = Math.min(Math.max(posed[i * FLOATS_PER_POSED + 2] as number, 0), 1);
        depth[i] = Math.floor(Math.fround(Math.fround(nearness * steps) + 0.5));
    }
    const ids = Array.from({ length: count }, (_, i) => i);
    const rank = (i: number): number => (i < faceCount ? 1 : 0);
    ids.sort((a, b) => rank(a) - rank(b) || (depth[a] as number) - (depth[b] as number) || a - b);
    return Uint32Array.from(ids);
}

async function sortOnGpu(
    posed: Float32Array,
    count: number,
    faceCount: number,
    forceWide: boolean,
): Promise<Uint32Array> {
    if (!('device' in gpu)) throw new Error(gpu.reason);
    const { device } = gpu;
    const arena = new GpuArena(device, 'sort test');
    const order = await withValidation(device, async () => {
        const posedSplats = arena.storage('posed', posed);
        const options = { device, arena, posedSplats, splatCount: count, faceCount, forceWide };
        const sorter = await DepthSorter.createAsync(options);
        const view = sorter.createView();
        view.aim({ x: 0, y: 0, z: 1, offset: 0, range: 1 });
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        const dispatches = view.record(pass);
        expect(dispatches).toBeLessThanOrEqual(10);
        pass.end();
        device.queue.submit([encoder.finish()]);
        const words = new Uint32Array(await readBack(device, view.order));
        return words.subarray(0, count).map((word) => (word & sorter.idMask) >>> 0);
    });
    arena.dispose();
    expect(arena.bufferCount).toBe(0);
    return order;
}

// 8191 exercises the last row of a block; the others stand at the edges of a row, a block and the packed layout.
const packedSizes = [0, 1, 2, 255, 256, 257, 2047, 2048, 2049, 30_000, PACKED_LIMIT];
const wideSizes = [1, 2, 255, 256, 257, 2047, 2048, 2049, 8191, PACKED_LIMIT + 1, 200_000];

describe('depth sort', () => {
    it.for(packedSizes)(
        'orders %i packed splats back to front, mouth first, ties by id (seed 7)',
        async (count, { skip }) => {
            if (!('device' in gpu)) return skip(gpu.reason);
            const posed = posedWithDepths(count, 7);
            const faceCount = Math.floor(count * 0.7);
            expect(await sortOnGpu(posed, count, faceCount, false)).toEqual(
                expectedOrder(posed, count, faceCount, 0x7fff),
            );
        },
    );
    it.for(wideSizes)('orders %i splats with wide keys the same way (seed 11)', async (count, { skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const posed = posedWithDepths(count, 11);
        const faceCount = Math.floor(count * 0.7);
        expect(await sortOnGpu(posed, count, faceCount, true)).toEqual(
            expectedOrder(posed, count, faceCount, 0x7fffff),
        );
    });
    it('gives the same order twice', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const posed = posedWithDepths(5000, 3);
        expect(await sortOnGpu(posed, 5000, 3000, false)).toEqual(await sortOnGpu(posed, 5000, 3000, false));
    });
});
