import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Viewport } from '@babylonjs/core/Maths/math.viewport.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSplatSet, type Camera as Pinhole, type HeadAsset, type SplatSet } from '../../plugin/core/index.js';
import { CreateTalkingHeadAsync, heatColour, setPinholeCamera, type TalkingHeadMesh } from '../../plugin/index.js';
import { heatColourSource } from '../../plugin/splat-material/heat-colour.js';
import { tryBabylon, type NodeEngine, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { readBack } from '../helpers/gpu.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { oneSplat } from '../helpers/scenes.js';
import { pixelAt, stageFor, untilReadyAsync } from '../helpers/stage.js';
import { drawTiles } from '../helpers/tile-scene.js';
import { COMPILE_MS, colouredBust, watchBuffers, watchDispatches } from '../helpers/tile-stage.js';

/** Two cameras side by side. */
const [WIDTH, HEIGHT] = [128, 96] as const;
const INTRINSICS = { fx: 80, fy: 80, cx: 32, cy: 48, width: 64, height: HEIGHT };
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], INTRINSICS);
const BACK: Pinhole = lookAt([0, 0, -0.6], [0, 0, 0], INTRINSICS);
const NEUTRAL = [0, 0, 0, 0, 0, 0];

/** Splats of {@link known}: before all others, behind the layers, and away from them. */
const [IN_FRONT, HIDDEN, SMALL] = [0, 6, 7] as const;
/** Where the small one is seen, px from the left and from the top. */
const SMALL_AT = [32, 7] as const;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let scene: Scene | undefined;
beforeAll(async () => {
    attempt = await tryBabylon(WIDTH, HEIGHT);
    if (!('host' in attempt)) return;
    // Stays, so that the device compiles once for all tests of this file.
    const head = await CreateTalkingHeadAsync('kept', headOf(...known()), stageFor(attempt.host, FRONT));
    head.heatMap = true;
    await untilReadyAsync(head);
}, COMPILE_MS);
afterEach(() => {
    scene?.dispose();
    if ('host' in attempt) attempt.host.engine.setSize(WIDTH, HEIGHT);
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

/** Six opaque layers, one splat that no pixel reaches through them, and a small one above; a mouth that cannot be seen. */
function known(): [face: SplatSet, mouth: SplatSet] {
    const face = createSplatSet(8, 0);
    face.logitOpacities.fill(20);
    for (let i = 0; i < 8; i++) face.quats[i * 4] = 1;
    const put = (i: number, mean: readonly number[], scale: number): void => {
        face.means.set(mean, i * 3);
        face.logScales.fill(Math.log(scale), i * 3, i * 3 + 3);
    };
    for (let layer = IN_FRONT; layer < HIDDEN; layer++) put(layer, [0, 0, 0.08 - 0.01 * layer], 0.08);
    put(HIDDEN, [0, 0, -0.05], 0.015);
    // In the middle of a pixel, 40 rows above the middle of the picture.
    put(SMALL, [(0.5 * 0.6) / 80, (40.5 * 0.6) / 80, 0], 0.003);
    return [face, oneSplat({ scale: 0.001, logitOpacity: -20 })];
}

/** A head before two cameras, the first of which is counted. */
async function headIn(host: NodeEngine, asset: HeadAsset): Promise<TalkingHeadMesh> {
    scene = stageFor(host, FRONT);
    const left = scene.activeCamera as FreeCamera;
    const right = new FreeCamera('right', Vector3.Zero(), scene);
    [right.minZ, right.maxZ] = [left.minZ, left.maxZ];
    setPinholeCamera(right, BACK);
    left.viewport = new Viewport(0, 0, 0.5, 1);
    right.viewport = new Viewport(0.5, 0, 0.5, 1);
    scene.activeCameras = [left, right];
    const head = await CreateTalkingHeadAsync('head', asset, scene);
    await untilReadyAsync(head);
    await pictureAsync(host);
    return head;
}

async function pictureAsync(host: NodeEngine): Promise<Uint8Array> {
    if (!scene) throw new Error('no scene');
    for (let frame = 0; frame < 2; frame++) await host.renderAsync(scene);
    return host.readPixelsAsync();
}

/** Switches the heat map on. @returns the buffer that it counts in. */
async function heatUpAsync(host: NodeEngine, head: TalkingHeadMesh): Promise<GPUBuffer> {
    const { device } = host;
    const createBuffer = device.createBuffer.bind(device);
    let counts: GPUBuffer | undefined;
    device.createBuffer = (descriptor) => {
        const buffer = createBuffer(descriptor);
        if (descriptor.label?.includes('pixel counts')) counts = buffer;
        return buffer;
    };
    head.heatMap = true;
    await untilReadyAsync(head);
    device.createBuffer = createBuffer;
    if (!counts) throw new Error('the heat map made no buffer for its counts');
    return counts;
}

async function countsOf(host: NodeEngine, buffer: GPUBuffer): Promise<number[]> {
    return [...new Uint32Array(await readBack(host.device, buffer))];
}

/** @param shining - what of other splats may show through, 0..255. */
function expectColour(actual: readonly number[], pixelCount: number, shining: number): void {
    heatColour(pixelCount).forEach((value, k) => {
        expect(Math.abs((actual[k] as number) - 255 * value)).toBeLessThan(shining);
    });
}

describe('the colours of the heat map', () => {
    it('go from dark blue over green and yellow to red', () => {
        const [none, ten, hundred, thousand] = [heatColour(0), heatColour(10), heatColour(100), heatColour(1000)];
        expect(Math.max(...none)).toBe(none[2]);
        expect(Math.max(...none)).toBeLessThan(0.5);
        expect(Math.max(...ten)).toBe(ten[1]);
        expect(Math.min(hundred[0], hundred[1])).toBeGreaterThan(0.8);
        expect(Math.max(...thousand)).toBe(thousand[0]);
        expect(heatColour(1e9)).toEqual(thousand);
    });

    it('grow with the logarithm between 1 and 1000 pixels', () => {
        const middle = heatColour(Math.sqrt(1000));
        heatColour(10).forEach((value, k) => {
            expect(middle[k]).toBeCloseTo((value + (heatColour(100)[k] as number)) / 2, 9);
        });
    });

    it('are the same in WGSL', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { device } = attempt.host;
        const counts = [0, 1, 2, 9, 10, 37, 100, 999, 1000, 123456];
        const code = `${heatColourSource()}
            const COUNTS = array<u32, ${counts.length}>(${counts.map((count) => `${count}u`).join()});
            @group(0) @binding(0) var<storage, read_write> colours: array<vec4f, ${counts.length}>;
            @compute @workgroup_size(${counts.length})
            fn main(@builtin(local_invocation_index) k: u32) { colours[k] = vec4f(heatColour(COUNTS[k]), 1.0); }`;
        const module = device.createShaderModule({ code });
        const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
        const buffer = device.createBuffer({
            size: counts.length * 16,
            usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
        });
        const entries = [{ binding: 0, resource: { buffer } }];
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
        pass.dispatchWorkgroups(1);
        pass.end();
        device.queue.submit([encoder.finish()]);
        const colours = new Float32Array(await readBack(device, buffer));
        counts.forEach((count, k) => {
            heatColour(count).forEach((value, c) => expect(colours[k * 4 + c]).toBeCloseTo(value, 4));
        });
    });
});

describe('the heat map of a head', () => {
    it('counts what the tile rasterizer counts, for the first camera', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, headOf(...known(), { strength: 0 }));
        const buffer = await heatUpAsync(host, head);
        await pictureAsync(host);
        const counts = await countsOf(host, buffer);
        expect(counts).toEqual([...(await drawTiles(host.device, ...known(), FRONT)).counts]);
        expect(counts[IN_FRONT]).toBeGreaterThan(1000);
        expect(counts[HIDDEN]).toBe(0);
        expect(counts[SMALL]).toBeGreaterThan(5);
        expect(counts[SMALL]).toBeLessThan(50);
    });

    it('shows each splat in its colour, the hidden one to a camera behind', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, headOf(...known(), { strength: 0 }));
        const buffer = await heatUpAsync(host, head);
        const pixels = await pictureAsync(host);
        const small = (await countsOf(host, buffer))[SMALL] as number;
        // Alpha is 0.99 where a splat is centred in the pixel; the hidden one's centre is at a corner, where it is 0.95.
        expectColour(pixelAt(pixels, WIDTH, 32, 48), 1000, 6);
        expectColour(pixelAt(pixels, WIDTH, ...SMALL_AT), small, 6);
        expectColour(pixelAt(pixels, WIDTH, 64 + 32, 48), 0, 14);
    });

    it('counts again when the head or the camera has moved, and not otherwise', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, colouredBust());
        head.poseAt(someAudioFeature(3), NEUTRAL);
        const buffer = await heatUpAsync(host, head);
        await pictureAsync(host);
        const before = await countsOf(host, buffer);
        const dispatches = watchDispatches();
        await pictureAsync(host);
        dispatches.stop();
        expect(dispatches.count()).toBe(0);
        head.poseAt(someAudioFeature(8), [0, 0, 0, 0, 0, 1]);
        await pictureAsync(host);
        const posed = await countsOf(host, buffer);
        expect(posed).not.toEqual(before);
        setPinholeCamera(scene?.activeCameras?.[0] as FreeCamera, lookAt([0, 0, 1.2], [0, 0, 0], INTRINSICS));
        await pictureAsync(host);
        const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
        expect(sum(await countsOf(host, buffer))).toBeLessThan(0.5 * sum(posed));
    });

    it('leaves the picture as it was and no buffer when it is switched off', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, colouredBust());
        const before = await pictureAsync(host);
        const buffers = watchBuffers(host.device, 'heat map');
        head.heatMap = true;
        await untilReadyAsync(head);
        const hot = await pictureAsync(host);
        expect(hot).not.toEqual(before);
        expect(buffers.labels()).not.toEqual([]);
        head.heatMap = false;
        await untilReadyAsync(head);
        const after = await pictureAsync(host);
        buffers.stop();
        expect(after).toEqual(before);
        expect(buffers.labels()).toEqual([]);
    });

    it('leaves nothing behind when it is switched off while it compiles', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, colouredBust());
        const buffers = watchBuffers(host.device, 'heat map');
        head.heatMap = true;
        head.heatMap = false;
        head.heatMap = true;
        await untilReadyAsync(head);
        head.dispose();
        await expect.poll(() => buffers.labels()).toEqual([]);
        buffers.stop();
        expect(() => (head.heatMap = true)).toThrow(/expected a live head/);
    });

    it('is drawn by quads, which say so, whatever was asked for', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, colouredBust());
        const reason = head.rendererInfo.reason;
        head.heatMap = true;
        await untilReadyAsync(head);
        expect(head.rendererInfo).toEqual({
            rasterizer: 'quads',
            reason: 'auto was asked for, but the heat map colours quads',
        });
        head.heatMap = false;
        expect(head.rendererInfo.reason).toBe(reason);
    });

    it('goes off with a warning where the picture is larger than the device can count', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, colouredBust());
        const warnings: string[] = [];
        head.onWarningObservable.add((warning) => warnings.push(warning));
        head.heatMap = true;
        await untilReadyAsync(head);
        host.engine.setSize(4352, 4096);
        if (scene) await host.renderAsync(scene);
        expect(head.heatMap).toBe(false);
        expect(warnings).toEqual([
            expect.stringMatching(/^heat map: .*expected.*got.*Splats show their colours again/),
        ]);
    });
});
