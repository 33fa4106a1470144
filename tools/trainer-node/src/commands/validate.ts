import { readFile, stat } from 'node:fs/promises';
import { PgsError, validateHead } from '../../../../plugin/core/index.js';
import type { Parsed } from '../cli-options.js';
import { openDataset } from '../dataset/dataset.js';
import { decodeFrame } from '../dataset/images.js';

/** A fault as `--json` prints it. */
interface Fault {
    readonly code: string;
    /** JSON pointer into a head's document. */
    readonly pointer?: string;
    readonly message: string;
}

/** `pgstalker validate`: exit code 0 when nothing is wrong, 3 otherwise. */
export async function validateCommand(parsed: Parsed): Promise<number> {
    const path = parsed.positionals[0] ?? '';
    const isFolder = await stat(path).then(
        (info) => info.isDirectory(),
        () => false,
    );
    const faults = isFolder ? await datasetFaults(path) : await headFaults(path);
    if (parsed.flag('json'))
        process.stdout.write(`${JSON.stringify({ file: path, valid: faults.length === 0, faults })}\n`);
    else if (faults.length === 0) process.stdout.write(`${path}: valid\n`);
    else
        for (const { code, pointer, message } of faults)
            process.stdout.write(`${code} ${pointer === undefined ? '' : `${pointer}: `}${message}\n`);
    return faults.length === 0 ? 0 : 3;
}

/** Every fault of a `.glb`. */
async function headFaults(path: string): Promise<readonly Fault[]> {
    const bytes = await readFile(path).catch((error: Error) => {
        throw new PgsError(
            'ASSET_FORMAT',
            `${path}: expected a readable file, got "${error.message}". Check the name.`,
        );
    });
    return validateHead(bytes);
}

/** The text files' first fault, or, where they are sound, the fault of every picture. */
async function datasetFaults(folder: string): Promise<Fault[]> {
    const text = await collect([() => openDataset(folder)]);
    if (text.length > 0) return text;
    const dataset = await openDataset(folder);
    return collect(dataset.frames.map((_, index) => () => decodeFrame(dataset, index)));
}

async function collect(checks: readonly (() => Promise<unknown>)[]): Promise<Fault[]> {
    const faults: Fault[] = [];
    for (const check of checks) {
        try {
            await check();
        } catch (error) {
            if (!(error instanceof PgsError)) throw error;
            faults.push({ code: error.code, message: error.message });
        }
    }
    return faults;
}
