import { AUDIO_FEAT_DIM, type AudioFrontEnd } from '../core/index.js';
import type { AudioEncoder } from './encoder.js';
import { silenceRow } from './normaliser.js';
import { WINDOW_SIZE, windowOf } from './windows.js';

/** f_a of silence `[AUDIO_FEAT_DIM]`: where the lips rest when nothing is said. */
export async function restFeature(frontEnd: AudioFrontEnd, encoder: AudioEncoder): Promise<Float32Array> {
    const window = new Float32Array(WINDOW_SIZE);
    windowOf(new Float32Array(0), 0, 0, window, silenceRow(frontEnd.normalisation));
    const rest = new Float32Array(AUDIO_FEAT_DIM);
    await encoder.encode(window, 1, rest);
    return rest;
}
