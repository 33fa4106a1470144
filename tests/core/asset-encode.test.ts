import { describe, expect, it } from 'vitest';
import { BRANCH_NAMES, decodeHead, encodeHead, PgsError, type HeadAsset } from '../../plugin/core/index.js';
import { expectClose } from '../helpers/assert-close.js';
import { makeHead } from '../helpers/make-head.js';
import { random } from '../helpers/random-splats.js';

const small = (): HeadAsset => makeHead({ faceCount: 12, mouthCount: 5, seed: 3 });

function refusal(asset: HeadAsset): string {
    try {
        encodeHead(asset);
    } catch (error) {
        if (error instanceof PgsError) return `${error.code} ${error.message}`;
        throw error;
    }
    return 'no error';
}

describe('encodeHead', () => {
    it.each([0, 1, 2, 3])(
        'rewrites 18 000 splats without moving a bit, whatever their sizes, degree and seed %i',
        (seed) => {
            const head = makeHead({ faceCount: 15_000, mouthCount: 3000, seed, shDegree: seed });
            const next = random(seed + 99);
            for (const name of BRANCH_NAMES) {
                const { count, logScales, logitOpacities } = head.branches[name].splats;
                for (let k = 0; k < count * 3; k++) logScales[k] = -25 + 30 * next();
                for (let i = 0; i < count; i++) logitOpacities[i] = 30 * (next() - 0.5);
            }
            const once = encodeHead(head);
            const again = encodeHead(decodeHead(once));
            expect(Buffer.compare(once, again)).toBe(0);
        },
    );

    it('rewrites quaternions that are almost but not quite of unit length', () => {
        const head = makeHead({ faceCount: 4000, mouthCount: 5, seed: 8 });
        const { quats, count } = head.branches.face.splats;
        for (let i = 0; i < count; i++) {
            const row = quats.subarray(i * 4, i * 4 + 4);
            const length = Math.hypot(...row) / (1 + 2e-3 * (i / count - 0.5));
            row.forEach((value, k) => (row[k] = value / length));
        }
        const once = encodeHead(head);
        expect(Buffer.compare(once, encodeHead(decodeHead(once)))).toBe(0);
    });

    it('keeps rotations to a ten-thousandth', () => {
        const head = small();
        const { quats, count } = head.branches.face.splats;
        const read = decodeHead(encodeHead(head)).branches.face.splats.quats;
        const unit = Float64Array.from(quats, (value, k) => {
            const at = k - (k % 4);
            return value / Math.hypot(...quats.subarray(at, at + 4));
        });
        expect(read.length).toBe(count * 4);
        // Half a step of a signed short is 1.53e-5.
        expectClose(read, unit, { atol: 1.6e-5 });
    });

    it('rewrites features whose channels hardly vary about a large value', () => {
        const head = small();
        head.branches.face.spatialFeat.forEach((_, k, all) => (all[k] = 1000 + (k % 7) * 1e-4));
        for (const featureBits of [8, 16] as const) {
            const once = encodeHead(head, { featureBits });
            expect(Buffer.compare(once, encodeHead(decodeHead(once)))).toBe(0);
        }
    });

    it('gives a copy of the encoder to who decodes a Node Buffer', () => {
        const bytes = Buffer.from(encodeHead(small()));
        const { encoderOnnx } = decodeHead(bytes);
        expect(Buffer.isBuffer(encoderOnnx)).toBe(false);
        expect(encoderOnnx.buffer).not.toBe(bytes.buffer);
    });

    it('reads a file at any offset of a larger buffer', () => {
        const bytes = encodeHead(small());
        const shifted = new Uint8Array(bytes.length + 3);
        shifted.set(bytes, 3);
        expect(decodeHead(shifted.subarray(3)).branches.face.splats.means).toEqual(small().branches.face.splats.means);
    });

    it('shrinks a splat that has vanished to the smallest size, not to nothing', () => {
        const head = small();
        head.branches.face.splats.logScales[0] = -200;
        expect(decodeHead(encodeHead(head)).branches.face.splats.logScales[0]).toBeCloseTo(-20, 3);
    });
});

