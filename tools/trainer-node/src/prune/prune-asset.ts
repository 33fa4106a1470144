import {
    BRANCH_NAMES,
    PgsError,
    SPATIAL_FEAT_DIM,
    type BranchAsset,
    type BranchName,
    type HeadAsset,
} from '../../../../plugin/core/index.js';
import { gather, takeSplats } from '../export/rows.js';
import type { Reach } from './reach.js';

/**
 * The head without the splats that reach too few pixels. Order, precision and everything but the splats stay as they were:
 * those that move still come first, and what is kept is stored with the same bits.
 *
 * @param minPixels - pixels over all views that a splat must reach to stay, 1 or more.
 * @throws PgsError `DATASET_VALUE` - a branch would lose every splat: these are not views of this head.
 */
export function pruneAsset(asset: HeadAsset, reach: Reach, minPixels: number): HeadAsset {
    const branches = {} as Record<BranchName, BranchAsset>;
    for (const name of BRANCH_NAMES) {
        const branch = asset.branches[name];
        const counts = reach[name];
        const kept = Array.from({ length: branch.splats.count }, (_, i) => i).filter(
            (i) => (counts[i] as number) >= minPixels,
        );
        if (kept.length === 0 && branch.splats.count > 0) {
            throw new PgsError(
                'DATASET_VALUE',
                `${name} branch: expected views in which some splat reaches ${minPixels} or more pixels, got none for all ${branch.splats.count}. ` +
                    'Give the dataset that the head was trained on, more --views, or a lower --min-pixels.',
            );
        }
        branches[name] = takeRows(branch, kept);
    }
    return { ...asset, branches };
}

/** @param kept - rising indices, so those that move stay in front. */
function takeRows(branch: BranchAsset, kept: readonly number[]): BranchAsset {
    const moving = kept.filter((i) => i < branch.movingCount);
    return {
        ...branch,
        splats: takeSplats(branch.splats, kept),
        movingCount: moving.length,
        spatialFeat: gather(branch.spatialFeat, moving, SPATIAL_FEAT_DIM),
    };
}
