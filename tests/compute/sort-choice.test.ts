import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
    chooseSortWayAsync,
    compareSortWaysAsync,
    DepthSorter,
    GpuArena,
    SORT_WAYS,
    type SortContender,
    type SortedView,
    type SortInput,
    type SortWay,
} from '../../plugin/compute/index.js';
import { compileSortAsync, createSortedView } from '../../plugin/compute/sorted-view.js';
import { PgsError } from '../../plugin/core/index.js';
import { tryGpu, withValidation, type GpuAttempt } from '../helpers/gpu.js';

let gpu: GpuAttempt = { reason: 'not started' };
beforeAll(async () => {
    gpu = await tryGpu();
});
afterAll(() => {
    if ('device' in gpu) gpu.device.destroy();
});

/** A last row and a last block that are not full. */
const SIZE = 2100;

/** The packed sort of one workgroup under any name, with `change` applied to its views. */
function contender(
    way: SortWay,
    change: (view: SortedView) => SortedView = (view) => view,
    changeInput: (input: SortInput) => SortInput = (input) => input,
): SortContender {
    return {
        way,
        compileAsync: async () => {
            if (!('device' in gpu)) throw new Error(gpu.reason);
            const sort = await compileSortAsync(gpu.device, 'packed', 'one-workgroup', false);
            return (input) => change(createSortedView(sort, changeInput(input), way, () => input.splatCount));
        },
    };
}

/** Sorts many times for one. */
function slowed(view: SortedView): SortedView {
    const record = (pass: GPUComputePassEncoder): number => {
        let dispatches = 0;
        for (let again = 0; again < 20; again++) dispatches += view.record(pass);
        return dispatches;
    };
    return { ...view, record };
}

const other = (way: SortWay): SortWay => SORT_WAYS.find((candidate) => candidate !== way) as SortWay;

