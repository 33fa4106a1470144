import { BRANCH_NAMES, type BranchName } from '../../../../plugin/core/index.js';
import { VISIBLE_SHARE } from '../../../../plugin/densify/index.js';
import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../native/engine.js';

/** Training views that decide whether a splat is ever seen. */
const VIEWS = 120;

/** A splat that never weighs this much (alpha * T) in any training view is not shipped. */
export const CONTRIBUTION_MIN: number = VISIBLE_SHARE;

/**
 * Training frames, evenly spread, by rising index.
 *
 * @param count - how many to look through; the whole split where it is shorter.
 */
export function trainingViews(dataset: Dataset, count: number): number[] {
    const [first, end] = dataset.header.split.train;
    const n = Math.min(count, end - first);
    return Array.from({ length: n }, (_, i) => first + Math.floor((i * (end - first)) / n));
}

/**
 * Largest alpha * T that every splat reaches in evenly spread training views, branch by branch; no parameter changes.
 *
 * About half a training iteration a view.
 */
export async function measureContribution(engine: Engine, dataset: Dataset): Promise<Record<BranchName, Float32Array>> {
    for (const branch of BRANCH_NAMES) engine.statsReset(branch);
    // The backward pass is what collects statistics; its gradients are dropped.
    for (const frame of trainingViews(dataset, VIEWS)) await engine.lossGrad('deform', BRANCH_NAMES, frame, true);
    return { face: engine.tensorGetF32('face.maxContribution'), mouth: engine.tensorGetF32('mouth.maxContribution') };
}
