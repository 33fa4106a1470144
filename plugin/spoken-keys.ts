import type { SpokenSegment } from './audio/index.js';
import type { KeySlot } from './deformer/index.js';

/** Key poses to make, and where between the two to show the head. */
export interface KeyPlan {
    readonly loads: readonly { readonly slot: KeySlot; readonly frame: number }[];
    /** Of slot 1, 0..1. */
    readonly share: number;
}

/**
 * Which feature frames of speech lie in the two key poses of a head: even frames in slot 0, odd ones in slot 1, so that going on by
 * a frame makes one key.
 */
export class SpokenKeys {
    readonly #frames: [number, number] = [-1, -1];
    #timeline: SpokenSegment['timeline'] | undefined;
    #lastFrame = -1;

    /** Says that the keys no longer fit, because something else than speech has changed. */
    public forget(): void {
        this.#frames.fill(-1);
        this.#lastFrame = -1;
    }

    /**
     * @returns null where an instant of its own is cheaper: the display is slower than the features, so that two keys would be made
     *   for one picture.
     */
    public plan({ timeline, frame, share }: SpokenSegment): KeyPlan | null {
        if (timeline !== this.#timeline) {
            this.#timeline = timeline;
            this.forget();
        }
        const isStillHere = frame === this.#lastFrame;
        this.#lastFrame = frame;
        const missing = [frame, frame + 1].filter((key) => this.#frames[slotOf(key)] !== key);
        if (missing.length === 2 && !isStillHere) return null;
        for (const key of missing) this.#frames[slotOf(key)] = key;
        return {
            loads: missing.map((key) => ({ slot: slotOf(key), frame: key })),
            share: slotOf(frame) === 0 ? share : 1 - share,
        };
    }
}

function slotOf(frame: number): KeySlot {
    return frame % 2 === 0 ? 0 : 1;
}
