import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import type { BaseTexture } from '@babylonjs/core/Materials/Textures/baseTexture.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import type { ShaderMaterial } from '@babylonjs/core/Materials/shaderMaterial.js';
import { Color4 } from '@babylonjs/core/Maths/math.color.js';
import { Vector4, type Matrix } from '@babylonjs/core/Maths/math.vector.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { GpuArena, type SortedView } from '../compute/index.js';
import { CameraPictures, type CameraPicture } from './camera-pictures.js';
import { currentViewport } from './engine-bridge.js';
import { createPictureQuad, type PictureQuad } from './picture-quad.js';
import { layerShaderSources } from './picture-shader.js';
import { SplatDraw, wantsLinearOutput, type SplatDrawOptions } from './splat-draw.js';

/** What a {@link LayerDraw} shows: the splats of a mesh. Buffers belong to the caller. */
export interface LayerDrawOptions extends Omit<SplatDrawOptions, 'arena' | 'precision' | 'isLayer'> {
    /** The head: its `render` calls {@link LayerDraw.draw} in the layers' own passes too. */
    readonly mesh: Mesh;
}

interface LayerPicture extends CameraPicture {
    /** Half-float, premultiplied, transparent where the head is not. */
    readonly layer: RenderTargetTexture;
    /** px of the camera's pass as last seen: post-processes may give it another size than the canvas. */
    width: number;
    height: number;
    filledFrame: number;
}

/**
 * Draws posed splats as quads into a half-float layer of each camera, cut by the depth of the opaque scene, and the layer into the
 * camera's pass: an 8-bit target rounds once a pixel then, not once a splat. Blends colours as trained, whatever the scene's output.
 *
 * Cameras that it was not told of (render targets) and XR eyes are for {@link SplatDraw}. Owns quads, draw orders, layers and a
 * depth pass a camera.
 */
export class LayerDraw {
    readonly #options: LayerDrawOptions;
    readonly #arena: GpuArena;
    readonly #quads: SplatDraw;
    readonly #pictures: CameraPictures<LayerPicture>;
    readonly #composite: PictureQuad;
    readonly #depth: PictureQuad;
    readonly #viewport: Vector4 = new Vector4();
    readonly #handedness: Vector4 = new Vector4();
    #bound: BaseTexture | undefined;
    #plannedFrame = -1;
    #isLinear = false;

