import { beforeAll, describe, expect, it } from 'vitest';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';
import { linesOf, reportOf } from './emulated-program.js';

/*
 * The deformation's CUDA kernels under the SIMT emulator against engine/deform.cpp, both branches, every weight drawn: no GPU is
 * needed. The program measures (native/tests/emu_deform.cpp), this file judges.
 */

const program = findNative('pgs_emu_deform');

/** Largest difference over the largest expected value. Worst seen: 1.2e-7 and, for gradients, 6.2e-6 (512 equal splats, whose sums round alike). */
const FORWARD_TOLERANCE = 1e-6;
const GRADIENT_TOLERANCE = 1e-5;
const POSED = ['means', 'quats', 'log_scales'];
/** Tensors with a gradient: f_a, the planes, the means, and a weight and a bias for each layer. */
const GRADIENTS = { face: 3 + 2 * 6, mouth: 3 + 2 * 6 };

interface CaseReport {
    readonly case: string;
    readonly splats: number;
    /** Splats inside the bound. */
    readonly moving: number;
    readonly expectedMoving: number;
    readonly regulariser: number;
    readonly regulariserDistance: number;
    /** Arrays that another order of fibers and blocks changed by a bit. */
    readonly scheduleDifferences: number;
    /** After an overflow, gradients are as they were allocated. */
    readonly untouched: boolean;
    /** The planes' sums are zero for the next step. */
    readonly cleared: boolean;
    /** The static stage poses the canonical splats, bit by bit. */
    readonly canonical: boolean;
    readonly movedOutside: number;
    readonly texels: number;
    readonly nanTexels: number;
    readonly distances: Readonly<Record<string, number>>;
}

const CASES = [
    'face, no splats',
    'face, one splat',
    'face, 31',
    'face, 513, half its units dead',
    'face, 2000',
    'face, 100, all outside',
    'face, 34001: more tiles than blocks',
    'mouth, no splats',
    'mouth, one splat',
    'mouth, 31',
    'mouth, 513, half its units dead',
    'mouth, 4500',
    'mouth, 100, all outside',
    'mouth, 700, planes to 200',
    'face, 512 at one point',
] as const;
const INFINITE = 'face, 200, one gradient infinite';

describe.skipIf(program === undefined)('the deformation on the device, emulated (needs `npm run build:native`)', () => {
    const reports = new Map<string, CaseReport>();
    const report = (name: string): CaseReport => reportOf(reports, name);

    beforeAll(async () => {
        for (const each of await linesOf<CaseReport>(program ?? '')) reports.set(each.case, each);
    });

    it('was given every case', () => expect([...reports.keys()]).toEqual([...CASES, INFINITE]));

    describe.for(CASES)('%s', (name) => {
        it('poses the same splats and leaves the others as they are', () => {
            const { distances, moving, expectedMoving, movedOutside, canonical } = report(name);
            const far = POSED.filter((tensor) => !((distances[tensor] ?? Infinity) <= FORWARD_TOLERANCE));
            expect({ far, moving, movedOutside, canonical }).toEqual({
                far: [],
                moving: expectedMoving,
                movedOutside: 0,
                canonical: true,
            });
        });
        it('adds up the same regulariser', () =>
            expect(report(name).regulariserDistance).toBeLessThanOrEqual(FORWARD_TOLERANCE));
        it('gives the same gradient of every tensor', () => {
            const gradients = Object.entries(report(name).distances).filter(([tensor]) => tensor.startsWith('v_'));
            expect(gradients).toHaveLength(GRADIENTS[name.startsWith('face') ? 'face' : 'mouth']);
            expect(gradients.filter(([, distance]) => !(distance <= GRADIENT_TOLERANCE))).toEqual([]);
        });
        it('leaves the same bits under every schedule, and the sums of the planes at zero', () => {
            const { scheduleDifferences, cleared } = report(name);
            expect({ scheduleDifferences, cleared }).toEqual({ scheduleDifferences: 0, cleared: true });
        });
        it('leaves every gradient alone after an overflow', () => expect(report(name).untouched).toBe(true));
    });

    it('met what the cases are there for: splats on both sides of the bound, none inside, deltas', () => {
        for (const name of ['face, 2000', 'mouth, 4500', 'face, 34001: more tiles than blocks']) {
            const { moving, splats, regulariser } = report(name);
            expect(moving).toBeGreaterThan(splats / 2);
            expect(moving).toBeLessThan(splats);
            expect(regulariser).toBeGreaterThan(1e-3);
        }
        for (const name of ['face, 100, all outside', 'mouth, 100, all outside'])
            expect(report(name)).toMatchObject({ moving: 0, regulariser: 0 });
    });

    it('turn the whole gradient of the planes into NaN where one of a feature is infinite, and clear up', () => {
        const { nanTexels, texels, cleared, scheduleDifferences } = report(INFINITE);
        expect({ nanTexels, cleared, scheduleDifferences }).toEqual({
            nanTexels: texels,
            cleared: true,
            scheduleDifferences: 0,
        });
    });
});
