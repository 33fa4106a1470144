import { assertShape } from '../core/index.js';

/** Share of a pixel's colour, 0..1, below which nothing is seen: half a step of an 8-bit display. */
export const VISIBLE_SHARE: number = 0.5 / 255;

/** A view of a head, as far as it decides which splats it reaches. */
export interface ReachView {
    /** From the head's centre to the camera, head space, length 1. */
    readonly direction: readonly [number, number, number];
    /** Metres from the head's centre to the camera. */
    readonly distance: number;
    /** Pixels that a metre takes at the head's centre. */
    readonly pixelsPerMetre: number;
}

/** A viewpoint whose pixel counts stand for all views near it. */
export interface ReachCell {
    readonly key: string;
    readonly view: ReachView;
}

/** Cells around the sphere: neighbours are 11 degrees apart or more, and no direction is further than 10 degrees from a cell. */
const DIRECTIONS = 256;
/** A view takes the cells within this angle: three on average, two at least; what parallax uncovers between them, one of them saw. */
const JOIN_COSINE = Math.cos((13 * Math.PI) / 180);
/** A cell that was taken stays until the view is this far away, so that a view on a border does not switch to and fro. */
const LEAVE_COSINE = Math.cos((16 * Math.PI) / 180);
/** Distances of cells are powers of this: perspective changes what hides what. */
const DISTANCE_STEP = 1.5;
/** Octaves that a cell may be finer than the view and still stay. */
const LEAVE_OCTAVES = 1.25;
/** Measured cells kept; at 60,000 splats they take 4 MB. */
const MOST_CELLS = 512;

/**
 * Which splats the views of a head reach, from pixel counts (Eq. 5) measured once for each of a grid of viewpoints: the decision
 * of pixel-aware level of detail.
 *
 * A view keeps what any of the cells around it reaches. While one of them is not measured, it keeps everything, so nothing is
 * ever left out unseen. Pure: who measures is told by {@link missing}.
 */
export class ReachCells {
    readonly #splatCount: number;
    readonly #always: Uint8Array;
    readonly #directions: Float64Array = fibonacciSphere(DIRECTIONS);
    /** Reached splats by cell, in order of last use. */
    readonly #measured: Map<string, Uint8Array> = new Map();
    #wanted: Map<string, ReachCell> = new Map();
    /** What {@link lookFrom} was last told: a camera that stands still asks for nothing new. */
    #views: readonly ReachView[] | null | undefined;
    #isEverything = true;
    #kept: Uint8Array | null = null;
    #keptKey = '';
    #version = 0;

    /** @param always - 1 for a splat that is never left out `[splatCount]`; kept, not copied. */
    public constructor(always: Uint8Array) {
        this.#always = always;
        this.#splatCount = always.length;
    }

    /** Grows when {@link kept} changes. */
    public get version(): number {
        return this.#version;
    }

    /** 1 for a splat that some view reaches `[splatCount]`, not to be changed; null for all of them. */
    public get kept(): Uint8Array | null {
        return this.#kept;
    }

