import { fft } from './fft.js';

/** Where a sound was found in another. */
export interface Place {
    /** Sample of the recording that the first sample of the wanted sound falls on. */
    readonly sample: number;
    /** Correlation there; 1 for the sound itself at any volume. */
    readonly peak: number;
}

/**
 * Finds a sound in a recording by cross-correlation, normalised by the energy of what it is laid on.
 *
 * @param from, end - samples of the recording at which it may begin.
 * @throws RangeError - nothing to look in, or nothing to look for.
 */
export function locate(wanted: Float32Array, recording: Float32Array, from: number, end: number): Place {
    const first = Math.max(0, Math.floor(from));
    const part = recording.subarray(first, Math.min(recording.length, Math.ceil(end) + wanted.length));
    const places = part.length - wanted.length + 1;
    const energy = wanted.reduce((sum, value) => sum + value * value, 0);
    if (places < 1 || energy === 0)
        throw new RangeError(
            `locate: expected ${wanted.length} samples of sound within ${part.length}. Record longer.`,
        );
    const products = crossCorrelation(wanted, part);
    const total = part.reduce((sum, value) => sum + value * value, 0);
    // Silence correlates with anything.
    const least = 1e-6 * Math.min(energy, total) + Number.MIN_VALUE;
    let under = 0;
    for (let i = 0; i < wanted.length; i++) under += (part[i] as number) ** 2;
    let best: Place = { sample: first, peak: Number.NEGATIVE_INFINITY };
    for (let k = 0; k < places; k++) {
        const peak = under > least ? (products[k] as number) / Math.sqrt(energy * under) : 0;
        if (peak > best.peak) best = { sample: first + k, peak };
        under += (part[k + wanted.length] ?? 0) ** 2 - (part[k] as number) ** 2;
    }
    return best;
}

/** sum over i of wanted[i] part[i + k], for every k. */
function crossCorrelation(wanted: Float32Array, part: Float32Array): Float64Array {
    const size = 2 ** Math.ceil(Math.log2(part.length + wanted.length));
    // Both in one transform: the one as real, the other as imaginary part.
    const [re, im] = [new Float64Array(size), new Float64Array(size)];
    re.set(part);
    im.set(wanted);
    fft(re, im);
    const [outRe, outIm] = [new Float64Array(size), new Float64Array(size)];
    for (let k = 0; k < size; k++) {
        const mirror = (size - k) % size;
        const [a, b, c, d] = [re[k], im[k], re[mirror], im[mirror]] as [number, number, number, number];
        const [partRe, partIm] = [(a + c) / 2, (b - d) / 2];
        const [wantedRe, wantedIm] = [(b + d) / 2, (c - a) / 2];
        outRe[k] = partRe * wantedRe + partIm * wantedIm;
        // Conjugated, so that the forward transform goes back.
        outIm[k] = -(partIm * wantedRe - partRe * wantedIm);
    }
    fft(outRe, outIm);
    return outRe.map((value) => value / size);
}

/** A sound at another rate, straight between its samples, as browsers play a buffer; no filter, so no delay. */
export function atRate(samples: Float32Array, from: number, to: number): Float32Array {
    return Float32Array.from({ length: Math.floor((samples.length * to) / from) }, (_, i) => {
        const position = (i * from) / to;
        const before = Math.floor(position);
        const [here, there] = [samples[before] ?? 0, samples[before + 1] ?? 0];
        return here + (position - before) * (there - here);
    });
}
