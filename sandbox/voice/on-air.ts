import type { PgsError, SpeechSource, SpokenWord, Voice, VoiceLatency, VoiceMetrics } from '../../plugin/index.js';

/** What is said, or listened to. */
export type OnAirKind = 'nothing' | 'clip' | 'text' | 'microphone';

/** The part of a head's voice that the sandbox uses. */
export type SandboxVoice = Pick<
    Voice,
    | 'attach'
    | 'currentTime'
    | 'duration'
    | 'energy'
    | 'isPaused'
    | 'latency'
    | 'loop'
    | 'metrics'
    | 'onEndObservable'
    | 'onErrorObservable'
    | 'onMetricsObservable'
    | 'onWordObservable'
    | 'pause'
    | 'play'
    | 'prepare'
    | 'resume'
    | 'speak'
    | 'stop'
    | 'volume'
>;

export interface OnAirEvents {
    /** Something else is said, or is said in another way. */
    readonly onChange: () => void;
    readonly onWord: (word: SpokenWord) => void;
    /** Told once a second while something is said, and when that changes. */
    readonly onMetrics: (metrics: VoiceMetrics) => void;
    readonly onFailed: (kind: OnAirKind, error: unknown) => void;
}

/**
 * What the head says now: the clip, typed text or the microphone, one at a time, for the head that is here and those that follow.
 *
 * Owns the microphone's stream, not the voice.
 */
export class OnAir {
    private readonly events: OnAirEvents;
    private voice: SandboxVoice | null = null;
    private clip: AudioBuffer | null = null;
    private stream: MediaStream | null = null;
    private current: OnAirKind = 'nothing';
    /** Outlives the turn: its failure is told after its end. */
    private last: OnAirKind = 'nothing';
    private isWaiting = false;
    /** Counts turns; what was awaited for an earlier one comes too late. */
    private turn = 0;
    /** Where the clip will begin, s. */
    private cue = 0;
    private isRepeating = false;
    private isEchoing = false;
    private delay: VoiceLatency = 'balanced';

    public constructor(events: OnAirEvents) {
        this.events = events;
    }

    /** Takes the voice of a new head. The one before is gone already. */
    public use(voice: SandboxVoice): void {
        this.rest();
        this.voice = voice;
        voice.loop = this.isRepeating;
        voice.latency = this.delay;
        voice.onEndObservable.add(({ reason }) => this.ended(reason));
        voice.onErrorObservable.add((error: PgsError) => this.events.onFailed(this.last, error));
        voice.onWordObservable.add((word) => this.events.onWord(word));
        voice.onMetricsObservable.add((metrics) => this.events.onMetrics(metrics));
        this.changed();
    }

    /** Another sound to play; one that plays ends. */
    public setClip(clip: AudioBuffer | null): void {
        if (this.current === 'clip') this.stop();
        this.clip = clip;
        this.cue = 0;
        this.changed();
    }

    /** Analyses the clip, so that it starts at once. What is wrong with it is told when it is played. */
    public async prepareAsync(): Promise<void> {
        if (this.clip !== null) await this.voice?.prepare(this.clip).catch(() => undefined);
    }

    public get kind(): OnAirKind {
        return this.current;
    }

    /** Whether something is said that does not sound yet. */
    public get isPreparing(): boolean {
        return this.isWaiting;
    }

    public get isPaused(): boolean {
        return this.current !== 'nothing' && (this.voice?.isPaused ?? false);
    }

    /** Whether play would do something. */
    public get canPlay(): boolean {
        return this.voice !== null && (this.clip !== null || this.current !== 'nothing');
    }

    /** Whether {@link time} can be set: only known sounds can be sought. */
    public get canSeek(): boolean {
        return this.canPlay && (this.current === 'clip' || this.current === 'nothing');
    }

    /** Loudness of what is heard, 0..1. */
    public get energy(): number {
        return this.voice?.energy ?? 0;
    }

    /** s; infinite while it is not known. */
    public get duration(): number {
        if (this.current === 'clip' || this.current === 'nothing') return this.clip?.duration ?? 0;
        return this.voice?.duration ?? 0;
    }

