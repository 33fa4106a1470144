import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { integerOption, UsageError, type Parsed } from '../cli-options.js';
import { scaleIterations, type TrainConfig } from '../config.js';
import { consentOf } from '../consent.js';
import { openDataset, type Dataset } from '../dataset/dataset.js';
import { chooseDevice, DEVICE_CHOICES, type DeviceChoice } from '../native/device.js';
import { trainHead } from '../pipeline.js';
import { presetConfig } from '../presets.js';
import { Progress } from '../progress.js';
import { createRunFolder, extendRun, openRunFolder, type RunFolder } from '../run-folder.js';

/** `pgstalker train`. */
export async function trainCommand(parsed: Parsed): Promise<number> {
    const abort = new AbortController();
    const progress = new Progress(process.stderr);
    const onInterrupt = (): void => {
        if (abort.signal.aborted) process.exit(130);
        abort.abort();
        progress.note(
            'Stopping after this chunk and saving ... (Ctrl-C again: stop at once, losing what came after the last checkpoint)',
        );
    };
    process.on('SIGINT', onInterrupt);
    process.on('SIGTERM', onInterrupt);
    try {
        const device = deviceFrom(parsed);
        // Before a folder is made: a run without the GPU that was asked for is none.
        if (device === 'cuda') chooseDevice(device);
        const { run, dataset, isResumed } = await prepareRun(parsed);
        const averagedWith = isResumed ? averagedRuns(parsed) : [];
        const threads = integer(parsed, 'threads', 0, 256) ?? run.config.threads;
        const { engine, audio } = await trainHead({
            dataset,
            run,
            progress,
            signal: abort.signal,
            isResumed,
            threads,
            averagedWith,
            device,
            isStreamed: parsed.flag('stream-frames'),
        });
        try {
            const { finishRun } = await import('../finish.js');
            await finishRun({ engine, audio, dataset, run, progress });
        } finally {
            engine.dispose();
        }
        return 0;
    } finally {
        process.off('SIGINT', onInterrupt);
        process.off('SIGTERM', onInterrupt);
    }
}

async function prepareRun(parsed: Parsed): Promise<{ run: RunFolder; dataset: Dataset; isResumed: boolean }> {
    const resume = parsed.text('resume');
    if (resume !== undefined) {
        const more = integer(parsed, 'extend', 1, 1_000_000);
        const opened = openRunFolder(resume);
        const run = more === undefined ? opened : extendRun(opened, more);
        const { request } = run;
        const dataset = await openDataset(
            parsed.positionals[0] ?? request.dataset,
            sizes(request.frames, request.resolution),
        );
        const output = parsed.text('output');
        return {
            run: output === undefined ? run : { ...run, request: { ...request, output: resolve(output) } },
            dataset,
            isResumed: true,
        };
    }
    const folder = parsed.positionals[0];
    const output = parsed.text('output');
    if (folder === undefined) throw new UsageError('train: DATASET is missing');
    if (output === undefined) throw new UsageError('train: -o HEAD.glb is missing');
    if (!output.endsWith('.glb')) throw new UsageError(`train: -o expects a name that ends in .glb, got "${output}"`);
    mkdirSync(dirname(resolve(output)), { recursive: true });
    const frames = integer(parsed, 'frames', 4, 1e6) ?? null;
    const resolution = integer(parsed, 'resolution', 16, 4096) ?? null;
    const dataset = await openDataset(folder, sizes(frames, resolution));
    const consent = consentOf(dataset, parsed.text('consent') ?? null);
    const request = { dataset: resolve(folder), output: resolve(output), frames, resolution, consent };
    const run = createRunFolder(parsed.text('run') ?? output.replace(/\.glb$/, '.run'), configFrom(parsed), request);
    return { run, dataset, isResumed: false };
}

function deviceFrom(parsed: Parsed): DeviceChoice {
    const given = parsed.text('device') ?? 'auto';
    const choice = DEVICE_CHOICES.find((candidate) => candidate === given);
    if (choice !== undefined) return choice;
    throw new UsageError(`train: --device expects ${DEVICE_CHOICES.join(', ')}, got "${given}"`);
}

/** Checkpoint folders of `--average RUN,RUN`. */
function averagedRuns(parsed: Parsed): string[] {
    const runs = parsed.text('average')?.split(',') ?? [];
    return runs.map((run) => openRunFolder(run).checkpoints);
}

function configFrom(parsed: Parsed): TrainConfig {
    const base = presetConfig(parsed.text('preset') ?? 'fast');
    const scaled = scaleIterations(base, parsed.number('iterations-scale') ?? 1);
    return {
        ...scaled,
        seed: integer(parsed, 'seed', 0, 2 ** 32 - 1) ?? base.seed,
        threads: integer(parsed, 'threads', 0, 256) ?? base.threads,
        pixelAware: !parsed.flag('no-pdc'),
    };
}

function sizes(frames: number | null, resolution: number | null): { frames?: number; resolution?: number } {
    return { ...(frames === null ? {} : { frames }), ...(resolution === null ? {} : { resolution }) };
}

function integer(parsed: Parsed, name: string, low: number, high: number): number | undefined {
    return integerOption(parsed, 'train', name, [low, high]);
}
