import { describe, expect, it } from 'vitest';
import { PLANE_BOUND, PLANE_LEVELS, SPATIAL_FEAT_DIM } from '../../plugin/core/index.js';
import {
    deltasReference,
    dssimReference,
    encodePlanesReference,
    gradientNormReference,
    l1Reference,
    photometricReference,
    pixelAwareGradientReference,
    plainGradientReference,
    planeLayout,
    ssimReference,
    type SplatView,
} from '../../plugin/core/reference/index.js';
import { accumulateView, createDensityStats, meanGradient } from '../../plugin/densify/index.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { random, randomSplats } from '../helpers/random-splats.js';

describe('the tri-plane encoder', () => {
    const layouts = [
        ['face', planeLayout(16, 38.4)],
        ['mouth', planeLayout(16, 64)],
    ] as const;

    it.each(layouts)('has the %s levels at their ends, each a texel wider than its scale', (name, layout) => {
        const { levels } = layout;
        expect(levels.length).toBe(PLANE_LEVELS);
        expect(levels[0]?.scale).toBe(15);
        expect(levels[PLANE_LEVELS - 1]?.scale).toBeCloseTo((name === 'face' ? 38.4 : 64) - 1, 12);
        expect(layout.planeTexels).toBe(levels.reduce((sum, { stride }) => sum + stride * stride, 0));
        for (const { scale, stride } of levels) expect(stride).toBe(Math.ceil(scale) + 2);
    });

    it('returns the axes of planes xy, yz, xz in this order, and is exact on a linear table', () => {
        const layout = planeLayout(16, 38.4);
        const tables = new Float64Array(3 * layout.planeTexels);
        // A texel holds its position: column + 1000 row.
        for (let plane = 0; plane < 3; plane++) {
            for (const { stride, offset } of layout.levels) {
                for (let at = 0; at < stride * stride; at++) {
                    tables[plane * layout.planeTexels + offset + at] = (at % stride) + 1000 * Math.floor(at / stride);
                }
            }
        }
        const mean = [0.05, -0.12, 0.149];
        const features = encodePlanesReference(layout, tables, mean);
        const axes = [[0, 1], [1, 2], [0, 2]] as const; // prettier-ignore
        const expected = axes.flatMap(([a, b]) =>
            layout.levels.map(({ scale }) => {
                const [pa, pb] = [a, b].map(
                    (axis) => (((mean[axis] as number) + PLANE_BOUND) / (2 * PLANE_BOUND)) * scale + 0.5,
                );
                return (pa as number) + 1000 * (pb as number);
            }),
        );
        expect(features?.length).toBe(SPATIAL_FEAT_DIM);
        expected.forEach((value, k) => expect(features?.[k]).toBeCloseTo(value, 8));
    });

    it('reads inside its table at every corner of the bound and gives nothing outside', () => {
        for (const [, layout] of layouts) {
            const tables = new Float64Array(3 * layout.planeTexels).fill(1);
            for (const x of [-PLANE_BOUND, PLANE_BOUND]) {
                for (const y of [-PLANE_BOUND, PLANE_BOUND]) {
                    const features = encodePlanesReference(layout, tables, [x, y, PLANE_BOUND]);
                    features?.forEach((value) => expect(value).toBeCloseTo(1, 12));
                    expect(features).not.toBeNull();
                }
            }
            expect(encodePlanesReference(layout, tables, [0, 0, PLANE_BOUND + 1e-9])).toBeNull();
        }
    });
});

describe('deltasReference', () => {
    const head = headOf(randomSplats(4, 1), randomSplats(4, 2), { movingShare: 1 });
    const feature = (k: number): number[] =>
        Array.from(head.branches.face.spatialFeat.subarray(k * SPATIAL_FEAT_DIM, (k + 1) * SPATIAL_FEAT_DIM));

    it('predicts ten values for the face and three for the mouth, zero where the output layer is', () => {
        for (const [name, length] of [
            ['face', 10],
            ['mouth', 3],
        ] as const) {
            // prettier-ignore
            const { layers } = head.branches[name];
            const run = (all: Readonly<Record<string, Float32Array>>): number[] =>
                deltasReference(name, all, someAudioFeature(1), [1, 0, 1, 0, 1, 0], feature(0));
            const zero = { 'mlp2.weight': new Float32Array(length * 64), 'mlp2.bias': new Float32Array(length) };
            expect(run(layers).length).toBe(length);
            expect(run({ ...layers, ...zero })).toEqual(Array.from({ length }, () => 0));
        }
    });

    it('shuts the sound out of the mouth where the gate is closed (Eq. 6)', () => {
        const { layers } = head.branches.mouth;
        const shut = { ...layers, 'gate.bias': new Float32Array(32).fill(-1e4) };
        const run = (all: typeof layers, seed: number): number[] =>
            deltasReference('mouth', all, someAudioFeature(seed), [], feature(1));
        expect(run(shut, 1)).toEqual(run(shut, 2));
        expect(run(layers, 1)).not.toEqual(run(layers, 2));
    });

    it('passes the raw sound by the closed gate of the face (Eq. 9)', () => {
        const { layers } = head.branches.face;
        const shut = { ...layers, 'gate.bias': new Float32Array(32).fill(-1e4) };
        const run = (seed: number): number[] =>
            deltasReference('face', shut, someAudioFeature(seed), [0, 0, 0, 0, 0, 0], feature(1));
        expect(run(1)).not.toEqual(run(2));
    });
});

