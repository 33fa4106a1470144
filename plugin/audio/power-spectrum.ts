/**
 * |X|^2 of a real signal, the bins below the Nyquist frequency.
 *
 * Heads are trained on the numbers of meyda's `powerSpectrum` with its rectangular window, so this gives the same bits (a test
 * compares them): radix 2, real parts stored as float32 between the stages and imaginary parts as double, magnitude rounded to float32
 * before it is squared. Meyda itself would bring 5 KB, recompute its twiddle factors in every frame, and share one mutable object with
 * the rest of the page. Allocates nothing per call.
 */
export class PowerSpectrum {
    private readonly real: Float32Array;
    private readonly imag: Float64Array;
    private readonly reversed: Uint32Array;
    /** Twiddle factors of all stages, one after the other: 1, 2, 4 ... size / 2 of them. */
    private readonly cos: Float64Array;
    private readonly sin: Float64Array;
    private readonly power: Float32Array;

    /** @param size - of the signal, a power of two. */
    public constructor(size: number) {
        this.real = new Float32Array(size);
        this.imag = new Float64Array(size);
        this.power = new Float32Array(size / 2);
        const bits = Math.log2(size);
        this.reversed = Uint32Array.from({ length: size }, (_, i) => reverseBits(i, bits));
        this.cos = new Float64Array(size - 1);
        this.sin = new Float64Array(size - 1);
        for (let half = 1; half < size; half *= 2) {
            for (let k = 0; k < half; k++) {
                const angle = (-2 * Math.PI * k) / (2 * half);
                this.cos[half - 1 + k] = Math.cos(angle);
                this.sin[half - 1 + k] = Math.sin(angle);
            }
        }
    }

    /** @returns `[size / 2]`, overwritten by the next call. */
    public of(signal: Float32Array): Float32Array {
        const { real, imag, reversed, power } = this;
        const size = real.length;
        for (let i = 0; i < size; i++) real[reversed[i] as number] = signal[i] as number;
        imag.fill(0);
        for (let half = 1; half < size; half *= 2) this.stage(half);
        for (let i = 0; i < power.length; i++) {
            const re = real[i] as number;
            const im = imag[i] as number;
            const amplitude = Math.fround(Math.sqrt(re * re + im * im));
            power[i] = amplitude * amplitude;
        }
        return power;
    }

    private stage(half: number): void {
        const { real, imag, cos, sin } = this;
        const size = real.length;
        for (let k = 0; k < half; k++) {
            const c = cos[half - 1 + k] as number;
            const s = sin[half - 1 + k] as number;
            for (let even = k; even < size; even += 2 * half) {
                const odd = even + half;
                const x = real[odd] as number;
                const y = imag[odd] as number;
                const re = c * x - s * y;
                const im = c * y + s * x;
                const a = real[even] as number;
                const b = imag[even] as number;
                real[odd] = a - re;
                imag[odd] = b - im;
                real[even] = re + a;
                imag[even] = im + b;
            }
        }
    }
}

function reverseBits(value: number, bits: number): number {
    let reversed = 0;
    for (let i = 0; i < bits; i++) reversed = (reversed << 1) | ((value >> i) & 1);
    return reversed;
}
