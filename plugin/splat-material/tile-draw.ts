import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import type { ShaderMaterial } from '@babylonjs/core/Materials/shaderMaterial.js';
import { Vector4, type Matrix } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';
import {
    DepthSorter,
    TileRasterizer,
    GpuArena,
    type ColourLayout,
    type SortedView,
    type TileView,
    type TileViewpoint,
} from '../compute/index.js';
import { DEPTH_MIN } from '../core/index.js';
import { CameraPictures, type CameraPicture } from './camera-pictures.js';
import {
    bindStorageBuffer,
    currentViewport,
    findTextureView,
    recordCompute,
    wrapBuffer,
    type BoundBuffer,
} from './engine-bridge.js';
import { createPictureQuad, type PictureQuad } from './picture-quad.js';
import { tileShaderSources } from './picture-shader.js';
import { unitLength, wantsLinearOutput } from './splat-draw.js';
import { ViewSorts, type DepthSphere } from './view-sorts.js';

/** What a {@link TileDraw} shows. Buffers belong to the caller. */
export interface TileDrawOptions {
    readonly name: string;
    readonly scene: Scene;
    readonly device: GPUDevice;
    /** `PosedSplat[splatCount]`, face first. */
    readonly posedSplats: GPUBuffer;
    /** Packed spherical harmonics. */
    readonly splatColours: GPUBuffer;
    readonly colours: ColourLayout;
    readonly splatCount: number;
    readonly faceCount: number;
    readonly sphere: DepthSphere;
    /** Ids of the splats that are drawn, ascending, with room for all; see {@link TileDraw.setActiveCount}. */
    readonly activeIds?: GPUBuffer;
}

interface TilePicture extends CameraPicture {
    readonly view: TileView;
    /** Whether the picture was blended against the scene's depth; it must be blended again when that empties. */
    isCut: boolean;
    bound: { readonly source: GPUBuffer; readonly colours: BoundBuffer; readonly depths: BoundBuffer } | undefined;
}

/**
 * Draws posed splats with the `tile` rasterizer: blended in float by compute, cut by the depth of the opaque scene, then put
 * into the pass that Babylon is recording. Writes depth where the head is more than half opaque.
 *
 * One picture a camera; cameras that it was not told of (render targets) and XR eyes are for {@link SplatDraw}. Owns its
 * materials, its quads, the draw orders, the pictures and a depth pass a camera.
 */
export class TileDraw {
    /** No pass of the engine's is its own; see {@link LayerDraw.isFilling}. */
    public readonly isFilling = false;
    readonly #options: TileDrawOptions;
    /** Draw orders: freed with the tiles, so that changing to and fro takes no more memory each time. */
    readonly #arena: GpuArena;
    readonly #sorter: DepthSorter;
    readonly #sorts: ViewSorts;
    readonly #pictures: CameraPictures<TilePicture>;
    readonly #colour: PictureQuad;
    readonly #depth: PictureQuad;
    readonly #viewport: Vector4 = new Vector4();
    readonly #handedness: Vector4 = new Vector4();
    /** When each order was sorted last, and when the splats were posed; both count on one scale. */
    readonly #sortedAt: WeakMap<GPUBuffer, number> = new WeakMap();
    #posedAt = 0;
    #now = 0;
    #drawn: TilePicture | undefined;
    #isLinear = false;

