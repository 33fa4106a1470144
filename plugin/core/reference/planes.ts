import { PLANE_BOUND, PLANE_LEVELS } from '../constants.js';

/*
 * Float64 reference of the tri-plane encoder f_s (method.md section 2), for tests.
 */

/** The two axes of each plane, in the order of its name: xy, yz, xz. */
const PLANE_AXES = [
    [0, 1],
    [1, 2],
    [0, 2],
] as const;

/** One resolution of a plane. */
export interface PlaneLevel {
    /** Texels minus one across the bound. */
    readonly scale: number;
    /** Texels a row; the level has stride^2. */
    readonly stride: number;
    /** First texel of the level inside a plane. */
    readonly offset: number;
}

/** Where the texels of one plane lie; the three planes follow one another. */
export interface PlaneLayout {
    readonly levels: readonly PlaneLevel[];
    readonly planeTexels: number;
}

/** Levels growing geometrically from resolution `base` to `finest`. */
export function planeLayout(base: number, finest: number): PlaneLayout {
    const growth = (finest / base) ** (1 / (PLANE_LEVELS - 1));
    const levels: PlaneLevel[] = [];
    let offset = 0;
    for (let l = 0; l < PLANE_LEVELS; l++) {
        const scale = base * growth ** l - 1;
        const stride = Math.ceil(scale) + 2;
        levels.push({ scale, stride, offset });
        offset += stride * stride;
    }
    return { levels, planeTexels: offset };
}

/** Whether a mean lies in the cube that the planes cover, borders included. */
export function isInsidePlanes(mean: readonly number[]): boolean {
    return mean.every((value) => Math.abs(value) <= PLANE_BOUND);
}

/**
 * Spatial feature f_s of a mean: bilinear samples, plane by plane, coarse to fine.
 *
 * @param tables - texels of all planes, plane-major, then level-major `[3 * planeTexels]`.
 * @param mean - x, y, z, metres.
 * @returns `[SPATIAL_FEAT_DIM]`; null outside the bound, where a splat does not move.
 */
export function encodePlanesReference(
    { levels, planeTexels }: PlaneLayout,
    tables: ArrayLike<number>,
    mean: readonly number[],
): Float64Array | null {
    if (!isInsidePlanes(mean)) return null;
    const features = PLANE_AXES.flatMap(([axisA, axisB], plane) =>
        levels.map(({ scale, stride, offset }) => {
            const [a, b] = [axisA, axisB].map((axis) => {
                const across = ((mean[axis] as number) + PLANE_BOUND) / (2 * PLANE_BOUND);
                return across * scale + 0.5;
            }) as [number, number];
            const [ia, ib] = [Math.floor(a), Math.floor(b)];
            const texel = (da: number, db: number): number =>
                tables[plane * planeTexels + offset + ia + da + (ib + db) * stride] as number;
            const [fa, fb] = [a - ia, b - ib];
            return (
                (1 - fa) * (1 - fb) * texel(0, 0) +
                fa * (1 - fb) * texel(1, 0) +
                (1 - fa) * fb * texel(0, 1) +
                fa * fb * texel(1, 1)
            );
        }),
    );
    return Float64Array.from(features);
}
