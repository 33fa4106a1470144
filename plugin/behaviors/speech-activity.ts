/** What a behaviour needs of a voice. */
export interface SpeechEnergy {
    /** Loudness of what is heard now, against the voice's own level, 0..1; 0 in silence. */
    readonly energy: number;
}

/** Energy from which on somebody speaks, and below which nobody does (chosen: under a soft vowel, above room noise). */
const SPEAKING_ABOVE = 0.12;
const SILENT_BELOW = 0.06;
/** Seconds of silence that end a phrase; stops inside words are shorter than 0.15 s. */
const PHRASE_GAP = 0.18;
/** Time constants, s. Syllables come 4 to 5 a second, so the envelope follows one and the mean spans several words. */
const ENVELOPE_TIME = 0.05;
const MEAN_TIME = 2;
const TALK_TIME = 1;

/** Follows the energy of a voice: whether it speaks, where phrases end, and what is loud by its own measure. */
export class SpeechActivity {
    /** Whether a phrase is being spoken. */
    public isSpeaking = false;
    /** Seconds since the last phrase ended; infinite before and during the first. */
    public sinceEnd: number = Infinity;
    /** How much of the last second or two belonged to phrases, 0..1. */
    public talk = 0;
    /** Energy without its ripple, 0..1. */
    public envelope = 0;
    /** Whether {@link envelope} is going up. */
    public isRising = false;
    /** Running mean of the energy, silence included, 0..1. */
    public mean = 0;
    /** Running mean of the distance from {@link mean}, 0..1. */
    public deviation = 0;

    #silence = 0;

    /**
     * @param energy - see {@link SpeechEnergy}; anything but a number 0..1 is brought there.
     * @param seconds - since the last step, >= 0.
     */
    public step(energy: number | undefined, seconds: number): void {
        const heard = energy !== undefined && energy > 0 ? Math.min(energy, 1) : 0;
        const before = this.envelope;
        this.envelope += (heard - this.envelope) * shareOf(seconds, ENVELOPE_TIME);
        this.isRising = this.envelope > before;
        const share = shareOf(seconds, MEAN_TIME);
        this.mean += (heard - this.mean) * share;
        this.deviation += (Math.abs(heard - this.mean) - this.deviation) * share;

        this.#silence = this.envelope < SILENT_BELOW ? this.#silence + seconds : 0;
        this.sinceEnd += seconds;
        if (!this.isSpeaking) this.isSpeaking = this.envelope > SPEAKING_ABOVE;
        else if (this.#silence >= PHRASE_GAP) {
            this.isSpeaking = false;
            this.sinceEnd = 0;
        }
        this.talk += (Number(this.isSpeaking) - this.talk) * shareOf(seconds, TALK_TIME);
    }
}

/** Part of the way that a first-order follower goes in a step. */
function shareOf(seconds: number, timeConstant: number): number {
    return 1 - Math.exp(-seconds / timeConstant);
}