/** Heads that contradict themselves: name, head, and what is said. */
const contradictions: readonly (readonly [string, () => HeadAsset, RegExp])[] = [
    [
        'a splat of kilometres',
        () => spoilt((head) => (head.branches.face.splats.logScales[4] = 7)),
        /^ASSET_VALUE face logScales\[4\]: expected at most 5/,
    ],
    [
        'a rotation of no direction',
        () => spoilt((head) => head.branches.mouth.splats.quats.fill(0, 4, 8)),
        /^ASSET_VALUE mouth quats\[1\]/,
    ],
    [
        'a NaN centre',
        () => spoilt((head) => (head.branches.face.splats.means[1] = NaN)),
        /^ASSET_VALUE face branch means\[1\]/,
    ],
    [
        'an infinite feature',
        () => spoilt((head) => (head.branches.face.spatialFeat[9] = Infinity)),
        /^ASSET_VALUE face spatialFeat\[9\]/,
    ],
    [
        'a NaN weight',
        () => spoilt((head) => ((head.branches.face.layers['mlp1.bias'] as Float32Array)[0] = NaN)),
        /^ASSET_VALUE face mlp1.bias\[0\]/,
    ],
    ['more moving splats than features', () => withFace({ movingCount: 12 }), /^ASSET_SHAPE face spatialFeat/],
    ['more moving splats than splats', () => withFace({ movingCount: 13 }), /^ASSET_SHAPE face movingCount/],
    ['a missing layer', () => withFace({ layers: {} }), /^ASSET_SHAPE face layers: expected "projAudio.weight"/],
    [
        'a coding without steps',
        () => withFace({ featureCoding: { bits: 8, scale: filled(0), offset: filled(0) } }),
        /^ASSET_VALUE face featureCoding/,
    ],
    [
        'a coding of 35 channels',
        () => withFace({ featureCoding: { bits: 8, scale: filled(1).slice(1), offset: filled(0) } }),
        /^ASSET_SHAPE face featureCoding/,
    ],
    ['no encoder', () => ({ ...small(), encoderOnnx: new Uint8Array(0) }), /encoder\/byteLength/],
    ['NaN bounds', () => ({ ...small(), bounds: { min: [NaN, 0, 0], max: [1, 1, 1] } }), /\/bounds\/min\/0/],
    ['no frame rate', () => ({ ...small(), fps: NaN }), /\/fps/],
    [
        'fewer neutral values than names',
        () => ({ ...small(), expression: { ...small().expression, neutral: [0] } }),
        /\/expression\/neutral/,
    ],
    [
        'a range upside down',
        () => ({ ...small(), expression: { names: ['AU01'], neutral: [0], ranges: [[1, 0]] } }),
        /ASSET_/,
    ],
    [
        'a lens of 180 degrees',
        () => ({ ...small(), view: { ...small().view, verticalFovDegrees: 180 } }),
        /\/view\/verticalFovDegrees/,
    ],
    ['a camera inside the head', () => ({ ...small(), view: { ...small().view, distance: 0 } }), /\/view\/distance/],
];

function spoilt(spoil: (head: HeadAsset) => unknown): HeadAsset {
    const head = small();
    spoil(head);
    return head;
}

function withFace(change: Partial<HeadAsset['branches']['face']>): HeadAsset {
    const head = small();
    return { ...head, branches: { ...head.branches, face: { ...head.branches.face, ...change } } };
}

function filled(value: number): number[] {
    return Array.from({ length: 36 }, () => value);
}

describe('a head that no reader would take', () => {
    it.each(contradictions)('with %s is not written', (_name, head, message) => {
        expect(refusal(head())).toMatch(message);
    });
});
