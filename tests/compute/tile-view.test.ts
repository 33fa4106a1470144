import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    GpuArena,
    packHalves,
    TileRasterizer,
    unpackHalves,
    type TileOrderState,
    type TileView,
    type TileViewpoint,
} from '../../plugin/compute/index.js';
import { createSplatSet, type SplatSet } from '../../plugin/core/index.js';
import { renderReference } from '../../plugin/core/reference/index.js';
import { packColours } from '../../plugin/splat-material/index.js';
import { readBack, tryGpu, withValidation } from '../helpers/gpu.js';
import { randomSplats } from '../helpers/random-splats.js';
import { frontCamera } from '../helpers/scenes.js';
import { posedRecords, viewpointOf } from '../helpers/tile-scene.js';

const SIZE = 40;
const CAMERA = frontCamera(SIZE);
const VIEWPOINT = viewpointOf(CAMERA);
const ALL_BITS = 0xffffffff;

/** Splats on the device, and one view of them that lives through the tests. */
interface Rig {
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    readonly splats: SplatSet;
    readonly posed: GPUBuffer;
    readonly view: TileView;
    readonly order: GPUBuffer;
}

let rig: Rig | undefined;
let reason = 'not started';
beforeAll(async () => {
    const gpu = await tryGpu();
    if (!('device' in gpu)) {
        reason = gpu.reason;
        return;
    }
    const { device } = gpu;
    const random = randomSplats(100, 12, { size: 0.02 });
    const splats = { ...random, sh: unpackHalves(packHalves(random.sh)) };
    const nobody = createSplatSet(0, 0);
    const arena = new GpuArena(device, 'tile view test');
    const posed = arena.storage('posed', posedRecords([splats]));
    const { halves, ...colours } = packColours({ face: splats, mouth: nobody });
    const rasterizer = await TileRasterizer.createAsync({
        device,
        posedSplats: posed,
        splatColours: arena.storage('colours', halves),
        colours,
        splatCount: splats.count,
    });
    const order = arena.storage('order', Uint32Array.from(backToFront(splats)));
    rig = { device, arena, splats, posed, view: rasterizer.createView('view'), order };
});
afterAll(() => {
    rig?.view.dispose();
    rig?.device.destroy();
});

/** Ids of splats, farthest first; the camera looks along -z. */
function backToFront({ count, means }: SplatSet, keep: (i: number) => boolean = () => true): number[] {
    const ids = Array.from({ length: count }, (_, i) => i).filter(keep);
    return ids.sort((a, b) => (means[a * 3 + 2] as number) - (means[b * 3 + 2] as number));
}

/** Aims and records once. */
async function draw(
    { device, view, order }: Rig,
    options: TileOrderState & { order?: GPUBuffer; viewpoint?: Partial<TileViewpoint> } = {},
): Promise<{ dispatches: number; rgba: Float32Array }> {
    const { order: given = order, viewpoint, ...state } = options;
    return withValidation(device, async () => {
        const isAimed = view.aim({ ...VIEWPOINT, ...viewpoint }, ALL_BITS, state);
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        const dispatches = view.record(pass, given);
        pass.end();
        device.queue.submit([encoder.finish()]);
        const rgba = isAimed
            ? new Float32Array(await readBack(device, view.colours as GPUBuffer)).slice(0, SIZE * SIZE * 4)
            : new Float32Array(0);
        return { dispatches, rgba };
    });
}

function psnrOf(rgba: Float32Array, splats: SplatSet): number {
    const expected = renderReference(splats, CAMERA).rgba;
    let square = 0;
    for (let y = 0; y < SIZE; y++) {
        for (let k = 0; k < SIZE * 4; k++) {
            const [at, flipped] = [y * SIZE * 4 + k, (SIZE - 1 - y) * SIZE * 4 + k];
            square += ((rgba[flipped] as number) - (expected[at] as number)) ** 2;
        }
    }
    return -10 * Math.log10(square / expected.length);
}

/** The splats of `ids`, in that order. */
function subset(splats: SplatSet, ids: readonly number[]): SplatSet {
    const out = createSplatSet(ids.length, splats.shDegree);
    ids.forEach((from, to) => {
        for (const [name, width] of [
            ['means', 3],
            ['quats', 4],
            ['logScales', 3],
            ['logitOpacities', 1],
            ['sh', 3],
        ] as const) {
            out[name].set(splats[name].subarray(from * width, (from + 1) * width), to * width);
        }
    });
    return out;
}

