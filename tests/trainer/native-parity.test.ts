import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SplatSet } from '../../plugin/core/index.js';
import { overBackground, photometricReference, renderReference } from '../../plugin/core/reference/index.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { nativeFolders } from '../../tools/trainer-node/src/native/locate.js';
import { expectClose } from '../helpers/assert-close.js';
import { random, randomSplats } from '../helpers/random-splats.js';
import { obliqueCamera, referenceScenes } from '../helpers/scenes.js';

/*
 * What the engine reports beside the picture: depths, radii, pixel counts and the value of the static loss. The picture itself,
 * f_s and the deformation are in reference-parity.test.ts.
 */

const hasEngine = nativeFolders().some((folder) => existsSync(join(folder, 'libpgs_cpu_f64.so')));

/** Metres. Worst case seen x 1.5: 3.0e-8, the rounding of a float32 output below 1, and 8.8e-7. */
const DEPTH_TOLERANCE = { f64: 4.5e-8, f32: 1.4e-6 } as const;
/** Relative. Seen 2.4e-15, as the f64 loss never passes through float32, and 2.6e-8; room for other compilers. */
const LOSS_TOLERANCE = { f64: 1e-13, f32: 1e-6 } as const;

describe.skipIf(!hasEngine).for(['f64', 'f32'] as const)(
    'the native engine, %s (needs `npm run build:native`)',
    (precision) => {
        it('reports radii, pixel counts and depths as the float64 reference does', async () => {
            const engine = Engine.open({ precision, threads: 1, seed: 1 });
            try {
                for (const { splats, camera } of referenceScenes()) {
                    const expected = renderReference(splats, camera);
                    const actual = await engine.measureSplats(splats, camera);
                    const { borderSplats, borderPixels } = expected;
                    expectClose(actual.radii, expected.radii, { except: borderSplats });
                    expectClose(actual.pixelCounts, expected.pixelCounts, { except: borderSplats });
                    const tolerance = { atol: DEPTH_TOLERANCE[precision], except: borderPixels };
                    expectClose(actual.depth, expected.depth, tolerance);
                    expectClose(actual.medianDepth, expected.medianDepth, tolerance);
                    expect(actual.rgba).toEqual(await engine.renderSplats(splats, camera));
                    expect(actual.pixelCounts.some((count) => count > 0)).toBe(true);
                    const sure = borderSplats.reduce((left, mark) => left - mark, splats.count);
                    expect(sure / splats.count).toBeGreaterThan(0.8);
                }
            } finally {
                engine.dispose();
            }
        });

        it('values a static frame as L1 + 0.2 D-SSIM (Eq. 11), seeds 5 and 6', async () => {
            const engine = Engine.open({ precision, threads: 1, seed: 1 });
            try {
                // Neither side a multiple of the tile or of the SSIM window.
                const { viewmat, ...lens } = obliqueCamera(44, 37);
                const next = random(6);
                const rgb = Uint8Array.from({ length: lens.width * lens.height * 3 }, () => Math.floor(256 * next()));
                engine.dataBegin(1, lens, 0);
                engine.dataFrame(0, {
                    rgb,
                    labels: new Uint8Array(lens.width * lens.height).fill(1),
                    viewmat: Float64Array.from(viewmat),
                    expression: new Float64Array(0),
                    lips: Float64Array.of(10, 10, 20, 20),
                });
                const splats = randomSplats(120, 5, { shDegree: 2 });
                putSplats(engine, splats);
                engine.set('sh.degree', 2);
                engine.set('weight.alpha', 0);
                engine.set('background.g', 0.25);
                const { rgba } = renderReference(splats, { viewmat, ...lens });
                const target = Float64Array.from(rgb, (value) => value / 255);
                const picture = overBackground(rgba, [0.5, 0.25, 0.5]);
                const expected = photometricReference(picture, target, lens.width, lens.height, 0.2);
                const actual = await engine.lossGrad('static', ['face'], 0, false);
                expectClose([actual], [expected], { rtol: LOSS_TOLERANCE[precision] });
            } finally {
                engine.dispose();
            }
        });
    },
);

function putSplats(engine: Engine, splats: SplatSet): void {
    engine.splatsResize('face', splats.count, splats.shDegree);
    for (const field of ['means', 'quats', 'logScales', 'logitOpacities', 'sh'] as const) {
        engine.tensorSet(`face.${field}`, splats[field]);
    }
}
