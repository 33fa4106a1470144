import type { BranchPixels } from './native/engine.js';

/**
 * Eq. 10 on premultiplied colours, then over a plain background: `[height, width, 3]`, 0..1.
 *
 * The paper multiplies the face's colour by A_face once more; rasterised colour already carries it.
 *
 * @param background - sRGB bytes.
 */
export function compositeOver({ face, mouth }: BranchPixels, background: readonly number[]): Float32Array {
    const pixels = face.length / 4;
    const out = new Float32Array(pixels * 3);
    for (let p = 0; p < pixels; p++) {
        const through = 1 - (face[p * 4 + 3] as number);
        const behind = through * (1 - (mouth[p * 4 + 3] as number));
        for (let c = 0; c < 3; c++) {
            const value =
                (face[p * 4 + c] as number) +
                through * (mouth[p * 4 + c] as number) +
                (behind * (background[c] as number)) / 255;
            out[p * 3 + c] = Math.min(1, Math.max(0, value));
        }
    }
    return out;
}

/** Rounds 0..1 to bytes. */
export function toBytes(values: Float32Array): Uint8Array {
    return Uint8Array.from(values, (value) => Math.round(255 * value));
}
