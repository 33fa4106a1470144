import { shCoefficients, type SplatSet } from '../../../../plugin/core/index.js';

/** Rows of a row-major array in a new order `[order.length, row]`; a copy. */
export function gather(values: Float32Array, order: readonly number[], row: number): Float32Array {
    const out = new Float32Array(order.length * row);
    order.forEach((from, to) => out.set(values.subarray(from * row, (from + 1) * row), to * row));
    return out;
}

/** Splats in a new order, every value as it was; splats that `order` does not name are left out. */
export function takeSplats(splats: SplatSet, order: readonly number[]): SplatSet {
    return {
        count: order.length,
        shDegree: splats.shDegree,
        means: gather(splats.means, order, 3),
        quats: gather(splats.quats, order, 4),
        logScales: gather(splats.logScales, order, 3),
        logitOpacities: gather(splats.logitOpacities, order, 1),
        sh: gather(splats.sh, order, 3 * shCoefficients(splats.shDegree)),
    };
}
