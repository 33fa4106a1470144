import { PgsError, type AudioFrontEnd } from '../../core/index.js';
import { SharedAnalysis, type AnalysisLease } from '../analysis/shared-analysis.js';
import type { VoiceAnalysis } from '../analysis/speech-analysis.js';
import type { AudioEncoder } from '../encoder.js';
import { Lips, type SpokenSegment } from './lips.js';
import type { GameSound, SoundHost } from './sound-host.js';
import { isHost, type ContextSource } from './sound-output.js';
import { Speaker, delayOf, type PlayOptions, type VoiceLatency, type VoiceSettings } from './speaker.js';
import type { SpeechSource } from './speech-source.js';
import { Turns, type TurnEvents } from './turns.js';
import { FADE_SECONDS, MAX_DELAY_SECONDS } from './utterance.js';
import { VoiceEvents, type CreateObservable } from './voice-events.js';
import { isAudioBuffer, isAudioNode, isMediaStream, optionError, sourceError } from './voice-input.js';
import { metricsOf, type VoiceMetrics } from './voice-metrics.js';

export interface VoiceOptions {
    readonly frontEnd: AudioFrontEnd;
    /** ONNX bytes, run by our own executor beside the analysis; or an encoder of the page's own. */
    readonly encoder: Uint8Array | AudioEncoder;
    /** Where to play. Default: a context of the voice's own, made when sound is first needed. */
    readonly audioContext?: ContextSource | SoundHost;
    /** Whether {@link Voice.output} goes to the loudspeakers at once; false where the game routes it. Default true. */
    readonly isConnected?: boolean;
    /** Address of `analysis-worker.js`, for pages whose policy forbids workers made from text. */
    readonly workerUrl?: string | URL;
    /** Address of `tap.js`, likewise for audio worklets. */
    readonly tapUrl?: string | URL;
    readonly createObservable: CreateObservable;
    /** Page time, ms. Default `performance.now`. */
    readonly now?: () => number;
}

/** A sound or bus of the game's audio engine; `SoundHost.resolveSound` understands it. */
export type EngineSound = object;

/** Time between two notes of {@link Voice.onMetricsObservable}, ms. */
const METRICS_MS = 1000;

/**
 * Sound in, lips out: gives the f_a that belongs to what is heard at this moment, whatever it is that is heard.
 *
 * The lips are a function of the audio clock, never of frame counts, and lead or lag by {@link avOffsetMs}. One thing is said at a
 * time: what comes next replaces it. Between two, in pauses and at the end, the lips glide in 120 ms to the rest that the encoder gives
 * for silence.
 */
export class Voice extends VoiceEvents {
    private host: SoundHost | null;
    private readonly lease: AnalysisLease;
    private readonly analysis: VoiceAnalysis;
    private readonly now: () => number;
    private readonly lips: Lips;
    private readonly turns: Turns;
    private readonly speaker: Speaker;
    private readonly settings: VoiceSettings = { isLooping: false, rate: 1, latency: 'balanced', gain: 1 };
    private metricsTime = 0;
    /** Of the analysis, until it is told. */
    private warning: string | null;
    private offsetMs = 0;
    private isDisposed = false;

    private constructor(options: VoiceOptions, lease: AnalysisLease, analysis: VoiceAnalysis) {
        super(options.createObservable);
        const { now = () => performance.now(), audioContext: source, isConnected = true, tapUrl } = options;
        this.host = isHost(source) ? source : null;
        this.lease = lease;
        this.warning = lease.warning;
        this.analysis = analysis;
        this.now = now;
        this.lips = new Lips(analysis.rest);
        const output = { source, isConnected, now, ...(tapUrl === undefined ? {} : { tapUrl }) };
        this.turns = new Turns(output, this.turnEvents());
        const onFault = (error: PgsError): void => void this.onErrorObservable.notifyObservers(error);
        this.speaker = new Speaker(this.turns, analysis, this.settings, now, onFault);
    }

    /**
     * Makes a silent voice; no audio context is touched yet.
     *
     * @throws PgsError `ENCODER_UNSUPPORTED`, `ASSET_VALUE` - front end or encoder are unknown or malformed.
     */
    public static async createAsync(options: VoiceOptions): Promise<Voice> {
        const lease = await SharedAnalysis.acquireAsync(options.workerUrl);
        try {
            return new Voice(options, lease, await lease.analysis.openVoiceAsync(options.frontEnd, options.encoder));
        } catch (error) {
            lease.release();
            throw error;
        }
    }

