import type { Camera } from '../../../../plugin/core/index.js';
import { frameCamera, type Dataset } from '../dataset/dataset.js';
import { decodeFrame, type FrameImages } from '../dataset/images.js';

/** A training picture with its camera. */
export interface View {
    readonly index: number;
    readonly camera: Camera;
    readonly images: FrameImages;
}

/** A point in a picture. */
export interface Projection {
    /** px. */
    u: number;
    v: number;
    /** View depth, metres. */
    depth: number;
}

/** `count` training views, evenly spread over time; fewer where there are fewer. */
export async function sampleViews(dataset: Dataset, count: number): Promise<View[]> {
    const [first, end] = dataset.header.split.train;
    const n = Math.min(count, end - first);
    const indices = Array.from({ length: n }, (_, i) => first + Math.floor(((i + 0.5) * (end - first)) / n));
    const views: View[] = [];
    // In twos: decoding is parallel inside, and the order of the result must not depend on timing.
    for (let i = 0; i < n; i += 2) {
        const pair = indices.slice(i, i + 2).map(async (index) => ({
            index,
            camera: frameCamera(dataset, index),
            images: await decodeFrame(dataset, index),
        }));
        views.push(...(await Promise.all(pair)));
    }
    return views;
}

/** Pinhole projection of world points; depth may be negative. The returned function reuses its result: voxels are many. */
export function projector({ viewmat, fx, fy, cx, cy }: Camera): (x: number, y: number, z: number) => Projection {
    const [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3] = Array.from(viewmat) as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
    ];
    const out: Projection = { u: 0, v: 0, depth: 0 };
    return (x, y, z) => {
        const depth = c0 * x + c1 * y + c2 * z + c3;
        out.u = (fx * (a0 * x + a1 * y + a2 * z + a3)) / depth + cx;
        out.v = (fy * (b0 * x + b1 * y + b2 * z + b3)) / depth + cy;
        out.depth = depth;
        return out;
    };
}
