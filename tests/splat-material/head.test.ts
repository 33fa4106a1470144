import '@babylonjs/core/Culling/ray.js';
import '@babylonjs/core/Lights/Shadows/shadowGeneratorSceneComponent.js';
import { type FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { NullEngine } from '@babylonjs/core/Engines/nullEngine.js';
import { DirectionalLight } from '@babylonjs/core/Lights/directionalLight.js';
import { ShadowGenerator } from '@babylonjs/core/Lights/Shadows/shadowGenerator.js';
import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { Axis } from '@babylonjs/core/Maths/math.axis.js';
import { Quaternion, Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { CreateBox } from '@babylonjs/core/Meshes/Builders/boxBuilder.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Camera as Pinhole, HeadAsset, SplatSet } from '../../plugin/core/index.js';
import { CreateTalkingHeadAsync, type TalkingHeadMesh } from '../../plugin/index.js';
import { tryBabylon, type NodeEngine, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { randomSplats } from '../helpers/random-splats.js';
import { oneSplat } from '../helpers/scenes.js';
import { pixelAt, stageFor, untilReadyAsync } from '../helpers/stage.js';

const SIZE = 64;
/** Before the face, 0.6 m away; the middle of the picture looks at the origin. */
const FRONT: Pinhole = lookAt([0, 0, 0.6], [0, 0, 0], { fx: 100, fy: 100, cx: 32, cy: 32, width: SIZE, height: SIZE });
const RED = [1, 0, 0] as const;
const GREEN = [0, 1, 0] as const;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let scene: Scene;
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
    if (!('host' in attempt)) return;
    // Its pipelines stay alive, so the device compiles them once for this file.
    const elsewhere = stageFor(attempt.host, FRONT);
    await CreateTalkingHeadAsync('keeper', headOf(redFace(), emptyMouth()), elsewhere);
});
afterEach(() => {
    scene?.dispose();
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

async function headIn(host: NodeEngine, asset: HeadAsset): Promise<TalkingHeadMesh> {
    scene = stageFor(host, FRONT);
    const head = await CreateTalkingHeadAsync('head', asset, scene);
    await untilReadyAsync(head);
    return head;
}

/** An opaque red face of one splat that fills the middle of the picture. */
function redFace(): SplatSet {
    return oneSplat({ scale: 0.05, logitOpacity: 20, colour: RED });
}

function emptyMouth(): SplatSet {
    return oneSplat({ mean: [0, -0.1, 0], scale: 0.001, logitOpacity: -20 });
}

/** A box that shines in one colour, unlit. */
function greenBox(size: number, z: number): Mesh {
    const box = CreateBox('box', { size }, scene);
    const material = new StandardMaterial('green', scene);
    material.disableLighting = true;
    material.emissiveColor = new Color3(...GREEN);
    box.material = material;
    box.position.z = z;
    return box;
}

async function middlePixel(host: NodeEngine): Promise<[number, number, number]> {
    // The box's shader compiles as long as it likes.
    await host.renderAsync(scene);
    await scene.whenReadyAsync();
    await host.renderAsync(scene);
    return pixelAt(await host.readPixelsAsync(), SIZE, SIZE / 2, SIZE / 2);
}

describe('depth', () => {
    it('is hidden by a box in front', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        await headIn(attempt.host, headOf(redFace(), emptyMouth(), { strength: 0 }));
        greenBox(0.1, 0.2);
        expect(await middlePixel(attempt.host)).toEqual([0, 255, 0]);
    });

    it('hides a wall behind', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        await headIn(attempt.host, headOf(redFace(), emptyMouth(), { strength: 0 }));
        greenBox(0.4, -0.4);
        const [red, green] = await middlePixel(attempt.host);
        expect(red).toBeGreaterThan(245);
        expect(green).toBeLessThan(10);
        const corner = pixelAt(await attempt.host.readPixelsAsync(), SIZE, 9, 9);
        expect(corner).toEqual([0, 255, 0]);
    });

    it('intersects a box: splats before its front face cover it, those behind do not', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        // Front face of the box at z = 0: the near splat left of the middle lies before it, the far one on the right behind.
        const [near, far] = [oneSplat({ mean: [-0.05, 0, 0.02], scale: 0.02, logitOpacity: 20, colour: RED }), oneSplat({ mean: [0.05, 0, -0.02], scale: 0.02, logitOpacity: 20, colour: RED })]; // prettier-ignore
        await headIn(attempt.host, headOf(joined(near, far), emptyMouth(), { strength: 0 }));
        greenBox(0.2, -0.1);
        await middlePixel(attempt.host);
        const pixels = await attempt.host.readPixelsAsync();
        // Camera looks along -z with +x to the right, so x = -0.05 m is 8 px left of the middle.
        expect(pixelAt(pixels, SIZE, 23, 32)[0]).toBeGreaterThan(240);
        expect(pixelAt(pixels, SIZE, 40, 32)).toEqual([0, 255, 0]);
    });
});

