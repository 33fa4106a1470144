import { compositeOver } from './composite.js';
import { frameCamera, type Dataset } from './dataset/dataset.js';
import { decodeFrame, type FrameImages } from './dataset/images.js';
import { LABEL_IDS } from './dataset/labels.js';
import { boxRegion, psnr, regionMean, regionOf, ssimMap, type Region } from './metrics.js';
import type { BranchPixels } from './native/engine.js';
import { measureSync, renderedAperture, trueAperture, type Sync } from './sync.js';

/** Regions of evaluation (contracts.md §1). */
export type RegionName = 'full' | 'head' | 'lips';

/** Every region, in the order of tables. */
export const REGION_NAMES: readonly RegionName[] = ['full', 'head', 'lips'];

/** PSNR in dB and SSIM, averaged over frames. */
export interface Scores {
    readonly psnr: number;
    readonly ssim: number;
}

/** Result of an evaluation; `eval --json` prints exactly this. */
export interface Evaluation {
    readonly regions: Readonly<Record<RegionName, Scores>>;
    /** The same with deformation off. */
    readonly static: Readonly<Record<RegionName, Scores>>;
    readonly sync: Sync;
    readonly frames: number;
}

/** Scores of one frame. */
export interface FrameScore {
    readonly frame: number;
    readonly regions: Readonly<Record<RegionName, Scores>>;
    readonly static: Readonly<Record<RegionName, Scores>>;
    /** Mouth opening in the render and in truth, px. */
    readonly aperture: number;
    readonly trueAperture: number;
}

/** Anything that draws a frame of the dataset: an exported head, or a model still in training. */
export interface FrameRenderer {
    render(frame: number, isDeformed: boolean): Promise<BranchPixels>;
}

/** Regions of a true frame: the whole picture, the pixels labelled face, hair or mouth, and the lips box. */
export function frameRegions(dataset: Dataset, frame: number, images: FrameImages): Record<RegionName, Region> {
    const { width, height } = dataset.header;
    const { labels } = images;
    const head: readonly number[] = [LABEL_IDS.face, LABEL_IDS.hair, LABEL_IDS.mouth];
    const lips = dataset.frames[frame]?.lips ?? [];
    return {
        full: regionOf(width * height, () => true),
        head: regionOf(width * height, (p) => head.includes(labels[p] as number)),
        lips: boxRegion({ width, height }, lips),
    };
}

/** True picture, 0..1. */
export function truePixels({ rgb }: FrameImages): Float32Array {
    return Float32Array.from(rgb, (byte) => byte / 255);
}

/** PSNR and SSIM of a rendered picture in every region. */
export function scoreRegions(
    dataset: Dataset,
    picture: Float32Array,
    truth: Float32Array,
    regions: Record<RegionName, Region>,
): Record<RegionName, Scores> {
    const map = ssimMap(picture, truth, dataset.header);
    const score = (name: RegionName): Scores => ({
        psnr: psnr(picture, truth, regions[name]),
        ssim: regionMean(map, regions[name]),
    });
    return { full: score('full'), head: score('head'), lips: score('lips') };
}

/** Draws and scores frames, deformed and still. */
export async function scoreFrames(
    dataset: Dataset,
    frames: readonly number[],
    renderer: FrameRenderer,
    onFrame: (done: number) => void = () => undefined,
): Promise<FrameScore[]> {
    const { backgroundColor } = dataset.header;
    const scores: FrameScore[] = [];
    for (const frame of frames) {
        // Throws for a frame that the dataset lacks, before any work.
        frameCamera(dataset, frame);
        const images = await decodeFrame(dataset, frame);
        const truth = truePixels(images);
        const regions = frameRegions(dataset, frame, images);
        const moving = await renderer.render(frame, true);
        const still = await renderer.render(frame, false);
        scores.push({
            frame,
            regions: scoreRegions(dataset, compositeOver(moving, backgroundColor), truth, regions),
            static: scoreRegions(dataset, compositeOver(still, backgroundColor), truth, regions),
            aperture: renderedAperture(moving, regions.lips),
            trueAperture: trueAperture(images.labels, LABEL_IDS.mouth, regions.lips),
        });
        onFrame(scores.length);
    }
    return scores;
}

/** Averages over frames; regions that a frame lacks do not count. */
export function summarise(scores: readonly FrameScore[]): Evaluation {
    const mean = (values: readonly number[]): number => {
        const finite = values.filter((value) => Number.isFinite(value));
        return finite.reduce((sum, value) => sum + value, 0) / finite.length;
    };
    const average = (kind: 'regions' | 'static'): Record<RegionName, Scores> => {
        const of = (name: RegionName): Scores => ({
            psnr: mean(scores.map((score) => score[kind][name].psnr)),
            ssim: mean(scores.map((score) => score[kind][name].ssim)),
        });
        return { full: of('full'), head: of('head'), lips: of('lips') };
    };
    return {
        regions: average('regions'),
        static: average('static'),
        sync: measureSync(
            scores.map((score) => score.aperture),
            scores.map((score) => score.trueAperture),
        ),
        frames: scores.length,
    };
}
