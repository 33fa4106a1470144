import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSplatSet, SH_C0, type HeadAsset, type SplatSet } from '../../plugin/core/index.js';
import { headOf } from '../helpers/head-of.js';
import { bell, random } from '../helpers/random-splats.js';
import { writeToyDataset } from './toy-dataset.js';

type Point = readonly [number, number, number];

/** Splats on an ellipsoid's surface, round, `size` metres, nearly opaque. */
interface Shell {
    readonly count: number;
    readonly centre: Point;
    readonly radii: Point;
    readonly size: number;
    readonly colour: Point;
}

/** The toy bust's own ellipsoids, smaller by two deviations so that the pictures meet: layers that no light passes. */
const SHOWN: readonly Shell[] = [
    { count: 900, centre: [0, 0, 0.01], radii: [0.055, 0.08, 0.065], size: 0.01, colour: [0.82, 0.62, 0.5] },
    { count: 900, centre: [0, 0.035, -0.025], radii: [0.07, 0.08, 0.07], size: 0.01, colour: [0.27, 0.17, 0.12] },
    { count: 200, centre: [0, -0.24, -0.03], radii: [0.13, 0.09, 0.04], size: 0.03, colour: [0.35, 0.46, 0.7] },
];
/** Inside the head, and behind it where no camera of the toy comes. */
const HIDDEN: readonly Shell[] = [
    { count: 60, centre: [0, 0, 0], radii: [0.02, 0.02, 0.02], size: 0.004, colour: [1, 0, 0] },
    { count: 40, centre: [0, 0.02, -0.17], radii: [0.02, 0.02, 0.01], size: 0.004, colour: [0, 1, 0] },
];
/** Beside the head, before the plain background. */
const MOUTH_SHOWN: readonly Shell[] = [
    { count: 30, centre: [0.15, 0.09, 0], radii: [0.015, 0.015, 0.015], size: 0.006, colour: [0.4, 0.1, 0.1] },
];
const MOUTH_HIDDEN: readonly Shell[] = [
    { count: 50, centre: [0, -0.02, 0.05], radii: [0.015, 0.01, 0.01], size: 0.004, colour: [0.4, 0.1, 0.1] },
];

/** A head, and which of its splats the toy's cameras cannot see. */
export interface PruneHead {
    readonly asset: HeadAsset;
    readonly hidden: Readonly<Record<'face' | 'mouth', readonly boolean[]>>;
}

/** An opaque bust with splats where no view of the toy reaches, spread over those that move and those that do not. */
export function pruneHeadOf(seed: number): PruneHead {
    const face = mixed(SHOWN, HIDDEN, seed);
    const mouth = mixed(MOUTH_SHOWN, MOUTH_HIDDEN, seed + 1);
    // Without strength every pose is the rest pose, so what is hidden is known.
    const asset = headOf(face.splats, mouth.splats, { seed, strength: 0 });
    return {
        asset: { ...asset, name: 'toy', provenance: { kind: 'rendered', model: 'toy' }, facts: { preset: 'none' } },
        hidden: { face: face.hidden, mouth: mouth.hidden },
    };
}

/** The toy dataset, with the expressions that {@link headOf} gives a head. */
export async function writePruneDataset(folder: string, size: Parameters<typeof writeToyDataset>[1]): Promise<void> {
    await writeToyDataset(folder, size);
    const header = JSON.parse(await readFile(join(folder, 'dataset.json'), 'utf8')) as object;
    const { names } = pruneHeadOf(1).asset.expression;
    await writeFile(join(folder, 'dataset.json'), JSON.stringify({ ...header, expressionNames: names }));
    const lines = (await readFile(join(folder, 'frames.jsonl'), 'utf8')).trim().split('\n');
    const wide = lines.map((line) =>
        JSON.stringify({ ...(JSON.parse(line) as object), expression: names.map((_, k) => 0.1 * k) }),
    );
    await writeFile(join(folder, 'frames.jsonl'), `${wide.join('\n')}\n`);
}

function mixed(
    shown: readonly Shell[],
    hidden: readonly Shell[],
    seed: number,
): { splats: SplatSet; hidden: boolean[] } {
    const next = random(seed);
    const normal = bell(next);
    const rows = [...shown, ...hidden].flatMap((shell) => {
        const isHidden = hidden.includes(shell);
        return Array.from({ length: shell.count }, () => ({ shell, isHidden, at: next() }));
    });
    rows.sort((a, b) => a.at - b.at);
    const splats = createSplatSet(rows.length, 0);
    for (const [i, { shell }] of rows.entries()) {
        const direction = [normal(), normal(), normal()];
        const length = Math.hypot(...direction);
        for (let k = 0; k < 3; k++) {
            const offset = ((direction[k] as number) / length) * (shell.radii[k] as number);
            splats.means[i * 3 + k] = (shell.centre[k] as number) + offset;
            splats.logScales[i * 3 + k] = Math.log(shell.size);
            splats.sh[i * 3 + k] = ((shell.colour[k] as number) - 0.5) / SH_C0;
        }
        // 0.88: a pixel is full at 8e-4 of its light or less, below what counts as an opening (a clearer splat stops at more).
        splats.logitOpacities[i] = 2;
    }
    return { splats, hidden: rows.map(({ isHidden }) => isHidden) };
}
