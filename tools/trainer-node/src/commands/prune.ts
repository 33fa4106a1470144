import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PgsError } from '../../../../plugin/core/index.js';
import { integerOption, UsageError, type Parsed } from '../cli-options.js';
import { openDataset } from '../dataset/dataset.js';
import { writeFileAtomic } from '../io/atomic.js';
import { Engine } from '../native/engine.js';
import { Progress } from '../progress.js';
import { pruneHead } from '../prune/prune-head.js';
import { pruneTable } from '../report/table.js';
import { readHead } from './eval.js';

/** Largest loss without `--max-loss`, dB: the bar that the export itself keeps (contracts.md §2). */
const MAX_LOSS_DB = 0.1;

/** `pgstalker prune`: drops the splats that no training view needs, if the picture stays as it was. */
export async function pruneCommand(parsed: Parsed): Promise<number> {
    const [input = '', folder = ''] = parsed.positionals;
    const output = parsed.text('output');
    if (output === undefined) throw new UsageError('prune: -o OUT.glb is missing');
    if (!output.endsWith('.glb')) throw new UsageError(`prune: -o expects a name that ends in .glb, got "${output}"`);
    const settings = {
        views: integerOption(parsed, 'prune', 'views', [1, 1e6]),
        minPixels: integerOption(parsed, 'prune', 'min-pixels', [1, 1e9]) ?? 1,
        maxLossDb: maxLoss(parsed),
    };
    const threads = integerOption(parsed, 'prune', 'threads', [0, 256]) ?? 0;
    const asset = await readHead(input);
    const { size } = await stat(input);
    await assertOutput(input, output);
    const dataset = await openDataset(folder);
    const progress = new Progress(process.stderr);
    const engine = Engine.open({ threads });
    try {
        const { bytes, report } = await pruneHead({ ...settings, asset, bytes: size, dataset, engine, progress });
        progress.close();
        writeFileAtomic(output, [bytes]);
        const text = parsed.flag('json') ? JSON.stringify({ input, output, ...report }) : pruneTable(report);
        process.stdout.write(`${text}\n`);
    } finally {
        progress.close();
        engine.dispose();
    }
    return 0;
}

function maxLoss(parsed: Parsed): number {
    const value = parsed.number('max-loss') ?? MAX_LOSS_DB;
    if (value >= 0) return value;
    throw new PgsError('OPTION_VALUE', `--max-loss: expected 0 dB or more, got ${value}. See pgstalker prune --help.`);
}

/** Minutes of work must not end at a place that cannot be written, nor on top of the only copy of the head. */
async function assertOutput(input: string, output: string): Promise<void> {
    const folder = dirname(resolve(output));
    const isFolder = await stat(folder).then(
        (info) => info.isDirectory(),
        () => false,
    );
    if (!isFolder)
        throw new PgsError(
            'OPTION_VALUE',
            `-o: expected a name in an existing folder, got "${output}". Make ${folder} first.`,
        );
    // Not there yet is the usual case, and no fault.
    const target = await realpath(output).catch(() => null);
    if (target !== null && target === (await realpath(input)))
        throw new PgsError(
            'OPTION_VALUE',
            `-o: expected another file than the head itself, got "${output}". Choose another name; the head is untouched.`,
        );
}
