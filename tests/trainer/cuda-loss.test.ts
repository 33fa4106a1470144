import { beforeAll, describe, expect, it } from 'vitest';
import { findNative } from '../../tools/trainer-node/src/native/locate.js';
import { linesOf, reportOf } from './emulated-program.js';

/*
 * The loss kernels under the emulator against the CPU engine's own step: the same renders, the same frame, the same boxes. The
 * program measures (native/tests/emu_loss.cpp), this file judges.
 */

const program = findNative('pgs_emu_loss');

/** Of a sum, relative, at least of 0.01: D-SSIM is a mean of 1 - SSIM, in which 1 cancels. Worst seen: 4.4e-7, of identical pictures. */
const SUM_TOLERANCE = 1e-6;
/** Largest difference over the largest expected gradient. Worst seen: 1.5e-7; most cases agree to the last bit. */
const GRADIENT_TOLERANCE = 1e-6;

interface CaseReport {
    readonly case: string;
    /** What is compared of the picture: x0, y0, x1, y1. */
    readonly region: readonly number[];
    /** Every output is as it was allocated. */
    readonly untouched: boolean;
    /** Runs that another order of fibers and blocks changed by a bit. */
    readonly scheduleDifferences: number;
    /** The same bits after an iteration that compared another region with the same scratch. */
    readonly sameAfterOthers: boolean;
    /** The same sums where no gradients are wanted, and those not written. */
    readonly sameWithoutGradients: boolean;
    /** The kernels' value, the engine's. */
    readonly sums: Readonly<Record<string, readonly [number, number]>>;
    readonly gradients: Readonly<Record<string, GradientReport>>;
}
interface GradientReport {
    readonly color: number;
    readonly trans: number;
    /** Expected gradients: the largest, in units of what L1 gives a pixel, and the pixels that have one. */
    readonly largest: number;
    readonly nonzero: number;
}

const CASES = [
    'face, 90x70',
    'face, lips only, 61x83',
    'face, no weights, 48x32',
    'face, 8x8',
    'face, 416 tiles, 410x250',
    'mouth, 130x90',
    'mouth, lips only, 90x70',
    'mouth, lips across the border, 130x50',
    'mouth, lips outside, 61x43',
    'mouth, 8x8',
    'identical, 40x24',
    'composite, 90x70',
    'composite, 33x17',
] as const;
const OVERFLOWING = ['overflowing face, 40x24', 'overflowing mouth, 40x24'] as const;

describe.skipIf(program === undefined)('the loss kernels under the emulator (needs `npm run build:native`)', () => {
    const reports = new Map<string, CaseReport>();
    const report = (name: string): CaseReport => reportOf(reports, name);
    const sum = (name: string, of: string): number => report(name).sums[of]?.[0] ?? NaN;

    beforeAll(async () => {
        for (const each of await linesOf<CaseReport>(program ?? '')) reports.set(each.case, each);
    });

    it('were given every case', () => expect([...reports.keys()]).toEqual([...CASES, ...OVERFLOWING]));

    describe.for(CASES)('%s', (name) => {
        it('costs what the CPU engine says', () => {
            const { sums } = report(name);
            expect(Object.keys(sums)).toEqual(['total', 'l1', 'dssim', 'boxes', 'alpha']);
            const far = Object.entries(sums).filter(
                ([, [actual, expected]]) =>
                    !(Math.abs(actual - expected) <= SUM_TOLERANCE * Math.max(0.01, Math.abs(expected))),
            );
            expect(far).toEqual([]);
        });
        it('pulls every pixel of the whole tiles as the CPU engine does', () => {
            const { gradients } = report(name);
            expect(Object.keys(gradients)).toEqual(
                name.startsWith('composite') ? ['face', 'mouth'] : [name.startsWith('mouth') ? 'mouth' : 'face'],
            );
            const far = Object.entries(gradients).filter(
                ([, { color, trans }]) => !(color <= GRADIENT_TOLERANCE && trans <= GRADIENT_TOLERANCE),
            );
            expect(far).toEqual([]);
        });
        it('leaves the same bits under three schedules, after another region, and without gradients', () => {
            const { scheduleDifferences, sameAfterOthers, sameWithoutGradients } = report(name);
            expect({ scheduleDifferences, sameAfterOthers, sameWithoutGradients }).toEqual({
                scheduleDifferences: 0,
                sameAfterOthers: true,
                sameWithoutGradients: true,
            });
        });
    });

    it('met what the cases are there for: every term, regions inside and across the border, hidden pixels', () => {
        for (const term of ['l1', 'dssim', 'boxes', 'alpha']) expect(sum('face, 90x70', term)).toBeGreaterThan(1e-4);
        expect(sum('mouth, 130x90', 'boxes')).toBeGreaterThan(1e-3);
        expect(report('mouth, 130x90').region).toEqual([26, 16, 104, 77]);
        expect(report('mouth, lips across the border, 130x50').region).toEqual([71, 0, 130, 36]);
        // A box counts up to its borders: 24 x 17 pixels; 21 x 11 of the mouth, less those that the face covers.
        expect(report('face, lips only, 61x83').gradients['face']?.nonzero).toBe(24 * 17);
        const mouth = report('mouth, lips only, 90x70').gradients['mouth']?.nonzero;
        expect(mouth).toBeGreaterThan(0);
        expect(mouth).toBeLessThan(21 * 11);
        // Without weights, L1 alone: the sign of each difference.
        expect(report('face, no weights, 48x32').gradients['face']?.largest).toBeCloseTo(1, 6);
    });

    it('cost nothing and pull nothing where the lips are outside the picture', () => {
        const { region, sums, gradients } = report('mouth, lips outside, 61x43');
        expect(region).toEqual([0, 0, 0, 0]);
        expect(
            Object.values(sums)
                .flat()
                .every((value) => value === 0),
        ).toBe(true);
        expect(gradients['mouth']).toEqual({ color: 0, trans: 0, largest: 0, nonzero: 0 });
    });

    it('find no difference between identical pictures, and pull no colour there', () => {
        const { gradients } = report('identical, 40x24');
        expect(sum('identical, 40x24', 'l1')).toBe(0);
        expect(Math.abs(sum('identical, 40x24', 'dssim'))).toBeLessThan(1e-7);
        expect(gradients['face']?.largest).toBeLessThan(1e-3);
    });

    it.for(OVERFLOWING)('leave every output as it was: %s', (name) => {
        const { untouched, scheduleDifferences } = report(name);
        expect({ untouched, scheduleDifferences }).toEqual({ untouched: true, scheduleDifferences: 0 });
    });
});
