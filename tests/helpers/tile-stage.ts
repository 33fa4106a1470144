import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { CreateBox } from '@babylonjs/core/Meshes/Builders/boxBuilder.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { Camera as Pinhole, HeadAsset } from '../../plugin/core/index.js';
import { CreateTalkingHeadAsync, type TalkingHeadMesh } from '../../plugin/index.js';
import type { NodeEngine } from './babylon-node.js';
import { headOf } from './head-of.js';
import { randomSplats } from './random-splats.js';
import { oneSplat } from './scenes.js';
import { stageFor, untilReadyAsync } from './stage.js';

/** A head drawn with tiles, in a scene of its own. */
export interface TileStage {
    readonly host: NodeEngine;
    readonly scene: Scene;
    readonly head: TalkingHeadMesh;
}

/** A red ball of one splat, 5 cm, at the origin; it does not move when it speaks. */
export function redBall(): HeadAsset {
    const face = oneSplat({ scale: 0.05, logitOpacity: 20, colour: [1, 0, 0] });
    return headOf(face, oneSplat({ mean: [0, -0.1, 0], scale: 0.001, logitOpacity: -20 }), { strength: 0 });
}

/** 300 face and 80 mouth splats that speech moves, seeds 31 and 32. */
export function colouredBust(): HeadAsset {
    const face = randomSplats(300, 31, { shDegree: 3, centre: [0.01, 0.02, 0], size: 0.01 });
    return headOf(face, randomSplats(80, 32, { shDegree: 1, radius: 0.03, centre: [0, -0.03, 0.08] }));
}

/** Puts a head before a pinhole camera. */
export async function tileStageAsync(
    host: NodeEngine,
    asset: HeadAsset,
    pinhole: Pinhole,
    options: { rightHanded?: boolean } = {},
): Promise<TileStage> {
    const scene = stageFor(host, pinhole, options);
    const head = await CreateTalkingHeadAsync('head', asset, scene, { rasterizer: 'tile' });
    await untilReadyAsync(head);
    return { host, scene, head };
}

/** Software rendering compiles the tile kernels in half a minute, and in minutes where other tests use the cores. */
export const COMPILE_MS = 400_000;

/** Compiles what tiles need, in a scene that stays, so that the device does it once for all tests of a file. */
export async function keepPipelinesAsync(host: NodeEngine, pinhole: Pinhole): Promise<void> {
    const stage = await tileStageAsync(host, redBall(), pinhole);
    greenBox(stage.scene, 0.01, [0, 0, -0.2]);
    await settledPicture(stage);
}

/**
 * The picture once everything is compiled: a frame tells the head its cameras, so that their depth passes exist; two more, because
 * the depth pass learns in one frame that its shaders are ready, and tiles draw in the next.
 */
export async function settledPicture({ host, scene }: Pick<TileStage, 'host' | 'scene'>): Promise<Uint8Array> {
    await host.renderAsync(scene);
    await scene.whenReadyAsync(true);
    for (let frame = 0; frame < 3; frame++) await host.renderAsync(scene);
    return host.readPixelsAsync();
}

/** The pictures of quads and of tiles in the same scene; leaves tiles drawing. */
export async function bothPictures(stage: TileStage): Promise<{ tiles: Uint8Array; quads: Uint8Array }> {
    stage.head.rasterizer = 'quads';
    const quads = await settledPicture(stage);
    stage.head.rasterizer = 'tile';
    await untilReadyAsync(stage.head);
    return { tiles: await settledPicture(stage), quads };
}

/** PSNR of two pictures of bytes, dB. */
export function agreement(picture: Uint8Array, other: Uint8Array): number {
    let square = 0;
    for (let k = 0; k < picture.length; k++) square += ((picture[k] as number) - (other[k] as number)) ** 2;
    return 20 * Math.log10(255) - 10 * Math.log10(square / picture.length);
}

/** Bytes in which two pictures differ; all of them where their sizes do. */
export function differences(picture: Uint8Array, other: Uint8Array): number {
    if (picture.length !== other.length) return Math.max(picture.length, other.length);
    return picture.reduce((count, value, at) => count + (value === other[at] ? 0 : 1), 0);
}

/** An unlit green box; `alpha` below 1 makes it transparent. */
export function greenBox(scene: Scene, size: number, at: readonly [number, number, number], alpha = 1): Mesh {
    const mesh = CreateBox('box', { size }, scene);
    mesh.position.set(...at);
    const material = new StandardMaterial('box', scene);
    material.disableLighting = true;
    material.emissiveColor = new Color3(0, 1, 0);
    material.alpha = alpha;
    mesh.material = material;
    return mesh;
}

/** Counts the dispatches of every compute pass until `stop` is called. */
export function watchDispatches(): { readonly count: () => number; readonly stop: () => void } {
    // Of the class: the engine makes the encoder of a frame when it ends the one before.
    const passes = GPUComputePassEncoder.prototype;
    const { dispatchWorkgroups } = passes;
    let count = 0;
    passes.dispatchWorkgroups = function (...size) {
        count++;
        return dispatchWorkgroups.apply(this, size);
    };
    return { count: () => count, stop: () => (passes.dispatchWorkgroups = dispatchWorkgroups) };
}

/** The labels with `part` in them of the buffers that a device makes from now on and that still live. */
export function watchBuffers(
    device: GPUDevice,
    part: string,
): { readonly labels: () => string[]; readonly stop: () => void } {
    const createBuffer = device.createBuffer.bind(device);
    const alive = new Set<GPUBuffer>();
    device.createBuffer = (descriptor) => {
        const buffer = createBuffer(descriptor);
        if (!descriptor.label?.includes(part)) return buffer;
        alive.add(buffer);
        const destroy = buffer.destroy.bind(buffer);
        buffer.destroy = () => {
            alive.delete(buffer);
            destroy();
        };
        return buffer;
    };
    return { labels: () => [...alive].map(({ label }) => label), stop: () => (device.createBuffer = createBuffer) };
}
