import type { Camera } from '../../../../plugin/core/index.js';
import { CONTRIBUTION_MIN } from '../export/contribution.js';

/** What a view's face leaves open, ready to be asked for any box. */
export interface OpenPixels {
    readonly width: number;
    readonly height: number;
    /** Summed-area table `[height + 1, width + 1]`: open pixels above and left of a corner. */
    readonly sums: Uint32Array;
}

/**
 * Finds the pixels through which a mouth can be seen (Eq. 10): those where the face lets at least half a step of an 8-bit
 * picture through. One pass over the picture.
 *
 * @param face - premultiplied RGBA `[height, width, 4]`.
 */
export function openPixels(face: Float32Array, { width, height }: Pick<Camera, 'width' | 'height'>): OpenPixels {
    const row = width + 1;
    const sums = new Uint32Array(row * (height + 1));
    for (let y = 0; y < height; y++) {
        let inRow = 0;
        for (let x = 0; x < width; x++) {
            if (1 - (face[(y * width + x) * 4 + 3] as number) >= CONTRIBUTION_MIN) inRow++;
            sums[(y + 1) * row + x + 1] = (sums[y * row + x + 1] as number) + inRow;
        }
    }
    return { width, height, sums };
}

/**
 * Open pixels that a splat's disc of Eq. 5 may hold: those of the square around it, so never fewer than the disc has.
 *
 * @param at - middle of the disc, px; pixel centres at +0.5.
 * @param radius - screen radius, px; 0 gives 0.
 */
export function countOpen({ width, height, sums }: OpenPixels, at: readonly [number, number], radius: number): number {
    if (radius === 0) return 0;
    // Whole pixels that the square touches: the engine's own middle is float32 and may differ in the last digit.
    const clamp = (value: number, high: number): number => Math.max(0, Math.min(high, value));
    const [x, y] = at;
    const x0 = clamp(Math.floor(x - radius), width);
    const x1 = clamp(Math.ceil(x + radius), width);
    const y0 = clamp(Math.floor(y - radius), height);
    const y1 = clamp(Math.ceil(y + radius), height);
    const sum = (row: number, column: number): number => sums[row * (width + 1) + column] as number;
    return sum(y1, x1) - sum(y0, x1) - sum(y1, x0) + sum(y0, x0);
}
