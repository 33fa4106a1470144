import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeHead } from '../../plugin/core/index.js';
import type { Evaluation } from '../../tools/trainer-node/src/evaluate.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { writeToyDataset } from './toy-dataset.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu.so')));
const bin = resolve('tools/trainer-node/bin/pgstalker.mjs');

interface Result {
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
}

function pgstalker(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
    return new Promise((done) => {
        execFile(
            process.execPath,
            [bin, ...words],
            { env: { ...process.env, ...env }, timeout: 110_000 },
            (error, stdout, stderr) => {
                done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
            },
        );
    });
}

let root = '';
let toy = '';
let head = '';

beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'pgs-cli-'));
    [toy, head] = [join(root, 'toy'), join(root, 'head.glb')];
    await writeToyDataset(toy, { frames: 44, side: 64, test: 8 });
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('the command line', () => {
    it('explains itself, as a whole and by command', async () => {
        const [whole, train] = [await pgstalker(['--help']), await pgstalker(['train', '--help'])];
        expect(whole).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes') as string });
        expect(train).toMatchObject({ code: 0, stdout: expect.stringContaining('--resume RUN') as string });
    });

    it.each([
        ['no command', [], 2],
        ['an unknown command', ['fly'], 2],
        ['an unknown option', ['train', '--fly'], 2],
        ['no dataset', ['train', '-o', 'x.glb'], 2],
        ['no output', ['train', 'DATASET'], 2],
        ['an output that is no .glb', ['train', 'DATASET', '-o', 'x.ply'], 2],
        ['an unknown preset', ['train', 'DATASET', '-o', 'ROOT/x.glb', '--preset', 'slow'], 2],
        ['a seed that is no number', ['train', 'DATASET', '-o', 'ROOT/x.glb', '--seed', 'one'], 2],
        ['a run that is none', ['train', '--resume', 'ROOT'], 2],
        ['a dataset that is none', ['train', 'ROOT', '-o', 'ROOT/x.glb'], 3],
        ['a head that is none', ['info', 'DATASET/dataset.json'], 3],
        ['a missing argument', ['eval', 'x.glb'], 2],
    ] as const)('exits with its documented code for %s', async (_name, words, code) => {
        const result = await pgstalker(words.map((word) => word.replace('DATASET', toy).replace('ROOT', root)));
        expect(result.code, result.stderr).toBe(code);
        expect(result.stderr).not.toMatch(/ {4}at /);
    });

    it('exits with 4 and the build command where the engine is missing', async () => {
        const result = await pgstalker(['train', toy, '-o', join(root, 'y.glb'), '--preset', 'tiny'], {
            PGS_NATIVE_DIR: root,
        });
        expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('npm run build:native') as string });
    });

    it('asks for the consent of a real person', async () => {
        const real = join(root, 'real');
        await writeToyDataset(real, { frames: 4, side: 16, test: 2 });
        const json = JSON.parse(await readFile(join(real, 'dataset.json'), 'utf8')) as Record<string, unknown>;
        await writeFile(join(real, 'dataset.json'), JSON.stringify({ ...json, provenance: { kind: 'recorded' } }));
        const result = await pgstalker(['train', real, '-o', join(root, 'z.glb')]);
        expect(result).toMatchObject({ code: 3, stderr: expect.stringContaining('--consent') as string });
    });

    it('validates and describes a dataset', async () => {
        expect(await pgstalker(['validate', toy])).toMatchObject({
            code: 0,
            stdout: expect.stringContaining('valid') as string,
        });
        expect((await pgstalker(['info', toy, '--json'])).stdout).toContain('"frames":44');
    });

    it.skipIf(!hasEngine)('trains a head, reports on it, and evaluates the file alone', async () => {
        const trained = await pgstalker(['train', toy, '-o', head, '--preset', 'tiny', '--iterations-scale', '0.3']);
        expect(trained, trained.stderr).toMatchObject({ code: 0 });
        const asset = decodeHead(await readFile(head));
        expect(asset.consent).toMatch(/Not needed/);
        expect(asset.branches.face.movingCount).toBeGreaterThan(0);
        expect(await readFile(join(root, 'head.report.html'), 'utf8')).toContain('<svg');

        const evaluated = JSON.parse((await pgstalker(['eval', head, toy, '--json'])).stdout) as Evaluation;
        expect(Object.keys(evaluated)).toEqual(['regions', 'static', 'sync', 'frames']);
        expect(Object.keys(evaluated.regions)).toEqual(['full', 'head', 'lips']);
        expect(evaluated.frames).toBe(8);
        expect(evaluated.regions.head.psnr).toBeGreaterThan(20);
        expect(asset.facts['metrics']).toEqual(evaluated);
        const report = JSON.parse(await readFile(join(root, 'head.report.json'), 'utf8')) as {
            export: { tried: { lossDb: number }[] };
        };
        expect(report.export.tried.at(-1)?.lossDb).toBeLessThan(0.1);
        expect(await pgstalker(['validate', head])).toMatchObject({ code: 0 });
    });

    it.skipIf(!hasEngine)('names the faults of a damaged head', async () => {
        const bytes = await readFile(head);
        await writeFile(join(root, 'cut.glb'), bytes.subarray(0, bytes.length - 1000));
        expect((await pgstalker(['validate', join(root, 'cut.glb')])).code).toBe(3);
        expect((await pgstalker(['eval', join(root, 'cut.glb'), toy])).code).toBe(3);
    });
});
