import { assertShape, type SplatSet } from '../core/index.js';
import { meanGradient, type DensityStats } from './density-stats.js';

/** What happens to a splat; the codes of the native engine's `pgs_densify_apply`. */
export const DENSITY_ACTION = { keep: 0, clone: 1, split: 2, prune: 3 } as const;

/** A splat up to this share of the extent is cloned, a larger one is split (method.md section 4). */
export const CLONE_SCALE_SHARE = 0.005;
/** A splat larger than this share of the extent is pruned once sizes have settled (INRIA reference). */
export const PRUNE_SCALE_SHARE = 0.1;

/** Settings of one density event. */
export interface DensityOptions {
    /** tau_pos of Eqs. 1-2, NDC units; a mean gradient above it densifies. */
    readonly gradThreshold: number;
    /** Size of the trained region, metres: what splat sizes are compared with. */
    readonly extent: number;
    /** Opacity 0..1 below which a splat is pruned. */
    readonly minOpacity: number;
    /** Whether splats larger than {@link PRUNE_SCALE_SHARE} of the extent are pruned. */
    readonly prunesLarge: boolean;
    /** Most splats after the event. Splats already above it are not pruned for it, they only stop growing. */
    readonly maxSplats: number;
}

/** One action a splat, and how many of each change the set: the count becomes N + cloned + split - pruned. */
export interface DensityDecision {
    /** Codes of {@link DENSITY_ACTION} `[N]`. */
    readonly actions: Uint8Array;
    readonly cloned: number;
    readonly split: number;
    readonly pruned: number;
}

/**
 * Decides which splats to clone, split and prune (Eqs. 1-2). Pure: changes nothing and draws no random number.
 *
 * Pruning goes first, so a faint or huge splat is not densified. Where the budget is short, the largest mean gradients
 * grow; equal ones in the order of the set.
 *
 * @param stats - sums since the last event; which sums selects Eq. 1 or Eq. 2, see {@link DensityStats}.
 * @param splats - canonical splats; sizes and opacities are read.
 * @throws PgsError `OPTION_VALUE` - the sums are not one value a splat.
 */
export function decideDensity(stats: DensityStats, splats: SplatSet, options: DensityOptions): DensityDecision {
    const cure = 'Reset the sums whenever the set changes.';
    assertShape('OPTION_VALUE', 'decideDensity gradAccum', stats.gradAccum, splats.count, 1, cure);
    assertShape('OPTION_VALUE', 'decideDensity weightAccum', stats.weightAccum, splats.count, 1, cure);
    const { gradThreshold, extent, maxSplats } = options;
    const actions = new Uint8Array(splats.count);
    const growing: { readonly index: number; readonly gradient: number }[] = [];
    let [cloned, split, pruned] = [0, 0, 0];
    for (let index = 0; index < splats.count; index++) {
        if (isPruned(splats, index, options)) {
            actions[index] = DENSITY_ACTION.prune;
            pruned++;
            continue;
        }
        const gradient = meanGradient(stats, index);
        if (gradient > gradThreshold) growing.push({ index, gradient });
    }
    growing.sort((a, b) => b.gradient - a.gradient || a.index - b.index);
    const room = Math.max(0, maxSplats - (splats.count - pruned));
    for (const { index } of growing.slice(0, room)) {
        const isSmall = maxScale(splats, index) <= CLONE_SCALE_SHARE * extent;
        actions[index] = isSmall ? DENSITY_ACTION.clone : DENSITY_ACTION.split;
        if (isSmall) cloned++;
        else split++;
    }
    return { actions, cloned, split, pruned };
}

function isPruned(splats: SplatSet, i: number, { minOpacity, prunesLarge, extent }: DensityOptions): boolean {
    const opacity = 1 / (1 + Math.exp(-(splats.logitOpacities[i] as number)));
    return opacity < minOpacity || (prunesLarge && maxScale(splats, i) > PRUNE_SCALE_SHARE * extent);
}

/** Standard deviation along the longest axis, metres. */
function maxScale({ logScales }: SplatSet, i: number): number {
    const at = i * 3;
    return Math.exp(Math.max(logScales[at] as number, logScales[at + 1] as number, logScales[at + 2] as number));
}
