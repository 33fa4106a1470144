import { assertShape } from '../core/index.js';

/**
 * The two sums of Eq. 2 since the last density event, one value a splat.
 *
 * What the caller sums selects the rule. Pixel-aware (Eq. 2): weights are pixel counts m. Plain (Eq. 1): every view in
 * which the splat passes Eq. 4 weighs 1. The decision is the same for both.
 */
export interface DensityStats {
    /** Sum over views of weight * |gradient of the screen mean| `[N]`, NDC units (Eq. 3). */
    readonly gradAccum: Float32Array;
    /** Sum over views of the weight `[N]`. Float32 drops single pixels past 2^24: reset at each event. */
    readonly weightAccum: Float32Array;
}

/** Sums of no view yet. */
export function createDensityStats(count: number): DensityStats {
    return { gradAccum: new Float32Array(count), weightAccum: new Float32Array(count) };
}

/** Forgets all views, in place. */
export function resetDensityStats({ gradAccum, weightAccum }: DensityStats): void {
    gradAccum.fill(0);
    weightAccum.fill(0);
}

/**
 * Adds one view to the sums of Eq. 2, in place.
 *
 * @param pixelCounts - m of Eq. 5 `[N]`; 0 for a splat that fails Eq. 4, which then leaves both sums alone. For Eq. 1
 *   pass 1 where the splat passes Eq. 4.
 * @param gradNorms - |d loss / d screen mean| `[N]`, NDC units (Eq. 3).
 * @throws PgsError `OPTION_VALUE` - lengths differ.
 */
export function accumulateView(
    { gradAccum, weightAccum }: DensityStats,
    pixelCounts: ArrayLike<number>,
    gradNorms: ArrayLike<number>,
): void {
    const cure = 'Pass one value a splat.';
    assertShape('OPTION_VALUE', 'accumulateView pixelCounts', pixelCounts, gradAccum.length, 1, cure);
    assertShape('OPTION_VALUE', 'accumulateView gradNorms', gradNorms, gradAccum.length, 1, cure);
    for (let i = 0; i < gradAccum.length; i++) {
        const weight = pixelCounts[i] as number;
        if (weight === 0) continue;
        gradAccum[i] = (gradAccum[i] as number) + weight * (gradNorms[i] as number);
        weightAccum[i] = (weightAccum[i] as number) + weight;
    }
}

/** Mean screen gradient of splat `i`, weighted as its sums were (Eq. 1 or Eq. 2); 0 for a splat that no view reached. */
export function meanGradient({ gradAccum, weightAccum }: DensityStats, i: number): number {
    const weight = weightAccum[i] as number;
    return weight > 0 ? (gradAccum[i] as number) / weight : 0;
}
