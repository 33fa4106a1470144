import { describe, expect, it } from 'vitest';
import {
    BRANCH_NAMES,
    decodeHead,
    encodeHead,
    MAX_FILE_BYTES,
    PgsError,
    validateHead,
    type HeadAsset,
} from '../../plugin/core/index.js';
import { makeHead } from '../helpers/make-head.js';

const small = (): HeadAsset => makeHead({ faceCount: 12, mouthCount: 5, seed: 3 });

/** The parts of a .glb, to be spoiled and put together again. */
interface Parts {
    // A document that is about to be spoiled has no type.
    readonly json: Spoilable;
    readonly bin: Uint8Array;
}
type Spoilable = { [key: string]: Spoilable } & Spoilable[] & { toString(): string };

function split(bytes: Uint8Array): Parts {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const length = view.getUint32(12, true);
    return {
        json: JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + length))) as Spoilable,
        bin: bytes.slice(28 + length),
    };
}

function join({ json, bin }: Parts): Uint8Array {
    const text = new TextEncoder().encode(JSON.stringify(json));
    const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
    padded.set(text);
    const out = new Uint8Array(28 + padded.length + bin.length);
    const view = new DataView(out.buffer);
    [0x46546c67, 2, out.length, padded.length, 0x4e4f534a].forEach((word, i) => view.setUint32(i * 4, word, true));
    out.set(padded, 20);
    view.setUint32(20 + padded.length, bin.length, true);
    view.setUint32(24 + padded.length, 0x004e4942, true);
    out.set(bin, 28 + padded.length);
    return out;
}

function codeOf(read: () => unknown): string {
    try {
        read();
    } catch (error) {
        if (error instanceof PgsError) return error.code;
        throw error;
    }
    return 'no error';
}

const bytes = encodeHead(small());
const head = (json: Spoilable): Spoilable => json['extensions']!['PGS_talking_head']!;

describe('a head asset', () => {
    it('comes back as it was, within the stated quantisation', () => {
        const original = small();
        const read = decodeHead(bytes);
        for (const name of BRANCH_NAMES) {
            const [a, b] = [original.branches[name], read.branches[name]];
            expect(b.movingCount).toBe(a.movingCount);
            expect(b.splats.count).toBe(a.splats.count);
            expect(b.splats.means).toEqual(a.splats.means);
            expect(b.splats.sh).toEqual(a.splats.sh);
            expect(b.layers).toEqual(a.layers);
            b.splats.logScales.forEach((s, i) =>
                expect(Math.abs(s - (a.splats.logScales[i] as number))).toBeLessThan(1.3e-4),
            );
            b.splats.logitOpacities.forEach((o, i) =>
                expect(Math.abs(o - Math.max(-8, Math.min(8, a.splats.logitOpacities[i] as number)))).toBeLessThan(
                    6e-4,
                ),
            );
            const coding = b.featureCoding;
            if (coding === undefined) throw new Error('expected a coding');
            b.spatialFeat.forEach((f, i) =>
                expect(Math.abs(f - (a.spatialFeat[i] as number))).toBeLessThanOrEqual(
                    0.51 * (coding.scale[i % 36] as number),
                ),
            );
        }
        expect(read.audio).toEqual(original.audio);
        expect(read.encoderOnnx).toEqual(original.encoderOnnx);
        expect(read.expression).toEqual(original.expression);
        expect(read.view).toEqual(original.view);
        expect(read.consent).toBe(original.consent);
    });

    it.each([8, 16] as const)('written, read and written again has the same bytes, %i-bit features', (featureBits) => {
        const once = encodeHead(small(), { featureBits });
        expect(encodeHead(decodeHead(once))).toEqual(once);
    });

    it('of 30 000 splats of degree 1 is no larger than 4 MB', () => {
        const large = encodeHead(
            makeHead({ faceCount: 26_000, mouthCount: 4000, seed: 1, shDegree: 1, movingShare: 1 }),
        );
        expect(large.length).toBeLessThanOrEqual(4e6);
    });

    it('is valid as written', () => {
        expect(validateHead(bytes)).toEqual([]);
    });
});

