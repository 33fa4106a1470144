import { PgsError, type AudioFrontEnd } from '../core/index.js';
import type { ClockSource } from './audio-clock.js';
import type { AudioEncoder } from './encoder.js';
import type { FeatureTimeline } from './feature-timeline.js';
import { assertFrontEnd } from './front-end.js';
import { GLIDE_SECONDS, LipGlide, restFeature } from './lip-rest.js';
import { SimpleObservable, type ObservableLike } from './observable.js';
import { assertNotEmpty, assertSampleRate, assertSamples, mixToMono } from './samples.js';
import { SoundOutput, type ContextSource, type SoundPlayback } from './sound-output.js';
import { analyseClip } from './speech-analyser.js';

export interface VoiceOptions {
    readonly frontEnd: AudioFrontEnd;
    readonly encoder: AudioEncoder;
    /** Where to play. Default: a context of the voice's own, made when sound is first needed. */
    readonly audioContext?: ContextSource;
    /** Whether {@link Voice.output} goes to the loudspeakers at once; false where the game routes it. Default true. */
    readonly isConnected?: boolean;
    /** Makes the observables; the plugin passes Babylon's. Default: plain ones. */
    readonly createObservable?: <T>() => ObservableLike<T>;
    /** Page time, ms. Default `performance.now`. */
    readonly now?: () => number;
}

export interface PlayOptions {
    /** Default: the voice's {@link Voice.loop}. */
    readonly loop?: boolean;
    /** Told the share of the clip that is analysed, 0..1; long clips only take longer to start. */
    readonly onProgress?: (share: number) => void;
}

/** Why a clip ended. */
export interface VoiceEnd {
    readonly reason: 'finished' | 'stopped' | 'replaced';
}

/** What is known about the timing of a voice. */
export interface VoiceMetrics {
    /** State of the audio context; `none` before sound was first needed. */
    readonly contextState: string;
    /** Where the time of the lips comes from. */
    readonly clockSource: ClockSource;
    /** Delay from the context to the ear that the browser reports, ms; the clock takes it into account. */
    readonly outputLatencyMs: number;
    /** Delay that the voice itself adds to the sound, ms: none for known clips. */
    readonly addedDelayMs: number;
    /** Time the analysis of the last clip took, ms; 0 where it was known already. */
    readonly analysisMs: number;
}

interface Utterance {
    readonly timeline: FeatureTimeline;
    readonly playback: SoundPlayback;
    /** Context time of the first sample of the pass being heard, s; moves only when looping is switched off. */
    startTime: number;
    /** Passes of a looping clip heard so far. */
    pass: number;
    isSounding: boolean;
}

/** What is heard lies on the straight line between two feature frames of a clip. */
export interface SpokenSegment {
    readonly timeline: FeatureTimeline;
    /** The frame before; the one after follows it. */
    readonly frame: number;
    /** Of the frame after, 0..1. */
    readonly share: number;
}

/**
 * Sound in, lips out: plays clips and gives the f_a that belongs to what is heard at this moment.
 *
 * The lips are a function of the audio clock, never of frame counts, and lead or lag by {@link avOffsetMs}. Between
 * clips, and into and out of each, they glide in 120 ms to the rest that the encoder gives for silence.
 */
export class Voice {
    /** Told when the sound of a clip starts. */
    public readonly onStartObservable: ObservableLike<Voice>;
    /** Told once for every started clip. */
    public readonly onEndObservable: ObservableLike<VoiceEnd>;
    /** Told, in words, what the user should know, e.g. that the page may not play sound before a click. */
    public readonly onWarningObservable: ObservableLike<string>;

    private readonly options: VoiceOptions;
    private readonly now: () => number;
    private readonly rest: Float32Array;
    private readonly shown: Float32Array;
    private readonly glide: LipGlide;
    /** Analysed clips; a buffer is taken to stay as it was. */
    private readonly timelines: WeakMap<AudioBuffer, FeatureTimeline> = new WeakMap();
    private sound: SoundOutput | null = null;
    private utterance: Utterance | null = null;
    /** Ends the play that is under way and the analysis in it. */
    private pending: AbortController = new AbortController();
    private segment: SpokenSegment | null = null;
    private isFirstSample = true;
    private isDisposed = false;
    private wantsLoop = false;
    private gain = 1;
    private offsetMs = 0;
    private analysisMs = 0;

