import { readFile } from 'node:fs/promises';
import { decodeHead, PgsError, type HeadAsset } from '../../../../plugin/core/index.js';
import { AssetPlayer } from '../asset-player.js';
import { integerOption, type Parsed } from '../cli-options.js';
import { openDataset } from '../dataset/dataset.js';
import { scoreFrames, summarise } from '../evaluate.js';
import { Engine } from '../native/engine.js';
import { Progress } from '../progress.js';
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
    const limit = integerOption(parsed, 'eval', 'frames', [1, 1e6]) ?? end - first;
    const frames = Array.from({ length: Math.min(limit, end - first) }, (_, i) => first + i);
    const progress = new Progress(process.stderr);
    const engine = Engine.open({ threads: parsed.number('threads') ?? 0 });
    try {
        const scores = await scoreFrames(dataset, frames, new AssetPlayer(asset, dataset, engine), (done) => {
            progress.count('frame', done, frames.length);
        });
        progress.close();
        const evaluation = summarise(scores);
        process.stdout.write(`${parsed.flag('json') ? JSON.stringify(evaluation) : evaluationTable(evaluation)}\n`);
    } finally {
        progress.close();
        engine.dispose();
    }
    return 0;
}
