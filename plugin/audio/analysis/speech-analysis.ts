import { AUDIO_FEAT_DIM, PgsError, type AudioFrontEnd } from '../../core/index.js';
import type { AudioEncoder } from '../encoder.js';
import { FeatureTimeline } from '../feature-timeline.js';
import { FEATURE_FPS, STREAM_FPS } from '../front-end.js';
import type { StreamFrames } from '../speech-stream.js';
import { faultOf, type AnalysisPort, type Fault, type FromHost, type StreamFeed, type ToHost } from './messages.js';

/** Where the analysis runs. */
export type AnalysisPlace = 'worker' | 'page';

/** What comes of a stream, in order. */
export interface StreamListener {
    /** `anchor`: context frame at which the stream began, where a tap feeds it. */
    onFrames(frames: StreamFrames, pcm: Float32Array | null, anchor: number): void;
    onEnded(duration: number): void;
    /** Something is no sound, or the encoder failed, told once; the stream goes on with silence, or with lips at rest, in its place. */
    onFault(error: PgsError): void;
    /** The stream has failed: nothing more comes of it. */
    onFailed(error: PgsError): void;
}

export interface StreamSetup {
    /** Of what is pushed or tapped, Hz. */
    readonly sampleRate: number;
    /** Rate at which the sound is wanted back in step with its frames, Hz; null where it is not. */
    readonly outputRate: number | null;
    /** Frames a second; default {@link STREAM_FPS}. */
    readonly fps?: number;
    readonly feed: StreamFeed;
}

/** A stream that is being analysed. */
export interface AnalysedStream {
    /** @param samples - mono, of its own memory, which the analysis takes over. */
    push(samples: Float32Array): void;
    end(): void;
    /** Drops the stream; nothing more is told. */
    close(): void;
}

interface PendingClip {
    readonly onProgress: ((share: number) => void) | undefined;
    readonly resolve: (result: { features: Float32Array; energy: Float32Array }) => void;
    readonly reject: (error: Error) => void;
}

interface PendingVoice {
    readonly resolve: (rest: Float32Array) => void;
    readonly reject: (error: Error) => void;
}

/** The page's end of the analysis: speaks with one `AnalysisHost` for all voices. */
export class SpeechAnalysis {
    public readonly place: AnalysisPlace;
    private readonly port: AnalysisPort;
    private readonly close: () => void;
    private readonly voices: Map<number, PendingVoice> = new Map();
    private readonly encoders: Map<number, AudioEncoder> = new Map();
    private readonly clips: Map<number, PendingClip> = new Map();
    private readonly streams: Map<number, StreamListener> = new Map();
    private lastId = 0;
    private broken: PgsError | null = null;

    /** @param close - ends the host. */
    public constructor(port: AnalysisPort, place: AnalysisPlace, close: () => void) {
        this.port = port;
        this.place = place;
        this.close = close;
        port.onmessage = ({ data }: MessageEvent<FromHost>): void => this.take(data);
    }

    /** Whether the host has died; a new one is needed then. */
    public get isBroken(): boolean {
        return this.broken !== null;
    }

    /**
     * Opens a voice.
     *
     * @param encoder - ONNX bytes that the host runs itself, or an encoder that lives in the page.
     * @throws PgsError `ENCODER_UNSUPPORTED`, `ASSET_VALUE` - the front end or the encoder is unknown or malformed.
     */
    public async openVoiceAsync(frontEnd: AudioFrontEnd, encoder: Uint8Array | AudioEncoder): Promise<VoiceAnalysis> {
        const voice = this.newId();
        const onnx = encoder instanceof Uint8Array ? encoder : null;
        if (!(encoder instanceof Uint8Array)) this.encoders.set(voice, encoder);
        const opening = new Promise<Float32Array>((resolve, reject) => this.voices.set(voice, { resolve, reject }));
        this.post({ type: 'open', voice, frontEnd, encoder: onnx });
        try {
            return new VoiceAnalysis(this, voice, await opening);
        } catch (error) {
            this.encoders.delete(voice);
            throw error;
        }
    }

    /** @internal */
    public closeVoice(voice: number): void {
        this.encoders.delete(voice);
        this.post({ type: 'close', voice });
    }

    /** @internal */
    public async analyseClip(
        voice: number,
        samples: Float32Array,
        sampleRate: number,
        onProgress: ((share: number) => void) | undefined,
        signal: AbortSignal | undefined,
    ): Promise<{ features: Float32Array; energy: Float32Array }> {
        signal?.throwIfAborted();
        const clip = this.newId();
        const cancel = (): void => {
            this.post({ type: 'cancel', clip });
            this.clips.get(clip)?.reject(signal?.reason as Error);
            this.clips.delete(clip);
        };
        signal?.addEventListener('abort', cancel);
        try {
            const analysing = new Promise<{ features: Float32Array; energy: Float32Array }>((resolve, reject) =>
                this.clips.set(clip, { onProgress, resolve, reject }),
            );
            this.post({ type: 'clip', voice, clip, samples, sampleRate });
            return await analysing;
        } finally {
            signal?.removeEventListener('abort', cancel);
        }
    }

