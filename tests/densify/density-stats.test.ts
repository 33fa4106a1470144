import { describe, expect, it } from 'vitest';
import { accumulateView, createDensityStats, meanGradient, resetDensityStats } from '../../plugin/densify/index.js';

describe('accumulateView', () => {
    it('sums weight * gradient and weight of every view (Eq. 2)', () => {
        const stats = createDensityStats(2);
        accumulateView(stats, Uint32Array.of(10, 1), Float32Array.of(0.5, 4));
        accumulateView(stats, Uint32Array.of(30, 3), Float32Array.of(0.25, 0));
        expect(Array.from(stats.gradAccum)).toEqual([12.5, 4]);
        expect(Array.from(stats.weightAccum)).toEqual([40, 4]);
        expect(meanGradient(stats, 0)).toBe(12.5 / 40);
    });

    it('ignores a view in which a splat has no pixels, whatever its gradient', () => {
        const stats = createDensityStats(1);
        accumulateView(stats, [0], [Number.NaN]);
        expect(meanGradient(stats, 0)).toBe(0);
    });

    it('starts again after a reset and refuses other lengths', () => {
        const stats = createDensityStats(1);
        accumulateView(stats, [2], [3]);
        resetDensityStats(stats);
        expect([stats.gradAccum[0], stats.weightAccum[0]]).toEqual([0, 0]);
        expect(() => accumulateView(stats, [1, 2], [3])).toThrow(/pixelCounts: expected 1 x 1 = 1 values, got 2/);
    });
});
