/*
 * Float64 reference of the photometric losses of Eqs. 11-13, for tests. Pictures are `[H, W, 3]`, 0..1.
 */

/** Half width of the SSIM window, px, and its standard deviation. */
const WINDOW_HALF = 5;
const WINDOW_SIGMA = 1.5;
/** Stabilisers (0.01 L)^2 and (0.03 L)^2 at a data range L of 1. */
const C1 = 1e-4;
const C2 = 9e-4;

/** Mean absolute difference over pixels and channels. */
export function l1Reference(picture: ArrayLike<number>, target: ArrayLike<number>): number {
    let total = 0;
    for (let k = 0; k < picture.length; k++) total += Math.abs((picture[k] as number) - (target[k] as number));
    return total / picture.length;
}

/** Mean SSIM over pixels and channels: 11x11 Gaussian window, zeros outside the picture. */
export function ssimReference(
    picture: ArrayLike<number>,
    target: ArrayLike<number>,
    width: number,
    height: number,
): number {
    const weights = windowWeights();
    let total = 0;
    for (let c = 0; c < 3; c++) {
        for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
                const moments = [0, 0, 0, 0, 0];
                for (let dy = -WINDOW_HALF; dy <= WINDOW_HALF; dy++) {
                    for (let dx = -WINDOW_HALF; dx <= WINDOW_HALF; dx++) {
                        if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue;
                        const at = ((y + dy) * width + x + dx) * 3 + c;
                        const [p, t] = [picture[at] as number, target[at] as number];
                        const weight = (weights[dx + WINDOW_HALF] as number) * (weights[dy + WINDOW_HALF] as number);
                        [p, t, p * p, t * t, p * t].forEach((value, k) => {
                            moments[k] = (moments[k] as number) + weight * value;
                        });
                    }
                }
                total += ssimOf(moments as [number, number, number, number, number]);
            }
        }
    }
    return total / (3 * width * height);
}

/** D-SSIM of Eqs. 11-13: 1 - SSIM. */
export function dssimReference(
    picture: ArrayLike<number>,
    target: ArrayLike<number>,
    width: number,
    height: number,
): number {
    return 1 - ssimReference(picture, target, width, height);
}

/** Eq. 11: L1 + lambda * D-SSIM. */
export function photometricReference(
    picture: ArrayLike<number>,
    target: ArrayLike<number>,
    width: number,
    height: number,
    lambda: number,
): number {
    return l1Reference(picture, target) + lambda * dssimReference(picture, target, width, height);
}

function ssimOf([meanP, meanT, squareP, squareT, product]: readonly [number, number, number, number, number]): number {
    const varianceP = squareP - meanP * meanP;
    const varianceT = squareT - meanT * meanT;
    const covariance = product - meanP * meanT;
    const numerator = (2 * meanP * meanT + C1) * (2 * covariance + C2);
    return numerator / ((meanP * meanP + meanT * meanT + C1) * (varianceP + varianceT + C2));
}

/** Samples of the Gaussian that sum to 1. */
function windowWeights(): number[] {
    const weights: number[] = [];
    for (let k = -WINDOW_HALF; k <= WINDOW_HALF; k++) weights.push(Math.exp(-(k * k) / (2 * WINDOW_SIGMA ** 2)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
}
