import { LipGlide } from '../lip-rest.js';
import type { SpokenTimeline } from '../spoken-timeline.js';

/** What is heard lies on the straight line between two feature frames. */
export interface SpokenSegment {
    readonly timeline: SpokenTimeline;
    /** The frame before; the one after follows it. */
    readonly frame: number;
    /** Of the frame after, 0..1. */
    readonly share: number;
}

/** Going back by more than this, or on by this more than the page's time, is a jump: a seek, a loop, s. */
const JUMP_SECONDS = 0.15;

/**
 * The mouth that belongs to what is heard. It is a function of time, but where that function jumps - between two sounds, at a seek, into
 * and out of a pause - it glides in 120 ms. Allocates nothing a picture but what names the segment.
 */
export class Lips {
    /** Between which frames the last picture lay; null while the lips glide, rest, or pass an end of the sound. */
    public segment: SpokenSegment | null = null;
    /** Loudness of what was heard at the last picture, 0..1. */
    public energy = 0;
    private readonly rest: Float32Array;
    private readonly shown: Float32Array;
    /** What the last picture would have shown without a glide. */
    private readonly wanted: Float32Array;
    private readonly glide: LipGlide;
    private timeline: SpokenTimeline | null = null;
    private time = 0;
    private page = 0;
    private isLeaving = false;
    private isFirst = true;

    /** @param rest - f_a of silence `[AUDIO_FEAT_DIM]`. */
    public constructor(rest: Float32Array) {
        this.rest = rest;
        this.shown = rest.slice();
        this.wanted = rest.slice();
        this.glide = new LipGlide(rest);
    }

    /**
     * Gives f_a of a picture.
     *
     * @param page - time of the page, s.
     * @param timeline - of what is heard; null while nothing is.
     * @param time - place in it, s.
     * @param out - `[AUDIO_FEAT_DIM]`, written whole.
     * @returns false when it is what the last picture had.
     */
    public sample(page: number, timeline: SpokenTimeline | null, time: number, out: Float32Array): boolean {
        const step = time - this.time;
        const isJump = timeline !== this.timeline || step < -JUMP_SECONDS || step > page - this.page + JUMP_SECONDS;
        if (timeline === null) out.set(this.rest);
        else timeline.sample(time, out);
        // From rest to a sound that has not begun there is nothing to glide over, and an earlier glide goes on to its end.
        if (isJump && !this.isLeaving && differs(out, this.wanted)) this.glide.begin(page, this.shown);
        this.wanted.set(out);
        this.isLeaving = false;
        this.timeline = timeline;
        this.time = time;
        this.page = page;
        this.energy = timeline?.energyAt(time) ?? 0;
        const place = this.glide.isGliding(page) ? null : (timeline?.segmentAt(time) ?? null);
        this.segment = place === null || timeline === null ? null : { timeline, ...place };
        this.glide.apply(page, out);
        const isChanged = this.isFirst || differs(out, this.shown);
        this.isFirst = false;
        if (isChanged) this.shown.set(out);
        return isChanged;
    }

    /** The lips leave what they show now, whatever the next picture brings: one sound ends before its time, or another begins. */
    public leave(page: number): void {
        this.isLeaving = true;
        this.glide.begin(page, this.shown);
    }
}

function differs(a: Float32Array, b: Float32Array): boolean {
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return true;
    return false;
}
