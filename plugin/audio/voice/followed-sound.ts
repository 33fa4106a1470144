import type { FeatureTimeline } from '../feature-timeline.js';
import type { SoundOutput } from './sound-output.js';
import type { KnownSound } from './sound-host.js';
import type { Utterance, UtteranceEvents } from './utterance.js';

/** A sound that the game's engine plays, with its own volume, bus and place: the lips follow where it is. */
export class FollowedSound implements Utterance {
    public readonly timeline: FeatureTimeline;
    public readonly delay = 0;
    public readonly live = null;
    public readonly knownTime: number = Number.POSITIVE_INFINITY;
    private readonly sound: SoundOutput;
    private readonly known: KnownSound;
    private readonly unsubscribe: () => void;
    private isOver = false;

    public constructor(sound: SoundOutput, known: KnownSound, timeline: FeatureTimeline, events: UtteranceEvents) {
        this.sound = sound;
        this.known = known;
        this.timeline = timeline;
        this.unsubscribe = known.onEnded(() => {
            if (this.isOver) return;
            this.isOver = true;
            this.unsubscribe();
            events.onFinished();
        });
        known.play();
    }

    public get duration(): number {
        return this.timeline.duration;
    }

    public get isSounding(): boolean {
        return !this.isOver;
    }

    public get isPaused(): boolean {
        return !this.isOver && this.known.position.state === 'paused';
    }

    public get pausedTime(): number {
        return this.known.position.time;
    }

    public timeAt(heard: number): number | null {
        const { state, time, rate } = this.known.position;
        if (state !== 'playing') return null;
        return time - (this.sound.context.currentTime - heard) * rate;
    }

    /** The engine ends its own sounds without a fade. */
    public stop(): void {
        this.isOver = true;
        this.unsubscribe();
        this.known.stop();
    }

    public pause(): void {
        this.known.pause();
    }

    public resume(): void {
        this.known.resume();
    }

    public seek(): boolean {
        // The game seeks its own sound, and the lips follow.
        return false;
    }

    public setLoop(): void {
        // As for seeking.
    }

    public setRate(): void {
        // As for seeking.
    }
}
