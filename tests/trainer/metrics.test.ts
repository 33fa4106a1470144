import { describe, expect, it } from 'vitest';
import { compositeOver } from '../../tools/trainer-node/src/composite.js';
import { boxRegion, psnr, regionMean, regionOf, ssimMap } from '../../tools/trainer-node/src/metrics.js';
import { randomStream } from '../../tools/trainer-node/src/random.js';
import { measureSync, renderedAperture } from '../../tools/trainer-node/src/sync.js';

const size = { width: 24, height: 20 };
const pixels = size.width * size.height;
const all = regionOf(pixels, () => true);

function noise(seed: number): Float32Array {
    const random = randomStream(seed);
    return Float32Array.from({ length: pixels * 3 }, () => random());
}

/** SSIM of one pixel, straight from its definition: window sums over pixels inside the picture. */
function ssimAt(a: Float32Array, b: Float32Array, x: number, y: number, c: number): number {
    let [w, ma, mb, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
    let norm = 0;
    for (let i = -5; i <= 5; i++) norm += Math.exp((-i * i) / 4.5);
    for (let dy = -5; dy <= 5; dy++) {
        for (let dx = -5; dx <= 5; dx++) {
            if (x + dx < 0 || x + dx >= size.width || y + dy < 0 || y + dy >= size.height) continue;
            w = Math.exp(-(dx * dx + dy * dy) / 4.5) / (norm * norm);
            const p = ((y + dy) * size.width + x + dx) * 3 + c;
            const [u, v] = [a[p] as number, b[p] as number];
            ma += w * u;
            mb += w * v;
            aa += w * u * u;
            bb += w * v * v;
            ab += w * u * v;
        }
    }
    return (
        ((2 * ma * mb + 1e-4) * (2 * (ab - ma * mb) + 9e-4)) /
        ((ma * ma + mb * mb + 1e-4) * (aa - ma * ma + bb - mb * mb + 9e-4))
    );
}

describe('PSNR', () => {
    it('of a uniform error of 0.1 is 20 dB, whatever the region', () => {
        const a = new Float32Array(pixels * 3).fill(0.5);
        const b = a.map((v) => v + 0.1);
        expect(psnr(a, b, all)).toBeCloseTo(20, 4);
        expect(psnr(a, b, boxRegion(size, [3, 3, 9, 9]))).toBeCloseTo(20, 4);
    });
    it('counts only the region', () => {
        const a = new Float32Array(pixels * 3);
        const b = a.slice();
        b[0] = 1;
        expect(psnr(a, b, boxRegion(size, [5, 5, 9, 9]))).toBe(100);
    });
    it('of an empty region is NaN', () =>
        expect(
            psnr(
                noise(1),
                noise(2),
                regionOf(pixels, () => false),
            ),
        ).toBeNaN());
});

describe('SSIM', () => {
    it('of a picture with itself is 1 everywhere', () => {
        const a = noise(3);
        expect(regionMean(ssimMap(a, a, size), all)).toBeCloseTo(1, 5);
    });
    it('agrees with its definition, at the border and inside', () => {
        const [a, b] = [noise(4), noise(5)];
        const map = ssimMap(a, b, size);
        for (const [x, y] of [
            [0, 0],
            [23, 19],
            [11, 9],
            [4, 17],
        ] as const) {
            const expected = [0, 1, 2].reduce((sum, c) => sum + ssimAt(a, b, x, y, c) / 3, 0);
            expect(map[y * size.width + x]).toBeCloseTo(expected, 5);
        }
    });
});

describe('regions', () => {
    it('of a box hold the pixels it touches, clamped to the picture', () => {
        expect(boxRegion(size, [1.5, 2, 3.1, 3]).count).toBe(3);
        expect(boxRegion(size, [-5, -5, 2, 2]).count).toBe(4);
        expect(boxRegion(size, [100, 100, 120, 120]).count).toBe(0);
    });
});

describe('the composite (Eq. 10)', () => {
    it('shows the mouth through what the face leaves, and the background through both', () => {
        const face = new Float32Array([0.3, 0, 0, 0.5]);
        const mouth = new Float32Array([0, 0.8, 0, 0.8]);
        const [r, g, b] = compositeOver({ face, mouth }, [0, 0, 255]);
        expect([r, g, b]).toEqual([expect.closeTo(0.3), expect.closeTo(0.4), expect.closeTo(0.1)]);
        expect(
            renderedAperture(
                { face, mouth },
                regionOf(1, () => true),
            ),
        ).toBeCloseTo(0.4);
    });
});

describe('sync', () => {
    const truth = Array.from({ length: 140 }, (_, i) => Math.sin(i * 0.4) + 0.5 * Math.sin(i * 0.93));
    it.each([-3, -1, 0, 2, 4])('finds a lag of %d frames', (lag) => {
        const rendered = truth.map((_, i) => 3 * (truth[Math.max(0, Math.min(139, i - lag))] as number) + 7);
        expect(measureSync(rendered, truth).lagFrames).toBeCloseTo(lag, 0);
    });
    it('correlates a scaled copy at 1 and a late one at less', () => {
        expect(
            measureSync(
                truth.map((v) => 5 * v + 1),
                truth,
            ).correlation,
        ).toBeCloseTo(1);
        expect(
            measureSync(
                truth.map((_, i) => truth[Math.max(0, i - 3)] as number),
                truth,
            ).correlation,
        ).toBeLessThan(0.6);
    });
    it('of a mouth that does not move is NaN, not zero', () => {
        expect(measureSync(new Array<number>(140).fill(1), truth)).toEqual({
            lagFrames: Number.NaN,
            correlation: Number.NaN,
        });
    });
});
