import { describe, expect, it } from 'vitest';
import { ALPHA_MAX, ALPHA_MIN, COV2D_DILATION, DEPTH_MIN, RADIUS_SIGMAS } from '../../plugin/core/index.js';
import {
    compositeReference,
    covariance,
    overBackground,
    projectReference,
    rasterizeReference,
    renderReference,
    rotationMatrix,
    shBasis,
    type ProjectedSplats,
} from '../../plugin/core/reference/index.js';
import { expectClose } from '../helpers/assert-close.js';
import { lookAt } from '../helpers/look-at.js';
import { randomSplats } from '../helpers/random-splats.js';
import { frontCamera, obliqueCamera, oneSplat, referenceScenes } from '../helpers/scenes.js';

describe('projectReference', () => {
    it('builds Sigma with the squared sizes as its trace and determinant', () => {
        const splats = randomSplats(5, 11);
        for (let i = 0; i < splats.count; i++) {
            const sigma = covariance(splats, i) as [
                number,
                number,
                number,
                number,
                number,
                number,
                number,
                number,
                number,
            ];
            const [a, b, c] = [0, 1, 2].map((k) => Math.exp(2 * (splats.logScales[i * 3 + k] as number))) as [
                number,
                number,
                number,
            ];
            const [xx, xy, xz, , yy, yz, , , zz] = sigma;
            const determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
            expect((xx + yy + zz) / (a + b + c)).toBeCloseTo(1, 12);
            expect(determinant / (a * b * c)).toBeCloseTo(1, 8);
        }
    });

    it('turns a quarter round z as wxyz quaternions do, whatever their length', () => {
        expectClose(rotationMatrix([3, 0, 0, 3]), [0, -1, 0, 1, 0, 0, 0, 0, 1], { atol: 1e-15 });
    });

    it('shows a round splat on the axis as a round blob of the pinhole size', () => {
        const camera = frontCamera(48);
        const { means2d, conics, radii, depths } = projectReference(oneSplat({ scale: 0.03 }), camera);
        // The set holds ln(size) as float32.
        const size = Math.exp(Math.fround(Math.log(0.03)));
        const variance = ((camera.fx * size) / 0.6) ** 2 + COV2D_DILATION;
        expectClose(means2d, [24, 24], { atol: 1e-12 });
        expectClose(conics, [1 / variance, 0, 1 / variance], { atol: 1e-12 });
        expect(radii[0]).toBe(Math.ceil(RADIUS_SIGMAS * Math.sqrt(variance)));
        expect(depths[0]).toBeCloseTo(0.6, 12);
    });

    it('culls by Eq. 4: at the depth bound, behind the camera, and a radius beyond the picture', () => {
        const camera = frontCamera(48);
        const radiusAt = (mean: readonly [number, number, number]): number =>
            projectReference(oneSplat({ mean, scale: 0.001 }), camera).radii[0] as number;
        expect(radiusAt([0, 0, 0.6 - DEPTH_MIN - 1e-6])).toBeGreaterThan(0);
        expect(radiusAt([0, 0, 0.6 - DEPTH_MIN + 1e-6])).toBe(0);
        expect(radiusAt([0, 0, 0.7])).toBe(0);
        // 2 px of radius: the picture ends 24 px from the axis.
        const offset = (px: number): number => (px * 0.6) / camera.fx;
        expect(radiusAt([offset(24 + 1.9), 0, 0])).toBe(2);
        expect(radiusAt([offset(24 + 2.1), 0, 0])).toBe(0);
        expect(radiusAt([0, offset(24 + 1.9), 0])).toBe(2);
        expect(radiusAt([0, offset(-24 - 2.1), 0])).toBe(0);
    });

    it('has an orthonormal basis of spherical harmonics up to degree 3 (20 000 directions)', () => {
        const count = 20_000;
        const gram = new Float64Array(256);
        for (let n = 0; n < count; n++) {
            const z = 1 - (2 * n + 1) / count;
            const turn = n * Math.PI * (3 - Math.sqrt(5));
            const ring = Math.sqrt(1 - z * z);
            const basis = shBasis(3, [ring * Math.cos(turn), ring * Math.sin(turn), z]);
            basis.forEach((a, i) =>
                basis.forEach(
                    (b, j) => (gram[i * 16 + j] = (gram[i * 16 + j] as number) + (4 * Math.PI * a * b) / count),
                ),
            );
        }
        const identity = gram.map((_, at) => (at % 17 === 0 ? 1 : 0));
        expectClose(gram, identity, { atol: 1e-3 });
    });
});

