import { AUDIO_FEAT_DIM, PgsError, assertFinite } from '../core/index.js';
import { GLIDE_SECONDS, smooth } from './lip-rest.js';

/** f_a over the time of one clip. */
export class FeatureTimeline {
    /** `[frameCount, AUDIO_FEAT_DIM]`. */
    public readonly features: Float32Array;
    public readonly frameCount: number;
    /** Feature frames a second. */
    public readonly fps: number;
    /** f_a of silence `[AUDIO_FEAT_DIM]`. */
    public readonly rest: Float32Array;
    /** Length of the clip, s. */
    public readonly duration: number;

    /**
     * @param features - `[F, AUDIO_FEAT_DIM]`; kept, not copied.
     * @param duration - s; the last frame may reach beyond it.
     * @throws PgsError `ENCODER_UNSUPPORTED` - no whole frames, or NaN: the encoder is broken.
     */
    public constructor(features: Float32Array, fps: number, duration: number, rest: Float32Array) {
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
    }

    /**
     * Between which two frames a time of the clip lies.
     *
     * @param time - s.
     * @returns the frame before, the share of the one after, 0..1; null outside the clip and where it has no two frames, so
     *   that {@link sample} is more than a line between two frames.
     */
    public segmentAt(time: number): { readonly frame: number; readonly share: number } | null {
        const position = time * this.fps - 0.5;
        const isBetween = position >= 0 && position < this.frameCount - 1 && time >= 0 && time <= this.duration;
        if (!isBetween) return null;
        const frame = Math.floor(position);
        return { frame, share: position - frame };
    }

    /** f_a of a frame `[AUDIO_FEAT_DIM]`, not to be changed. */
    public featureOf(frame: number): Float32Array {
        return this.features.subarray(frame * AUDIO_FEAT_DIM, (frame + 1) * AUDIO_FEAT_DIM);
    }

    /**
     * Feature at a time of the clip: frame k is centred at (k + 0.5) / fps, and between centres it is interpolated
     * linearly (a step at frame borders would shift the lips by half a frame on average). Before the clip it glides in
     * from rest, after it back to rest, over 120 ms.
     *
     * @param time - s; any finite number.
     * @param out - `[AUDIO_FEAT_DIM]`, written whole.
     */
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
}
