import type { AudioEngineV2 } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import type { Scene } from '@babylonjs/core/scene.js';

/**
 * Puts the engine's listener on the scene's active camera, unless it sits somewhere already.
 *
 * @returns what ends it.
 */
export function hearFromCamera(engine: AudioEngineV2, scene: Scene): () => void {
    const { listener } = engine;
    // A head of the same scene may have put it on the camera already; both keep it there.
    if (listener.isAttached && listener.attachedNode !== scene.activeCamera) return () => undefined;
    const follow = (): void => listener.attach(scene.activeCamera);
    follow();
    const observer = scene.onActiveCameraChanged.add(follow);
    return () => {
        scene.onActiveCameraChanged.remove(observer);
    };
}
