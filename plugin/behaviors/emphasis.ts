import { easeBetween, type Random } from './random.js';
import type { SpeechActivity } from './speech-activity.js';

/** Seconds that brows take to rise, stay and fall: quick up, slow down (chosen: as long as a stressed word). */
const RISE = 0.16;
const STAY = 0.1;
const FALL = 0.45;
/** How far above the running mean counts, in running deviations and plainly: picks the loudest syllables, not each (chosen). */
const DEVIATIONS_ABOVE = 0.7;
const PLAINLY_ABOVE = 0.06;
/** Overshoot beyond that for the full gesture. */
const FULL_OVERSHOOT = 0.3;
/** Strength of the least gesture, so that it is seen at all. */
const LEAST_STRENGTH = 0.5;
/** Seconds between the starts of two gestures: brows that follow every syllable look nervous (chosen). */
const APART = [1, 2.4] as const;

/** Lifts the brows a little where speech gets louder than it has been. */
export class Emphasis {
    readonly #random: Random;
    #time = Infinity;
    #strength = 0;
    #wait = 0;

    public constructor(random: Random) {
        this.#random = random;
    }

    /**
     * @param seconds - since the last step.
     * @param speech - already stepped.
     * @returns how far the brows are up, 0..1.
     */
    public step(seconds: number, speech: SpeechActivity): number {
        this.#time += seconds;
        this.#wait -= seconds;
        const overshoot = speech.envelope - speech.mean - DEVIATIONS_ABOVE * speech.deviation - PLAINLY_ABOVE;
        if (speech.isSpeaking && speech.isRising && overshoot > 0) {
            const strength = LEAST_STRENGTH + (1 - LEAST_STRENGTH) * Math.min(overshoot / FULL_OVERSHOOT, 1);
            if (this.#wait <= 0) {
                this.#time = 0;
                this.#strength = strength;
                this.#wait = APART[0] + (APART[1] - APART[0]) * this.#random();
            } else if (this.#time < RISE) {
                this.#strength = Math.max(this.#strength, strength);
            }
        }
        if (this.#time >= RISE + STAY + FALL) return 0;
        return this.#strength * (easeBetween(this.#time / RISE) - easeBetween((this.#time - RISE - STAY) / FALL));
    }
}