    private constructor(options: VoiceOptions, rest: Float32Array) {
        const create = options.createObservable ?? (<T>(): ObservableLike<T> => new SimpleObservable<T>());
        this.onStartObservable = create<Voice>();
        this.onEndObservable = create<VoiceEnd>();
        this.onWarningObservable = create<string>();
        this.options = options;
        this.now = options.now ?? (() => performance.now());
        this.rest = rest;
        this.shown = rest.slice();
        this.glide = new LipGlide(rest);
    }

    /**
     * Makes a silent voice; no audio context is touched yet.
     *
     * @throws PgsError `ENCODER_UNSUPPORTED`, `ASSET_VALUE` - the front end is unknown or malformed.
     */
    public static async createAsync(options: VoiceOptions): Promise<Voice> {
        assertFrontEnd(options.frontEnd);
        return new Voice(options, await restFeature(options.frontEnd, options.encoder));
    }

    /**
     * Speaks a clip, from its beginning; a clip that is playing stops. Call it from a click or key the first time, or the
     * browser keeps the sound back (then {@link onWarningObservable} says so and the clip starts with the next gesture
     * that resumes the context).
     *
     * @param buffer - any rate 8..192 kHz, any number of channels (the lips follow their mean).
     * @returns true once the clip plays; false when another `play`, `stop` or `dispose` came first.
     * @throws PgsError `AUDIO_FORMAT` - empty or NaN, and what plays goes on. `AUDIO_UNAVAILABLE` - no WebAudio.
     */
    public async play(buffer: AudioBuffer, options: PlayOptions = {}): Promise<boolean> {
        this.assertAlive('play');
        const samples = samplesOf(buffer);
        const sound = this.openSound();
        const signal = this.supersede('replaced');
        if (options.loop !== undefined) this.wantsLoop = options.loop;
        try {
            // In one tick with the caller's gesture, or the browser does not count it.
            const ready = sound.ready(signal, () => this.onWarningObservable.notifyObservers(BLOCKED_WARNING));
            const [timeline] = await Promise.all([this.timelineOf(buffer, samples, signal, options.onProgress), ready]);
            signal.throwIfAborted();
            this.start(sound, buffer, timeline);
            return true;
        } catch (error) {
            if (signal.aborted) return false;
            throw error;
        }
    }

    /**
     * Analyses a clip ahead of time, so that a later {@link play} of the same buffer starts at once.
     *
     * @throws PgsError `AUDIO_FORMAT`
     */
    public async prepare(buffer: AudioBuffer): Promise<void> {
        this.assertAlive('prepare');
        await this.timelineOf(buffer, samplesOf(buffer), undefined, undefined);
    }

    /** Stops the sound in 15 ms and lets the lips glide to rest. Does nothing when silent. */
    public stop(): void {
        this.assertAlive('stop');
        this.supersede('stopped');
    }

    /** Whether a clip sounds. */
    public get isPlaying(): boolean {
        return this.utterance?.isSounding ?? false;
    }

    /** Place in the clip that is heard now, s; 0 when silent. */
    public get currentTime(): number {
        const { utterance, sound } = this;
        if (utterance === null || sound === null || !utterance.isSounding) return 0;
        const { duration } = utterance.timeline;
        const elapsed = Math.max(0, sound.clock.read() - utterance.startTime);
        return this.wantsLoop ? elapsed % duration : Math.min(duration, elapsed);
    }

    /** Length of the clip that is playing, s; 0 when silent. */
    public get duration(): number {
        return this.isPlaying ? (this.utterance?.timeline.duration ?? 0) : 0;
    }

    /** Whether clips repeat; also changes the one that is playing. */
    public get loop(): boolean {
        return this.wantsLoop;
    }

