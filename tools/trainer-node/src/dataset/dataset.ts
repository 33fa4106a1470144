import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeWav } from '../../../../plugin/audio/index.js';
import type { Camera } from '../../../../plugin/core/index.js';
import {
    parseFrame,
    parseHeader,
    parseLandmarkNames,
    refuseDataset,
    type DatasetHeader,
    type FrameRecord,
} from './validate.js';

/** Which part of a dataset to use, and how large. */
export interface DatasetOptions {
    /** Use this many frames from the start; the split keeps its proportion. Default: all. */
    readonly frames?: number;
    /** Longer picture side, px; pictures are scaled down to it. Default: as recorded. */
    readonly resolution?: number;
}

/** A dataset folder (contracts.md, dataset v1), its text checked and read; pictures are read on demand. */
export interface Dataset {
    readonly folder: string;
    readonly header: DatasetHeader;
    readonly frames: readonly FrameRecord[];
    /** Mono sound at 16 kHz, exactly frameCount / fps seconds. */
    readonly samples: Float32Array;
    readonly sampleRate: number;
    /** Picture size in the files, px; `header` holds the size in use. */
    readonly recorded: { readonly width: number; readonly height: number };
}

/** Samples a second that dataset v1 prescribes. */
const SAMPLE_RATE = 16_000;

async function readText(folder: string, name: string): Promise<string> {
    try {
        return await readFile(join(folder, name), 'utf8');
    } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
        throw refuseDataset(
            'DATASET_MISSING',
            join(folder, name),
            'a readable file',
            reason,
            'Give the dataset folder that `pgstalker prepare` wrote.',
        );
    }
}

function parseJson(name: string, text: string): unknown {
    try {
        return JSON.parse(text);
    } catch (error) {
        throw refuseDataset('DATASET_FORMAT', name, 'JSON', (error as Error).message, 'Write the file again.');
    }
}

/** Names of the landmarks; none where the folder does not tell. */
async function readLandmarkNames(folder: string): Promise<readonly string[]> {
    const name = 'landmarks.json';
    const isThere = await stat(join(folder, name)).then(
        () => true,
        () => false,
    );
    return isThere ? parseLandmarkNames(parseJson(name, await readText(folder, name))) : [];
}

/** Path of a frame's picture. */
export function framePath(dataset: Dataset, index: number): string {
    return join(dataset.folder, 'frames', `${String(index).padStart(6, '0')}.jpg`);
}

/** Path of a frame's label mask. */
export function maskPath(dataset: Dataset, index: number): string {
    return join(dataset.folder, 'masks', `${String(index).padStart(6, '0')}.png`);
}

/** A frame's camera. */
export function frameCamera(dataset: Dataset, index: number): Camera {
    const { width, height, intrinsics } = dataset.header;
    const frame = dataset.frames[index];
    if (frame === undefined)
        throw refuseDataset(
            'DATASET_VALUE',
            'frame',
            `0..${dataset.frames.length - 1}`,
            index,
            'Ask for a frame of the dataset.',
        );
    return { viewmat: frame.viewmat, ...intrinsics, width, height };
}

/**
 * Opens and checks a dataset folder: header, every camera, the sound's length, and that every picture and mask exists.
 *
 * @throws PgsError `DATASET_MISSING`, `DATASET_FORMAT`, `DATASET_VALUE` or `AUDIO_FORMAT` - the first fault, with file and line.
 */
export async function openDataset(folder: string, options: DatasetOptions = {}): Promise<Dataset> {
    const header = parseHeader(parseJson('dataset.json', await readText(folder, 'dataset.json')));

    const lines = (await readText(folder, 'frames.jsonl')).split('\n').filter((line) => line.trim() !== '');
    if (lines.length !== header.frameCount) {
        throw refuseDataset(
            'DATASET_FORMAT',
            'frames.jsonl',
            `${header.frameCount} lines (frameCount)`,
            lines.length,
            'Track the video again.',
        );
    }
    const landmarkNames = await readLandmarkNames(folder);
    const frames = lines.map((line, index) => parseFrame(line, index, header.expressionNames.length, landmarkNames));
    const samples = await readSound(folder, header);
    const recorded = { width: header.width, height: header.height };
    const whole: Dataset = { folder, header, frames, samples, sampleRate: SAMPLE_RATE, recorded };
    const dataset = scaleDataset(cutDataset(whole, options.frames), options.resolution);
    await assertPictures(dataset);
    return dataset;
}

