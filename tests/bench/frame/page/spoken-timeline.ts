import { someAudioFeature } from '../../../helpers/head-of.js';

/** Frames a second of the display that is simulated. */
export const DISPLAY_RATE = 60;
/** Instants that are spoken before they repeat. */
const SPOKEN = 16;

/** Speech without sound: audio features at the rate at which an avatar gets them, over and over. */
export class SpokenTimeline {
    readonly #features: readonly Float32Array[] = Array.from({ length: SPOKEN }, (_, k) => someAudioFeature(k + 1));
    readonly #rate: number;

    /** @param rate - audio features a second. */
    public constructor(rate: number) {
        this.#rate = rate;
    }

    /**
     * f_a at an instant, linear between the two features about it, as a display shows that is faster than the features.
     *
     * @param seconds - since the speech began, >= 0.
     * @param out - receives f_a.
     */
    public sample(seconds: number, out: Float32Array): void {
        const at = seconds * this.#rate;
        const first = Math.floor(at);
        const [from, to] = [first, first + 1].map((k) => this.#features[k % SPOKEN]) as [Float32Array, Float32Array];
        const share = at - first;
        for (let k = 0; k < out.length; k++) out[k] = Number(from[k]) * (1 - share) + Number(to[k]) * share;
    }
}
