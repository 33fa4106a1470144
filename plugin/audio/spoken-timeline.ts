/** Between which two frames an instant lies. */
export interface FramePlace {
    /** The frame before; the one after follows it. */
    readonly frame: number;
    /** Of the frame after, 0..1. */
    readonly share: number;
}

/** f_a over the time of something that is said. */
export interface SpokenTimeline {
    /**
     * Between which two frames a time lies.
     *
     * @param time - s.
     * @returns null where {@link sample} is more than a line between two frames: outside the sound, and beyond what is known.
     */
    segmentAt(time: number): FramePlace | null;
    /** f_a of a frame that {@link segmentAt} named, or of the one after `[AUDIO_FEAT_DIM]`; not to be changed, valid until frames are added. */
    featureOf(frame: number): Float32Array;
    /**
     * Feature at a time: frame k is centred at (k + 0.5) / fps, and between centres it is interpolated linearly (a step at
     * frame borders would shift the lips by half a frame on average).
     *
     * @param time - s; any finite number.
     * @param out - `[AUDIO_FEAT_DIM]`, written whole.
     */
    sample(time: number, out: Float32Array): void;
    /** Loudness at a time against the voice's own level, 0..1. */
    energyAt(time: number): number;
}
