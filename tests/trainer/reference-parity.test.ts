import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIO_FEAT_DIM, BRANCH_NAMES, MEL_BANDS, SPATIAL_FEAT_DIM, type BranchName } from '../../plugin/core/index.js';
import {
    deformReference,
    encodePlanesReference,
    planeLayout,
    renderReference,
    row,
    type RasterPicture,
    type SplatArrays,
} from '../../plugin/core/reference/index.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { expectClose } from '../helpers/assert-close.js';
import { bell, random } from '../helpers/random-splats.js';
import { obliqueCamera, referenceScenes } from '../helpers/scenes.js';

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu_f64.so')));

/** Worst case seen x 1.5. Both engines return float32: 3.0e-8 is its rounding below 1. */
const PICTURE_TOLERANCE = { f64: 4.5e-8, f32: 1.7e-6 } as const;
const LAYERS = ['projSpatial', 'projAudio', 'projExpr', 'gate', 'mlp0', 'mlp1', 'mlp2'] as const;
/** Whole numbers: `pgs_nets_init` takes no others. */
const FINEST = { face: 38, mouth: 64 } as const;
/** Spread of the centres, metres: some of the face's lie outside the planes, none of the mouth's. */
const SPREAD = { face: 0.08, mouth: 0.03 } as const;
const COUNTS = { face: 40, mouth: 14 } as const;
const EXPRESSION = [0.3, 0.7, 0.1];
/**
 * Whole tiles. In a picture whose sides are not multiples of TILE_SIZE the engine also counts pixels of the padding, which
 * Eq. 5 does not; take 40 x 30 here when it no longer does.
 */
const CAMERA = obliqueCamera(48, 32);

/** A pixel mask for every channel. */
function everyChannel(mask: Uint8Array): Uint8Array {
    return Uint8Array.from({ length: mask.length * 4 }, (_, at) => mask[Math.floor(at / 4)] as number);
}

/** A whole model of random numbers, seed 21; some splats lie outside the planes. */
function openModel(): Engine {
    const normal = bell(random(21));
    const engine = Engine.open({ precision: 'f64', threads: 1, seed: 7 });
    const { viewmat, width, height, ...lens } = CAMERA;
    engine.dataBegin(1, { ...lens, width, height }, EXPRESSION.length);
    engine.dataFrame(0, {
        rgb: new Uint8Array(width * height * 3).fill(90),
        labels: new Uint8Array(width * height).fill(1),
        viewmat: Float64Array.from(viewmat),
        expression: Float64Array.from(EXPRESSION),
        lips: Float64Array.of(10, 10, 30, 20),
    });
    const mel = Float32Array.from({ length: 32 * MEL_BANDS }, normal);
    engine.dataAudio(1, 32, mel, Float32Array.from({ length: MEL_BANDS }, normal));
    engine.encoderInit();
    const fill = (name: string, value: (k: number) => number): void =>
        engine.tensorSet(
            name,
            Float64Array.from({ length: engine.tensorSize(name) }, (_, k) => value(k)),
        );
    for (const branch of BRANCH_NAMES) {
        engine.splatsResize(branch, COUNTS[branch], 2);
        engine.netsInit(branch, 16, FINEST[branch]);
        fill(`${branch}.means`, () => SPREAD[branch] * normal());
        // Unit length, as after every optimiser step.
        const turn = [0.5, -0.5, 0.1, 0.7];
        fill(`${branch}.quats`, (k) => (turn[k % 4] as number) * (Math.floor(k / 4) % 2 === 0 ? 1 : -1));
        fill(`${branch}.logScales`, () => Math.log(0.012) + 0.4 * normal());
        fill(`${branch}.logitOpacities`, normal);
        fill(`${branch}.sh`, () => 0.4 * normal());
        fill(`${branch}.planes`, () => 0.3 * normal());
        fill(`${branch}.mlp2.weight`, () => 0.2 * normal());
        fill(`${branch}.mlp2.bias`, () => 0.2 * normal());
    }
    engine.set('sh.degree', 2);
    return engine;
}

function splatsOf(engine: Engine, branch: BranchName): SplatArrays {
    const get = (field: string): ArrayLike<number> => engine.tensorGet(`${branch}.${field}`);
    return {
        count: COUNTS[branch],
        shDegree: 2,
        means: get('means'),
        quats: get('quats'),
        logScales: get('logScales'),
        logitOpacities: get('logitOpacities'),
        sh: get('sh'),
    };
}

