import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cStruct, GPU_STRUCTS, SHARED_CONSTANTS, wgslStruct } from '../../../plugin/core/index.js';

/**
 * Writes what `plugin/core` declares to the languages that cannot import it: constants and GPU records become a WGSL
 * prelude and a C header. `--check` writes nothing and fails when a committed file differs.
 */

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** A file that is generated: path from the repository root, and text. */
export interface GeneratedFile {
    readonly path: string;
    readonly text: string;
}

/** Constants with these endings count things and become `u32` / C integers; all others are real numbers. */
const COUNT_NAME = /_(SIZE|DIM|LEVELS|BANDS|FRAMES|FRAME|COUNT)$/;

/** All generated files from the current `plugin/core`. Pure. */
export function generateAll(): readonly GeneratedFile[] {
    return [
        { path: 'plugin/compute/generated/prelude.wgsl', text: wgslPrelude() },
        { path: 'tools/trainer-node/native/generated/pgs_constants.h', text: cHeader() },
    ];
}

function wgslPrelude(): string {
    const constants = Object.entries(SHARED_CONSTANTS).map(([name, value]) =>
        isCount(name, value) ? `const ${name}: u32 = ${value}u;` : `const ${name}: f32 = ${realLiteral(value)};`,
    );
    return [
        '// generated - edit plugin/core/constants.ts or plugin/core/structs.ts, then run npm run generate',
        '',
        ...constants,
        ...GPU_STRUCTS.flatMap((struct) => ['', wgslStruct(struct)]),
        '',
    ].join('\n');
}

function cHeader(): string {
    const constants = Object.entries(SHARED_CONSTANTS).map(
        ([name, value]) => `#define PGS_${name} ${isCount(name, value) ? String(value) : realLiteral(value)}`,
    );
    const structs = GPU_STRUCTS.filter((struct) => struct.forC);
    const includes = ['#include <assert.h>', '#include <stddef.h>', '#include <stdint.h>', ''];
    return [
        '/* generated - edit plugin/core/constants.ts or plugin/core/structs.ts, then run npm run generate */',
        '#pragma once',
        '',
        ...(structs.length > 0 ? includes : []),
        ...constants,
        ...structs.flatMap((struct) => ['', cStruct(struct)]),
        '',
    ].join('\n');
}

function isCount(name: string, value: number): boolean {
    if (!Number.isFinite(value)) throw new RangeError(`constant ${name}: expected a finite number, got ${value}.`);
    if (!COUNT_NAME.test(name)) return false;
    if (!Number.isInteger(value) || value < 0) {
        throw new RangeError(
            `constant ${name}: expected a count, got ${value}. Its ending makes it an unsigned integer.`,
        );
    }
    return true;
}

/** Shortest text that reads back as the same float64, never without a point or exponent. */
function realLiteral(value: number): string {
    const text = String(value);
    return /[.e]/.test(text) ? text : `${text}.0`;
}

function main(check: boolean): void {
    const stale: string[] = [];
    for (const { path, text } of generateAll()) {
        const file = resolve(ROOT, path);
        if (readTextOrEmpty(file) === text) continue;
        stale.push(relative(ROOT, file));
        if (check) continue;
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
    }
    if (stale.length > 0) process.stdout.write(`${check ? 'out of date' : 'wrote'}: ${stale.join(', ')}\n`);
    if (check && stale.length > 0) {
        process.stdout.write('Run npm run generate and commit the result.\n');
        process.exitCode = 1;
    }
}

function readTextOrEmpty(file: string): string {
    try {
        return readFileSync(file, 'utf8');
    } catch {
        return '';
    }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.includes('--check'));
