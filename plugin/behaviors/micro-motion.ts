import { scramble } from './random.js';

/**
 * Muscles that never rest work against each other, so units share a channel with opposite signs: what raises the brow (AU01, AU02)
 * against what lowers it (AU04), what widens the eye (AU05) against what narrows it (AU07); the cheek (AU06) goes alone.
 */
export const MICRO_CHANNELS = 3;

/** Seconds between two knots of a channel's noise: motion dies away above 1 / (2 x this), 0.23, 0.19 and 0.13 Hz (chosen). */
const KNOT_SECONDS = [2.2, 2.7, 4] as const;

/** Keeps the knots of the channels apart: any odd number far above the knots of a long session. */
const CHANNEL_STRIDE = 0x632be5ab;

/**
 * Smooth noise of a channel: a uniform cubic B-spline through seeded knots, so that motion, its speed and its acceleration are
 * continuous. A function of time alone: what was sampled before does not matter. Allocates nothing.
 *
 * @param seed - 32 bits.
 * @param channel - 0 brow, 1 lids, 2 cheek.
 * @param seconds - >= 0.
 * @returns within -1..1; standard deviation 0.4.
 */
export function microMotion(seed: number, channel: number, seconds: number): number {
    const place = seconds / (KNOT_SECONDS[channel] ?? KNOT_SECONDS[0]);
    const knot = Math.floor(place);
    const x = place - knot;
    const rest = 1 - x;
    const key = scramble(seed + Math.imul(channel + 1, CHANNEL_STRIDE));
    return (
        (rest ** 3 * knotValue(key, knot) +
            (4 - 6 * x * x + 3 * x ** 3) * knotValue(key, knot + 1) +
            (4 - 6 * rest * rest + 3 * rest ** 3) * knotValue(key, knot + 2) +
            x ** 3 * knotValue(key, knot + 3)) /
        6
    );
}

/** Uniform in [-1, 1). */
function knotValue(key: number, knot: number): number {
    return scramble(key + knot) / 2 ** 31 - 1;
}
