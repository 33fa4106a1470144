import { PgsError } from '../../../../plugin/core/index.js';
import type { Random } from '../random.js';
import { eachVoxel, VOXEL, type Hull } from './hull.js';
import type { SeedCloud } from './seed-cloud.js';

/** Share of the seeds on the hull's visible surface. The rest lies behind it, where eye sockets and the neck really are. */
const SURFACE_SHARE = 0.75;
/** Deepest seed behind the visible surface, metres. */
const DEPTH = 0.05;

/**
 * Seeds of the face branch: jittered voxels of the hull's visible surface, and some just behind it.
 *
 * @throws PgsError `DATASET_VALUE` - the masks and cameras leave no hull: they disagree.
 */
export function faceSeeds(hull: Hull, count: number, random: Random): SeedCloud {
    const surface: number[] = [];
    const inner: number[] = [];
    const centres = new Float32Array(hull.state.length * 3);
    eachVoxel(hull, (index, x, y, z) => {
        centres.set([x, y, z], index * 3);
        if (hull.state[index] !== VOXEL.kept) return;
        const behind = hull.behind[index] as number;
        if (behind <= 1.2 * hull.voxel) surface.push(index);
        else if (behind <= DEPTH) inner.push(index);
    });
    if (surface.length < 8) {
        throw new PgsError(
            'DATASET_VALUE',
            `masks and cameras: expected them to enclose a head near the origin, got a visual hull of ${surface.length} voxels. ` +
                'Check that viewmats are world -> camera in metres with the head centre at the origin, and that masks match the frames.',
        );
    }
    const means = new Float32Array(count * 3);
    const colors = new Float32Array(count * 3);
    for (let i = 0; i < count; i++) {
        const list = inner.length === 0 || random() < SURFACE_SHARE ? surface : inner;
        const voxel = list[Math.floor(random() * list.length)] as number;
        for (let k = 0; k < 3; k++) {
            means[i * 3 + k] = (centres[voxel * 3 + k] as number) + (random() - 0.5) * hull.voxel;
            colors[i * 3 + k] = hull.color[voxel * 3 + k] as number;
        }
    }
    return { count, means, colors };
}
