import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readText, ROOT } from '../helpers/sources.js';

interface Manifest {
    readonly license?: string;
    readonly files?: readonly string[];
    readonly engines?: { readonly node?: string };
    readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly sideEffects?: readonly string[];
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
    readonly bin?: Readonly<Record<string, string>>;
}

const manifest = (folder: string): Manifest => JSON.parse(readText(join(folder, 'package.json'))) as Manifest;
const plugin = manifest('.');
const trainer = manifest('tools/trainer-node');

describe('packages', () => {
    it('are MIT and say so in one LICENSE', () => {
        expect([plugin.license, trainer.license]).toEqual(['MIT', 'MIT']);
        expect(readText('LICENSE')).toMatch(
            /^MIT License\n\nCopyright \(c\) \d{4} PGSTalker for Babylon\.js contributors/,
        );
    });

    it('run on Node 20, as every build tool that they name does', () => {
        expect([plugin.engines?.node, trainer.engines?.node]).toEqual(['>=20.19', '>=20.19']);
        const shipped = { ...plugin.dependencies, ...plugin.devDependencies, ...trainer.dependencies };
        const refusing = Object.keys(shipped).filter((name) => {
            const node = manifest(join('node_modules', name)).engines?.node ?? '*';
            // Ranges are alternatives: one that names 20, or one with a lower bound of at most 20 and no upper one.
            const admits = (range: string): boolean =>
                /^\^20\b/.test(range) || /^(\*|>= ?v?(\d|1\d|20)(\.\d+)*)$/.test(range);
            return !node.split('||').some((range) => admits(range.trim()));
        });
        expect(refusing).toEqual([]);
    });

    it('ship the built library, its licence and its history, and nothing else', () => {
        expect(plugin.files).toEqual(['dist', 'README.md', 'CHANGELOG.md', 'LICENSE']);
        for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE'])
            expect(existsSync(join(ROOT, file)), file).toBe(true);
    });

    it('export a type declaration beside every entry, and only registration has side effects', () => {
        const entries = Object.entries(plugin.exports ?? {});
        // Two more are files for a page to host, whose address it passes on; nobody imports them.
        const hosted = ['./analysis-worker', './tap'];
        const imported = ['.', './register', './densify', './tts', './behaviors', './ort'];
        expect(entries.map(([name]) => name)).toEqual([...imported, ...hosted]);
        for (const [name, entry] of entries) {
            if (hosted.includes(name)) continue;
            const source = entry['types']?.replace('./dist/types', 'plugin').replace('.d.ts', '.ts') ?? '';
            expect(existsSync(join(ROOT, source)), source).toBe(true);
        }
        expect(plugin.sideEffects).toEqual([
            './dist/register.js',
            './dist/analysis-worker.js',
            './plugin/register.ts',
            './plugin/audio/analysis/analysis-worker.ts',
        ]);
    });

    it('depend at run time only on code under permissive licences', () => {
        const permissive = /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause)$/;
        const names = Object.keys({ ...plugin.dependencies, ...trainer.dependencies });
        const others = names.filter((name) => !permissive.test(manifest(join('node_modules', name)).license ?? ''));
        expect(others).toEqual([]);
    });

    it('link the trainer command into the workspace', () => {
        expect(existsSync(join(ROOT, 'tools/trainer-node', trainer.bin?.['pgstalker'] ?? 'missing'))).toBe(true);
    });
});
