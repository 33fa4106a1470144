import { DEFAULT_FRONT_END } from '../../plugin/audio/index.js';
import { MEL_BANDS, type AudioFrontEnd } from '../../plugin/core/index.js';

/** Seeded uniform noise of the given rms. */
export function noise(length: number, rms: number, seed: number): Float32Array {
    let state = (seed * 2654435761) >>> 0;
    return Float32Array.from({ length }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state / 2147483648 - 1) * rms * Math.sqrt(3);
    });
}

/**
 * A seeded sum of modulated sines up to 7.9 kHz with a falling spectrum and pauses, like speech in level and bandwidth;
 * a function of time, so it can be sampled at any rate without a resampler.
 */
export function babble(sampleRate: number, seconds: number, seed = 7): Float32Array {
    const random = noise(5 * 80, 1 / Math.sqrt(3), seed).map((value) => (value + 1) / 2);
    const partials = Array.from({ length: 80 }, (_, i) => {
        const [a, b, c, d, e] = random.subarray(5 * i, 5 * i + 5) as unknown as [
            number,
            number,
            number,
            number,
            number,
        ];
        const hz = 60 + 7840 * a * a;
        return { hz, phase: 6.28 * b, amplitude: (0.05 * c * 500) / (500 + hz), rate: 0.5 + 4 * d, shift: 6.28 * e };
    });
    const twoPi = 2 * Math.PI;
    return Float32Array.from({ length: Math.round(sampleRate * seconds) }, (_, i) => {
        const t = i / sampleRate;
        let sum = 0;
        for (const { hz, phase, amplitude, rate, shift } of partials) {
            sum += amplitude * Math.sin(twoPi * hz * t + phase) * (0.5 + 0.5 * Math.sin(twoPi * rate * t + shift));
        }
        return sum * Math.max(0, Math.min(1, 0.6 + Math.sin(twoPi * 0.7 * t)));
    });
}

/** A front end with a plausible prior. */
export function testFrontEnd(): AudioFrontEnd {
    return {
        ...DEFAULT_FRONT_END,
        normalisation: {
            mean: Array.from({ length: MEL_BANDS }, (_, band) => -3 - band / 20),
            std: Array.from({ length: MEL_BANDS }, (_, band) => 2 + (band % 5) / 5),
            priorSeconds: 3,
        },
    };
}