describe('rasterizeReference', () => {
    it.each(referenceScenes())('conserves light in $name: sum(alpha T) + T = 1', ({ splats, camera }) => {
        const { rgba, transmittance } = renderReference(splats, camera);
        const total = transmittance.map((left, pixel) => left + (rgba[pixel * 4 + 3] as number));
        expectClose(
            total,
            total.map(() => 1),
            { atol: 1e-12 },
        );
    });

    it('draws one splat by the formula, and counts its pixels by Eq. 5', () => {
        const camera = frontCamera(48);
        const splats = oneSplat({ mean: [0.011, -0.007, 0], logitOpacity: 6 });
        const { means2d, conics, opacities, radii } = projectReference(splats, camera);
        const picture = renderReference(splats, camera);
        let counted = 0;
        for (let y = 0; y < 48; y++) {
            for (let x = 0; x < 48; x++) {
                const [dx, dy] = [x + 0.5 - (means2d[0] as number), y + 0.5 - (means2d[1] as number)];
                const [a, b, c] = conics as unknown as [number, number, number];
                const weight = (opacities[0] as number) * Math.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy);
                const alpha = weight < ALPHA_MIN ? 0 : Math.min(weight, ALPHA_MAX);
                expect(picture.rgba[(y * 48 + x) * 4 + 3]).toBeCloseTo(alpha, 12);
                if (alpha > 0 && Math.hypot(dx, dy) < (radii[0] as number)) counted++;
            }
        }
        expect(picture.pixelCounts[0]).toBe(counted);
        // Saturated in the middle: ALPHA_MAX, and the median depth is the splat's.
        const middle = 24 * 48 + 24;
        expect(picture.medianDepth[middle]).toBeCloseTo(0.6, 12);
        expect(picture.depth[middle]).toBeCloseTo(0.6 * (picture.rgba[middle * 4 + 3] as number), 12);
        expect(picture.medianDepth[0]).toBe(0);
    });

    it('gives no pixels to a splat behind a full pixel, and stops before it', () => {
        const camera = frontCamera(8);
        const wall = randomSplats(6, 1, { radius: 0 });
        // So wide that alpha is the opacity, 0.982, in the whole picture.
        wall.logScales.fill(Math.log(50));
        wall.logitOpacities.fill(4);
        for (let i = 0; i < 6; i++) wall.means.set([0, 0, -0.01 * i], i * 3);
        const picture = renderReference(wall, camera);
        // T is 1, 0.018, 3.2e-4; the third would leave 5.8e-6, so neither it nor any behind it is drawn.
        expect(Array.from(picture.pixelCounts)).toEqual([64, 64, 0, 0, 0, 0]);
        const left = (1 / (1 + Math.exp(4))) ** 2;
        picture.transmittance.forEach((t) => expect(t).toBeCloseTo(left, 5));
    });

    it('does not change when splats and camera move together, degree 0, seed 4', () => {
        const splats = randomSplats(60, 4);
        const still = renderReference(splats, obliqueCamera(40, 32));
        const moved = randomSplats(60, 4);
        for (let i = 0; i < 60; i++) {
            // A quarter turn round y, then a shift.
            const [x, y, z] = [0, 1, 2].map((k) => splats.means[i * 3 + k]) as [number, number, number];
            moved.means.set([z + 1, y, -x], i * 3);
            const [w, qx, qy, qz] = [0, 1, 2, 3].map((k) => splats.quats[i * 4 + k]) as [
                number,
                number,
                number,
                number,
            ];
            const h = Math.SQRT1_2;
            moved.quats.set([h * (w - qy), h * (qx + qz), h * (qy + w), h * (qz - qx)], i * 4);
        }
        const { viewmat: _, ...intrinsics } = obliqueCamera(40, 32);
        const camera = lookAt([0.5 + 1, 0.2, -0.3], [0 + 1, -0.02, -0.01], intrinsics);
        const picture = renderReference(moved, camera);
        // Centres are float32: 6e-8 m at 1 m.
        expectClose(picture.rgba, still.rgba, {
            atol: 2e-5,
            except: spread(still.borderPixels),
        });
    });

    it('composites by Eq. 10 as one pass does in which all face splats come first, seeds 6 and 7', () => {
        const camera = frontCamera(32);
        const face = projectReference(randomSplats(40, 6), camera);
        const mouth = projectReference(randomSplats(30, 7), camera);
        for (const set of [face, mouth]) set.opacities.forEach((opacity, i) => (set.opacities[i] = 0.3 * opacity));
        const together = rasterizeReference(behind(face, mouth), camera);
        const [front, back] = [rasterizeReference(face, camera), rasterizeReference(mouth, camera)];
        expect(Math.min(...together.transmittance)).toBeGreaterThan(1e-3);
        expectClose(compositeReference(front.rgba, back.rgba), together.rgba, { atol: 1e-14 });
    });

    it('lays a premultiplied picture over a background', () => {
        expectClose(overBackground([0.2, 0.1, 0, 0.5], [1, 0, 0.5]), [0.7, 0.1, 0.25], { atol: 1e-15 });
    });
});

/** A pixel mask for every channel. */
function spread(mask: Uint8Array): Uint8Array {
    return Uint8Array.from({ length: mask.length * 4 }, (_, at) => mask[Math.floor(at / 4)] as number);
}

/** One set in which the second comes behind all of the first. */
function behind(front: ProjectedSplats, back: ProjectedSplats): ProjectedSplats {
    const join = (a: Float64Array, b: Float64Array): Float64Array => Float64Array.from([...a, ...b]);
    return {
        count: front.count + back.count,
        means2d: join(front.means2d, back.means2d),
        conics: join(front.conics, back.conics),
        depths: join(
            front.depths,
            back.depths.map((depth) => depth + 100),
        ),
        radii: Int32Array.from([...front.radii, ...back.radii]),
        opacities: join(front.opacities, back.opacities),
        colors: join(front.colors, back.colors),
        onCullBorder: new Uint8Array(front.count + back.count),
    };
}
