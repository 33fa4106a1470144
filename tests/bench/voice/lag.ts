import { median } from '../frame/statistics.js';

/** A video frame, ms. */
export const FRAME_MS = 40;
/** Distance of the values of every curve that lags are measured on, ms: a quarter of a video frame. */
export const STEP_MS = 10;
/** Largest lag that is looked for, ms: 10 video frames. */
const MAX_LAG_MS: number = 10 * FRAME_MS;

/** A quantity over page time, one value every {@link STEP_MS}. */
export interface Curve {
    /** Page time of the first value, ms. */
    readonly start: number;
    readonly values: Float64Array;
}

/** How one curve follows another. */
export interface Lag {
    /** By how much the first curve comes after the second; negative where it leads. NaN where one does not move. */
    readonly lagMs: number;
    /** Pearson correlation at that lag. */
    readonly peak: number;
    /** Peak less the median over all lags: how clearly the two belong together. */
    readonly margin: number;
}

/** Part of the second curve to compare, in values from its start. */
export interface Stretch {
    readonly first: number;
    readonly count: number;
}

/** A curve through points, straight between them, held beyond the first and the last. @param times - page time, ms, rising. */
export function curveThrough(times: ArrayLike<number>, values: ArrayLike<number>, start: number, count: number): Curve {
    const out = new Float64Array(count);
    let next = 0;
    for (let i = 0; i < count; i++) {
        const time = start + i * STEP_MS;
        while (next < times.length && (times[next] as number) <= time) next++;
        const [before, after] = [Math.max(0, next - 1), Math.min(times.length - 1, next)];
        const [from, to] = [times[before] as number, times[after] as number];
        const share = to > from ? Math.min(1, Math.max(0, (time - from) / (to - from))) : 0;
        out[i] = (values[before] as number) + share * ((values[after] as number) - (values[before] as number));
    }
    return { start, values: out };
}

/**
 * By how much `late` comes after `early`: the peak of their normalised cross-correlation within 10 video frames, between two lags by a
 * parabola (audio.md 6.1).
 *
 * @param stretch - the values of `early` that are compared; default all that `late` has at every lag.
 */
export function lagOf(late: Curve, early: Curve, stretch?: Stretch): Lag {
    const offset = Math.round((early.start - late.start) / STEP_MS);
    // What rounding took away goes back into the result.
    const rest = late.start - early.start + offset * STEP_MS;
    const most = Math.round(MAX_LAG_MS / STEP_MS);
    const first = stretch?.first ?? Math.max(0, most - offset);
    const end =
        stretch === undefined
            ? Math.min(early.values.length, late.values.length - offset - most)
            : first + stretch.count;
    const at = Array.from({ length: 2 * most + 1 }, (_, i) =>
        correlation(late.values, early.values, first, end, offset + i - most),
    );
    if (at.every(Number.isNaN)) return { lagMs: Number.NaN, peak: Number.NaN, margin: Number.NaN };
    let best = 0;
    for (let i = 0; i < at.length; i++)
        if (!((at[i] as number) <= (at[best] as number)) && !Number.isNaN(at[i])) best = i;
    const peak = at[best] as number;
    const [left, right] = [at[best - 1] ?? Number.NaN, at[best + 1] ?? Number.NaN];
    const bend = left - 2 * peak + right;
    const shift = bend < 0 ? (0.5 * (left - right)) / bend : 0;
    const finite = at.filter((value) => !Number.isNaN(value));
    return { lagMs: (best - most + shift) * STEP_MS + rest, peak, margin: peak - median(finite) };
}

/** Pearson correlation of late[i + lag] with early[i] for i in [first, end); NaN where either is constant or missing. */
function correlation(late: Float64Array, early: Float64Array, first: number, end: number, lag: number): number {
    const n = end - first;
    if (n < 3 || first < 0 || end > early.length || first + lag < 0 || end + lag > late.length) return Number.NaN;
    let [sx, sy] = [0, 0];
    for (let i = first; i < end; i++) {
        sx += late[i + lag] as number;
        sy += early[i] as number;
    }
    let [xx, yy, xy] = [0, 0, 0];
    for (let i = first; i < end; i++) {
        const x = (late[i + lag] as number) - sx / n;
        const y = (early[i] as number) - sy / n;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : Number.NaN;
}
