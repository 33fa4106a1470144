import { easeBetween, normalOf, type Random } from './random.js';
import type { SpeechActivity } from './speech-activity.js';

/**
 * Mean rate at rest, blinks a minute, and how much faster it is in conversation: 17 and 26 in 150 people (Bentivoglio et al.,
 * "Analysis of blink rate patterns in normal subjects", Movement Disorders 12, 1997). A mean interval of 3.5 s.
 */
export const RESTING_RATE = 17;
const SPEAKING_FACTOR = 26 / 17;
/**
 * Standard deviation of the logarithm of intervals, which are log-normal in shape: many short, few long. 0.55 gives a spread of 0.6
 * of the mean; an hour's watch of ten people found 5.2 s +- 3.1 s.
 */
const LOG_SPREAD = 0.55;
/** Seconds: lids fall about twice as fast as they rise; each blink draws its own. */
const CLOSING = [0.075, 0.1] as const;
const OPENING = [0.15, 0.2] as const;
/** Seconds shut: one frame at 60 Hz, so that a blink is seen shut whatever the phase of the display (chosen). */
const SHUT = 1 / 60;
/** How far lids close (chosen: spontaneous blinks are not quite alike). */
const PEAK = [0.92, 1] as const;
/** Share of blinks that a second one follows, and seconds between the two (chosen: seen now and then, never a flutter). */
const DOUBLE_SHARE = 0.08;
const DOUBLE_GAP = [0.08, 0.18] as const;
/** Seconds between other blinks, at least. */
const LEAST_GAP = 0.35;
/**
 * Speakers blink at the ends of phrases and in pauses (Nakano & Kitazawa, "Eyeblink entrainment at breakpoints of speech",
 * Experimental Brain Research 205, 2010). This share of blinks (chosen) moves there, by so many seconds at most; the next one is
 * counted from where it should have been, so the rate stays.
 */
const BOUND_SHARE = 0.65;
const BOUND_REACH = 1.2;
/** Seconds after the last sound of a phrase in which such a blink comes. */
const BREAK_TIME = 0.4;

/** Decides when a head blinks, and how far its eyes are closed. */
export class Blinks {
    /** Whether the last {@link step} began a blink. */
    public hasStarted = false;

    readonly #random: Random;
    /** Until the next blink, in mean intervals: a change of rate acts at once. */
    #wait: number;
    /** Place in the blink, s; negative when the eyes are open. */
    #time = -1;
    #closing = 0;
    #opening = 0;
    #peak = 0;
    #sinceEnd = 0;
    /** Seconds from the end of a blink to its double; negative when there is none. */
    #doubleGap = -1;
    #isBound = false;
    #breakDelay = 0;

    public constructor(random: Random) {
        this.#random = random;
        // Anywhere in an interval, so that heads which enter together do not blink together.
        this.#wait = random() * this.#drawInterval();
    }

    /**
     * @param seconds - since the last step. A blink begins in the step that finds it due, so that no step skips one.
     * @param perMinute - mean rate at rest, double blinks counted as two; 0 lets a begun blink end.
     * @returns how far the eyes are closed, 0..1.
     */
    public step(seconds: number, perMinute: number, speech: SpeechActivity): number {
        this.hasStarted = false;
        const rate = (perMinute / 60 / (1 + DOUBLE_SHARE)) * (1 + (SPEAKING_FACTOR - 1) * speech.talk);
        this.#wait -= seconds * rate;
        if (this.#time >= 0) {
            this.#time += seconds;
            if (this.#time < this.#closing + SHUT + this.#opening) return this.#closure();
            this.#time = -1;
            this.#sinceEnd = 0;
            return 0;
        }
        this.#sinceEnd += seconds;
        if (this.#doubleGap >= 0) {
            if (this.#sinceEnd >= this.#doubleGap) this.#start(true);
        } else if (rate > 0 && this.#sinceEnd >= LEAST_GAP && this.#isDue(this.#wait / rate, speech)) {
            this.#start(false);
        }
        return 0;
    }

    /** @param left - seconds until the blink should come; negative when it is late. */
    #isDue(left: number, speech: SpeechActivity): boolean {
        if (!this.#isBound) return left <= 0;
        if (speech.isSpeaking) return left <= -BOUND_REACH;
        const isInBreak = speech.sinceEnd >= this.#breakDelay && speech.sinceEnd <= BREAK_TIME;
        return isInBreak ? left <= BOUND_REACH : left <= 0;
    }

    #start(isSecond: boolean): void {
        const random = this.#random;
        this.hasStarted = true;
        this.#time = 0;
        this.#closing = between(CLOSING, random());
        this.#opening = between(OPENING, random());
        this.#peak = between(PEAK, random());
        this.#doubleGap = -1;
        if (isSecond) return;
        if (random() < DOUBLE_SHARE) this.#doubleGap = between(DOUBLE_GAP, random());
        this.#isBound = random() < BOUND_SHARE;
        this.#breakDelay = random() * BREAK_TIME * 0.6;
        this.#wait += this.#drawInterval();
    }

    /** Log-normal with mean 1. */
    #drawInterval(): number {
        return Math.exp(LOG_SPREAD * normalOf(this.#random) - (LOG_SPREAD * LOG_SPREAD) / 2);
    }

    #closure(): number {
        if (this.#time < this.#closing + SHUT) return this.#peak * easeBetween(this.#time / this.#closing);
        const share = (this.#time - this.#closing - SHUT) / this.#opening;
        // The exponent lets lids slow down as they arrive.
        return this.#peak * (1 - easeBetween(share ** 0.75));
    }
}

function between([low, high]: readonly [number, number], share: number): number {
    return low + (high - low) * share;
}
