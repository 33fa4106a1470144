import Meyda from 'meyda';
import { describe, expect, it } from 'vitest';
import { PowerSpectrum } from '../../plugin/audio/power-spectrum.js';
import { babble, noise } from './sounds.js';

/** The same by meyda, which heads are trained on; its settings are global, so they are set before every call. */
function meydaPower(frame: Float32Array): Float32Array {
    Meyda.bufferSize = frame.length;
    // 'rect' exists at run time; the type declarations leave it out.
    Meyda.windowingFunction = 'rect' as unknown as typeof Meyda.windowingFunction;
    return Meyda.extract('powerSpectrum', frame) as unknown as Float32Array;
}

describe('power spectrum', () => {
    const signals: [string, Float32Array][] = [
        ['silence', new Float32Array(512)],
        ['an impulse', Float32Array.from({ length: 512 }, (_, i) => (i === 3 ? 1 : 0))],
        ['noise of seed 1', noise(512, 0.3, 1)],
        ['noise near nothing, seed 2', noise(512, 1e-20, 2)],
        ['clipped noise of seed 3', noise(512, 200, 3)],
        ['babble of seed 7', babble(16000, 0.032, 7)],
    ];
    it.for(signals)('of %s is that of meyda to the last bit', ([, frame]) => {
        const expected = meydaPower(frame);
        expect([...new PowerSpectrum(512).of(frame)]).toEqual([...expected]);
    });

    it('keeps nothing of the frame before', () => {
        const spectrum = new PowerSpectrum(512);
        spectrum.of(noise(512, 1, 4));
        const frame = noise(512, 0.1, 5);
        expect([...spectrum.of(frame)]).toEqual([...meydaPower(frame)]);
    });
});