    /** A cell that the views need and that was never measured. */
    public get missing(): ReachCell | undefined {
        for (const cell of this.#wanted.values()) if (!this.#measured.has(cell.key)) return cell;
        return undefined;
    }

    /**
     * Sets the views of this frame.
     *
     * @param views - null where something looks from who knows where: then everything is kept.
     */
    public lookFrom(views: readonly ReachView[] | null): void {
        if (this.#views !== undefined && areSame(views, this.#views)) return;
        this.#views = views && [...views];
        const wanted = new Map<string, ReachCell>();
        for (const view of views ?? []) {
            const staying = [...this.#wanted.values()].filter((cell) => mayStay(cell.view, view));
            const joining = this.#cellsAround(view).filter((cell) => !staying.some((other) => isSameWay(cell, other)));
            for (const cell of [...staying, ...joining]) wanted.set(cell.key, cell);
        }
        this.#wanted = wanted;
        this.#isEverything = views === null;
        this.#decide();
    }

    /**
     * Takes the measurement of a cell.
     *
     * @param pixelCounts - pixels that each splat reaches `[splatCount]`.
     * @throws PgsError `OPTION_VALUE` - another length.
     */
    public put(cell: ReachCell, pixelCounts: ArrayLike<number>): void {
        assertShape(
            'OPTION_VALUE',
            'ReachCells.put pixelCounts',
            pixelCounts,
            this.#splatCount,
            1,
            'Pass one a splat.',
        );
        const reached = new Uint8Array(this.#splatCount);
        for (let i = 0; i < reached.length; i++) reached[i] = Number(pixelCounts[i]) > 0 ? 1 : 0;
        this.#measured.set(cell.key, reached);
        this.#decide();
        for (const key of this.#measured.keys()) {
            if (this.#measured.size <= MOST_CELLS) break;
            if (!this.#wanted.has(key)) this.#measured.delete(key);
        }
    }

    #cellsAround({ direction, distance, pixelsPerMetre }: ReachView): ReachCell[] {
        const cells: ReachCell[] = [];
        // The finer power of two: a finer picture is reached by more splats, not fewer.
        const octave = Math.ceil(Math.log2(pixelsPerMetre));
        const step = Math.round(Math.log(distance) / Math.log(DISTANCE_STEP));
        const at = (index: number): number => this.#directions[index] as number;
        for (let k = 0; k < DIRECTIONS; k++) {
            const [x, y, z] = [at(k * 3), at(k * 3 + 1), at(k * 3 + 2)];
            if (x * direction[0] + y * direction[1] + z * direction[2] < JOIN_COSINE) continue;
            cells.push({
                key: `${k} ${octave} ${step}`,
                view: { direction: [x, y, z], distance: DISTANCE_STEP ** step, pixelsPerMetre: 2 ** octave },
            });
        }
        return cells;
    }

    #decide(): void {
        const cells = [...this.#wanted.keys()];
        const isAll = this.#isEverything || cells.length === 0 || cells.some((key) => !this.#measured.has(key));
        const keptKey = isAll ? '' : cells.sort().join();
        if (keptKey === this.#keptKey) return;
        this.#keptKey = keptKey;
        this.#kept = isAll ? null : this.#union(cells);
        this.#version++;
    }

    #union(keys: readonly string[]): Uint8Array {
        const union = this.#always.slice();
        for (const key of keys) {
            const reached = this.#measured.get(key) as Uint8Array;
            // Set again: the map keeps its keys in order of last use.
            this.#measured.delete(key);
            this.#measured.set(key, reached);
            for (let i = 0; i < union.length; i++) union[i] = (union[i] as number) | (reached[i] as number);
        }
        return union;
    }
}

function mayStay(cell: ReachView, view: ReachView): boolean {
    const [a, b] = [cell.direction, view.direction];
    const octaves = Math.log2(cell.pixelsPerMetre / view.pixelsPerMetre);
    return (
        a[0] * b[0] + a[1] * b[1] + a[2] * b[2] > LEAVE_COSINE &&
        octaves >= 0 &&
        octaves < LEAVE_OCTAVES &&
        Math.abs(Math.log(cell.distance / view.distance)) < Math.log(DISTANCE_STEP)
    );
}

function areSame(a: readonly ReachView[] | null, b: readonly ReachView[] | null): boolean {
    if (a === null || b === null) return a === b;
    return (
        a.length === b.length &&
        a.every((view, k) => {
            const other = b[k] as ReachView;
            return (
                view.distance === other.distance &&
                view.pixelsPerMetre === other.pixelsPerMetre &&
                view.direction.every((value, axis) => value === other.direction[axis])
            );
        })
    );
}

/** Whether two cells differ at most in distance and pixels. */
function isSameWay(a: ReachCell, b: ReachCell): boolean {
    return a.view.direction.every((value, axis) => value === b.view.direction[axis]);
}

/** Directions spread evenly over the sphere `[count, 3]`: equal steps in height, golden angle around. */
function fibonacciSphere(count: number): Float64Array {
    const points = new Float64Array(count * 3);
    const golden = Math.PI * (3 - Math.sqrt(5));
    for (let k = 0; k < count; k++) {
        const y = 1 - (2 * k + 1) / count;
        const ring = Math.sqrt(1 - y * y);
        points.set([ring * Math.cos(k * golden), y, ring * Math.sin(k * golden)], k * 3);
    }
    return points;
}