const POSITION = (json: Spoilable): Spoilable =>
    json['accessors']![json['meshes']![0]!['primitives']![0]!['attributes']!['POSITION'] as unknown as number]!;
const set = (target: Spoilable, key: string, value: unknown): void => {
    (target as unknown as Record<string, unknown>)[key] = value;
};

/** Every way to spoil a field that has a meaning: name, what is done, the code and where the validator points. */
const spoiled: readonly (readonly [string, (parts: Parts) => void, string, string])[] = [
    ['another version', ({ json }) => set(head(json), 'version', 2), 'ASSET_VERSION', '/version'],
    [
        'no extension',
        ({ json }) => set(json['extensions']!, 'PGS_talking_head', undefined),
        'ASSET_FORMAT',
        '/extensions/PGS_talking_head',
    ],
    [
        'an unknown front end',
        ({ json }) => set(head(json)['audio']!['frontEnd']!, 'kind', 'mfcc'),
        'ASSET_VERSION',
        '/kind',
    ],
    ['another composite', ({ json }) => set(head(json), 'composite', 'none'), 'ASSET_FORMAT', '/composite'],
    ['no branch', ({ json }) => set(head(json)['branches']!, 'mouth', undefined), 'ASSET_FORMAT', '/branches/mouth'],
    [
        'too many moving splats',
        ({ json }) => set(head(json)['branches']!['face']!, 'movingCount', 13),
        'ASSET_FORMAT',
        '/movingCount',
    ],
    [
        'fewer moving splats than features',
        ({ json }) => set(head(json)['branches']!['face']!, 'movingCount', 1),
        'ASSET_SHAPE',
        '/count',
    ],
    [
        'a missing accessor',
        ({ json }) => set(head(json)['branches']!['face']!['features']!, 'accessor', 999),
        'ASSET_FORMAT',
        '/features/accessor',
    ],
    ['a short view', ({ json }) => set(json['bufferViews']![0]!, 'byteLength', 8), 'ASSET_SHAPE', '/accessors/0'],
    [
        'a view past the end',
        ({ json, bin }) => set(json['bufferViews']![0]!, 'byteOffset', bin.length),
        'ASSET_FORMAT',
        '/bufferViews/0',
    ],
    [
        'a negative offset',
        ({ json }) => set(json['bufferViews']![0]!, 'byteOffset', -4),
        'ASSET_FORMAT',
        '/bufferViews/0/byteOffset',
    ],
    ['an absurd count', ({ json }) => set(POSITION(json), 'count', 1e12), 'ASSET_FORMAT', '/count'],
    ['counts that disagree', ({ json }) => set(POSITION(json), 'count', 11), 'ASSET_SHAPE', '/count'],
    [
        'another component type',
        ({ json }) => set(POSITION(json), 'componentType', 5125),
        'ASSET_SHAPE',
        '/componentType',
    ],
    ['another accessor type', ({ json }) => set(POSITION(json), 'type', 'VEC2'), 'ASSET_SHAPE', '/type'],
    ['triangles', ({ json }) => set(json['meshes']![0]!['primitives']![0]!, 'mode', 4), 'ASSET_FORMAT', '/mode'],
    [
        'a layer of another shape',
        ({ json }) => set(head(json)['branches']!['face']!['layers']!['tensors']![0]!, 'shape', [32, 31]),
        'ASSET_SHAPE',
        '/shape',
    ],
    [
        'a layer of another name',
        ({ json }) => set(head(json)['branches']!['face']!['layers']!['tensors']![0]!, 'name', 'conv'),
        'ASSET_SHAPE',
        '/name',
    ],
    [
        'expressions that disagree with the network',
        ({ json }) => set(head(json)['expression']!, 'names', ['AU01']),
        'ASSET_FORMAT',
        '/expression/neutral',
    ],
    [
        'two expressions of one name',
        ({ json }) => set(head(json)['expression']!['names']!, '1', 'AU01'),
        'ASSET_VALUE',
        '/names',
    ],
    [
        'a feature scale that is no number',
        ({ json }) => set(head(json)['branches']!['mouth']!['features']!['scale']!, '3', null),
        'ASSET_VALUE',
        '/scale/3',
    ],
    ['bounds upside down', ({ json }) => set(head(json)['bounds']!, 'min', [9, 9, 9]), 'ASSET_VALUE', '/bounds'],
    ['no frame rate', ({ json }) => set(head(json), 'fps', 0), 'ASSET_VALUE', '/fps'],
    [
        'an encoder larger than its view',
        ({ json }) => set(head(json)['audio']!['encoder']!, 'byteLength', 1e9),
        'ASSET_FORMAT',
        '/encoder/byteLength',
    ],
    [
        'a normalisation of 39 bands',
        ({ json }) => void (head(json)['audio']!['frontEnd']!['normalisation']!['mean'] as unknown as number[]).pop(),
        'ASSET_FORMAT',
        '/mean',
    ],
    [
        'a NaN position',
        ({ bin }) => new DataView(bin.buffer, bin.byteOffset).setFloat32(4, NaN, true),
        'ASSET_VALUE',
        '/accessors/0',
    ],
    [
        'an infinite position',
        ({ bin }) => new DataView(bin.buffer, bin.byteOffset).setFloat32(8, Infinity, true),
        'ASSET_VALUE',
        '/accessors/0',
    ],
];

