import type { Camera } from '../camera.js';
import { ALPHA_MAX, ALPHA_MIN, TRANSMITTANCE_MIN } from '../constants.js';
import { projectReference, type ProjectedSplats, type SplatArrays } from './project.js';

/*
 * Float64 reference of the rasterizer (method.md section 3), for tests: every splat meets every pixel, front to back.
 */

/** A rasterised branch, and where a test must not be strict. */
export interface RasterPicture {
    readonly width: number;
    readonly height: number;
    /** Premultiplied `[H, W, 4]`. */
    readonly rgba: Float64Array;
    /** What is left of the light behind everything `[H, W]`: 1 - alpha. */
    readonly transmittance: Float64Array;
    /** Expected depth: sum of depth * alpha * T `[H, W]`, metres, not divided by alpha. */
    readonly depth: Float64Array;
    /** Depth of the splat at which T crosses 0.5 `[H, W]`, metres; 0 where it does not. */
    readonly medianDepth: Float64Array;
    /** m of Eq. 5 `[N]`. */
    readonly pixelCounts: Uint32Array;
    /** R of Eqs. 4-5 `[N]`, px. */
    readonly radii: Int32Array;
    /** 1 where a sample lies so near a discontinuity that rounding may change the picture `[H, W]`. */
    readonly borderPixels: Uint8Array;
    /** 1 where rounding may change a splat's pixel count `[N]`. */
    readonly borderSplats: Uint8Array;
}

/** Relative distance to a discontinuity below which float32 may decide otherwise. */
const BORDER = 1e-4;

/** Renders splats: {@link projectReference}, then {@link rasterizeReference}. */
export function renderReference(splats: SplatArrays, camera: Camera): RasterPicture {
    return rasterizeReference(projectReference(splats, camera), camera);
}

/** Blends projected splats front to back into every pixel and counts the pixels that each reaches (Eq. 5). */
export function rasterizeReference(
    projected: ProjectedSplats,
    { width, height }: Pick<Camera, 'width' | 'height'>,
): RasterPicture {
    const pixels = width * height;
    const picture: RasterPicture = {
        width,
        height,
        rgba: new Float64Array(pixels * 4),
        transmittance: new Float64Array(pixels).fill(1),
        depth: new Float64Array(pixels),
        medianDepth: new Float64Array(pixels),
        pixelCounts: new Uint32Array(projected.count),
        radii: projected.radii,
        borderPixels: new Uint8Array(pixels),
        borderSplats: projected.onCullBorder.slice(),
    };
    const order = depthOrder(projected);
    for (let pixel = 0; pixel < pixels; pixel++) blendPixel(projected, order, pixel, picture);
    return picture;
}

/** Visible splats, nearest first; equal depths by index. */
function depthOrder({ count, radii, depths }: ProjectedSplats): number[] {
    const visible = Array.from({ length: count }, (_, i) => i).filter((i) => (radii[i] as number) > 0);
    return visible.sort((a, b) => (depths[a] as number) - (depths[b] as number) || a - b);
}

function blendPixel(projected: ProjectedSplats, order: readonly number[], pixel: number, out: RasterPicture): void {
    const x = (pixel % out.width) + 0.5;
    const y = Math.floor(pixel / out.width) + 0.5;
    let transmittance = 1;
    // How far T may be off because an earlier sample of this pixel was a close call.
    let slack = BORDER;
    let stopIsUnsure = false;
    let isFull = false;
    const doubt = (i: number): void => {
        out.borderSplats[i] = 1;
        out.borderPixels[pixel] = 1;
    };
    for (const i of order) {
        const { alpha, distance } = sample(projected, i, x, y);
        if (Math.abs(alpha / ALPHA_MIN - 1) < BORDER) {
            doubt(i);
            slack += ALPHA_MIN;
        }
        if (alpha < ALPHA_MIN) continue;
        if (stopIsUnsure) doubt(i);
        if (isFull) continue;
        const left = transmittance * (1 - alpha);
        if (Math.abs(left / TRANSMITTANCE_MIN - 1) < slack) {
            doubt(i);
            stopIsUnsure = true;
        }
        if (left < TRANSMITTANCE_MIN) {
            isFull = true;
            continue;
        }
        if (isNear(distance, out.radii[i] as number)) out.borderSplats[i] = 1;
        // Eq. 5 with the conditions of its text: inside R, alpha >= ALPHA_MIN, light left.
        if (distance < (out.radii[i] as number)) out.pixelCounts[i] = (out.pixelCounts[i] as number) + 1;
        const weight = alpha * transmittance;
        for (let c = 0; c < 3; c++) add(out.rgba, pixel * 4 + c, weight * (projected.colors[i * 3 + c] as number));
        add(out.rgba, pixel * 4 + 3, weight);
        add(out.depth, pixel, weight * (projected.depths[i] as number));
        if (Math.abs(left - 0.5) < slack) out.borderPixels[pixel] = 1;
        if (transmittance > 0.5 && left <= 0.5) out.medianDepth[pixel] = projected.depths[i] as number;
        transmittance = left;
    }
    out.transmittance[pixel] = transmittance;
}

/** Alpha of splat `i` at a point of the screen, and the distance to its centre, px. */
function sample(projected: ProjectedSplats, i: number, x: number, y: number): { alpha: number; distance: number } {
    const dx = x - (projected.means2d[i * 2] as number);
    const dy = y - (projected.means2d[i * 2 + 1] as number);
    const [a, b, c] = [0, 1, 2].map((k) => projected.conics[i * 3 + k]) as [number, number, number];
    const power = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy;
    const alpha = Math.min(ALPHA_MAX, (projected.opacities[i] as number) * Math.exp(-power));
    return { alpha, distance: Math.hypot(dx, dy) };
}

function isNear(value: number, border: number): boolean {
    return Math.abs(value - border) < BORDER * border;
}

function add(array: Float64Array, at: number, value: number): void {
    array[at] = (array[at] as number) + value;
}

/**
 * Lays the mouth behind the face (Eq. 10): C = C_face + (1 - A_face) C_mouth.
 *
 * Deviation: the printed equation multiplies C_face by A_face; rasterised colour already carries it.
 *
 * @param face - premultiplied `[H, W, 4]`; `mouth` likewise.
 */
export function compositeReference(face: ArrayLike<number>, mouth: ArrayLike<number>): Float64Array {
    return Float64Array.from({ length: face.length }, (_, at) => {
        const alpha = face[at - (at % 4) + 3] as number;
        return (face[at] as number) + (1 - alpha) * (mouth[at] as number);
    });
}

/** A premultiplied picture over a plain background `[H, W, 3]`. */
export function overBackground(rgba: ArrayLike<number>, background: readonly [number, number, number]): Float64Array {
    return Float64Array.from({ length: (rgba.length / 4) * 3 }, (_, at) => {
        const pixel = Math.floor(at / 3) * 4;
        return (rgba[pixel + (at % 3)] as number) + (1 - (rgba[pixel + 3] as number)) * (background[at % 3] as number);
    });
}
