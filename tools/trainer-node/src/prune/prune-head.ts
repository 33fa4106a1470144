import {
    BRANCH_NAMES,
    decodeHead,
    encodeHead,
    PgsError,
    type BranchName,
    type HeadAsset,
} from '../../../../plugin/core/index.js';
import { AssetPlayer } from '../asset-player.js';
import type { Dataset } from '../dataset/dataset.js';
import { scoreFrames, summarise, type Evaluation } from '../evaluate.js';
import { trainingViews } from '../export/contribution.js';
import type { Engine } from '../native/engine.js';
import type { Progress } from '../progress.js';
import { pruneAsset } from './prune-asset.js';
import { measureReach } from './reach.js';

/** Every so many-th training frame is looked at where `--views` does not say. */
const VIEW_STRIDE = 4;
/** ... but no more than this. Measured on the default avatar: 50 views miss 2 of its 26690 splats, 200 views none. */
const MAX_VIEWS = 200;

/** What to drop, and what it may cost. */
export interface PruneSettings {
    /** Training frames to look through, evenly spread. Default: every 4th, at most 200. */
    readonly views?: number | undefined;
    /** Pixels over all views that a splat must reach to stay. */
    readonly minPixels: number;
    /** Largest loss of PSNR over the head on the test split, dB. */
    readonly maxLossDb: number;
}

/** One side of the comparison. */
export interface PruneSide {
    readonly splats: Readonly<Record<BranchName, number>>;
    readonly bytes: number;
    /** On the test split, as `pgstalker eval` measures. */
    readonly metrics: Evaluation;
}

/** What pruning did. */
export interface PruneReport {
    readonly views: number;
    readonly minPixels: number;
    readonly before: PruneSide;
    readonly after: PruneSide;
    /** PSNR over the head, before - after, dB. */
    readonly lossDb: number;
}

/** What {@link pruneHead} works with. */
export interface PruneInputs extends PruneSettings {
    readonly asset: HeadAsset;
    /** Size of the file that {@link asset} came from. */
    readonly bytes: number;
    readonly dataset: Dataset;
    readonly engine: Engine;
    readonly progress: Progress;
}

/**
 * Drops the splats that no training view needs and measures on the test split what that costs. Writes nothing.
 *
 * @returns the new file; its `facts.metrics` are its own, and `facts.pruned` says what was done.
 * @throws PgsError `DATASET_VALUE` - not the dataset of this head; `OPTION_VALUE` - the loss exceeds `maxLossDb`.
 */
export async function pruneHead(inputs: PruneInputs): Promise<{ bytes: Uint8Array; report: PruneReport }> {
    const { asset, dataset, engine, progress, minPixels, maxLossDb } = inputs;
    assertSameData(asset, dataset);
    const [first, end] = dataset.header.split.train;
    const wanted = inputs.views ?? Math.min(MAX_VIEWS, Math.ceil((end - first) / VIEW_STRIDE));
    const views = trainingViews(dataset, wanted);
    const reach = await measureReach(asset, dataset, engine, views, (done) => {
        progress.count('view', done, views.length);
    });
    const pruned = pruneAsset(asset, reach, minPixels);
    const draft = encodeHead(pruned);

    const evaluate = async (head: HeadAsset, stage: string): Promise<Evaluation> => {
        const [from, to] = dataset.header.split.test;
        const frames = Array.from({ length: to - from }, (_, i) => from + i);
        const player = new AssetPlayer(head, dataset, engine);
        return summarise(
            await scoreFrames(dataset, frames, player, (done) => {
                progress.count(stage, done, frames.length);
            }),
        );
    };
    const before = { splats: splatCounts(asset), bytes: inputs.bytes, metrics: await evaluate(asset, 'before, frame') };
    const metrics = await evaluate(decodeHead(draft), 'after, frame');
    const lossDb = before.metrics.regions.head.psnr - metrics.regions.head.psnr;
    const facts = {
        ...asset.facts,
        metrics,
        pruned: { views: views.length, minPixels, splatsBefore: before.splats, lossDb },
    };
    const bytes = encodeHead({ ...pruned, facts });
    const after = { splats: splatCounts(pruned), bytes: bytes.length, metrics };
    assertLoss(lossDb, maxLossDb, before, after);
    return { bytes, report: { views: views.length, minPixels, before, after, lossDb } };
}

function splatCounts({ branches }: HeadAsset): Record<BranchName, number> {
    return { face: branches.face.splats.count, mouth: branches.mouth.splats.count };
}

/** A head posed by another clip, or seen by other cameras, would lose the wrong splats without a word. */
function assertSameData(asset: HeadAsset, { header, folder }: Dataset): void {
    const cure = 'Give the dataset that the head was trained on.';
    const refuse = (what: string, expected: string, got: string): PgsError =>
        new PgsError('DATASET_VALUE', `${folder}: expected ${what} ${expected}, as in the head, got ${got}. ${cure}`);
    if (header.name !== asset.name) throw refuse('the name', `"${asset.name}"`, `"${header.name}"`);
    if (header.fps !== asset.fps) throw refuse('fps', String(asset.fps), String(header.fps));
    const missing = asset.expression.names.filter((name) => !header.expressionNames.includes(name));
    if (missing.length > 0)
        throw refuse('the expressions', asset.expression.names.join(', '), `none named ${missing.join(', ')}`);
}

function assertLoss(lossDb: number, maxLossDb: number, before: PruneSide, after: PruneSide): void {
    // Written so that a loss that is no number is refused as well.
    if (lossDb <= maxLossDb) return;
    const total = ({ splats }: PruneSide): number => BRANCH_NAMES.reduce((sum, name) => sum + splats[name], 0);
    throw new PgsError(
        'OPTION_VALUE',
        `--max-loss: expected at most ${maxLossDb} dB lost over the head, got ${lossDb.toFixed(4)} dB ` +
            `(${before.metrics.regions.head.psnr.toFixed(3)} to ${after.metrics.regions.head.psnr.toFixed(3)}) ` +
            `with ${total(before) - total(after)} of ${total(before)} splats dropped. ` +
            'Look through more --views, lower --min-pixels, or allow it with a higher --max-loss; nothing was written.',
    );
}
