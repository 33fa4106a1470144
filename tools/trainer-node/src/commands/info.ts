import { stat } from 'node:fs/promises';
import { BRANCH_NAMES } from '../../../../plugin/core/index.js';
import type { Parsed } from '../cli-options.js';
import { openDataset } from '../dataset/dataset.js';
import { sceneExtent } from '../scene.js';
import { readHead } from './eval.js';

/** `pgstalker info`. */
export async function infoCommand(parsed: Parsed): Promise<number> {
    const path = parsed.positionals[0] ?? '';
    const info = await stat(path).catch(() => null);
    const facts = info?.isDirectory() === true ? await datasetFacts(path) : await headFacts(path, info?.size ?? 0);
    if (parsed.flag('json')) process.stdout.write(`${JSON.stringify(facts)}\n`);
    else
        for (const [name, value] of Object.entries(facts))
            process.stdout.write(`${name.padEnd(14)}${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
    return 0;
}

async function headFacts(path: string, bytes: number): Promise<Record<string, unknown>> {
    const asset = await readHead(path);
    const branches = Object.fromEntries(
        BRANCH_NAMES.map((branch) => {
            const { splats, movingCount } = asset.branches[branch];
            return [branch, { splats: splats.count, moving: movingCount, shDegree: splats.shDegree }];
        }),
    );
    const { name, version, fps, expression, view, bounds, facts, provenance, consent } = asset;
    return {
        name,
        version,
        bytes,
        fps,
        branches,
        expressions: expression.names,
        view,
        bounds,
        facts,
        provenance,
        consent,
    };
}

async function datasetFacts(folder: string): Promise<Record<string, unknown>> {
    const dataset = await openDataset(folder);
    const { name, fps, frameCount, width, height, split, expressionNames, provenance, consent } = dataset.header;
    return {
        name,
        frames: frameCount,
        seconds: frameCount / fps,
        size: [width, height],
        split,
        expressions: expressionNames,
        extent: sceneExtent(dataset),
        provenance,
        consent,
    };
}
