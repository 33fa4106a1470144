import { decodeHead, encodeHead, type HeadAsset } from '../../../../plugin/core/index.js';
import { AssetPlayer } from '../asset-player.js';
import { compositeOver } from '../composite.js';
import type { Dataset } from '../dataset/dataset.js';
import { decodeFrame } from '../dataset/images.js';
import { frameRegions, truePixels, type FrameRenderer } from '../evaluate.js';
import { psnr } from '../metrics.js';
import type { Engine } from '../native/engine.js';

/** Precisions of the shipped features, smallest first. */
const FEATURE_BITS = [8, 16] as const;
/** Largest loss of a precision, dB over the head; a larger one takes the next precision (contracts.md §2). */
const MAX_LOSS_DB = 0.1;

/** One precision, measured. */
export interface BitsReport {
    readonly featureBits: 8 | 16;
    readonly bytes: number;
    /** PSNR over the head, dB: trained model, exported asset, and what the export lost. */
    readonly modelPsnr: number;
    readonly assetPsnr: number;
    readonly lossDb: number;
}

/** The chosen file and what was measured on the way. */
export interface ExportResult {
    readonly bytes: Uint8Array;
    readonly featureBits: 8 | 16;
    readonly tried: readonly BitsReport[];
    readonly frames: readonly number[];
}

/**
 * Encodes an asset at the smallest precision that costs at most 0.1 dB against the trained model on the given frames; at the
 * largest if none does, and the report shows it.
 *
 * @param model - draws the trained model itself.
 */
export async function chooseBits(
    asset: HeadAsset,
    dataset: Dataset,
    engine: Engine,
    model: FrameRenderer,
    frames: readonly number[],
): Promise<ExportResult> {
    const modelPsnr = await headPsnr(dataset, frames, model);
    const tried: BitsReport[] = [];
    for (const featureBits of FEATURE_BITS) {
        const bytes = encodeHead(asset, { featureBits });
        const assetPsnr = await headPsnr(dataset, frames, new AssetPlayer(decodeHead(bytes), dataset, engine));
        const lossDb = modelPsnr - assetPsnr;
        tried.push({ featureBits, bytes: bytes.length, modelPsnr, assetPsnr, lossDb });
        if (lossDb <= MAX_LOSS_DB || featureBits === 16) return { bytes, featureBits, tried, frames };
    }
    throw new Error('unreachable: the last precision always returns');
}

async function headPsnr(dataset: Dataset, frames: readonly number[], renderer: FrameRenderer): Promise<number> {
    let sum = 0;
    for (const frame of frames) {
        const images = await decodeFrame(dataset, frame);
        const picture = compositeOver(await renderer.render(frame, true), dataset.header.backgroundColor);
        sum += psnr(picture, truePixels(images), frameRegions(dataset, frame, images).head);
    }
    return sum / frames.length;
}
