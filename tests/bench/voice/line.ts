/** A straight line through points by least squares. */
export interface Line {
    readonly slope: number;
    /** Standard error of the slope, from what is left over. */
    readonly slopeError: number;
    /** Value in the middle of the points, where `x` is {@link centre}: an intercept far outside them would lose digits. */
    readonly level: number;
    readonly centre: number;
    /** Root mean square of what is left over, in units of `y`. */
    readonly residual: number;
    /** Largest of what is left over. */
    readonly worst: number;
}

/** Fits y = level + slope (x - centre). @throws RangeError - fewer than three points, or all at one place. */
export function fitLine(x: ArrayLike<number>, y: ArrayLike<number>): Line {
    const count = x.length;
    let [centre, level] = [0, 0];
    for (let i = 0; i < count; i++) {
        centre += (x[i] as number) / count;
        level += (y[i] as number) / count;
    }
    let [xx, xy] = [0, 0];
    for (let i = 0; i < count; i++) {
        const dx = (x[i] as number) - centre;
        xx += dx * dx;
        xy += dx * ((y[i] as number) - level);
    }
    if (count < 3 || count !== y.length || !(xx > 0))
        throw new RangeError(`fitLine: expected three places or more, got ${count} points. Measure longer.`);
    const slope = xy / xx;
    let [squares, worst] = [0, 0];
    for (let i = 0; i < count; i++) {
        const left = (y[i] as number) - level - slope * ((x[i] as number) - centre);
        squares += left * left;
        worst = Math.max(worst, Math.abs(left));
    }
    const slopeError = Math.sqrt(squares / (count - 2) / xx);
    return { slope, slopeError, level, centre, residual: Math.sqrt(squares / count), worst };
}

/** Value of a line. */
export function valueAt({ slope, level, centre }: Line, x: number): number {
    return level + slope * (x - centre);
}

/** Where a line has a value. */
export function placeOf({ slope, level, centre }: Line, y: number): number {
    return centre + (y - level) / slope;
}