describe('a spoiled asset', () => {
    it.each(spoiled)('with %s is refused', (_name, spoil, code, pointer) => {
        const parts = split(bytes);
        spoil(parts);
        const file = join(parts);
        expect(codeOf(() => decodeHead(file))).toBe(code);
        const faults = validateHead(file);
        expect(
            faults.some((fault) => fault.pointer.endsWith(pointer)),
            JSON.stringify(faults),
        ).toBe(true);
    });

    it('with several faults has each of them listed', () => {
        const parts = split(bytes);
        set(head(parts.json), 'fps', -1);
        set(head(parts.json)['bounds']!, 'min', [9, 9, 9]);
        set(head(parts.json)['audio']!['frontEnd']!, 'kind', 'mfcc');
        expect(validateHead(join(parts)).map((fault) => fault.pointer.split('/').pop())).toEqual(
            expect.arrayContaining(['fps', 'bounds', 'kind']),
        );
    });

    it('cut short at any length is refused', () => {
        for (let length = 0; length < bytes.length; length += Math.max(1, Math.floor(bytes.length / 97))) {
            expect(codeOf(() => decodeHead(bytes.slice(0, length)))).toBe('ASSET_FORMAT');
        }
    });

    it('larger than the cap is refused before it is read', () => {
        expect(codeOf(() => decodeHead(new Uint8Array(MAX_FILE_BYTES + 1)))).toBe('ASSET_TOO_LARGE');
    });

    it('with random bytes changed never fails in an unplanned way (500 files, seed 5)', () => {
        let state = 5;
        const random = (n: number): number => {
            state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
            return Math.floor((state / 2 ** 32) * n);
        };
        let refused = 0;
        for (let file = 0; file < 500; file++) {
            const spoiledBytes = bytes.slice();
            // Half of the changes hit headers and JSON, where structure is.
            const range =
                file % 2 === 0 ? 28 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true) : bytes.length;
            for (let k = 0; k <= random(4); k++) spoiledBytes[random(range)] = random(256);
            if (codeOf(() => decodeHead(spoiledBytes)) !== 'no error') refused++;
        }
        expect(refused).toBeGreaterThan(100);
    });
});
