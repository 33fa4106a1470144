import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PgsError } from '../../../plugin/core/index.js';
import type { TrainConfig } from './config.js';
import { writeFileAtomic } from './io/atomic.js';
import { listCheckpoints } from './io/checkpoint.js';
import { presetConfig } from './presets.js';

/** What a run was asked to do; with the configuration, all that a resume needs. */
export interface RunRequest {
    readonly dataset: string;
    readonly output: string;
    readonly frames: number | null;
    readonly resolution: number | null;
    readonly consent: string | null;
}

/** A run's folder: `config.json`, `log.jsonl`, `checkpoints/`, `previews/`. */
export interface RunFolder {
    readonly path: string;
    readonly checkpoints: string;
    readonly previews: string;
    readonly log: string;
    readonly config: TrainConfig;
    readonly request: RunRequest;
    /** What the run was before `--extend`: its checkpoints from then are still good. */
    readonly previous?: Partial<TrainConfig>;
}

function layout(path: string): Pick<RunFolder, 'path' | 'checkpoints' | 'previews' | 'log'> {
    return {
        path,
        checkpoints: join(path, 'checkpoints'),
        previews: join(path, 'previews'),
        log: join(path, 'log.jsonl'),
    };
}

/**
 * Makes a run folder.
 *
 * @throws PgsError `OPTION_VALUE` - it already holds checkpoints: they would be mixed up.
 */
export function createRunFolder(path: string, config: TrainConfig, request: RunRequest): RunFolder {
    const folder = layout(resolve(path));
    if (listCheckpoints(folder.checkpoints).length > 0) {
        throw new PgsError(
            'OPTION_VALUE',
            `--run ${path}: expected an unused folder, got one with checkpoints. Add --resume ${path}, or remove the folder.`,
        );
    }
    mkdirSync(folder.checkpoints, { recursive: true });
    mkdirSync(folder.previews, { recursive: true });
    writeFileAtomic(join(folder.path, 'config.json'), [
        Buffer.from(`${JSON.stringify({ config, request }, null, 2)}\n`),
    ]);
    return { ...folder, config, request };
}

/**
 * Opens the folder of an earlier run.
 *
 * @throws PgsError `OPTION_VALUE` - no folder, or no readable `config.json` in it.
 */
export function openRunFolder(path: string): RunFolder {
    const folder = layout(resolve(path));
    const file = join(folder.path, 'config.json');
    if (!existsSync(file))
        throw new PgsError(
            'OPTION_VALUE',
            `--resume ${path}: expected the folder of a run, got no config.json in it. Give the folder printed when the run started.`,
        );
    let read: Pick<RunFolder, 'config' | 'request' | 'previous'>;
    try {
        read = JSON.parse(readFileSync(file, 'utf8')) as typeof read;
    } catch (error) {
        throw new PgsError(
            'OPTION_VALUE',
            `${file}: expected JSON, got "${(error as Error).message}". Start the run again.`,
            { cause: error },
        );
    }
    assertComplete(file, read.config);
    return { ...folder, ...read };
}

/**
 * Gives a run more deformation iterations; its fine-tuning is done again after them. Rates go back to where the longer run
 * would have them.
 */
export function extendRun(run: RunFolder, iterations: number): RunFolder {
    const config: TrainConfig = {
        ...run.config,
        iterations: { ...run.config.iterations, deform: run.config.iterations.deform + iterations },
    };
    const extended = { config, request: run.request, previous: run.config };
    writeFileAtomic(join(run.path, 'config.json'), [Buffer.from(`${JSON.stringify(extended, null, 2)}\n`)]);
    return { ...run, ...extended };
}

/** A run of another version of the trainer lacks settings, or has ones that would silently do nothing. */
function assertComplete(file: string, config: TrainConfig): void {
    const names = (of: object): string[] => Object.keys(of).sort();
    const [known, given] = [names(presetConfig('tiny')), names(config)];
    const odd = [...known.filter((name) => !given.includes(name)), ...given.filter((name) => !known.includes(name))];
    if (odd.length === 0) return;
    throw new PgsError(
        'OPTION_VALUE',
        `${file}: expected the settings of this version, got a difference in ${odd.join(', ')}. ` +
            'Resume with the version that started the run, or start again.',
    );
}