describe('choice of a way to sort', () => {
    it.for(SORT_WAYS)('is %s where that is the faster', async (way, { skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const contenders = [contender(other(way), slowed), contender(way)];
        const choice = await compareSortWaysAsync(gpu.device, 'packed', [SIZE], contenders);
        expect(choice.way).toBe(way);
        expect(choice.timesMs[way]).toBeLessThan(choice.timesMs[other(way)] as number);
        expect(choice.reason).toMatch(new RegExp(`^${other(way)} sorts ${SIZE} splats in .*, ${way} sorts`));
    });

    const brokenViews: Readonly<Record<string, (view: SortedView) => SortedView>> = {
        'does nothing': (view) => ({ ...view, record: () => 0 }),
        'looks the wrong way': (view) => ({
            ...view,
            aim: ({ x, y, z, range }) => view.aim({ x, y, z: -z, offset: range, range }),
        }),
    };
    const brokenInputs: Readonly<Record<string, (input: SortInput) => SortInput>> = {
        'puts the mouth before the face': (input) => ({ ...input, faceCount: 0 }),
        'takes one mouth splat for the face': (input) => ({ ...input, faceCount: input.faceCount + 1 }),
    };
    it.for([...Object.keys(brokenViews), ...Object.keys(brokenInputs)])(
        'is never a way that %s, however fast it is',
        async (fault, { skip }) => {
            if (!('device' in gpu)) return skip(gpu.reason);
            for (const broken of SORT_WAYS) {
                const choice = await compareSortWaysAsync(
                    gpu.device,
                    'packed',
                    [SIZE],
                    [contender(broken, brokenViews[fault], brokenInputs[fault]), contender(other(broken), slowed)],
                );
                expect(choice.way).toBe(other(broken));
                expect(choice.reason).toMatch(
                    new RegExp(`^${broken} sorts wrongly here \\(expected splat \\d+ at place`),
                );
            }
        },
    );

    it('fails where every way sorts wrongly, and names each', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const contenders = SORT_WAYS.map((way) => contender(way, brokenViews['does nothing']));
        await expect(compareSortWaysAsync(gpu.device, 'packed', [SIZE], contenders)).rejects.toMatchObject({
            code: 'GPU_UNAVAILABLE',
            message: expect.stringMatching(/one-workgroup sorts wrongly.*multi-dispatch sorts wrongly/) as string,
        });
    });

    it('is the other way where a driver cannot compile one, but any other failure is an error', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const failing = (error: Error): readonly SortContender[] => [
            { way: 'one-workgroup', compileAsync: () => Promise.reject(error) },
            contender('multi-dispatch'),
        ];
        const refused = failing(new PgsError('GPU_UNAVAILABLE', 'internal compiler error'));
        expect(await compareSortWaysAsync(gpu.device, 'packed', [SIZE], refused)).toMatchObject({
            way: 'multi-dispatch',
            reason: expect.stringContaining('internal compiler error') as string,
        });
        const tooSmall = failing(new PgsError('GPU_LIMIT', 'too little'));
        const compared = compareSortWaysAsync(gpu.device, 'packed', [SIZE], tooSmall);
        await expect(compared).rejects.toMatchObject({ code: 'GPU_LIMIT' });
    });

    it('is made on the small trial alone where a larger one would take long', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const contenders = [contender('one-workgroup'), contender('multi-dispatch', slowed)];
        const choice = await compareSortWaysAsync(gpu.device, 'packed', [SIZE, 60_000_000], contenders);
        expect(choice.reason).toContain(`${SIZE} splats`);
    });

    it('is made once for a device, size class and precision, and both ways are right', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        for (const precision of ['packed', 'fine'] as const) {
            const choice = await withValidation(device, () => chooseSortWayAsync(device, 1000, precision));
            expect(Object.keys(choice.timesMs).sort()).toEqual([...SORT_WAYS].sort());
            const chosen = choice.timesMs[choice.way] as number;
            const rejected = choice.timesMs[other(choice.way)] as number;
            // One workgroup is taken unless the other way takes less than three quarters of its time.
            const handicap = choice.way === 'one-workgroup' ? 0.75 : 1 / 0.75;
            expect(chosen * handicap).toBeLessThanOrEqual(rejected);
            expect(await chooseSortWayAsync(device, 3000, precision)).toBe(choice);
        }
        expect(await chooseSortWayAsync(device, 1000, 'fine')).not.toBe(
            await chooseSortWayAsync(device, 1000, 'packed'),
        );
    });

    it('frees every buffer that the trials took', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        const create = device.createBuffer.bind(device);
        let [created, destroyed] = [0, 0];
        const spy = vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
            const buffer = create(descriptor);
            const destroy = buffer.destroy.bind(buffer);
            created++;
            vi.spyOn(buffer, 'destroy').mockImplementation(() => {
                destroyed++;
                return destroy();
            });
            return buffer;
        });
        await compareSortWaysAsync(
            device,
            'packed',
            [SIZE],
            SORT_WAYS.map((way) => contender(way)),
        );
        spy.mockRestore();
        expect(created).toBeGreaterThan(4);
        expect(destroyed).toBe(created);
    });

    it('uses timestamps where the device has them', async ({ skip }) => {
        const timed = await tryGpu({ requiredFeatures: ['timestamp-query'] }).catch((error: Error) => ({
            reason: error.message,
        }));
        if (!('device' in timed)) return skip(`no timestamps: ${timed.reason}`);
        const { device } = timed;
        const { timesMs } = await withValidation(device, () => chooseSortWayAsync(device, 1, 'packed'));
        for (const way of SORT_WAYS) expect(timesMs[way]).toBeGreaterThan(0);
        device.destroy();
    });

    it('ends with an error when the device is lost while a way never answers', async ({ skip }) => {
        const lost = await tryGpu();
        if (!('device' in lost)) return skip(lost.reason);
        const silent = SORT_WAYS.map((way) => ({ way, compileAsync: () => new Promise<never>(() => undefined) }));
        const compared = compareSortWaysAsync(lost.device, 'packed', [SIZE], silent);
        lost.device.destroy();
        await expect(compared).rejects.toMatchObject({ code: 'GPU_LOST' });
    });
});

describe('depth sorter', () => {
    it('says which way it took and why', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        const arena = new GpuArena(device, 'choice');
        const options = { device, arena, posedSplats: arena.storage('posed', 48), splatCount: 1, faceCount: 1 };
        const asked = await DepthSorter.createAsync({ ...options, way: 'multi-dispatch' });
        expect(asked.choice).toEqual({ way: 'multi-dispatch', reason: 'asked for', timesMs: {} });
        const chosen = await DepthSorter.createAsync(options);
        expect(chosen.choice).toBe(await chooseSortWayAsync(device, 1, 'packed'));
        arena.dispose();
    });
});
