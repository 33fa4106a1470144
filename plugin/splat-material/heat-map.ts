import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import type { Matrix } from '@babylonjs/core/Maths/math.vector.js';
import { DepthSorter, GpuArena, TileRasterizer, type SortedView, type TileView } from '../compute/index.js';
import { DEPTH_MIN } from '../core/index.js';
import { unitLength } from './splat-draw.js';
import type { TileDrawOptions } from './tile-draw.js';
import { ViewSorts } from './view-sorts.js';

/**
 * Counts, frame by frame, the pixels of a camera's picture that each splat reaches (Eq. 5), for {@link SplatDraw.showCounts}.
 *
 * It looks as the `tile` rasterizer does, but at the head alone: what stands before it in the scene hides nothing. Owns its order,
 * its picture and the counts; level of detail does not apply to it.
 */
export class HeatMap {
    readonly #options: TileDrawOptions;
    readonly #arena: GpuArena;
    readonly #sorter: DepthSorter;
    readonly #sorts: ViewSorts;
    readonly #view: TileView;
    /** Grows whenever the posed splats or their order do. */
    #version = 0;

    private constructor(options: TileDrawOptions, arena: GpuArena, sorter: DepthSorter, view: TileView) {
        this.#options = options;
        this.#arena = arena;
        this.#sorter = sorter;
        this.#sorts = new ViewSorts(options.scene, options.sphere, sorter);
        this.#view = view;
    }

    /** Compiles sort and rasterizer. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: TileDrawOptions): Promise<HeatMap> {
        const { name, device, posedSplats, splatCount, faceCount } = options;
        const arena = new GpuArena(device, `${name} heat map`);
        try {
            const [sorter, rasterizer] = await Promise.all([
                // Of all splats, and as fine as the tiles that it counts for.
                DepthSorter.createAsync({ device, arena, posedSplats, splatCount, faceCount, precision: 'fine' }),
                TileRasterizer.createAsync({ ...options, counts: true }),
            ]);
            return new HeatMap(options, arena, sorter, rasterizer.createView(`${name} heat map`));
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** m of Eq. 5 in the last counted picture `u32[splatCount]`. */
    public get pixelCounts(): GPUBuffer {
        return this.#view.pixelCounts;
    }

    /** Says that the posed splats have changed. */
    public markPosed(): void {
        this.#sorts.markPosed();
        this.#version++;
    }

    /**
     * Counts the camera's picture, where pose or view have changed; nothing is queued otherwise. A submit of its own: before the
     * frame's draws and after the deformation.
     *
     * @param opacity - factor on every splat, 0..1.
     * @throws PgsError `GPU_LIMIT` - more pixels than the device's buffers hold.
     */
    public update(camera: Camera, headToWorld: Matrix, opacity: number): void {
        const { scene, device, name } = this.#options;
        const engine = scene.getEngine();
        const { width, height } = camera.viewport.toGlobal(engine.getRenderWidth(), engine.getRenderHeight());
        let unsorted: SortedView | undefined;
        const sort = (view: SortedView): void => {
            unsorted = view;
            this.#version++;
        };
        const order = this.#sorts.current(headToWorld, sort, camera.getViewMatrix());
        const viewpoint = {
            headToView: this.#sorts.headToView.m,
            projection: camera.getProjectionMatrix().m,
            cameraInHead: this.#sorts.cameraInHead(),
            size: [Math.floor(width), Math.floor(height)] as const,
            opacity,
            depthMin: DEPTH_MIN * unitLength(headToWorld),
        };
        this.#view.aim(viewpoint, this.#sorter.idMask, { version: this.#version });
        if (!unsorted && !this.#view.needsSplats(order)) return;
        const encoder = device.createCommandEncoder({ label: `${name} heat map` });
        this.#view.clearCounts(encoder);
        const pass = encoder.beginComputePass({ label: `${name} heat map` });
        unsorted?.record(pass);
        this.#view.record(pass, order);
        pass.end();
        device.queue.submit([encoder.finish()]);
    }

    /** Frees everything at the end of the current task: a frame being recorded may still use it. */
    public dispose(): void {
        this.#view.dispose();
        queueMicrotask(() => this.#arena.dispose());
    }
}