describe('the density criterion', () => {
    const views: readonly SplatView[] = [
        { gradient: [3e-3, 4e-3], pixelCount: 10, width: 512, height: 512 },
        { gradient: [1e-3, 0], pixelCount: 1, width: 512, height: 256 },
        { gradient: [9, 9], pixelCount: 0, width: 512, height: 512 },
    ];

    it('measures gradients in a picture two units wide and high (Eq. 3)', () => {
        expect(views.map(gradientNormReference).slice(0, 2)).toEqual(
            [5e-3 * 256, 1e-3 * 256].map((v) => expect.closeTo(v, 12) as number),
        );
    });

    it('weighs views by pixels (Eq. 2) or once each (Eq. 1), and skips views that do not see the splat', () => {
        expect(pixelAwareGradientReference(views)).toBeCloseTo((10 * 1.28 + 0.256) / 11, 12);
        expect(plainGradientReference(views)).toBeCloseTo((1.28 + 0.256) / 2, 12);
        expect(pixelAwareGradientReference([])).toBe(0);
    });

    it('is what plugin/densify sums', () => {
        const [aware, plain] = [createDensityStats(1), createDensityStats(1)];
        for (const view of views) {
            accumulateView(aware, [view.pixelCount], [gradientNormReference(view)]);
            accumulateView(plain, [view.pixelCount > 0 ? 1 : 0], [gradientNormReference(view)]);
        }
        expect(meanGradient(aware, 0)).toBeCloseTo(pixelAwareGradientReference(views), 6);
        expect(meanGradient(plain, 0)).toBeCloseTo(plainGradientReference(views), 6);
    });
});

describe('the photometric loss', () => {
    const [width, height] = [14, 12];
    const next = random(12);
    const picture = Float64Array.from({ length: width * height * 3 }, next);
    const target = Float64Array.from({ length: width * height * 3 }, next);

    it('is zero between equal pictures and symmetric between others', () => {
        expect(ssimReference(picture, picture, width, height)).toBeCloseTo(1, 12);
        expect(photometricReference(picture, picture, width, height, 0.2)).toBeCloseTo(0, 12);
        expect(ssimReference(picture, target, width, height)).toBeCloseTo(
            ssimReference(target, picture, width, height),
            12,
        );
        expect(ssimReference(picture, target, width, height)).toBeLessThan(0.5);
    });

    it('adds lambda times 1 - SSIM to the mean absolute difference', () => {
        const [l1, dssim] = [l1Reference(picture, target), dssimReference(picture, target, width, height)];
        expect(photometricReference(picture, target, width, height, 0.2)).toBeCloseTo(l1 + 0.2 * dssim, 12);
        expect(l1Reference([0, 1, 0.5], [1, 1, 0])).toBeCloseTo(0.5, 12);
    });

    it('sees zeros outside the picture: one pixel knows only the middle of the window', () => {
        // Window weight of the centre: (1 / sum of exp(-k^2 / 4.5))^2.
        let sum = 0;
        for (let k = -5; k <= 5; k++) sum += Math.exp(-(k * k) / 4.5);
        const w = 1 / sum ** 2;
        const [p, t] = [0.8, 0.4];
        const [mp, mt] = [w * p, w * t];
        const luminance = (2 * mp * mt + 1e-4) / (mp * mp + mt * mt + 1e-4);
        const contrast = (2 * (w * p * t - mp * mt) + 9e-4) / (w * p * p - mp * mp + w * t * t - mt * mt + 9e-4);
        expect(ssimReference([p, p, p], [t, t, t], 1, 1)).toBeCloseTo(luminance * contrast, 12);
    });
});
