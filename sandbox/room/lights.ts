import { HemisphericLight } from '@babylonjs/core/Lights/hemisphericLight.js';
import { PointLight } from '@babylonjs/core/Lights/pointLight.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { ShadowGenerator } from '@babylonjs/core/Lights/Shadows/shadowGenerator.js';
import '@babylonjs/core/Lights/Shadows/shadowGeneratorSceneComponent.js';
import { SpotLight } from '@babylonjs/core/Lights/spotLight.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import type { Scene } from '@babylonjs/core/scene.js';

/** Frames of a complete scene until the shadow map is known to be whole. */
const SETTLE_FRAMES = 2;

/** The room's lights; only the key light throws shadows. */
export class RoomLights {
    public readonly shadows: ShadowGenerator;
    private readonly key: SpotLight;
    private framesLeft = 0;

    public constructor(scene: Scene) {
        // Key: a large soft source, from the viewer's left, above.
        this.key = new SpotLight('key', new Vector3(0.95, 1.05, 1.15), Vector3.Zero(), 1.15, 1.4, scene);
        this.key.setDirectionToTarget(new Vector3(-0.05, -0.15, -0.25));
        this.key.diffuse = new Color3(1, 0.93, 0.83);
        this.key.intensity = 36;
        this.key.shadowMinZ = 0.5;
        this.key.shadowMaxZ = 4;
        // Fill: sky above, the warm floor's light from below.
        const fill = new HemisphericLight('fill', new Vector3(0.2, 1, 0.3), scene);
        fill.diffuse = new Color3(0.86, 0.92, 1);
        fill.groundColor = new Color3(0.3, 0.22, 0.16);
        fill.intensity = 0.22;
        // Rim: the globe lamp.
        const lamp = new PointLight('lamp light', new Vector3(-0.35, 0, -0.28), scene);
        lamp.diffuse = new Color3(1, 0.66, 0.34);
        lamp.intensity = 0.42;

        this.shadows = new ShadowGenerator(1024, this.key);
        this.shadows.usePercentageCloserFiltering = true;
        this.shadows.filteringQuality = ShadowGenerator.QUALITY_HIGH;
        this.shadows.bias = 0.0012;
        this.shadows.normalBias = 0.006;
        this.shadows.darkness = 0.12;
        // The head is alpha-blended; with this its proxy hull throws a shadow like any solid mesh.
        this.shadows.transparencyShadow = true;
        this.refresh();
        scene.onAfterRenderObservable.add(() => this.countDown(scene.isReady()));
    }

    public addCasters(meshes: readonly AbstractMesh[]): void {
        for (const mesh of meshes) this.shadows.addShadowCaster(mesh, false);
        this.refresh();
    }

    public removeCaster(mesh: AbstractMesh): void {
        this.shadows.removeShadowCaster(mesh, false);
        this.refresh();
    }

    /**
     * Draws the shadow map again: in every frame while something moves, else for a few frames more and then no longer
     * (the first ones may find shaders that are still compiling).
     */
    public refresh(everyFrame = false): void {
        this.framesLeft = everyFrame ? Infinity : SETTLE_FRAMES;
        this.setRefreshRate(RenderTargetTexture.REFRESHRATE_RENDER_ONEVERYFRAME);
    }

    private countDown(isReady: boolean): void {
        if (this.framesLeft <= 0 || !isReady) return;
        this.framesLeft--;
        if (this.framesLeft <= 0) this.setRefreshRate(RenderTargetTexture.REFRESHRATE_RENDER_ONCE);
    }

    private setRefreshRate(rate: number): void {
        const map = this.shadows.getShadowMap();
        if (map !== null) map.refreshRate = rate;
    }
}
