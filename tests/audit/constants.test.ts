import { describe, expect, it } from 'vitest';
import { SHARED_CONSTANTS } from '../../plugin/core/index.js';
import { listFiles, readText } from '../helpers/sources.js';

const files = [
    ...listFiles(['plugin'], ['.ts', '.wgsl']),
    ...listFiles(['tools/trainer-node'], ['.ts', '.h', '.cpp', '.cu']),
].filter((file) => file !== 'plugin/core/constants.ts');

/** Every code line that `matches`, as `file:line: text`. Comments may name a number to explain it. */
function linesWhere(matches: (line: string) => boolean): string[] {
    return files.flatMap((file) =>
        readText(file)
            .split('\n')
            .flatMap((line, i) => {
                const code = line.replace(/\/\/.*$/, '').replace(/^\s*\/?\*.*$/, '');
                return matches(code) ? [`${file}:${i + 1}: ${line.trim()}`] : [];
            }),
    );
}

describe('constants', () => {
    it('are declared once: no file gives a shared name a literal of its own', () => {
        const names = Object.keys(SHARED_CONSTANTS).join('|');
        const declares = new RegExp(
            `(?:const|constexpr|let|#define)\\b.*\\b(?:PGS_)?(?:${names})\\b\\s*(?::\\s*\\w+)?\\s*=?\\s*-?[0-9]`,
        );
        expect(linesWhere((line) => declares.test(line))).toEqual([]);
    });

    it('are not written out again: spherical-harmonics factors', () => {
        // Six digits tell a copied factor from a coincidence.
        const digits = Object.entries(SHARED_CONSTANTS)
            .filter(([name]) => name.startsWith('SH_'))
            .map(([, value]) => value.toFixed(9).slice(0, 8).replace('.', '\\.'));
        const factor = new RegExp(digits.join('|'));
        expect(linesWhere((line) => factor.test(line))).toEqual([]);
    });

    it('are not written out again: bounds on alpha and transmittance', () => {
        const alpha = /alpha/i;
        const alphaValue = /\b1(\.0)?f? ?\/ ?255\b|\b0\.0039|\b0\.99\b/;
        const transmittance = /transmittance/i;
        const transmittanceValue = /\b1e-0?4\b|\b0\.0001\b/;
        const repeats = linesWhere(
            (line) =>
                (alpha.test(line) && alphaValue.test(line)) ||
                (transmittance.test(line) && transmittanceValue.test(line)),
        );
        expect(repeats).toEqual([]);
    });
});
