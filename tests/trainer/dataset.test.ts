import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeWav } from '../../plugin/audio/index.js';
import { openDataset } from '../../tools/trainer-node/src/dataset/dataset.js';
import { decodeFrame } from '../../tools/trainer-node/src/dataset/images.js';
import { writeToyDataset } from './toy-dataset.js';

type Json = Record<string, unknown>;
type Edit = (folder: string) => Promise<void>;

let root = '';
let sound = '';

beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pgs-dataset-'));
    sound = join(root, 'sound');
    await writeToyDataset(sound, { frames: 8, side: 32, test: 2 });
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function editedCopy(edit: Edit): Promise<string> {
    const folder = await mkdtemp(join(root, 'copy-'));
    await cp(sound, folder, { recursive: true });
    await edit(folder);
    return folder;
}

function header(change: (json: Json) => void): Edit {
    return async (folder) => {
        const path = join(folder, 'dataset.json');
        const json = JSON.parse(await readFile(path, 'utf8')) as Json;
        change(json);
        await writeFile(path, JSON.stringify(json));
    };
}

/** Edits frame 3. */
function frame(change: (json: Json) => void): Edit {
    return async (folder) => {
        const path = join(folder, 'frames.jsonl');
        const lines = (await readFile(path, 'utf8')).trim().split('\n');
        const json = JSON.parse(lines[3] as string) as Json;
        change(json);
        lines[3] = JSON.stringify(json);
        await writeFile(path, lines.join('\n'));
    };
}

const file =
    (name: string, content: string | Uint8Array): Edit =>
    (folder) =>
        writeFile(join(folder, name), content);
const gone =
    (name: string): Edit =>
    (folder) =>
        rm(join(folder, name));

/** What is wrong, the edit that makes it so, and what the message must say. */
const FAULTS: readonly (readonly [string, Edit, string])[] = [
    ['no dataset.json', gone('dataset.json'), 'dataset.json'],
    ['dataset.json is not JSON', file('dataset.json', '{'), 'dataset.json: expected JSON'],
    ['dataset.json is a list', file('dataset.json', '[]'), 'an object'],
    ['another version', header((j) => (j['version'] = 2)), 'version: expected 1, got 2'],
    ['no name', header((j) => (j['name'] = '')), 'name: expected'],
    ['another frame rate', header((j) => (j['fps'] = 30)), 'fps: expected 25, got 30'],
    ['an absurd frame count', header((j) => (j['frameCount'] = 1e12)), 'frameCount'],
    ['a fractional width', header((j) => (j['width'] = 32.5)), 'width'],
    ['a huge height', header((j) => (j['height'] = 1e6)), 'height'],
    ['no intrinsics', header((j) => delete j['intrinsics']), 'intrinsics'],
    ['a negative focal length', header((j) => (j['intrinsics'] = { fx: -1, fy: 1, cx: 1, cy: 1 })), 'fx and fy'],
    [
        'a principal point outside',
        header((j) => (j['intrinsics'] = { fx: 50, fy: 50, cx: 99, cy: 1 })),
        'cx, cy within',
    ],
    ['no split', header((j) => delete j['split']), 'split'],
    ['a split beyond the frames', header((j) => (j['split'] = { train: [0, 6], test: [6, 9] })), 'split.test'],
    ['an empty split', header((j) => (j['split'] = { train: [0, 0], test: [6, 8] })), 'split.train'],
    ['overlapping splits', header((j) => (j['split'] = { train: [0, 7], test: [6, 8] })), 'overlap'],
    ['a sound outside the folder', header((j) => (j['audio'] = '../audio.wav')), 'audio: expected the name'],
    ['expression names that repeat', header((j) => (j['expressionNames'] = ['A', 'A'])), 'expressionNames'],
    ['no mouth label', header((j) => (j['labels'] = { background: 0, face: 1, hair: 2, torso: 4 })), 'labels.mouth'],
    [
        'an unknown label name',
        header((j) => (j['labels'] = { background: 0, face: 1, hair: 2, mouth: 3, torso: 4, hat: 5 })),
        'labels.hat',
    ],
    [
        'one id for two labels',
        header((j) => (j['labels'] = { background: 0, face: 1, hair: 1, mouth: 3, torso: 4 })),
        'different id',
    ],
    ['a background that is no colour', header((j) => (j['backgroundColor'] = [0, 0, 300])), 'backgroundColor'],
    ['no provenance', header((j) => delete j['provenance']), 'provenance'],
    ['a consent that is no text', header((j) => (j['consent'] = 1)), 'consent'],
    ['no frames.jsonl', gone('frames.jsonl'), 'frames.jsonl'],
    ['a missing line', file('frames.jsonl', '{}\n'), 'frames.jsonl: expected 8 lines'],
    [
        'NaN in a camera',
        frame((j) => ((j['viewmat'] as unknown[])[5] = null)),
        'line 4 viewmat: expected 16 finite numbers',
    ],
    [
        'a camera of 12 numbers',
        frame((j) => (j['viewmat'] = (j['viewmat'] as number[]).slice(0, 12))),
        'line 4 viewmat',
    ],
    [
        'a camera that scales',
        frame((j) => (j['viewmat'] = (j['viewmat'] as number[]).map((v, i) => (i < 12 ? 1.01 * v : v)))),
        'rigid',
    ],
    [
        'a mirrored camera',
        frame((j) => (j['viewmat'] = (j['viewmat'] as number[]).map((v, i) => (i < 4 ? -v : v)))),
        'rigid',
    ],
    ['a missing expression', frame((j) => (j['expression'] = [0.1])), 'expression: expected 2'],
    ['an expression above 1', frame((j) => (j['expression'] = [0.1, 5])), 'numbers 0..1'],
    ['a lips box inside out', frame((j) => (j['lips'] = [9, 9, 1, 1])), 'lips'],
    ['landmark names that are no texts', file('landmarks.json', '{"names": [1]}'), 'landmarks.json names'],
    [
        'fewer landmarks than names',
        file('landmarks.json', '{"names": ["eye_a", "eye_b"]}'),
        'landmarks: expected 2 points',
    ],
    ['no mouth opening', frame((j) => delete j['mouthOpen']), 'mouthOpen'],
    ['no sound', gone('audio.wav'), 'audio.wav'],
    ['a sound that is no WAV', file('audio.wav', 'hello'), 'WAV'],
    [
        'a sound that is too short',
        file('audio.wav', encodeWav(new Float32Array(5000), 16_000)),
        'audio.wav: expected 5120 samples',
    ],
    ['a sound at 44.1 kHz', file('audio.wav', encodeWav(new Float32Array(14_112), 44_100)), '44100 Hz'],
    ['a missing picture', gone('frames/000005.jpg'), '000005.jpg'],
    ['an empty mask', file('masks/000002.png', ''), '000002.png'],
];

