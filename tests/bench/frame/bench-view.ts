import type { NearnessAxis } from '../../../plugin/compute/index.js';
import type { Camera } from '../../../plugin/core/index.js';
import { lookAt } from '../../helpers/look-at.js';

/** Cotangent of half the field of view, 20 degrees, as in the asset's own view. */
const FOCAL = 1 / Math.tan(Math.PI / 18);

/** The camera of timed and compared pictures, `size` px square: from the head's upper left, so that nothing symmetric hides a sign. */
export function benchPinhole(size: number): Camera {
    const half = size / 2;
    const intrinsics = { fx: half * FOCAL, fy: half * FOCAL, cx: half, cy: half, width: size, height: size };
    return lookAt([0.25, 0.12, 0.75], [0, 0, 0], intrinsics);
}

/** The depth axis of {@link benchPinhole} over a sphere, a metre across, that holds the bust. */
export function benchNearness(): NearnessAxis {
    const { viewmat } = benchPinhole(1);
    const [x, y, z] = [8, 9, 10].map((at) => -Number(viewmat[at])) as [number, number, number];
    return { x, y, z, offset: 0.5, range: 1 };
}
