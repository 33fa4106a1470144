import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BRANCH_NAMES, type BranchName, type HeadAsset } from '../../plugin/core/index.js';
import { deformBranchReference } from '../../plugin/core/reference/index.js';
import { type FeaturePrecision } from '../../plugin/deformer/index.js';
import { expectClose, relativeRms } from '../helpers/assert-close.js';
import { tryGpu, withValidation, type GpuAttempt } from '../helpers/gpu.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { randomSplats } from '../helpers/random-splats.js';
import { EXPRESSION, openDeformerAsync, type Posed } from './open-deformer.js';

let gpu: GpuAttempt = { reason: 'not started' };
beforeAll(async () => {
    gpu = await tryGpu();
});
afterAll(() => {
    if ('device' in gpu) gpu.device.destroy();
});

/** Measured 5e-7 with f32 features and 1.9e-4 with f16; the bar for f32 is 1e-4. */
const TOLERANCE: Readonly<Record<FeaturePrecision, number>> = { f32: 1e-5, f16: 4e-4 };

function head(faceCount: number, mouthCount: number, strength = 0.5): HeadAsset {
    return headOf(randomSplats(faceCount, 21), randomSplats(mouthCount, 22, { radius: 0.03 }), { strength });
}

/** Poses a head on the GPU; `seed` null leaves it at rest. */
async function poseOnGpu(
    asset: HeadAsset,
    seed: number | null,
    precision: FeaturePrecision = 'f32',
): Promise<Record<BranchName, Posed>> {
    if (!('device' in gpu)) throw new Error(gpu.reason);
    const { device } = gpu;
    return withValidation(device, async () => {
        const { deformer, arena, instant, submit, readAsync } = await openDeformerAsync(device, asset, precision);
        if (seed !== null) {
            deformer.setInstant(instant(seed));
            expect(submit()).toBe(BRANCH_NAMES.filter((name) => asset.branches[name].movingCount > 0).length);
        }
        const posed = await readAsync();
        arena.dispose();
        return posed;
    });
}

/** Moved minus rest, so that an error is measured against the motion and not against the head's size. */
function offsets(posed: ArrayLike<number>, rest: ArrayLike<number>): Float64Array {
    return Float64Array.from(posed, (value, k) => value - (rest[k] as number));
}

describe('GPU deformation', () => {
    it.for(['f32', 'f16'] as const)(
        'agrees with Eqs. 6-9 in float64, 30,000 splats, %s features (seed 21)',
        async (precision, { skip }) => {
            if (!('device' in gpu)) return skip(gpu.reason);
            const asset = head(24_001, 5_999);
            const audioFeat = someAudioFeature(5);
            const posed = await poseOnGpu(asset, 5, precision);
            for (const name of BRANCH_NAMES) {
                const branch = asset.branches[name];
                const expected = deformBranchReference(name, branch, audioFeat, EXPRESSION);
                const rest = branch.splats.means;
                const error = relativeRms(offsets(posed[name].means, rest), offsets(expected.means, rest));
                // Means sit a decimetre from the origin, so float32 itself loses 6e-9 m of a millimetre's motion.
                expect(error, `${name} means`).toBeLessThan(TOLERANCE[precision]);
                expect(relativeRms(posed[name].logScales, expected.logScales), `${name} sizes`).toBeLessThan(
                    TOLERANCE[precision],
                );
                expect(
                    relativeRms(posed[name].quats, expected.quats.map(unitRows(expected.quats))),
                    `${name} rotations`,
                ).toBeLessThan(TOLERANCE[precision]);
            }
        },
    );

    it('leaves splats that do not move, and opacities, as they are', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const asset = head(7, 5);
        const [rest, posed] = [await poseOnGpu(asset, null), await poseOnGpu(asset, 1)];
        for (const name of BRANCH_NAMES) {
            const { movingCount } = asset.branches[name];
            expect(posed[name].means.subarray(movingCount * 3)).toEqual(rest[name].means.subarray(movingCount * 3));
            expect(posed[name].means.subarray(0, 3)).not.toEqual(rest[name].means.subarray(0, 3));
            expect(posed[name].opacities).toEqual(rest[name].opacities);
        }
    });

    it('is the identity for networks of zeros', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const asset = head(7, 5, 0);
        const [rest, posed] = [await poseOnGpu(asset, null), await poseOnGpu(asset, 1)];
        for (const name of BRANCH_NAMES) {
            expect(posed[name].means).toEqual(rest[name].means);
            expectClose(posed[name].quats, rest[name].quats, { atol: 1e-6 });
            expectClose(posed[name].logScales, rest[name].logScales, { atol: 1e-6 });
        }
    });

    it('poses a head with an empty branch', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const posed = await poseOnGpu(head(1, 0), 2);
        expect(posed.face.means.every(Number.isFinite)).toBe(true);
    });
});

/** Scales a quaternion's components to a unit row; the reference keeps still splats at the length they came with. */
function unitRows(quats: Float64Array): (value: number, k: number) => number {
    return (value, k) => {
        const first = k - (k % 4);
        return value / Math.hypot(...quats.subarray(first, first + 4));
    };
}
