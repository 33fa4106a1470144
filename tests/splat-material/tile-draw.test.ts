import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { Plane } from '@babylonjs/core/Maths/math.plane.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Viewport } from '@babylonjs/core/Maths/math.viewport.js';
import { CreateBox } from '@babylonjs/core/Meshes/Builders/boxBuilder.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Camera as Pinhole, HeadAsset } from '../../plugin/core/index.js';
import {
    CreateTalkingHeadAsync,
    setPinholeCamera,
    type RasterizerChoice,
    type TalkingHeadMesh,
} from '../../plugin/index.js';
import { tryBabylon, type NodeEngine, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { randomSplats } from '../helpers/random-splats.js';
import { oneSplat } from '../helpers/scenes.js';
import { pixelAt, psnr, referencePicture, stageFor, untilReadyAsync } from '../helpers/stage.js';

const [WIDTH, HEIGHT] = [128, 96] as const;
const PINHOLE: Pinhole = lookAt([0.22, 0.14, 0.65], [0.01, -0.01, 0.02], {
    fx: 210,
    fy: 200,
    cx: 67,
    cy: 45,
    width: WIDTH,
    height: HEIGHT,
});
/** Before the face, 0.6 m away; the middle of the picture looks at the origin. */
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], {
    fx: 100,
    fy: 100,
    cx: 64,
    cy: 48,
    width: WIDTH,
    height: HEIGHT,
});
const INSTANT = { audioFeat: someAudioFeature(3), exprFeat: [0.5, 0, 0.25, 0, 1, 0.75] };
/** dB against the float64 reference on an 8-bit target: one rounding a pixel, where quads round once a splat. */
const FAITHFUL = 55;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let scene: Scene | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(WIDTH, HEIGHT);
});
afterEach(() => {
    scene?.dispose();
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

function bust(): HeadAsset {
    const face = randomSplats(300, 31, { shDegree: 3, centre: [0.01, 0.02, 0], size: 0.01 });
    const mouth = randomSplats(80, 32, { shDegree: 1, radius: 0.03, centre: [0, -0.03, 0.08] });
    return headOf(face, mouth);
}

function ball(): HeadAsset {
    const face = oneSplat({ scale: 0.05, logitOpacity: 20, colour: [1, 0, 0] });
    return headOf(face, oneSplat({ mean: [0, -0.1, 0], scale: 0.001, logitOpacity: -20 }), { strength: 0 });
}

async function headIn(
    host: NodeEngine,
    asset: HeadAsset,
    options: { rasterizer?: RasterizerChoice; rightHanded?: boolean; pinhole?: Pinhole } = {},
): Promise<TalkingHeadMesh> {
    const { rasterizer = 'tile', pinhole = PINHOLE } = options;
    scene = stageFor(host, pinhole, options);
    const head = await CreateTalkingHeadAsync('head', asset, scene, { rasterizer });
    await untilReadyAsync(head);
    return head;
}

/**
 * A frame tells the head its cameras, so that their depth passes exist; then the other meshes' shaders are waited for, which
 * compile as long as they like, and the picture is the second frame after that.
 */
async function shown(host: NodeEngine): Promise<Uint8Array> {
    if (!scene) throw new Error('no scene');
    await host.renderAsync(scene);
    await scene.whenReadyAsync(true);
    for (let frame = 0; frame < 2; frame++) await host.renderAsync(scene);
    return host.readPixelsAsync();
}

function box(size: number, at: readonly [number, number, number], alpha = 1): void {
    if (!scene) throw new Error('no scene');
    const mesh = CreateBox('box', { size }, scene);
    mesh.position.set(...at);
    const material = new StandardMaterial('box', scene);
    material.disableLighting = true;
    material.emissiveColor = new Color3(0, 1, 0);
    material.alpha = alpha;
    mesh.material = material;
}

describe('a head drawn with tiles in Babylon', () => {
    it.for([{ rightHanded: false }, { rightHanded: true }])(
        'agrees with the float64 reference, speaking (right-handed: $rightHanded)',
        async ({ rightHanded }, { skip }) => {
            if (!('host' in attempt)) return skip(attempt.reason);
            const head = await headIn(attempt.host, bust(), { rightHanded });
            head.poseAt(INSTANT.audioFeat, INSTANT.exprFeat);
            const pixels = await shown(attempt.host);
            expect(head.rendererInfo.rasterizer).toBe('tile');
            const { rgb } = referencePicture(head.asset, PINHOLE, INSTANT);
            expect(psnr(pixels, rgb)).toBeGreaterThan(FAITHFUL);
        },
    );

    it('is right for two cameras in one frame, each in its viewport', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const half: Pinhole = { ...PINHOLE, width: WIDTH / 2, cx: 30, fx: 110, fy: 110 };
        const back: Pinhole = { ...half, viewmat: lookAt([-0.3, 0, -0.6], [0, 0, 0], half).viewmat };
        const head = await headIn(host, bust(), { pinhole: half });
        head.poseAt(INSTANT.audioFeat, INSTANT.exprFeat);
        const left = scene?.activeCamera as FreeCamera;
        const right = new FreeCamera('right', Vector3.Zero(), scene);
        right.minZ = left.minZ;
        right.maxZ = left.maxZ;
        setPinholeCamera(right, back);
        left.viewport = new Viewport(0, 0, 0.5, 1);
        right.viewport = new Viewport(0.5, 0, 0.5, 1);
        if (scene) scene.activeCameras = [left, right];
        const pixels = await shown(host);
        for (const [first, pinhole] of [
            [0, half],
            [WIDTH / 2, back],
        ] as const) {
            const { rgb } = referencePicture(head.asset, pinhole, INSTANT);
            const part = new Uint8Array((WIDTH / 2) * HEIGHT * 4);
            for (let y = 0; y < HEIGHT; y++) {
                const from = (y * WIDTH + first) * 4;
                part.set(pixels.subarray(from, from + (WIDTH / 2) * 4), y * (WIDTH / 2) * 4);
            }
            expect(psnr(part, rgb)).toBeGreaterThan(FAITHFUL);
        }
    });

    it('looks like quads do, and changes over and back while it shows', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, bust());
        head.poseAt(INSTANT.audioFeat, INSTANT.exprFeat);
        const tiles = await shown(host);
        head.rasterizer = 'quads';
        expect(head.rendererInfo).toEqual({ rasterizer: 'quads', reason: 'asked for' });
        const quads = await shown(host);
        const rgb = Float64Array.from(
            { length: WIDTH * HEIGHT * 3 },
            (_, k) => (quads[Math.floor(k / 3) * 4 + (k % 3)] as number) / 255,
        );
        // The 8-bit target costs quads all but this.
        expect(psnr(tiles, rgb)).toBeGreaterThan(44);
        head.rasterizer = 'tile';
        await untilReadyAsync(head);
        expect(await shown(host)).toEqual(tiles);
    });

    it('shares a frame with a render target of the same camera, which gets quads', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, bust());
        head.poseAt(INSTANT.audioFeat, INSTANT.exprFeat);
        const alone = await shown(host);
        const target = new RenderTargetTexture('target', { width: 64, height: 48 }, scene);
        target.activeCamera = scene?.activeCamera ?? null;
        target.renderList = [head];
        scene?.customRenderTargets.push(target);
        expect(await shown(host)).toEqual(alone);
        const small = new Uint8Array(((await target.readPixels()) as Uint8Array).buffer);
        expect(Math.max(...small.filter((_, k) => k % 4 === 0))).toBeGreaterThan(100);
    });

    it('steps aside for clip planes, and says so', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const head = await headIn(attempt.host, ball());
        if (scene) scene.clipPlane = new Plane(0, 0, 1, -1);
        await shown(attempt.host);
        expect(head.rendererInfo.rasterizer).toBe('quads');
        expect(head.rendererInfo.reason).toContain('clip planes');
        expect(() => (head.rasterizer = 'fast' as RasterizerChoice)).toThrow(
            /expected auto, tile or quads, got "fast"/,
        );
    });
});

