import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { Plane } from '@babylonjs/core/Maths/math.plane.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Viewport } from '@babylonjs/core/Maths/math.viewport.js';
import { DefaultRenderingPipeline } from '@babylonjs/core/PostProcesses/RenderPipeline/Pipelines/defaultRenderingPipeline.js';
import { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Camera as Pinhole, HeadAsset } from '../../plugin/core/index.js';
import { CreateTalkingHeadAsync, setPinholeCamera, type TalkingHeadMesh } from '../../plugin/index.js';
import { tryBabylon, type NodeEngine, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { randomSplats } from '../helpers/random-splats.js';
import { oneSplat } from '../helpers/scenes.js';
import { pixelAt, psnr, referencePicture, stageFor, untilReadyAsync } from '../helpers/stage.js';
import { agreement, differences, greenBox, redBall, settledPicture, watchBuffers } from '../helpers/tile-stage.js';

const [WIDTH, HEIGHT] = [96, 72] as const;
/** Before the face, 0.6 m away; the middle of the picture looks at the origin. */
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], {
    fx: 110,
    fy: 110,
    cx: WIDTH / 2,
    cy: HEIGHT / 2,
    width: WIDTH,
    height: HEIGHT,
});
const INSTANT = { audioFeat: someAudioFeature(3), exprFeat: [0.5, 0, 0.25, 0, 1, 0.75] };
const GREEN = [0, 255, 0];
/** dB against the float64 reference on an 8-bit target: one rounding a pixel. */
const FAITHFUL = 55;
/** dB against it of plain quads on the same target: one rounding a splat. */
const ROUNDED = 50;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let stage: Stage | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(WIDTH, HEIGHT, { antialias: true });
});
afterEach(() => {
    stage?.scene.dispose();
    stage = undefined;
    if (!('host' in attempt)) return;
    attempt.host.engine.useReverseDepthBuffer = false;
    attempt.host.engine.setSize(WIDTH, HEIGHT);
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

interface Stage {
    readonly host: NodeEngine;
    readonly scene: Scene;
    readonly head: TalkingHeadMesh;
}

/** Many thin splats, so that rounding once a splat shows; seeds 61 and 62. */
function layeredBust(): HeadAsset {
    const face = randomSplats(3000, 61, { shDegree: 1, size: 0.015 });
    face.logitOpacities.fill(-2.5);
    return headOf(face, randomSplats(80, 62, { radius: 0.03, centre: [0, -0.03, 0.08] }));
}

/** A closed shell of opaque discs: half of it lies behind; seed 4. */
function opaqueHead(): HeadAsset {
    const asset = makeHead({ faceCount: 3600, mouthCount: 400, seed: 4, movingShare: 1, shDegree: 0 });
    const { logScales, logitOpacities } = asset.branches.face.splats;
    logScales.forEach((value, k) => (logScales[k] = value + 1.4));
    logitOpacities.fill(3);
    return asset;
}

/** Near-opaque splats of quiet colours: whether linear light or sRGB values are blended hardly shows. */
function quietHead(): HeadAsset {
    const face = randomSplats(300, 41, { radius: 0.08, size: 0.02 });
    face.logitOpacities.fill(5);
    for (let k = 0; k < face.sh.length; k++) face.sh[k] = 0.1 * (face.sh[k] as number) + (k % 3 === 0 ? 0.8 : 0);
    return headOf(face, oneSplat({ mean: [0, -0.1, 0], scale: 0.001, logitOpacity: -20 }), { strength: 0 });
}

async function staged(
    skip: (reason: string) => never,
    asset: HeadAsset,
    options: { rightHanded?: boolean; reversedDepth?: boolean; pinhole?: Pinhole } = {},
): Promise<Stage> {
    if (!('host' in attempt)) return skip(attempt.reason);
    const { host } = attempt;
    host.engine.useReverseDepthBuffer = options.reversedDepth ?? false;
    const scene = stageFor(host, options.pinhole ?? FRONT, options);
    const head = await CreateTalkingHeadAsync('head', asset, scene, { rasterizer: 'quads', layer: true });
    stage = { host, scene, head };
    head.poseAt(INSTANT.audioFeat, INSTANT.exprFeat);
    await untilReadyAsync(head);
    return stage;
}

/** The pictures through the layer and of plain quads in the same scene; leaves the layer drawing. */
async function bothPictures(made: Stage): Promise<{ layered: Uint8Array; plain: Uint8Array }> {
    made.head.layer = false;
    const plain = await settledPicture(made);
    made.head.layer = true;
    await untilReadyAsync(made.head);
    return { layered: await settledPicture(made), plain };
}

const middle = (picture: Uint8Array): number[] => pixelAt(picture, WIDTH, WIDTH / 2, HEIGHT / 2);

describe('a head whose quads are blended in a layer', () => {
    it.for([{ rightHanded: false }, { rightHanded: true }])(
        'agrees with the float64 reference where plain quads round (right-handed: $rightHanded)',
        async ({ rightHanded }, { skip }) => {
            const made = await staged(skip, layeredBust(), { rightHanded });
            const { layered, plain } = await bothPictures(made);
            expect(made.head.rendererInfo).toEqual({
                rasterizer: 'quads',
                reason: 'asked for; blended in a half-float layer',
            });
            const { rgb, alpha } = referencePicture(made.head.asset, FRONT, INSTANT);
            const covers = (pixel: number): boolean => (alpha[pixel] as number) > 0.02;
            // Measured 56.8 and 45.1 dB.
            expect(psnr(layered, rgb, covers)).toBeGreaterThan(FAITHFUL);
            expect(psnr(plain, rgb, covers)).toBeLessThan(ROUNDED);
        },
    );

    it('is right for two cameras in one frame, each in its viewport', async ({ skip }) => {
        const half: Pinhole = { ...FRONT, width: WIDTH / 2, cx: 22, fx: 80, fy: 80 };
        const back: Pinhole = { ...half, viewmat: lookAt([-0.3, 0, -0.6], [0, 0, 0], half).viewmat };
        const made = await staged(skip, layeredBust(), { pinhole: half });
        const left = made.scene.activeCamera as FreeCamera;
        const right = new FreeCamera('right', Vector3.Zero(), made.scene);
        right.minZ = left.minZ;
        right.maxZ = left.maxZ;
        setPinholeCamera(right, back);
        left.viewport = new Viewport(0, 0, 0.5, 1);
        right.viewport = new Viewport(0.5, 0, 0.5, 1);
        made.scene.activeCameras = [left, right];
        const pixels = await settledPicture(made);
        for (const [first, pinhole] of [
            [0, half],
            [WIDTH / 2, back],
        ] as const) {
            const { rgb, alpha } = referencePicture(made.head.asset, pinhole, INSTANT);
            const part = new Uint8Array((WIDTH / 2) * HEIGHT * 4);
            for (let y = 0; y < HEIGHT; y++) {
                const from = (y * WIDTH + first) * 4;
                part.set(pixels.subarray(from, from + (WIDTH / 2) * 4), y * (WIDTH / 2) * 4);
            }
            expect(psnr(part, rgb, (pixel) => (alpha[pixel] as number) > 0.02)).toBeGreaterThan(FAITHFUL);
        }
    });

    it('goes and comes back with the picture it had, and leaves nothing behind', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const watch = watchBuffers(attempt.host.device, 'head layer');
        const made = await staged(skip, layeredBust());
        const { scene, head, host } = made;
        const layered = await settledPicture(made);
        expect(watch.labels().length).toBeGreaterThan(0);
        const camera = scene.activeCamera as FreeCamera;
        expect(camera.customRenderTargets).toHaveLength(2);
        const textures = scene.textures.length;
        head.layer = false;
        expect(camera.customRenderTargets).toHaveLength(0);
        expect(scene.textures).toHaveLength(textures - 2);
        const plain = await settledPicture(made);
        expect(head.rendererInfo).toEqual({ rasterizer: 'quads', reason: 'asked for' });
        expect(differences(plain, layered)).toBeGreaterThan(0);
        host.engine.beginFrame();
        host.engine.endFrame();
        expect(watch.labels()).toEqual([]);
        head.layer = true;
        expect(head.rendererInfo.reason).toBe('asked for; no layer: it is being compiled');
        await untilReadyAsync(head);
        expect(differences(await settledPicture(made), layered)).toBe(0);
        head.dispose();
        await new Promise((resolve) => setTimeout(resolve, 5));
        host.engine.beginFrame();
        host.engine.endFrame();
        watch.stop();
        expect(watch.labels()).toEqual([]);
        expect(camera.customRenderTargets).toHaveLength(0);
        expect(() => (head.layer = false)).toThrow(/disposed/);
    });

    it('follows the canvas to another size', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        await settledPicture(made);
        for (const [width, height] of [
            [120, 40],
            [50, 90],
        ] as const) {
            made.host.engine.setSize(width, height);
            const { layered, plain } = await bothPictures(made);
            expect(layered).toHaveLength(width * height * 4);
            expect(agreement(layered, plain)).toBeGreaterThan(44);
            expect(differences(layered, plain)).toBeGreaterThan(0);
            const layer = made.scene.activeCamera?.customRenderTargets[1];
            expect([layer?.getRenderWidth(), layer?.getRenderHeight()]).toEqual([width, height]);
        }
    });

    it('fades with the mesh, and is posed late in a frame without lag', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        const { host, scene, head } = made;
        head.visibility = 0.4;
        const { layered, plain } = await bothPictures(made);
        expect(agreement(layered, plain)).toBeGreaterThan(44);
        const rest = someAudioFeature(9);
        scene.onBeforeCameraRenderObservable.addOnce(() => head.poseAt(rest, INSTANT.exprFeat));
        await host.renderAsync(scene);
        const posed = await host.readPixelsAsync();
        expect(differences(posed, layered)).toBeGreaterThan(0);
        expect(differences(await settledPicture(made), posed)).toBe(0);
    });

    it('gives a render target of its camera plain quads', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        const alone = await settledPicture(made);
        const target = new RenderTargetTexture('target', { width: 48, height: 36 }, made.scene);
        target.activeCamera = made.scene.activeCamera;
        target.renderList = [made.head];
        made.scene.customRenderTargets.push(target);
        expect(differences(await settledPicture(made), alone)).toBe(0);
        const small = new Uint8Array(((await target.readPixels()) as Uint8Array).buffer);
        expect(Math.max(...small.filter((_, k) => k % 4 === 0))).toBeGreaterThan(100);
    });

    it('steps aside for clip planes and where the scene draws no render targets', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        const { layered, plain } = await bothPictures(made);
        expect(differences(layered, plain)).toBeGreaterThan(0);
        made.scene.renderTargetsEnabled = false;
        expect(differences(await settledPicture(made), plain)).toBe(0);
        made.scene.renderTargetsEnabled = true;
        made.scene.clipPlane = new Plane(0, 0, 1, -1);
        expect(differences(await settledPicture(made), plain)).toBe(0);
        expect(made.head.rendererInfo.reason).toBe('asked for; no layer: it does not know clip planes');
    });

    it('leaves out what level of detail leaves out, and brings it back', async ({ skip }) => {
        const made = await staged(skip, opaqueHead());
        const { host, scene, head } = made;
        const all = await settledPicture(made);
        const deadline = performance.now() + 60_000;
        while (head.drawnSplatCount === head.splatCount) {
            if (performance.now() > deadline) throw new Error('expected fewer splats within a minute');
            await host.renderAsync(scene);
            await new Promise((resolve) => setTimeout(resolve, 2));
        }
        const { layered, plain } = await bothPictures(made);
        expect(head.drawnSplatCount).toBeLessThan(0.85 * head.splatCount);
        expect(agreement(layered, all)).toBeGreaterThan(50);
        expect(agreement(layered, plain)).toBeGreaterThan(44);
        head.levelOfDetail = false;
        expect(differences(await settledPicture(made), all)).toBe(0);
    });

    it('costs nothing where its camera does not see the head', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        await settledPicture(made);
        const camera = made.scene.activeCamera as FreeCamera;
        camera.position.x = 50;
        for (let frame = 0; frame < 5; frame++) await made.host.renderAsync(made.scene);
        let posed = 0;
        made.head.onPosedObservable.add(() => posed++);
        made.head.poseAt(someAudioFeature(5), INSTANT.exprFeat);
        await made.host.renderAsync(made.scene);
        expect(posed).toBe(0);
    });
});

