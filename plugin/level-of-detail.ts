import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import type { Matrix } from '@babylonjs/core/Maths/math.vector.js';
import { GpuArena, ReachMeter, type ColourLayout } from './compute/index.js';
import type { HeadAsset } from './core/index.js';
import { packSplats, probeMotionAsync, totalSplats, type BakedHead } from './deformer/index.js';
import { ReachCells, VISIBLE_SHARE, type ReachCell, type ReachView } from './densify/index.js';
import { ReachViews } from './reach-views.js';
import type { DepthSphere } from './splat-material/index.js';

/** What a {@link LevelOfDetail} decides about. Buffers belong to the caller. */
export interface LevelOfDetailOptions {
    readonly name: string;
    readonly device: GPUDevice;
    readonly asset: HeadAsset;
    readonly baked: BakedHead;
    /** Packed spherical harmonics. */
    readonly splatColours: GPUBuffer;
    readonly colours: ColourLayout;
    readonly sphere: DepthSphere;
    /** f_a of silence `[AUDIO_FEAT_DIM]`. */
    readonly restFeat: ArrayLike<number>;
}

/**
 * Metres that a splat may move with an expression and still be judged by its place at rest. Measured on the default avatar: lids and
 * brows move 3 to 6 mm, the cheek under AU06 as a whole 1.4 mm, which uncovers nothing.
 */
const MOVING = 2e-3;
/** Metres around the inside of the mouth in which nothing is left out: lips part and show what the closed mouth hides (chosen). */
const LIP_MARGIN = 0.015;
/** Side of a measured picture, px, at most (chosen: a tile pass that no GPU feels). */
const MOST_PIXELS = 1024;
/** Nearest measured viewpoint in radii: nearer ones would not see the whole sphere in one picture. */
const NEAREST = 1.6;
/** Views nearer than this, in radii, keep everything. */
const TOO_NEAR = 0.5;
/** Frames between two measurements, at least. */
const REST_FRAMES = 2;

/**
 * Pixel-aware level of detail of a head: finds the splats that no pixel of the shown views needs, so that they are neither
 * deformed nor sorted nor drawn.
 *
 * Viewpoints are measured once, at rest, when a view first comes near them ({@link ReachCells}); the inside of the mouth, the
 * lips and whatever expressions move are never left out.
 */
export class LevelOfDetail {
    readonly #sphere: DepthSphere;
    readonly #arena: GpuArena;
    readonly #meter: ReachMeter;
    readonly #cells: ReachCells;
    readonly #views: ReachViews = new ReachViews();
    readonly #onFault: (error: Error) => void;
    #framesSince = REST_FRAMES;
    #isGone = false;

    private constructor(
        sphere: DepthSphere,
        arena: GpuArena,
        meter: ReachMeter,
        always: Uint8Array,
        onFault: (error: Error) => void,
    ) {
        this.#sphere = sphere;
        this.#arena = arena;
        this.#meter = meter;
        this.#cells = new ReachCells(always);
        this.#onFault = onFault;
    }

    /**
     * Compiles, and finds what moves.
     *
     * @param onFault - told when a measurement fails; then no further one is made and everything is kept.
     * @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. @throws Error - the device was lost.
     */
    public static async createAsync(
        options: LevelOfDetailOptions,
        onFault: (error: Error) => void,
    ): Promise<LevelOfDetail> {
        const { name, device, asset, baked, splatColours, colours, sphere, restFeat } = options;
        const arena = new GpuArena(device, `${name} at rest`);
        try {
            const posedSplats = arena.storage('posed splats', packSplats(asset.branches, 'posed'));
            const splatCount = totalSplats(asset.branches);
            const faceCount = asset.branches.face.splats.count;
            const motion = await probeMotionAsync(device, asset, baked, restFeat);
            // Last: where it fails it leaves nothing behind, and nothing after it can fail.
            const meter = await ReachMeter.createAsync({
                label: name,
                device,
                posedSplats,
                splatColours,
                colours,
                splatCount,
                faceCount,
            });
            return new LevelOfDetail(sphere, arena, meter, splatsToKeep(asset, motion), onFault);
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** Grows when {@link kept} changes. */
    public get version(): number {
        return this.#cells.version;
    }

    /** 1 for a splat to be drawn `[splatCount]`, face first, not to be changed; null for all. */
    public get kept(): Uint8Array | null {
        return this.#cells.kept;
    }

    /**
     * Looks at this frame's views, and starts a measurement where one is missing.
     *
     * @param cameras - who looks; null: the head is looked at from who knows where.
     */
    public update(cameras: readonly Camera[] | null, headToWorld: Matrix): void {
        const views = cameras && this.#views.collect(cameras, headToWorld, this.#sphere.centre);
        // Without a meter nothing new can be known.
        this.#cells.lookFrom(views && !this.#isGone ? this.#measurable(views) : null);
        const { missing } = this.#cells;
        if (++this.#framesSince <= REST_FRAMES || missing === undefined || this.#meter.isBusy || this.#isGone) return;
        this.#framesSince = 0;
        this.#measureAsync(missing).catch((error: unknown) => {
            if (this.#isGone) return;
            this.dispose();
            this.#onFault(error as Error);
        });
    }

    /** Frees everything. Twice is fine. */
    public dispose(): void {
        if (this.#isGone) return;
        this.#isGone = true;
        this.#meter.dispose();
        queueMicrotask(() => this.#arena.dispose());
    }

    /** Views within what can be measured: far enough, and not finer than the largest picture. */
    #measurable(views: readonly ReachView[]): ReachView[] | null {
        const { radius } = this.#sphere;
        if (views.some(({ distance }) => !(distance > TOO_NEAR * radius))) return null;
        return views.map((view) => {
            const distance = Math.max(view.distance, NEAREST * radius);
            const side = (2 * radius * distance) / Math.sqrt(distance * distance - radius * radius);
            // A cell may be an octave finer than the view.
            return { ...view, distance, pixelsPerMetre: Math.min(view.pixelsPerMetre, MOST_PIXELS / 2 / side) };
        });
    }

    async #measureAsync(cell: ReachCell): Promise<void> {
        const counts = await this.#meter.countAsync({ ...this.#sphere, ...cell.view }, VISIBLE_SHARE);
        if (!this.#isGone) this.#cells.put(cell, counts);
    }
}

/** The mouth, what lies around it, and what expressions move: 1 `[splatCount]`. */
function splatsToKeep({ branches }: HeadAsset, motion: Float32Array): Uint8Array {
    const { face, mouth } = branches;
    const always = new Uint8Array(totalSplats(branches)).fill(1, face.splats.count);
    const [low, high] = boxOf(mouth.splats.means, mouth.movingCount);
    for (let i = 0; i < face.splats.count; i++) {
        const isNearLips = [0, 1, 2].every((axis) => {
            const value = face.splats.means[i * 3 + axis] as number;
            return value > (low[axis] as number) - LIP_MARGIN && value < (high[axis] as number) + LIP_MARGIN;
        });
        if (isNearLips || (motion[i] as number) > MOVING) always[i] = 1;
    }
    return always;
}

/** Lowest and highest corner of the first `count` points `[count, 3]`. */
function boxOf(means: Float32Array, count: number): [number[], number[]] {
    const [low, high] = [
        [Infinity, Infinity, Infinity],
        [-Infinity, -Infinity, -Infinity],
    ];
    for (let k = 0; k < count * 3; k++) {
        const [value, axis] = [means[k] as number, k % 3];
        low[axis] = Math.min(low[axis] as number, value);
        high[axis] = Math.max(high[axis] as number, value);
    }
    return [low, high];
}
