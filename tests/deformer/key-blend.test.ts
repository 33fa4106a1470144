import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BRANCH_NAMES, PgsError, POSED_SPLAT, type BranchName, type HeadAsset } from '../../plugin/core/index.js';
import { deformBranchReference } from '../../plugin/core/reference/index.js';
import { expectClose, relativeRms } from '../helpers/assert-close.js';
import { tryGpu, type GpuAttempt } from '../helpers/gpu.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { randomSplats } from '../helpers/random-splats.js';
import { EXPRESSION, flat, openDeformerAsync, type OpenDeformer, type Posed } from './open-deformer.js';

/** Networks so strong that some rotations of two instants point away from each other. */
const ASSET: HeadAsset = headOf(randomSplats(701, 41), randomSplats(503, 42, { radius: 0.03 }), { strength: 2 });
const SPLATS = 701 + 503;
/** Measured 5e-7 against float64; a blend of wrong signs, shares or scales is off by more than 1e-2. */
const TOLERANCE = 1e-5;

let gpu: GpuAttempt = { reason: 'not started' };
/** One for all tests: a software adapter takes seconds to compile it. */
let open: OpenDeformer | undefined;
beforeAll(async () => {
    gpu = await tryGpu();
    if ('device' in gpu) open = await openDeformerAsync(gpu.device, ASSET);
});
afterAll(() => {
    open?.arena.dispose();
    if ('device' in gpu) gpu.device.destroy();
});

/** What the tests share starts as new: all splats active and at rest, share 0. */
function reset({ deformer, instant, submit }: OpenDeformer): void {
    deformer.setActive(null);
    deformer.setKey(0, instant(1));
    deformer.setKey(1, instant(2));
    deformer.setBlend(0);
    submit();
    deformer.rest();
}

async function poseAsync({ deformer, instant, submit, readAsync }: OpenDeformer, seed: number): Promise<Float64Array> {
    deformer.setInstant(instant(seed));
    submit();
    return flat(await readAsync());
}

/** Eqs. 6-9 at the sounds `seeds`, in float64: the moving splats of a branch, unit rotations. */
function referencePair(name: BranchName): readonly [Posed, Posed] {
    const pose = (seed: number): Posed => {
        const posed = deformBranchReference(name, ASSET.branches[name], someAudioFeature(seed), EXPRESSION);
        return { ...posed, opacities: new Float64Array() };
    };
    return [pose(1), pose(2)];
}

/** Worst relative rms error of the moving splats against a float64 blend, and how many rotations had to be turned round. */
function blendError(posed: Posed, name: BranchName, share: number): { error: number; turned: number } {
    const [a, b] = referencePair(name);
    const count = ASSET.branches[name].movingCount;
    const rest = ASSET.branches[name].splats.means;
    const between = (x: number, y: number): number => (1 - share) * x + share * y;
    const means = a.means.subarray(0, count * 3).map((x, k) => between(x, b.means[k] as number) - (rest[k] as number));
    const moved = posed.means.subarray(0, count * 3).map((x, k) => x - (rest[k] as number));
    const errors = [relativeRms(moved, means)];
    if (name === 'mouth') return { error: Math.max(...errors), turned: 0 };
    const scales = a.logScales
        .subarray(0, count * 3)
        .map((x, k) => between(Math.exp(x), Math.exp(b.logScales[k] as number)));
    errors.push(relativeRms(posed.logScales.subarray(0, count * 3).map(Math.exp), scales));
    const quats = new Float64Array(count * 4);
    let turned = 0;
    for (let i = 0; i < count; i++) {
        const [p, q] = [a.quats.subarray(i * 4, i * 4 + 4), b.quats.subarray(i * 4, i * 4 + 4)];
        const isAway = p.reduce((sum, x, k) => sum + x * (q[k] as number), 0) < 0;
        if (isAway) turned++;
        const row = p.map((x, k) => between(x, (isAway ? -1 : 1) * (q[k] as number)));
        const length = Math.hypot(...row);
        quats.set(
            row.map((x) => x / length),
            i * 4,
        );
    }
    errors.push(relativeRms(posed.quats.subarray(0, count * 4), quats));
    return { error: Math.max(...errors), turned };
}