    private constructor(options: TileDrawOptions, arena: GpuArena, sorter: DepthSorter, rasterizer: TileRasterizer) {
        this.#options = options;
        this.#arena = arena;
        this.#sorter = sorter;
        this.#sorts = new ViewSorts(options.scene, options.sphere, sorter);
        this.#handedness.x = options.scene.useRightHandedSystem ? -1 : 1;
        this.#pictures = new CameraPictures(options.name, options.scene, (label, _camera, depth) => {
            const view = rasterizer.createView(label);
            return { view, depth, isCut: true, bound: undefined, dispose: () => view.dispose() };
        });
        const quad = {
            scene: options.scene,
            sources: tileShaderSources(),
            storageBuffers: ['tileColours', 'tileDepths'],
            bind: this.#bind,
        };
        this.#colour = createPictureQuad({ ...quad, name: `${options.name} tiles` });
        this.#depth = createPictureQuad({ ...quad, name: `${options.name} tile depth`, depthDefine: 'TILE_DEPTH' });
    }

    /** Compiles sort and rasterizer. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: TileDrawOptions): Promise<TileDraw> {
        const arena = new GpuArena(options.device, `${options.name} tiles`);
        try {
            const [sorter, rasterizer] = await Promise.all([
                // 23 depth bits: with 15 the order alone would cost more than all rounding.
                DepthSorter.createAsync({ ...options, arena, precision: 'fine' }),
                TileRasterizer.createAsync({ ...options, hasDepth: true }),
            ]);
            return new TileDraw(options, arena, sorter, rasterizer);
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** Says that the posed splats have changed, so that every order and every picture is out of date. */
    public markPosed(): void {
        this.#sorts.markPosed();
        this.#posedAt = ++this.#now;
    }

    /**
     * Draws only the first `count` splats of `activeIds` from the next frame on; then call {@link markPosed}.
     *
     * @throws PgsError `OPTION_VALUE` - not 0..splatCount.
     */
    public setActiveCount(count: number): void {
        this.#sorter.setActiveCount(count);
    }

    /** Whether the shaders are compiled; starts compiling them. */
    public isReady(): boolean {
        this.#chooseOutput();
        return [this.#colour, this.#depth].every((quad) => quad.isReady());
    }

    /** As {@link ViewSorts.plan}; also {@link CameraPictures.follow}. */
    public planViews(cameras: readonly Camera[], headToWorld: Matrix, frame: number): readonly SortedView[] {
        this.#pictures.follow(cameras);
        const sorts = this.#sorts.plan(cameras, headToWorld, frame);
        for (const { order } of sorts) this.#sortedAt.set(order, ++this.#now);
        return sorts;
    }

    /** See {@link CameraPictures.isDrawing}. */
    public canDraw(camera: Camera | null): boolean {
        return this.#pictures.isDrawing(camera);
    }

    /**
     * Rasterizes for a planned camera and draws into the open pass.
     *
     * A view that nothing has moved in keeps its projection; where no opaque mesh is in sight either, its whole picture.
     *
     * @param opacity - factor on every splat, 0..1.
     * @param submit - see {@link ViewSorts.current}.
     * @returns false when nothing was drawn because tiles cannot now: the scene's depth is not there yet, the engine takes no compute
     *   work, or the device's buffers do not hold so many pixels.
     */
    public draw(camera: Camera, headToWorld: Matrix, opacity: number, submit: (view: SortedView) => void): boolean {
        const picture = this.#pictures.current(camera);
        const engine = this.#options.scene.getEngine();
        if (!picture) return false;
        currentViewport(engine, this.#viewport);
        const size = [this.#viewport.z, this.#viewport.w] as const;
        if (!picture.view.canHold(...size)) return false;
        const order = this.#sorts.current(headToWorld, (view) => {
            this.#sortedAt.set(view.order, ++this.#now);
            submit(view);
        });
        const viewpoint = { ...this.#viewpoint(headToWorld), size, opacity };
        const version = Math.max(this.#posedAt, this.#sortedAt.get(order) ?? 0);
        const state = { version, count: this.#sorter.activeCount };
        if (!picture.view.aim(viewpoint, this.#sorter.idMask, state)) return true;
        if (!this.#rasterize(picture, order)) return false;
        this.#drawn = picture;
        this.#chooseOutput();
        this.#colour.draw();
        this.#depth.draw();
        return true;
    }

    /** Frees everything, the buffers at the end of the current task: a frame being recorded may still use them. */
    public dispose(): void {
        this.#pictures.dispose();
        this.#drawn = undefined;
        for (const quad of [this.#colour, this.#depth]) quad.dispose();
        queueMicrotask(() => this.#arena.dispose());
    }

    /** The scene's current view of the head, but for size and opacity. */
    #viewpoint(headToWorld: Matrix): Pick<TileViewpoint, 'headToView' | 'projection' | 'cameraInHead' | 'depthMin'> {
        return {
            headToView: this.#sorts.headToView.m,
            projection: this.#options.scene.getProjectionMatrix().m,
            cameraInHead: this.#sorts.cameraInHead(),
            depthMin: DEPTH_MIN * unitLength(headToWorld),
        };
    }

    /**
     * Brings an aimed picture up to date. Work that is not repeated in every frame goes in a submit of its own, which runs before the
     * frame: the engine drops a frame with an error in it, and what was in it would be missing for as long as nothing moves.
     *
     * @returns false when the engine would not take the blending.
     */
    #rasterize(picture: TilePicture, order: GPUBuffer): boolean {
        const { view, depth } = picture;
        const depthMap = depth.isEmpty ? undefined : findTextureView(depth.texture);
        const isWhole = depthMap === undefined && (picture.isCut || view.needsSplats(order));
        if (isWhole || view.needsSplats(order)) {
            this.#submit((pass) => {
                view.recordSplats(pass, order);
                if (isWhole) view.recordPixels(pass);
            });
        }
        if (isWhole) picture.isCut = false;
        if (depthMap === undefined) return true;
        picture.isCut = true;
        const label = `${this.#options.name} tiles`;
        return recordCompute(this.#options.scene.getEngine(), { label }, (pass) => view.recordPixels(pass, depthMap));
    }

    #submit(record: (pass: GPUComputePassEncoder) => void): void {
        const { device, name } = this.#options;
        const encoder = device.createCommandEncoder({ label: `${name} tiles` });
        const pass = encoder.beginComputePass({ label: `${name} tiles` });
        record(pass);
        pass.end();
        device.queue.submit([encoder.finish()]);
    }

    #chooseOutput(): void {
        const isLinear = wantsLinearOutput(this.#options.scene);
        if (isLinear === this.#isLinear) return;
        this.#isLinear = isLinear;
        this.#colour.material.setDefine('SPLAT_LINEAR_OUTPUT', isLinear);
    }

    readonly #bind = (material: ShaderMaterial): void => {
        const effect = material.getEffect();
        const picture = this.#drawn;
        const [colours, depths] = [picture?.view.colours, picture?.view.depths];
        if (!effect || !picture || !colours || !depths) return;
        const { scene } = this.#options;
        if (picture.bound?.source !== colours) {
            picture.bound = { source: colours, colours: wrapBuffer(colours), depths: wrapBuffer(depths) };
        }
        effect.setVector4('viewport', this.#viewport);
        effect.setMatrix('projection', scene.getProjectionMatrix());
        effect.setVector4('handedness', this.#handedness);
        bindStorageBuffer(scene.getEngine(), 'tileColours', picture.bound.colours);
        bindStorageBuffer(scene.getEngine(), 'tileDepths', picture.bound.depths);
    };
}