describe('a count of splats in the order', () => {
    it('draws those and no others, after a picture of all and before another', async ({ skip }) => {
        if (!rig) return skip(reason);
        const { splats, arena } = rig;
        const whole = await draw(rig);
        expect(psnrOf(whole.rgba, splats)).toBeGreaterThan(75);
        // No multiple of a word of bins. What follows in the buffer is the order of all.
        const kept = backToFront(splats, (i) => i % 3 === 0).slice(0, 33);
        const content = Uint32Array.from([...kept, ...backToFront(splats)].slice(0, splats.count));
        const order = arena.storage('kept', content);
        const few = await draw(rig, { order, count: kept.length });
        expect(psnrOf(few.rgba, subset(splats, kept))).toBeGreaterThan(75);
        expect(psnrOf(few.rgba, splats)).toBeLessThan(40);
        expect((await draw(rig)).rgba).toEqual(whole.rgba);
    });

    it('of zero draws nothing, also after a picture', async ({ skip }) => {
        if (!rig) return skip(reason);
        await draw(rig);
        expect(await draw(rig, { count: 0 })).toEqual({ dispatches: 0, rgba: new Float32Array(0) });
    });

    it.for([101, -1, 1.5, Number.NaN])('of %s, of 100, is refused', (count, { skip }) => {
        if (!rig) return skip(reason);
        const { view } = rig;
        expect(() => view.aim(VIEWPOINT, ALL_BITS, { count })).toThrow(
            expect.objectContaining({ code: 'OPTION_VALUE', message: expect.stringContaining('0..100') as string }),
        );
    });
});

describe('a view that nothing has moved in', () => {
    it('keeps projection and bins as long as its version says so', async ({ skip }) => {
        if (!rig) return skip(reason);
        const { device, posed, splats } = rig;
        const first = await draw(rig, { version: 1 });
        expect(first.dispatches).toBe(3);
        // Were it projected again, it would show no splats.
        device.queue.writeBuffer(posed, 0, new Uint8Array(posed.size));
        const idle = await draw(rig, { version: 1 });
        expect(idle.dispatches).toBe(1);
        expect(idle.rgba).toEqual(first.rgba);
        const empty = await draw(rig, { version: 2 });
        expect(empty.dispatches).toBe(3);
        expect(empty.rgba.every((value) => value === 0)).toBe(true);
        device.queue.writeBuffer(posed, 0, posedRecords([splats]).buffer);
        expect((await draw(rig, { version: 3 })).rgba).toEqual(first.rgba);
    });

    it.for([
        ['another viewpoint', { viewpoint: { opacity: 0.5 } }],
        ['another size', { viewpoint: { size: [SIZE, SIZE - 8] as const } }],
        ['another count', { count: 50 }],
        ['another version', { version: 8 }],
        ['no version', { version: undefined as unknown as number }],
    ] as const)('is projected again for %s, and again for the way back', async ([, change], { skip }) => {
        if (!rig) return skip(reason);
        const still = { version: 7 };
        const before = await draw(rig, still);
        expect((await draw(rig, still)).dispatches).toBe(1);
        expect((await draw(rig, { ...still, ...change })).dispatches).toBe(3);
        const after = await draw(rig, still);
        expect(after.dispatches).toBe(3);
        expect(after.rgba).toEqual(before.rgba);
    });

    it('is projected again for another order of the same version', async ({ skip }) => {
        if (!rig) return skip(reason);
        const other = rig.arena.storage('reversed', Uint32Array.from(backToFront(rig.splats).reverse()));
        const near = await draw(rig, { version: 9 });
        const far = await draw(rig, { version: 9, order: other });
        expect(far.dispatches).toBe(3);
        expect(far.rgba).not.toEqual(near.rgba);
    });

    it('says which pictures the buffers of the device hold', ({ skip }) => {
        if (!rig) return skip(reason);
        expect(rig.view.canHold(3840, 2160)).toBe(true);
        // 16 bytes a pixel against 128 MiB a binding.
        expect(rig.view.canHold(5120, 2880)).toBe(false);
    });
});
