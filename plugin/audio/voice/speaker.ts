import { PgsError } from '../../core/index.js';
import type { VoiceAnalysis } from '../analysis/speech-analysis.js';
import type { FeatureTimeline } from '../feature-timeline.js';
import { ClipSound } from './clip-sound.js';
import type * as LiveModule from './live-sound.js';
import { QueuedSound } from './queued-sound.js';
import type { KnownSound } from './sound-host.js';
import type { SoundOutput } from './sound-output.js';
import type { SpeechChunk, SpeechSource } from './speech-source.js';
import type { Turns } from './turns.js';
import type { Utterance } from './utterance.js';
import { asSpeechError, isAudioBuffer, pushedSamples, samplesOf, sourceError } from './voice-input.js';

export interface PlayOptions {
    /** Default: the voice's `loop`. */
    readonly loop?: boolean;
    /** Told the share of the clip that is analysed, 0..1; long clips only take longer to start. */
    readonly onProgress?: (share: number) => void;
}

/** How long live sound waits for its lips: 160 ms, 100 ms, or a number of ms. */
export type VoiceLatency = 'balanced' | 'low' | number;

/** What the user has set, for what is said and what comes. */
export interface VoiceSettings {
    isLooping: boolean;
    /** Seconds of a clip a second. */
    rate: number;
    latency: VoiceLatency;
    /** Factor on the sound. */
    gain: number;
}

/** A live source, and what comes with it. */
export interface LiveInput {
    readonly node: AudioNode;
    /** Where the node comes from a stream: it ends with the stream's last track. */
    readonly stream?: MediaStream;
    /** Starts it; null where it runs already. */
    readonly play: (() => void) | null;
    /** Stops it in the end; null where it is not ours to stop. */
    readonly stop: (() => void) | null;
    /** Gives it back, whether it was listened to or not. */
    readonly release: () => void;
    /** @returns what takes the callback away. */
    readonly onEnded: (callback: () => void) => () => void;
}

const LATENCY_SECONDS = { balanced: 0.16, low: 0.1 } as const;
/** Of the delay of live sound, what its lips need; a queue, which has it anyway, gathers the rest before it starts, s. */
const LOOK_AHEAD_SECONDS = 0.095;

/** Makes what is to be said, from whatever source, and gives it its turn. */
export class Speaker {
    /** Time the analysis of the last clip took, ms; 0 where it was known already. */
    public analysisMs = 0;
    readonly #turns: Turns;
    readonly #analysis: VoiceAnalysis;
    readonly #settings: VoiceSettings;
    readonly #now: () => number;
    readonly #onFault: (error: PgsError) => void;
    /** What was opened by {@link push}; a speech source fills queues of its own. */
    #pushed: QueuedSound | null = null;
    /** Analysed clips; a buffer is taken to stay as it was. */
    readonly #timelines: WeakMap<AudioBuffer, FeatureTimeline> = new WeakMap();

    /** @param onFault - told what went wrong with sound that goes on. */
    public constructor(
        turns: Turns,
        analysis: VoiceAnalysis,
        settings: VoiceSettings,
        now: () => number,
        onFault: (error: PgsError) => void,
    ) {
        this.#turns = turns;
        this.#analysis = analysis;
        this.#settings = settings;
        this.#now = now;
        this.#onFault = onFault;
    }

    public openSound(): SoundOutput {
        return this.#turns.openSound(this.#settings.gain);
    }

