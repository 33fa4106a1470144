/**
 * Discrete Fourier transform in place, radix 2: X[k] = sum x[n] e^(-2 pi i k n / N).
 *
 * @param re, im - real and imaginary parts, as long as each other, a power of two.
 * @throws RangeError - another length.
 */
export function fft(re: Float64Array, im: Float64Array): void {
    const { length } = re;
    if (length < 2 || (length & (length - 1)) !== 0 || im.length !== length)
        throw new RangeError(`fft: expected a power of two, got ${length} and ${im.length}. Pad with zeros.`);
    reverseBits(re, im);
    for (let size = 2; size <= length; size *= 2) {
        const half = size / 2;
        // A table a stage: recurrences lose digits, and sines for each pair cost the most.
        const cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size));
        const sin = Float64Array.from({ length: half }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
        for (let start = 0; start < length; start += size) {
            for (let k = 0; k < half; k++) {
                const [even, odd] = [start + k, start + k + half];
                const [c, s] = [cos[k] as number, sin[k] as number];
                const [x, y] = [re[odd] as number, im[odd] as number];
                const [tx, ty] = [x * c - y * s, x * s + y * c];
                re[odd] = (re[even] as number) - tx;
                im[odd] = (im[even] as number) - ty;
                re[even] = (re[even] as number) + tx;
                im[even] = (im[even] as number) + ty;
            }
        }
    }
}

function reverseBits(re: Float64Array, im: Float64Array): void {
    for (let i = 1, j = 0; i < re.length; i++) {
        let bit = re.length >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i >= j) continue;
        const [x, y] = [re[i] as number, im[i] as number];
        re[i] = re[j] as number;
        im[i] = im[j] as number;
        re[j] = x;
        im[j] = y;
    }
}
