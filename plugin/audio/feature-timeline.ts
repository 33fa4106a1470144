import { AUDIO_FEAT_DIM, PgsError, assertFinite } from '../core/index.js';
import { GLIDE_SECONDS, smooth } from './lip-rest.js';
import type { FramePlace, SpokenTimeline } from './spoken-timeline.js';

/** f_a over the time of one clip. */
export class FeatureTimeline implements SpokenTimeline {
    /** `[frameCount, AUDIO_FEAT_DIM]`. */
    public readonly features: Float32Array;
    public readonly frameCount: number;
    /** Feature frames a second. */
    public readonly fps: number;
    /** f_a of silence `[AUDIO_FEAT_DIM]`. */
    public readonly rest: Float32Array;
    /** Length of the clip, s. */
    public readonly duration: number;
    /** Loudness of each frame, 0..1. */
    public readonly energy: Float32Array;

    /**
     * @param features - `[F, AUDIO_FEAT_DIM]`; kept, not copied.
     * @param duration - s; the last frame may reach beyond it.
     * @param energy - loudness of each frame, 0..1; kept. Default: none.
     * @throws PgsError `ENCODER_UNSUPPORTED` - no whole frames, or NaN: the encoder is broken.
     */
    public constructor(
        features: Float32Array,
        fps: number,
        duration: number,
        rest: Float32Array,
        energy: Float32Array = new Float32Array(features.length / AUDIO_FEAT_DIM),
    ) {
        const frameCount = features.length / AUDIO_FEAT_DIM;
        if (
            !Number.isInteger(frameCount) ||
            frameCount < 1 ||
            !(fps > 0) ||
            !(duration > 0) ||
            rest.length !== AUDIO_FEAT_DIM
        ) {
            throw new PgsError(
                'ENCODER_UNSUPPORTED',
                `FeatureTimeline: expected frames of ${AUDIO_FEAT_DIM} values, a rate and a duration above 0, got ${features.length} values, ` +
                    `${fps} fps, ${duration} s, rest of ${rest.length}. Check the audio encoder.`,
            );
        }
        assertFinite(
            'ENCODER_UNSUPPORTED',
            'FeatureTimeline features',
            features,
            'Export the head again; its audio encoder gives no numbers.',
        );
        this.features = features;
        this.frameCount = frameCount;
        this.fps = fps;
        this.duration = duration;
        this.rest = rest;
        this.energy = energy;
    }

    public segmentAt(time: number): FramePlace | null {
        const position = time * this.fps - 0.5;
        const isBetween = position >= 0 && position < this.frameCount - 1 && time >= 0 && time <= this.duration;
        if (!isBetween) return null;
        const frame = Math.floor(position);
        return { frame, share: position - frame };
    }

    public featureOf(frame: number): Float32Array {
        return this.features.subarray(frame * AUDIO_FEAT_DIM, (frame + 1) * AUDIO_FEAT_DIM);
    }

    /** As everywhere; before the clip it glides in from rest, after it back to rest, over 120 ms. */
    public sample(time: number, out: Float32Array): void {
        const position = Math.min(this.frameCount - 1, Math.max(0, time * this.fps - 0.5));
        const k = Math.min(Math.floor(position), Math.max(0, this.frameCount - 2));
        const share = position - k;
        const row = k * AUDIO_FEAT_DIM;
        const next = Math.min(k + 1, this.frameCount - 1) * AUDIO_FEAT_DIM;
        const outside = Math.max(0, -time, time - this.duration);
        const speech = 1 - smooth(outside / GLIDE_SECONDS);
        for (let i = 0; i < AUDIO_FEAT_DIM; i++) {
            const here = this.features[row + i] as number;
            const spoken = here + share * ((this.features[next + i] as number) - here);
            const rest = this.rest[i] as number;
            out[i] = rest + speech * (spoken - rest);
        }
    }

    public energyAt(time: number): number {
        return this.energy[Math.floor(time * this.fps)] ?? 0;
    }
}