async function readSound(folder: string, header: DatasetHeader): Promise<Float32Array> {
    const path = join(folder, header.audio);
    let bytes: Uint8Array;
    try {
        bytes = await readFile(path);
    } catch (error) {
        throw refuseDataset(
            'DATASET_MISSING',
            path,
            'a readable file',
            (error as Error).message,
            'Extract the sound again.',
        );
    }
    const clip = decodeWav(bytes);
    if (clip.sampleRate !== SAMPLE_RATE || clip.channels !== 1) {
        throw refuseDataset(
            'DATASET_VALUE',
            header.audio,
            `mono at ${SAMPLE_RATE} Hz`,
            `${clip.channels} channels at ${clip.sampleRate} Hz`,
            'Convert the sound.',
        );
    }
    const expected = (header.frameCount / header.fps) * SAMPLE_RATE;
    if (clip.samples.length !== expected) {
        throw refuseDataset(
            'DATASET_VALUE',
            header.audio,
            `${expected} samples (frameCount / fps seconds)`,
            clip.samples.length,
            'Cut or pad the sound to the length of the video.',
        );
    }
    return clip.samples;
}

/** Every picture and mask must exist and not be empty; what is in them is checked when they are decoded. */
async function assertPictures(dataset: Dataset): Promise<void> {
    const paths = dataset.frames.flatMap((_, index) => [framePath(dataset, index), maskPath(dataset, index)]);
    for (let first = 0; first < paths.length; first += 64) {
        await Promise.all(
            paths.slice(first, first + 64).map(async (path) => {
                const size = await stat(path).then(
                    (info) => info.size,
                    () => -1,
                );
                if (size < 0)
                    throw refuseDataset(
                        'DATASET_MISSING',
                        path,
                        'a picture',
                        'no such file',
                        'Extract the frames again.',
                    );
                if (size === 0)
                    throw refuseDataset(
                        'DATASET_MISSING',
                        path,
                        'a picture',
                        'an empty file',
                        'Extract the frames again.',
                    );
            }),
        );
    }
}

/** The first `count` frames with the recorded proportion of test frames at the end. */
function cutDataset(dataset: Dataset, count: number | undefined): Dataset {
    const { header } = dataset;
    if (count === undefined || count === header.frameCount) return dataset;
    if (!Number.isInteger(count) || count < 4 || count > header.frameCount) {
        throw refuseDataset(
            'OPTION_VALUE',
            '--frames',
            `an integer 4..${header.frameCount}`,
            count,
            'Ask for fewer frames.',
        );
    }
    const testShare = (header.split.test[1] - header.split.test[0]) / header.frameCount;
    const train = count - Math.max(2, Math.round(count * testShare));
    return {
        ...dataset,
        header: { ...header, frameCount: count, split: { train: [0, train], test: [train, count] } },
        frames: dataset.frames.slice(0, count),
        samples: dataset.samples.slice(0, (count / header.fps) * SAMPLE_RATE),
    };
}

/** Scales sizes, intrinsics and lips boxes; the pictures follow when they are decoded. */
function scaleDataset(dataset: Dataset, resolution: number | undefined): Dataset {
    const { header } = dataset;
    const longer = Math.max(header.width, header.height);
    if (resolution === undefined || resolution === longer) return dataset;
    if (!Number.isInteger(resolution) || resolution < 16 || resolution > longer) {
        throw refuseDataset(
            'OPTION_VALUE',
            '--resolution',
            `an integer 16..${longer}`,
            resolution,
            'Pictures are only scaled down.',
        );
    }
    const width = Math.round((header.width * resolution) / longer);
    const height = Math.round((header.height * resolution) / longer);
    const sx = width / header.width;
    const sy = height / header.height;
    const { fx, fy, cx, cy } = header.intrinsics;
    const scaleBox = (box: Float64Array): Float64Array => box.map((v, i) => v * (i % 2 === 0 ? sx : sy));
    return {
        ...dataset,
        header: { ...header, width, height, intrinsics: { fx: fx * sx, fy: fy * sy, cx: cx * sx, cy: cy * sy } },
        frames: dataset.frames.map((frame) => ({
            ...frame,
            lips: scaleBox(frame.lips),
            eyes: frame.eyes === null ? null : scaleBox(frame.eyes),
        })),
    };
}
