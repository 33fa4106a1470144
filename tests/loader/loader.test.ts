import '@babylonjs/core/Loading/loadingScreen.js';
import '@babylonjs/loaders/glTF/2.0/Extensions/KHR_gaussian_splatting.js';
import { NullEngine } from '@babylonjs/core/Engines/nullEngine.js';
import { AppendSceneAsync, ImportMeshAsync, LoadAssetContainerAsync } from '@babylonjs/core/Loading/sceneLoader.js';
import { Scene } from '@babylonjs/core/scene.js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeHead, PgsError } from '../../plugin/core/index.js';
import { registerTalkingHead, TalkingHeadMesh, unregisterTalkingHead } from '../../plugin/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { psnr, referencePicture, stageFor, untilReadyAsync } from '../helpers/stage.js';

const SIZE = 64;
const FRONT = lookAt([0.1, 0.05, 0.6], [0, 0, 0], { fx: 100, fy: 100, cx: 32, cy: 32, width: SIZE, height: SIZE });
const GLB = { pluginExtension: '.glb' } as const;

let attempt: NodeEngineAttempt = { reason: 'not started' };
let scene: Scene;
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
    registerTalkingHead();
    registerTalkingHead();
});
afterEach(() => {
    scene?.dispose();
});
afterAll(() => {
    unregisterTalkingHead();
    if ('host' in attempt) attempt.host.dispose();
});

function glb(): Uint8Array {
    return encodeHead(makeHead({ faceCount: 150, mouthCount: 30, seed: 5 }));
}

/** The head's `.glb` with its JSON part edited, lengths kept true. */
function editJson(bytes: Uint8Array, edit: (json: Record<string, unknown>) => void): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const jsonLength = view.getUint32(12, true);
    const json = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + jsonLength))) as Record<string, unknown>;
    edit(json);
    const text = JSON.stringify(json);
    const padded = new TextEncoder().encode(
        text.padEnd(text.length + ((4 - (new TextEncoder().encode(text).length % 4)) % 4)),
    );
    const rest = bytes.subarray(20 + jsonLength);
    const edited = new Uint8Array(20 + padded.length + rest.length);
    edited.set(bytes.subarray(0, 20));
    edited.set(padded, 20);
    edited.set(rest, 20 + padded.length);
    const header = new DataView(edited.buffer);
    header.setUint32(8, edited.length, true);
    header.setUint32(12, padded.length, true);
    return edited;
}

function headsIn(meshes: readonly unknown[]): TalkingHeadMesh[] {
    return meshes.filter((mesh): mesh is TalkingHeadMesh => mesh instanceof TalkingHeadMesh);
}

/** The reason that the scene loader wraps. */
function reasonOf(error: unknown): unknown {
    const inner = (error as { innerError?: unknown }).innerError;
    return inner === undefined ? error : reasonOf(inner);
}