    public set loop(value: boolean) {
        this.assertAlive('loop');
        const { utterance, sound } = this;
        if (utterance !== null && sound !== null && value !== this.wantsLoop) {
            // From here on time counts from the start of the pass being rendered.
            const passes = Math.floor((sound.context.currentTime - utterance.startTime) / utterance.timeline.duration);
            if (this.wantsLoop && passes > 0) utterance.startTime += passes * utterance.timeline.duration;
            utterance.pass = 0;
            utterance.playback.setLoop(value);
        }
        this.wantsLoop = value;
    }

    /** Factor on the sound, >= 0; the lips do not depend on it. */
    public get volume(): number {
        return this.gain;
    }

    public set volume(value: number) {
        this.assertAlive('volume');
        if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
            throw optionError('volume', 'a number of 0 or more', value);
        this.gain = value;
        if (this.sound !== null) this.sound.output.gain.value = value;
    }

    /** Shifts the lips against the sound, ms; positive shows them later (e.g. 200 for wireless headphones). */
    public get avOffsetMs(): number {
        return this.offsetMs;
    }

    public set avOffsetMs(value: number) {
        this.assertAlive('avOffsetMs');
        if (!Number.isFinite(value)) throw optionError('avOffsetMs', 'a finite number', value);
        this.offsetMs = value;
    }

    /**
     * Last node of the voice's own graph, after its volume. To route it, `disconnect()` it and connect it elsewhere, or
     * hand it to Babylon's `CreateSoundSourceAsync`. Makes the audio context if there is none yet.
     */
    public get output(): AudioNode {
        this.assertAlive('output');
        return this.openSound().output;
    }

    public get metrics(): VoiceMetrics {
        return {
            contextState: this.sound?.context.state ?? 'none',
            clockSource: this.sound?.clock.source ?? 'estimate',
            outputLatencyMs: 1000 * (this.sound?.clock.outputLatency ?? 0),
            addedDelayMs: 0,
            analysisMs: this.analysisMs,
        };
    }

    /**
     * Gives f_a of what is heard now; called once a rendered frame.
     *
     * @param out - `[AUDIO_FEAT_DIM]`, written whole in any case.
     * @returns false when it is what the last call gave, so that nothing needs to be uploaded or deformed.
     */
    public sampleFeatures(out: Float32Array): boolean {
        this.assertAlive('sampleFeatures');
        const page = this.now() / 1000;
        this.segment = null;
        if (!this.sampleUtterance(page, out)) out.set(this.rest);
        if (this.glide.isGliding(page)) this.segment = null;
        this.glide.apply(page, out);
        let isChanged = this.isFirstSample;
        for (let i = 0; i < out.length && !isChanged; i++) isChanged = out[i] !== this.shown[i];
        this.isFirstSample = false;
        if (isChanged) this.shown.set(out);
        return isChanged;
    }

    /**
     * The two feature frames between which the last {@link sampleFeatures} found what is heard: poses of these need computing at
     * the feature rate only. Null while the lips glide, rest, or pass an end of the clip.
     */
    public get spokenSegment(): SpokenSegment | null {
        return this.segment;
    }

    /** Ends all sound and frees everything; the voice cannot be used again. Calling it twice is fine. */
    public dispose(): void {
        if (this.isDisposed) return;
        this.isDisposed = true;
        this.pending.abort();
        this.utterance = null;
        this.sound?.dispose();
        this.sound = null;
        for (const observable of [this.onStartObservable, this.onEndObservable, this.onWarningObservable])
            observable.clear();
    }

