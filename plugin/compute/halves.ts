/** 2^-14, the smallest normal half, and 65,520, from where halves round to infinity; as bits of a float. */
const MIN_NORMAL_BITS = 0x38800000;
const OVERFLOW_BITS = 0x477ff000;
const INFINITY_BITS = 0x7f800000;
/** Halves below 2^-14 are multiples of 2^-24. */
const SUBNORMAL_STEPS = 2 ** 24;

/**
 * IEEE half floats, rounded to nearest, ties to even; out of range becomes infinity. WGSL reads two at a time with
 * `unpack2x16float`, which needs no device feature.
 *
 * @returns as many halves as values.
 */
export function packHalves(values: ArrayLike<number>): Uint16Array {
    const float = new Float32Array(1);
    const bits = new Uint32Array(float.buffer);
    const halves = new Uint16Array(values.length);
    for (let i = 0; i < values.length; i++) {
        float[0] = values[i] as number;
        halves[i] = halfOf(bits[0] as number);
    }
    return halves;
}

function halfOf(floatBits: number): number {
    const sign = (floatBits >>> 16) & 0x8000;
    const magnitude = floatBits & 0x7fffffff;
    if (magnitude > INFINITY_BITS) return sign | 0x7e00;
    if (magnitude >= OVERFLOW_BITS) return sign | 0x7c00;
    if (magnitude < MIN_NORMAL_BITS) return sign | roundEven(magnitudeOf(magnitude) * SUBNORMAL_STEPS);
    // The mantissa loses 13 bits; a carry into the exponent is what rounding up wants.
    const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
    return sign | ((rounded - 0x38000000) >>> 13);
}

/** The value of a non-negative float below {@link MIN_NORMAL_BITS}, from its bits. */
function magnitudeOf(magnitude: number): number {
    const exponent = magnitude >>> 23;
    const mantissa = magnitude & 0x7fffff;
    return exponent === 0 ? mantissa * 2 ** -149 : (mantissa + 0x800000) * 2 ** (exponent - 150);
}

function roundEven(value: number): number {
    const floor = Math.floor(value);
    if (value - floor !== 0.5) return Math.round(value);
    return floor + (floor & 1);
}

/** Numbers of IEEE half floats. */
export function unpackHalves(halves: Uint16Array): Float32Array {
    return Float32Array.from(halves, (half) => {
        const sign = half & 0x8000 ? -1 : 1;
        const exponent = (half >> 10) & 31;
        const mantissa = half & 1023;
        if (exponent === 31) return mantissa ? NaN : sign * Infinity;
        return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
    });
}
