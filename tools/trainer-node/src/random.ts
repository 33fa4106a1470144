/** A stream of uniform numbers in [0, 1). */
export type Random = () => number;

/**
 * A seeded stream (mulberry32). Streams are named by integers, so any part of a run can be drawn again without replaying
 * what came before: that is what makes a resumed run equal an uninterrupted one.
 *
 * @param seed - the run's seed.
 * @param keys - what is drawn, e.g. branch index, epoch.
 */
export function randomStream(seed: number, ...keys: readonly number[]): Random {
    let state = seed >>> 0;
    for (const key of keys) state = mix(state ^ mix((key + 0x9e3779b9) >>> 0));
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}

function mix(value: number): number {
    let x = value >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled(items: Int32Array, random: Random): Int32Array {
    const out = items.slice();
    for (let i = out.length - 1; i > 0; i--) {
        const j = Math.floor(random() * (i + 1));
        const held = out[i] as number;
        out[i] = out[j] as number;
        out[j] = held;
    }
    return out;
}

/** A standard normal number (Box-Muller). */
export function normal(random: Random): number {
    return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
