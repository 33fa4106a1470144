import type { FeatureTimeline } from '../feature-timeline.js';
import { MediaClock } from './media-clock.js';
import type { OutputLine, SoundOutput } from './sound-output.js';
import { FADE_SECONDS, START_LEAD_SECONDS, type Utterance, type UtteranceEvents } from './utterance.js';

export interface ClipOptions {
    readonly isLooping: boolean;
    /** Seconds of the clip a second, > 0. */
    readonly rate: number;
}

/** A known clip that plays (mode A): nothing is delayed, and it can be paused, sought, looped and played at another rate. */
export class ClipSound implements Utterance {
    public readonly timeline: FeatureTimeline;
    public readonly delay = 0;
    public readonly live = null;
    public readonly knownTime: number = Number.POSITIVE_INFINITY;
    readonly #sound: SoundOutput;
    readonly #buffer: AudioBuffer;
    readonly #events: UtteranceEvents;
    readonly #clock: MediaClock = new MediaClock();
    #source: AudioBufferSourceNode | null = null;
    #line: OutputLine | null = null;
    #isLooping: boolean;
    #rate: number;
    #pausedAt: number | null = null;
    #isOver = false;

    public constructor(
        sound: SoundOutput,
        buffer: AudioBuffer,
        timeline: FeatureTimeline,
        options: ClipOptions,
        events: UtteranceEvents,
    ) {
        this.#sound = sound;
        this.#buffer = buffer;
        this.timeline = timeline;
        this.#events = events;
        this.#isLooping = options.isLooping;
        this.#rate = options.rate;
        this.#startAt(0);
    }

    public get duration(): number {
        return this.timeline.duration;
    }

    public get isSounding(): boolean {
        return !this.#isOver;
    }

    public get isPaused(): boolean {
        return this.#pausedAt !== null;
    }

    public get pausedTime(): number {
        return this.#pausedAt ?? 0;
    }

    public timeAt(heard: number): number | null {
        return this.#clock.timeAt(heard);
    }

    public stop(seconds: number): void {
        this.#isOver = true;
        this.#silence(seconds);
    }

    public pause(): void {
        if (this.isPaused || this.#isOver) return;
        const { currentTime } = this.#sound.context;
        this.#pausedAt = Math.min(this.duration, this.#clock.placeAt(currentTime));
        this.#clock.moveTo(currentTime, this.#pausedAt, 0);
        this.#silence(FADE_SECONDS);
    }

    public resume(): void {
        if (this.#pausedAt !== null && !this.#isOver) this.#startAt(this.#pausedAt);
    }

    public seek(time: number): boolean {
        const ahead = Math.max(0, time);
        const place = this.#isLooping ? ahead % this.duration : Math.min(this.duration, ahead);
        if (this.isPaused) this.#pausedAt = place;
        else this.#startAt(place);
        return true;
    }

    public setLoop(isLooping: boolean): void {
        if (isLooping === this.#isLooping || this.#isOver) return;
        this.#isLooping = isLooping;
        if (this.#source !== null) this.#source.loop = isLooping;
        this.#goOn();
    }

    public setRate(rate: number): void {
        if (this.#isOver) return;
        this.#rate = rate;
        this.#source?.playbackRate.setValueAtTime(rate, this.#sound.context.currentTime);
        this.#goOn();
    }

    #goOn(): void {
        if (!this.isPaused) this.#clock.goOn(this.#sound.context.currentTime, this.#rate, this.#period);
    }

    get #period(): number {
        return this.#isLooping ? this.duration : Number.POSITIVE_INFINITY;
    }

    #startAt(place: number): void {
        const { context } = this.#sound;
        this.#silence(FADE_SECONDS);
        this.#pausedAt = null;
        const line = this.#sound.openLine();
        const source = context.createBufferSource();
        source.buffer = this.#buffer;
        source.loop = this.#isLooping;
        source.playbackRate.value = this.#rate;
        source.connect(line.input);
        source.onended = () => {
            source.disconnect();
            if (source !== this.#source) return;
            this.#source = null;
            this.#isOver = true;
            line.close(0);
            this.#events.onFinished();
        };
        const at = context.currentTime + START_LEAD_SECONDS;
        source.start(at, place);
        this.#clock.moveTo(at, place, this.#rate, this.#period);
        this.#source = source;
        this.#line = line;
    }

    #silence(seconds: number): void {
        const source = this.#source;
        const line = this.#line;
        this.#source = null;
        this.#line = null;
        if (source === null || line === null) return;
        line.close(seconds);
        source.stop(this.#sound.context.currentTime + seconds);
        if (seconds === 0) source.disconnect();
    }
}
