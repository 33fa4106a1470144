import type { DepthSorter, NearnessAxis, SortedView } from '../compute/index.js';

/** Views kept before orders are recycled within a frame; a cube probe and a stereo pair fit. */
const MAX_SLOTS = 16;

/** Directions this close (per component of a unit vector) share an order: it moves no splat by a step of the depth key. */
const SAME_DIRECTION = 1e-5;

/** A draw order in use: the direction and the pose it was sorted for. */
export interface ViewSlot {
    readonly view: SortedView;
    x: number;
    y: number;
    z: number;
    poseVersion: number;
    lastFrame: number;
}

/**
 * Draw orders by view *direction*: an order depends on nothing else, so cameras that only move sideways, and the two eyes
 * of a headset, share one and sort nothing.
 *
 * A slot that was used in a frame keeps its order until the frame is over, because the engine's draws run after all sorts.
 */
export class ViewOrders {
    readonly #sorter: DepthSorter;
    readonly #slots: ViewSlot[] = [];

    public constructor(sorter: DepthSorter) {
        this.#sorter = sorter;
    }

    /** Orders allocated. */
    public get count(): number {
        return this.#slots.length;
    }

    /** The slot that already has this direction, whatever its pose. */
    public find(axis: NearnessAxis): ViewSlot | undefined {
        for (const slot of this.#slots) {
            if (isSameDirection(slot, axis)) return slot;
        }
        return undefined;
    }

    /**
     * A slot for this direction in this frame: the one that has it, else the longest unused, else a new one.
     *
     * @returns the slot; its order is current only when {@link isCurrent} says so.
     */
    public acquire(axis: NearnessAxis, frame: number): ViewSlot {
        const slot = this.find(axis) ?? this.#recycle(frame);
        if (!isSameDirection(slot, axis)) {
            slot.x = axis.x;
            slot.y = axis.y;
            slot.z = axis.z;
            slot.poseVersion = -1;
        }
        slot.lastFrame = frame;
        return slot;
    }

    /** Sets the slot's plane and marks it sorted; the caller records it before anything draws with it. */
    public aim(slot: ViewSlot, axis: NearnessAxis, poseVersion: number): void {
        slot.view.aim(axis);
        slot.poseVersion = poseVersion;
    }

    #recycle(frame: number): ViewSlot {
        let oldest: ViewSlot | undefined;
        for (const slot of this.#slots) {
            if (oldest === undefined || slot.lastFrame < oldest.lastFrame) oldest = slot;
        }
        const isFree = oldest !== undefined && oldest.lastFrame < frame;
        if (oldest && (isFree || this.#slots.length >= MAX_SLOTS)) return oldest;
        const slot = { view: this.#sorter.createView(), x: NaN, y: NaN, z: NaN, poseVersion: -1, lastFrame: frame };
        this.#slots.push(slot);
        return slot;
    }
}

function isSameDirection(slot: ViewSlot, axis: NearnessAxis): boolean {
    const difference = Math.max(Math.abs(slot.x - axis.x), Math.abs(slot.y - axis.y), Math.abs(slot.z - axis.z));
    return difference <= SAME_DIRECTION;
}