/** f_s by the reference, from the engine's tables. */
function spatialFeatures(engine: Engine, branch: BranchName): (Float64Array | null)[] {
    const layout = planeLayout(16, FINEST[branch]);
    const tables = engine.tensorGet(`${branch}.planes`);
    const { means } = splatsOf(engine, branch);
    return Array.from({ length: COUNTS[branch] }, (_, i) => encodePlanesReference(layout, tables, row(means, i, 3)));
}

/** A branch of frame 0 by the reference alone, from the engine's parameters and f_a. */
function renderBranch(engine: Engine, branch: BranchName): RasterPicture {
    const names = new Set(engine.tensorNames());
    const layers: Record<string, ArrayLike<number>> = {};
    for (const layer of LAYERS) {
        for (const part of ['weight', 'bias']) {
            const name = `${layer}.${part}`;
            if (names.has(`${branch}.${name}`)) layers[name] = engine.tensorGet(`${branch}.${name}`);
        }
    }
    const features = spatialFeatures(engine, branch);
    const audioFeat = engine.encodeAudio(0, 1);
    expect(audioFeat.length).toBe(AUDIO_FEAT_DIM);
    const featureOf = (i: number): Float64Array | null => features[i] ?? null;
    const posed = deformReference(branch, splatsOf(engine, branch), layers, featureOf, audioFeat, EXPRESSION);
    return renderReference(posed, CAMERA);
}

describe.skipIf(!hasEngine)('the native engine and the float64 reference (needs `npm run build:native`)', () => {
    let model: Engine;
    beforeAll(() => {
        model = openModel();
    });
    afterAll(() => {
        model.dispose();
    });

    it.each(['f64', 'f32'] as const)('draw the same picture, %s', async (precision) => {
        const engine = Engine.open({ precision, threads: 1, seed: 1 });
        try {
            for (const { splats, camera } of referenceScenes()) {
                const expected = renderReference(splats, camera);
                const rgba = await engine.renderSplats(splats, camera);
                const except = everyChannel(expected.borderPixels);
                expectClose(rgba, expected.rgba, { atol: PICTURE_TOLERANCE[precision], except });
                const border = expected.borderPixels.reduce((sum, mark) => sum + mark, 0);
                expect(border / expected.borderPixels.length).toBeLessThan(0.01);
            }
        } finally {
            engine.dispose();
        }
    });

    it.each(BRANCH_NAMES)('encode the same f_s for the %s, and agree on which splats move', (branch) => {
        const { features, inside } = model.spatialFeatures(branch);
        const expected = spatialFeatures(model, branch);
        expect(Array.from(inside)).toEqual(expected.map((feature) => (feature === null ? 0 : 1)));
        expect(inside.every((is) => is === 1)).toBe(branch === 'mouth');
        expected.forEach((feature, i) => {
            if (feature === null) return;
            const actual = features.subarray(i * SPATIAL_FEAT_DIM, (i + 1) * SPATIAL_FEAT_DIM);
            // Values below 2 in float32.
            expectClose(actual, feature, { atol: 1e-7 });
        });
    });

    it('pose and draw the same talking frame: f_s, gates, networks, deltas, picture', async () => {
        const pixels = await model.renderFrame(0, true);
        const still = await model.renderFrame(0, false);
        for (const branch of BRANCH_NAMES) {
            const expected = renderBranch(model, branch);
            const except = everyChannel(expected.borderPixels);
            // f_a reaches the reference rounded to float32.
            expectClose(pixels[branch], expected.rgba, { atol: 1e-6, except });
            const moved = pixels[branch].some((value, k) => Math.abs(value - (still[branch][k] as number)) > 0.01);
            expect(moved).toBe(true);
        }
    });

    it.each(BRANCH_NAMES)('count the same pixels a splat of the %s (Eqs. 4-5)', async (branch) => {
        model.statsReset(branch);
        await model.lossGrad('deform', [branch], 0, true);
        const counts = model.tensorGet(`${branch}.weightAccum`);
        const { pixelCounts, borderSplats } = renderBranch(model, branch);
        expectClose(counts, pixelCounts, { except: borderSplats });
        expect(pixelCounts.some((count) => count > 0)).toBe(true);
    });
});