describe('Eq. 10', () => {
    it('keeps the mouth behind the face although its splats are nearer', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const mouth = oneSplat({ mean: [0, 0, 0.1], scale: 0.05, logitOpacity: 20, colour: GREEN });
        await headIn(attempt.host, headOf(redFace(), mouth, { strength: 0 }));
        const [red, green] = await middlePixel(attempt.host);
        expect(red).toBeGreaterThan(245);
        expect(green).toBeLessThan(10);
    });

    it('shows the mouth through what the face leaves transparent', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const halfFace = oneSplat({ scale: 0.05, logitOpacity: 0, colour: RED });
        const mouth = oneSplat({ mean: [0, 0, 0.1], scale: 0.05, logitOpacity: 20, colour: GREEN });
        await headIn(attempt.host, headOf(halfFace, mouth, { strength: 0 }));
        const [red, green] = await middlePixel(attempt.host);
        expect(red).toBeCloseTo(128, -1);
        expect(green).toBeCloseTo(126, -1);
    });
});

describe('work queued', () => {
    it('is none where nothing changes, and one submit where something does', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, headOf(randomSplats(50, 1), randomSplats(20, 2)));
        const submits = await countEncoders(host, head.name, async (count) => {
            const after = async (change: () => unknown): Promise<number> => {
                change();
                const before = count();
                await host.renderAsync(scene);
                return count() - before;
            };
            await host.renderAsync(scene);
            await host.renderAsync(scene);
            const camera = scene.activeCamera as FreeCamera;
            return {
                nothing: await after(() => undefined),
                expression: await after(() => (head.expression['AU45'] = 0.5)),
                sameExpression: await after(() => (head.expression['AU45'] = 0.5)),
                speech: await after(() => head.setAudioFeature(someAudioFeature(1))),
                sideways: await after(() => (camera.position.x += 0.01)),
                turned: await after(() =>
                    camera.rotationQuaternion?.multiplyInPlace(Quaternion.RotationAxis(Axis.Y, 0.1)),
                ),
                headTurned: await after(() => (head.rotation.y = 0.3)),
                headMoved: await after(() => (head.position.x = 0.02)),
                hidden: await after(() => {
                    head.setEnabled(false);
                    head.expression['AU45'] = 0.1;
                }),
            };
        });
        expect(submits).toEqual({
            nothing: 0,
            expression: 1,
            sameExpression: 0,
            speech: 1,
            sideways: 0,
            turned: 1,
            headTurned: 1,
            headMoved: 0,
            hidden: 1,
        });
        // A hidden head rests soon: the first frames still serve what was drawn just before.
        const idle = await countEncoders(host, head.name, async (count) => {
            for (let frame = 0; frame < 4; frame++) await host.renderAsync(scene);
            const before = count();
            head.expression['AU45'] = 0.9;
            await host.renderAsync(scene);
            return count() - before;
        });
        expect(idle).toBe(0);
    });
});

