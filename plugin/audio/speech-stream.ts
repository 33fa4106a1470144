import {
    AUDIO_FEAT_DIM,
    HOPS_PER_FRAME,
    MEL_BANDS,
    WINDOW_FIRST,
    WINDOW_FRAMES,
    type AudioFrontEnd,
} from '../core/index.js';
import type { AudioEncoder } from './encoder.js';
import { energyOf } from './energy.js';
import { FEATURE_RATE, HOP, STREAM_FPS } from './front-end.js';
import { LEVEL_BLOCK } from './level.js';
import { GLIDE_SECONDS } from './lip-rest.js';
import { LogMelStream } from './log-mel.js';
import { CausalNormaliser, silenceRow } from './normaliser.js';
import { Resampler } from './resampler.js';
import { RunningLevel } from './running-level.js';
import { WINDOW_SIZE, windowFrom } from './windows.js';

/** Feature frames a second. */
const HOP_RATE = FEATURE_RATE / HOP;
/** Voiced sound that a stream remembers of its voice, s. */
const MEMORY_SECONDS = 60;
/** Speech goes on for this long after the last block that held some, and begins this long before the first, s. */
const HANG_OVER_SECONDS = 0.2;
const RUN_IN_SECONDS = 0.06;
/** Windows encoded in one call. */
const BATCH = 16;

/** What a stream has learnt of a voice; handed on to its next stream, so that a voice that goes on need not be learnt again. */
export interface VoiceMemory {
    readonly level: RunningLevel;
    readonly normaliser: CausalNormaliser;
}

/** Frames of a stream in a row. */
export interface StreamFrames {
    /** Number of the first one, from the start of the stream. */
    readonly first: number;
    /** `[n, AUDIO_FEAT_DIM]`. */
    readonly features: Float32Array;
    /** Loudness of each, 0..1. */
    readonly energy: Float32Array;
}

/** Of a voice that was never heard. */
export function newVoiceMemory(frontEnd: AudioFrontEnd): VoiceMemory {
    return { level: new RunningLevel(), normaliser: new CausalNormaliser(frontEnd.normalisation, MEMORY_SECONDS) };
}

/**
 * f_a of sound that is still coming: frame j is centred at (j + 0.5) / fps s of the stream and needs the sound up to 95 ms after its
 * centre.
 *
 * The frames do not depend on how the sound is cut into chunks, to the last bit. Where nobody speaks they glide to rest, and where they
 * have come there nothing is encoded.
 */
export class SpeechStream {
    readonly #resampler: Resampler;
    readonly #level: RunningLevel;
    readonly #normaliser: CausalNormaliser;
    readonly #logMel: LogMelStream = new LogMelStream();
    readonly #encoder: AudioEncoder;
    readonly #silence: Float32Array;
    readonly #rest: Float32Array;
    readonly #fps: number;
    /** Feature frames from one frame to the next. */
    readonly #hops: number;
    /** First feature frame of the window of frame 0. A video frame is centred 2 hops after its first, another as its length tells. */
    readonly #firstHop: number;
    readonly #scaled: Float32Array = new Float32Array(LEVEL_BLOCK);
    readonly #windows: Float32Array = new Float32Array(BATCH * WINDOW_SIZE);
    /** Normalised feature frames `[melCount, MEL_BANDS]` from number `melStart` on. */
    private mel: Float32Array = new Float32Array(4 * WINDOW_FRAMES * MEL_BANDS);
    #melStart = 0;
    #melCount = 0;
    /** Numbers of the level blocks that held speech, oldest first. */
    private speech: number[] = [];
    #blocks = 0;
    #sampleCount = 0;
    #next = 0;
    #gate = 0;

    /**
     * @param rest - f_a of silence `[AUDIO_FEAT_DIM]`.
     * @param fps - a whole part of 100, 25 or 50.
     */
    public constructor(
        inputRate: number,
        frontEnd: AudioFrontEnd,
        encoder: AudioEncoder,
        rest: Float32Array,
        memory: VoiceMemory = newVoiceMemory(frontEnd),
        fps: number = STREAM_FPS,
    ) {
        this.#fps = fps;
        this.#hops = HOP_RATE / fps;
        this.#firstHop = WINDOW_FIRST + this.#hops / 2 - HOPS_PER_FRAME / 2;
        this.#resampler = new Resampler(inputRate);
        this.#level = memory.level;
        this.#level.begin();
        this.#normaliser = memory.normaliser;
        this.#encoder = encoder;
        this.#silence = silenceRow(frontEnd.normalisation);
        this.#rest = rest;
    }

    /**
     * @param samples - mono, -1..1, any number.
     * @returns the frames they complete; memory of their own.
     * @throws PgsError `AUDIO_FORMAT` - NaN or integer PCM; the state is unchanged then.
     */
    public async push(samples: Float32Array): Promise<StreamFrames> {
        this.#take(this.#resampler.push(samples));
        return this.#encode(this.#ready());
    }

    /** Gives the last frames, with silence after the sound. Nothing may be pushed afterwards. */
    public async end(): Promise<StreamFrames> {
        this.#take(this.#resampler.flush());
        this.#append(this.#logMel.flush());
        return this.#encode(Math.ceil(this.#sampleCount / (FEATURE_RATE / this.#fps)));
    }

