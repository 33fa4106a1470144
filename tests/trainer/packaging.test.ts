import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeHead } from '../../plugin/core/index.js';
import {
    findNative,
    locateNative,
    NATIVE_FILES,
    type SearchPlace,
} from '../../tools/trainer-node/src/native/locate.js';
import { ROOT } from '../helpers/sources.js';
import { writeToyDataset } from './toy-dataset.js';

/** What is packed is what the checkout has built: the test is about the packages, not about the compiler. */
const built = Object.values(NATIVE_FILES).filter((file) => findNative(file, {}) !== undefined);
const hasEngine = built.includes(NATIVE_FILES.cpu);
const scripts = join(ROOT, 'tools/trainer-node/scripts');
const PLATFORM = 'pgstalker-trainer-linux-x64';

interface Manifest {
    readonly version: string;
    readonly dependencies: Record<string, string>;
    readonly [key: string]: unknown;
}

const manifestOf = (folder: string): Manifest =>
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** A machine of its own: packages under `node_modules`, and an empty folder that is the whole PATH. */
let machine = '';
let installed = '';
const files = new Map<string, string[]>();

function run(
    program: string,
    words: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
): SpawnSyncReturns<string> {
    return spawnSync(program, words, { encoding: 'utf8', cwd: machine, env, timeout: 110_000 });
}

/** The installed command where there is neither compiler nor npm nor checkout. */
function pgstalker(
    words: readonly string[],
    env: NodeJS.ProcessEnv = {},
    flags: readonly string[] = [],
): SpawnSyncReturns<string> {
    // prettier-ignore
    const bin = join(installed, 'bin/pgstalker.mjs');
    return run(process.execPath, [...flags, bin, ...words], { PATH: join(machine, 'bin'), ...env });
}

