import type { Scene } from '@babylonjs/core/scene.js';
import { GpuArena, GpuTimer, type SortedView } from './compute/index.js';
import type { HeadAsset } from './core/index.js';
import {
    bakeHead,
    GpuDeformer,
    totalSplats,
    type BakedHead,
    type FeaturePrecision,
    type SharedActivations,
} from './deformer/index.js';
import { packColours, SplatDraw, TileDraw, type TileDrawOptions } from './splat-material/index.js';

/** What a {@link HeadGpu} is built from. */
export interface HeadGpuOptions {
    /** Label of everything on the device. */
    readonly name: string;
    readonly asset: HeadAsset;
    readonly scene: Scene;
    readonly device: GPUDevice;
    readonly precision: FeaturePrecision;
}

/**
 * What a head keeps on one GPU device: built from the asset, dropped and built again when the device changes.
 *
 * A frame is {@link pose} where the instant changed, then {@link submit} with the views that need sorting.
 */
export class HeadGpu {
    /** What the deformation of an instant is computed from. */
    public readonly baked: BakedHead;
    public readonly quads: SplatDraw;
    /** Time of the last pass of {@link submit}. */
    public readonly timer: GpuTimer;
    readonly #label: string;
    readonly #device: GPUDevice;
    readonly #arena: GpuArena;
    readonly #deformer: GpuDeformer;
    readonly #tileOptions: TileDrawOptions;
    #tiles: TileDraw | undefined;
    #tilesStarting: Promise<void> | undefined;
    #isDeformationDue = false;

    private constructor(
        label: string,
        device: GPUDevice,
        arena: GpuArena,
        parts: Pick<HeadGpu, 'baked' | 'quads'> & { deformer: GpuDeformer; tileOptions: TileDrawOptions },
    ) {
        this.#label = label;
        this.#device = device;
        this.#arena = arena;
        this.baked = parts.baked;
        this.quads = parts.quads;
        this.#tileOptions = parts.tileOptions;
        this.#deformer = parts.deformer;
        this.timer = new GpuTimer(device, arena);
    }

    /** Bakes and uploads a head. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`; then nothing is left behind. */
    public static async createAsync({ name, asset, scene, device, precision }: HeadGpuOptions): Promise<HeadGpu> {
        const { branches, bounds } = asset;
        const arena = new GpuArena(device, name);
        try {
            const baked = bakeHead(asset);
            const features = { face: baked.face.features, mouth: baked.mouth.features };
            const deformer = await GpuDeformer.createAsync({ device, arena, branches, baked: features, precision });
            const colours = packColours({ face: branches.face.splats, mouth: branches.mouth.splats });
            const drawn = {
                name,
                scene,
                device,
                arena,
                posedSplats: deformer.posedSplats,
                splatCount: totalSplats(branches),
                faceCount: branches.face.splats.count,
                colours,
                splatColours: arena.storage('colours', colours.halves),
                sphere: sphereOf(bounds),
            };
            const quads = await SplatDraw.createAsync(drawn);
            return new HeadGpu(name, device, arena, { baked, deformer, quads, tileOptions: drawn });
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** Sets the pose of the next submit; null puts the head at rest. */
    public pose(instant: SharedActivations | null): void {
        this.#isDeformationDue = instant !== null;
        if (instant) this.#deformer.setInstant(instant);
        else this.#deformer.rest();
        this.quads.markPosed();
        this.#tiles?.markPosed();
    }

    /** The tile rasterizer; undefined until {@link startTilesAsync} is done. */
    public get tiles(): TileDraw | undefined {
        return this.#tiles;
    }

    /** Compiles the tile rasterizer, once. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`; quads still work then. */
    public startTilesAsync(): Promise<void> {
        if (this.#tilesStarting) return this.#tilesStarting;
        const starting: Promise<void> = TileDraw.createAsync(this.#tileOptions).then((tiles) => {
            // Stopped meanwhile, and perhaps started again: then these are nobody's.
            if (this.#tilesStarting === starting) this.#tiles = tiles;
            else tiles.dispose();
        });
        this.#tilesStarting = starting;
        return starting;
    }

    /** Frees the tile rasterizer's pictures and depth passes, if it runs. */
    public stopTiles(): void {
        this.#tiles?.dispose();
        this.#tiles = undefined;
        this.#tilesStarting = undefined;
    }

    /** Sends what is due, deformation first; queues nothing when nothing is. */
    public submit(views: readonly SortedView[]): void {
        if (!this.#isDeformationDue && views.length === 0) return;
        const encoder = this.#device.createCommandEncoder({ label: this.#label });
        const pass = encoder.beginComputePass(this.timer.describe(this.#label));
        if (this.#isDeformationDue) this.#deformer.record(pass);
        this.#isDeformationDue = false;
        for (const view of views) view.record(pass);
        pass.end();
        this.timer.resolve(encoder);
        this.#device.queue.submit([encoder.finish()]);
        this.timer.collect();
    }

    /** Frees everything, the buffers at the end of the current task. */
    public dispose(): void {
        this.quads.dispose();
        this.stopTiles();
        this.timer.dispose();
        // A frame that is being recorded may still use the buffers; it is submitted within this task.
        queueMicrotask(() => this.#arena.dispose());
    }
}

/** The sphere about the asset's box. */
function sphereOf({ min, max }: HeadAsset['bounds']): { centre: [number, number, number]; radius: number } {
    const at = (corner: readonly number[], axis: number): number => corner[axis] as number;
    const centre = [0, 1, 2].map((axis) => (at(min, axis) + at(max, axis)) / 2) as [number, number, number];
    return { centre, radius: Math.hypot(...centre.map((value, axis) => at(max, axis) - value)) };
}