describe('a head as a Babylon mesh', () => {
    it('is picked, has the asset bounds, and casts shadows', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, headOf(randomSplats(200, 3), randomSplats(20, 4)));
        const light = new DirectionalLight('sun', new Vector3(0, -1, -0.5), scene);
        const shadows = new ShadowGenerator(64, light);
        shadows.transparencyShadow = true;
        shadows.addShadowCaster(head);
        const floor = greenBox(1, -0.8);
        floor.receiveShadows = true;
        for (let frame = 0; frame < 3; frame++) await host.renderAsync(scene);
        expect(scene.pick(SIZE / 2, SIZE / 2).pickedMesh).toBe(head);
        expect(
            head
                .getBoundingInfo()
                .boundingBox.maximum.asArray()
                .map((x) => x.toFixed(3)),
        ).toEqual(['0.160', '0.160', '0.160']);
        expect(head.getTotalIndices() / 3).toBeGreaterThan(100);
        expect(head.getTotalIndices() / 3).toBeLessThan(500);
    });

    it('drives its expression by numbers: clamped, enumerable, NaN refused', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const head = await headIn(attempt.host, headOf(randomSplats(8, 5), randomSplats(8, 6)));
        expect(Object.keys(head.expression)).toEqual(head.expressionNames);
        head.expression['AU45'] = 7;
        expect(head.expression['AU45']).toBe(1);
        expect(() => (head.expression['AU45'] = NaN)).toThrow(
            expect.objectContaining({ code: 'OPTION_VALUE' }) as Error,
        );
        expect(() => head.setAudioFeature([1, 2])).toThrow(expect.objectContaining({ code: 'OPTION_VALUE' }) as Error);
        expect(() => head.clone()).toThrow(expect.objectContaining({ code: 'OPTION_VALUE' }) as Error);
        expect(head.expression['AU45']).toBe(1);
    });

    it('says what draws it', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const head = await headIn(attempt.host, headOf(randomSplats(8, 5), randomSplats(9, 6)));
        expect(head.rendererInfo.rasterizer).toBe('quads');
        expect(head.splatCount).toBe(17);
        expect(head.getClassName()).toBe('TalkingHeadMesh');
    });

    it('leaves nothing when disposed, and refuses to be used again', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        scene = stageFor(host, FRONT);
        const counts = (): number[] => [
            scene.meshes.length,
            scene.materials.length,
            scene.geometries.length,
            scene.textures.length,
            scene.onBeforeRenderObservable.observers.length,
            host.engine.onContextLostObservable.observers.length,
            host.engine.onContextRestoredObservable.observers.length,
        ];
        await settled();
        const before = counts();
        const alive = await countBuffers(
            host,
            async () => {
                const head = await CreateTalkingHeadAsync(
                    'head',
                    headOf(randomSplats(50, 7), randomSplats(9, 8)),
                    scene,
                );
                await untilReadyAsync(head);
                await host.renderAsync(scene);
                head.dispose();
                head.dispose();
                await settled();
                for (const use of [
                    () => head.setAudioFeature(null),
                    () => head.poseAt([], []),
                    () => (head.deformationEnabled = false),
                    () => head.voice.stop(),
                ]) {
                    // prettier-ignore
                    expect(use).toThrow(expect.objectContaining({ code: 'DISPOSED' }) as Error);
                }
                await expect(head.whenPoseableAsync()).rejects.toMatchObject({ code: 'DISPOSED' });
            },
            'head',
        );
        expect(alive).toBe(0);
        expect(counts()).toEqual(before);
        await host.renderAsync(scene);
    });

    it('can be disposed while it is still starting', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        scene = stageFor(host, FRONT);
        const alive = await countBuffers(
            host,
            async () => {
                const head = CreateTalkingHeadAsync('head', headOf(randomSplats(50, 7), randomSplats(9, 8)), scene);
                while (scene.meshes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
                scene.meshes[0]?.dispose();
                await head.catch(() => undefined);
                await new Promise((resolve) => setTimeout(resolve, 1));
            },
            'head',
        );
        expect(alive).toBe(0);
    });

    it('refills its GPU memory after a lost device', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        const head = await headIn(host, headOf(redFace(), emptyMouth(), { strength: 0 }));
        expect((await middlePixel(host))[0]).toBeGreaterThan(245);
        // What the engine tells on a loss and after its recovery; the device itself is kept here.
        host.engine.onContextLostObservable.notifyObservers(host.engine);
        expect(head.isReady()).toBe(false);
        await host.renderAsync(scene);
        host.engine.onContextRestoredObservable.notifyObservers(host.engine);
        await head.whenPoseableAsync();
        await untilReadyAsync(head);
        expect((await middlePixel(host))[0]).toBeGreaterThan(245);
    });

    it('is refused with a cure on an engine without WebGPU', async () => {
        const engine = new NullEngine();
        scene = new Scene(engine);
        const asset = headOf(randomSplats(8, 5), randomSplats(8, 6));
        await expect(CreateTalkingHeadAsync('head', asset, scene)).rejects.toMatchObject({
            code: 'GPU_UNAVAILABLE',
            message: expect.stringContaining('WebGPUEngine') as string,
        });
        expect(scene.meshes).toEqual([]);
    });
});

/** Babylon unregisters observers, and a head frees its buffers, after the current task. */
function settled(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 5));
}

function joined(a: SplatSet, b: SplatSet): SplatSet {
    const both = (pick: (set: SplatSet) => Float32Array): Float32Array => Float32Array.from([...pick(a), ...pick(b)]);
    return {
        count: a.count + b.count,
        shDegree: 0,
        means: both((set) => set.means),
        quats: both((set) => set.quats),
        logScales: both((set) => set.logScales),
        logitOpacities: both((set) => set.logitOpacities),
        sh: both((set) => set.sh),
    };
}

/** Gives `work` the number of command encoders made so far under a label. */
async function countEncoders<T>(
    host: NodeEngine,
    label: string,
    work: (count: () => number) => Promise<T>,
): Promise<T> {
    const { device } = host;
    const create = device.createCommandEncoder.bind(device);
    let encoders = 0;
    device.createCommandEncoder = (descriptor) => {
        if (descriptor?.label === label) encoders++;
        return create(descriptor);
    };
    try {
        return await work(() => encoders);
    } finally {
        device.createCommandEncoder = create;
    }
}

/** Runs `work`; returns how many of the buffers that it made under a label are not destroyed. Fails if it made none. */
async function countBuffers(host: NodeEngine, work: () => Promise<void>, label: string): Promise<number> {
    const { device } = host;
    const create = device.createBuffer.bind(device);
    const alive = new Set<GPUBuffer>();
    let made = 0;
    device.createBuffer = (descriptor) => {
        const buffer = create(descriptor);
        if (!descriptor.label?.startsWith(`${label} `)) return buffer;
        made++;
        alive.add(buffer);
        const destroy = buffer.destroy.bind(buffer);
        buffer.destroy = () => {
            alive.delete(buffer);
            return destroy();
        };
        return buffer;
    };
    try {
        await work();
    } finally {
        device.createBuffer = create;
    }
    expect(made).toBeGreaterThan(5);
    return alive.size;
}
