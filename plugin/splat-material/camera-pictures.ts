import type { Camera } from '@babylonjs/core/Cameras/camera.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { SceneDepth } from './scene-depth.js';

/** What is kept for a camera: its picture of the head, and the scene's depth that cuts it. */
export interface CameraPicture {
    readonly depth: SceneDepth;
    /** Frees all but the depth. */
    dispose(): void;
}

/**
 * Pictures of a head, one for each of the scene's flat cameras, made before the camera's own pass and put into it.
 *
 * A picture is made when its camera is first followed and freed when it is not any more. Owns the depth passes.
 */
export class CameraPictures<Picture extends CameraPicture> {
    readonly #label: string;
    readonly #create: (label: string, camera: Camera, depth: SceneDepth) => Picture;
    readonly #pictures: Map<Camera, Picture> = new Map();
    /** The rendering group that the scene is drawing, and the one that the head was in: other groups' depth may not hide it. */
    #currentGroup = 0;
    #headGroup = 0;
    readonly #stopWatching: () => void;

    /** @param create - makes a camera's picture; its depth pass runs before what is then added to the camera. */
    public constructor(
        label: string,
        scene: Scene,
        create: (label: string, camera: Camera, depth: SceneDepth) => Picture,
    ) {
        this.#label = label;
        this.#create = create;
        const groups = scene.onBeforeRenderingGroupObservable;
        const observer = groups.add(({ renderingGroupId }) => (this.#currentGroup = renderingGroupId));
        this.#stopWatching = () => groups.remove(observer);
    }

    /** Starts the pictures of cameras it has not seen, and ends those of cameras that are gone; before the frame's passes. */
    public follow(cameras: readonly Camera[]): void {
        for (const camera of cameras) {
            if (this.#pictures.has(camera)) continue;
            const label = `${this.#label} ${camera.name}`;
            this.#pictures.set(camera, this.#create(label, camera, new SceneDepth(label, camera)));
        }
        for (const [camera, picture] of this.#pictures)
            if (cameras.includes(camera)) picture.depth.follow(this.#headGroup);
            else this.#drop(camera, picture);
    }

    /** The picture of a followed camera. */
    public of(camera: Camera | null): Picture | undefined {
        return camera === null ? undefined : this.#pictures.get(camera);
    }

    /**
     * Whether a followed camera is drawing its own pass. A render target may borrow that camera in the same frame; both would share
     * one set of parameters, of which the last written wins.
     */
    public isDrawing(camera: Camera | null): boolean {
        if (camera === null || !this.#pictures.has(camera)) return false;
        const ownPass = camera.outputRenderTarget?.renderPassId ?? camera.renderPassId;
        return camera.getEngine().currentRenderPassId === ownPass;
    }

    /**
     * A camera's picture, for its pass, which is being drawn.
     *
     * @returns undefined while the scene's depth of this frame is not there.
     */
    public current(camera: Camera): Picture | undefined {
        const isGroupKnown = this.#headGroup === this.#currentGroup;
        this.#headGroup = this.#currentGroup;
        const picture = this.#pictures.get(camera);
        return isGroupKnown && picture?.depth.isCurrent(camera.getEngine().frameId) ? picture : undefined;
    }

    /** Frees pictures and depth passes. */
    public dispose(): void {
        this.#stopWatching();
        for (const [camera, picture] of this.#pictures) this.#drop(camera, picture);
    }

    #drop(camera: Camera, picture: Picture): void {
        this.#pictures.delete(camera);
        picture.dispose();
        picture.depth.dispose();
    }
}
