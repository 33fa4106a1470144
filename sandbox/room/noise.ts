/**
 * Repeatable noise for the room's textures: the same room on every machine and every visit, so that pictures of it can be
 * compared.
 */

/** A hash of a lattice point, 0..1. */
function lattice(x: number, y: number, seed: number): number {
    let h = Math.imul(x, 374761393) + Math.imul(y, 668265263) + Math.imul(seed, 2147483647 ^ 0x5bd1e995);
    h = Math.imul(h ^ (h >>> 13), 1274126177);
    return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

function fade(t: number): number {
    return t * t * (3 - 2 * t);
}

/**
 * Value noise that repeats after `period` cells, 0..1.
 *
 * @param x - coordinate in cells.
 * @param y - coordinate in cells.
 * @param periodX - cells until it repeats along x, a whole number.
 * @param periodY - cells until it repeats along y, a whole number.
 */
export function valueNoise(x: number, y: number, periodX: number, periodY: number, seed: number): number {
    const x0 = Math.floor(x);
    const y0 = Math.floor(y);
    const fx = fade(x - x0);
    const fy = fade(y - y0);
    const wrap = (v: number, period: number): number => ((v % period) + period) % period;
    const left = wrap(x0, periodX);
    const right = wrap(x0 + 1, periodX);
    const low = wrap(y0, periodY);
    const high = wrap(y0 + 1, periodY);
    const a = lattice(left, low, seed) * (1 - fx) + lattice(right, low, seed) * fx;
    const b = lattice(left, high, seed) * (1 - fx) + lattice(right, high, seed) * fx;
    return a * (1 - fy) + b * fy;
}

/** Octaves of {@link valueNoise}, each half as strong and twice as fine, over the unit square; 0..1 and tileable. */
export function fractalNoise(
    u: number,
    v: number,
    cellsU: number,
    cellsV: number,
    octaves: number,
    seed: number,
): number {
    let sum = 0;
    let weight = 0;
    let amplitude = 1;
    let cu = cellsU;
    let cv = cellsV;
    for (let octave = 0; octave < octaves; octave++) {
        sum += amplitude * valueNoise(u * cu, v * cv, cu, cv, seed + octave);
        weight += amplitude;
        amplitude *= 0.5;
        cu *= 2;
        cv *= 2;
    }
    return sum / weight;
}

/** A small generator of numbers 0..1 that gives the same sequence for the same seed. */
export function sequence(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 4294967296;
    };
}

/** 0 below `from`, 1 above `to`, smooth between. */
export function smoothStep(from: number, to: number, value: number): number {
    return fade(Math.min(1, Math.max(0, (value - from) / (to - from))));
}