    /**
     * Lets the voice play in a game's audio engine. To be called before sound is first needed.
     *
     * @throws PgsError `OPTION_VALUE` - sound was needed already.
     */
    public playThrough(host: SoundHost): void {
        this.assertAlive('playThrough');
        if (this.turns.sound !== null)
            throw sourceError('playThrough', 'a voice without an output', 'one that has sounded');
        this.turns.playThrough(host);
        this.host = host;
    }

    /**
     * Says a known sound from its beginning. Call it from a click or key the first time, or the browser keeps the sound back (then
     * {@link onWarningObservable} says so and it starts with the next gesture that resumes the context).
     *
     * @param source - an `AudioBuffer` of any rate 8..192 kHz and any number of channels (the lips follow their mean), the address
     *   of a sound, or a sound of the game's audio engine, which then plays with its own volume and place.
     * @returns true once it sounds; false when something else was said, or `stop` called, before.
     * @throws PgsError `AUDIO_FORMAT` - empty, NaN or no sound; what plays goes on where that is seen at once.
     *   `AUDIO_UNAVAILABLE` - no WebAudio. `OPTION_VALUE` - none of these.
     */
    public async play(source: AudioBuffer | string | URL | EngineSound, options: PlayOptions = {}): Promise<boolean> {
        this.assertAlive('play');
        if (typeof source === 'string' || source instanceof URL || isAudioBuffer(source))
            return this.speaker.playAsync(source, options);
        const game = this.resolve('play', 'an AudioBuffer, an address or a sound', source);
        if (game.kind === 'known') return this.speaker.playAsync(game, options);
        if (game.play === null) {
            game.release();
            throw sourceError('play', 'a sound that can be started', 'a bus; use attach');
        }
        return this.speaker.listenAsync(game);
    }

    /**
     * Analyses a clip ahead of time, so that a later {@link play} of the same buffer starts at once.
     *
     * @throws PgsError `AUDIO_FORMAT`
     */
    public async prepare(buffer: AudioBuffer): Promise<void> {
        this.assertAlive('prepare');
        if (!isAudioBuffer(buffer)) throw sourceError('prepare', 'an AudioBuffer', typeof buffer);
        await this.speaker.timelineOf(buffer);
    }

    /**
     * Gives f_a of a moment of a clip without playing it, for still pictures; show it with `head.setAudioFeature`.
     *
     * @param time - s.
     * @param out - `[AUDIO_FEAT_DIM]`, written whole.
     * @throws PgsError `AUDIO_FORMAT`
     */
    public async sampleClip(buffer: AudioBuffer, time: number, out: Float32Array): Promise<void> {
        this.assertAlive('sampleClip');
        if (!isAudioBuffer(buffer)) throw sourceError('sampleClip', 'an AudioBuffer', typeof buffer);
        (await this.speaker.timelineOf(buffer)).sample(time, out);
    }

    /**
     * Listens to sound of which nothing is known beforehand, and lets it be heard {@link latency} later, when its lips are known. Take
     * it off whatever else it is connected to, or it is heard twice.
     *
     * @param source - a node of the voice's own context, a microphone or call as `MediaStream`, or a sound or bus of the game's audio
     *   engine, which leaves the game's mix meanwhile and comes back through this voice.
     * @returns true once it listens; false when something else was said, or `stop` called, before.
     * @throws PgsError `OPTION_VALUE` - none of these, or a node of another context. `AUDIO_UNAVAILABLE` - no audio worklets.
     */
    public async attach(source: AudioNode | MediaStream | EngineSound): Promise<boolean> {
        this.assertAlive('attach');
        if (isAudioNode(source)) {
            return this.speaker.listenAsync({ ...LIVE_NODE, node: source });
        }
        if (isMediaStream(source)) {
            if (source.getAudioTracks().length === 0)
                throw sourceError('attach', 'a stream with an audio track', 'none');
            const node = this.speaker.openSound().context.createMediaStreamSource(source);
            const release = (): void => node.disconnect();
            return this.speaker.listenAsync({ ...LIVE_NODE, node, release, stream: source });
        }
        const game = this.resolve('attach', 'an AudioNode, a MediaStream, a sound or a bus', source);
        if (game.kind === 'known') return this.speaker.playAsync(game, {});
        return this.speaker.listenAsync({ ...game, play: null, stop: null });
    }

