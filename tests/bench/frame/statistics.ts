/** The arithmetic mean; NaN of no values. */
export function mean(values: readonly number[]): number {
    return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle value; the mean of the two middle ones of an even number. @throws RangeError - no values. */
export function median(values: readonly number[]): number {
    return quantile(values, 0.5);
}

/** The value below which a share `q` (0..1) of the values lies, linear in between. @throws RangeError - no values. */
export function quantile(values: readonly number[], q: number): number {
    if (values.length === 0) throw new RangeError('quantile: expected at least one value, got none. Measure first.');
    const sorted = [...values].sort((a, b) => a - b);
    const at = (sorted.length - 1) * q;
    const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
    return low + (high - low) * (at - Math.floor(at));
}

/** `over / under`; null where one is missing or the quotient means nothing. */
export function ratio(over: number | null | undefined, under: number | null | undefined): number | null {
    if (over === null || over === undefined || under === null || under === undefined) return null;
    const quotient = over / under;
    return Number.isFinite(quotient) && quotient > 0 ? quotient : null;
}

/**
 * The power of `x` that `y` grows with: the slope of a line fitted to their logarithms, 1 where twice as much costs twice as much.
 *
 * @returns null with fewer than two different `x`, or where a number is not positive.
 */
export function scalingExponent(points: readonly (readonly [x: number, y: number])[]): number | null {
    const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
    const mean = (axis: 0 | 1): number => logs.reduce((sum, point) => sum + point[axis], 0) / logs.length;
    const [meanX, meanY] = [mean(0), mean(1)];
    let [along, square] = [0, 0];
    for (const [x, y] of logs) {
        along += (x - meanX) * (y - meanY);
        square += (x - meanX) ** 2;
    }
    const slope = along / square;
    return Number.isFinite(slope) ? slope : null;
}

/** Root mean square of the difference over the root mean square of what is expected. */
export function relativeRms(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
    if (actual.length !== expected.length || expected.length === 0) return NaN;
    let [difference, size] = [0, 0];
    for (let i = 0; i < expected.length; i++) {
        difference += ((actual[i] as number) - (expected[i] as number)) ** 2;
        size += (expected[i] as number) ** 2;
    }
    return Math.sqrt(difference / size);
}

/** Three digits that count, never an exponent. */
export function threeDigits(value: number): string {
    return String(Number(value.toPrecision(3)));
}
