import { PgsError, type AudioFrontEnd } from '../../core/index.js';
import { TsEncoder, type AudioEncoder } from '../encoder.js';
import { assertFrontEnd } from '../front-end.js';
import { restFeature } from '../rest-feature.js';
import { analyseClip } from '../speech-analyser.js';
import { newVoiceMemory, type VoiceMemory } from '../speech-stream.js';
import { faultOf, type AnalysisPort, type Fault, type FromHost, type ToHost } from './messages.js';
import { HostedStream } from './hosted-stream.js';
import { RemoteEncoder } from './remote-encoder.js';

interface HostedVoice {
    readonly frontEnd: AudioFrontEnd;
    readonly encoder: AudioEncoder;
    readonly rest: Float32Array;
    readonly memory: VoiceMemory;
}

/**
 * The far end of the analysis: turns sound into f_a for all voices of a page, told by messages. It runs in a worker; where there is
 * none, behind a `MessageChannel` in the page itself.
 */
export class AnalysisHost {
    private readonly port: AnalysisPort;
    private readonly voices: Map<number, Promise<HostedVoice>> = new Map();
    private readonly clips: Map<number, AbortController> = new Map();
    private readonly streams: Map<number, HostedStream> = new Map();
    private readonly remote: RemoteEncoder;

    public constructor(port: AnalysisPort) {
        this.port = port;
        this.remote = new RemoteEncoder((message) => this.post(message));
        port.onmessage = ({ data }: MessageEvent<ToHost>): void => this.take(data);
    }

    private post(message: FromHost, transfer?: Transferable[]): void {
        this.port.postMessage(message, transfer);
    }

    private take(message: ToHost): void {
        switch (message.type) {
            case 'hello':
                return this.post({ type: 'ready' });
            case 'open':
                return this.open(message);
            case 'close':
                this.voices.delete(message.voice);
                return;
            case 'clip':
                void this.analyseAsync(message);
                return;
            case 'cancel':
                return this.clips.get(message.clip)?.abort();
            case 'stream':
                void this.streamAsync(message);
                return;
            case 'pcm':
                return this.streams.get(message.stream)?.push(message.samples);
            case 'end':
                return this.streams.get(message.stream)?.end();
            case 'drop':
                return this.drop(message.stream);
            case 'encoded':
                return this.remote.answer(message);
        }
    }

    private open({ voice, frontEnd, encoder }: Extract<ToHost, { type: 'open' }>): void {
        const opening = this.openAsync(voice, frontEnd, encoder);
        this.voices.set(voice, opening);
        opening.then(
            ({ rest }) => this.post({ type: 'opened', voice, rest }),
            (error: unknown) => {
                this.voices.delete(voice);
                this.fail('voice', voice, error);
            },
        );
    }

    private async openAsync(voice: number, frontEnd: AudioFrontEnd, onnx: Uint8Array | null): Promise<HostedVoice> {
        assertFrontEnd(frontEnd);
        const encoder = onnx === null ? this.remote.of(voice) : TsEncoder.fromOnnx(onnx);
        const rest = await restFeature(frontEnd, encoder);
        return { frontEnd, encoder, rest, memory: newVoiceMemory(frontEnd) };
    }

    private async voiceOf(voice: number): Promise<HostedVoice> {
        const hosted = this.voices.get(voice);
        if (hosted !== undefined) return hosted;
        throw new PgsError(
            'DISPOSED',
            `voice ${voice}: expected an open voice, got a closed one. Load the head again.`,
        );
    }

    private async analyseAsync({ voice, clip, samples, sampleRate }: Extract<ToHost, { type: 'clip' }>): Promise<void> {
        const abort = new AbortController();
        this.clips.set(clip, abort);
        try {
            const { frontEnd, encoder } = await this.voiceOf(voice);
            const { features, energy } = await analyseClip(samples, sampleRate, frontEnd, encoder, {
                signal: abort.signal,
                onProgress: (share) => this.post({ type: 'progress', clip, share }),
            });
            this.post({ type: 'analysed', clip, features, energy }, [features.buffer, energy.buffer]);
        } catch (error) {
            if (!abort.signal.aborted) this.fail('clip', clip, error);
        } finally {
            this.clips.delete(clip);
        }
    }

    private async streamAsync(message: Extract<ToHost, { type: 'stream' }>): Promise<void> {
        const { stream } = message;
        try {
            const hosted = new HostedStream(message, (answer, transfer) => this.post(answer, transfer));
            // Entered before the voice is there, so that sound which comes meanwhile has somewhere to wait.
            this.streams.set(stream, hosted);
            const { frontEnd, encoder, rest, memory } = await this.voiceOf(message.voice);
            hosted.start(frontEnd, encoder, rest, memory);
        } catch (error) {
            this.drop(stream);
            this.fail('stream', stream, error);
        }
    }

    private drop(stream: number): void {
        this.streams.get(stream)?.close();
        this.streams.delete(stream);
    }

    private fail(of: 'voice' | 'clip' | 'stream', id: number, error: unknown): void {
        const fault: Fault = faultOf('audio analysis', error);
        this.post({ type: 'failed', of, id, fault });
    }
}
