import { fft } from './fft.js';
import { STEP_MS, type Curve } from './lag.js';

/** Where vowels are: the band whose energy follows the opening of the mouth, Hz (audio.md 6.1). */
const BAND = [200, 1200] as const;
/** Length of the window, ms: a video frame, and the same on both sides of its time. */
const WINDOW_MS = 40;
/** Added to the energy, as a share of the loudest: 50 dB below it pauses are all alike. */
const FLOOR = 1e-5;

/** Sound of which the context's time is known. */
export interface Recording {
    readonly samples: Float32Array;
    readonly sampleRate: number;
    /** Context time of the first sample, s. */
    readonly start: number;
}

/**
 * Log energy of 200-1200 Hz over page time.
 *
 * @param heardAt - context time that is heard at a page time in ms, s.
 */
export function bandEnergy(sound: Recording, heardAt: (page: number) => number, start: number, count: number): Curve {
    const { samples, sampleRate } = sound;
    const length = Math.round((WINDOW_MS / 1000) * sampleRate);
    const size = 2 ** Math.ceil(Math.log2(length));
    const window = Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / length));
    const [low, high] = BAND.map((hz) => Math.round((hz * size) / sampleRate)) as [number, number];
    const [re, im] = [new Float64Array(size), new Float64Array(size)];
    const energy = new Float64Array(count);
    for (let n = 0; n < count; n++) {
        const centre = (heardAt(start + n * STEP_MS) - sound.start) * sampleRate;
        const first = Math.round(centre - length / 2);
        re.fill(0);
        im.fill(0);
        for (let i = 0; i < length; i++) re[i] = (window[i] as number) * (samples[first + i] ?? 0);
        fft(re, im);
        let sum = 0;
        for (let k = low; k <= high; k++) sum += (re[k] as number) ** 2 + (im[k] as number) ** 2;
        energy[n] = sum;
    }
    const floor = FLOOR * energy.reduce((most, value) => Math.max(most, value), 0);
    return { start, values: energy.map((value) => Math.log(value + floor + Number.MIN_VALUE)) };
}
