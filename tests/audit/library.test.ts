import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../helpers/sources.js';

/** What a page may load for a talking head beyond the engine, bytes after gzip (chosen: below a tenth of any peer). */
const SIZE_LIMIT = 60 * 1024;

let chunks: Rolldown.OutputChunk[] = [];

beforeAll(async () => {
    const result = await build({ root: ROOT, logLevel: 'silent', build: { write: false } });
    const outputs = (Array.isArray(result) ? result : [result]) as Rolldown.RolldownOutput[];
    chunks = outputs.flatMap(({ output }) => output).filter((file) => file.type === 'chunk');
});

describe('the built library', () => {
    it('has one file for each entry of package.json', () => {
        const entries = chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName);
        expect(entries.sort()).toEqual(['densify.js', 'index.js', 'register.js']);
    });

    it('imports Babylon and nothing else that it does not bring', () => {
        const own = new Set(chunks.map(({ fileName }) => fileName));
        const foreign = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
        expect(foreign.filter((name) => !own.has(name) && !name.startsWith('@babylonjs/'))).toEqual([]);
    });

    it('brings no reference maths and no Node module', () => {
        const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
        expect(modules.filter((id) => /core\/reference\/|^node:|tools\/trainer-node/.test(id))).toEqual([]);
    });

    it(`is at most ${SIZE_LIMIT} bytes after gzip`, () => {
        const bytes = chunks.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
        expect(bytes).toBeLessThanOrEqual(SIZE_LIMIT);
    });

    it('keeps the density policy free of Babylon and of the GPU', () => {
        const densify = chunks.find(({ fileName }) => fileName === 'densify.js');
        expect(densify?.moduleIds.filter((id) => !/plugin\/(core|densify)\//.test(id))).toEqual([]);
    });
});