    /**
     * Adds sound to the end of what is said; the first piece begins something new. The lips need the 95 ms that follow, so call
     * {@link end} after the last piece.
     *
     * @param pcm - any number of samples, float -1..1 or 16 bit; copied.
     * @param sampleRate - Hz, the same for all pieces.
     * @param channels - interleaved; default 1.
     * @throws PgsError `AUDIO_FORMAT` - NaN, an odd rate, or another rate than the pieces before.
     */
    public push(pcm: Float32Array | Int16Array, sampleRate: number, channels = 1): void {
        this.assertAlive('push');
        this.speaker.push(pcm, sampleRate, channels);
    }

    /** Says that nothing will be pushed any more: the rest is played. */
    public end(): void {
        this.assertAlive('end');
        this.speaker.end();
    }

    /**
     * Lets a speech source say a text. What fails on the way is told by {@link onErrorObservable}.
     *
     * @param text - whole, or in pieces as a language model writes them.
     * @returns true once it sounds; false when it failed or was replaced before.
     */
    public async speak(text: string | AsyncIterable<string>, source: SpeechSource): Promise<boolean> {
        this.assertAlive('speak');
        if (typeof (source as SpeechSource | undefined)?.open !== 'function')
            throw sourceError('speak', 'a SpeechSource', typeof source);
        return this.speaker.speakAsync(text, source);
    }

    /** Falls silent in `fadeMs` (default 15), whatever is said; live sound is listened to on, without what was on its way. */
    public interrupt({ fadeMs = 1000 * FADE_SECONDS }: { readonly fadeMs?: number } = {}): void {
        this.assertAlive('interrupt');
        if (!(fadeMs >= 0 && fadeMs <= 1000)) throw optionError('interrupt fadeMs', '0..1000', fadeMs);
        const live = this.turns.utterance?.live ?? null;
        if (live === null) return void this.turns.supersede('interrupted', fadeMs / 1000);
        this.lips.leave(this.now() / 1000);
        live.interrupt(fadeMs / 1000);
    }

    /** Ends what is said in 15 ms and lets the lips glide to rest. Does nothing when silent. */
    public stop(): void {
        this.assertAlive('stop');
        this.turns.supersede('stopped');
    }

    /** Holds what is said; live sound falls silent. Does nothing when silent. */
    public pause(): void {
        this.assertAlive('pause');
        this.turns.utterance?.pause();
    }

    /** Goes on after {@link pause}. */
    public resume(): void {
        this.assertAlive('resume');
        this.turns.utterance?.resume();
    }

    /** Whether something sounds, or is listened to. */
    public get isPlaying(): boolean {
        const { utterance } = this.turns;
        return utterance !== null && utterance.isSounding && !utterance.isPaused;
    }

    public get isPaused(): boolean {
        return this.turns.utterance?.isPaused ?? false;
    }

    /** Place in the sound that is heard now, s; 0 when silent. Set it to go elsewhere in a clip. @throws PgsError `OPTION_VALUE` - when set while no clip plays. */
    public get currentTime(): number {
        const { utterance, sound } = this.turns;
        if (utterance === null || sound === null || !utterance.isSounding) return 0;
        return Math.max(0, Math.min(utterance.duration, utterance.timeAt(sound.clock.read()) ?? utterance.pausedTime));
    }

    public set currentTime(value: number) {
        this.assertAlive('currentTime');
        if (!Number.isFinite(value)) throw optionError('currentTime', 'a finite number', value);
        const { utterance } = this.turns;
        if (utterance?.isSounding && utterance.seek(value)) return;
        throw sourceError('currentTime', 'a clip that plays', 'none: only known clips can be sought');
    }

    /** Length of what is said, s; infinite while it is not known, 0 when silent. */
    public get duration(): number {
        const { utterance } = this.turns;
        return utterance?.isSounding ? utterance.duration : 0;
    }

    /** Whether clips repeat; also changes the one that is playing. */
    public get loop(): boolean {
        return this.settings.isLooping;
    }

    public set loop(value: boolean) {
        this.assertAlive('loop');
        this.settings.isLooping = value;
        this.turns.utterance?.setLoop(value);
    }

    /** Seconds of a clip a second, 0.25..4; its pitch changes with it. Also changes the one that is playing. Default 1. */
    public get playbackRate(): number {
        return this.settings.rate;
    }

    public set playbackRate(value: number) {
        this.assertAlive('playbackRate');
        if (!(value >= 0.25 && value <= 4)) throw optionError('playbackRate', '0.25..4', value);
        this.settings.rate = value;
        this.turns.utterance?.setRate(value);
    }

