import type { Region } from './metrics.js';
import type { BranchPixels } from './native/engine.js';

/** How well one curve follows another in time. */
export interface Sync {
    /** Frames by which the first curve lags the second; parabolic peak within +-10. NaN where a curve does not move. */
    readonly lagFrames: number;
    /** Pearson correlation at lag 0, so that a wrong lag costs. */
    readonly correlation: number;
}

/** Largest lag looked at, frames. */
const MAX_LAG = 10;

/** Mouth opening of a rendered frame: sum over the lips box of (1 - A_face) A_mouth, px. */
export function renderedAperture({ face, mouth }: BranchPixels, lips: Region): number {
    let sum = 0;
    for (let p = 0; p < lips.mask.length; p++) {
        if (lips.mask[p] === 1) sum += (1 - (face[p * 4 + 3] as number)) * (mouth[p * 4 + 3] as number);
    }
    return sum;
}

/** Mouth opening of a true frame: pixels labelled mouth in the lips box. */
export function trueAperture(labels: Uint8Array, mouthLabel: number, lips: Region): number {
    let count = 0;
    for (let p = 0; p < lips.mask.length; p++) if (lips.mask[p] === 1 && labels[p] === mouthLabel) count++;
    return count;
}

/** Lag and correlation of `rendered` against `truth`, both one value a frame. */
export function measureSync(rendered: ArrayLike<number>, truth: ArrayLike<number>): Sync {
    const largest = Math.min(MAX_LAG, truth.length - 3);
    if (largest < 1) return { lagFrames: Number.NaN, correlation: correlationAt(rendered, truth, 0) };
    let best = -largest;
    const at = Array.from({ length: 2 * largest + 1 }, (_, i) => correlationAt(rendered, truth, i - largest));
    for (let lag = -largest; lag <= largest; lag++) {
        if ((at[lag + largest] as number) > (at[best + largest] as number)) best = lag;
    }
    const peak = at[best + largest] as number;
    if (Number.isNaN(peak)) return { lagFrames: Number.NaN, correlation: Number.NaN };
    const left = at[best + largest - 1];
    const right = at[best + largest + 1];
    let shift = 0;
    if (left !== undefined && right !== undefined) {
        const bend = left - 2 * peak + right;
        if (bend < 0) shift = (0.5 * (left - right)) / bend;
    }
    return { lagFrames: best + shift, correlation: at[largest] as number };
}

/** Pearson correlation of rendered[i + lag] with truth[i] over the frames that both have; NaN where one is constant. */
function correlationAt(rendered: ArrayLike<number>, truth: ArrayLike<number>, lag: number): number {
    const first = Math.max(0, -lag);
    const end = Math.min(truth.length, rendered.length - lag);
    const n = end - first;
    let sx = 0;
    let sy = 0;
    for (let i = first; i < end; i++) {
        sx += rendered[i + lag] as number;
        sy += truth[i] as number;
    }
    let xx = 0;
    let yy = 0;
    let xy = 0;
    for (let i = first; i < end; i++) {
        const x = (rendered[i + lag] as number) - sx / n;
        const y = (truth[i] as number) - sy / n;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : Number.NaN;
}
