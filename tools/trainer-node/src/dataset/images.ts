import sharp, { type OutputInfo, type Sharp } from 'sharp';
import { framePath, maskPath, type Dataset } from './dataset.js';
import { labelTable, translateLabels } from './labels.js';
import { refuseDataset } from './validate.js';

/** A decoded frame. */
export interface FrameImages {
    /** `[height, width, 3]` sRGB bytes. */
    readonly rgb: Uint8Array;
    /** `[height, width]` engine label ids. */
    readonly labels: Uint8Array;
}

/** Pictures decoded at a time. Node's pool has four threads; more would only hold more memory. */
const CONCURRENCY = 4;

async function decode(path: string, pipeline: () => Sharp): Promise<{ data: Buffer; info: OutputInfo }> {
    try {
        return await pipeline().raw().toBuffer({ resolveWithObject: true });
    } catch (error) {
        throw refuseDataset(
            'DATASET_FORMAT',
            path,
            'a whole JPEG or PNG picture',
            (error as Error).message,
            'Extract the frame again.',
        );
    }
}

async function assertPicture(path: string, { header, recorded }: Dataset, channelsWanted?: number): Promise<void> {
    const { width, height, channels, depth } = await sharp(path)
        .metadata()
        .catch((error: Error) => {
            throw refuseDataset(
                'DATASET_FORMAT',
                path,
                'a JPEG or PNG picture',
                error.message,
                'Extract the frame again.',
            );
        });
    if (width !== recorded.width || height !== recorded.height) {
        throw refuseDataset(
            'DATASET_VALUE',
            path,
            `${recorded.width} x ${recorded.height} px`,
            `${width} x ${height}`,
            `All pictures of ${header.name} must have the size in dataset.json.`,
        );
    }
    if (channelsWanted !== undefined && (channels !== channelsWanted || depth !== 'uchar')) {
        throw refuseDataset(
            'DATASET_VALUE',
            path,
            'one 8-bit channel',
            `${channels} channels of ${depth}`,
            'Write grey masks without a palette.',
        );
    }
}

/**
 * Decodes one frame at the dataset's (possibly scaled) size: colours filtered, labels by nearest neighbour.
 *
 * @throws PgsError `DATASET_FORMAT` (not a picture, cut off) or `DATASET_VALUE` (size, channels, unknown label).
 */
export async function decodeFrame(dataset: Dataset, index: number): Promise<FrameImages> {
    const { width, height, labels } = dataset.header;
    const { recorded } = dataset;
    const isScaled = width !== recorded.width || height !== recorded.height;
    const picture = framePath(dataset, index);
    const mask = maskPath(dataset, index);
    await Promise.all([assertPicture(picture, dataset), assertPicture(mask, dataset, 1)]);
    const resize = (image: Sharp, kernel: 'lanczos3' | 'nearest'): Sharp =>
        isScaled ? image.resize(width, height, { kernel, fit: 'fill', fastShrinkOnLoad: false }) : image;
    const [color, label] = await Promise.all([
        decode(picture, () =>
            resize(sharp(picture, { failOn: 'truncated' }).removeAlpha().toColourspace('srgb'), 'lanczos3'),
        ),
        decode(mask, () => resize(sharp(mask, { failOn: 'truncated' }), 'nearest').extractChannel(0)),
    ]);
    if (color.info.channels !== 3)
        throw refuseDataset('DATASET_VALUE', picture, '3 colour channels', color.info.channels, 'Write RGB frames.');
    translateLabels(mask, label.data, width, labelTable(labels));
    return { rgb: color.data, labels: label.data };
}

/**
 * Decodes frames in parallel and hands them over one by one, in any order, so that memory holds only a few at a time.
 *
 * @param sink - receives a frame; its arrays are the sink's to keep. While it waits, its decoder does.
 */
export async function streamFrames(
    dataset: Dataset,
    indices: readonly number[],
    sink: (index: number, images: FrameImages) => void | Promise<void>,
    signal?: AbortSignal,
): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
        while (next < indices.length) {
            signal?.throwIfAborted();
            const index = indices[next++] as number;
            await sink(index, await decodeFrame(dataset, index));
        }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}
