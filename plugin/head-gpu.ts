import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import type { Matrix } from '@babylonjs/core/Maths/math.vector.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { SpokenSegment } from './audio/index.js';
import { GpuArena, GpuTimer, type SortedView } from './compute/index.js';
import type { HeadAsset } from './core/index.js';
import {
    bakeHead,
    computeFrameUniforms,
    GpuDeformer,
    totalSplats,
    type BakedHead,
    type FeaturePrecision,
} from './deformer/index.js';
import { fetchPartAsync, lateParts } from './late-parts.js';
import type { LevelOfDetail } from './level-of-detail.js';
import { packColours, SplatDraw, type SplatDrawOptions } from './splat-material/index.js';
import type { HeatMap, LayerDraw, TileDraw } from './splat-material/pictures.js';
import { SpokenKeys } from './spoken-keys.js';

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
 * A frame is {@link pose} or {@link speak} where the instant changed, then {@link submit} with the views that need sorting.
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
    readonly #keys: SpokenKeys = new SpokenKeys();
    readonly #asset: HeadAsset;
    readonly #drawOptions: SplatDrawOptions;
    /** Ids of the splats that are sorted and drawn, ascending; as many as {@link activeCount} count. */
    readonly #activeIds: GPUBuffer;
    #activeCount: number;
    #picture: TileDraw | LayerDraw | undefined;
    #pictureStarting: Promise<void> | undefined;
    #detail: LevelOfDetail | undefined;
    #detailStarting: Promise<void> | undefined;
    #detailVersion = 0;
    #heat: HeatMap | undefined;
    /** Told when the heat map that is asked for cannot be; undefined where none is asked for. */
    #onHeatFault: ((error: Error) => void) | undefined;
    #isDeformationDue = false;

    private constructor(
        label: string,
        device: GPUDevice,
        arena: GpuArena,
        parts: Pick<HeadGpu, 'baked' | 'quads'> & {
            asset: HeadAsset;
            deformer: GpuDeformer;
            drawOptions: SplatDrawOptions & { readonly activeIds: GPUBuffer };
        },
    ) {
        this.#label = label;
        this.#device = device;
        this.#arena = arena;
        this.baked = parts.baked;
        this.quads = parts.quads;
        this.#asset = parts.asset;
        this.#drawOptions = parts.drawOptions;
        this.#activeIds = parts.drawOptions.activeIds;
        this.#activeCount = parts.drawOptions.splatCount;
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
            const splatCount = totalSplats(branches);
            const drawOptions = {
                name,
                scene,
                device,
                arena,
                posedSplats: deformer.posedSplats,
                splatCount,
                faceCount: branches.face.splats.count,
                colours,
                splatColours: arena.storage('colours', colours.halves),
                sphere: sphereOf(bounds),
                activeIds: arena.storage(
                    'active ids',
                    Uint32Array.from({ length: splatCount }, (_, i) => i),
                ),
            };
            const quads = await SplatDraw.createAsync(drawOptions);
            return new HeadGpu(name, device, arena, { asset, baked, deformer, quads, drawOptions });
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** Sets the pose of the next submit: an instant of f_a and f_e. */
    public pose(audioFeat: ArrayLike<number>, exprFeat: ArrayLike<number>): void {
        this.#deformer.setInstant(computeFrameUniforms(this.baked, audioFeat, exprFeat));
        this.#markPosed(true);
    }

    /** Puts the head at rest, as if there were no deformation. */
    public rest(): void {
        this.#deformer.rest();
        this.#markPosed(false);
    }

    /**
     * Sets the pose of the next submit to what lies between the poses of two feature frames, so that the networks run at the rate of
     * the features, however fast the display is.
     *
     * @param exprFeat - f_e; say {@link forgetSpoken} when it changes.
     * @returns false where {@link pose} is cheaper; nothing has changed then.
     */
    public speak(segment: SpokenSegment, exprFeat: ArrayLike<number>): boolean {
        const plan = this.#keys.plan(segment);
        if (!plan) return false;
        for (const { slot, frame } of plan.loads) {
            const audioFeat = segment.timeline.featureOf(frame);
            this.#deformer.setKey(slot, computeFrameUniforms(this.baked, audioFeat, exprFeat));
        }
        this.#deformer.setBlend(plan.share);
        this.#markPosed(true);
        return true;
    }

    /** Says that the poses of {@link speak} have another expression than is to be shown from now on. */
    public forgetSpoken(): void {
        this.#keys.forget();
    }

    /** What makes a picture for each camera of the scene; undefined until {@link startPictureAsync} is done. */
    public get picture(): TileDraw | LayerDraw | undefined {
        return this.#picture;
    }

    /**
     * Fetches and compiles the tile rasterizer, or the layer of a mesh's quads; frees what made pictures before.
     *
     * @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. @throws Error - it cannot be fetched. Quads still work then.
     */
    public startPictureAsync(kind: 'tile' | 'layer', mesh: Mesh): Promise<void> {
        this.stopPicture();
        // Stopped meanwhile, and perhaps started again: then this is nobody's.
        const isWanted = (): boolean => this.#pictureStarting === starting;
        const startAsync = async (): Promise<void> => {
            const part = await fetchPartAsync(lateParts.picturesAsync, isWanted);
            if (!part) return;
            const picture = await (kind === 'tile'
                ? part.TileDraw.createAsync(this.#drawOptions)
                : part.LayerDraw.createAsync({ ...this.#drawOptions, mesh }));
            if (!isWanted()) return picture.dispose();
            picture.setActiveCount(this.#activeCount);
            this.#picture = picture;
        };
        const starting = startAsync();
        this.#pictureStarting = starting;
        return starting;
    }

    /** Frees the pictures and their depth passes, where there are any. */
    public stopPicture(): void {
        this.#picture?.dispose();
        this.#picture = undefined;
        this.#pictureStarting = undefined;
    }

    /** Splats that are posed, sorted and drawn: all but those that level of detail leaves out. */
    public get activeCount(): number {
        return this.#activeCount;
    }

    /**
     * Starts level of detail, once.
     *
     * @param restFeat - f_a of silence `[AUDIO_FEAT_DIM]`.
     * @param onFault - told when it ends itself; everything is drawn from then on.
     * @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. @throws Error - it cannot be fetched, or the device was lost.
     */
    public startDetailAsync(restFeat: ArrayLike<number>, onFault: (error: Error) => void): Promise<void> {
        if (this.#detailStarting) return this.#detailStarting;
        const isWanted = (): boolean => this.#detailStarting === starting;
        const startAsync = async (): Promise<void> => {
            const part = await fetchPartAsync(lateParts.detailAsync, isWanted);
            if (!part) return;
            const options = { ...this.#drawOptions, asset: this.#asset, baked: this.baked, restFeat };
            const detail = await part.LevelOfDetail.createAsync(options, onFault);
            if (!isWanted()) return detail.dispose();
            this.#detail = detail;
        };
        const starting = startAsync();
        this.#detailStarting = starting;
        return starting;
    }

    /** Ends level of detail: from the next frame on, everything is drawn. */
    public stopDetail(): void {
        this.#detail?.dispose();
        this.#detail = undefined;
        this.#detailStarting = undefined;
        this.#detailVersion = 0;
        if (this.#activeCount !== this.#drawOptions.splatCount) this.#activate(null);
    }

    /**
     * Leaves out what this frame's cameras do not reach, where level of detail runs; before {@link submit}.
     *
     * @param cameras - who looks; null: the head is also looked at from who knows where.
     */
    public lookFrom(cameras: readonly Camera[] | null, headToWorld: Matrix): void {
        const detail = this.#detail;
        if (!detail) return;
        detail.update(cameras, headToWorld);
        if (detail.version === this.#detailVersion) return;
        this.#detailVersion = detail.version;
        this.#activate(detail.kept);
    }

    /** Whether quads show the heat map. */
    public get hasHeat(): boolean {
        return this.#heat !== undefined;
    }

    /**
     * Starts the heat map of all splats, which ends level of detail, or frees it.
     *
     * @param onFault - told when it cannot start or count; end it then.
     */
    public showHeat(isShown: boolean, onFault: (error: Error) => void): void {
        if (isShown === (this.#onHeatFault !== undefined)) return;
        this.#heat?.dispose();
        this.#heat = undefined;
        this.#onHeatFault = undefined;
        this.quads.showCounts(undefined);
        if (!isShown) return;
        this.stopDetail();
        // One of its own for every start: a late answer can tell whether it is still wanted.
        const fault = (error: unknown): void => {
            if (this.#onHeatFault === fault) onFault(error as Error);
        };
        this.#onHeatFault = fault;
        this.#startHeatAsync(() => this.#onHeatFault === fault).catch(fault);
    }

    /** Counts a camera's pixels for the heat map, where it is shown; after {@link submit}. */
    public countPixels(camera: Camera | undefined, headToWorld: Matrix, opacity: number): void {
        try {
            if (camera) this.#heat?.update(camera, headToWorld, opacity);
        } catch (error) {
            this.#onHeatFault?.(error as Error);
        }
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
        this.#onHeatFault = undefined;
        this.#heat?.dispose();
        this.quads.dispose();
        this.stopPicture();
        this.#detail?.dispose();
        this.#detail = undefined;
        this.#detailStarting = undefined;
        this.timer.dispose();
        // A frame that is being recorded may still use the buffers; it is submitted within this task.
        queueMicrotask(() => this.#arena.dispose());
    }

    async #startHeatAsync(isWanted: () => boolean): Promise<void> {
        const part = await fetchPartAsync(lateParts.picturesAsync, isWanted);
        if (!part) return;
        const heat = await part.HeatMap.createAsync(this.#drawOptions);
        if (!isWanted()) return heat.dispose();
        this.#heat = heat;
        this.quads.showCounts(heat.pixelCounts);
    }

    /** @param kept - 1 for a splat that is drawn `[splatCount]`; null for all. */
    #activate(kept: Uint8Array | null): void {
        const { splatCount, faceCount } = this.#drawOptions;
        const ids = new Uint32Array(splatCount);
        let count = 0;
        for (let i = 0; i < splatCount; i++) if (kept === null || kept[i] === 1) ids[count++] = i;
        const active = ids.subarray(0, count);
        const faces = active.findIndex((i) => i >= faceCount);
        const face = faces < 0 ? active : active.subarray(0, faces);
        const mouth = active.subarray(face.length).map((i) => i - faceCount);
        this.#deformer.setActive(kept === null ? null : { face, mouth });
        this.#device.queue.writeBuffer(this.#activeIds, 0, ids, 0, count);
        this.#activeCount = count;
        this.quads.setActiveCount(count);
        this.#picture?.setActiveCount(count);
        // Those that come back are where they were when they were left out.
        this.#markPosed(true);
    }

    #markPosed(isDeformationDue: boolean): void {
        this.#isDeformationDue = isDeformationDue;
        this.quads.markPosed();
        this.#picture?.markPosed();
        this.#heat?.markPosed();
    }
}

/** The sphere about the asset's box. */
function sphereOf({ min, max }: HeadAsset['bounds']): { centre: [number, number, number]; radius: number } {
    const at = (corner: readonly number[], axis: number): number => corner[axis] as number;
    const centre = [0, 1, 2].map((axis) => (at(min, axis) + at(max, axis)) / 2) as [number, number, number];
    return { centre, radius: Math.hypot(...centre.map((value, axis) => at(max, axis) - value)) };
}
