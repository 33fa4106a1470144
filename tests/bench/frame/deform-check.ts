import {
    BRANCH_NAMES,
    POSED_SPLAT,
    type BranchAsset,
    type BranchName,
    type HeadAsset,
} from '../../../plugin/core/index.js';
import { deformBranchReference } from '../../../plugin/core/reference/index.js';
import { BENCH_INSTANT } from './bench-head.js';
import { relativeRms } from './statistics.js';

const RECORD_FLOATS = POSED_SPLAT.size / 4;
/** Splats of a branch that are compared: the reference is slow, and an error shows in any of them. */
const COMPARED = 256;

/**
 * How far posed splats are from the float64 reference at {@link BENCH_INSTANT}: the worst relative rms error among offsets of
 * means, sizes and rotations.
 *
 * @param posed - `PosedSplat[N]`, face first, as read back.
 * @param names - branches that were posed.
 */
export function deformError(
    posed: Float32Array,
    { branches }: HeadAsset,
    names: readonly BranchName[] = BRANCH_NAMES,
): number {
    const { audioFeat, exprFeat } = BENCH_INSTANT;
    const errors = names.flatMap((name) => {
        const branch = firstRows(branches[name], COMPARED);
        const first = name === 'face' ? 0 : branches.face.splats.count;
        const expected = deformBranchReference(name, branch, audioFeat, exprFeat);
        const column = (offset: number, width: number): Float64Array =>
            Float64Array.from({ length: branch.splats.count * width }, (_, k) =>
                Number(posed[(first + Math.floor(k / width)) * RECORD_FLOATS + offset + (k % width)]),
            );
        const rest = branch.splats.means;
        const moved = (means: Float64Array): Float64Array => means.map((value, k) => value - Number(rest[k]));
        const offsets = relativeRms(moved(column(0, 3)), moved(expected.means));
        // The mouth's sizes and rotations never change.
        if (name === 'mouth') return [offsets];
        const sizes = relativeRms(column(4, 3), expected.logScales.map(Math.exp));
        return [offsets, sizes, relativeRms(column(8, 4), expected.quats)];
    });
    return Math.max(...errors.map((error) => (Number.isNaN(error) ? Infinity : error)));
}

/** The first moving rows of a branch. */
function firstRows({ splats, movingCount, spatialFeat, layers }: BranchAsset, rows: number): BranchAsset {
    const count = Math.min(rows, movingCount);
    return {
        splats: {
            ...splats,
            count,
            means: splats.means.subarray(0, count * 3),
            quats: splats.quats.subarray(0, count * 4),
            logScales: splats.logScales.subarray(0, count * 3),
        },
        movingCount: count,
        spatialFeat,
        layers,
    };
}
