import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import type { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { DepthRenderer } from '@babylonjs/core/Rendering/depthRenderer.js';

/**
 * Depth of a camera's opaque scene, drawn before the camera's own pass in every frame: camera-space z, world units, 0 where nothing is.
 *
 * One of our own, because a scene's shared depth renderer may hold another kind of depth or other meshes. Heads are not in it:
 * their hull counts as transparent.
 */
export class SceneDepth {
    readonly #camera: Camera;
    readonly #renderer: DepthRenderer;

    /** Adds the pass to the camera. */
    public constructor(label: string, camera: Camera) {
        this.#camera = camera;
        this.#renderer = new DepthRenderer(
            camera.getScene(),
            Constants.TEXTURETYPE_FLOAT,
            camera,
            false,
            Constants.TEXTURE_NEAREST_SAMPLINGMODE,
            true,
            `${label} scene depth`,
        );
        this.#renderer.useOnlyInActiveCamera = true;
        camera.customRenderTargets.push(this.texture);
    }

    /** The map, at the engine's size when it was made, over the camera's viewport. */
    public get texture(): RenderTargetTexture {
        return this.#renderer.getDepthMap();
    }

    /** Takes the pass out of the camera and frees it. */
    public dispose(): void {
        const targets = this.#camera.customRenderTargets;
        const at = targets.indexOf(this.texture);
        if (at >= 0) targets.splice(at, 1);
        this.#renderer.dispose();
    }
}
