import type { SpokenTimeline } from '../spoken-timeline.js';

/** Something that a voice says, or listens to. It sounds through an output line of its own, and knows its lips. */
export interface Utterance {
    readonly timeline: SpokenTimeline;
    /** s; infinite while it is not known. */
    readonly duration: number;
    /** Whether it sounds, is about to, or is paused: false when it has come to its end. */
    readonly isSounding: boolean;
    readonly isPaused: boolean;
    /** Place at which it is paused, s; 0 where it has none. */
    readonly pausedTime: number;
    /** Delay that the voice adds to the sound, s. */
    readonly delay: number;
    /** Time up to which the lips are known, s; infinite where all of them are. */
    readonly knownTime: number;
    /**
     * Place that is heard when the context's `heard` leaves the loudspeaker, s: before 0 ahead of the first sample, beyond
     * {@link duration} after the last. Null while nothing of it is heard, as in a pause: then the lips rest.
     */
    timeAt(heard: number): number | null;
    /** Ends it, fading in `seconds`. It says nothing more. */
    stop(seconds: number): void;
    pause(): void;
    resume(): void;
    /** @returns false where it cannot go elsewhere. */
    seek(time: number): boolean;
    setLoop(isLooping: boolean): void;
    setRate(rate: number): void;
    /** What only sound that comes from outside can do; null where it does not. */
    readonly live: LiveControls | null;
}

/** How samples travel from the audio thread to the analysis. */
export type Transport = 'shared-memory' | 'messages';

/** Sound that comes from outside goes on coming. */
export interface LiveControls {
    readonly transport: Transport;
    /** Drops what is on its way to the ear, fading in `seconds`, and listens on. */
    interrupt(seconds: number): void;
    /** Changes the delay, s; what is on its way is dropped. */
    setDelay(seconds: number): void;
}

/** Longest delay of live sound, s. */
export const MAX_DELAY_SECONDS = 2;

/** What an utterance tells its voice. */
export interface UtteranceEvents {
    /** The sound came to its end by itself. */
    onFinished(): void;
}

/** Fade of what ends, s: short enough for a barge-in, long enough not to click. */
export const FADE_SECONDS = 0.015;
/** Lead with which a start is scheduled, s, so that its context time is exact. */
export const START_LEAD_SECONDS = 0.01;
