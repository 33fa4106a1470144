import { AUDIO_FEAT_DIM, PgsError, assertFinite, type AudioFrontEnd } from '../../core/index.js';
import type { AudioEncoder } from '../encoder.js';
import { Resampler } from '../resampler.js';
import { SpeechStream, type StreamFrames, type VoiceMemory } from '../speech-stream.js';
import { faultOf, type FromHost, type ToHost } from './messages.js';
import { readFeed } from './sample-feed.js';

type Post = (message: FromHost, transfer?: Transferable[]) => void;

/**
 * One stream of sound on the analysis side. Takes sound from the page or from its feed, one piece after the other, and posts frames,
 * and where wanted the sound in step with them: never further than the lips are known.
 */
export class HostedStream {
    private readonly id: number;
    private readonly inputRate: number;
    private readonly fps: number;
    private readonly post: Post;
    private readonly playout: Playout | null;
    private readonly closeFeed: () => void;
    private speech: SpeechStream | null = null;
    private work: Promise<void>;
    private begin: () => void = () => undefined;
    private samples = 0;
    private anchor = 0;
    private hasFailed = false;
    private isClosed = false;

    /** @throws PgsError `AUDIO_FORMAT` - an impossible rate. */
    public constructor({ stream, sampleRate, outputRate, fps, feed }: Extract<ToHost, { type: 'stream' }>, post: Post) {
        this.id = stream;
        this.inputRate = sampleRate;
        this.fps = fps;
        this.post = post;
        this.playout = outputRate === null ? null : new Playout(sampleRate, outputRate);
        this.work = new Promise((resolve) => (this.begin = resolve));
        this.closeFeed =
            feed === null
                ? () => undefined
                : readFeed(feed, (fed) => {
                      this.anchor = fed.anchor;
                      if (fed.lost > 0) this.report(lostError(fed.lost));
                      this.push(fed.samples);
                  });
    }

    /** The voice is there: begins with what has come so far. @throws PgsError `AUDIO_FORMAT` - an impossible rate. */
    public start(frontEnd: AudioFrontEnd, encoder: AudioEncoder, rest: Float32Array, memory: VoiceMemory): void {
        this.speech = new SpeechStream(this.inputRate, frontEnd, this.guard(encoder, rest), rest, memory, this.fps);
        this.begin();
    }

    /** Takes sound; it waits for its turn. */
    public push(samples: Float32Array): void {
        this.then(async (speech) => {
            this.samples += samples.length;
            const [frames, sound] = await this.analyse(speech, samples);
            this.send(
                frames,
                this.playout?.release(sound, (frames.first + frames.energy.length - 0.5) / this.fps) ?? null,
            );
        });
    }

    /** Nothing follows: gives what is left. */
    public end(): void {
        this.then(async (speech) => {
            const frames = await speech.end();
            this.send(frames, this.playout?.flush() ?? null);
            this.post({ type: 'ended', stream: this.id, duration: this.samples / this.inputRate });
        });
    }

    /** Drops what waits and answers nothing more. */
    public close(): void {
        this.isClosed = true;
        this.closeFeed();
        this.begin();
    }

    private then(step: (speech: SpeechStream) => Promise<void>): void {
        this.work = this.work
            .then(async () => {
                if (!this.isClosed && this.speech !== null) await step(this.speech);
            })
            .catch((error: unknown) => this.report(error));
    }

    /** Where the encoder fails the lips rest, and the sound goes on. It is told once. */
    private guard(encoder: AudioEncoder, rest: Float32Array): AudioEncoder {
        return {
            encode: async (windows, count, out) => {
                try {
                    await encoder.encode(windows, count, out);
                    assertFinite('ENCODER_UNSUPPORTED', 'audio encoder', out, 'Check the audio encoder.');
                } catch (error) {
                    this.report(error);
                    for (let n = 0; n < count; n++) out.set(rest, n * AUDIO_FEAT_DIM);
                }
            },
        };
    }

    /** Sound that is no sound is silence, so that what follows keeps its place. It is told once. */
    private async analyse(speech: SpeechStream, samples: Float32Array): Promise<[StreamFrames, Float32Array]> {
        try {
            return [await speech.push(samples), samples];
        } catch (error) {
            this.report(error);
            const silence = new Float32Array(samples.length);
            return [await speech.push(silence), silence];
        }
    }

    private report(error: unknown): void {
        if (this.hasFailed || this.isClosed) return;
        this.hasFailed = true;
        this.post({ type: 'faulty', stream: this.id, fault: faultOf('audio analysis', error) });
    }

    private send({ first, features, energy }: StreamFrames, pcm: Float32Array | null): void {
        if (this.isClosed || (energy.length === 0 && (pcm?.length ?? 0) === 0)) return;
        const { id: stream, anchor } = this;
        // A frame or two are copied for less than it costs to hand over their memory.
        this.post({ type: 'frames', stream, first, features, energy, pcm, anchor }, pcm === null ? [] : [pcm.buffer]);
    }
}

/** The worker was busy, or held, for longer than the ring lasts. */
function lostError(count: number): PgsError {
    return new PgsError(
        'AUDIO_UNAVAILABLE',
        `audio analysis: expected to keep up with the sound, lost ${count} samples. Give the page's machine less to do.`,
    );
}

/** Sound on its way to the loudspeaker: at the context's rate, and held back until its lips are known. */
class Playout {
    private readonly resampler: Resampler;
    private readonly rate: number;
    private held: Float32Array = new Float32Array(0);
    private released = 0;

    public constructor(inputRate: number, outputRate: number) {
        this.resampler = new Resampler(inputRate, outputRate);
        this.rate = outputRate;
    }

    /** Takes the next samples; gives those before `time`, s of the stream, in memory of their own. */
    public release(samples: Float32Array, time: number): Float32Array {
        this.hold(this.resampler.push(samples));
        return this.give(Math.floor(time * this.rate) - this.released);
    }

    public flush(): Float32Array {
        this.hold(this.resampler.flush());
        return this.give(this.held.length);
    }

    private hold(samples: Float32Array): void {
        const joined = new Float32Array(this.held.length + samples.length);
        joined.set(this.held);
        joined.set(samples, this.held.length);
        this.held = joined;
    }

    private give(count: number): Float32Array {
        const given = this.held.slice(0, Math.max(0, count));
        this.held = this.held.slice(given.length);
        this.released += given.length;
        return given;
    }
}