    /** Writes the feature of the clip; false when there is none (any more). */
    private sampleUtterance(page: number, out: Float32Array): boolean {
        const { utterance, sound } = this;
        if (utterance === null || sound === null) return false;
        const { duration } = utterance.timeline;
        let time = sound.clock.read() - utterance.startTime - this.offsetMs / 1000;
        if (this.wantsLoop && utterance.isSounding) {
            const pass = Math.max(0, Math.floor(time / duration));
            // The last pose of one pass and the first of the next need not agree.
            if (pass !== utterance.pass) this.glide.begin(page, this.shown);
            utterance.pass = pass;
            time -= pass * duration;
        }
        const isOver = !utterance.isSounding && time > duration + GLIDE_SECONDS;
        // A context that somebody closed stands still for ever; the mouth must not stay open with it.
        const isCut = sound.context.state === 'closed';
        if (isCut) this.glide.begin(page, this.shown);
        if (isOver || isCut) {
            this.utterance = null;
            return false;
        }
        const { timeline } = utterance;
        timeline.sample(time, out);
        const between = timeline.segmentAt(time);
        if (between) this.segment = { timeline, ...between };
        return true;
    }

    private start(sound: SoundOutput, buffer: AudioBuffer, timeline: FeatureTimeline): void {
        const playback = sound.play(buffer, this.wantsLoop, () => {
            utterance.isSounding = false;
            this.onEndObservable.notifyObservers({ reason: 'finished' });
        });
        const utterance: Utterance = { timeline, playback, startTime: playback.startTime, pass: 0, isSounding: true };
        this.utterance = utterance;
        this.glide.begin(this.now() / 1000, this.shown);
        this.onStartObservable.notifyObservers(this);
    }

    /**
     * Ends what plays or is about to.
     *
     * @returns a signal for what comes next; already aborted when an observer of the end started something newer.
     */
    private supersede(reason: VoiceEnd['reason']): AbortSignal {
        this.pending.abort();
        const next = new AbortController();
        this.pending = next;
        const { utterance } = this;
        if (utterance === null) return next.signal;
        this.utterance = null;
        this.glide.begin(this.now() / 1000, this.shown);
        utterance.playback.stop();
        if (utterance.isSounding) this.onEndObservable.notifyObservers({ reason });
        return next.signal;
    }

    private async timelineOf(
        buffer: AudioBuffer,
        samples: Float32Array,
        signal: AbortSignal | undefined,
        onProgress: ((share: number) => void) | undefined,
    ): Promise<FeatureTimeline> {
        this.analysisMs = 0;
        const known = this.timelines.get(buffer);
        if (known !== undefined) return known;
        const start = this.now();
        const { frontEnd, encoder } = this.options;
        const timeline = await analyseClip(samples, buffer.sampleRate, frontEnd, encoder, {
            ...(signal === undefined ? {} : { signal }),
            ...(onProgress === undefined ? {} : { onProgress }),
        });
        this.timelines.set(buffer, timeline);
        this.analysisMs = this.now() - start;
        return timeline;
    }

    private openSound(): SoundOutput {
        this.sound ??= new SoundOutput(this.options.audioContext, this.options.isConnected ?? true, this.now);
        this.sound.output.gain.value = this.gain;
        return this.sound;
    }

    private assertAlive(member: string): void {
        if (!this.isDisposed) return;
        throw new PgsError(
            'DISPOSED',
            `Voice.${member}: expected a live voice, got a disposed one. Load the head again.`,
        );
    }
}

const BLOCKED_WARNING =
    'Voice.play: the browser keeps sound back until the user clicks or presses a key. Call play from such an event, or resume the AudioContext in one.';

/** Mono mix of a buffer, checked. */
function samplesOf(buffer: AudioBuffer): Float32Array {
    if (typeof (buffer as Partial<AudioBuffer> | undefined)?.getChannelData !== 'function') {
        throw new PgsError(
            'AUDIO_FORMAT',
            `Voice.play: expected an AudioBuffer, got ${typeof buffer}. Decode the sound with audioContext.decodeAudioData first.`,
        );
    }
    assertSampleRate('Voice.play', buffer.sampleRate);
    const samples = mixToMono(Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c)));
    assertNotEmpty('Voice.play', samples);
    assertSamples('Voice.play', samples);
    return samples;
}

function optionError(option: string, expected: string, value: number): PgsError {
    return new PgsError('OPTION_VALUE', `Voice.${option}: expected ${expected}, got ${value}. Set a valid number.`);
}
