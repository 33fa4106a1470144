import sharp from 'sharp';
import { compositeOver, toBytes } from '../composite.js';
import type { Dataset } from '../dataset/dataset.js';
import { decodeFrame } from '../dataset/images.js';
import type { FrameRenderer, FrameScore } from '../evaluate.js';

/** Frames shown. */
const COUNT = 6;
/** JPEG quality: the report stays under a megabyte. */
const QUALITY = 85;

/** A test frame with its pictures. */
export interface WorstFrame {
    readonly frame: number;
    readonly psnr: number;
    /** Truth and render side by side, a JPEG. */
    readonly jpeg: Uint8Array;
}

/** The test frames with the lowest PSNR over the lips, worst first. */
export async function worstFrames(
    dataset: Dataset,
    scores: readonly FrameScore[],
    renderer: FrameRenderer,
): Promise<WorstFrame[]> {
    const { width, height, backgroundColor } = dataset.header;
    const worst = scores
        .filter((score) => Number.isFinite(score.regions.lips.psnr))
        .sort((a, b) => a.regions.lips.psnr - b.regions.lips.psnr)
        .slice(0, COUNT);
    const out: WorstFrame[] = [];
    for (const { frame, regions } of worst) {
        const { rgb } = await decodeFrame(dataset, frame);
        const render = toBytes(compositeOver(await renderer.render(frame, true), backgroundColor));
        const raw = { width, height, channels: 3 } as const;
        const jpeg = await sharp({ create: { width: 2 * width, height, channels: 3, background: '#000' } })
            .composite([
                { input: Buffer.from(rgb), raw, left: 0, top: 0 },
                { input: Buffer.from(render), raw, left: width, top: 0 },
            ])
            .jpeg({ quality: QUALITY })
            .toBuffer();
        out.push({ frame, psnr: regions.lips.psnr, jpeg });
    }
    return out;
}
