import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeHead } from '../../plugin/core/index.js';
import { findNative, NATIVE_FILES } from '../../tools/trainer-node/src/native/locate.js';
import { readText, ROOT } from '../helpers/sources.js';
import { writeToyDataset } from './toy-dataset.js';

const hasEngine = findNative(NATIVE_FILES.cpu) !== undefined;
const deploy = join(ROOT, 'tools/trainer-node/deploy');
const trainOne = join(deploy, 'train-one.mjs');
const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
/** Long enough to be stopped in the middle; its first checkpoint is at iteration 200 of 550. */
const LONG = ['--preset', 'tiny', '--device', 'cpu', '--iterations-scale', '0.5'];
const SHORT = ['--preset', 'tiny', '--device', 'cpu', '--iterations-scale', '0.02'];

interface Ended {
    readonly code: number | null;
    readonly output: string;
}

interface Status {
    readonly state: string;
    readonly attempt: number;
    readonly retry?: boolean;
    readonly exitCode?: number;
    readonly message?: string;
}

let root = '';
let places: NodeJS.ProcessEnv = {};

const at = (...parts: string[]): string => join(root, ...parts);
const statusOf = (name: string, heads = 'heads'): Status =>
    JSON.parse(readFileSync(at(heads, name, 'status.json'), 'utf8')) as Status;

function writeManifest(name: string, avatars: readonly object[]): string {
    writeFileSync(at(name), avatars.map((avatar) => `${JSON.stringify(avatar)}\n`).join('\n'));
    return at(name);
}

/** Runs a program of deploy/; `during` may stop it. */
async function run(
    words: readonly string[],
    env: NodeJS.ProcessEnv = {},
    during?: (child: ChildProcess) => Promise<void>,
): Promise<Ended> {
    // prettier-ignore
    const [program = '', ...rest] = words;
    const child = spawn(program, rest, { env: { ...process.env, ...places, PATH, ...env }, cwd: root });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
        stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
    const ended = new Promise<number | null>((done) => child.on('close', done));
    await during?.(child);
    return { code: await ended, output };
}

/** Waits for a condition that another process brings about. */
async function until(what: string, holds: () => boolean): Promise<void> {
    for (const end = Date.now() + 60_000; !holds();) {
        if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
        await new Promise((done) => setTimeout(done, 20));
    }
}

beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'pgs-deploy-'));
    places = { PGS_SOURCE: at('datasets'), PGS_DEST: at('heads') };
    await writeToyDataset(at('datasets/one'), { frames: 24, side: 48, test: 4 });
    cpSync(at('datasets/one'), at('datasets/two'), { recursive: true });
    cpSync(at('datasets/one'), at('datasets/cut'), { recursive: true });
    rmSync(at('datasets/cut/frames/000003.jpg'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.skipIf(!hasEngine)('a plain loop over a manifest', () => {
    const loop = (): string[] => ['sh', join(deploy, 'loop.sh'), at('manifest.jsonl')];
    let first: Ended;
    let headBefore = 0;

    beforeAll(async () => {
        writeManifest('manifest.jsonl', [
            { name: 'one', dataset: 'one', train: SHORT },
            { name: 'cut', dataset: 'cut', train: SHORT },
            { name: 'two', dataset: 'two', train: LONG },
        ]);
        first = await run(loop(), {}, async (child) => {
            await until('training of the last', () => existsSync(at('heads/two/run/log.jsonl')));
            child.kill('SIGTERM');
        });
        headBefore = statSync(at('heads/one/head.glb')).mtimeMs;
    });

    it('saves and stops on SIGTERM', () => {
        expect(first.code, first.output).toBe(130);
        expect(statusOf('one')).toMatchObject({ state: 'done', attempt: 1, exitCode: 0 });
        expect(statusOf('two')).toMatchObject({ state: 'interrupted', attempt: 1, exitCode: 130, retry: true });
        expect(readdirSync(at('heads/two/run/checkpoints')).length).toBeGreaterThan(0);
        expect(existsSync(at('heads/two/head.glb'))).toBe(false);
    });

    it('is not stopped by a dataset that is not valid, which no retry can mend', () => {
        const { message, ...status } = statusOf('cut');
        expect(status).toMatchObject({ state: 'failed', exitCode: 3, retry: false });
        expect(message).toMatch(/^DATASET_.*000003\.jpg/);
    });

    it('goes on when called again, and leaves alone what is done', async () => {
        const second = await run(loop());
        expect(second.code, second.output).toBe(1);
        expect(second.output).toContain('one (0 of 3): done already');
        expect(statSync(at('heads/one/head.glb')).mtimeMs).toBe(headBefore);
        expect(statusOf('one')).toMatchObject({ state: 'done', attempt: 1 });
        const from = Number(/two \(2 of 3\): going on[^]*from iteration (\d+) of 550/.exec(second.output)?.[1]);
        expect(from).toBeGreaterThan(0);
        expect(statusOf('two')).toMatchObject({ state: 'done', attempt: 2 });
        expect(second.output).toContain('loop: 2 of 3 done');
        for (const name of ['one', 'two'])
            expect(decodeHead(readFileSync(at('heads', name, 'head.glb'))).branches.face.splats.count).toBeGreaterThan(
                0,
            );
    });

    it('will not take a finished head for one of other options', async () => {
        const changed = writeManifest('changed.jsonl', [{ name: 'one', dataset: 'two', train: SHORT }]);
        const { code, output } = await run([process.execPath, trainOne, changed, '0']);
        expect({ code, output }).toMatchObject({ code: 2, output: expect.stringContaining('another name') as string });
    });
});

describe.skipIf(!hasEngine)('a bucket behind a copy command', () => {
    /** As the real ones do, it fails on a source that is not there and makes the destination. */
    const copier = (): NodeJS.ProcessEnv => {
        writeFileSync(at('copy.sh'), '#!/bin/sh\n[ -d "$1" ] && mkdir -p "$2" && cp -R "$1/." "$2"\n');
        chmodSync(at('copy.sh'), 0o755);
        return { PGS_COPY: at('copy.sh'), PGS_DEST: at('bucket'), PGS_PUSH_SECONDS: '0.3' };
    };

    it('holds one checkpoint at any time, from which another machine goes on', async () => {
        const words = [process.execPath, trainOne, writeManifest('bucket.jsonl', [{ name: 'ava', dataset: 'one', train: LONG }]), '0']; // prettier-ignore
        const checkpoints = at('bucket/ava/run/checkpoints');
        const first = await run(words, { ...copier(), PGS_WORK: at('machine-a') }, async (child) => {
            // Saved while training, not when told to stop.
            await until('a checkpoint in the bucket', () => existsSync(checkpoints));
            child.kill('SIGTERM');
        });
        expect(first.code, first.output).toBe(130);
        expect(readdirSync(checkpoints)).toEqual(['0000000.safetensors']);
        expect(statusOf('ava', 'bucket')).toMatchObject({ state: 'interrupted' });
        expect(readdirSync(at('machine-a'))).toEqual([]);

        const second = await run(words, { ...copier(), PGS_WORK: at('machine-b') });
        expect(second.code, second.output).toBe(0);
        expect(Number(/from iteration (\d+) of 550/.exec(second.output)?.[1])).toBeGreaterThanOrEqual(200);
        expect(readdirSync(checkpoints)).toEqual(['0000000.safetensors']);
        expect(statusOf('ava', 'bucket')).toMatchObject({ state: 'done', attempt: 2 });
        expect(decodeHead(readFileSync(at('bucket/ava/head.glb'))).branches.face.splats.count).toBeGreaterThan(0);

        const third = await run(words, { ...copier(), PGS_WORK: at('machine-c') });
        expect(third).toMatchObject({ code: 0, output: expect.stringContaining('done already') as string });
    });

    it('that does not answer is worth another attempt', async () => {
        const manifest = writeManifest('silent.jsonl', [{ name: 'eve', dataset: 'one' }]);
        const { code, output } = await run([process.execPath, trainOne, manifest, '0'], { PGS_COPY: 'false' });
        expect(code, output).toBe(75);
    });
});

describe('a manifest', () => {
    const good = { name: 'ava', dataset: 'one' };
    it.each([
        ['an index beyond its end', [good], '1', 'index from 0 to 0'],
        ['an index that is no number', [good], 'one', 'index from 0 to 0'],
        ['a name twice', [good, good], '0', '"ava" twice'],
        ['a name that is a path', [{ ...good, name: '../ava' }], '0', 'a name of letters'],
        ['no dataset', [{ name: 'ava' }], '0', 'the path of a dataset'],
        ['options in one string', [{ ...good, train: '--preset tiny' }], '0', 'a list of words'],
        ['an output of its own', [{ ...good, train: ['--output=x.glb'] }], '0', 'sets itself'],
        ['a word that nobody reads', [{ ...good, preset: 'tiny' }], '0', 'alone'],
    ] as const)('is refused for good with %s', async (_name, avatars, index, message) => {
        const manifest = writeManifest('bad.jsonl', avatars);
        const { code, output } = await run([process.execPath, trainOne, manifest, index]);
        expect({ code, output }).toMatchObject({ code: 2, output: expect.stringContaining(message) as string });
    });

    it('on an address needs a copy command', async () => {
        const manifest = writeManifest('good.jsonl', [good]);
        const { code, output } = await run([process.execPath, trainOne, manifest, '0'], { PGS_DEST: 's3://heads' });
        expect({ code, output }).toMatchObject({ code: 2, output: expect.stringContaining('PGS_COPY') as string });
    });
});

describe('slurm.sh', () => {
    /** Runs the script around a train-one that ends with `code`, or with 130 when told to stop, and a scontrol that takes notes. */
    async function task(code: number, signal?: NodeJS.Signals, restarts = '0'): Promise<Ended & { asked: string }> {
        const folder = mkdtempSync(at('slurm-'));
        const wait = signal === undefined ? `process.exit(${code})` : `process.on('SIGTERM', () => process.exit(130)); setInterval(() => {}, 1000); console.log('up')`; // prettier-ignore
        writeFileSync(join(folder, 'train-one.mjs'), wait);
        writeFileSync(join(folder, 'scontrol'), `#!/bin/sh\necho "$*" > ${folder}/asked\n`, { mode: 0o755 });
        const env = { PGS_DEPLOY: folder, PGS_MANIFEST: 'm', SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_JOB_ID: '70', SLURM_RESTART_COUNT: restarts, PATH: `${folder}:${PATH}` }; // prettier-ignore
        const ended = await run(['bash', join(deploy, 'slurm.sh')], env, async (child) => {
            if (signal === undefined) return;
            let isUp = false;
            child.stdout?.once('data', () => (isUp = true));
            await until('the task', () => isUp);
            child.kill(signal);
        });
        const asked = join(folder, 'asked');
        return { ...ended, asked: existsSync(asked) ? readFileSync(asked, 'utf8').trim() : '' };
    }

    it('comes back when time ran out, not when it was cancelled', async () => {
        expect(await task(130, 'SIGUSR1')).toMatchObject({ code: 130, asked: 'requeue 70_3' });
        expect(await task(130, 'SIGTERM')).toMatchObject({ code: 130, asked: '' });
    });

    it('comes back after what another attempt may mend, a few times', async () => {
        expect(await task(75)).toMatchObject({ code: 75, asked: 'requeue 70_3' });
        expect(await task(4)).toMatchObject({ code: 4, asked: 'requeue 70_3' });
        expect(await task(1, undefined, '3')).toMatchObject({ code: 1, asked: '' });
        expect(await task(3)).toMatchObject({ code: 3, asked: '' });
        expect(await task(0)).toMatchObject({ code: 0, asked: '' });
    });
});

describe('the files for schedulers', () => {
    const job = readText('tools/trainer-node/deploy/job.yaml');
    const worker = readText('tools/trainer-node/deploy/train-one.mjs');

    it.each(['loop.sh', 'slurm.sh'])('%s is shell that parses, and runs train-one.mjs', (file) => {
        expect(spawnSync('bash', ['-n', join(deploy, file)], { encoding: 'utf8' })).toMatchObject({
            status: 0,
            stderr: '',
        });
        expect(readText(`tools/trainer-node/deploy/${file}`)).toMatch(/train-one\.mjs" "\$\w+" "\$\w+" &/);
    });

    it('job.yaml runs train-one.mjs where the package has it, once an index, and gives up on the same exit codes', () => {
        expect(job).not.toMatch(/\t/);
        expect(job).toContain('node_modules/pgstalker-trainer/deploy/train-one.mjs');
        expect(job).toMatch(/completionMode: Indexed\n/);
        expect(job).toMatch(/nvidia\.com\/gpu: 1\n/);
        const codes = /const FINAL = (\[.*\]);/.exec(worker)?.[1];
        expect(codes).toBe('[2, 3]');
        const flat = job.replace(/\s+/g, ' ');
        expect(flat).toContain(`- action: FailIndex onExitCodes: containerName: train operator: In values: ${codes}`);
    });

    it('job.yaml is a Job to kubectl, where there is one', ({ skip }) => {
        const words = [
            'patch',
            '--local',
            '-f',
            join(deploy, 'job.yaml'),
            '-p',
            '{}',
            '--dry-run=client',
            '-o',
            'json',
        ];
        const { error, status, stdout, stderr } = spawnSync('kubectl', words, { encoding: 'utf8' });
        if (error !== undefined) skip('no kubectl');
        expect(status, stderr).toBe(0);
        const spec = (JSON.parse(stdout) as { spec: { template: { spec: { containers: { args: string[] }[] } } } })
            .spec;
        expect(spec.template.spec.containers[0]?.args).toEqual(['/manifest/manifest.jsonl', '$(JOB_COMPLETION_INDEX)']);
    });

    it('the image is built from what the repository has', () => {
        const text = readText('tools/trainer-node/deploy/Containerfile');
        const copied = [...text.matchAll(/^COPY (?!--)(.*) \S+$/gm)].flatMap(([, paths]) =>
            (paths as string).split(' '),
        );
        expect(copied.length).toBeGreaterThan(3);
        expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
        const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
        expect(scripts).toHaveProperty(/npm run (\S+)/.exec(text)?.[1] as string);
    });
});