    /** Place that is heard, or from which the clip will be, s. */
    public get time(): number {
        const isHeard = this.current !== 'nothing' && !this.isWaiting;
        return isHeard ? (this.voice?.currentTime ?? 0) : this.cue;
    }

    public set time(value: number) {
        if (!this.canSeek) return;
        if (this.current === 'clip' && !this.isWaiting && this.voice !== null) this.voice.currentTime = value;
        else this.cue = value;
    }

    public set loop(isLooping: boolean) {
        this.isRepeating = isLooping;
        if (this.voice !== null) this.voice.loop = isLooping;
    }

    public set latency(latency: VoiceLatency) {
        this.delay = latency;
        if (this.voice !== null) this.voice.latency = latency;
    }

    /** Whether the microphone is heard; by default nobody hears himself. */
    public set isHeard(isHeard: boolean) {
        this.isEchoing = isHeard;
        this.applyVolume();
    }

    /** Pauses what is said, goes on with it, or plays the clip. */
    public toggle(): void {
        const { voice } = this;
        if (this.current === 'nothing') return this.play();
        if (this.isWaiting) return this.stop();
        if (voice?.isPaused) voice.resume();
        else voice?.pause();
        this.changed();
    }

    /** Says a text instead of whatever is said. */
    public say(text: string, source: SpeechSource): void {
        void this.takeAsync('text', (voice) => voice.speak(text, source));
    }

    /** Listens to what `open` gives, which may ask the user first. */
    public listen(open: () => Promise<MediaStream>): void {
        void this.takeAsync('microphone', async (voice, isCurrent) => {
            const stream = await open();
            if (!isCurrent()) {
                close(stream);
                return false;
            }
            this.stream = stream;
            return voice.attach(stream);
        });
    }

    /** Ends what is said or about to be. */
    public stop(): void {
        this.cue = 0;
        if (this.current === 'nothing') return;
        this.voice?.stop();
        this.rest();
    }

    private play(): void {
        const { clip, cue } = this;
        if (clip === null) return;
        void this.takeAsync('clip', async (voice, isCurrent) => {
            const hasBegun = await voice.play(clip, { loop: this.isRepeating });
            // Its first sample is scheduled, not heard.
            if (hasBegun && cue > 0 && isCurrent()) voice.currentTime = cue;
            return hasBegun;
        });
    }

    /** One turn from its beginning until it sounds; {@link ended} is told of its end. */
    private async takeAsync(
        kind: OnAirKind,
        start: (voice: SandboxVoice, isCurrent: () => boolean) => Promise<boolean>,
    ): Promise<void> {
        const { voice } = this;
        if (voice === null) return;
        // A new turn would replace the last one anyway, but not before the user has answered, or the sound is known to be one.
        voice.stop();
        this.rest();
        const turn = ++this.turn;
        const isCurrent = (): boolean => turn === this.turn;
        this.current = this.last = kind;
        this.isWaiting = true;
        this.applyVolume();
        this.changed();
        try {
            const hasBegun = await start(voice, isCurrent);
            if (!isCurrent()) return;
            this.isWaiting = false;
            if (hasBegun) this.changed();
            else this.rest();
        } catch (error) {
            if (!isCurrent()) return;
            this.rest();
            this.events.onFailed(kind, error);
        }
    }

    private ended(reason: string): void {
        const { current } = this;
        this.cue = 0;
        this.rest();
        if (current === 'microphone' && reason === 'finished')
            this.events.onFailed(current, new Error('It was disconnected, or switched off.'));
    }

    private rest(): void {
        if (this.current === 'nothing') return;
        this.turn++;
        this.current = 'nothing';
        this.isWaiting = false;
        if (this.stream !== null) close(this.stream);
        this.stream = null;
        this.changed();
    }

    private applyVolume(): void {
        if (this.voice !== null) this.voice.volume = this.current === 'microphone' && !this.isEchoing ? 0 : 1;
    }

    private changed(): void {
        if (this.voice !== null) this.events.onMetrics(this.voice.metrics);
        this.events.onChange();
    }
}

/** Lets the browser take its sign of a running microphone away. */
function close(stream: MediaStream): void {
    for (const track of stream.getTracks()) track.stop();
}