describe.each(['tile', 'quads'] as const)('occlusion, drawn with %s', (rasterizer) => {
    const middleOf = (pixels: Uint8Array): number[] => pixelAt(pixels, WIDTH, 64, 48);

    it('shows the head before a wall', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        await headIn(attempt.host, ball(), { rasterizer, pinhole: FRONT });
        box(1.2, [0, 0, -0.9]);
        const pixels = await shown(attempt.host);
        expect(middleOf(pixels)[0]).toBeGreaterThan(240);
        expect(pixelAt(pixels, WIDTH, 30, 48)).toEqual([0, 255, 0]);
    });

    it('hides the head behind a box', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        await headIn(attempt.host, ball(), { rasterizer, pinhole: FRONT });
        box(0.1, [0, 0, 0.15]);
        expect(middleOf(await shown(attempt.host))).toEqual([0, 255, 0]);
    });

    it('cuts the head where a box stands in it', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const shell = randomSplats(400, 8, { radius: 0.1, size: 0.012 });
        shell.logitOpacities.fill(6);
        shell.sh.fill(0);
        for (let i = 0; i < shell.count; i++) shell.sh.set([1.7, -1.7, -1.7], i * 3);
        await headIn(attempt.host, headOf(shell, oneSplat({ logitOpacity: -20 }), { strength: 0 }), {
            rasterizer,
            pinhole: FRONT,
        });
        // Its front face lies at z = 0.09: the shell's tip stands out before it, the rest of the shell is inside.
        box(0.16, [0, 0, 0.01]);
        const pixels = await shown(attempt.host);
        expect(middleOf(pixels)[0]).toBeGreaterThan(150);
        expect(pixelAt(pixels, WIDTH, 64 + 12, 48)[1]).toBeGreaterThan(200);
    });

    it('shines through glass before it, and through itself onto glass behind', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        await headIn(attempt.host, ball(), { rasterizer, pinhole: FRONT });
        box(0.1, [0, 0, 0.2], 0.5);
        const [red, green] = middleOf(await shown(attempt.host)) as [number, number];
        expect(red).toBeGreaterThan(40);
        expect(green).toBeGreaterThan(100);
    });
});

