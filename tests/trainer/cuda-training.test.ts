import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainConfig } from '../../tools/trainer-node/src/config.js';
import { openDataset } from '../../tools/trainer-node/src/dataset/dataset.js';
import { scoreFrames, summarise } from '../../tools/trainer-node/src/evaluate.js';
import { listCheckpoints } from '../../tools/trainer-node/src/io/checkpoint.js';
import { chooseDevice, type Device } from '../../tools/trainer-node/src/native/device.js';
import { findNative, NATIVE_FILES } from '../../tools/trainer-node/src/native/locate.js';
import { trainHead } from '../../tools/trainer-node/src/pipeline.js';
import { presetConfig } from '../../tools/trainer-node/src/presets.js';
import { Progress } from '../../tools/trainer-node/src/progress.js';
import { createRunFolder, openRunFolder } from '../../tools/trainer-node/src/run-folder.js';
import { writeToyDataset } from './toy-dataset.js';

/*
 * `pgstalker train --device cuda` from the command line to the head, with the emulated GPU behind the C edge, beside the same run on
 * the CPU. The emulated GPU is ten thousand times slower than a real one, so the head is tiny; what it shows is that the program
 * around the kernels is right, and that it loses nothing of quality.
 */
const emulated = findNative('libpgs_cuda_emu.so');
const cpu = findNative(NATIVE_FILES.cpu);

let root = '';
/** A folder in which the emulated library goes by the real one's name. */
let libraries = '';

beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pgs-cuda-training-'));
    libraries = join(root, 'libraries');
    mkdirSync(libraries);
    if (emulated !== undefined) symlinkSync(emulated, join(libraries, NATIVE_FILES.cuda));
    if (cpu !== undefined) symlinkSync(cpu, join(libraries, NATIVE_FILES.cpu));
    await writeToyDataset(join(root, 'toy'), { frames: 12, side: 32, test: 3 });
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Outcome {
    readonly status: number | null;
    readonly stderr: string;
}

function pgstalker(words: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
    const { status, stderr } = spawnSync(
        process.execPath,
        [resolve('tools/trainer-node/bin/pgstalker.mjs'), ...words],
        { cwd: root, encoding: 'utf8', env: { ...process.env, PGS_NATIVE_DIR: libraries, ...env } },
    );
    return { status, stderr };
}

interface RunOptions {
    readonly device: Device;
    readonly isStreamed?: boolean;
    readonly isResumed?: boolean;
    readonly onIteration?: (iteration: number) => void;
}

/** Trains in this process; without the hearing steps that a preset has, each of which takes the emulator a quarter of a second. */
async function trained(
    name: string,
    { device, isStreamed = false, isResumed = false, onIteration }: RunOptions,
): Promise<{ psnr: number; notes: string[]; splats: number[] }> {
    const dataset = await openDataset(join(root, 'toy'));
    const tiny = presetConfig('tiny');
    const config: TrainConfig = {
        ...tiny,
        iterations: { static: 15, deform: 20, finetune: 5 },
        hearing: { ...tiny.hearing, steps: 2 },
        densifyInterval: 5,
        densifyFrom: 5,
        checkpointInterval: 25,
    };
    const request = { dataset: dataset.folder, output: join(root, `${name}.glb`), frames: null, resolution: null };
    const run = isResumed
        ? openRunFolder(join(root, name))
        : createRunFolder(join(root, name), config, { ...request, consent: null });
    const progress = new Progress({ isTTY: false, write: () => true } as unknown as NodeJS.WriteStream);
    const notes: string[] = [];
    progress.note = (line) => void notes.push(line);
    const splats: number[] = [];
    progress.update = ({ iteration, splatsFace, splatsMouth }) => {
        splats.push(splatsFace + splatsMouth);
        onIteration?.(iteration);
    };
    const { signal } = new AbortController();
    process.env['PGS_NATIVE_DIR'] = libraries;
    const { engine } = await trainHead({
        dataset,
        run,
        progress,
        signal,
        isResumed,
        threads: 1,
        device,
        isStreamed,
    }).finally(() => delete process.env['PGS_NATIVE_DIR']);
    const [first, end] = dataset.header.split.test;
    const frames = Array.from({ length: end - first }, (_, i) => first + i);
    const render = { render: engine.renderFrame.bind(engine) };
    const { regions } = summarise(await scoreFrames(dataset, frames, render));
    engine.dispose();
    return { psnr: regions.full.psnr, notes, splats };
}

const train = (name: string, ...words: string[]): string[] => [
    ...['train', 'toy', '-o', `${name}.glb`, '--preset', 'tiny', '--iterations-scale', '0.02', ...words],
];

describe.skipIf(emulated === undefined || cpu === undefined)(
    'training on an emulated GPU (needs `npm run build:native`)',
    () => {
        it('makes the head that the CPU makes, within 0.2 dB, through densification and all three stages', async () => {
            const [cuda, plain] = [
                await trained('cuda', { device: 'cuda' }),
                await trained('plain', { device: 'cpu' }),
            ];
            expect(cuda.notes).toContainEqual(expect.stringMatching(/^device: SIMT emulator, sm_75/));
            expect(plain.notes).toContain('device: CPU, as asked for');
            expect(cuda.splats.every((count) => count !== 950)).toBe(true);
            expect(plain.psnr).toBeGreaterThan(15);
            expect(Math.abs(cuda.psnr - plain.psnr)).toBeLessThan(0.2);
        });

        it('keeps the last checkpoint where the GPU falls off the bus, and goes on from it on the CPU', async () => {
            const lost = trained('lost', {
                device: 'cuda',
                isStreamed: true,
                onIteration: (iteration) => {
                    if (iteration >= 25) process.env['PGS_EMULATED_LOSS'] = '1';
                },
            });
            await expect(lost).rejects.toThrow(/the GPU failed.*The last checkpoint is intact/);
            delete process.env['PGS_EMULATED_LOSS'];
            const { checkpoints } = openRunFolder(join(root, 'lost'));
            expect(listCheckpoints(checkpoints)).toHaveLength(1);
            const resumed = await trained('lost', { device: 'cpu', isResumed: true });
            expect(resumed.psnr).toBeGreaterThan(15);
        });

        it('says what a GPU that is full would need, and how to do without', () => {
            const { status, stderr } = pgstalker(train('full', '--device', 'cuda'), { PGS_EMULATED_BYTES: '2000000' });
            expect(status).toBe(1);
            expect(stderr).toMatch(
                /GPU memory for .+, \d+ MB more with \d+ MB of 2 MB free.*out of memory.*--stream-frames/,
            );
        });

        it('takes the CPU where the GPU library is missing, and refuses to where a GPU was asked for', () => {
            execFileSync('rm', [join(libraries, NATIVE_FILES.cuda)]);
            const { status, stderr } = pgstalker(train('none', '--device', 'cuda'));
            expect([status, existsSync(join(root, 'none.run'))]).toEqual([4, false]);
            expect(stderr).toMatch(/NATIVE_MISSING: training engine: expected libpgs_cuda\.so in .*, got no such file/);
            const note = expect.stringMatching(/^CPU, as there is no libpgs_cuda\.so/) as string;
            expect(chooseDevice('auto', () => undefined)).toMatchObject({ device: 'cpu', note });
        });
    },
);
