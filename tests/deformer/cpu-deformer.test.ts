import { describe, expect, it } from 'vitest';
import { BRANCH_NAMES, PgsError, type HeadAsset } from '../../plugin/core/index.js';
import { deformBranchReference } from '../../plugin/core/reference/index.js';
import { CpuDeformer } from '../../plugin/deformer/index.js';
import { expectClose } from '../helpers/assert-close.js';
import { someAudioFeature } from '../helpers/head-of.js';
import { makeHead } from '../helpers/make-head.js';

const EXPRESSION = [0.1, 0.9, 0.3, 0.5, 0, 1];
/** Half a unit in the last place of a float32 at the largest value seen; the sums before it are float64. */
const TOLERANCE = {
    means: { atol: 1.5 * 5.7e-9 }, // metres, offsets up to 7.6 cm
    logScales: { atol: 1.5 * 5.3e-7 }, // offsets up to 8.7
    quats: { atol: 1.5 * 5.8e-8 },
};

const strong = (): HeadAsset => makeHead({ faceCount: 600, mouthCount: 300, seed: 5, strength: 1.5 });

describe('CpuDeformer', () => {
    it('poses as Eqs. 6-9 do when nothing is baked or hoisted, seed 5', () => {
        const head = strong();
        const deformer = new CpuDeformer(head);
        // A pose before shows that none is left over.
        deformer.deform(someAudioFeature(9), [0, 0, 0, 0, 0, 0]);
        const posed = deformer.deform(someAudioFeature(4), EXPRESSION);
        for (const name of BRANCH_NAMES) {
            const expected = deformBranchReference(name, head.branches[name], someAudioFeature(4), EXPRESSION);
            for (const field of ['means', 'logScales', 'quats'] as const) {
                expectClose(posed[name][field], expected[field], TOLERANCE[field]);
            }
        }
    });

    it('leaves every splat where it is while output layers are zero', () => {
        const head = strong();
        for (const name of BRANCH_NAMES) {
            const { layers, splats } = head.branches[name];
            layers['mlp2.weight']?.fill(0);
            layers['mlp2.bias']?.fill(0);
            // Unit quaternions that normalising again does not move.
            for (let i = 0; i < splats.count; i++) splats.quats.set([0, 0.6, 0, 0.8], i * 4);
        }
        const posed = new CpuDeformer(head).deform(someAudioFeature(4), EXPRESSION);
        for (const name of BRANCH_NAMES) {
            expect(posed[name].means).toEqual(head.branches[name].splats.means);
            expect(posed[name].logScales).toEqual(head.branches[name].splats.logScales);
            expectClose(posed[name].quats, head.branches[name].splats.quats, { atol: 6e-8 });
        }
    });

    it('moves neither the splats past movingCount nor the asset, and keeps its arrays from call to call', () => {
        const head = strong();
        const untouched = strong();
        const deformer = new CpuDeformer(head);
        const first = deformer.deform(someAudioFeature(1), EXPRESSION).face;
        const means = first.means.slice();
        const second = deformer.deform(someAudioFeature(2), EXPRESSION).face;
        expect(second.means).toBe(first.means);
        expect(second.means).not.toEqual(means);
        expect(deformer.deform(someAudioFeature(1), EXPRESSION).face.means).toEqual(means);
        expect(head.branches).toEqual(untouched.branches);
        const still = head.branches.face.movingCount;
        expect(still).toBeLessThan(head.branches.face.splats.count);
        expect(first.means.slice(still * 3)).toEqual(untouched.branches.face.splats.means.slice(still * 3));
        expect(first.sh).toBe(head.branches.face.splats.sh);
    });

    it('moves only the centres of the mouth, which hears nothing of the expression', () => {
        const head = strong();
        const deformer = new CpuDeformer(head);
        const { means, logScales, quats } = deformer.deform(someAudioFeature(1), EXPRESSION).mouth;
        const before = means.slice();
        expect(logScales).toEqual(head.branches.mouth.splats.logScales);
        expect(quats).toEqual(head.branches.mouth.splats.quats);
        deformer.deform(someAudioFeature(1), [1, 0, 1, 0, 1, 0]);
        expect(means).toEqual(before);
    });

    it('refuses features of another length, and a head whose layers have another shape', () => {
        const deformer = new CpuDeformer(strong());
        expect(() => deformer.deform(someAudioFeature(1), [0, 0])).toThrow(
            /exprFeat: expected 1 x 6 = 6 values, got 2/,
        );
        expect(() => deformer.deform(new Float32Array(31), EXPRESSION)).toThrow(/audioFeat: expected 1 x 32/);
        const head = strong();
        const { face } = head.branches;
        const layers = { ...face.layers, 'mlp1.weight': new Float32Array(64) };
        const broken = { ...head, branches: { ...head.branches, face: { ...face, layers } } };
        expect(() => new CpuDeformer(broken)).toThrow(PgsError);
        expect(() => new CpuDeformer(broken)).toThrow(/face layer "mlp1.weight": expected 4096 values, got 64/);
    });
});
