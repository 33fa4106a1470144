import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scaleIterations, totalIterations, type TrainConfig } from '../../tools/trainer-node/src/config.js';
import { openDataset, type Dataset } from '../../tools/trainer-node/src/dataset/dataset.js';
import { scoreFrames, summarise } from '../../tools/trainer-node/src/evaluate.js';
import { Interrupted } from '../../tools/trainer-node/src/interrupted.js';
import { listCheckpoints } from '../../tools/trainer-node/src/io/checkpoint.js';
import { readLog } from '../../tools/trainer-node/src/log.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { trainHead, type TrainedModel } from '../../tools/trainer-node/src/pipeline.js';
import { presetConfig } from '../../tools/trainer-node/src/presets.js';
import { Progress } from '../../tools/trainer-node/src/progress.js';
import { createRunFolder, extendRun, openRunFolder, type RunFolder } from '../../tools/trainer-node/src/run-folder.js';
import { writeToyDataset } from './toy-dataset.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu.so')));
/** A terminal that shows nothing. */
const silent = { isTTY: false, write: () => true } as unknown as NodeJS.WriteStream;

let root = '';
let dataset: Dataset;

beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pgs-training-'));
    await writeToyDataset(join(root, 'toy'), { frames: 72, side: 96, test: 20 });
    dataset = await openDataset(join(root, 'toy'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function newRun(name: string, config: TrainConfig): RunFolder {
    const request = {
        dataset: dataset.folder,
        output: join(root, `${name}.glb`),
        frames: null,
        resolution: null,
        consent: null,
    };
    return createRunFolder(join(root, name), config, request);
}

interface TrainOptions {
    readonly isResumed?: boolean;
    readonly threads?: number;
    /** Press Ctrl-C as soon as the log holds this iteration. */
    readonly stopAt?: number;
}

async function train(
    run: RunFolder,
    { isResumed = false, threads = 2, stopAt }: TrainOptions = {},
): Promise<TrainedModel> {
    const abort = new AbortController();
    const progress = new Progress(silent);
    if (stopAt !== undefined) {
        progress.update = ({ iteration }) => {
            if (iteration >= stopAt) abort.abort();
        };
    }
    return trainHead({ dataset, run, progress, signal: abort.signal, isResumed, threads });
}

describe.skipIf(!hasEngine)('training on a toy bust (needs `npm run build:native`)', () => {
    it('learns shape, colour and a mouth that follows the sound', async () => {
        const run = newRun('learns', presetConfig('tiny'));
        const { engine } = await train(run);
        const log = readLog(run.log);
        const first = log[0]?.lossFace as number;
        const beforeFineTune = log.filter((entry) => entry.stage === 'deformation').at(-1)?.lossFace as number;
        expect(beforeFineTune).toBeLessThan(first / 3);

        const [a, b] = dataset.header.split.test;
        const frames = Array.from({ length: b - a }, (_, i) => a + i);
        const result = summarise(
            await scoreFrames(dataset, frames, {
                render: (frame, isDeformed) => engine.renderFrame(frame, isDeformed),
            }),
        );
        engine.dispose();
        expect(result.regions.head.psnr).toBeGreaterThan(24);
        expect(result.regions.lips.psnr).toBeGreaterThan(result.static.lips.psnr + 1);
        expect(result.sync.correlation).toBeGreaterThan(0.7);
        expect(Math.abs(result.sync.lagFrames)).toBeLessThan(1);
        expect(await readdir(run.previews)).toContain('0001100.png');
        expect(listCheckpoints(run.checkpoints)).toHaveLength(2);
    });

    it('stopped and resumed, on another number of threads, ends bit-identical to an uninterrupted run', async () => {
        const config = scaleIterations(presetConfig('tiny'), 0.15);
        const whole = await train(newRun('whole', config));
        const parts = newRun('parts', config);
        // In the middle of the deformation stage, after density control has changed the counts.
        await expect(train(parts, { stopAt: 75 })).rejects.toThrow(Interrupted);
        expect(readLog(parts.log).at(-1)?.iteration).toBe(75);
        const resumed = await train(openRunFolder(parts.path), { isResumed: true, threads: 1 });
        const names = whole.engine.tensorNames();
        expect(resumed.engine.tensorNames()).toEqual(names);
        for (const name of names) {
            const [a, b] = [whole.engine.tensorGet(name), resumed.engine.tensorGet(name)];
            expect(Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)), name).toBe(0);
        }
        whole.engine.dispose();
        resumed.engine.dispose();
    });

    it('refuses to resume under another configuration', async () => {
        const run = openRunFolder(join(root, 'parts'));
        const other: RunFolder = { ...run, config: { ...run.config, seed: 7 } };
        await expect(train(other, { isResumed: true })).rejects.toMatchObject({ code: 'CHECKPOINT_FORMAT' });
    });

    it('goes on from its last checkpoint when it is extended', async () => {
        const before = openRunFolder(join(root, 'parts'));
        const end = totalIterations(before.config);
        extendRun(before, 50);
        const extended = openRunFolder(before.path);
        expect(totalIterations(extended.config)).toBe(end + 50);
        const { engine } = await train(extended, { isResumed: true });
        const log = readLog(extended.log);
        expect(log.at(-1)?.iteration).toBe(end + 50);
        expect(log.filter(({ iteration }) => iteration === end)).toHaveLength(1);
        engine.dispose();
        // Its new checkpoints belong to the longer run.
        const again = await train(openRunFolder(before.path), { isResumed: true });
        again.engine.dispose();
    });

    it('refuses a run folder that is in use', () => {
        expect(() => newRun('parts', presetConfig('tiny'))).toThrow(/unused folder/);
    });

    it('writes a configuration that a person can read', async () => {
        const { config } = JSON.parse(await readFile(join(root, 'parts', 'config.json'), 'utf8')) as {
            config: TrainConfig;
        };
        expect(config).toMatchObject({ preset: 'tiny', pixelAware: true });
    });
});
