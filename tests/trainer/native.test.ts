import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { createSplatSet } from '../../plugin/core/index.js';
import { nativeError } from '../../tools/trainer-node/src/native/errors.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { locateNative, nativeFolders } from '../../tools/trainer-node/src/native/locate.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu.so')));
const sources = pathToFileURL(resolve('tools/trainer-node/src')).href;

interface Exit {
    readonly code: number | null;
    readonly signal: string | null;
    readonly output: string;
}

/** Runs a module in a process of its own: what is tested here ends processes. */
function runModule(source: string, ...flags: readonly string[]): Promise<Exit> {
    return new Promise((done) => {
        const words = [...flags, '--import', 'tsx', '--input-type=module', '-e', source];
        execFile(process.execPath, words, { timeout: 60_000 }, (error, stdout, stderr) => {
            const failure = error as (Error & { code?: number | string; signal?: string }) | null;
            done({
                code: failure === null ? 0 : typeof failure.code === 'number' ? failure.code : null,
                signal: failure?.signal ?? null,
                output: stdout + stderr,
            });
        });
    });
}

/** A small scene in training: 2000 splats, 8 frames of 96 px. */
const SETUP = `
import { Engine } from '${sources}/native/engine.js';
const engine = Engine.open({ threads: 2, seed: 1 });
engine.dataBegin(8, { fx: 160, fy: 160, cx: 48, cy: 48, width: 96, height: 96 }, 0);
for (let i = 0; i < 8; i++) engine.dataFrame(i, {
    rgb: new Uint8Array(96 * 96 * 3).fill(90), labels: new Uint8Array(96 * 96).fill(1),
    viewmat: Float64Array.from([1,0,0,0, 0,-1,0,0, 0,0,-1,0.6, 0,0,0,1]), expression: new Float64Array(0), lips: Float64Array.from([40,40,56,50]),
});
engine.splatsResize('face', 2000, 1);
engine.tensorSet('face.means', Float32Array.from({ length: 6000 }, (_, i) => Math.sin(i * 12.9898) * 0.1));
engine.tensorSet('face.logScales', new Float32Array(6000).fill(-4.5));
engine.orderSet('face', Int32Array.from([0, 1, 2, 3, 4, 5, 6, 7]));
`;

describe('locating the library', () => {
    it('names the folder, the file and the command that builds it', () => {
        expect(() => locateNative('f32', { PGS_NATIVE_DIR: '/nowhere' })).toThrowError(
            expect.objectContaining({
                code: 'NATIVE_MISSING',
                message: expect.stringMatching(/libpgs_cpu\.so in \/nowhere.*npm run build:native/) as string,
            }) as Error,
        );
    });
    it('takes PGS_NATIVE_DIR as an order, not as a hint', () =>
        expect(nativeFolders({ PGS_NATIVE_DIR: '/a' })).toEqual(['/a']));
});

describe('native errors', () => {
    it('tell divergence apart, and keep the status', () => {
        expect(nativeError('pgs_train_run', -5, 'face.means')).toMatchObject({ code: 'TRAINING_DIVERGED', cause: -5 });
        expect(nativeError('pgs_set', -1, 'no such name')).toMatchObject({ code: 'NATIVE_STATUS', cause: -1 });
    });
});

