import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { Camera } from '@babylonjs/core/Cameras/camera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import { RawTexture } from '@babylonjs/core/Materials/Textures/rawTexture.js';
import { Color3, Color4 } from '@babylonjs/core/Maths/math.color.js';
import { Matrix, Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { ParticleSystem } from '@babylonjs/core/Particles/particleSystem.js';
import { DefaultRenderingPipeline } from '@babylonjs/core/PostProcesses/RenderPipeline/Pipelines/defaultRenderingPipeline.js';
import '@babylonjs/core/Rendering/depthRendererSceneComponent.js';
import { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSplatSet, type Camera as Pinhole, type HeadAsset } from '../../plugin/core/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { randomSplats } from '../helpers/random-splats.js';
import { oneSplat } from '../helpers/scenes.js';
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
    type TileStage,
} from '../helpers/tile-stage.js';

const [WIDTH, HEIGHT] = [64, 48] as const;
/** Before the face, 0.6 m away; the middle of the picture looks at the origin. */
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], { fx: 80, fy: 80, cx: 32, cy: 24, width: WIDTH, height: HEIGHT });
const GREEN = [0, 255, 0];

let attempt: NodeEngineAttempt = { reason: 'not started' };
let stage: TileStage | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(WIDTH, HEIGHT);
    if ('host' in attempt) await keepPipelinesAsync(attempt.host, FRONT);
}, COMPILE_MS);
afterEach(() => {
    stage?.scene.dispose();
    stage = undefined;
    if ('host' in attempt) attempt.host.engine.useReverseDepthBuffer = false;
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

async function staged(
    skip: (reason: string) => never,
    asset: HeadAsset,
    options: { rightHanded?: boolean; reversedDepth?: boolean } = {},
): Promise<TileStage> {
    if (!('host' in attempt)) return skip(attempt.reason);
    attempt.host.engine.useReverseDepthBuffer = options.reversedDepth ?? false;
    stage = await tileStageAsync(attempt.host, asset, FRONT, options);
    return stage;
}

const middle = (picture: Uint8Array): number[] => pixelAt(picture, WIDTH, 32, 24);

/** Near-opaque splats of quiet colours: order of blending and of conversion to linear light hardly shows. */
function quietHead(): HeadAsset {
    const face = randomSplats(300, 41, { radius: 0.08, size: 0.02 });
    face.logitOpacities.fill(5);
    for (let k = 0; k < face.sh.length; k++) face.sh[k] = 0.1 * (face.sh[k] as number) + (k % 3 === 0 ? 0.8 : 0);
    return headOf(face, oneSplat({ mean: [0, -0.1, 0], scale: 0.001, logitOpacity: -20 }), { strength: 0 });
}

describe('a high-dynamic-range pipeline', () => {
    it('shows the colours that quads have, and keeps alpha to 1 in its float target', async ({ skip }) => {
        const made = await staged(skip, quietHead());
        const { scene, host } = made;
        const plain = await settledPicture(made);
        const camera = scene.activeCamera as Camera;
        const pipeline = new DefaultRenderingPipeline('hdr', true, scene, [camera]);
        const { tiles, quads } = await bothPictures(made);
        expect(agreement(tiles, quads)).toBeGreaterThan(40);
        // Encoded twice or never, it would be 30 or more off.
        for (const channel of [0, 1, 2])
            expect(Math.abs((middle(tiles)[channel] as number) - (middle(plain)[channel] as number))).toBeLessThan(4);
        Object.assign(scene, { fogMode: Scene.FOGMODE_EXP2, fogDensity: 1.2, fogColor: new Color3(0.9, 0.9, 1) });
        const fogged = await bothPictures(made);
        expect(agreement(fogged.tiles, fogged.quads)).toBeGreaterThan(40);
        expect(agreement(fogged.quads, quads)).toBeLessThan(25);
        scene.fogMode = Scene.FOGMODE_NONE;
        scene.imageProcessingConfiguration.toneMappingEnabled = true;
        const mapped = await bothPictures(made);
        expect(agreement(mapped.tiles, mapped.quads)).toBeGreaterThan(40);
        expect(differences(mapped.tiles, tiles)).toBeGreaterThan(0);
        const target = camera._getFirstPostProcess?.()?.inputTexture.texture;
        expect(target?.type).toBe(Constants.TEXTURETYPE_HALF_FLOAT);
        const floats = new Float32Array(
            (await host.engine._readTexturePixels(target as never, WIDTH, HEIGHT)).buffer as ArrayBuffer,
        );
        const alphas = floats.filter((_, at) => at % 4 === 3);
        expect(alphas).toHaveLength(WIDTH * HEIGHT);
        // The background's is 1 everywhere.
        expect(Math.min(...alphas)).toBeGreaterThan(0.998);
        expect(Math.max(...alphas)).toBeLessThanOrEqual(1);
        pipeline.dispose();
    });
});

describe.each([
    ['linear', Scene.FOGMODE_LINEAR, 0, 38],
    ['exponential', Scene.FOGMODE_EXP2, 1.2, 49],
] as const)('fog, %s', (_name, mode, density, likeQuads) => {
    it('hides the head as far as it hides quads', async ({ skip }) => {
        const made = await staged(skip, colouredBust());
        // To the edge of the picture, where the way to the head is longer than its depth.
        made.scene.activeCamera?.position.addInPlaceFromFloats(0.18, 0, 0);
        const clear = await settledPicture(made);
        Object.assign(made.scene, { fogMode: mode, fogDensity: density, fogStart: 0.5, fogEnd: 0.75 });
        made.scene.fogColor = new Color3(0.9, 0.9, 1);
        const { tiles, quads } = await bothPictures(made);
        expect(agreement(tiles, clear)).toBeLessThan(25);
        // Measured 41.6 and 52.2 dB; by depth alone 34.7 and 46.3.
        expect(agreement(tiles, quads)).toBeGreaterThan(likeQuads);
    });
});

describe('other cameras and conventions', () => {
    it('shows what quads do to an orthographic camera, cut by a box', async ({ skip }) => {
        const made = await staged(skip, colouredBust());
        const camera = new FreeCamera('orthographic', new Vector3(0.1, 0.05, -0.6), made.scene);
        camera.mode = Camera.ORTHOGRAPHIC_CAMERA;
        [camera.orthoLeft, camera.orthoRight, camera.orthoBottom, camera.orthoTop] = [-0.2, 0.2, -0.15, 0.15];
        [camera.minZ, camera.maxZ] = [0.05, 3];
        camera.setTarget(Vector3.Zero());
        made.scene.activeCamera = camera;
        greenBox(made.scene, 0.1, [0.06, 0, 0]);
        const { tiles, quads } = await bothPictures(made);
        expect(agreement(tiles, quads)).toBeGreaterThan(38);
        greenBox(made.scene, 0.02, [0.05, 0.025, -0.3]);
        expect(middle(await settledPicture(made))).toEqual(GREEN);
    });

    it('is cut and hides alike in a right-handed scene with reversed depth', async ({ skip }) => {
        const made = await staged(skip, redBall(), { rightHanded: true, reversedDepth: true });
        // In the transparent queue and after the head: only its written depth can hide this.
        const late = greenBox(made.scene, 0.05, [0, 0, -0.3], 0.999);
        made.head.alphaIndex = 1;
        late.alphaIndex = 2;
        expect(middle(await settledPicture(made))[1]).toBeLessThan(40);
        greenBox(made.scene, 0.1, [0, 0, 0.15]);
        expect(middle(await settledPicture(made))).toEqual(GREEN);
    });

    it("shares a camera with the scene's own depth renderer, each with its map", async ({ skip }) => {
        const made = await staged(skip, redBall());
        const { scene } = made;
        greenBox(scene, 0.05, [0, 0, 0.15]);
        const before = await settledPicture(made);
        expect(middle(before)).toEqual(GREEN);
        const own = scene.enableDepthRenderer(scene.activeCamera, false, true);
        own.useOnlyInActiveCamera = true;
        expect(differences(await settledPicture(made), before)).toBe(0);
        scene.disableDepthRenderer(scene.activeCamera);
        expect(differences(await settledPicture(made), before)).toBe(0);
    });

    it('leaves the frame to quads where the scene draws no depth pass', async ({ skip }) => {
        const made = await staged(skip, redBall());
        greenBox(made.scene, 0.05, [0, 0, 0.15]);
        await settledPicture(made);
        made.scene.renderTargetsEnabled = false;
        made.scene.getMeshByName('box')?.position.set(0, 0, -0.4);
        // With the last map there is, the box would still cut the head.
        expect(middle(await settledPicture(made))[0]).toBeGreaterThan(240);
    });

    it('is drawn over another rendering group whose depth is cleared', async ({ skip }) => {
        const made = await staged(skip, redBall());
        greenBox(made.scene, 0.05, [0, 0, 0.15]);
        made.head.renderingGroupId = 1;
        const { tiles, quads } = await bothPictures(made);
        expect(middle(quads)[0]).toBeGreaterThan(240);
        expect(middle(tiles)[0]).toBeGreaterThan(240);
        made.scene.setRenderingAutoClearDepthStencil(1, false);
        expect(middle(await settledPicture(made))).toEqual(GREEN);
    });

    it('leaves out a frame of matrices that are not numbers, and shows the next', async ({ skip }) => {
        const made = await staged(skip, redBall());
        const { scene, host } = made;
        const before = await settledPicture(made);
        const camera = scene.activeCamera as Camera;
        const projection = camera.getProjectionMatrix().clone();
        camera.freezeProjectionMatrix(Matrix.FromArray(new Array<number>(16).fill(Number.NaN)));
        await host.renderAsync(scene);
        const background = pixelAt(before, WIDTH, 0, 0);
        expect(middle(await host.readPixelsAsync())).toEqual(background);
        camera.freezeProjectionMatrix(projection);
        expect(differences(await settledPicture(made), before)).toBe(0);
    });
});

it('hides particles behind it and shows those before it', async ({ skip }) => {
    const made = await staged(skip, redBall());
    const { scene, host } = made;
    const particles = new ParticleSystem('particles', 1, scene);
    particles.particleTexture = RawTexture.CreateRGBATexture(new Uint8Array([255, 255, 255, 255]), 1, 1, scene);
    particles.blendMode = ParticleSystem.BLENDMODE_STANDARD;
    const blue = new Color4(0, 0, 1, 1);
    Object.assign(particles, { color1: blue, color2: blue, colorDead: blue });
    Object.assign(particles, { minSize: 0.05, maxSize: 0.05, minLifeTime: 1e6, maxLifeTime: 1e6, minEmitPower: 0 });
    Object.assign(particles, {
        maxEmitPower: 0,
        manualEmitCount: 1,
        minEmitBox: Vector3.Zero(),
        maxEmitBox: Vector3.Zero(),
    });
    const place = new Vector3(0, 0, -0.2);
    particles.emitter = place;
    // Babylon draws a group's particles before its transparent meshes.
    particles.renderingGroupId = 1;
    scene.setRenderingAutoClearDepthStencil(1, false);
    particles.start();
    await settledPicture(made);
    expect(particles.particles).toHaveLength(1);
    const blueIn = async (z: number): Promise<number> => {
        particles.particles[0]?.position.set(0, 0, z);
        await host.renderAsync(scene);
        return middle(await host.readPixelsAsync())[2] as number;
    };
    expect(await blueIn(-0.2)).toBeLessThan(40);
    expect(await blueIn(0.2)).toBeGreaterThan(200);
});

describe('heads of odd sizes', () => {
    it.for([
        ['no face', createSplatSet(0, 0), oneSplat({ scale: 0.05, logitOpacity: 20, colour: [1, 0, 0] })],
        ['no mouth', oneSplat({ scale: 0.05, logitOpacity: 20, colour: [1, 0, 0] }), createSplatSet(0, 0)],
    ] as const)('with one splat and %s are drawn', async ([, face, mouth], { skip }) => {
        const made = await staged(skip, headOf(face, mouth, { strength: 0 }));
        made.head.poseAt(someAudioFeature(1), [0, 0, 0, 0, 0, 0]);
        const [red, green] = middle(await settledPicture(made)) as [number, number];
        expect(red).toBeGreaterThan(240);
        expect(green).toBeLessThan(20);
    });

    it('with 200,000 splats look as quads draw them, seed 51', async ({ skip }) => {
        const face = randomSplats(190_000, 51, { size: 0.002 });
        const mouth = randomSplats(10_000, 52, { size: 0.002, radius: 0.03 });
        const made = await staged(skip, headOf(face, mouth, { strength: 0, movingShare: 0.001 }));
        const { tiles, quads } = await bothPictures(made);
        expect(made.head.splatCount).toBe(200_000);
        // Quads sort by 15 bits or 23 and round to 8 bits a splat.
        expect(agreement(tiles, quads)).toBeGreaterThan(32);
    });
});
