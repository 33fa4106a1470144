import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import type { Scene } from '@babylonjs/core/scene.js';

/** The cameras that a scene draws a frame with. */
export class SceneCameras {
    /** Each eye for itself; filled by {@link collect}. */
    public readonly list: Camera[] = [];

    /** Finds the scene's own cameras of this frame. */
    public collect({ activeCameras, activeCamera }: Scene): void {
        this.list.length = 0;
        for (const camera of activeCameras?.length ? activeCameras : [activeCamera]) {
            if (!camera) continue;
            const eyes = camera.rigCameras;
            if (eyes.length > 0) this.list.push(...eyes);
            else this.list.push(camera);
        }
    }

    /** Whether what the scene is drawing looks like one of its cameras does; a mirror, say, does not. */
    public hasViewOf(scene: Scene): boolean {
        const view = scene.getViewMatrix();
        return this.list.some((camera) => camera.getViewMatrix().equals(view));
    }
}
