import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';

/*
 * The script that judges the GPU library on a machine with a GPU, tried here with the CPU library in its place: the sections that need
 * neither GPU nor PyTorch pass, one wrong gradient fails, and what could not be run is never called a success.
 */

const SCRIPT = resolve('tools/trainer-node/gpu/check.py');
const EXIT = { ok: 0, missed: 1, usage: 2, incomplete: 3, noLibrary: 4 } as const;
const folder = mkdtempSync(join(tmpdir(), 'pgs-gpu-check-'));
const find = (name: string): string | undefined =>
    nativeFolders()
        .map((path) => join(path, name))
        .find((path) => existsSync(path));
const library = find('libpgs_cpu.so');
const emulated = find('libpgs_cuda_emu.so');
const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;
const missing = library === undefined ? 'no libpgs_cpu.so' : hasNumpy ? undefined : 'no python3 with numpy';

interface Row {
    readonly section: string;
    readonly name: string;
    readonly verdict: string;
}

interface CheckReport {
    readonly exit: number;
    readonly standIn: boolean;
    readonly summary: { readonly passed: number; readonly failed: number; readonly skipped: number };
    readonly rows: readonly Row[];
}

function check(...words: readonly string[]): { status: number | null; output: string; report: () => CheckReport } {
    const json = join(folder, 'check.json');
    rmSync(json, { force: true });
    const given = [SCRIPT, '--quick', '--cpu-library', library ?? '', '--out', folder, '--json', json, ...words];
    const { status, stdout, stderr } = spawnSync('python3', given, { encoding: 'utf8' });
    const report = (): CheckReport => JSON.parse(readFileSync(json, 'utf8')) as CheckReport;
    return { status, output: stdout + stderr, report };
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(missing !== undefined)(`gpu/check.py${missing === undefined ? '' : `: SKIPPED, ${missing}`}`, () => {
    const path = library ?? '';

    it('passes the CPU library in the place of the GPU library, and says that no GPU took part', () => {
        const { status, output, report } = check('--library', path, '--only', 'parity,adam,repeat,overflow');
        expect(output).toContain('No GPU took part');
        expect(report().rows.filter(({ verdict }) => verdict === 'FAIL')).toEqual([]);
        expect(status).toBe(EXIT.ok);
        expect(report()).toMatchObject({ exit: EXIT.ok, standIn: true, summary: { failed: 0, skipped: 0 } });
        expect(report().summary.passed).toBeGreaterThan(100);
        for (const section of ['parity', 'adam', 'repeat', 'overflow'])
            expect(report().rows.some((row) => row.section === section)).toBe(true);
        expect(readFileSync(join(folder, 'gpu-check.csv'), 'utf8')).toMatch(/^date,machine,commit,mode,.*\n.*,pass,/);
    });

    it.skipIf(emulated === undefined)('passes the real kernels under the emulator', () => {
        const { status, report } = check('--library', emulated ?? '', '--only', 'device,parity');
        expect(report().rows.filter(({ verdict }) => verdict === 'FAIL')).toEqual([]);
        expect(status).toBe(EXIT.ok);
        expect(report()).toMatchObject({ standIn: true, libraryBuild: expect.stringContaining('emulator') as string });
    });

    it('fails where one gradient is 1 % off', () => {
        const { status, report } = check('--library', path, '--only', 'parity', '--perturb', 'face.means.grad=1e-2');
        expect(status).toBe(EXIT.missed);
        const failed = report().rows.filter(({ verdict }) => verdict === 'FAIL');
        expect(failed.length).toBeGreaterThan(0);
        expect(failed.every(({ name }) => name.includes('/face gradients'))).toBe(true);
    });

    it('calls a run incomplete where a section could not be run', () => {
        const { status, output, report } = check('--library', path, '--only', 'memory,sanitizer,train');
        expect(status).toBe(EXIT.incomplete);
        expect(output).toContain('What was skipped is not proved.');
        expect(report().summary).toMatchObject({ passed: 0, failed: 0, skipped: 3 });
    });

    it('times every pass beside its floor', () => {
        const bench = ['--only', 'bench', '--bench-seconds', '0.01', '--roofline', '100,1000'];
        expect(check('--library', path, ...bench).status).toBe(EXIT.ok);
        const [header, row] = readFileSync(join(folder, 'gpu-step.csv'), 'utf8').split('\n');
        expect(header).toBe(
            'date,machine,commit,case,splatsFace,splatsMouth,side,itPerSecond,stepUs,floorUs,ratio,pairs,passUs,passRatio',
        );
        expect(row).toMatch(/,face,600,100,96,[\d.]+,[\d.]+,[\d.]+,[\d.]+,\d+,.*rasterBackward=[\d.]+/);
    });

    it('refuses a library that is not there, and options that mean nothing', () => {
        expect(check('--library', join(folder, 'nowhere.so')).status).toBe(EXIT.noLibrary);
        expect(check('--library', path, '--only', 'everything').status).toBe(EXIT.usage);
        expect(check('--library', path, '--perturb', 'face.means').status).toBe(EXIT.usage);
    });
});