    private constructor(options: LayerDrawOptions, arena: GpuArena, quads: SplatDraw) {
        this.#options = options;
        this.#arena = arena;
        this.#quads = quads;
        const { name, scene, mesh } = options;
        this.#handedness.x = scene.useRightHandedSystem ? -1 : 1;
        this.#pictures = new CameraPictures(name, scene, (label, camera, depth) => {
            const [width, height] = [depth.texture.getRenderWidth(), depth.texture.getRenderHeight()];
            const layer = createLayer(`${label} layer`, camera, { width, height });
            // Empty for as long as the head is out of sight, or drawn in another way.
            layer.getCustomRenderList = () => {
                const frame = scene.getEngine().frameId;
                return this.#plannedFrame === frame && depth.isCurrent(frame) ? [mesh] : [];
            };
            const dispose = (): void => {
                const targets = camera.customRenderTargets;
                const at = targets.indexOf(layer);
                if (at >= 0) targets.splice(at, 1);
                layer.dispose();
            };
            return { depth, layer, width, height, filledFrame: -1, dispose };
        });
        const quad = { scene, sources: layerShaderSources(), samplers: ['picture'], bind: this.#bind };
        this.#composite = createPictureQuad({ ...quad, name: `${name} layer` });
        this.#depth = createPictureQuad({ ...quad, name: `${name} layer depth`, depthDefine: 'LAYER_DEPTH' });
    }

    /** Compiles the sort; {@link isReady} compiles the rest. @throws PgsError `GPU_LIMIT`. */
    public static async createAsync(options: LayerDrawOptions): Promise<LayerDraw> {
        const name = `${options.name} layer`;
        const arena = new GpuArena(options.device, name);
        try {
            // 23 depth bits: with 15 the order alone would cost more than all rounding (59.8 dB against 67.9).
            const quads = await SplatDraw.createAsync({ ...options, name, arena, precision: 'fine', isLayer: true });
            return new LayerDraw(options, arena, quads);
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** Says that the posed splats have changed, so that every order is out of date. */
    public markPosed(): void {
        this.#quads.markPosed();
    }

    /** See {@link SplatDraw.setActiveCount}. @throws PgsError `OPTION_VALUE` - not 0..splatCount. */
    public setActiveCount(count: number): void {
        this.#quads.setActiveCount(count);
    }

    /** Whether the shaders are compiled; starts compiling them. */
    public isReady(): boolean {
        this.#chooseOutput();
        return [this.#quads, this.#composite, this.#depth].map((part) => part.isReady()).every(Boolean);
    }

    /** As {@link SplatDraw.planViews}; also {@link CameraPictures.follow}. Layers are filled in planned frames only. */
    public planViews(cameras: readonly Camera[], headToWorld: Matrix, frame: number): readonly SortedView[] {
        this.#plannedFrame = frame;
        this.#pictures.follow(cameras);
        for (const camera of cameras) {
            const picture = this.#pictures.of(camera);
            if (picture && !hasSize(picture)) picture.layer.resize({ width: picture.width, height: picture.height });
        }
        return this.#quads.planViews(cameras, headToWorld, frame);
    }

    /** Whether the pass being drawn is a layer of the scene's camera. */
    public get isFilling(): boolean {
        const { scene } = this.#options;
        return this.#pictures.of(scene.activeCamera)?.layer.renderPassId === scene.getEngine().currentRenderPassId;
    }

    /** Whether a planned camera is drawing its layer or its own pass. */
    public canDraw(camera: Camera | null): boolean {
        return this.isFilling || this.#pictures.isDrawing(camera);
    }

    /**
     * Fills the camera's layer, or puts it into the camera's pass: whichever is open.
     *
     * @param opacity - factor on every splat, 0..1.
     * @param submit - see {@link SplatDraw.draw}.
     * @returns false when nothing was drawn: the layer of this frame was not filled, or has not the pass's size yet.
     */
    public draw(camera: Camera, headToWorld: Matrix, opacity: number, submit: (view: SortedView) => void): boolean {
        const engine = camera.getEngine();
        const picture = this.isFilling ? this.#pictures.of(camera) : this.#pictures.current(camera);
        if (!picture) return false;
        currentViewport(engine, this.#viewport);
        if (this.isFilling) {
            if (!picture.depth.isEmpty) this.#render(this.#depth, picture.depth.texture);
            this.#quads.draw(headToWorld, opacity, true, submit);
            picture.filledFrame = engine.frameId;
            return true;
        }
        // A texture of no pixels is an error, and a canvas may have none for a while.
        picture.width = Math.max(1, this.#viewport.z);
        picture.height = Math.max(1, this.#viewport.w);
        if (picture.filledFrame !== engine.frameId || !hasSize(picture)) return false;
        this.#chooseOutput();
        this.#render(this.#composite, picture.layer);
        return true;
    }

    /** Frees everything, the buffers at the end of the current task: a frame being recorded may still use them. */
    public dispose(): void {
        this.#pictures.dispose();
        for (const part of [this.#quads, this.#composite, this.#depth]) part.dispose();
        queueMicrotask(() => this.#arena.dispose());
    }

    #render(quad: PictureQuad, texture: BaseTexture): void {
        this.#bound = texture;
        quad.draw();
    }

    #chooseOutput(): void {
        const isLinear = wantsLinearOutput(this.#options.scene);
        if (isLinear === this.#isLinear) return;
        this.#isLinear = isLinear;
        this.#composite.material.setDefine('SPLAT_LINEAR_OUTPUT', isLinear);
    }

    readonly #bind = (material: ShaderMaterial): void => {
        const effect = material.getEffect();
        if (!effect || !this.#bound) return;
        effect.setVector4('viewport', this.#viewport);
        effect.setMatrix('projection', this.#options.scene.getProjectionMatrix());
        effect.setVector4('handedness', this.#handedness);
        effect.setTexture('picture', this.#bound);
    };
}

function hasSize({ layer, width, height }: LayerPicture): boolean {
    return layer.getRenderWidth() === width && layer.getRenderHeight() === height;
}

/** A pass of the camera's before its own. */
function createLayer(name: string, camera: Camera, size: { width: number; height: number }): RenderTargetTexture {
    const layer = new RenderTargetTexture(name, size, camera.getScene(), {
        generateMipMaps: false,
        type: Constants.TEXTURETYPE_HALF_FLOAT,
        samplingMode: Constants.TEXTURE_NEAREST_SAMPLINGMODE,
    });
    layer.clearColor = new Color4(0, 0, 0, 0);
    layer.ignoreCameraViewport = true;
    layer.useCameraPostProcesses = false;
    layer.renderParticles = false;
    layer.renderSprites = false;
    camera.customRenderTargets.push(layer);
    return layer;
}