    /** Frames from the start whose windows are complete. */
    #ready(): number {
        const hops = this.#melStart + this.#melCount;
        return Math.max(this.#next, Math.floor((hops - this.#firstHop - WINDOW_FRAMES) / this.#hops) + 1);
    }

    #take(pcm: Float32Array): void {
        const [level, scaled] = [this.#level, this.#scaled];
        this.#sampleCount += pcm.length;
        for (let start = 0; start < pcm.length;) {
            const part = pcm.subarray(start, start + level.missing);
            for (let i = 0; i < part.length; i++) scaled[i] = level.gain * (part[i] as number);
            // Before the level moves on: which samples come together must change nothing.
            this.#append(this.#logMel.push(scaled.subarray(0, part.length)));
            if (level.push(part)) this.#note(level.isSpeech);
            start += part.length;
        }
    }

    #note(isSpeech: boolean): void {
        if (isSpeech) this.speech.push(this.#blocks);
        this.#blocks++;
    }

    #append(frames: Float32Array): void {
        if (frames.length === 0) return;
        this.#normaliser.push(frames, !this.#level.isSettling);
        const size = this.#melCount * MEL_BANDS;
        if (size + frames.length > this.mel.length) {
            const grown = new Float32Array(2 * (size + frames.length));
            grown.set(this.mel.subarray(0, size));
            this.mel = grown;
        }
        this.mel.set(frames, size);
        this.#melCount += frames.length / MEL_BANDS;
    }

    async #encode(end: number): Promise<StreamFrames> {
        const first = this.#next;
        const count = Math.max(0, end - first);
        const features = new Float32Array(count * AUDIO_FEAT_DIM);
        const energy = new Float32Array(count);
        this.#next = first + count;
        const gates = Float32Array.from({ length: count }, (_, n) => this.#gateAt(first + n));
        for (let n = 0; n < count;) n = await this.#encodeSome(gates, n, features);
        for (let n = 0; n < count; n++) this.#settle(gates[n] as number, n, features, energy, first + n);
        this.#forget();
        return { first, features, energy };
    }

    /** Encodes the next frames that are not at rest, a batch at most. @returns the frame to go on with. */
    async #encodeSome(gates: Float32Array, from: number, features: Float32Array): Promise<number> {
        const first = this.#next - gates.length;
        let start = from;
        while (start < gates.length && gates[start] === 0) start++;
        let end = start;
        for (; end < gates.length && end - start < BATCH && gates[end] !== 0; end++) {
            const hop = (first + end) * this.#hops + this.#firstHop - this.#melStart;
            const window = this.#windows.subarray((end - start) * WINDOW_SIZE, (end - start + 1) * WINDOW_SIZE);
            windowFrom(this.mel, this.#melCount, hop, window, this.#silence);
        }
        if (end > start) {
            const out = features.subarray(start * AUDIO_FEAT_DIM, end * AUDIO_FEAT_DIM);
            await this.#encoder.encode(this.#windows, end - start, out);
        }
        return end;
    }

    /** How far the lips are from rest, 0..1: they glide in 120 ms to speech and back. */
    #gateAt(frame: number): number {
        const step = 1 / (GLIDE_SECONDS * this.#fps);
        this.#gate += this.#isSpeechAt((frame + 0.5) / this.#fps) ? step : -step;
        this.#gate = Math.max(0, Math.min(1, this.#gate));
        return this.#gate;
    }

    /** Brings a frame to rest where nobody speaks. */
    #settle(gate: number, n: number, features: Float32Array, energy: Float32Array, frame: number): void {
        for (let i = 0; i < AUDIO_FEAT_DIM; i++) {
            const rest = this.#rest[i] as number;
            const at = n * AUDIO_FEAT_DIM + i;
            features[at] = rest + gate * ((features[at] as number) - rest);
        }
        const hop = Math.floor(frame * this.#hops - this.#melStart);
        energy[n] = hop < this.#melCount ? gate * energyOf(this.mel, hop * MEL_BANDS) : 0;
    }

    #isSpeechAt(time: number): boolean {
        const perSecond = FEATURE_RATE / LEVEL_BLOCK;
        const oldest = Math.floor((time - HANG_OVER_SECONDS) * perSecond);
        const newest = Math.floor((time + RUN_IN_SECONDS) * perSecond);
        while (this.speech.length > 0 && (this.speech[0] as number) < oldest) this.speech.shift();
        return this.speech.length > 0 && (this.speech[0] as number) <= newest;
    }

    /** Drops the feature frames that no coming window needs. */
    #forget(): void {
        const keepFrom = Math.max(0, this.#next * this.#hops + this.#firstHop);
        const drop = Math.min(this.#melCount, keepFrom - this.#melStart);
        if (drop < WINDOW_FRAMES) return;
        this.mel.copyWithin(0, drop * MEL_BANDS, this.#melCount * MEL_BANDS);
        this.#melStart += drop;
        this.#melCount -= drop;
    }
}
