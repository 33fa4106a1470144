import { DEFAULT_FRONT_END, initEncoderWeights, writeEncoderOnnx } from '../../plugin/audio/index.js';
import {
    BRANCHES,
    MEL_BANDS,
    SPATIAL_FEAT_DIM,
    tensorSize,
    type AudioFrontEnd,
    type BranchAsset,
    type BranchName,
    type HeadAsset,
    type SplatSet,
} from '../../plugin/core/index.js';
import { bell, random } from './random-splats.js';

const EXPRESSIONS = ['AU01', 'AU04', 'AU05', 'AU06', 'AU07', 'AU45'] as const;
const FRONT_END: AudioFrontEnd = {
    ...DEFAULT_FRONT_END,
    normalisation: { mean: filled(-6), std: filled(2), priorSeconds: 1 },
};

function filled(value: number): number[] {
    return Array.from({ length: MEL_BANDS }, () => value);
}

/**
 * A head made of given splats, with seeded networks that move them visibly (millimetres, a few degrees).
 *
 * @param options.strength - scale of the networks' weights; 0 makes every pose the rest pose.
 * @param options.movingShare - part of each branch that moves, 0..1.
 */
export function headOf(
    face: SplatSet,
    mouth: SplatSet,
    options: { seed?: number; strength?: number; movingShare?: number } = {},
): HeadAsset {
    const { seed = 1, strength = 0.5, movingShare = 0.8 } = options;
    const branch = (name: BranchName, splats: SplatSet): BranchAsset => {
        const normal = bell(random(seed + name.length));
        const movingCount = Math.floor(splats.count * movingShare);
        const layers: Record<string, Float32Array> = {};
        for (const spec of BRANCHES[name].layers(EXPRESSIONS.length)) {
            const spread = strength / Math.sqrt(spec.shape[1] ?? 4);
            layers[spec.name] = Float32Array.from({ length: tensorSize(spec) }, () => spread * normal());
        }
        const spatialFeat = Float32Array.from({ length: movingCount * SPATIAL_FEAT_DIM }, normal);
        return { splats, movingCount, spatialFeat, layers };
    };
    return {
        version: 1,
        name: 'test head',
        fps: 25,
        branches: { face: branch('face', face), mouth: branch('mouth', mouth) },
        audio: FRONT_END,
        encoderOnnx: writeEncoderOnnx(initEncoderWeights(3), FRONT_END),
        expression: {
            names: EXPRESSIONS,
            neutral: EXPRESSIONS.map(() => 0),
            ranges: EXPRESSIONS.map(() => [0, 1] as const),
        },
        bounds: { min: [-0.16, -0.16, -0.16], max: [0.16, 0.16, 0.16] },
        view: { verticalFovDegrees: 20, distance: 0.8, yawDegrees: [-30, 30], pitchDegrees: [-10, 10] },
        facts: {},
        provenance: {},
        consent: 'made of numbers',
    };
}

/** f_a of some sound `[32]`. */
export function someAudioFeature(seed: number): Float32Array {
    return Float32Array.from({ length: 32 }, bell(random(seed)));
}