    /** @internal */
    public openStream(voice: number, setup: StreamSetup, listener: StreamListener): AnalysedStream {
        const stream = this.newId();
        this.streams.set(stream, listener);
        const transfer = setup.feed instanceof MessagePort ? [setup.feed] : [];
        this.post({ type: 'stream', voice, stream, fps: STREAM_FPS, ...setup }, transfer);
        return {
            push: (samples) => this.post({ type: 'pcm', stream, samples }, [samples.buffer]),
            end: () => this.post({ type: 'end', stream }),
            close: () => {
                if (this.streams.delete(stream)) this.post({ type: 'drop', stream });
            },
        };
    }

    /** The host has died: everything under way fails, and everything that comes. */
    public fail(error: PgsError): void {
        this.broken ??= error;
        const pending = [...this.voices.values(), ...this.clips.values()];
        const listeners = [...this.streams.values()];
        // Cleared first: who is told may come back at once.
        this.voices.clear();
        this.clips.clear();
        this.streams.clear();
        for (const { reject } of pending) reject(error);
        for (const listener of listeners) listener.onFailed(error);
    }

    /** Ends the host. */
    public dispose(): void {
        this.fail(
            new PgsError('DISPOSED', 'audio analysis: expected a live voice, got a disposed one. Load the head again.'),
        );
        this.port.onmessage = null;
        this.close();
    }

    private newId(): number {
        if (this.broken !== null) throw this.broken;
        return ++this.lastId;
    }

    private post(message: ToHost, transfer: Transferable[] = []): void {
        if (this.broken === null) this.port.postMessage(message, transfer);
    }

    private take(message: FromHost): void {
        switch (message.type) {
            case 'ready':
                return;
            case 'opened':
                this.voices.get(message.voice)?.resolve(message.rest);
                this.voices.delete(message.voice);
                return;
            case 'progress':
                return this.clips.get(message.clip)?.onProgress?.(message.share);
            case 'analysed':
                this.clips.get(message.clip)?.resolve(message);
                this.clips.delete(message.clip);
                return;
            case 'frames':
                return this.streams.get(message.stream)?.onFrames(message, message.pcm, message.anchor);
            case 'ended':
                return this.takeEnd(message.stream, message.duration);
            case 'faulty':
                return this.streams.get(message.stream)?.onFault(errorOf(message.fault));
            case 'failed':
                return this.takeFault(message);
            case 'encode':
                void this.encodeAsync(message);
                return;
        }
    }

    private takeFault({ of, id, fault }: Extract<FromHost, { type: 'failed' }>): void {
        const error = errorOf(fault);
        if (of === 'stream') {
            const listener = this.streams.get(id);
            this.streams.delete(id);
            return listener?.onFailed(error);
        }
        const pending = of === 'voice' ? this.voices : this.clips;
        pending.get(id)?.reject(error);
        pending.delete(id);
    }

    private takeEnd(stream: number, duration: number): void {
        const listener = this.streams.get(stream);
        if (listener === undefined) return;
        this.streams.delete(stream);
        this.post({ type: 'drop', stream });
        listener.onEnded(duration);
    }

    private async encodeAsync({
        voice,
        request,
        windows,
        count,
    }: Extract<FromHost, { type: 'encode' }>): Promise<void> {
        const features = new Float32Array(count * AUDIO_FEAT_DIM);
        try {
            const encoder = this.encoders.get(voice);
            if (encoder === undefined) throw new Error('the voice is closed');
            await encoder.encode(windows, count, features);
            this.post({ type: 'encoded', request, features, fault: null }, [features.buffer]);
        } catch (error) {
            this.post({ type: 'encoded', request, features: null, fault: faultOf('audio encoder', error) });
        }
    }
}

function errorOf({ code, message }: Fault): PgsError {
    return new PgsError(code, message);
}

/** The analysis of one voice. */
export class VoiceAnalysis {
    /** f_a of silence `[AUDIO_FEAT_DIM]`. */
    public readonly rest: Float32Array;
    private readonly analysis: SpeechAnalysis;
    private readonly id: number;

    /** @internal */
    public constructor(analysis: SpeechAnalysis, id: number, rest: Float32Array) {
        this.analysis = analysis;
        this.id = id;
        this.rest = rest;
    }

    public get place(): AnalysisPlace {
        return this.analysis.place;
    }

    /**
     * f_a of a whole clip.
     *
     * @param samples - mono `[n]`, -1..1; copied.
     * @param signal - ends the analysis with its reason.
     * @throws PgsError `AUDIO_FORMAT`, `ENCODER_UNSUPPORTED`
     */
    public async analyseClip(
        samples: Float32Array,
        sampleRate: number,
        { onProgress, signal }: { onProgress?: (share: number) => void; signal?: AbortSignal } = {},
    ): Promise<FeatureTimeline> {
        const result = await this.analysis.analyseClip(this.id, samples, sampleRate, onProgress, signal);
        return new FeatureTimeline(result.features, FEATURE_FPS, samples.length / sampleRate, this.rest, result.energy);
    }

    public openStream(setup: StreamSetup, listener: StreamListener): AnalysedStream {
        return this.analysis.openStream(this.id, setup, listener);
    }

    public dispose(): void {
        this.analysis.closeVoice(this.id);
    }
}
