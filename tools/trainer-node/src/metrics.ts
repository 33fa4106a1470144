/** Part of a picture: a mask and how many pixels it holds. */
export interface Region {
    /** 1 inside, `[height, width]`. */
    readonly mask: Uint8Array;
    readonly count: number;
}

/** Picture size, px. */
export interface Size {
    readonly width: number;
    readonly height: number;
}

/** SSIM window: 11 x 11 Gaussian. Source: the losses' own (Eqs. 11-13). */
const WINDOW_RADIUS = 5;
const WINDOW_SIGMA = 1.5;
const C1 = 0.01 ** 2;
const C2 = 0.03 ** 2;
/** What two equal pictures count as, dB: 8-bit truth cannot tell more apart. */
const PSNR_MAX = 100;

/** Pixels for which `inside` holds. */
export function regionOf(pixels: number, inside: (p: number) => boolean): Region {
    const mask = new Uint8Array(pixels);
    let count = 0;
    for (let p = 0; p < pixels; p++) {
        if (!inside(p)) continue;
        mask[p] = 1;
        count++;
    }
    return { mask, count };
}

/** Pixels of a box x0, y0, x1, y1 in px: those it touches, clamped to the picture. */
export function boxRegion({ width, height }: Size, box: ArrayLike<number>): Region {
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = Array.from(box);
    return regionOf(width * height, (p) => {
        const x = p % width;
        const y = Math.floor(p / width);
        return x + 1 > x0 && x < x1 && y + 1 > y0 && y < y1;
    });
}

/**
 * Peak signal-to-noise ratio over a region, data range 1, dB.
 *
 * @param a - `[pixels, 3]`, 0..1.
 * @returns NaN for an empty region.
 */
export function psnr(a: Float32Array, b: Float32Array, region: Region): number {
    if (region.count === 0) return Number.NaN;
    let sum = 0;
    for (let p = 0; p < region.mask.length; p++) {
        if (region.mask[p] === 0) continue;
        for (let c = 0; c < 3; c++) {
            const d = (a[p * 3 + c] as number) - (b[p * 3 + c] as number);
            sum += d * d;
        }
    }
    const mse = sum / (3 * region.count);
    return mse === 0 ? PSNR_MAX : Math.min(PSNR_MAX, -10 * Math.log10(mse));
}

/**
 * SSIM of every pixel, mean over the channels: 11 x 11 Gaussian window of sigma 1.5, zeros outside the picture, data range 1.
 *
 * @param a - `[height, width, 3]`, 0..1.
 * @returns `[height, width]`.
 */
export function ssimMap(a: Float32Array, b: Float32Array, size: Size): Float32Array {
    const pixels = size.width * size.height;
    const map = new Float32Array(pixels);
    const kernel = gaussian();
    const planes = Array.from({ length: 5 }, () => new Float32Array(pixels));
    const scratch = new Float32Array(pixels);
    for (let c = 0; c < 3; c++) {
        const [ma, mb, aa, bb, ab] = planes as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
        for (let p = 0; p < pixels; p++) {
            const x = a[p * 3 + c] as number;
            const y = b[p * 3 + c] as number;
            ma[p] = x;
            mb[p] = y;
            aa[p] = x * x;
            bb[p] = y * y;
            ab[p] = x * y;
        }
        for (const plane of planes) blur(plane, scratch, kernel, size);
        for (let p = 0; p < pixels; p++) {
            const x = ma[p] as number;
            const y = mb[p] as number;
            const varA = (aa[p] as number) - x * x;
            const varB = (bb[p] as number) - y * y;
            const cov = (ab[p] as number) - x * y;
            const value = ((2 * x * y + C1) * (2 * cov + C2)) / ((x * x + y * y + C1) * (varA + varB + C2));
            map[p] = (map[p] as number) + value / 3;
        }
    }
    return map;
}

/** Mean of a map over a region; NaN for an empty one. */
export function regionMean(map: Float32Array, region: Region): number {
    let sum = 0;
    for (let p = 0; p < map.length; p++) if (region.mask[p] === 1) sum += map[p] as number;
    return region.count === 0 ? Number.NaN : sum / region.count;
}

function gaussian(): Float64Array {
    const kernel = Float64Array.from({ length: 2 * WINDOW_RADIUS + 1 }, (_, i) =>
        Math.exp(-((i - WINDOW_RADIUS) ** 2) / (2 * WINDOW_SIGMA ** 2)),
    );
    const sum = kernel.reduce((total, w) => total + w, 0);
    return kernel.map((w) => w / sum);
}

/** Separable convolution in place, zeros outside. */
function blur(plane: Float32Array, scratch: Float32Array, kernel: Float64Array, { width, height }: Size): void {
    for (let y = 0; y < height; y++) {
        const row = y * width;
        for (let x = 0; x < width; x++) {
            const from = Math.max(0, x - WINDOW_RADIUS);
            const to = Math.min(width - 1, x + WINDOW_RADIUS);
            let sum = 0;
            for (let i = from; i <= to; i++)
                sum += (plane[row + i] as number) * (kernel[i - x + WINDOW_RADIUS] as number);
            scratch[row + x] = sum;
        }
    }
    plane.fill(0);
    for (let y = 0; y < height; y++) {
        const from = Math.max(0, y - WINDOW_RADIUS);
        const to = Math.min(height - 1, y + WINDOW_RADIUS);
        for (let i = from; i <= to; i++) {
            const w = kernel[i - y + WINDOW_RADIUS] as number;
            for (let x = 0; x < width; x++)
                plane[y * width + x] = (plane[y * width + x] as number) + w * (scratch[i * width + x] as number);
        }
    }
}
