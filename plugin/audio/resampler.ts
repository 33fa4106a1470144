import { PgsError } from '../core/index.js';
import { FEATURE_RATE } from './front-end.js';
import { assertSampleRate, assertSamples } from './samples.js';

/**
 * Shape of the sinc: cut-off as a share of the lower Nyquist frequency, and zero crossings on each side. For the ear nothing folds
 * back. For features it is flat to 7 kHz, the top of the mel bank, and what lies between 8 and 9 kHz folds back to above it: 40 % less work.
 */
type SincShape = readonly [cutOff: number, crossings: number];
const TO_HEAR: SincShape = [0.92, 32];
const TO_ANALYSE: SincShape = [1, 20];
/** Kaiser shape: about 80 dB of stop-band. */
const KAISER_BETA = 8;
/** Outputs that are computed together. */
const BLOCK = 4;
/** Most phases of the polyphase table; every rate in use needs far fewer (44.1 kHz: 160, 11.025 kHz: 640). */
const MAX_PHASES = 2048;

/**
 * Streaming band-limited resampler: a Kaiser-windowed sinc in polyphase form. Where no output rate is named it is
 * {@link FEATURE_RATE}, and the output is meant for the features alone.
 *
 * The output does not depend on how the input is cut into chunks, to the last bit, and it has no delay: output sample m
 * is the sound at m / outputRate s. n input samples give ceil(n * outputRate / inputRate) output samples after {@link flush}.
 * The browser's own decode-time resamplers differ from one another by more than the features tolerate (0.17 rms in
 * log-mel), so training and run time both use this one.
 *
 * Returned arrays are views of memory that the next call overwrites (or the input itself where the rates are equal).
 */
export class Resampler {
    public readonly inputRate: number;
    public readonly outputRate: number;
    readonly #phases: number;
    readonly #step: number;
    readonly #half: number;
    /** `[phases, 2 half]`; row p weighs the inputs base-half+1 .. base+half for an output p/phases past base. Double, so that nothing is converted in the loop. */
    readonly #table: Float64Array;

    #held: Float64Array = new Float64Array(0);
    #heldCount = 0;
    /** Input index of `held[0]`; negative at first: silence before the sound. */
    #heldStart = 0;
    #base = 0;
    #phase = 0;
    #output: Float32Array = new Float32Array(0);
    /** Of a block of outputs: where the weights of each begin, and the input samples that they weigh. */
    readonly #rows: Int32Array = new Int32Array(BLOCK);
    readonly #firsts: Int32Array = new Int32Array(BLOCK);

    /** @throws PgsError `AUDIO_FORMAT` - a rate outside 8..192 kHz, or two so odd that they have no small ratio. */
    public constructor(inputRate: number, outputRate?: number) {
        assertSampleRate('Resampler', inputRate);
        const [cutOff, crossings] = outputRate === undefined && inputRate > FEATURE_RATE ? TO_ANALYSE : TO_HEAR;
        outputRate ??= FEATURE_RATE;
        assertSampleRate('Resampler', outputRate);
        this.inputRate = inputRate;
        this.outputRate = outputRate;
        const divisor = greatestCommonDivisor(outputRate, inputRate);
        this.#phases = outputRate / divisor;
        this.#step = inputRate / divisor;
        if (this.#phases > MAX_PHASES) {
            throw new PgsError(
                'AUDIO_FORMAT',
                `Resampler: expected a usual sample rate, got ${inputRate} Hz (ratio ${this.#phases}/${this.#step} to ` +
                    `${outputRate} Hz). Convert the sound to 16, 24, 44.1 or 48 kHz first.`,
            );
        }
        // Cut-off in cycles per input sample, times two: the scale of the sinc.
        const bandwidth = cutOff * Math.min(1, outputRate / inputRate);
        const halfWidth = crossings / bandwidth;
        this.#half = Math.ceil(halfWidth);
        this.#table = this.#isIdentity
            ? new Float64Array(0)
            : kernelTable(this.#phases, this.#half, bandwidth, halfWidth);
        this.reset();
    }

    get #isIdentity(): boolean {
        return this.inputRate === this.outputRate;
    }

