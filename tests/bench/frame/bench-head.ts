import { BRANCH_NAMES, type HeadAsset } from '../../../plugin/core/index.js';
import { someAudioFeature } from '../../helpers/head-of.js';
import { makeHead } from '../../helpers/make-head.js';

/** Share of the splats that are the face: 25 000 of 30 000, about what trained heads have. */
const FACE_SHARE = 5 / 6;

/** The instant that every contest poses. */
export const BENCH_INSTANT: { readonly audioFeat: Float32Array; readonly exprFeat: readonly number[] } = {
    audioFeat: someAudioFeature(3),
    exprFeat: [0.5, 0, 0.25, 0, 1, 0.75],
};

/** A seeded bust of `splatCount` splats, all of which move, flat-coloured. */
export function benchHead(splatCount: number): HeadAsset {
    const faceCount = Math.round(splatCount * FACE_SHARE);
    return makeHead({ faceCount, mouthCount: splatCount - faceCount, seed: 11, movingShare: 1, shDegree: 0 });
}

/** Factor on the sizes of {@link benchHead}, and addend on its logit opacities, that make it as heavy to draw as a trained head. */
const TRAINED = { size: 4, logitOpacity: 1.5 } as const;

/**
 * {@link benchHead} with the sizes and opacities of a trained head, for whoever draws it. Measured on the default avatar at 512 px:
 * median standard deviation of the widest axis 4.0 px, median opacity 0.92; here 4.3 px and 0.92.
 */
export function drawnHead(splatCount: number): HeadAsset {
    const asset = benchHead(splatCount);
    for (const name of BRANCH_NAMES) {
        const { logScales, logitOpacities } = asset.branches[name].splats;
        logScales.forEach((value, k) => (logScales[k] = value + Math.log(TRAINED.size)));
        logitOpacities.forEach((value, i) => (logitOpacities[i] = value + TRAINED.logitOpacity));
    }
    return asset;
}
