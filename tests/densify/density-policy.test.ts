import { describe, expect, it } from 'vitest';
import { createSplatSet, type SplatSet } from '../../plugin/core/index.js';
import {
    accumulateView,
    CLONE_SCALE_SHARE,
    createDensityStats,
    decideDensity,
    DENSITY_ACTION,
    PRUNE_SCALE_SHARE,
    type DensityOptions,
    type DensityStats,
} from '../../plugin/densify/index.js';
import { random } from '../helpers/random-splats.js';

const { keep, clone, split, prune } = DENSITY_ACTION;
const OPTIONS: DensityOptions = { gradThreshold: 1, extent: 2, minOpacity: 0.25, prunesLarge: false, maxSplats: 1e6 };

/** Splats that differ in longest axis (metres) and opacity only. */
function splatsOf(rows: readonly { scale: number; opacity?: number }[]): SplatSet {
    const splats = createSplatSet(rows.length, 0);
    rows.forEach(({ scale, opacity = 0.5 }, i) => {
        splats.logScales.set([Math.log(scale) - 3, Math.log(scale), Math.log(scale) - 1], i * 3);
        splats.logitOpacities[i] = Math.log(opacity / (1 - opacity));
    });
    return splats;
}

/** Sums of one view in which every splat reached one pixel. */
function statsOf(gradients: readonly number[]): DensityStats {
    return { gradAccum: Float32Array.from(gradients), weightAccum: new Float32Array(gradients.length).fill(1) };
}

describe('decideDensity', () => {
    it('clones small splats and splits large ones where the mean gradient passes the threshold', () => {
        const splats = splatsOf([{ scale: 0.009 }, { scale: 0.011 }, { scale: 0.009 }, { scale: 0.011 }]);
        const decision = decideDensity(statsOf([1.1, 1.1, 0.9, 0.9]), splats, OPTIONS);
        expect(Array.from(decision.actions)).toEqual([clone, split, keep, keep]);
        expect(decision).toMatchObject({ cloned: 1, split: 1, pruned: 0 });
    });

    it('keeps a splat exactly at a border', () => {
        // ln 1 and logit 0 are exact, so an extent and an opacity can sit on the border to the last bit.
        const unit = splatsOf([{ scale: 1 }]);
        const at = (gradient: number, options: Partial<DensityOptions>): number =>
            decideDensity(statsOf([gradient]), unit, { ...OPTIONS, ...options }).actions[0] as number;
        expect(at(1, {})).toBe(keep);
        expect(at(0, { minOpacity: 0.5 })).toBe(keep);
        expect(at(0, { prunesLarge: true, extent: 1 / PRUNE_SCALE_SHARE })).toBe(keep);
        expect(at(2, { extent: 1 / CLONE_SCALE_SHARE })).toBe(clone);
        expect(at(0, { minOpacity: 0.5 + 1e-9 })).toBe(prune);
        expect(at(0, { prunesLarge: true, extent: 9.99 })).toBe(prune);
        expect(at(2, { extent: 199 })).toBe(split);
    });

    it('prunes a faint splat whatever its gradient, and a huge one only when told to', () => {
        const splats = splatsOf([{ scale: 0.009, opacity: 0.2 }, { scale: 0.3 }]);
        expect(Array.from(decideDensity(statsOf([9, 0]), splats, OPTIONS).actions)).toEqual([prune, keep]);
        const large = decideDensity(statsOf([9, 9]), splats, { ...OPTIONS, prunesLarge: true });
        expect(Array.from(large.actions)).toEqual([prune, prune]);
        expect(large.pruned).toBe(2);
    });

    it('spends a short budget on the largest gradients, equal ones in order', () => {
        const splats = splatsOf([1, 2, 3, 4, 5].map(() => ({ scale: 0.009 })));
        const actions = (maxSplats: number): number[] =>
            Array.from(decideDensity(statsOf([2, 5, 3, 5, 0]), splats, { ...OPTIONS, maxSplats }).actions);
        expect(actions(6)).toEqual([keep, clone, keep, keep, keep]);
        expect(actions(7)).toEqual([keep, clone, keep, clone, keep]);
        expect(actions(8)).toEqual([keep, clone, clone, clone, keep]);
        expect(actions(3)).toEqual([keep, keep, keep, keep, keep]);
    });

    it('gives room of pruned splats to growing ones', () => {
        const splats = splatsOf([{ scale: 0.009, opacity: 0.1 }, { scale: 0.009 }, { scale: 0.02 }]);
        const decision = decideDensity(statsOf([0, 2, 3]), splats, { ...OPTIONS, maxSplats: 3 });
        expect(Array.from(decision.actions)).toEqual([prune, keep, split]);
    });

    it('conserves the count: actions agree with the totals, and the budget holds, seed 3', () => {
        const next = random(3);
        for (let round = 0; round < 50; round++) {
            const count = 1 + Math.floor(next() * 80);
            const splats = splatsOf(Array.from({ length: count }, () => ({ scale: 0.3 * next(), opacity: next() })));
            const maxSplats = Math.floor(next() * 120);
            const stats = statsOf(Array.from({ length: count }, () => 2 * next()));
            const decision = decideDensity(stats, splats, { ...OPTIONS, prunesLarge: next() > 0.5, maxSplats });
            const counted = [0, 0, 0, 0];
            for (const action of decision.actions) counted[action] = (counted[action] as number) + 1;
            expect(counted.slice(1)).toEqual([decision.cloned, decision.split, decision.pruned]);
            const kept = count - decision.pruned;
            expect(kept + decision.cloned + decision.split).toBeLessThanOrEqual(Math.max(kept, maxSplats));
        }
    });

    it('leaves splats alone that no view reached, and refuses sums of another set', () => {
        const splats = splatsOf([{ scale: 0.009 }]);
        expect(decideDensity(createDensityStats(1), splats, { ...OPTIONS, gradThreshold: 0 }).actions[0]).toBe(keep);
        expect(() => decideDensity(createDensityStats(2), splats, OPTIONS)).toThrow(/gradAccum: expected 1/);
    });
});

describe('pixel-aware and plain weighting', () => {
    // A splat seen close up (900 px, strong gradient) once, and at a grazing angle (4 px, no gradient) three times.
    const views = [
        { pixels: 900, gradient: 2 },
        { pixels: 4, gradient: 0 },
        { pixels: 4, gradient: 0 },
        { pixels: 4, gradient: 0 },
    ];

    it('densify a splat that many weak views would hide only when pixels weigh (Eq. 2 against Eq. 1)', () => {
        const [aware, plain] = [createDensityStats(1), createDensityStats(1)];
        for (const { pixels, gradient } of views) {
            accumulateView(aware, [pixels], [gradient]);
            accumulateView(plain, [1], [gradient]);
        }
        const splats = splatsOf([{ scale: 0.009 }]);
        expect(decideDensity(aware, splats, OPTIONS).actions[0]).toBe(clone);
        expect(decideDensity(plain, splats, OPTIONS).actions[0]).toBe(keep);
    });
});