    /** Plays a known sound. @returns whether it came to sound. @throws PgsError `AUDIO_FORMAT` - before anything is replaced, where that is seen at once. */
    public async playAsync(
        source: AudioBuffer | string | URL | KnownSound,
        { loop, onProgress }: PlayOptions,
    ): Promise<boolean> {
        const isNew = isAudioBuffer(source) && !this.#timelines.has(source);
        const samples = isNew ? samplesOf('Voice.play', source) : undefined;
        if (loop !== undefined) this.#settings.isLooping = loop;
        return this.#begin(async (sound, signal) => {
            const known = isKnown(source) ? source : null;
            const buffer = isAudioBuffer(source) ? source : (known?.buffer ?? (await load(sound, source, signal)));
            const timeline = await this.timelineOf(buffer, signal, onProgress, samples);
            const events = { onFinished: () => this.#turns.finished(utterance) };
            let utterance: Utterance;
            if (known === null) {
                const { isLooping, rate } = this.#settings;
                return () => (utterance = new ClipSound(sound, buffer, timeline, { isLooping, rate }, events));
            }
            const { FollowedSound } = await import('./followed-sound.js');
            return () => (utterance = new FollowedSound(sound, known, timeline, events));
        });
    }

    /** Listens to a live source. @returns whether it came to listen. */
    public async listenAsync(input: LiveInput): Promise<boolean> {
        let live: Utterance | null = null;
        try {
            if (input.node.context !== this.openSound().context) {
                const got = 'one of another; pass that context as audioContext when the head is loaded';
                throw sourceError('attach', "a node of the voice's own AudioContext", got);
            }
            return await this.#begin(async (sound, signal) => {
                // Few pages listen; the others need not load how.
                const module = await import('./live-sound.js');
                await module.loadTapAsync(sound);
                return () => (live = this.#sayLive(module, sound, input, signal));
            });
        } finally {
            if (live === null) input.release();
        }
    }

    /** Adds to the queue that is open, or opens one. @throws PgsError `AUDIO_FORMAT` */
    public push(pcm: Float32Array | Int16Array, sampleRate: number, channels: number): void {
        const samples = pushedSamples(pcm, sampleRate, channels);
        const queue = this.#openQueue() ?? this.#startQueue(sampleRate);
        if (queue === null) return;
        if (queue.sampleRate !== sampleRate) {
            throw new PgsError(
                'AUDIO_FORMAT',
                `Voice.push: expected ${queue.sampleRate} Hz as before, got ${sampleRate}. Call end() first to say something new.`,
            );
        }
        if (samples.length > 0) queue.push(samples);
    }

    public end(): void {
        this.#openQueue()?.end();
    }

    /** Lets a source say a text. @returns whether it came to sound; failures are the turns' to tell. */
    public async speakAsync(text: string | AsyncIterable<string>, source: SpeechSource): Promise<boolean> {
        const sound = this.openSound();
        const signal = this.#turns.supersede('replaced');
        const fail = (error: unknown): void => this.#turns.fail(signal, asSpeechError(error));
        this.#turns.ready(sound, signal).catch(fail);
        return new Promise<boolean>((resolve) => {
            if (signal.aborted) return resolve(false);
            signal.addEventListener('abort', () => resolve(false));
            this.#readAsync(source, text, signal, () => resolve(true)).catch(fail);
        });
    }

    /** f_a of a clip, kept with its buffer. @param checked - its mono mix, where that is made already. */
    public async timelineOf(
        buffer: AudioBuffer,
        signal?: AbortSignal,
        onProgress?: (share: number) => void,
        checked?: Float32Array,
    ): Promise<FeatureTimeline> {
        this.analysisMs = 0;
        const known = this.#timelines.get(buffer);
        if (known !== undefined) return known;
        const start = this.#now();
        const samples = checked ?? samplesOf('Voice.play', buffer);
        const timeline = await this.#analysis.analyseClip(samples, buffer.sampleRate, {
            ...(signal === undefined ? {} : { signal }),
            ...(onProgress === undefined ? {} : { onProgress }),
        });
        this.#timelines.set(buffer, timeline);
        this.analysisMs = this.#now() - start;
        return timeline;
    }

    /** Makes ready what is to be said, then says it, unless something newer came. */
    async #begin(prepare: (sound: SoundOutput, signal: AbortSignal) => Promise<() => Utterance>): Promise<boolean> {
        const sound = this.openSound();
        const signal = this.#turns.supersede('replaced');
        try {
            // In one tick with the caller's gesture, or the browser does not count it.
            const ready = this.#turns.ready(sound, signal);
            const [start] = await Promise.all([prepare(sound, signal), ready]);
            signal.throwIfAborted();
            this.#turns.begin(start(), true);
            return true;
        } catch (error) {
            if (signal.aborted) return false;
            throw error;
        }
    }

    #sayLive(
        { LiveSound, endOf }: typeof LiveModule,
        sound: SoundOutput,
        input: LiveInput,
        signal: AbortSignal,
    ): Utterance {
        const delay = delayOf(this.#settings.latency);
        const live: Utterance = new LiveSound(sound, this.#analysis, input.node, delay, this.#faultsOf(signal), () => {
            unsubscribe();
            input.stop?.();
            input.release();
        });
        const onEnded = input.stream === undefined ? input.onEnded : endOf(input.stream);
        const unsubscribe = onEnded(() => {
            if (this.#turns.utterance === live) this.#turns.supersede('finished');
        });
        input.play?.();
        return live;
    }

    /** What a turn does where something goes wrong on the way. */
    #faultsOf(signal: AbortSignal): { onFault(error: PgsError): void; onFailed(error: PgsError): void } {
        return { onFault: this.#onFault, onFailed: (error) => this.#turns.fail(signal, error) };
    }

    #openQueue(): QueuedSound | null {
        const pushed = this.#pushed;
        return pushed !== null && pushed === this.#turns.utterance && pushed.isOpen ? pushed : null;
    }

    /** A queue for {@link push}; null where an observer of the end before it started something newer. */
    #startQueue(sampleRate: number): QueuedSound | null {
        const sound = this.openSound();
        const signal = this.#turns.supersede('replaced');
        if (signal.aborted) return null;
        this.#turns.ready(sound, signal).catch((error: unknown) => this.#turns.fail(signal, asSpeechError(error)));
        this.#pushed = this.#sayQueue(sound, sampleRate, signal, () => undefined);
        return this.#pushed;
    }

    #sayQueue(sound: SoundOutput, sampleRate: number, signal: AbortSignal, onStarted: () => void): QueuedSound {
        const reserve = Math.max(0, delayOf(this.#settings.latency) - LOOK_AHEAD_SECONDS);
        const queue: QueuedSound = new QueuedSound(
            sound,
            this.#analysis,
            { sampleRate, reserve },
            {
                onStarted: () => {
                    this.#turns.started();
                    onStarted();
                },
                onFinished: () => this.#turns.finished(queue),
                onDry: () => this.#turns.ranDry(),
                ...this.#faultsOf(signal),
            },
        );
        this.#turns.begin(queue, false);
        return queue;
    }

    async #readAsync(
        source: SpeechSource,
        text: string | AsyncIterable<string>,
        signal: AbortSignal,
        onStarted: () => void,
    ): Promise<void> {
        let queue: QueuedSound | null = null;
        const chunks: AsyncIterable<SpeechChunk> = source.open(text, { signal });
        for await (const { pcm, sampleRate, words } of chunks) {
            if (signal.aborted) return;
            queue ??= this.#sayQueue(this.openSound(), sampleRate, signal, onStarted);
            if (words !== undefined) this.#turns.expect(words);
            if (pcm !== undefined && pcm.length > 0) queue.push(pushedSamples(pcm, sampleRate, 1));
        }
        if (signal.aborted) return;
        if (queue === null)
            throw new PgsError(
                'SPEECH_SOURCE',
                'Voice.speak: expected sound, got none. Check the text and the speech source.',
            );
        queue.end();
    }
}

/** s. */
export function delayOf(latency: VoiceLatency): number {
    return typeof latency === 'number' ? latency / 1000 : LATENCY_SECONDS[latency];
}

/** Fetching is for those who play an address. */
async function load({ context }: SoundOutput, source: unknown, signal: AbortSignal): Promise<AudioBuffer> {
    const { loadBuffer } = await import('./load-buffer.js');
    return loadBuffer(context, source as string | URL, signal);
}

function isKnown(source: object | string): source is KnownSound {
    return (source as Partial<KnownSound>).kind === 'known';
}
