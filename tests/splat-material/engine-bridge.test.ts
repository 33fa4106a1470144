import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { NullEngine } from '@babylonjs/core/Engines/nullEngine.js';
import { Matrix, Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Scene } from '@babylonjs/core/scene.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Camera } from '../../plugin/core/index.js';
import {
    currentViewport,
    findGpuDevice,
    headToLocal,
    requireGpuDevice,
    setPinholeCamera,
    wrapBuffer,
} from '../../plugin/splat-material/index.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { lookAt } from '../helpers/look-at.js';

let attempt: NodeEngineAttempt = { reason: 'not started' };
beforeAll(async () => {
    attempt = await tryBabylon(48, 32);
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

// These fail when a new Babylon renames what the bridge reaches for.
describe('engine bridge', () => {
    it('finds the device of a WebGPU engine', ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        expect(requireGpuDevice(attempt.host.engine)).toBe(attempt.host.device);
    });

    it('refuses another engine, with a cure', () => {
        const engine = new NullEngine();
        expect(findGpuDevice(engine)).toBeUndefined();
        expect(() => requireGpuDevice(engine)).toThrow(
            expect.objectContaining({
                code: 'GPU_UNAVAILABLE',
                message: expect.stringMatching(/got WebGL.*WebGPUEngine/) as string,
            }) as Error,
        );
    });

    it('reads the viewport that the engine was given, in whole px', ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const { engine } = attempt.host;
        const seen: number[] = [];
        engine.setViewport({ x: 0.25, y: 0.5, width: 0.5, height: 0.5 }, 41, 32);
        currentViewport(engine, { set: (...values) => seen.push(...values) });
        expect(seen).toEqual([10, 16, 20, 16]);
    });

    it('gives Babylon a raw buffer without owning it', ({ skip }) => {
        if (!('host' in attempt)) return skip(attempt.reason);
        const buffer = attempt.host.device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
        const bound = wrapBuffer(buffer);
        expect(bound.getBuffer().underlyingResource).toBe(buffer);
        expect(bound.getBuffer()).toBe(bound.getBuffer());
        buffer.destroy();
    });
});

describe('space', () => {
    it('mirrors x where a left-handed scene has no other flip, and only there', () => {
        const scene = new Scene(new NullEngine());
        expect(headToLocal(scene, 'scene').determinant()).toBe(-1);
        expect(headToLocal(scene, 'gltf').isIdentity()).toBe(true);
        scene.useRightHandedSystem = true;
        expect(headToLocal(scene, 'scene').isIdentity()).toBe(true);
    });

    it.for([{ rightHanded: false }, { rightHanded: true }])(
        'projects through a Babylon camera where the pinhole projects (right-handed: $rightHanded)',
        ({ rightHanded }, { skip }) => {
            if (!('host' in attempt)) return skip(attempt.reason);
            const scene = new Scene(attempt.host.engine);
            scene.useRightHandedSystem = rightHanded;
            const size = { width: 48, height: 32 };
            const pinhole: Camera = lookAt([0.3, 0.2, 0.7], [0.02, 0, 0], { fx: 50, fy: 45, cx: 20, cy: 18, ...size });
            const camera = new FreeCamera('camera', Vector3.Zero(), scene);
            setPinholeCamera(camera, pinhole);
            const point = [0.05, -0.04, 0.08] as const;
            const world = Vector3.TransformCoordinates(Vector3.FromArray(point), headToLocal(scene, 'scene'));
            const transform = camera.getViewMatrix().multiply(camera.getProjectionMatrix());
            const ndc = Vector3.TransformCoordinates(world, transform);
            const row = (r: number): number =>
                [0, 1, 2].reduce(
                    (sum, c) => sum + Number(pinhole.viewmat[r * 4 + c]) * (point[c] as number),
                    Number(pinhole.viewmat[r * 4 + 3]),
                );
            const depth = row(2);
            expect((ndc.x * 0.5 + 0.5) * size.width).toBeCloseTo((pinhole.fx * row(0)) / depth + pinhole.cx, 3);
            expect((0.5 - ndc.y * 0.5) * size.height).toBeCloseTo((pinhole.fy * row(1)) / depth + pinhole.cy, 3);
            expect(Math.abs(Matrix.FromArray(camera.getViewMatrix().asArray()).determinant())).toBeCloseTo(1, 5);
            scene.dispose();
        },
    );
});
