import { BRANCH_NAMES, type BranchName } from '../../../../plugin/core/index.js';
import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../native/engine.js';

/** Training views that decide whether a splat is ever seen. */
const VIEWS = 120;

/**
 * Largest alpha * T that every splat reaches in evenly spread training views, branch by branch; no parameter changes.
 *
 * About half a training iteration a view.
 */
export async function measureContribution(engine: Engine, dataset: Dataset): Promise<Record<BranchName, Float32Array>> {
    const [first, end] = dataset.header.split.train;
    const n = Math.min(VIEWS, end - first);
    for (const branch of BRANCH_NAMES) engine.statsReset(branch);
    for (let i = 0; i < n; i++) {
        // The backward pass is what collects statistics; its gradients are dropped.
        await engine.lossGrad('deform', BRANCH_NAMES, first + Math.floor((i * (end - first)) / n), true);
    }
    return { face: engine.tensorGetF32('face.maxContribution'), mouth: engine.tensorGetF32('mouth.maxContribution') };
}