describe('the scene about a layer', () => {
    it.for([
        { rightHanded: false, reversedDepth: false },
        { rightHanded: true, reversedDepth: true },
    ])(
        'hides it as it hides quads (right-handed: $rightHanded, reversed depth: $reversedDepth)',
        async (conventions, { skip }) => {
            const made = await staged(skip, redBall(), conventions);
            const box = greenBox(made.scene, 0.1, [0, 0, -0.4]);
            const toCamera = -Math.sign((made.scene.activeCamera as FreeCamera).position.z);
            box.position.z = 0.4 * toCamera;
            expect(middle(await settledPicture(made))[0]).toBeGreaterThan(240);
            box.position.z = -0.15 * toCamera;
            expect(middle(await settledPicture(made))).toEqual(GREEN);
            if (box.material) box.material.alpha = 0.5;
            const through = middle(await settledPicture(made)) as [number, number];
            expect(through[0]).toBeGreaterThan(40);
            expect(through[1]).toBeGreaterThan(100);
        },
    );

    it('cuts splat by splat where a box stands in the head', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        greenBox(made.scene, 0.1, [0.05, 0, 0]);
        const { layered, plain } = await bothPictures(made);
        expect(agreement(layered, plain)).toBeGreaterThan(38);
        // Within the box's outline both are cut alike, samples along its edges apart.
        expect(pixelAt(layered, WIDTH, 60, 36)).not.toEqual(GREEN);
    });

    it('fogs it as it fogs quads', async ({ skip }) => {
        const made = await staged(skip, layeredBust());
        const clear = await settledPicture(made);
        Object.assign(made.scene, { fogMode: Scene.FOGMODE_EXP2, fogDensity: 1.2 });
        made.scene.fogColor = new Color3(0.9, 0.9, 1);
        const { layered, plain } = await bothPictures(made);
        expect(agreement(layered, clear)).toBeLessThan(30);
        expect(agreement(layered, plain)).toBeGreaterThan(44);
    });

    it('takes it into a pipeline with high dynamic range, in linear light', async ({ skip }) => {
        const made = await staged(skip, quietHead());
        const canvas = await settledPicture(made);
        const pipeline = new DefaultRenderingPipeline('hdr', true, made.scene, [made.scene.activeCamera as FreeCamera]);
        const { layered, plain } = await bothPictures(made);
        expect(agreement(layered, plain)).toBeGreaterThan(40);
        // Encoded twice or never, it would be 30 or more off.
        for (const channel of [0, 1, 2])
            expect(Math.abs((middle(layered)[channel] as number) - (middle(canvas)[channel] as number))).toBeLessThan(
                4,
            );
        pipeline.dispose();
    });
});
