import { createSplatSet, SH_C0, type Camera, type SplatSet } from '../../plugin/core/index.js';
import { lookAt } from './look-at.js';
import { randomSplats } from './random-splats.js';

/** Splats and the camera that looks at them. */
export interface Scene {
    readonly name: string;
    readonly splats: SplatSet;
    readonly camera: Camera;
}

/** A camera before the face, 0.6 m away, `size` px square. */
export function frontCamera(size: number): Camera {
    const intrinsics = { fx: size * 1.6, fy: size * 1.6, cx: size / 2, cy: size / 2, width: size, height: size };
    return lookAt([0, 0, 0.6], [0, 0, 0], intrinsics);
}

/** A camera to the head's upper left with a principal point off the middle and unequal focal lengths. */
export function obliqueCamera(width: number, height: number): Camera {
    const intrinsics = { fx: width * 1.5, fy: width * 1.4, cx: width * 0.45, cy: height * 0.55, width, height };
    return lookAt([0.3, 0.2, 0.5], [0.01, -0.02, 0], intrinsics);
}

/** One round splat: `scale` metres at `mean`, flat colour. */
export function oneSplat(
    options: {
        mean?: readonly [number, number, number];
        scale?: number;
        logitOpacity?: number;
        colour?: readonly [number, number, number];
    } = {},
): SplatSet {
    const { mean = [0, 0, 0], scale = 0.03, logitOpacity = 2, colour = [0.9, 0.5, 0.2] } = options;
    const splats = createSplatSet(1, 0);
    splats.means.set(mean);
    splats.logScales.fill(Math.log(scale));
    splats.logitOpacities[0] = logitOpacity;
    splats.sh.set(colour.map((c) => (c - 0.5) / SH_C0));
    return splats;
}

/** Literal small scenes and seeded larger ones; every degree, both cameras. */
export function referenceScenes(): readonly Scene[] {
    return [
        { name: 'one round splat before the camera', splats: oneSplat(), camera: frontCamera(48) },
        {
            name: '7 splats of degree 3, seed 1',
            splats: randomSplats(7, 1, { shDegree: 3, size: 0.03 }),
            camera: obliqueCamera(64, 48),
        },
        {
            name: '300 splats of degree 1, seed 2',
            splats: randomSplats(300, 2, { shDegree: 1 }),
            camera: frontCamera(64),
        },
        {
            name: '200 opaque splats of degree 2, some cut by the picture, seed 3',
            splats: randomSplats(200, 3, { shDegree: 2, radius: 0.25, size: 0.02 }),
            camera: obliqueCamera(72, 56),
        },
    ];
}