beforeAll(() => {
    if (!hasEngine) return;
    machine = mkdtempSync(join(tmpdir(), 'pgs-machine-'));
    installed = join(machine, 'node_modules/pgstalker-trainer');
    mkdirSync(join(machine, 'bin'));
    const packed = run(process.execPath, [join(scripts, 'pack-trainer.mjs'), '--local', '--out', machine]);
    expect(packed.status, packed.stderr).toBe(0);
    for (const tarball of readdirSync(machine).filter((file) => file.endsWith('.tgz'))) {
        const name = tarball.replace(/-\d[^-]*\.tgz$/, '');
        const list = run('tar', ['-tzf', tarball]).stdout.trim().split('\n');
        files.set(name, list.map((path) => path.replace(/^package\//, '')).sort()); // prettier-ignore
        expect(run('tar', ['-xzf', tarball]).status).toBe(0);
        mkdirSync(join(machine, 'node_modules'), { recursive: true });
        renameSync(join(machine, 'package'), join(machine, 'node_modules', name));
    }
    for (const name of Object.keys(manifestOf(installed).dependencies))
        symlinkSync(join(ROOT, 'node_modules', name), join(machine, 'node_modules', name));
});
afterAll(() => {
    if (machine !== '') rmSync(machine, { recursive: true, force: true });
});

describe.skipIf(!hasEngine)('the packages', () => {
    it('hold the program, the engine and their papers, and nothing else', () => {
        const papers = ['LICENSE', 'README.md', 'package.json'];
        expect([...files.keys()].sort()).toEqual(['pgstalker-trainer', PLATFORM]);
        const shipped = [NATIVE_FILES.cpu, NATIVE_FILES.cuda].filter((file) => built.includes(file));
        expect(files.get(PLATFORM)).toEqual([...papers, ...shipped].sort());
        const program = files.get('pgstalker-trainer') ?? [];
        const [known, deploy] = [/^(bin\/pgstalker\.mjs|lib\/[\w-]+\.js)$/, readdirSync(join(ROOT, 'tools/trainer-node/deploy'))]; // prettier-ignore
        expect(program).toEqual(expect.arrayContaining([...papers, ...deploy.map((file) => `deploy/${file}`)]));
        const rest = program.filter((file) => !papers.includes(file) && !file.startsWith('deploy/'));
        expect(rest.filter((file) => !known.test(file))).toEqual([]);
        expect(rest).toContain('lib/cli.js');
    });

    it('agree on the version, which the root package.json alone says', () => {
        const { version } = manifestOf(ROOT);
        const [trainer, platform] = [manifestOf(installed), manifestOf(join(machine, 'node_modules', PLATFORM))];
        expect([trainer.version, platform.version]).toEqual([version, version]);
        expect(trainer['optionalDependencies']).toEqual({ [PLATFORM]: version });
        for (const folder of ['', '/npm/linux-x64'])
            expect(manifestOf(join(ROOT, `tools/trainer-node${folder}`)).version).toBeUndefined();
    });

    it('run no script when installed, need nothing to compile TypeScript, and name their platform', () => {
        const [trainer, platform] = [manifestOf(installed), manifestOf(join(machine, 'node_modules', PLATFORM))];
        for (const manifest of [trainer, platform]) {
            expect(manifest).not.toHaveProperty('scripts');
            expect(manifest).not.toHaveProperty('private');
            expect(manifest).not.toHaveProperty('devDependencies');
        }
        expect(Object.keys(trainer.dependencies).sort()).toEqual(['koffi', 'sharp']);
        expect(platform).toMatchObject({ os: ['linux'], cpu: ['x64'], libc: ['glibc'] });
    });

    it('know nothing of the machine that packed them', () => {
        const code = files.get('pgstalker-trainer')?.filter((file) => file.endsWith('js')) ?? [];
        const telling = code.filter((file) => readFileSync(join(installed, file), 'utf8').includes(ROOT));
        expect(telling).toEqual([]);
    });

    it.each([
        ['glibc', /glibc 2\.(\d+)/, /GLIBC_2\.(\d+)/g],
        ['libstdc++', /GLIBCXX_3\.4\.(\d+)/, /GLIBCXX_3\.4\.(\d+)/g],
    ] as const)('need no newer %s than their README says', (_name, promise, need) => {
        const readme = readFileSync(join(machine, 'node_modules', PLATFORM, 'README.md'), 'utf8');
        const promised = Number(promise.exec(readme)?.[1]);
        for (const library of files.get(PLATFORM)?.filter((file) => file.endsWith('.so')) ?? []) {
            const text = readFileSync(join(machine, 'node_modules', PLATFORM, library), 'latin1');
            const needed = [...text.matchAll(need)].map(([, minor]) => Number(minor));
            expect(needed.length, library).toBeGreaterThan(0);
            expect(Math.max(...needed), library).toBeLessThanOrEqual(promised);
        }
    });
});

describe.skipIf(!hasEngine)('the installed trainer, without a compiler', () => {
    it('explains itself and reads a head', () => {
        expect(pgstalker(['--help'])).toMatchObject({
            status: 0,
            stdout: expect.stringContaining('Exit codes') as string,
        });
        const info = pgstalker(['info', join(ROOT, 'sandbox/public/avatars/ava.glb'), '--json']);
        expect(info.status, info.stderr).toBe(0);
        expect(JSON.parse(info.stdout)).toBeTypeOf('object');
    });

    it('trains a head with the engine of its platform package', async () => {
        const [toy, head] = [join(machine, 'toy'), join(machine, 'head.glb')];
        await writeToyDataset(toy, { frames: 24, side: 48, test: 4 });
        const words = ['train', toy, '-o', head, '--preset', 'tiny', '--device', 'cpu', '--iterations-scale', '0.02'];
        const trained = pgstalker(words);
        expect(trained.status, trained.stderr).toBe(0);
        expect(decodeHead(readFileSync(head)).branches.face.splats.count).toBeGreaterThan(0);
        expect(readFileSync(join(machine, 'head.report.html'), 'utf8')).toContain('<svg');
    });

    it('exits with 4 where its platform package was left out, and says how to get it', () => {
        const [there, away] = [join(machine, 'node_modules', PLATFORM), join(machine, 'away')];
        renameSync(there, away);
        try {
            const words = ['train', join(machine, 'toy'), '--preset', 'tiny', '--device', 'cpu', '-o'];
            const left = pgstalker([...words, join(machine, 'x.glb')]);
            expect(left.status, left.stderr).toBe(4);
            expect(left.stderr).toMatch(/NATIVE_MISSING.*libpgs_cpu\.so.*linux-x64.*npm install --include=optional/);
        } finally {
            renameSync(away, there);
        }
    });
});

describe('where the engine is looked for', () => {
    let place = { folder: '', platform: 'linux-x64' };
    let platformFolder = '';
    beforeAll(() => {
        const root = mkdtempSync(join(tmpdir(), 'pgs-place-'));
        place = { ...place, folder: join(root, 'node_modules/pgstalker-trainer') };
        platformFolder = join(root, 'node_modules', PLATFORM);
        for (const folder of [place.folder, platformFolder]) {
            mkdirSync(folder, { recursive: true });
            writeFileSync(join(folder, 'package.json'), '{}');
        }
        writeFileSync(join(platformFolder, NATIVE_FILES.cpu), '');
        writeFileSync(join(platformFolder, NATIVE_FILES.cpu64), '');
    });
    afterAll(() => rmSync(join(place.folder, '../..'), { recursive: true }));

    const missing = (env: NodeJS.ProcessEnv, where: SearchPlace): string => {
        try {
            return `found ${locateNative('f32', env, where)}`;
        } catch (error) {
            expect(error).toMatchObject({ code: 'NATIVE_MISSING' });
            return (error as Error).message;
        }
    };

    it('is its package where there is no checkout', () => {
        expect(locateNative('f32', {}, place)).toBe(join(platformFolder, NATIVE_FILES.cpu));
    });

    it('is the build of a checkout before any package', () => {
        const build = join(place.folder, 'native/build');
        mkdirSync(build, { recursive: true });
        writeFileSync(join(place.folder, 'native/CMakeLists.txt'), '');
        try {
            expect(locateNative('f32', {}, place)).toBe(join(platformFolder, NATIVE_FILES.cpu));
            writeFileSync(join(build, NATIVE_FILES.cpu), '');
            expect(locateNative('f32', {}, place)).toBe(join(build, NATIVE_FILES.cpu));
            rmSync(join(platformFolder, NATIVE_FILES.cpu));
            rmSync(join(build, NATIVE_FILES.cpu));
            expect(missing({}, place)).toMatch(/native\/build.*npm run build:native.*PGS_NATIVE_DIR/);
        } finally {
            rmSync(join(place.folder, 'native'), { recursive: true });
            writeFileSync(join(platformFolder, NATIVE_FILES.cpu), '');
        }
    });

    it('is PGS_NATIVE_DIR and nothing else when that is set', () => {
        expect(locateNative('f32', { PGS_NATIVE_DIR: platformFolder }, place)).toMatch(platformFolder);
        expect(missing({ PGS_NATIVE_DIR: '/nowhere' }, place)).toMatch(
            /in \/nowhere, got no such file\. Correct or unset PGS_NATIVE_DIR/,
        );
    });

    it('is nowhere on a platform that nothing was built for, and the message says so', () => {
        expect(missing({}, { ...place, platform: 'darwin-arm64' })).toMatch(
            /no prebuilt library for darwin-arm64, only for linux-x64.*PGS_NATIVE_DIR/,
        );
    });
});

describe('npm run build:native', () => {
    /** What a CMake that only writes down its arguments was asked. */
    function asked(...words: string[]): string {
        const folder = mkdtempSync(join(tmpdir(), 'pgs-cmake-'));
        try {
            writeFileSync(join(folder, 'cmake'), `#!/bin/sh\necho "$*" >> ${folder}/log\n`, { mode: 0o755 });
            const env = { PATH: folder };
            const { status } = spawnSync(process.execPath, [join(scripts, 'build-native.mjs'), ...words], { env });
            expect(status).toBe(0);
            return readFileSync(join(folder, 'log'), 'utf8');
        } finally {
            rmSync(folder, { recursive: true });
        }
    }

    it('builds for this machine, and for any with --portable, apart', () => {
        expect(asked()).toMatch(/native\/build -DCMAKE_BUILD_TYPE=Release -DPGS_PORTABLE=OFF -DPGS_CUDA_FAT=OFF -DPGS_TESTS=ON -DPGS_CUDA=ON/); // prettier-ignore
        expect(asked('--portable', '--cpu-only')).toMatch(/build\/portable -DCMAKE_BUILD_TYPE=Release -DPGS_PORTABLE=ON -DPGS_CUDA_FAT=ON -DPGS_TESTS=OFF -DPGS_CUDA=OFF/); // prettier-ignore
    });
});