    /** Forgets all sound, as if newly made. */
    public reset(): void {
        this.#heldStart = -(this.#half - 1);
        this.#heldCount = 0;
        this.#base = 0;
        this.#phase = 0;
        if (!this.#isIdentity) this.#append(null, this.#half - 1);
    }

    /**
     * Takes the next samples and gives all output they complete; the newest 2-3 ms wait for what follows.
     *
     * @param input - mono samples at `inputRate`, any number.
     * @throws PgsError `AUDIO_FORMAT` - NaN or integer PCM; the state is unchanged then.
     */
    public push(input: Float32Array): Float32Array {
        assertSamples('Resampler.push', input);
        if (this.#isIdentity) return input;
        this.#append(input, input.length);
        return this.#emit();
    }

    /** Gives the rest of the output, with silence after the sound, and resets. */
    public flush(): Float32Array {
        if (this.#isIdentity) return new Float32Array(0);
        this.#append(null, this.#half);
        const rest = this.#emit();
        this.reset();
        return rest;
    }

    #append(input: Float32Array | null, count: number): void {
        const drop = Math.max(0, Math.min(this.#heldCount, this.#base - this.#half + 1 - this.#heldStart));
        const kept = this.#heldCount - drop;
        if (kept + count > this.#held.length) {
            const grown = new Float64Array(2 * (kept + count));
            grown.set(this.#held.subarray(drop, this.#heldCount));
            this.#held = grown;
        } else if (drop > 0) {
            this.#held.copyWithin(0, drop, this.#heldCount);
        }
        if (input === null) this.#held.fill(0, kept, kept + count);
        else this.#held.set(input, kept);
        this.#heldStart += drop;
        this.#heldCount = kept + count;
    }

    #emit(): Float32Array {
        const [phases, step, half, rows, firsts] = [this.#phases, this.#step, this.#half, this.#rows, this.#firsts];
        const end = this.#heldStart + this.#heldCount;
        const most = Math.max(0, Math.ceil(((end - this.#base) * phases) / step));
        if (most + BLOCK > this.#output.length) this.#output = new Float32Array(2 * most + BLOCK);
        let count = 0;
        while (this.#base + half < end) {
            let n = 0;
            for (; n < BLOCK && this.#base + half < end; n++) {
                rows[n] = this.#phase * 2 * half;
                firsts[n] = this.#base - half + 1 - this.#heldStart;
                this.#phase += step;
                const whole = Math.floor(this.#phase / phases);
                this.#base += whole;
                this.#phase -= whole * phases;
            }
            this.#sumBlock(n, count);
            count += n;
        }
        return this.#output.subarray(0, count);
    }

    /**
     * Four outputs at a time, whose sums do not wait for one another. Each is one sum in one order, whatever the chunking: this is what
     * makes the output bit-identical. Where fewer are to be had, the rest of the block is computed on what there is and dropped.
     */
    #sumBlock(n: number, at: number): void {
        const [held, table, output] = [this.#held, this.#table, this.#output];
        const [rows, firsts] = [this.#rows, this.#firsts];
        const taps = 2 * this.#half;
        for (let k = n; k < BLOCK; k++) {
            rows[k] = rows[0] as number;
            firsts[k] = firsts[0] as number;
        }
        const [f0, f1, f2, f3] = firsts as unknown as [number, number, number, number];
        const [r0, r1, r2, r3] = rows as unknown as [number, number, number, number];
        let [a, b, c, d] = [0, 0, 0, 0];
        if (this.#phases === 1) {
            for (let j = 0; j < taps; j++) {
                const weight = table[j] as number;
                a += weight * (held[f0 + j] as number);
                b += weight * (held[f1 + j] as number);
                c += weight * (held[f2 + j] as number);
                d += weight * (held[f3 + j] as number);
            }
        } else {
            for (let j = 0; j < taps; j++) {
                a += (table[r0 + j] as number) * (held[f0 + j] as number);
                b += (table[r1 + j] as number) * (held[f1 + j] as number);
                c += (table[r2 + j] as number) * (held[f2 + j] as number);
                d += (table[r3 + j] as number) * (held[f3 + j] as number);
            }
        }
        output[at] = a;
        output[at + 1] = b;
        output[at + 2] = c;
        output[at + 3] = d;
    }
}

/**
 * Resamples a whole clip.
 *
 * @param samples - mono `[n]`.
 * @returns `[ceil(n * 16000 / sampleRate)]`, memory of its own.
 * @throws PgsError `AUDIO_FORMAT`
 */
export function resample(samples: Float32Array, sampleRate: number): Float32Array {
    const resampler = new Resampler(sampleRate);
    const body = resampler.push(samples).slice();
    const tail = resampler.flush();
    if (tail.length === 0) return body;
    const out = new Float32Array(body.length + tail.length);
    out.set(body);
    out.set(tail, body.length);
    return out;
}

function greatestCommonDivisor(a: number, b: number): number {
    return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function kernelTable(phases: number, half: number, bandwidth: number, halfWidth: number): Float64Array {
    const taps = 2 * half;
    const table = new Float64Array(phases * taps);
    const row = new Float64Array(taps);
    const besselPeak = besselI0(KAISER_BETA);
    for (let p = 0; p < phases; p++) {
        let sum = 0;
        for (let j = 0; j < taps; j++) {
            const offset = j - half + 1 - p / phases;
            const edge = offset / halfWidth;
            const angle = Math.PI * bandwidth * offset;
            const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
            const window = Math.abs(edge) >= 1 ? 0 : besselI0(KAISER_BETA * Math.sqrt(1 - edge * edge)) / besselPeak;
            row[j] = sinc * window;
            sum += row[j] as number;
        }
        // Every phase passes a constant unchanged; otherwise the phases would modulate it.
        for (let j = 0; j < taps; j++) table[p * taps + j] = (row[j] as number) / sum;
    }
    return table;
}

/** Modified Bessel function of order 0 by its power series; converges within 30 terms for the arguments used here. */
function besselI0(x: number): number {
    const quarter = (x * x) / 4;
    let term = 1;
    let sum = 1;
    for (let n = 1; term > 1e-18 * sum; n++) {
        term *= quarter / (n * n);
        sum += term;
    }
    return sum;
}