it('writes depth that what is drawn later can use: a box drawn after the head is hidden by it', async ({ skip }) => {
    if (!('host' in attempt)) return skip(attempt.reason);
    const head = await headIn(attempt.host, ball(), { pinhole: FRONT });
    // A transparent-queue box behind the head, forced to draw after it.
    box(0.05, [0, 0, -0.3], 0.999);
    head.alphaIndex = 1;
    const late = scene?.getMeshByName('box');
    if (late) late.alphaIndex = 2;
    const pixels = await shown(attempt.host);
    expect(pixelAt(pixels, WIDTH, 64, 48)[1]).toBeLessThan(40);
});

it('is cut and writes depth alike where the engine reverses depth', async ({ skip }) => {
    if (!('host' in attempt)) return skip(attempt.reason);
    const { engine } = attempt.host;
    engine.useReverseDepthBuffer = true;
    try {
        const head = await headIn(attempt.host, ball(), { pinhole: FRONT });
        box(0.05, [0, 0, -0.3], 0.999);
        head.alphaIndex = 1;
        const late = scene?.getMeshByName('box');
        if (late) late.alphaIndex = 2;
        expect(pixelAt(await shown(attempt.host), WIDTH, 64, 48)[1]).toBeLessThan(40);
        box(0.1, [0, 0, 0.15]);
        expect(pixelAt(await shown(attempt.host), WIDTH, 64, 48)).toEqual([0, 255, 0]);
    } finally {
        engine.useReverseDepthBuffer = false;
    }
});