describe('loading a talking head', () => {
    it.for([{ rightHanded: false }, { rightHanded: true }])(
        'gives one TalkingHeadMesh from bytes, and its picture (right-handed: $rightHanded)',
        async ({ rightHanded }, { skip }) => {
            if (!('host' in attempt)) return skip(attempt.reason);
            const { host } = attempt;
            scene = stageFor(host, FRONT, { rightHanded });
            const { meshes } = await ImportMeshAsync(glb(), scene, GLB);
            const [head, second] = headsIn(meshes);
            expect(second).toBeUndefined();
            expect(meshes.map((mesh) => mesh.getClassName())).toEqual(['Mesh', 'TalkingHeadMesh']);
            expect(scene.meshes.length).toBe(2);
            if (!head) throw new Error('no head');
            await untilReadyAsync(head);
            const instant = { audioFeat: someAudioFeature(2), exprFeat: [1, 0, 0, 0.5, 0, 0.2] };
            head.poseAt(instant.audioFeat, instant.exprFeat);
            await host.renderAsync(scene);
            const { rgb } = referencePicture(head.asset, FRONT, instant);
            expect(psnr(await host.readPixelsAsync(), rgb)).toBeGreaterThan(45);
        },
    );

    it('works from bytes and from a data URL, imported and appended', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        scene = stageFor(attempt.host, FRONT);
        const bytes = glb();
        const url = `data:model/gltf-binary;base64,${Buffer.from(bytes).toString('base64')}`;
        expect(headsIn((await ImportMeshAsync(bytes, scene, GLB)).meshes).length).toBe(1);
        expect(headsIn((await ImportMeshAsync(url, scene)).meshes).length).toBe(1);
        await AppendSceneAsync(url, scene);
        expect(headsIn(scene.meshes).length).toBe(3);
    });

    it('keeps the name and the transform of its node', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        scene = stageFor(attempt.host, FRONT);
        const bytes = editJson(glb(), (json) => {
            json['nodes'] = [{ name: 'ava', mesh: 0, translation: [1, 2, 3] }];
        });
        const [head] = headsIn((await ImportMeshAsync(bytes, scene, GLB)).meshes);
        expect(head?.name).toBe('ava');
        expect(head?.position.asArray()).toEqual([1, 2, 3]);
    });

    it('enters and leaves a scene with its asset container', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { host } = attempt;
        scene = stageFor(host, FRONT);
        const before = [scene.meshes.length, scene.materials.length, scene.geometries.length];
        const container = await LoadAssetContainerAsync(glb(), scene, GLB);
        const counts = (): number[] => [scene.meshes.length, scene.materials.length, scene.geometries.length];
        expect(counts()).toEqual(before);
        const [head] = headsIn(container.meshes);
        if (!head) throw new Error('no head');
        container.addAllToScene();
        expect(scene.meshes).toContain(head);
        await untilReadyAsync(head);
        await host.renderAsync(scene);
        container.removeAllFromScene();
        expect(counts()).toEqual(before);
        await host.renderAsync(scene);
        container.dispose();
        expect(head.isDisposed()).toBe(true);
        expect(counts()).toEqual(before);
    });

    it('reports a fault of the file with its code, and leaves the scene as it was', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        scene = stageFor(attempt.host, FRONT);
        const faults: [string, (json: Record<string, unknown>) => void][] = [
            ['ASSET_VERSION', (json) => (headJson(json)['version'] = 99)],
            ['ASSET_FORMAT', (json) => (headJson(json)['branches'] = null)],
        ];
        for (const [code, edit] of faults) {
            const error: unknown = await ImportMeshAsync(editJson(glb(), edit), scene, GLB).catch(
                (reason: unknown) => reason,
            );
            expect(reasonOf(error)).toBeInstanceOf(PgsError);
            expect(reasonOf(error)).toMatchObject({ code });
            expect(String((error as Error).message)).toContain('PGS_talking_head');
            expect(scene.meshes).toEqual([]);
        }
    });

    it('refuses an engine without WebGPU with a cure, and leaves the scene as it was', async () => {
        scene = new Scene(new NullEngine());
        const error: unknown = await ImportMeshAsync(glb(), scene, GLB).catch((reason: unknown) => reason);
        expect(reasonOf(error)).toMatchObject({ code: 'GPU_UNAVAILABLE' });
        expect((error as Error).message).toContain('WebGPUEngine');
        expect(scene.meshes).toEqual([]);
    });

    it('leaves a plain KHR_gaussian_splatting file to Babylon', async ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        scene = stageFor(attempt.host, FRONT);
        // Babylon's splat mesh sorts in a worker, which Node lacks; nothing is drawn here.
        vi.stubGlobal('Worker', IdleWorker);
        const bytes = editJson(glb(), (json) => {
            json['extensionsUsed'] = ['KHR_gaussian_splatting'];
            delete json['extensions'];
        });
        const { meshes } = await ImportMeshAsync(bytes, scene, GLB);
        expect(headsIn(meshes)).toEqual([]);
        expect(meshes.map((mesh) => mesh.getClassName())).toContain('GaussianSplattingMesh');
        vi.unstubAllGlobals();
    });
});

class IdleWorker {
    public postMessage(): void {
        // Nothing waits for an answer.
    }
    public terminate(): void {
        // Nothing runs.
    }
}

function headJson(json: Record<string, unknown>): Record<string, unknown> {
    return (json['extensions'] as Record<string, Record<string, unknown>>)['PGS_talking_head'] ?? {};
}