/** Faults that show when the pictures are decoded. Frame 1 is broken. */
const PICTURE_FAULTS: readonly (readonly [string, Edit, string])[] = [
    ['a cut-off JPEG', (folder) => truncate(join(folder, 'frames/000001.jpg'), 400), '000001.jpg'],
    ['a picture of another size', (folder) => blank(join(folder, 'frames/000001.jpg'), 40, 3), '32 x 32'],
    ['a mask of another size', (folder) => blank(join(folder, 'masks/000001.png'), 16, 1), '32 x 32'],
    ['a colour mask', (folder) => blank(join(folder, 'masks/000001.png'), 32, 3), 'one 8-bit channel'],
    [
        'an unknown label',
        (folder) => blank(join(folder, 'masks/000001.png'), 32, 1),
        'expected a label of dataset.json, got 77',
    ],
];

async function blank(path: string, side: number, channels: 1 | 3): Promise<void> {
    const image = sharp(Buffer.alloc(side * side * channels, 77), { raw: { width: side, height: side, channels } });
    await (channels === 1 ? image.toColourspace('b-w') : image).toFile(path);
}

describe('a dataset folder', () => {
    it('opens when it is sound, with pictures, labels and sound aligned', async () => {
        const dataset = await openDataset(sound);
        expect(dataset.frames).toHaveLength(8);
        expect(dataset.samples).toHaveLength(5120);
        const { rgb, labels } = await decodeFrame(dataset, 0);
        expect([rgb.length, labels.length]).toEqual([32 * 32 * 3, 32 * 32]);
        expect([...new Set(labels)].every((label) => label <= 4)).toBe(true);
    });

    it.each(FAULTS)('is refused for %s', async (_name, edit, text) => {
        const folder = await editedCopy(edit);
        await expect(openDataset(folder)).rejects.toThrowError(
            expect.objectContaining({ name: 'PgsError', message: expect.stringContaining(text) as string }) as Error,
        );
    });

    it.each(PICTURE_FAULTS)('is refused for %s', async (_name, edit, text) => {
        const dataset = await openDataset(await editedCopy(edit));
        await expect(decodeFrame(dataset, 1)).rejects.toThrowError(
            expect.objectContaining({ name: 'PgsError', message: expect.stringContaining(text) as string }) as Error,
        );
    });

    it('is cut and scaled on request, intrinsics, lips and sound included', async () => {
        const whole = await openDataset(sound);
        const small = await openDataset(sound, { frames: 6, resolution: 16 });
        expect(small.header).toMatchObject({
            frameCount: 6,
            width: 16,
            height: 16,
            split: { train: [0, 4], test: [4, 6] },
        });
        expect(small.header.intrinsics.fx).toBeCloseTo(whole.header.intrinsics.fx / 2);
        expect(small.frames[0]?.lips[2]).toBeCloseTo((whole.frames[0]?.lips[2] as number) / 2);
        expect(small.samples).toHaveLength(6 * 640);
        expect((await decodeFrame(small, 5)).labels).toHaveLength(256);
    });

    it('boxes eyes and brows from the landmarks that are named so, and scales the box', async () => {
        const folder = await editedCopy(async (copy) => {
            await file('landmarks.json', '{"names": ["lip_a", "eye_a", "brow_b"]}')(copy);
            const lines = (await readFile(join(copy, 'frames.jsonl'), 'utf8')).trim().split('\n');
            const points = {
                landmarks: [
                    [1, 30],
                    [8, 12],
                    [18, 10],
                ],
            };
            const edited = lines.map((line) => JSON.stringify({ ...(JSON.parse(line) as object), ...points }));
            await writeFile(join(copy, 'frames.jsonl'), edited.join('\n'));
        });
        // 12 % of the width of 10 px on every side.
        expect([...((await openDataset(folder)).frames[0]?.eyes ?? [])]).toEqual([6.8, 8.8, 19.2, 13.2]);
        expect((await openDataset(folder, { resolution: 16 })).frames[0]?.eyes?.[2]).toBeCloseTo(9.6);
        expect((await openDataset(sound)).frames[0]?.eyes).toBeNull();
    });

    it('maps label ids of its own to the engine', async () => {
        const folder = await editedCopy(
            header((j) => (j['labels'] = { background: 1, face: 0, hair: 2, mouth: 3, torso: 4 })),
        );
        const [own, mapped] = [
            await decodeFrame(await openDataset(sound), 0),
            await decodeFrame(await openDataset(folder), 0),
        ];
        const swapped = own.labels.map((label) => (label < 2 ? 1 - label : label));
        expect(Buffer.compare(mapped.labels, swapped)).toBe(0);
    });
});
