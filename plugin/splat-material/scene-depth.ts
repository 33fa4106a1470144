import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import type { SubMesh } from '@babylonjs/core/Meshes/subMesh.js';
import { SmartArray } from '@babylonjs/core/Misc/smartArray.js';
import { DepthRenderer } from '@babylonjs/core/Rendering/depthRenderer.js';
import { RenderingManager } from '@babylonjs/core/Rendering/renderingManager.js';

/**
 * Depth of a camera's opaque scene, drawn before the camera's own pass in every frame: camera-space z, world units, 0 where nothing is.
 *
 * One of our own, because a scene's shared depth renderer may hold another kind of depth or other meshes. Heads are not in it:
 * their hull counts as transparent.
 */
export class SceneDepth {
    readonly #camera: Camera;
    readonly #texture: RenderTargetTexture;
    readonly #renderer: DepthRenderer;
    #renderingGroup = 0;
    #drawnFrame = -1;
    #isEmpty = true;
    #isComplete = false;

    /** Adds the pass to the camera. */
    public constructor(label: string, camera: Camera) {
        const scene = camera.getScene();
        this.#camera = camera;
        this.#texture = createMap(`${label} scene depth`, camera);
        this.#renderer = new DepthRenderer(
            scene,
            Constants.TEXTURETYPE_FLOAT,
            camera,
            false,
            Constants.TEXTURE_NEAREST_SAMPLINGMODE,
            true,
            this.#texture.name,
            this.#texture,
        );
        this.#renderer.useOnlyInActiveCamera = true;
        this.#watch();
        camera.customRenderTargets.push(this.#texture);
    }

    /** The map, over the camera's viewport. */
    public get texture(): RenderTargetTexture {
        return this.#texture;
    }

    /**
     * Whether the map holds what stands before and behind the head in this frame. False while the depth shaders of the first meshes
     * compile, and where the scene draws no render targets (`scene.renderTargetsEnabled`).
     */
    public isCurrent(frame: number): boolean {
        return this.#isComplete && this.#drawnFrame === frame;
    }

    /** Whether nothing at all is in the map. */
    public get isEmpty(): boolean {
        return this.#isEmpty;
    }

    /**
     * Gives the map the size of the camera's viewport; before the frame's passes.
     *
     * @param renderingGroup - of the head: depth that is cleared before this group, or drawn after it, stays out of the map.
     */
    public follow(renderingGroup: number): void {
        this.#renderingGroup = renderingGroup;
        const { width, height } = viewportSize(this.#camera);
        if (this.#texture.getRenderWidth() === width && this.#texture.getRenderHeight() === height) return;
        this.#texture.resize({ width, height });
    }

    /** Takes the pass out of the camera and frees it. */
    public dispose(): void {
        const targets = this.#camera.customRenderTargets;
        const at = targets.indexOf(this.#texture);
        if (at >= 0) targets.splice(at, 1);
        this.#renderer.dispose();
        // The renderer frees only maps that the scene lists.
        this.#texture.dispose();
    }

    /** Notes what each drawing of the map holds, and keeps other groups' depth out of it. */
    #watch(): void {
        const { customRenderFunction: draw } = this.#texture;
        const scene = this.#camera.getScene();
        const none = new SmartArray<SubMesh>(0);
        const { MIN_RENDERINGGROUPS, MAX_RENDERINGGROUPS } = RenderingManager;
        // What is drawn here shares one depth buffer in the scene too.
        for (let group = MIN_RENDERINGGROUPS; group < MAX_RENDERINGGROUPS; group++)
            this.#texture.setRenderingAutoClearDepthStencil(group, false);
        let isComplete = true;
        this.#texture.onBeforeRenderObservable.add(() => {
            this.#isEmpty = true;
            isComplete = true;
        });
        // Called once a rendering group.
        this.#texture.customRenderFunction = (opaque, alphaTest, transparent, depthOnly) => {
            for (const batch of [opaque, alphaTest, depthOnly]) {
                if (!this.#isShared(batch)) {
                    // As transparent, so that Babylon's state of each mesh is put back but nothing is drawn.
                    draw(none, none, batch, none);
                    continue;
                }
                this.#isEmpty = false;
                if (!this.#isComplete) isComplete &&= this.#isDrawable(batch);
                draw(batch, none, none, none);
            }
            draw(none, none, transparent, none);
        };
        this.#texture.onAfterRenderObservable.add(() => {
            this.#drawnFrame = scene.getEngine().frameId;
            this.#isComplete ||= isComplete;
        });
    }

    /** Whether a group's depth is in the buffer when the head is drawn. */
    #isShared(batch: SmartArray<SubMesh>): boolean {
        if (batch.length === 0) return false;
        const group = batch.data[0]?.getMesh().renderingGroupId ?? 0;
        const scene = this.#camera.getScene();
        for (let later = group + 1; later <= this.#renderingGroup; later++) {
            const { autoClear, depth } = scene.getAutoClearDepthStencilSetup(later);
            if (autoClear && depth) return false;
        }
        return group <= this.#renderingGroup;
    }

    #isDrawable(batch: SmartArray<SubMesh>): boolean {
        for (let k = 0; k < batch.length; k++) {
            const subMesh = batch.data[k] as SubMesh;
            const material = subMesh.getMaterial();
            // The depth renderer leaves these out.
            if (!material || material.disableDepthWrite || subMesh.getEffectiveMesh().infiniteDistance) continue;
            const mesh = subMesh.getRenderingMesh();
            if (!this.#renderer.isReady(subMesh, mesh.hasThinInstances || mesh.hasInstances)) return false;
        }
        return true;
    }
}

/** px, at least 1: a texture of no pixels is an error, and a canvas may have none for a while. */
function viewportSize(camera: Camera): { width: number; height: number } {
    const { outputRenderTarget: target, viewport } = camera;
    const engine = camera.getEngine();
    const full = target
        ? [target.getRenderWidth(), target.getRenderHeight()]
        : [engine.getRenderWidth(true), engine.getRenderHeight(true)];
    return {
        width: Math.max(1, Math.floor((full[0] as number) * viewport.width)),
        height: Math.max(1, Math.floor((full[1] as number) * viewport.height)),
    };
}

function createMap(name: string, camera: Camera): RenderTargetTexture {
    return new RenderTargetTexture(name, viewportSize(camera), camera.getScene(), {
        generateMipMaps: false,
        doNotChangeAspectRatio: true,
        type: Constants.TEXTURETYPE_FLOAT,
        samplingMode: Constants.TEXTURE_NEAREST_SAMPLINGMODE,
        format: Constants.TEXTUREFORMAT_R,
    });
}
