import { readFile } from 'node:fs/promises';
import { decodeHead, PgsError, type HeadAsset } from '../../../../plugin/core/index.js';
import { AssetPlayer } from '../asset-player.js';
import type { Parsed } from '../cli-options.js';
import { openDataset } from '../dataset/dataset.js';
import { scoreFrames, summarise } from '../evaluate.js';
import { Engine } from '../native/engine.js';
import { evaluationTable } from '../report/table.js';

/** Reads and decodes a `.glb`. */
export async function readHead(path: string): Promise<HeadAsset> {
    const bytes = await readFile(path).catch((error: Error) => {
        throw new PgsError(
            'ASSET_FORMAT',
            `${path}: expected a readable file, got "${error.message}". Check the name.`,
        );
    });
    return decodeHead(bytes);
}

/** `pgstalker eval`: uses the exported file and the dataset alone; the engine is only a rasterizer here. */
export async function evalCommand(parsed: Parsed): Promise<number> {
    const [head = '', folder = ''] = parsed.positionals;
    const asset = await readHead(head);
    const dataset = await openDataset(folder);
    const [first, end] = dataset.header.split.test;
    const limit = parsed.number('frames') ?? end - first;
    if (!Number.isInteger(limit) || limit < 1)
        throw new PgsError(
            'OPTION_VALUE',
            `--frames: expected an integer above 0, got ${limit}. See pgstalker eval --help.`,
        );
    const frames = Array.from({ length: Math.min(limit, end - first) }, (_, i) => first + i);
    const engine = Engine.open({ threads: parsed.number('threads') ?? 0 });
    try {
        const scores = await scoreFrames(dataset, frames, new AssetPlayer(asset, dataset, engine), (done) => {
            if (process.stderr.isTTY)
                process.stderr.write(`\rframe ${done}/${frames.length}${done === frames.length ? '\n' : ''}`);
        });
        const evaluation = summarise(scores);
        process.stdout.write(`${parsed.flag('json') ? JSON.stringify(evaluation) : evaluationTable(evaluation)}\n`);
    } finally {
        engine.dispose();
    }
    return 0;
}
