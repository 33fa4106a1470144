import { encoderWeightsFrom, writeEncoderOnnx } from '../../../../plugin/audio/index.js';
import {
    ASSET_VERSION,
    BRANCHES,
    BRANCH_NAMES,
    SPATIAL_FEAT_DIM,
    type AudioFrontEnd,
    type BranchAsset,
    type BranchName,
    type HeadAsset,
    type SplatSet,
} from '../../../../plugin/core/index.js';
import type { TrainConfig } from '../config.js';
import type { Dataset } from '../dataset/dataset.js';
import { readSplats } from '../density-hook.js';
import type { Engine } from '../native/engine.js';
import { trainingCentres } from '../scene.js';
import { CONTRIBUTION_MIN } from './contribution.js';
import { gather, takeSplats } from './rows.js';

/** What an asset is made of besides the engine's model. */
export interface AssetInputs {
    readonly engine: Engine;
    readonly dataset: Dataset;
    readonly config: TrainConfig;
    readonly frontEnd: AudioFrontEnd;
    readonly consent: string;
    readonly facts: Readonly<Record<string, unknown>>;
    /** Largest alpha * T of every splat in training views; splats below {@link CONTRIBUTION_MIN} are left out. */
    readonly contribution: Readonly<Record<BranchName, Float32Array>>;
}

const DEGREES = 180 / Math.PI;

/** The trained model as an asset: splats that move first, then those that never do, each in spatial order. */
export function buildAsset(inputs: AssetInputs): HeadAsset {
    const { engine, dataset, config, frontEnd, consent, facts } = inputs;
    const branches = Object.fromEntries(BRANCH_NAMES.map((branch) => [branch, buildBranch(inputs, branch)])) as Record<
        BranchName,
        BranchAsset
    >;
    const { header } = dataset;
    return {
        version: ASSET_VERSION,
        name: header.name,
        fps: header.fps,
        branches,
        audio: frontEnd,
        encoderOnnx: writeEncoderOnnx(
            encoderWeightsFrom(({ name }) => engine.tensorGetF32(`encoder.${name}`)),
            frontEnd,
        ),
        expression: expressionFacts(dataset),
        bounds: splatBounds(BRANCH_NAMES.map((branch) => branches[branch].splats)),
        view: viewPrior(dataset),
        facts: {
            preset: config.preset,
            seed: config.seed,
            iterations: config.iterations,
            trainingFrames: header.split.train[1] - header.split.train[0],
            ...facts,
        },
        provenance: header.provenance,
        consent,
    };
}

function buildBranch({ engine, config, dataset, contribution }: AssetInputs, branch: BranchName): BranchAsset {
    const splats = readSplats(engine, branch, config.shDegree);
    const { features, inside } = engine.spatialFeatures(branch);
    const order = exportOrder(splats, inside, contribution[branch]);
    const movingCount = order.filter((i) => inside[i] === 1).length;
    const layers = BRANCHES[branch].layers(dataset.header.expressionNames.length);
    return {
        splats: reorder(splats, order),
        movingCount,
        spatialFeat: gather(features, order.slice(0, movingCount), SPATIAL_FEAT_DIM),
        layers: Object.fromEntries(layers.map(({ name }) => [name, engine.tensorGetF32(`${branch}.${name}`)])),
    };
}

/** Splats to ship: moving ones first; within each part along a Morton curve, which compresses and caches better. */
export function exportOrder(splats: SplatSet, inside: Uint8Array, contribution: Float32Array): number[] {
    // An engine without statistics (all zero) prunes nothing.
    const known = contribution.some((value) => value > 0);
    const kept = Array.from({ length: splats.count }, (_, i) => i).filter(
        (i) => !known || (contribution[i] as number) >= CONTRIBUTION_MIN,
    );
    const code = mortonCodes(splats);
    return kept.sort(
        (a, b) => (inside[b] as number) - (inside[a] as number) || (code[a] as number) - (code[b] as number) || a - b,
    );
}

function mortonCodes({ means, count }: SplatSet): Float64Array {
    const codes = new Float64Array(count);
    for (let i = 0; i < count; i++) {
        let code = 0;
        for (let bit = 9; bit >= 0; bit--) {
            for (let k = 0; k < 3; k++) {
                // 1024 cells over +-0.5 m.
                const cell = Math.max(0, Math.min(1023, Math.floor(((means[i * 3 + k] as number) + 0.5) * 1024)));
                code = code * 2 + ((cell >> bit) & 1);
            }
        }
        codes[i] = code;
    }
    return codes;
}

/** Rows of a splat set in a new order; quaternions come out with unit length. */
export function reorder(splats: SplatSet, order: readonly number[]): SplatSet {
    const taken = takeSplats(splats, order);
    for (let i = 0; i < taken.count; i++) {
        const row = taken.quats.subarray(i * 4, i * 4 + 4);
        const length = Math.hypot(...row);
        if (length > 0) for (let k = 0; k < 4; k++) row[k] = (row[k] as number) / length;
    }
    return taken;
}

/** Neutral is the median of the training frames; ranges are what they show. */
function expressionFacts(dataset: Dataset): HeadAsset['expression'] {
    const { header, frames } = dataset;
    const train = frames.slice(header.split.train[0], header.split.train[1]);
    const columns = header.expressionNames.map((_, k) =>
        Float64Array.from(train, (frame) => frame.expression[k] as number).sort(),
    );
    return {
        names: header.expressionNames,
        neutral: columns.map((column) => column[Math.floor(column.length / 2)] as number),
        ranges: columns.map((column) => [column[0] as number, column[column.length - 1] as number] as const),
    };
}

/** Box of the canonical centres, grown by each splat's three deviations and by what deformation may add, metres. */
function splatBounds(sets: readonly SplatSet[]): HeadAsset['bounds'] {
    /** Largest motion expected of a lip or chin, metres. */
    const motion = 0.02;
    const min = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const max = min.map((v) => -v);
    for (const { count, means, logScales } of sets) {
        for (let i = 0; i < count; i++) {
            const radius =
                3 *
                    Math.exp(
                        Math.max(
                            logScales[i * 3] as number,
                            logScales[i * 3 + 1] as number,
                            logScales[i * 3 + 2] as number,
                        ),
                    ) +
                motion;
            for (let k = 0; k < 3; k++) {
                min[k] = Math.min(min[k] as number, (means[i * 3 + k] as number) - radius);
                max[k] = Math.max(max[k] as number, (means[i * 3 + k] as number) + radius);
            }
        }
    }
    return { min, max };
}

function viewPrior(dataset: Dataset): HeadAsset['view'] {
    const centres = trainingCentres(dataset);
    const distances = centres.map((c) => Math.hypot(...c));
    const yaw = centres.map(([x, , z]) => Math.atan2(x, z) * DEGREES);
    const pitch = centres.map(([, y], i) => Math.asin(y / (distances[i] as number)) * DEGREES);
    const { intrinsics, height } = dataset.header;
    return {
        verticalFovDegrees: 2 * Math.atan(height / (2 * intrinsics.fy)) * DEGREES,
        distance: distances.reduce((sum, d) => sum + d, 0) / distances.length,
        yawDegrees: [Math.min(...yaw), Math.max(...yaw)],
        pitchDegrees: [Math.min(...pitch), Math.max(...pitch)],
    };
}
