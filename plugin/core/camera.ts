/**
 * A pinhole camera in OpenCV axes: x right, y down, z forward; pixel centres at +0.5.
 */
export interface Camera {
    /** World -> camera, row-major 4x4, rigid, metres. */
    readonly viewmat: ArrayLike<number>;
    /** Focal lengths and principal point, px. */
    readonly fx: number;
    readonly fy: number;
    readonly cx: number;
    readonly cy: number;
    /** Picture size, px. */
    readonly width: number;
    readonly height: number;
}

/** Camera centre in world space, metres: -R^T t. */
export function cameraCentre(viewmat: ArrayLike<number>): [number, number, number] {
    const at = (row: number, col: number): number => viewmat[row * 4 + col] as number;
    const centre = (col: number): number => -(at(0, col) * at(0, 3) + at(1, col) * at(1, 3) + at(2, col) * at(2, 3));
    return [centre(0), centre(1), centre(2)];
}
