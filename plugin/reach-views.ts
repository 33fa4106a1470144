import { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Matrix, Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { ReachView } from './densify/index.js';

/** How cameras look at a head. */
export class ReachViews {
    readonly #views: ReachView[] = [];
    readonly #worldToHead: Matrix = new Matrix();
    readonly #eye: Vector3 = new Vector3();

    /**
     * @param headToWorld - head space to Babylon's world.
     * @param centre - of the head, head space.
     * @returns one view a camera, in an array that is reused; null where a camera has no perspective or its numbers are not finite.
     */
    public collect(
        cameras: readonly Camera[],
        headToWorld: Matrix,
        centre: readonly [number, number, number],
    ): readonly ReachView[] | null {
        this.#views.length = 0;
        headToWorld.invertToRef(this.#worldToHead);
        for (const camera of cameras) {
            const view = camera.mode === Camera.PERSPECTIVE_CAMERA ? this.#viewOf(camera, centre) : null;
            if (!view) return null;
            this.#views.push(view);
        }
        return this.#views;
    }

    #viewOf(camera: Camera, centre: readonly [number, number, number]): ReachView | null {
        Vector3.TransformCoordinatesToRef(camera.globalPosition, this.#worldToHead, this.#eye);
        const [x, y, z] = [this.#eye.x - centre[0], this.#eye.y - centre[1], this.#eye.z - centre[2]];
        const distance = Math.hypot(x, y, z);
        // Height of the view where the head is, in metres and in pixels.
        const metres = (2 * distance) / Math.abs(camera.getProjectionMatrix().m[5] as number);
        const pixelsPerMetre = (camera.getEngine().getRenderHeight() * camera.viewport.height) / metres;
        if (!(distance > 0) || !(pixelsPerMetre > 0) || !Number.isFinite(distance + pixelsPerMetre)) return null;
        return { direction: [x / distance, y / distance, z / distance], distance, pixelsPerMetre };
    }
}
