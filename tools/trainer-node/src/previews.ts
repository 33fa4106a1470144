import { join } from 'node:path';
import sharp, { type OverlayOptions } from 'sharp';
import { compositeOver, toBytes } from './composite.js';
import type { Dataset } from './dataset/dataset.js';
import { decodeFrame } from './dataset/images.js';
import type { Engine } from './native/engine.js';

/** Test frames shown in each preview. */
const COUNT = 4;

/** Ids of `count` test frames, evenly spread. */
export function testFrames(dataset: Dataset, count: number): number[] {
    const [first, end] = dataset.header.split.test;
    const n = Math.min(count, end - first);
    return Array.from({ length: n }, (_, i) => first + Math.floor(((i + 0.5) * (end - first)) / n));
}

/** Writes `previews/0001000.png`: truth above, render below, for a few test frames. */
export async function writePreview(
    folder: string,
    iteration: number,
    dataset: Dataset,
    engine: Engine,
    isDeformed: boolean,
): Promise<void> {
    const { width, height, backgroundColor } = dataset.header;
    const frames = testFrames(dataset, COUNT);
    const tiles: OverlayOptions[] = [];
    for (const [column, frame] of frames.entries()) {
        const render = toBytes(compositeOver(await engine.renderFrame(frame, isDeformed), backgroundColor));
        const { rgb } = await decodeFrame(dataset, frame);
        for (const [row, input] of [rgb, render].entries()) {
            tiles.push({
                input: Buffer.from(input),
                raw: { width, height, channels: 3 },
                left: column * width,
                top: row * height,
            });
        }
    }
    await sharp({ create: { width: width * frames.length, height: 2 * height, channels: 3, background: '#000' } })
        .composite(tiles)
        .png()
        .toFile(join(folder, `${String(iteration).padStart(7, '0')}.png`));
}