    /** How long live sound waits for its lips, and a queue for its sound. Default `balanced`. Sound on its way is dropped by a change. */
    public get latency(): VoiceLatency {
        return this.settings.latency;
    }

    public set latency(value: VoiceLatency) {
        this.assertAlive('latency');
        const seconds = delayOf(value);
        if (!(seconds >= 0 && seconds < MAX_DELAY_SECONDS))
            throw optionError('latency', `'balanced', 'low' or 0..${1000 * MAX_DELAY_SECONDS} ms`, value);
        this.settings.latency = value;
        this.turns.utterance?.live?.setDelay(seconds);
    }

    /** Factor on the sound, >= 0; the lips do not depend on it. */
    public get volume(): number {
        return this.settings.gain;
    }

    public set volume(value: number) {
        this.assertAlive('volume');
        if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
            throw optionError('volume', 'a number of 0 or more', value);
        this.settings.gain = value;
        if (this.turns.sound !== null) this.turns.sound.output.gain.value = value;
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

    /** Loudness of what is heard, 0..1, against the level of the voice itself; 0 when silent. */
    public get energy(): number {
        return this.lips.energy;
    }

    /**
     * Last node of the voice's own graph, after its volume. To route it, `disconnect()` it and connect it elsewhere, or
     * hand it to Babylon's `CreateSoundSourceAsync`. Makes the audio context if there is none yet.
     */
    public get output(): AudioNode {
        this.assertAlive('output');
        return this.speaker.openSound().output;
    }

    public get metrics(): VoiceMetrics {
        return metricsOf(this.turns, this.speaker.analysisMs, this.analysis.place);
    }

    /**
     * Gives f_a of what is heard now; called once a rendered frame.
     *
     * @param out - `[AUDIO_FEAT_DIM]`, written whole in any case.
     * @returns false when it is what the last call gave, so that nothing needs to be uploaded or deformed.
     */
    public sampleFeatures(out: Float32Array): boolean {
        this.assertAlive('sampleFeatures');
        const page = this.now();
        const time = this.turns.heardTime(this.offsetMs / 1000);
        const timeline = time === null ? null : (this.turns.utterance?.timeline ?? null);
        if (timeline !== null && page - this.metricsTime > METRICS_MS) {
            this.metricsTime = page;
            this.onMetricsObservable.notifyObservers(this.metrics);
        }
        return this.lips.sample(page / 1000, timeline, time ?? 0, out);
    }

    /**
     * The two feature frames between which the last {@link sampleFeatures} found what is heard: poses of these need computing at
     * the feature rate only. Null while the lips glide, rest, or pass an end of the sound.
     */
    public get spokenSegment(): SpokenSegment | null {
        return this.lips.segment;
    }

    /** Ends all sound and frees everything; the voice cannot be used again. Calling it twice is fine. */
    public dispose(): void {
        if (this.isDisposed) return;
        this.isDisposed = true;
        this.turns.dispose();
        this.analysis.dispose();
        this.lease.release();
        this.clearObservers();
    }

    /** A sound of the game's engine. */
    private resolve(method: string, expected: string, source: unknown): GameSound {
        const game = this.host?.resolveSound(source) ?? null;
        if (game !== null) return game;
        throw sourceError(method, `${expected} of the audio engine`, Object.prototype.toString.call(source));
    }

    private turnEvents(): TurnEvents {
        return {
            onStart: () => this.tellStart(),
            onEnd: (end) => this.onEndObservable.notifyObservers(end),
            onWord: (word) => this.onWordObservable.notifyObservers(word),
            onUnderrun: () => this.onUnderrunObservable.notifyObservers(this.metrics),
            onWarning: (warning) => this.onWarningObservable.notifyObservers(warning),
            onError: (error) => this.onErrorObservable.notifyObservers(error),
            onLeave: () => this.lips.leave(this.now() / 1000),
        };
    }

    /** Nobody could hear of the analysis' place before there was a voice to observe. */
    private tellStart(): void {
        const { warning } = this;
        this.warning = null;
        if (warning !== null) this.onWarningObservable.notifyObservers(warning);
        this.onStartObservable.notifyObservers(this);
    }

    private assertAlive(member: string): void {
        if (!this.isDisposed) return;
        throw new PgsError(
            'DISPOSED',
            `Voice.${member}: expected a live voice, got a disposed one. Load the head again.`,
        );
    }
}

const NOTHING = (): void => undefined;
/** A node runs by itself and ends with nothing that we would hear of. */
const LIVE_NODE = { play: null, stop: null, release: NOTHING, onEnded: () => NOTHING } as const;
