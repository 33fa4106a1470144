import {
    BRANCH_NAMES,
    type BranchName,
    type Camera,
    type HeadAsset,
    type SplatSet,
} from '../../../../plugin/core/index.js';
import { AssetPlayer } from '../asset-player.js';
import { frameCamera, type Dataset } from '../dataset/dataset.js';
import type { Engine } from '../native/engine.js';
import { countOpen, openPixels } from './open-pixels.js';

/** Pixels that every splat of a branch reaches, summed over views `[N]`. */
export type Reach = Readonly<Record<BranchName, Float64Array>>;

/**
 * Adds up the pixels that every splat of an exported head reaches (Eq. 5) in frames of a dataset, the head posed by the
 * frames' own sound and expressions. A splat inside an opaque blob, behind the head or out of every picture ends at 0.
 *
 * The engine draws each branch on its own and counts there; what the face then covers of the mouth (Eq. 10) is cut off
 * here: a mouth splat counts no more pixels than the face leaves open around it. That bound is never too small, so a splat
 * that can be seen is never taken for hidden; one beside an opening may count though it is not in it.
 *
 * @param frames - indices into the dataset; a drawing of both branches and a backward walk each.
 */
export async function measureReach(
    asset: HeadAsset,
    dataset: Dataset,
    engine: Engine,
    frames: readonly number[],
    onFrame: (done: number) => void = () => undefined,
): Promise<Reach> {
    const player = new AssetPlayer(asset, dataset, engine);
    const reach = {
        face: new Float64Array(asset.branches.face.splats.count),
        mouth: new Float64Array(asset.branches.mouth.splats.count),
    };
    for (const [at, frame] of frames.entries()) {
        const camera = frameCamera(dataset, frame);
        const pose = player.pose(frame);
        const face = await engine.measureSplats(pose.face, camera);
        const mouth = await engine.measureSplats(pose.mouth, camera);
        const open = openPixels(face.rgba, camera);
        const counts = {
            face: face.pixelCounts,
            mouth: mouth.pixelCounts.map((count, i) =>
                count === 0
                    ? 0
                    : Math.min(count, countOpen(open, screenMean(pose.mouth, i, camera), mouth.radii[i] as number)),
            ),
        };
        for (const branch of BRANCH_NAMES)
            for (let i = 0; i < counts[branch].length; i++)
                reach[branch][i] = (reach[branch][i] as number) + (counts[branch][i] as number);
        onFrame(at + 1);
    }
    return reach;
}

/** Where a splat's centre falls on the screen, px; the splat lies in front of the camera. */
function screenMean({ means }: SplatSet, i: number, { viewmat, fx, fy, cx, cy }: Camera): readonly [number, number] {
    const along = (row: number): number =>
        [0, 1, 2].reduce(
            (sum, k) => sum + (viewmat[row * 4 + k] as number) * (means[i * 3 + k] as number),
            viewmat[row * 4 + 3] as number,
        );
    const depth = along(2);
    return [(fx * along(0)) / depth + cx, (fy * along(1)) / depth + cy];
}
