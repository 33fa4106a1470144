import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BRANCH_NAMES, PgsError, type BranchName } from '../../plugin/core/index.js';
import type { ActiveIds } from '../../plugin/deformer/index.js';
import { tryGpu, type GpuAttempt } from '../helpers/gpu.js';
import { headOf } from '../helpers/head-of.js';
import { randomSplats } from '../helpers/random-splats.js';
import { flat, openDeformerAsync, type OpenDeformer, type Posed } from './open-deformer.js';

/** More than a workgroup's share of both branches (384 and 256 splats), and not a multiple of it. */
const ASSET = headOf(randomSplats(701, 31), randomSplats(503, 32, { radius: 0.03 }));

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

/** Two of three splats, the still ones included. */
function someIds(): Record<BranchName, Uint32Array> {
    const ids = (name: BranchName): Uint32Array =>
        Uint32Array.from(
            Array.from({ length: ASSET.branches[name].splats.count }, (_, i) => i).filter((i) => i % 3 > 0),
        );
    return { face: ids('face'), mouth: ids('mouth') };
}

/** Poses `seed` for the active splats. */
function pose({ deformer, instant, submit }: OpenDeformer, seed: number): number {
    deformer.setInstant(instant(seed));
    return submit();
}

/** All numbers of splat `i`. */
function rowOf({ means, logScales, quats, opacities }: Posed, i: number): number[] {
    const rows: readonly (readonly [Float64Array, number])[] = [
        [means, 3],
        [logScales, 3],
        [quats, 4],
        [opacities, 1],
    ];
    return rows.flatMap(([values, width]) => [...values.subarray(i * width, (i + 1) * width)]);
}

describe('active splats', () => {
    it('deforms the active splats only and leaves the others as they were (seeds 31, 32)', async ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        const ids = someIds();
        open.deformer.setActive(null);
        pose(open, 1);
        const first = await open.readAsync();
        pose(open, 2);
        const second = await open.readAsync();
        pose(open, 1);
        open.deformer.setActive(ids);
        expect(pose(open, 2)).toBe(2);
        const mixed = await open.readAsync();
        for (const name of BRANCH_NAMES) {
            const active = new Set(ids[name]);
            for (let i = 0; i < ASSET.branches[name].splats.count; i++) {
                const expected = rowOf((active.has(i) ? second : first)[name], i);
                expect(rowOf(mixed[name], i), `${name} ${i}`).toEqual(expected);
            }
            expect(rowOf(first[name], 0), name).not.toEqual(rowOf(second[name], 0));
        }
    });

    it('poses the instant again when the list changes, without being told the instant', async ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        open.deformer.setActive(null);
        pose(open, 2);
        const all = flat(await open.readAsync());
        pose(open, 1);
        open.deformer.setActive({ face: Uint32Array.of(5), mouth: Uint32Array.of() });
        expect(pose(open, 2)).toBe(1);
        expect(flat(await open.readAsync())).not.toEqual(all);
        open.deformer.setActive(null);
        expect(open.submit()).toBe(2);
        expect(open.submit()).toBe(0);
        expect(flat(await open.readAsync())).toEqual(all);
    });

    it('records nothing where no splat that moves is active, and leaves a head at rest alone', ({ skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        const { face, mouth } = ASSET.branches;
        open.deformer.setActive({ face: Uint32Array.of(face.movingCount), mouth: Uint32Array.of(mouth.movingCount) });
        expect(pose(open, 1)).toBe(0);
        open.deformer.rest();
        open.deformer.setActive(null);
        expect(open.submit()).toBe(0);
    });

    const none = Uint32Array.of();
    const wrong: readonly (readonly [string, ActiveIds, string])[] = [
        ['descend', { face: Uint32Array.of(4, 2), mouth: none }, 'active face ids[1]: expected more than 4'],
        ['repeat', { face: none, mouth: Uint32Array.of(3, 3) }, 'active mouth ids[1]: expected more than 3'],
        ['the branch does not have', { face: none, mouth: Uint32Array.of(503) }, 'less than 503, got 503'],
    ];
    it.for(wrong)('refuses ids that %s and keeps the list', async ([, ids, message], { skip }) => {
        if (!open) return skip('reason' in gpu ? gpu.reason : '');
        const { deformer } = open;
        deformer.setActive({ face: Uint32Array.of(1), mouth: none });
        expect(() => deformer.setActive(ids)).toThrow(PgsError);
        expect(() => deformer.setActive(ids)).toThrow(message);
        deformer.rest();
        const rest = await open.readAsync();
        expect(pose(open, 1)).toBe(1);
        const posed = await open.readAsync();
        expect(rowOf(posed.face, 1)).not.toEqual(rowOf(rest.face, 1));
        expect(rowOf(posed.face, 2)).toEqual(rowOf(rest.face, 2));
    });
});
