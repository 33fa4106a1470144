import { beforeAll, describe, expect, it } from 'vitest';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';
import { linesOf, reportOf } from './emulated-program.js';

/*
 * The real CUDA kernels, compiled by g++ and run by the SIMT emulator, against the CPU twins: no GPU is needed. The program
 * measures (native/tests/emu_kernels.cpp), this file judges. What it cannot show is how the GPU rounds exp and division, and races
 * between two barriers.
 */

const program = findNative('pgs_emu_kernels');

/** Largest difference over the largest expected value. Worst seen: 2.7e-7 and, for gradients, 4.7e-6, of one splat alone. */
const FORWARD_TOLERANCE = 1e-6;
const GRADIENT_TOLERANCE = 1e-5;
const FORWARD = ['red', 'green', 'blue', 'trans', 'depth', 'median', 'max_contribution'];

interface SceneReport {
    readonly scene: string;
    readonly splats: number;
    readonly visible: number;
    readonly pairs: number;
    readonly expectedPairs: number;
    /** Splats of the fullest tile, and buckets of 64 that the slowest tile walked. */
    readonly longest: number;
    readonly longestWalk: number;
    readonly overflow: number;
    /** Every output is as it was allocated. */
    readonly untouched: boolean;
    /** Pixels that all splats reached, together. */
    readonly counted: number;
    readonly binMismatches: number;
    readonly countMismatches: number;
    readonly viewMismatches: number;
    /** Arrays that another order of fibers and blocks changed by a bit. */
    readonly scheduleDifferences: number;
    /** The C entry gave the same bits. */
    readonly edge: boolean;
    readonly distances: Readonly<Record<string, number>>;
}

/** Claims that hold: faults provoked in the emulator and found; calls refused. */
interface Checks {
    readonly machine: Readonly<Record<string, boolean>>;
    /** The same of streams, copies and captures. */
    readonly streams: Readonly<Record<string, boolean>>;
    readonly refusals: Readonly<Record<string, boolean>>;
    /** Samples within rounding of ALPHA_MIN, and those whose sub-tile the mask left out. */
    readonly maskSamples: number;
    readonly maskMisses: number;
}

const SCENES = [
    'no splats, 33x17',
    'one splat, 40x24',
    'one pixel',
    'whole tiles, 32x16',
    'odd sides, 90x70',
    'depth, 61x83',
    'empty tiles, 130x50',
    'opaque, 35x35',
    'degree 1 of 2, 48x30',
    'stored degree 0, 30x48',
    '1066 tiles, 410x650',
    'poisoned, 50x41',
    'tile of 4500, 16x16',
] as const;
const OVERFLOWING = 'too many pairs, 90x70';

describe.skipIf(program === undefined)('the CUDA kernels under the emulator (needs `npm run build:native`)', () => {
    let checks: Checks = { machine: {}, streams: {}, refusals: {}, maskSamples: 0, maskMisses: 0 };
    const reports = new Map<string, SceneReport>();
    const report = (name: string): SceneReport => reportOf(reports, name);

    beforeAll(async () => {
        for (const each of await linesOf<SceneReport | Checks>(program ?? '')) {
            if ('machine' in each) checks = each;
            else reports.set(each.scene, each);
        }
    });

    it('run on an emulator that finds the faults it is there to find', () => {
        expect(Object.keys(checks.machine).length).toBeGreaterThanOrEqual(10);
        expect(Object.entries(checks.machine).filter(([, found]) => !found)).toEqual([]);
        expect(Object.keys(checks.streams).length).toBeGreaterThanOrEqual(17);
        expect(Object.entries(checks.streams).filter(([, found]) => !found)).toEqual([]);
    });

    it('refuse calls that make no sense, with a reason, before they touch anything', () => {
        expect(Object.keys(checks.refusals)).toHaveLength(6);
        expect(Object.entries(checks.refusals).filter(([, refused]) => !refused)).toEqual([]);
    });

    it('miss no sample on the border of a footprint, seed 31', () => {
        expect(checks.maskSamples).toBeGreaterThan(100_000);
        expect(checks.maskMisses).toBe(0);
    });

    it('were given every scene', () => expect([...reports.keys()]).toEqual([...SCENES, OVERFLOWING]));

    describe.for(SCENES)('%s', (name) => {
        it('bins and sorts as the CPU does, to the last pair', () => {
            const { pairs, expectedPairs, binMismatches, overflow } = report(name);
            expect({ pairs, binMismatches, overflow }).toEqual({ pairs: expectedPairs, binMismatches: 0, overflow: 0 });
        });
        it('draws the same picture', () => {
            const { distances } = report(name);
            expect(distances['screen']).toBe(0);
            const far = Object.entries(distances).filter(
                ([key, d]) => FORWARD.includes(key) && !(d <= FORWARD_TOLERANCE),
            );
            expect(far).toEqual([]);
        });
        it('gives the same gradients and density sums', () => {
            const { distances } = report(name);
            const far = Object.entries(distances).filter(([, distance]) => !(distance <= GRADIENT_TOLERANCE));
            expect(far).toEqual([]);
        });
        it('counts the same pixels (Eq. 5)', () => {
            const { countMismatches, viewMismatches } = report(name);
            expect({ countMismatches, viewMismatches }).toEqual({ countMismatches: 0, viewMismatches: 0 });
        });
        it('leaves the same bits under three schedules', () => expect(report(name).scheduleDifferences).toBe(0));
        it('leaves the same bits through the C entry', () => expect(report(name).edge).toBe(true));
    });

    it('culls poisoned splats, and only those', () => {
        // Two means, two quats, a scale that is NaN and one that is huge, one behind the camera, one beside the picture. Splats
        // without a usable opacity or colour stay visible and draw nothing, or black.
        const { splats, visible, counted } = report('poisoned, 50x41');
        expect(splats - visible).toBe(8);
        expect(counted).toBeGreaterThan(1000);
    });

    it('met what the scenes are there for: merged runs, tiles that fill early, tiles without splats', () => {
        expect(report('tile of 4500, 16x16').longest).toBeGreaterThan(2 * 2048);
        const { longest, longestWalk } = report('opaque, 35x35');
        expect(longestWalk).toBeLessThan(Math.ceil(longest / 64));
        expect(longestWalk).toBeGreaterThan(2);
        expect(report('empty tiles, 130x50').visible).toBeGreaterThan(0);
        expect(report('no splats, 33x17').pairs).toBe(0);
        expect(report('one splat, 40x24').counted).toBeGreaterThan(100);
    });

    it('say how many pairs an overflowing view needs, and leave every output as it was', () => {
        const { overflow, pairs, expectedPairs, untouched, scheduleDifferences, edge } = report(OVERFLOWING);
        expect({ overflow, pairs, untouched, scheduleDifferences, edge }).toEqual({
            overflow: 1,
            pairs: expectedPairs,
            untouched: true,
            scheduleDifferences: 0,
            edge: true,
        });
        expect(expectedPairs).toBeGreaterThan(1000);
    });
});
