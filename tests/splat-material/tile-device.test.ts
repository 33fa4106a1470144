import type { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { DefaultRenderingPipeline } from '@babylonjs/core/PostProcesses/RenderPipeline/Pipelines/defaultRenderingPipeline.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Camera as Pinhole, HeadAsset } from '../../plugin/core/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { lookAt } from '../helpers/look-at.js';
import { pixelAt, untilReadyAsync } from '../helpers/stage.js';
import {
    agreement,
    bothPictures,
    colouredBust,
    COMPILE_MS,
    differences,
    greenBox,
    keepPipelinesAsync,
    redBall,
    settledPicture,
    tileStageAsync,
    type TileStage,
} from '../helpers/tile-stage.js';

const [WIDTH, HEIGHT] = [64, 48] as const;
/** Before the face, 0.6 m away; the middle of the picture looks at the origin. */
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], { fx: 80, fy: 80, cx: 32, cy: 24, width: WIDTH, height: HEIGHT });

let attempt: NodeEngineAttempt = { reason: 'not started' };
let stage: TileStage | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(WIDTH, HEIGHT, { antialias: true });
    if ('host' in attempt) await keepPipelinesAsync(attempt.host, FRONT);
}, COMPILE_MS);
afterEach(() => {
    stage?.scene.dispose();
    stage = undefined;
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

async function staged(skip: (reason: string) => never, asset: HeadAsset): Promise<TileStage> {
    if (!('host' in attempt)) return skip(attempt.reason);
    stage = await tileStageAsync(attempt.host, asset, FRONT);
    return stage;
}

const middle = (picture: Uint8Array): number[] => pixelAt(picture, WIDTH, 32, 24);

describe.each(['the canvas', 'a pipeline'] as const)('four samples a pixel in %s', (where) => {
    function sampled(made: TileStage): void {
        if (where === 'the canvas' || !made.scene.activeCamera) return;
        const pipeline = new DefaultRenderingPipeline('samples', false, made.scene, [made.scene.activeCamera]);
        pipeline.samples = 4;
    }

    it('show the head as quads do, cut by a box that stands in it', async ({ skip }) => {
        const made = await staged(skip, colouredBust());
        sampled(made);
        const alone = await bothPictures(made);
        expect(agreement(alone.tiles, alone.quads)).toBeGreaterThan(40);
        greenBox(made.scene, 0.1, [0.05, 0, 0]);
        const cut = await bothPictures(made);
        // One depth a pixel: along the box's edges tiles are cut as a whole, quads a sample.
        expect(agreement(cut.tiles, cut.quads)).toBeGreaterThan(25);
    });

    it('hide the head behind a box, and a late box behind the head', async ({ skip }) => {
        const made = await staged(skip, redBall());
        sampled(made);
        const late = greenBox(made.scene, 0.05, [0, 0, -0.3], 0.999);
        made.head.alphaIndex = 1;
        late.alphaIndex = 2;
        expect(middle(await settledPicture(made))[1]).toBeLessThan(40);
        greenBox(made.scene, 0.1, [0, 0, 0.15]);
        expect(middle(await settledPicture(made))).toEqual([0, 255, 0]);
    });
});

describe('a device that is lost', () => {
    /** Renders while the device is gone, as a page does that calls render itself; nothing may throw. */
    function renderBlindly({ host: { engine }, scene }: TileStage): void {
        engine.beginFrame();
        scene.render();
        engine.endFrame();
    }

    it.for(['between frames', 'in the middle of a frame'] as const)(
        'comes back with the picture it had: %s',
        { timeout: COMPILE_MS },
        async (when, { skip }) => {
            const made = await staged(skip, colouredBust());
            const { host, scene, head } = made;
            greenBox(scene, 0.06, [0.06, 0, 0.1]);
            const before = await settledPicture(made);
            const lost = host.device;
            const restored = new Promise<void>((resolve) => {
                host.engine.onContextRestoredObservable.addOnce(() => resolve());
            });
            if (when === 'between frames') lost.destroy();
            else {
                // After the head's depth pass, before the head.
                const map = scene.activeCamera?.customRenderTargets[0] as RenderTargetTexture;
                map.onAfterUnbindObservable.addOnce(() => lost.destroy());
            }
            head.visibility = 0.999;
            expect(() => renderBlindly(made)).not.toThrow();
            expect(() => renderBlindly(made)).not.toThrow();
            await restored;
            expect(host.device).not.toBe(lost);
            head.visibility = 1;
            await head.whenPoseableAsync();
            await untilReadyAsync(head);
            const after = await settledPicture(made);
            expect(head.rendererInfo.rasterizer).toBe('tile');
            expect(differences(after, before)).toBe(0);
        },
    );
});
