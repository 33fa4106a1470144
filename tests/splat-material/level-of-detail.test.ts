import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Camera as Pinhole, HeadAsset } from '../../plugin/core/index.js';
import { CreateTalkingHeadAsync, setPinholeCamera, type TalkingHeadMesh } from '../../plugin/index.js';
import { tryBabylon, type NodeEngine, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { stageFor, untilReadyAsync } from '../helpers/stage.js';
import { agreement } from '../helpers/tile-stage.js';

const SIZE = 128;
const SPLATS = 4000;
const LONGEST_WAIT_MS = 60_000;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let scene: Scene;
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
});
afterEach(() => {
    scene.dispose();
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

/** A closed shell of opaque discs: whatever side is shown, half of it lies behind. */
function opaqueHead(): HeadAsset {
    const asset = makeHead({ faceCount: SPLATS * 0.9, mouthCount: SPLATS * 0.1, seed: 4, movingShare: 1, shDegree: 0 });
    const { logScales, logitOpacities } = asset.branches.face.splats;
    logScales.forEach((value, k) => (logScales[k] = value + 1.4));
    logitOpacities.fill(3);
    return asset;
}

function pinholeAt(yawDegrees: number): Pinhole {
    const yaw = (yawDegrees * Math.PI) / 180;
    const focal = SIZE / 2 / Math.tan(Math.PI / 14);
    return lookAt([0.8 * Math.sin(yaw), 0.05, 0.8 * Math.cos(yaw)], [0, 0, 0], {
        fx: focal,
        fy: focal,
        cx: SIZE / 2,
        cy: SIZE / 2,
        width: SIZE,
        height: SIZE,
    });
}

async function headAsync(host: NodeEngine): Promise<TalkingHeadMesh> {
    scene = stageFor(host, pinholeAt(0));
    const head = await CreateTalkingHeadAsync('head', opaqueHead(), scene);
    await untilReadyAsync(head);
    return head;
}

function lookFrom(yawDegrees: number): void {
    setPinholeCamera(scene.activeCamera as FreeCamera, pinholeAt(yawDegrees));
}

/** Draws until something holds. */
async function drawUntilAsync(host: NodeEngine, what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + LONGEST_WAIT_MS;
    do {
        if (performance.now() > deadline) throw new Error(`expected ${what} within a minute`);
        await host.renderAsync(scene);
        await new Promise((resolve) => setTimeout(resolve, 2));
    } while (!holds());
}

async function pictureAsync(host: NodeEngine): Promise<Uint8Array> {
    for (let frame = 0; frame < 2; frame++) await host.renderAsync(scene);
    return host.readPixelsAsync();
}

describe('level of detail', () => {
    it('leaves out what no pixel needs, and no picture shows it, from measured sides and new ones, speaking', async ({
        skip,
    }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headAsync(host);
        const look = (yaw: number, k: number): Promise<Uint8Array> => {
            lookFrom(yaw);
            head.poseAt(someAudioFeature(k), [0.5, 0, 0.25, 0, 1, 0.75]);
            return pictureAsync(host);
        };
        const yaws = [0, 3, 6, 40, 43, 90, 180, -2];
        head.levelOfDetail = false;
        const full: Uint8Array[] = [];
        for (const [k, yaw] of yaws.entries()) full.push(await look(yaw, k));
        expect(head.drawnSplatCount).toBe(SPLATS);
        head.levelOfDetail = true;
        for (const [k, yaw] of yaws.entries()) {
            // At once, whatever is measured: a new side shows everything, until it is.
            expect(agreement(await look(yaw, k), full[k] as Uint8Array)).toBeGreaterThan(50);
            await drawUntilAsync(host, 'fewer splats', () => head.drawnSplatCount < 0.85 * SPLATS);
            expect(agreement(await pictureAsync(host), full[k] as Uint8Array)).toBeGreaterThan(50);
        }
    });

    it('shows everything while something else than a camera of the scene looks on', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headAsync(host);
        await drawUntilAsync(host, 'fewer splats', () => head.drawnSplatCount < SPLATS);
        const spy = new FreeCamera('spy', Vector3.Zero(), scene);
        setPinholeCamera(spy, pinholeAt(180));
        const target = new RenderTargetTexture('spy', SIZE, scene);
        target.activeCamera = spy;
        target.renderList = [head];
        scene.customRenderTargets.push(target);
        await host.renderAsync(scene);
        await host.renderAsync(scene);
        expect(head.drawnSplatCount).toBe(SPLATS);
        scene.customRenderTargets.length = 0;
        await drawUntilAsync(host, 'fewer splats again', () => head.drawnSplatCount < SPLATS);
    });

    it('works with tiles, stays away where it is not wanted or a heat map is shown, and ends with the head', async ({
        skip,
    }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headAsync(host);
        head.rasterizer = 'tile';
        await untilReadyAsync(head);
        await drawUntilAsync(host, 'fewer splats', () => head.drawnSplatCount < SPLATS);
        expect(head.rendererInfo.rasterizer).toBe('tile');
        const reduced = await pictureAsync(host);
        head.levelOfDetail = false;
        expect(agreement(reduced, await pictureAsync(host))).toBeGreaterThan(50);
        for (let frame = 0; frame < 40; frame++) await host.renderAsync(scene);
        expect(head.drawnSplatCount).toBe(SPLATS);
        head.levelOfDetail = true;
        await drawUntilAsync(host, 'fewer splats again', () => head.drawnSplatCount < SPLATS);
        head.heatMap = true;
        expect(head.drawnSplatCount).toBe(SPLATS);
        for (let frame = 0; frame < 40; frame++) await host.renderAsync(scene);
        expect(head.drawnSplatCount).toBe(SPLATS);
        head.heatMap = false;
        await drawUntilAsync(host, 'fewer splats after the heat map', () => head.drawnSplatCount < SPLATS);
        head.dispose();
        expect(() => (head.levelOfDetail = false)).toThrow(/disposed/);
    });
});
