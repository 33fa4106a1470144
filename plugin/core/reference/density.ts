/*
 * Float64 reference of the density criterion (Eqs. 1-3), for tests. The pixel counts m of Eqs. 4-5 come from `rasterize.ts`.
 */

/** What one view knows of one splat. */
export interface SplatView {
    /** d loss / d screen centre, per px. */
    readonly gradient: readonly [number, number];
    /** m of Eq. 5; 0: the splat fails Eq. 4 in this view. */
    readonly pixelCount: number;
    /** Picture size, px. */
    readonly width: number;
    readonly height: number;
}

/** Eq. 3: length of the screen gradient in NDC units, in which the picture is two units wide and high. */
export function gradientNormReference({ gradient, width, height }: SplatView): number {
    return Math.hypot((gradient[0] * width) / 2, (gradient[1] * height) / 2);
}

/** Left side of Eq. 1: the mean over the views that the splat is valid in; 0 if there are none. */
export function plainGradientReference(views: readonly SplatView[]): number {
    const valid = views.filter(({ pixelCount }) => pixelCount > 0);
    return mean(valid, () => 1);
}

/** Left side of Eq. 2: the mean weighted by pixels reached; 0 if there are none. */
export function pixelAwareGradientReference(views: readonly SplatView[]): number {
    return mean(views, ({ pixelCount }) => pixelCount);
}

/** Whether a splat is densified: its mean gradient exceeds tau_pos. */
export function densifiesReference(meanGradient: number, tauPos: number): boolean {
    return meanGradient > tauPos;
}

function mean(views: readonly SplatView[], weightOf: (view: SplatView) => number): number {
    let numerator = 0;
    let denominator = 0;
    for (const view of views) {
        numerator += weightOf(view) * gradientNormReference(view);
        denominator += weightOf(view);
    }
    return denominator > 0 ? numerator / denominator : 0;
}
