import { createSplatSet, shCoefficients, type SplatSet } from '../../plugin/core/index.js';

/** Deterministic numbers in [0, 1): a 32-bit multiply-and-xor generator, good enough to fill scenes. */
export function random(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}

/** Bell-shaped numbers, mean 0, standard deviation 1 (sum of 12 uniforms). */
export function bell(next: () => number): () => number {
    return () => {
        let sum = -6;
        for (let i = 0; i < 12; i++) sum += next();
        return sum;
    };
}

/** Splats on a ball of `radius` metres round `centre`: random sizes about `size`, rotations, opacities and colours. */
export function randomSplats(
    count: number,
    seed: number,
    options: { radius?: number; size?: number; centre?: readonly [number, number, number]; shDegree?: number } = {},
): SplatSet {
    const { radius = 0.1, size = 0.008, centre = [0, 0, 0], shDegree = 0 } = options;
    const next = random(seed);
    const normal = bell(next);
    const splats = createSplatSet(count, shDegree);
    const width = shCoefficients(shDegree) * 3;
    for (let i = 0; i < count; i++) {
        const direction = [normal(), normal(), normal()];
        const length = Math.hypot(...direction);
        for (let axis = 0; axis < 3; axis++) {
            splats.means[i * 3 + axis] = (centre[axis] as number) + ((direction[axis] as number) / length) * radius;
            splats.logScales[i * 3 + axis] = Math.log(size * (0.4 + next()));
        }
        for (let k = 0; k < 4; k++) splats.quats[i * 4 + k] = normal();
        splats.logitOpacities[i] = normal() * 1.5;
        for (let k = 0; k < width; k++) splats.sh[i * width + k] = normal() * (k < 3 ? 1 : 0.15);
    }
    return splats;
}
