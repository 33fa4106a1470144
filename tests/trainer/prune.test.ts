import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BRANCH_NAMES, decodeHead, encodeHead, SPATIAL_FEAT_DIM, type HeadAsset } from '../../plugin/core/index.js';
import { AssetPlayer } from '../../tools/trainer-node/src/asset-player.js';
import { main } from '../../tools/trainer-node/src/cli.js';
import { compositeOver } from '../../tools/trainer-node/src/composite.js';
import { openDataset, type Dataset } from '../../tools/trainer-node/src/dataset/dataset.js';
import { trainingViews } from '../../tools/trainer-node/src/export/contribution.js';
import { psnr, regionOf } from '../../tools/trainer-node/src/metrics.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { Progress } from '../../tools/trainer-node/src/progress.js';
import { countOpen, openPixels } from '../../tools/trainer-node/src/prune/open-pixels.js';
import { pruneAsset } from '../../tools/trainer-node/src/prune/prune-asset.js';
import type { PruneReport } from '../../tools/trainer-node/src/prune/prune-head.js';
import { measureReach, type Reach } from '../../tools/trainer-node/src/prune/reach.js';
import { random } from '../helpers/random-splats.js';
import { pruneHeadOf, writePruneDataset } from './prune-head.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu.so')));

interface Result {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
}

/** The command in this process: what the shell would see, without starting Node a dozen times. */
async function pgstalker(words: readonly string[]): Promise<Result> {
    const capture = (stream: NodeJS.WriteStream): { text: () => string; end: () => void } => {
        const spy = vi.spyOn(stream, 'write').mockReturnValue(true);
        return { text: () => spy.mock.calls.map(([chunk]) => String(chunk)).join(''), end: () => spy.mockRestore() };
    };
    const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
    try {
        const code = await main(words);
        return { code, stdout: stdout.text(), stderr: stderr.text() };
    } finally {
        stdout.end();
        stderr.end();
    }
}

const prune = (words: readonly string[]): Promise<Result> => pgstalker(['prune', ...words]);

const { asset: raw, hidden } = pruneHeadOf(1);
const encoded = encodeHead(raw);
/** As the file holds it: the values that a pruned file must keep. */
const asset = decodeHead(encoded);

/** Rows of the splats that can be seen. */
function rows(values: Float32Array, width: number, keep: readonly boolean[]): number[] {
    return [...values].filter((_, at) => keep[Math.floor(at / width)]);
}

