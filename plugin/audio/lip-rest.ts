/** Time in which the lips glide between two feature sources, s: quick enough for a barge-in, slow enough not to snap. */
export const GLIDE_SECONDS = 0.12;

/**
 * Cross-fades a feature from what was last shown to what is wanted now, over {@link GLIDE_SECONDS} from each {@link begin}.
 * Driven by the time it is given; allocates nothing per call.
 */
export class LipGlide {
    private readonly from: Float32Array;
    private startTime = Number.NEGATIVE_INFINITY;

    public constructor(rest: Float32Array) {
        this.from = rest.slice();
    }

    /** Starts a glide at `time` from the feature shown last. */
    public begin(time: number, shown: Float32Array): void {
        this.from.set(shown);
        this.startTime = time;
    }

    /** Whether the lips are still on their way at `time`. */
    public isGliding(time: number): boolean {
        return time - this.startTime < GLIDE_SECONDS;
    }

    /** Blends the wanted feature in `out` with where the glide began. */
    public apply(time: number, out: Float32Array): void {
        const progress = (time - this.startTime) / GLIDE_SECONDS;
        if (!this.isGliding(time)) return;
        const share = smooth(Math.max(0, progress));
        for (let i = 0; i < out.length; i++) {
            const from = this.from[i] as number;
            out[i] = from + share * ((out[i] as number) - from);
        }
    }
}

/** Cubic ease from 0 to 1 with level ends. */
export function smooth(progress: number): number {
    const x = Math.min(1, Math.max(0, progress));
    return x * x * (3 - 2 * x);
}
