import type { Camera } from '../../plugin/core/index.js';

type Point = readonly [number, number, number];

function cross(a: Point, b: Point): Point {
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function unit(a: Point): Point {
    const length = Math.hypot(...a);
    return [a[0] / length, a[1] / length, a[2] / length];
}

/** An OpenCV camera at `eye` that looks at `target`, +Y up; intrinsics and size as given. */
export function lookAt(eye: Point, target: Point, intrinsics: Omit<Camera, 'viewmat'>): Camera {
    const forward = unit([target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]]);
    const right = unit(cross(forward, [0, 1, 0]));
    const down = cross(forward, right);
    const row = (axis: Point): number[] => [...axis, -(axis[0] * eye[0] + axis[1] * eye[1] + axis[2] * eye[2])];
    return { viewmat: [...row(right), ...row(down), ...row(forward), 0, 0, 0, 1], ...intrinsics };
}
