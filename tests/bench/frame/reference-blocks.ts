import { ALPHA_MIN, type Camera } from '../../../plugin/core/index.js';
import {
    compositeReference,
    projectReference,
    rasterizeReference,
    type ProjectedSplats,
    type SplatArrays,
} from '../../../plugin/core/reference/index.js';

/** Side of a block, px. */
const BLOCK = 16;

/**
 * The float64 picture of a whole head, premultiplied `[H, W, 4]`, in minutes less than the reference alone: every block of pixels
 * meets only the splats that can reach it. Exact, because the reference leaves out alphas below ALPHA_MIN.
 */
export function referenceHead(face: SplatArrays, mouth: SplatArrays, camera: Camera): Float64Array {
    const [front, back] = [face, mouth].map((splats) => referenceBranch(splats, camera)) as [
        Float64Array,
        Float64Array,
    ];
    return compositeReference(front, back);
}

function referenceBranch(splats: SplatArrays, camera: Camera): Float64Array {
    const { width, height } = camera;
    const projected = projectReference(splats, camera);
    const reaches = reachesOf(projected);
    const rgba = new Float64Array(width * height * 4);
    for (let y = 0; y < height; y += BLOCK) {
        for (let x = 0; x < width; x += BLOCK) {
            const size = { width: Math.min(BLOCK, width - x), height: Math.min(BLOCK, height - y) };
            const block = rasterizeReference(splatsOf(projected, reaches, x, y), size).rgba;
            for (let row = 0; row < size.height; row++) {
                const from = row * size.width * 4;
                rgba.set(block.subarray(from, from + size.width * 4), ((y + row) * width + x) * 4);
            }
        }
    }
    return rgba;
}

/** Distance, px, beyond which a splat's alpha is below ALPHA_MIN; -1 for a culled splat. */
function reachesOf({ count, radii, conics, opacities }: ProjectedSplats): Float64Array {
    return Float64Array.from({ length: count }, (_, i) => {
        const power = Math.log(Number(opacities[i]) / ALPHA_MIN);
        if (radii[i] === 0 || power < 0) return -1;
        const [a, b, c] = [0, 1, 2].map((k) => Number(conics[i * 3 + k])) as [number, number, number];
        // The smaller eigenvalue of the conic is one over the larger variance.
        const flattest = (a + c) / 2 - Math.hypot((a - c) / 2, b);
        // A pixel more: rounding must not decide.
        return Math.sqrt((2 * power) / flattest) + 1;
    });
}

/** The splats that can reach a block, seen from its corner. */
function splatsOf(projected: ProjectedSplats, reaches: Float64Array, left: number, top: number): ProjectedSplats {
    const near: number[] = [];
    for (let i = 0; i < projected.count; i++) {
        const reach = Number(reaches[i]);
        const [x, y] = [Number(projected.means2d[i * 2]) - left, Number(projected.means2d[i * 2 + 1]) - top];
        if (reach >= 0 && x > -reach && x < BLOCK + reach && y > -reach && y < BLOCK + reach) near.push(i);
    }
    const rows = (values: ArrayLike<number>, width: number): Float64Array =>
        Float64Array.from({ length: near.length * width }, (_, k) =>
            Number(values[Number(near[Math.floor(k / width)]) * width + (k % width)]),
        );
    const means2d = rows(projected.means2d, 2);
    for (let k = 0; k < means2d.length; k++) means2d[k] = Number(means2d[k]) - (k % 2 === 0 ? left : top);
    return {
        count: near.length,
        means2d,
        conics: rows(projected.conics, 3),
        depths: rows(projected.depths, 1),
        radii: Int32Array.from(rows(projected.radii, 1)),
        opacities: rows(projected.opacities, 1),
        colors: rows(projected.colors, 3),
        onCullBorder: Uint8Array.from(rows(projected.onCullBorder, 1)),
    };
}