describe('open pixels', () => {
    it('never counts fewer open pixels than the disc of a splat holds (seed 3)', () => {
        const [width, height] = [23, 17];
        const next = random(3);
        const rgba = new Float32Array(width * height * 4);
        for (let p = 0; p < width * height; p++) rgba[p * 4 + 3] = next() < 0.7 ? 0.9995 : 0.99;
        const isOpen = (x: number, y: number): boolean => 1 - (rgba[(y * width + x) * 4 + 3] as number) > 0.5 / 255;
        const open = openPixels(rgba, { width, height });
        for (let trial = 0; trial < 200; trial++) {
            const [cx, cy, radius] = [next() * 30 - 4, next() * 24 - 4, Math.ceil(next() * 6)];
            let [disc, square] = [0, 0];
            for (let y = 0; y < height; y++)
                for (let x = 0; x < width; x++) {
                    if (!isOpen(x, y)) continue;
                    if ((x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2 < radius ** 2) disc++;
                    if (Math.abs(x + 0.5 - cx) < radius + 1 && Math.abs(y + 0.5 - cy) < radius + 1) square++;
                }
            const counted = countOpen(open, [cx, cy], radius);
            expect(counted, `trial ${trial}`).toBeGreaterThanOrEqual(disc);
            expect(counted, `trial ${trial}`).toBeLessThanOrEqual(square);
        }
    });

    it('counts none behind a closed face, and none for a splat that was culled', () => {
        const closed = new Float32Array(8 * 8 * 4).fill(1);
        expect(countOpen(openPixels(closed, { width: 8, height: 8 }), [4, 4], 3)).toBe(0);
        const bare = openPixels(new Float32Array(8 * 8 * 4), { width: 8, height: 8 });
        expect([countOpen(bare, [4, 4], 0), countOpen(bare, [-9, 4], 3), countOpen(bare, [4, 4], 99)]).toEqual([
            0, 0, 64,
        ]);
    });
});

describe('pruning an asset', () => {
    const reach: Reach = {
        face: Float64Array.from(hidden.face, (isHidden) => (isHidden ? 4 : 5)),
        mouth: Float64Array.from(hidden.mouth, (isHidden) => (isHidden ? 0 : 9)),
    };

    it('keeps order, bits and the moving part of what stays, and everything that is no splat', () => {
        const pruned = decodeHead(encodeHead(pruneAsset(asset, reach, 5)));
        for (const name of BRANCH_NAMES) {
            const [before, after] = [asset.branches[name], pruned.branches[name]];
            const keep = hidden[name].map((isHidden) => !isHidden);
            expect(after.splats.count).toBe(keep.filter(Boolean).length);
            expect(after.movingCount).toBe(keep.slice(0, before.movingCount).filter(Boolean).length);
            for (const [field, width] of [
                ['means', 3],
                ['quats', 4],
                ['logScales', 3],
                ['logitOpacities', 1],
                ['sh', 3],
            ] as const)
                expect([...after.splats[field]], `${name} ${field}`).toEqual(rows(before.splats[field], width, keep));
            expect([...after.spatialFeat]).toEqual(rows(before.spatialFeat, SPATIAL_FEAT_DIM, keep));
            expect(after.featureCoding).toEqual(before.featureCoding);
            expect(after.layers).toEqual(before.layers);
        }
        expect({ ...pruned, branches: null }).toEqual({ ...asset, branches: null });
    });

    it('gives the same bytes where everything is reached', () => {
        expect(Buffer.compare(encodeHead(pruneAsset(asset, reach, 0)), encoded)).toBe(0);
    });

    it('refuses to drop a whole branch, and says what to give instead', () => {
        expect(() => pruneAsset(asset, reach, 6)).toThrowError(
            expect.objectContaining({
                code: 'DATASET_VALUE',
                message: expect.stringMatching(/^face branch: expected .* got none for all 2100\..*--views/) as string,
            }) as Error,
        );
    });
});

describe('the progress of a walk', () => {
    it('tells stage, frames and time left, and ends whole', () => {
        const lines: string[] = [];
        const progress = new Progress({ isTTY: true, columns: 80, write: (line: string) => lines.push(line) } as never);
        for (let done = 1; done <= 4; done++) progress.count('view', done, 4);
        progress.close();
        expect(lines[0]).toContain('[======                  ] 25.0% view 1/4');
        expect(lines[3]).toContain('[========================] 100.0% view 4/4  ETA 0:00');
        expect(lines[4]).toBe('\n');
    });
});

describe('the prune command', () => {
    let root = '';
    let toy = '';
    let head = '';
    let dataset: Dataset;

    beforeAll(async () => {
        root = await mkdtemp(join(tmpdir(), 'pgs-prune-'));
        [toy, head] = [join(root, 'toy'), join(root, 'head.glb')];
        await writePruneDataset(toy, { frames: 44, side: 64, test: 8 });
        await writeFile(head, encoded);
        dataset = await openDataset(toy);
    });
    afterAll(() => rm(root, { recursive: true, force: true }));

    it('is listed and explains itself', async () => {
        expect((await pgstalker(['--help'])).stdout).toContain('prune HEAD.glb DATASET');
        const help = await pgstalker(['prune', '--help']);
        expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--max-loss DB') as string });
    });

    it.each([
        ['no output', ['HEAD', 'TOY'], 2, /-o OUT\.glb is missing/],
        ['no dataset', ['HEAD', '-o', 'OUT'], 2, /DATASET is missing/],
        ['an output that is no .glb', ['HEAD', 'TOY', '-o', 'ROOT/x.ply'], 2, /ends in \.glb/],
        ['an output in no folder', ['HEAD', 'TOY', '-o', 'ROOT/none/x.glb'], 2, /existing folder.*Make/],
        ['the head as output', ['HEAD', 'TOY', '-o', 'HEAD'], 2, /another file than the head itself/],
        ['the head as output by another name', ['HEAD', 'TOY', '-o', 'ROOT/link.glb'], 2, /another file than the head/],
        ['a negative loss', ['HEAD', 'TOY', '-o', 'OUT', '--max-loss=-1'], 2, /expected 0 dB or more, got -1/],
        ['no views', ['HEAD', 'TOY', '-o', 'OUT', '--views', '0'], 2, /--views: expected an integer 1/],
        ['a head that is not there', ['ROOT/none.glb', 'TOY', '-o', 'OUT'], 3, /none\.glb: expected a readable file/],
        ['a head that is none', ['TOY/dataset.json', 'TOY', '-o', 'OUT'], 3, /ASSET_FORMAT: .*expected/],
        ['a dataset that is none', ['HEAD', 'ROOT', '-o', 'OUT'], 3, /dataset\.json: expected a readable file/],
    ] as const)('refuses %s', async (_name, words, code, message) => {
        await symlink(head, join(root, 'link.glb')).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== 'EEXIST') throw error;
        });
        const places = { HEAD: head, TOY: toy, OUT: join(root, 'never.glb'), ROOT: root };
        const filled = words.map((word) => word.replace(/HEAD|TOY|OUT|ROOT/, (key) => places[key as 'HEAD']));
        const result = await prune(filled);
        expect(result.code, result.stderr).toBe(code);
        expect(result.stderr).toMatch(message);
        expect(result.stderr).not.toMatch(/ {4}at /);
        expect(existsSync(join(root, 'never.glb'))).toBe(false);
        expect(Buffer.compare(await readFile(head), encoded)).toBe(0);
    });

    it.skipIf(!hasEngine)('finds what no view reaches: inside the blob, behind the head, behind the face', async () => {
        const engine = Engine.open({ threads: 1 });
        const reach = await measureReach(asset, dataset, engine, trainingViews(dataset, 9)).finally(() => {
            engine.dispose();
        });
        for (const name of BRANCH_NAMES)
            expect(Math.max(...[...reach[name]].filter((_, i) => hidden[name][i])), name).toBe(0);
        // Some of the bust's own splats lie on its far side; all of the open mouth is in sight.
        expect([...reach.face].filter((pixels) => pixels > 0).length).toBeGreaterThan(1000);
        expect(Math.min(...[...reach.mouth].filter((_, i) => !hidden.mouth[i]))).toBeGreaterThan(0);
    });

    it.skipIf(!hasEngine)('writes a smaller head that looks the same, and says so', async () => {
        const output = join(root, 'small.glb');
        const result = await prune([head, toy, '-o', output, '--json']);
        expect(result, result.stderr).toMatchObject({ code: 0 });
        const report = JSON.parse(result.stdout) as PruneReport;
        const bytes = await readFile(output);
        const pruned = decodeHead(bytes);

        expect(report).toMatchObject({ input: head, output, views: 9, minPixels: 1 });
        expect(report.before.splats).toEqual({ face: 2100, mouth: 80 });
        expect(report.after.splats).toEqual({
            face: pruned.branches.face.splats.count,
            mouth: pruned.branches.mouth.splats.count,
        });
        expect(report.after.splats.mouth).toBe(30);
        expect(report.after.splats.face).toBeLessThanOrEqual(2000);
        expect([report.before.bytes, report.after.bytes]).toEqual([encoded.length, bytes.length]);
        expect(Math.abs(report.lossDb)).toBeLessThan(0.01);
        expect(pruned.facts).toEqual({
            preset: 'none',
            metrics: report.after.metrics,
            pruned: { views: 9, minPixels: 1, splatsBefore: report.before.splats, lossDb: report.lossDb },
        });
        expect({ ...pruned, branches: null, facts: null }).toEqual({ ...asset, branches: null, facts: null });

        const engine = Engine.open({ threads: 1 });
        const picture = async (from: HeadAsset, frame: number): Promise<Float32Array> =>
            compositeOver(await new AssetPlayer(from, dataset, engine).render(frame, true), [128, 128, 128]);
        // Measured: 100 dB, where psnr() ends, in training and test frames; dropping splats of 100 pixels and less gives 70.
        for (const frame of [0, 5, 40])
            expect(
                psnr(
                    await picture(pruned, frame),
                    await picture(asset, frame),
                    regionOf(64 * 64, () => true),
                ),
                `frame ${frame}`,
            ).toBeGreaterThan(90);
        engine.dispose();

        const again = await prune([output, toy, '-o', join(root, 'again.glb')]);
        expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/PSNR head .*\nPSNR lips /) as string });
        expect(decodeHead(await readFile(join(root, 'again.glb'))).branches).toEqual(pruned.branches);
    });

    it.skipIf(!hasEngine)('leaves nothing behind where the head would lose too much', async () => {
        const folder = join(root, 'refused');
        await mkdir(folder);
        const result = await prune([
            ...[head, toy, '-o', join(folder, 'x.glb')],
            ...['--min-pixels', '300', '--max-loss', '0.05'],
        ]);
        expect(result).toMatchObject({
            code: 2,
            stdout: '',
            stderr: expect.stringMatching(
                /--max-loss: expected at most 0\.05 dB .*, got \d+\.\d+ dB .*of 2180 splats dropped.*nothing was written/,
            ) as string,
        });
        expect(await readdir(folder)).toEqual([]);
    });

    it.skipIf(!hasEngine)('refuses the dataset of another head', async () => {
        const other = join(root, 'other.glb');
        const output = join(root, 'never.glb');
        await writeFile(other, encodeHead({ ...asset, name: 'ava' }));
        const named = await prune([other, toy, '-o', output]);
        expect(named).toMatchObject({ code: 3, stderr: expect.stringMatching(/name "ava".*got "toy"/) as string });

        const names = asset.expression.names.map((name) => (name === 'AU45' ? 'AU99' : name));
        await writeFile(other, encodeHead({ ...asset, expression: { ...asset.expression, names } }));
        const posed = await prune([other, toy, '-o', output]);
        expect(posed).toMatchObject({ code: 3, stderr: expect.stringContaining('none named AU99') as string });
        expect(existsSync(output)).toBe(false);
    });
});
