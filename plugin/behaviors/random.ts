/** Gives the next number of a sequence, uniform in [0, 1). */
export type Random = () => number;

/** Farthest a draw of {@link normalOf} lies from the mean, standard deviations (chosen: no outliers that look like a fault). */
const MOST_DEVIATIONS = 2.5;

/**
 * Stirs 32 bits so that neighbours share nothing: two multiply-xorshift rounds, factors of low bias found by search
 * (C. Wellons, "hash prospector").
 *
 * @param value - taken as 32 bits.
 * @returns 0..2^32 - 1.
 */
export function scramble(value: number): number {
    let bits = value | 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return (bits ^ (bits >>> 15)) >>> 0;
}

/**
 * Makes a seeded sequence: a Weyl counter, scrambled. The same seed gives the same numbers on every machine.
 *
 * @param seed - any finite number; its lowest 32 bits count.
 */
export function randomFrom(seed: number): Random {
    let counter = scramble(seed);
    return () => {
        // The golden ratio of 2^32: visits all counters, far from each other.
        counter = (counter + 0x9e3779b9) | 0;
        return scramble(counter) / 2 ** 32;
    };
}

/** Draws from the standard normal distribution (Box-Muller), cut at 2.5 deviations. */
export function normalOf(random: Random): number {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const value = radius * Math.cos(2 * Math.PI * random());
    return Math.min(Math.max(value, -MOST_DEVIATIONS), MOST_DEVIATIONS);
}

/** Smooth step from 0 to 1 while `share` goes from 0 to 1; flat outside. */
export function easeBetween(share: number): number {
    const x = Math.min(Math.max(share, 0), 1);
    return x * x * (3 - 2 * x);
}
