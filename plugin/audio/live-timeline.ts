import { AUDIO_FEAT_DIM, PgsError } from '../core/index.js';
import { GLIDE_SECONDS, smooth } from './lip-rest.js';
import { STREAM_FPS } from './front-end.js';
import { type StreamFrames } from './speech-stream.js';
import type { FramePlace, SpokenTimeline } from './spoken-timeline.js';

/** The last frame is held for this long when the next one is late, s; then the lips glide to rest. */
export const HOLD_SECONDS = 0.06;
/** Into its first frame a stream glides in this time, s: after an interruption the lips come to rest before they open for what follows. */
const RUN_IN_SECONDS = 0.06;
/** What was heard up to this long ago is kept, s: the clock may go back a little when a device changes. */
const KEPT_SECONDS = 1;
const FIRST_CAPACITY = 256;

/**
 * f_a of sound that is still coming: frames are added at its end and forgotten at its beginning.
 *
 * Before the first frame the lips glide from rest, over 60 ms, and after the last one to it, over 120. Memory grows with the frames between
 * what is heard and what is known, up to a limit; beyond it the oldest go.
 */
export class LiveTimeline implements SpokenTimeline {
    private readonly rest: Float32Array;
    private readonly limit: number;
    private readonly fps: number;
    /** Ring of `capacity` frames; frame k lies at k modulo capacity. */
    private features: Float32Array = new Float32Array(FIRST_CAPACITY * AUDIO_FEAT_DIM);
    private energy: Float32Array = new Float32Array(FIRST_CAPACITY);
    private capacity = FIRST_CAPACITY;
    private first = 0;
    private next = 0;
    private endTime = Number.POSITIVE_INFINITY;

    /**
     * @param rest - f_a of silence `[AUDIO_FEAT_DIM]`.
     * @param limitSeconds - sound whose frames are held at most, s.
     * @param fps - frames a second.
     */
    public constructor(rest: Float32Array, limitSeconds: number, fps: number = STREAM_FPS) {
        this.fps = fps;
        this.rest = rest;
        this.limit = Math.ceil((limitSeconds + KEPT_SECONDS) * fps);
    }

    /** Frames known from the start. */
    public get frameCount(): number {
        return this.next;
    }

    /** Time up to which the lips are known, s: the centre of the last frame. */
    public get knownTime(): number {
        return this.next === 0 ? 0 : (this.next - 0.5) / this.fps;
    }

    /** Length of the sound, s; infinite until {@link finish}. */
    public get duration(): number {
        return this.endTime;
    }

    /** Adds the frames that follow. @throws PgsError `ENCODER_UNSUPPORTED` - they do not follow, or hold NaN. */
    public append({ first, features, energy }: StreamFrames): void {
        if (first !== this.next || features.some((value) => !Number.isFinite(value))) {
            throw new PgsError(
                'ENCODER_UNSUPPORTED',
                `LiveTimeline.append: expected finite frames from ${this.next} on, got ${energy.length} from ${first} on. Check the audio encoder.`,
            );
        }
        this.reserve(energy.length);
        for (let n = 0; n < energy.length; n++) {
            const at = this.next++ % this.capacity;
            this.features.set(features.subarray(n * AUDIO_FEAT_DIM, (n + 1) * AUDIO_FEAT_DIM), at * AUDIO_FEAT_DIM);
            this.energy[at] = energy[n] as number;
        }
        this.first = Math.max(this.first, this.next - this.capacity);
    }

    /** Nothing will be added; the sound lasts for `duration` s. */
    public finish(duration: number): void {
        this.endTime = duration;
    }

    /** Lets go of what was heard long before `time`, s. */
    public forgetBefore(time: number): void {
        const keep = Math.floor((time - KEPT_SECONDS) * this.fps);
        this.first = Math.max(this.first, Math.min(this.next, keep));
    }

    public segmentAt(time: number): FramePlace | null {
        const position = time * this.fps - 0.5;
        const frame = Math.floor(position);
        if (frame < this.first || frame + 1 >= this.next || time > this.endTime) return null;
        return { frame, share: position - frame };
    }

    public featureOf(frame: number): Float32Array {
        const at = (frame % this.capacity) * AUDIO_FEAT_DIM;
        return this.features.subarray(at, at + AUDIO_FEAT_DIM);
    }

    public sample(time: number, out: Float32Array): void {
        if (this.next === this.first) return out.set(this.rest);
        const last = this.next - 1;
        const position = Math.min(last, Math.max(this.first, time * this.fps - 0.5));
        const k = Math.floor(position);
        const share = position - k;
        const here = this.featureOf(k);
        const there = this.featureOf(Math.min(k + 1, last));
        const isFinished = this.endTime < Number.POSITIVE_INFINITY;
        const late = isFinished ? time - this.endTime : time - this.knownTime - HOLD_SECONDS;
        const speech = 1 - smooth(Math.max(-time / RUN_IN_SECONDS, late / GLIDE_SECONDS));
        for (let i = 0; i < AUDIO_FEAT_DIM; i++) {
            const before = here[i] as number;
            const spoken = before + share * ((there[i] as number) - before);
            const rest = this.rest[i] as number;
            out[i] = rest + speech * (spoken - rest);
        }
    }

    public energyAt(time: number): number {
        const frame = Math.floor(time * this.fps);
        return frame >= this.first && frame < this.next ? (this.energy[frame % this.capacity] as number) : 0;
    }

    private reserve(count: number): void {
        const needed = Math.min(this.limit, this.next - this.first + count);
        if (Math.max(needed, count) <= this.capacity) return;
        const capacity = Math.max(2 * this.capacity, needed, count);
        const features = new Float32Array(capacity * AUDIO_FEAT_DIM);
        const energy = new Float32Array(capacity);
        for (let frame = this.first; frame < this.next; frame++) {
            features.set(this.featureOf(frame), (frame % capacity) * AUDIO_FEAT_DIM);
            energy[frame % capacity] = this.energy[frame % this.capacity] as number;
        }
        this.features = features;
        this.energy = energy;
        this.capacity = capacity;
    }
}
