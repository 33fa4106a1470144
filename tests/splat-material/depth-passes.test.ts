import '@babylonjs/core/Rendering/depthRendererSceneComponent.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CreateTalkingHeadAsync } from '../../plugin/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { stageFor, untilReadyAsync } from '../helpers/stage.js';

const SIZE = 64;
const DISTANCE = 0.8;

let attempt: NodeEngineAttempt = { reason: 'not started' };
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

it('stands in the depth that depth of field and ambient occlusion read, where transparent meshes are let in', async ({
    skip,
}) => {
    if (!('host' in attempt)) return skip(attempt.reason);
    const { host } = attempt;
    const focal = SIZE;
    const intrinsics = { fx: focal, fy: focal, cx: SIZE / 2, cy: SIZE / 2, width: SIZE, height: SIZE };
    const scene = stageFor(host, lookAt([0, 0, DISTANCE], [0, 0, 0], intrinsics));
    const asset = makeHead({ faceCount: 900, mouthCount: 100, seed: 5, movingShare: 1 });
    const head = await CreateTalkingHeadAsync('head', asset, scene);
    await untilReadyAsync(head);
    const renderer = scene.enableDepthRenderer(null, false, true, Constants.TEXTURE_NEAREST_SAMPLINGMODE, true);
    const middleAsync = async (): Promise<number> => {
        for (let frame = 0; frame < 2; frame++) {
            await host.renderAsync(scene);
            await scene.whenReadyAsync(true);
        }
        await host.renderAsync(scene);
        const map = renderer.getDepthMap();
        const { width } = map.getSize();
        const texels = (await map.readPixels()) as Float32Array;
        const channels = texels.length / (width * map.getSize().height);
        return texels[(Math.floor(map.getSize().height / 2) * width + width / 2) * channels] as number;
    };
    // Babylon's own default leaves blended meshes out.
    expect(await middleAsync()).toBe(0);
    renderer.forceDepthWriteTransparentMeshes = true;
    // The front of the hull, which is a face 8 to 11 cm before its centre.
    const depth = await middleAsync();
    expect(depth).toBeGreaterThan(DISTANCE - 0.13);
    expect(depth).toBeLessThan(DISTANCE - 0.06);
    scene.dispose();
});