describe.skipIf(!hasEngine)('the engine (needs `npm run build:native`)', () => {
    const engines: Engine[] = [];
    const open = (): Engine => {
        const engine = Engine.open({ threads: 2, seed: 3 });
        engines.push(engine);
        return engine;
    };
    afterEach(() => {
        for (const engine of engines.splice(0)) engine.dispose();
    });

    it('gives back what was set, by name, and refuses unknown names', () => {
        const engine = open();
        engine.set('lr.means', 0.25);
        expect(engine.get('lr.means')).toBe(0.25);
        expect(() => engine.set('lr.nonsense', 1)).toThrowError(
            expect.objectContaining({
                code: 'NATIVE_STATUS',
                message: expect.stringContaining('lr.nonsense') as string,
            }) as Error,
        );
        engine.splatsResize('face', 2, 1);
        engine.tensorSet('face.means', [1, 2, 3, 4, 5, 6]);
        expect([...engine.tensorGet('face.means')]).toEqual([1, 2, 3, 4, 5, 6]);
        expect(engine.tensorNames()).toContain('face.logScales.adam2');
        expect(() => engine.tensorSet('face.means', [1, 2])).toThrow(/expected 6 values/);
    });

    it('renders splats without model or data', async () => {
        const splats = createSplatSet(1, 0);
        splats.logScales.fill(Math.log(0.05));
        splats.logitOpacities.fill(8);
        const viewmat = [1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0.6, 0, 0, 0, 1];
        const rgba = await open().renderSplats(splats, {
            viewmat,
            fx: 60,
            fy: 60,
            cx: 16,
            cy: 16,
            width: 32,
            height: 32,
        });
        expect(rgba[(16 * 32 + 16) * 4 + 3]).toBeGreaterThan(0.9);
        expect(rgba[3]).toBeLessThan(0.01);
    });

    it('runs one call at a time', async () => {
        const engine = open();
        const splats = createSplatSet(1, 0);
        const camera = {
            viewmat: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1],
            fx: 60,
            fy: 60,
            cx: 16,
            cy: 16,
            width: 32,
            height: 32,
        };
        const first = engine.renderSplats(splats, camera);
        expect(() => engine.splatsCount('face')).toThrow(/pgs_render_splats has not finished/);
        await expect(engine.renderSplats(splats, camera)).rejects.toMatchObject({ code: 'NATIVE_STATUS' });
        await first;
        expect(engine.splatsCount('face')).toBe(0);
    });

    it('says DISPOSED after dispose, which may be called twice', () => {
        const engine = open();
        engine.dispose();
        engine.dispose();
        expect(() => engine.get('iteration')).toThrowError(expect.objectContaining({ code: 'DISPOSED' }) as Error);
    });

    it('keeps the arrays of a running call alive under garbage collection', async () => {
        const source = `${SETUP}
            for (let k = 0; k < 20; k++) {
                const pending = engine.trainRun('static', ['face'], 3);
                for (let i = 0; i < 20; i++) { globalThis.gc(); new Float64Array(1e5).fill(k); await new Promise(setImmediate); }
                const stats = await pending;
                if (stats.iterations !== 3) throw new Error('lost statistics: ' + JSON.stringify(stats));
            }
            engine.dispose(); console.log('alive');`;
        expect(await runModule(source, '--expose-gc')).toMatchObject({ code: 0, signal: null, output: 'alive\n' });
    });

    it('ends cleanly, with the asked exit code, while a call is running', async () => {
        const source = `${SETUP}
            engine.trainRun('static', ['face'], 1e6).catch(() => {});
            setTimeout(() => process.exit(7), 100);`;
        expect(await runModule(source)).toEqual({ code: 7, signal: null, output: '' });
    });

    it('ends cleanly without dispose', async () => {
        expect(await runModule(`${SETUP} await engine.trainRun('static', ['face'], 2);`)).toEqual({
            code: 0,
            signal: null,
            output: '',
        });
    });

    it('gives an asynchronous call megabytes of stack', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'pgs-stack-'));
        try {
            const code =
                'int fill(int bytes) { volatile char room[4 << 20]; for (int i = 0; i < bytes; i++) room[i] = 1; return room[0]; }';
            writeFileSync(join(folder, 'deep.c'), code);
            execFileSync('cc', ['-O0', '-shared', '-fPIC', '-o', join(folder, 'deep.so'), join(folder, 'deep.c')]);
            const source = `
                await import('${sources}/native/ffi.js');
                const { default: koffi } = await import('koffi');
                const fill = koffi.load('${join(folder, 'deep.so')}').func('int fill(int bytes)');
                fill.async(4 << 20, (error, value) => console.log(error, value));`;
            expect(await runModule(source)).toMatchObject({ code: 0, output: 'null 1\n' });
        } finally {
            rmSync(folder, { recursive: true });
        }
    });

    it('stops a call on cancel', async () => {
        const source = `${SETUP}
            import { isCancelled } from '${sources}/native/errors.js';
            const pending = engine.trainRun('static', ['face'], 1e6);
            setTimeout(() => engine.cancel(), 50);
            await pending.catch((error) => console.log(isCancelled(error), error.code));
            console.log((await engine.trainRun('static', ['face'], 2)).iterations); engine.dispose();`;
        expect(await runModule(source)).toMatchObject({ code: 0, output: 'true NATIVE_STATUS\n2\n' });
    });

    it('refuses to be loaded in a worker', async () => {
        const load = `import('tsx/esm/api')
            .then(({ register }) => (register(), import('${sources}/native/ffi.js')))
            .then(({ loadNative }) => loadNative(${JSON.stringify(locateNative())}))
            .catch((error) => require('node:worker_threads').parentPort.postMessage(error.message))`;
        const worker = new Worker(load, { eval: true });
        const message = await new Promise<string>((done, fail) => worker.once('message', done).once('error', fail));
        await worker.terminate();
        expect(message).toMatch(/expected the main thread, got a worker/);
    });
});
