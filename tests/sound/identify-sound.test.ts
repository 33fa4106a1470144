import { describe, expect, it } from 'vitest';
import { identifySound } from '../../plugin/sound/resolve-sound.js';

const engine = { createSoundSourceAsync: () => undefined };

describe('telling sounds of the engine apart', () => {
    it('takes nothing but what belongs to an audio engine', () => {
        const values = [
            undefined,
            null,
            3,
            'sound.mp3',
            {},
            { engine: null },
            { engine: {} },
            { buffer: 1, playbackRate: 1 },
        ];
        expect(values.map(identifySound)).toEqual(values.map(() => null));
    });

    it('knows a static sound, what plays into a bus, and the rest', () => {
        const sound = { engine, buffer: {}, playbackRate: 1, outBus: null };
        const bus = { engine, outBus: null };
        expect([sound, bus, { engine }].map((value) => identifySound(value)?.kind)).toEqual([
            'static',
            'routable',
            'other',
        ]);
    });
});
