import type { PgsError } from '../../core/index.js';
import type { AnalysedStream, VoiceAnalysis } from '../analysis/speech-analysis.js';
import { FEATURE_FPS } from '../front-end.js';
import { LiveTimeline } from '../live-timeline.js';
import type { StreamFrames } from '../speech-stream.js';
import { MediaClock } from './media-clock.js';
import type { OutputLine, SoundOutput } from './sound-output.js';
import { FADE_SECONDS, START_LEAD_SECONDS, type Utterance, type UtteranceEvents } from './utterance.js';

export interface QueueEvents extends UtteranceEvents {
    /** The first sample is scheduled. */
    onStarted(): void;
    /** All that is known has been played, and more is to come. */
    onDry(): void;
    /** Something is no sound, or has no lips; it goes on. */
    onFault(error: PgsError): void;
    /** Nothing more comes. */
    onFailed(error: PgsError): void;
}

export interface QueueOptions {
    /** Of what is pushed, Hz. */
    readonly sampleRate: number;
    /** Sound that is gathered before the queue starts, and again after it ran dry, s. */
    readonly reserve: number;
}

/** Sound whose lips are known. */
interface Piece {
    /** Place of its first sample, s. */
    readonly time: number;
    readonly buffer: AudioBuffer;
}

/** Sound that was played this long ago is let go, s; it is kept for a pause that takes effect late. */
const KEPT_SECONDS = 1;
/** A gap in the queue shorter than this is no underrun but rounding, s. */
const SEAM_SECONDS = 1e-4;

/**
 * Sound that is pushed in pieces (mode B): a speech service, a decoder of one's own.
 *
 * Pieces come back from the analysis at the context's rate as soon as their lips are known, and are laid end to end to the sample. When
 * the queue runs dry the sound waits, gathers its reserve again and goes on; nothing is skipped.
 */
export class QueuedSound implements Utterance {
    public readonly timeline: LiveTimeline;
    public readonly sampleRate: number;
    public readonly delay = 0;
    public readonly live = null;
    readonly #sound: SoundOutput;
    readonly #reserve: number;
    readonly #events: QueueEvents;
    readonly #stream: AnalysedStream;
    readonly #clock: MediaClock = new MediaClock();
    /** Not `#` as the others: the test that nothing is kept for ever looks at it. */
    private pieces: Piece[] = [];
    /** Pieces from this one on wait to be scheduled. */
    #waiting = 0;
    /** Place at which what waits begins, s: after a pause, within a piece. */
    #from = 0;
    #line: OutputLine | null = null;
    readonly #sources: Set<AudioBufferSourceNode> = new Set();
    /** Samples received, at the context's rate. */
    #received = 0;
    /** Context sample that follows the last scheduled one; NaN while the queue gathers. */
    #nextSample = Number.NaN;
    #hasStarted = false;
    #isComplete = false;
    #isClosed = false;
    #pausedAt: number | null = null;
    #isOver = false;

