import { Viewport } from '@babylonjs/core/Maths/math.viewport.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Camera as Pinhole, HeadAsset } from '../../plugin/core/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { pixelAt } from '../helpers/stage.js';
import {
    agreement,
    bothPictures,
    colouredBust,
    differences,
    COMPILE_MS,
    greenBox,
    keepPipelinesAsync,
    redBall,
    settledPicture,
    tileStageAsync,
    watchBuffers,
    watchDispatches,
    type TileStage,
} from '../helpers/tile-stage.js';

const [WIDTH, HEIGHT] = [64, 48] as const;
/** Before the face, 0.6 m away; the middle of the picture looks at the origin. */
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], { fx: 80, fy: 80, cx: 32, cy: 24, width: WIDTH, height: HEIGHT });
const NEUTRAL = [0, 0, 0, 0, 0, 0];
/** Tiles against quads on an 8-bit target, dB: quads round once a splat. */
const LIKE_QUADS = 40;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let stage: TileStage | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(WIDTH, HEIGHT);
    if ('host' in attempt) await keepPipelinesAsync(attempt.host, FRONT);
}, COMPILE_MS);
afterEach(() => {
    stage?.scene.dispose();
    stage = undefined;
    if ('host' in attempt) {
        attempt.host.engine.setHardwareScalingLevel(1);
        attempt.host.engine.setSize(WIDTH, HEIGHT);
    }
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

async function staged(skip: (reason: string) => never, asset: HeadAsset): Promise<TileStage> {
    if (!('host' in attempt)) return skip(attempt.reason);
    stage = await tileStageAsync(attempt.host, asset, FRONT);
    stage.head.poseAt(someAudioFeature(3), NEUTRAL);
    return stage;
}

describe('frames in which nothing of the head moves', () => {
    it('blend only, against the scene that moves', async ({ skip }) => {
        const { host, scene, head } = await staged(skip, colouredBust());
        const box = greenBox(scene, 0.05, [0, 0, -0.4]);
        const first = await settledPicture({ host, scene });
        const watch = watchDispatches();
        await host.renderAsync(scene);
        expect(watch.count()).toBe(1);
        expect(differences(await host.readPixelsAsync(), first)).toBe(0);
        box.position.z = 0.2;
        await host.renderAsync(scene);
        expect(watch.count()).toBe(2);
        expect(pixelAt(await host.readPixelsAsync(), WIDTH, 32, 24)).toEqual([0, 255, 0]);
        box.position.z = -0.4;
        head.poseAt(someAudioFeature(9), NEUTRAL);
        await host.renderAsync(scene);
        expect(watch.count()).toBeGreaterThan(5);
        expect(differences(await host.readPixelsAsync(), first)).toBeGreaterThan(0);
        head.poseAt(someAudioFeature(3), NEUTRAL);
        await host.renderAsync(scene);
        watch.stop();
        expect(differences(await host.readPixelsAsync(), first)).toBe(0);
    });

    it('do nothing at all where no opaque mesh is in sight', async ({ skip }) => {
        const { host, scene, head } = await staged(skip, colouredBust());
        const alone = await settledPicture({ host, scene });
        const watch = watchDispatches();
        for (let frame = 0; frame < 2; frame++) await host.renderAsync(scene);
        expect(watch.count()).toBe(0);
        expect(differences(await host.readPixelsAsync(), alone)).toBe(0);
        const box = greenBox(scene, 0.05, [0, 0, 0.2]);
        expect(differences(await settledPicture({ host, scene }), alone)).toBeGreaterThan(0);
        // What the box hid must come back although nothing of the head moved.
        box.dispose();
        await host.renderAsync(scene);
        expect(differences(await host.readPixelsAsync(), alone)).toBe(0);
        head.visibility = 0.5;
        await host.renderAsync(scene);
        watch.stop();
        expect(differences(await host.readPixelsAsync(), alone)).toBeGreaterThan(0);
    });

    it('see the camera that moves', async ({ skip }) => {
        const made = await staged(skip, colouredBust());
        const before = await settledPicture(made);
        const camera = made.scene.activeCamera;
        camera?.position.addInPlaceFromFloats(0.03, 0, 0);
        await made.host.renderAsync(made.scene);
        const moved = await made.host.readPixelsAsync();
        expect(agreement(moved, before)).toBeLessThan(30);
        const { tiles, quads } = await bothPictures(made);
        expect(differences(tiles, moved)).toBe(0);
        expect(agreement(tiles, quads)).toBeGreaterThan(LIKE_QUADS);
    });

    it('get over frames that the engine had to drop', async ({ skip }) => {
        const { host, scene } = await staged(skip, colouredBust());
        await settledPicture({ host, scene });
        scene.activeCamera?.position.addInPlaceFromFloats(0.03, 0, 0);
        // A frame of the engine's whose commands are invalid: WebGPU leaves out all of them.
        const spoil = scene.onAfterRenderObservable.add(() => {
            const encoder = (host.engine as unknown as { _renderEncoder: GPUCommandEncoder })._renderEncoder;
            encoder.popDebugGroup();
        });
        await expect(host.renderAsync(scene)).rejects.toThrow(/validation/i);
        spoil.remove();
        const after = await settledPicture({ host, scene });
        scene.activeCamera?.position.addInPlaceFromFloats(0.01, 0, 0);
        await host.renderAsync(scene);
        scene.activeCamera?.position.addInPlaceFromFloats(-0.01, 0, 0);
        await host.renderAsync(scene);
        expect(differences(await host.readPixelsAsync(), after)).toBe(0);
    });
});

describe('a canvas that changes its size', () => {
    function depthSize({ scene }: TileStage): readonly number[] {
        const map = scene.activeCamera?.customRenderTargets.find(({ name }) => name.includes('scene depth'));
        return [map?.getRenderWidth() ?? -1, map?.getRenderHeight() ?? -1];
    }

    it('is followed by picture and scene depth, up, down and with the scaling level', async ({ skip }) => {
        const made = await staged(skip, colouredBust());
        const { engine } = made.host;
        // Its front face lies in the head, so that wrong depth shows.
        greenBox(made.scene, 0.16, [0.05, 0, -0.02]);
        for (const [width, height] of [
            [100, 30],
            [40, 90],
            [WIDTH, HEIGHT],
        ] as const) {
            engine.setSize(width, height);
            const { tiles, quads } = await bothPictures(made);
            expect(tiles).toHaveLength(width * height * 4);
            expect(depthSize(made)).toEqual([width, height]);
            expect(agreement(tiles, quads)).toBeGreaterThan(LIKE_QUADS);
        }
        engine.setHardwareScalingLevel(2);
        const { tiles, quads } = await bothPictures(made);
        expect(depthSize(made)).toEqual([WIDTH / 2, HEIGHT / 2]);
        expect(agreement(tiles, quads)).toBeGreaterThan(LIKE_QUADS);
    });

    it('is right in the first frame at the new size, and leaves no buffers behind', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const watch = watchBuffers(attempt.host.device, 'pinhole');
        const made = await staged(skip, colouredBust());
        const { host, scene } = made;
        await settledPicture(made);
        const alive = watch.labels().length;
        expect(alive).toBeGreaterThan(3);
        for (let k = 1; k <= 6; k++) {
            host.engine.setSize(WIDTH + 9 * k, HEIGHT + 5 * (k % 3));
            await host.renderAsync(scene);
        }
        const resized = await host.readPixelsAsync();
        await host.renderAsync(scene);
        expect(differences(await host.readPixelsAsync(), resized)).toBe(0);
        expect(watch.labels().length).toBe(alive);
        made.head.rasterizer = 'quads';
        await new Promise((resolve) => setTimeout(resolve, 5));
        // Babylon frees its own at the end of a frame.
        host.engine.beginFrame();
        host.engine.endFrame();
        watch.stop();
        expect(watch.labels()).toEqual([]);
    });

    it("has one map the size of each camera's viewport", async ({ skip }) => {
        const made = await staged(skip, redBall());
        if (made.scene.activeCamera) made.scene.activeCamera.viewport = new Viewport(0.25, 0, 0.5, 0.5);
        await settledPicture(made);
        expect(depthSize(made)).toEqual([WIDTH / 2, HEIGHT / 2]);
    });

    it.for(['canvas', 'viewport'] as const)('may have no pixels for a while: %s', async (which, { skip }) => {
        const made = await staged(skip, colouredBust());
        const { host, scene } = made;
        greenBox(scene, 0.05, [0, 0, -0.4]);
        const before = await settledPicture(made);
        const camera = scene.activeCamera;
        const whole = camera?.viewport;
        /** Validation errors of a frame without pixels: Babylon has some of its own. */
        const errors = async (): Promise<string> =>
            host.renderAsync(scene).then(String, (error: unknown) => String(error).replace(/\[\d+\|\d+\]/g, '[frame]'));
        if (which === 'canvas') host.engine.setSize(0, 0);
        else if (camera) camera.viewport = new Viewport(0, 0, 0, 1);
        const withHead = [await errors(), await errors()];
        made.head.setEnabled(false);
        const without = [await errors(), await errors()];
        expect(withHead).toEqual(without);
        made.head.setEnabled(true);
        if (which === 'canvas') host.engine.setSize(WIDTH, HEIGHT);
        else if (camera && whole) camera.viewport = whole;
        expect(differences(await settledPicture(made), before)).toBe(0);
    });
});
