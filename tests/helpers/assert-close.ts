import { expect } from 'vitest';

/** How close is close: `|actual - expected| <= atol + rtol * |expected|`. */
export interface Closeness {
    readonly atol?: number;
    readonly rtol?: number;
    /** Samples near a discontinuity, which are not compared: non-zero means skip. */
    readonly except?: ArrayLike<number> | undefined;
}

/** Fails on the worst element, with its index, both values and the tolerance. */
export function expectClose(
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    { atol = 0, rtol = 0, except }: Closeness,
): void {
    expect(actual.length, 'length').toBe(expected.length);
    let worst = { index: -1, excess: 0 };
    for (let index = 0; index < expected.length; index++) {
        if (except !== undefined && except[index] !== 0) continue;
        const [a, e] = [actual[index] as number, expected[index] as number];
        // The comparison is written so that a NaN counts as a failure.
        const excess = Math.abs(a - e) / (atol + rtol * Math.abs(e));
        if (!(excess <= 1) && !(a === e) && !(excess <= worst.excess)) worst = { index, excess };
    }
    if (worst.index < 0) return;
    const { index, excess } = worst;
    expect.fail(
        `element ${index}: expected ${expected[index]}, got ${actual[index]}: ${excess.toPrecision(3)} times the tolerance ` +
            `(atol ${atol}, rtol ${rtol})`,
    );
}

/** Root mean square of the difference over the root mean square of what is expected. */
export function relativeRms(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
    let [difference, size] = [0, 0];
    for (let i = 0; i < expected.length; i++) {
        difference += ((actual[i] as number) - (expected[i] as number)) ** 2;
        size += (expected[i] as number) ** 2;
    }
    return Math.sqrt(difference / size);
}