describe('blend of key poses', () => {
    it('lies between Eqs. 6-9 of two instants, rotations the shorter way (seeds 41, 42)', async ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        reset(open);
        for (const share of [0.25, 0.5, 0.9]) {
            open.deformer.setBlend(share);
            expect(open.submit()).toBe(1);
            const posed = await open.readAsync();
            for (const name of BRANCH_NAMES) {
                const { error, turned } = blendError(posed[name], name, share);
                expect(error, `${name} at ${share}`).toBeLessThan(TOLERANCE);
                if (name === 'face') expect(turned, 'rotations that had to be turned round').toBeGreaterThan(10);
            }
        }
    });

    it('is the key poses at its ends, to float precision', async ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        reset(open);
        const keys = [await poseAsync(open, 1), await poseAsync(open, 2)];
        for (const share of [0, 1]) {
            open.deformer.setBlend(share);
            expect(open.submit()).toBe(1);
            const posed = flat(await open.readAsync());
            // Either sign is the same rotation: a key that points away from the other is shown turned round at share 1.
            const quatless = (pose: Float64Array): Float64Array => pose.map(Math.abs);
            expectClose(quatless(posed), quatless(keys[share] as Float64Array), { rtol: 1e-6, atol: 1e-7 });
        }
    });

    it('does what is due, once, keys before the blend', ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        const { deformer, instant, submit } = open;
        reset(open);
        expect(submit(), 'at rest').toBe(0);
        deformer.setKey(0, instant(3));
        deformer.setKey(1, instant(4));
        expect(submit(), 'both keys').toBe(5);
        expect(submit(), 'nothing').toBe(0);
        deformer.setBlend(0.5);
        expect(submit(), 'another share').toBe(1);
        deformer.setBlend(0.5);
        expect(submit(), 'the same share').toBe(0);
        deformer.setKey(0, instant(1));
        expect(submit(), 'one key').toBe(3);
        deformer.setInstant(instant(2));
        expect(submit(), 'an instant').toBe(2);
        deformer.setBlend(0.5);
        expect(submit(), 'the same share after an instant').toBe(1);
        deformer.setKey(1, instant(5));
        deformer.rest();
        expect(submit(), 'at rest, a key waiting').toBe(0);
        deformer.setBlend(0.5);
        expect(submit(), 'the key that waited').toBe(3);
    });

    it('gives way to an instant and to rest, and comes back as it was', async ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        reset(open);
        const rest = flat(await open.readAsync());
        const instant = await poseAsync(open, 3);
        open.deformer.setBlend(0.25);
        open.submit();
        const blend = flat(await open.readAsync());
        expect(relativeRms(blend, instant)).toBeGreaterThan(1e-3);
        expect(await poseAsync(open, 3)).toEqual(instant);
        open.deformer.rest();
        expect(open.submit()).toBe(0);
        expect(flat(await open.readAsync())).toEqual(rest);
        open.deformer.setBlend(0.25);
        open.submit();
        const again = flat(await open.readAsync());
        expect(again).toEqual(blend);
    });

    it('deforms the keys again for another list of active splats, by itself', async ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        const { deformer, submit, readAsync } = open;
        reset(open);
        // The keys of all splats are of other instants than those that the list of one splat is deformed for.
        deformer.setKey(0, open.instant(6));
        deformer.setKey(1, open.instant(7));
        deformer.setBlend(0.5);
        submit();
        const all = await readAsync();
        deformer.setActive({ face: Uint32Array.of(0), mouth: Uint32Array.of() });
        deformer.setKey(0, open.instant(1));
        deformer.setKey(1, open.instant(2));
        expect(submit(), 'two faces and a blend').toBe(3);
        const few = await readAsync();
        expect(few.face.means.subarray(0, 3)).not.toEqual(all.face.means.subarray(0, 3));
        expect(few.face.means.subarray(3)).toEqual(all.face.means.subarray(3));
        expect(few.mouth.means).toEqual(all.mouth.means);
        deformer.setActive(null);
        expect(submit(), 'both keys').toBe(5);
        const posed = await readAsync();
        for (const name of BRANCH_NAMES) {
            expect(blendError(posed[name], name, 0.5).error, name).toBeLessThan(TOLERANCE);
        }
        deformer.setActive({ face: Uint32Array.of(), mouth: Uint32Array.of() });
        expect(submit(), 'nobody').toBe(0);
    });
});

describe('keys of a head that has none yet', () => {
    it('take no memory until the first is set, show the only one, and go with the arena', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const fresh = await openDeformerAsync(gpu.device, ASSET);
        const { deformer, arena, instant, submit } = fresh;
        const expected = await poseAsync(fresh, 2);
        expect(() => deformer.setBlend(0.5)).toThrow(PgsError);
        expect(() => deformer.setBlend(0.5)).toThrow('expected a key pose, got none');
        const before = { bytes: arena.bytes, count: arena.bufferCount };
        deformer.setKey(1, instant(2));
        // Two poses, and the records of both keys and of the blend: less than 10 KiB.
        expect(arena.bytes - before.bytes).toBeGreaterThan(2 * SPLATS * POSED_SPLAT.size);
        expect(arena.bytes - before.bytes).toBeLessThan(2 * SPLATS * POSED_SPLAT.size + 10_240);
        const { bufferCount } = arena;
        deformer.rest();
        deformer.setBlend(0.5);
        expect(submit()).toBe(3);
        expectClose(flat(await fresh.readAsync()), expected, { rtol: 1e-6, atol: 1e-7 });
        deformer.setKey(0, instant(1));
        deformer.setKey(1, instant(1));
        expect(arena.bufferCount).toBe(bufferCount);
        for (const share of [-0.1, 1.1, NaN]) {
            expect(() => deformer.setBlend(share)).toThrow(`expected 0 to 1, got ${share}`);
        }
        arena.dispose();
        expect(arena.bytes).toBe(0);
    });
});
