import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PgsError, type BranchName } from '../../../../plugin/core/index.js';
import type { TrainConfig } from '../config.js';
import type { Engine } from '../native/engine.js';
import { nodeFiles, writeFileAtomic, type FileOperations } from './atomic.js';
import { decodeSafeTensors, encodeSafeTensors, type SafeTensors } from './safetensors.js';

/** Checkpoints kept in a run folder. */
const KEEP = 2;
const VERSION = '1';

/** Identifies a configuration, so that a checkpoint is never resumed under another one. `threads` may differ. */
export function configHash(config: Partial<TrainConfig>): string {
    const { threads: _threads, ...rest } = config;
    return createHash('sha256').update(JSON.stringify(rest)).digest('hex').slice(0, 16);
}

/** Checkpoint files of a folder, newest first. */
export function listCheckpoints(folder: string): string[] {
    if (!existsSync(folder)) return [];
    const names = readdirSync(folder).filter((name) => /^\d{7}\.safetensors$/.test(name));
    return names
        .sort()
        .reverse()
        .map((name) => join(folder, name));
}

/**
 * Saves everything that the next iteration depends on, then drops all but the newest {@link KEEP} checkpoints.
 *
 * @param folder - the run's `checkpoints` folder, existing.
 * @returns the file.
 * @throws PgsError `CHECKPOINT_WRITE` - nothing was removed, the last good checkpoint stays.
 */
export function saveCheckpoint(
    folder: string,
    engine: Engine,
    config: TrainConfig,
    iteration: number,
    files: FileOperations = nodeFiles(),
): string {
    const tensors = new Map(engine.tensorNames().map((name) => [name, engine.tensorGet(name)]));
    const metadata = {
        version: VERSION,
        iteration: String(iteration),
        config: configHash(config),
        face: String(engine.splatsCount('face')),
        mouth: String(engine.splatsCount('mouth')),
    };
    const path = join(folder, `${String(iteration).padStart(7, '0')}.safetensors`);
    writeFileAtomic(path, encodeSafeTensors(tensors, metadata), files);
    for (const old of listCheckpoints(folder).slice(KEEP)) rmSync(old, { force: true });
    return path;
}

/**
 * The newest readable checkpoint of a folder; a damaged one is passed over for the one before it.
 *
 * @throws PgsError `CHECKPOINT_FORMAT` - none can be read; the message is that of the newest.
 */
export function readNewestCheckpoint(folder: string): SafeTensors & { readonly path: string } {
    let newestError: unknown = null;
    for (const path of listCheckpoints(folder)) {
        try {
            return { path, ...decodeSafeTensors(path, readFileSync(path)) };
        } catch (error) {
            newestError ??= error;
        }
    }
    if (newestError instanceof Error) throw newestError;
    throw new PgsError(
        'CHECKPOINT_FORMAT',
        `${folder}: expected a checkpoint, got none. Start the run again without --resume.`,
    );
}

/**
 * Puts a checkpoint into an engine whose networks are already initialised with the same configuration.
 *
 * @param previous - the configuration before the run was extended, if it was: its checkpoints are accepted too.
 * @returns the iteration to go on with.
 * @throws PgsError `CHECKPOINT_FORMAT` - another configuration or version, or a tensor is missing or has another size.
 */
export function restoreCheckpoint(
    engine: Engine,
    checkpoint: SafeTensors & { readonly path: string },
    config: TrainConfig,
    previous?: Partial<TrainConfig>,
): number {
    const { metadata, tensors, path } = checkpoint;
    const refuse = (expected: string, got: string | undefined): PgsError =>
        new PgsError(
            'CHECKPOINT_FORMAT',
            `${path}: expected ${expected}, got ${got ?? 'nothing'}. Resume with the run folder's own config.json.`,
        );
    if (metadata['version'] !== VERSION) throw refuse(`version ${VERSION}`, metadata['version']);
    const accepted = [config, previous ?? config].map(configHash);
    if (!accepted.includes(metadata['config'] ?? ''))
        throw refuse(`configuration ${configHash(config)}`, metadata['config']);
    for (const branch of ['face', 'mouth'] as const satisfies readonly BranchName[]) {
        const count = Number(metadata[branch]);
        if (!Number.isInteger(count) || count < 0) throw refuse(`a ${branch} splat count`, metadata[branch]);
        engine.splatsResize(branch, count, config.shDegree);
    }
    for (const name of engine.tensorNames()) {
        const values = tensors.get(name);
        if (values === undefined) throw refuse(`tensor ${name}`, undefined);
        const size = engine.tensorSize(name);
        if (values.length !== size) throw refuse(`${size} values of ${name}`, String(values.length));
        engine.tensorSet(name, values);
    }
    const iteration = Number(metadata['iteration']);
    if (!Number.isInteger(iteration) || iteration < 0) throw refuse('an iteration', metadata['iteration']);
    engine.set('iteration', iteration);
    return iteration;
}
