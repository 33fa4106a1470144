import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { generateAll } from '../../tools/trainer-node/scripts/generate.js';
import { readText, ROOT } from '../helpers/sources.js';

describe('generated files', () => {
    it.for(generateAll())('$path is what plugin/core says; else run npm run generate', ({ path, text }) => {
        expect(readText(path)).toBe(text);
    });

    it('gives C++ a header that compiles', ({ skip }) => {
        const header = 'tools/trainer-node/native/generated/pgs_constants.h';
        const flags = ['-std=c++17', '-fsyntax-only', '-Wall', '-Werror', '-x', 'c++'];
        const { error, stderr, status } = spawnSync('g++', [...flags, '-include', header, '/dev/null'], { cwd: ROOT });
        if (error !== undefined) skip('no g++');
        expect(stderr.toString()).toBe('');
        expect(status).toBe(0);
    });
});
