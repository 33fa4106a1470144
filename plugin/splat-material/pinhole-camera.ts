import type { TargetCamera } from '@babylonjs/core/Cameras/targetCamera.js';
import { Matrix, Quaternion, Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { cameraCentre, type Camera } from '../core/index.js';
import { headToLocal } from './babylon-space.js';

/** OpenCV axes (x right, y down, z forward) in Babylon's camera axes, as signs of rows 1 and 2 of the view matrix. */
const OPENCV_TO_LEFT = [1, -1, 1] as const;
const OPENCV_TO_RIGHT = [1, -1, -1] as const;

/**
 * Gives a Babylon camera the pose and the exact projection of a pinhole camera, e.g. one of a training set, as seen by a
 * head at the scene's origin. The picture matches when the canvas has the pinhole camera's size.
 *
 * Freezes the projection matrix: call `camera.unfreezeProjectionMatrix()` to give it back.
 *
 * @param camera - a `FreeCamera` or any other `TargetCamera`; its parent must be none.
 * @param pinhole - extrinsics in head space, intrinsics in px.
 */
export function setPinholeCamera(camera: TargetCamera, pinhole: Camera): void {
    const scene = camera.getScene();
    const signs = scene.useRightHandedSystem ? OPENCV_TO_RIGHT : OPENCV_TO_LEFT;
    const flip = headToLocal(scene, 'scene');
    const axes = signs.map((sign, row) => {
        const at = (col: number): number => sign * Number(pinhole.viewmat[row * 4 + col]);
        return Vector3.TransformNormal(new Vector3(at(0), at(1), at(2)), flip);
    });
    const [right, up, forward] = axes as [Vector3, Vector3, Vector3];
    camera.position = Vector3.TransformCoordinates(Vector3.FromArray(cameraCentre(pinhole.viewmat)), flip);
    // Rows of a Babylon rotation are the images of the axes; in right-handed scenes the camera looks along -z.
    camera.rotationQuaternion = Quaternion.FromRotationMatrix(Matrix.FromValues(
        right.x, right.y, right.z, 0,
        up.x, up.y, up.z, 0,
        forward.x, forward.y, forward.z, 0,
        0, 0, 0, 1,
    )); // prettier-ignore
    camera.freezeProjectionMatrix(pinholeProjection(camera, pinhole));
}

function pinholeProjection(camera: TargetCamera, { fx, fy, cx, cy, width, height }: Camera): Matrix {
    const engine = camera.getEngine();
    const isRight = camera.getScene().useRightHandedSystem;
    const [near, far] = engine.useReverseDepthBuffer ? [camera.maxZ, camera.minZ] : [camera.minZ, camera.maxZ];
    const forward = isRight ? -1 : 1;
    // Depth 0..1 in WebGPU, -1..1 where the engine keeps OpenGL's range.
    const span = far - near;
    const [scale, shift] = engine.isNDCHalfZRange
        ? [far / span, (-near * far) / span]
        : [(far + near) / span, (-2 * near * far) / span];
    return Matrix.FromValues(
        (2 * fx) / width, 0, 0, 0,
        0, (2 * fy) / height, 0, 0,
        forward * ((2 * cx) / width - 1), forward * (1 - (2 * cy) / height), forward * scale, forward,
        0, 0, shift, 0,
    ); // prettier-ignore
}