    public constructor(sound: SoundOutput, analysis: VoiceAnalysis, options: QueueOptions, events: QueueEvents) {
        this.#sound = sound;
        this.sampleRate = options.sampleRate;
        this.#reserve = options.reserve;
        this.#events = events;
        this.timeline = new LiveTimeline(analysis.rest, Number.POSITIVE_INFINITY, FEATURE_FPS);
        const { sampleRate: outputRate } = sound.context;
        this.#stream = analysis.openStream(
            { sampleRate: options.sampleRate, outputRate, fps: FEATURE_FPS, feed: null },
            {
                onFrames: (frames, pcm) => this.#take(frames, pcm),
                onEnded: (duration) => this.#complete(duration),
                onFault: (error) => events.onFault(error),
                onFailed: (error) => events.onFailed(error),
            },
        );
    }

    public get duration(): number {
        return this.timeline.duration;
    }

    public get knownTime(): number {
        return this.#isComplete ? Number.POSITIVE_INFINITY : this.timeline.knownTime;
    }

    public get isSounding(): boolean {
        return !this.#isOver;
    }

    public get isPaused(): boolean {
        return this.#pausedAt !== null;
    }

    /** Whether more can be pushed. */
    public get isOpen(): boolean {
        return !this.#isClosed && !this.#isOver;
    }

    /** @param samples - mono, of its own memory. */
    public push(samples: Float32Array): void {
        this.#stream.push(samples);
    }

    /** Nothing will be pushed any more. */
    public end(): void {
        if (this.#isClosed) return;
        this.#isClosed = true;
        this.#stream.end();
    }

    public get pausedTime(): number {
        return this.#pausedAt ?? this.#placeOfWaiting();
    }

    public timeAt(heard: number): number | null {
        const time = this.#clock.timeAt(heard);
        if (time !== null) this.timeline.forgetBefore(time);
        return time;
    }

    public stop(seconds: number): void {
        this.#isOver = true;
        this.#stream.close();
        this.#silence(seconds);
        this.pieces = [];
    }

    public pause(): void {
        if (this.isPaused || this.#isOver) return;
        const { currentTime } = this.#sound.context;
        this.#pausedAt = Math.min(this.#placeOfEnd(), this.#clock.placeAt(currentTime));
        this.#clock.moveTo(currentTime, this.#pausedAt, 0);
        this.#silence(FADE_SECONDS);
    }

    public resume(): void {
        const place = this.#pausedAt;
        if (place === null || this.#isOver) return;
        this.#pausedAt = null;
        this.#waiting = this.pieces.findIndex(({ time, buffer }) => time + buffer.duration > place);
        if (this.#waiting < 0) this.#waiting = this.pieces.length;
        this.#from = place;
        this.#schedule();
        this.#finishIfSilent();
    }

    public seek(): boolean {
        return false;
    }

    public setLoop(): void {
        // What has not come yet cannot be repeated.
    }

    public setRate(): void {
        // Pieces are laid end to end at the context's own rate.
    }

    #take(frames: StreamFrames, pcm: Float32Array | null): void {
        try {
            this.timeline.append(frames);
        } catch (error) {
            return this.#events.onFault(error as PgsError);
        }
        if (pcm !== null && pcm.length > 0) this.#keep(pcm);
        if (!this.isPaused) this.#schedule();
    }

    #keep(pcm: Float32Array): void {
        const { context } = this.#sound;
        const buffer = context.createBuffer(1, pcm.length, context.sampleRate);
        buffer.copyToChannel(pcm as Float32Array<ArrayBuffer>, 0);
        this.pieces.push({ time: this.#received / context.sampleRate, buffer });
        this.#received += pcm.length;
        const played = this.#clock.placeAt(context.currentTime) - KEPT_SECONDS;
        while (
            this.#waiting > 0 &&
            (this.pieces[0] as Piece).time + (this.pieces[0] as Piece).buffer.duration < played
        ) {
            this.pieces.shift();
            this.#waiting--;
        }
    }

    #complete(duration: number): void {
        this.#isComplete = true;
        this.timeline.finish(duration);
        if (!this.isPaused) this.#schedule();
        this.#finishIfSilent();
    }

    #placeOfEnd(): number {
        return this.#received / this.#sound.context.sampleRate;
    }

    #placeOfWaiting(): number {
        const next = this.pieces[this.#waiting];
        return next === undefined ? this.#placeOfEnd() : Math.max(this.#from, next.time);
    }

    /** What was scheduled has been played: until more is scheduled the lips rest. */
    #runDry(): void {
        if (Number.isNaN(this.#nextSample)) return;
        this.#clock.moveTo(this.#nextSample / this.#sound.context.sampleRate, this.#placeOfWaiting(), 0);
        this.#nextSample = Number.NaN;
        this.#events.onDry();
    }

    /** Lays what waits behind what is scheduled. */
    #schedule(): void {
        const { context } = this.#sound;
        const next = this.pieces[this.#waiting];
        if (next === undefined) return;
        const now = context.currentTime;
        const isDry = !(this.#nextSample / context.sampleRate > now - SEAM_SECONDS);
        if (isDry) {
            this.#runDry();
            const place = this.#placeOfWaiting();
            if (this.#isOver || (this.#placeOfEnd() - place < this.#reserve && !this.#isComplete)) return;
            this.#nextSample = Math.ceil((now + START_LEAD_SECONDS) * context.sampleRate);
            this.#clock.moveTo(this.#nextSample / context.sampleRate, place, 1);
        }
        this.#line ??= this.#sound.openLine();
        for (; this.#waiting < this.pieces.length; this.#waiting++) this.#play(this.pieces[this.#waiting] as Piece);
        if (this.#hasStarted) return;
        this.#hasStarted = true;
        this.#events.onStarted();
    }

    #play({ time, buffer }: Piece): void {
        const { context } = this.#sound;
        const skipped = Math.max(0, Math.round((this.#from - time) * context.sampleRate));
        const source = context.createBufferSource();
        source.buffer = buffer;
        source.connect((this.#line as OutputLine).input);
        source.onended = () => {
            source.disconnect();
            this.#sources.delete(source);
            this.#finishIfSilent();
            if (this.#sources.size === 0 && !this.#isOver) this.#runDry();
        };
        source.start(this.#nextSample / context.sampleRate, skipped / context.sampleRate);
        this.#nextSample += buffer.length - skipped;
        this.#sources.add(source);
    }

    #finishIfSilent(): void {
        if (!this.#isComplete || this.#isOver || this.isPaused) return;
        if (this.#sources.size > 0 || this.#waiting < this.pieces.length) return;
        this.#isOver = true;
        this.#line?.close(0);
        if (!this.#hasStarted) this.#events.onStarted();
        this.#events.onFinished();
    }

    #silence(seconds: number): void {
        const sources = this.#sources;
        const line = this.#line;
        for (const source of sources) {
            source.onended = () => source.disconnect();
            source.stop(this.#sound.context.currentTime + seconds);
            if (seconds === 0) source.disconnect();
        }
        sources.clear();
        line?.close(seconds);
        this.#line = null;
        this.#nextSample = Number.NaN;
    }
}
