import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    checkKernelLimits,
    compileKernelAsync,
    defineKernel,
    depthKeysKernel,
    GpuArena,
    GpuTimer,
    kernelSource,
    packHalves,
    readOnly,
    readWrite,
    sortPackedKernel,
    sortWideKernels,
    uniform,
    workgroupsFor,
    type KernelSpec,
} from '../../plugin/compute/index.js';
import { blendKeysKernel, deformKernel } from '../../plugin/deformer/index.js';
import { tryGpu, withValidation, type GpuAttempt } from '../helpers/gpu.js';

/** WebGPU's default limits that concern a compute kernel; every adapter must offer at least these. */
const DEFAULT_LIMITS = {
    maxStorageBuffersPerShaderStage: 8,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupStorageSize: 16_384,
} as GPUSupportedLimits;

const KERNELS: readonly KernelSpec[] = [
    depthKeysKernel,
    sortPackedKernel,
    ...sortWideKernels,
    deformKernel('face', 'f32'),
    deformKernel('face', 'f16'),
    deformKernel('mouth', 'f32'),
    deformKernel('mouth', 'f16'),
    blendKeysKernel,
];

let gpu: GpuAttempt = { reason: 'not started' };
beforeAll(async () => {
    gpu = await tryGpu();
});
afterAll(() => {
    if ('device' in gpu) gpu.device.destroy();
});

describe('kernels', () => {
    it.for(KERNELS)('$entryPoint fits the default limits and parses without warnings', async (kernel, { skip }) => {
        expect(() => checkKernelLimits(DEFAULT_LIMITS, kernel)).not.toThrow();
        if (!('device' in gpu)) return skip(gpu.reason);
        const module = gpu.device.createShaderModule({ code: kernelSource(kernel) });
        expect((await module.getCompilationInfo()).messages.map(({ message }) => message)).toEqual([]);
    });

    it('puts bindings in order of declaration, after the prelude', () => {
        const kernel = defineKernel({
            entryPoint: 'k',
            source: '@compute @workgroup_size(1) fn k() {}',
            bindings: { params: uniform('SortPass'), from: readOnly('u32'), to: readWrite('vec4f') },
            workgroupSize: 1,
        });
        const lines = kernelSource(kernel).split('\n');
        expect(lines.filter((line) => line.startsWith('@group'))).toEqual([
            '@group(0) @binding(0) var<uniform> params: SortPass;',
            '@group(0) @binding(1) var<storage, read> from: array<u32>;',
            '@group(0) @binding(2) var<storage, read_write> to: array<vec4f>;',
        ]);
    });

    it('refuses a source with bindings of its own', () => {
        const source = '@group(0) @binding(0) var<uniform> x: f32;';
        expect(() => defineKernel({ entryPoint: 'k', source, bindings: {}, workgroupSize: 1 })).toThrow('bindings');
    });

    it('refuses a device that is too small, with both numbers', () => {
        const limits = { ...DEFAULT_LIMITS, maxComputeWorkgroupStorageSize: 4096 } as GPUSupportedLimits;
        expect(() => checkKernelLimits(limits, sortPackedKernel)).toThrow(
            expect.objectContaining({
                code: 'GPU_LIMIT',
                message: expect.stringMatching(/10240.*4096/) as string,
            }) as Error,
        );
    });

    it('reports what the compiler says about a broken shader', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const source = '@compute @workgroup_size(1) fn broken() { let x: u32 = 1.5; }';
        const kernel = defineKernel({ entryPoint: 'broken', source, bindings: {}, workgroupSize: 1 });
        gpu.device.pushErrorScope('validation');
        await expect(compileKernelAsync(gpu.device, kernel)).rejects.toMatchObject({ code: 'GPU_UNAVAILABLE' });
        await gpu.device.popErrorScope();
    });
});

describe('arena', () => {
    it('counts what it holds and frees all of it', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        await withValidation(device, () => {
            const arena = new GpuArena(device, 'arena');
            arena.storage('empty', 0);
            arena.storage('odd', new Uint8Array(5));
            arena.uniform('params', 16);
            expect([arena.bufferCount, arena.bytes]).toEqual([3, 4 + 8 + 16]);
            arena.dispose();
            arena.dispose();
            expect([arena.bufferCount, arena.bytes]).toEqual([0, 0]);
        });
    });

    it('refuses a buffer larger than a binding, with both numbers', ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        const limit = device.limits.maxUniformBufferBindingSize;
        const arena = new GpuArena(device, 'arena');
        expect(() => arena.uniform('huge', limit + 4)).toThrow(
            expect.objectContaining({
                code: 'GPU_LIMIT',
                message: expect.stringContaining(String(limit + 4)) as string,
            }) as Error,
        );
        expect(arena.bufferCount).toBe(0);
    });
});

describe('timer', () => {
    it('measures a pass where the device has timestamps, and does nothing where it has none', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const timed = await tryGpu({ requiredFeatures: ['timestamp-query'] }).catch(() => undefined);
        for (const device of timed && 'device' in timed ? [gpu.device, timed.device] : [gpu.device]) {
            const arena = new GpuArena(device, 'timer');
            const timer = new GpuTimer(device, arena);
            await withValidation(device, async () => {
                for (let frame = 0; frame < 3; frame++) {
                    const encoder = device.createCommandEncoder();
                    encoder.beginComputePass(timer.describe('timed')).end();
                    timer.resolve(encoder);
                    device.queue.submit([encoder.finish()]);
                    timer.collect();
                    await device.queue.onSubmittedWorkDone();
                    await new Promise((resolve) => setTimeout(resolve, 20));
                }
            });
            if (device.features.has('timestamp-query')) expect(timer.milliseconds).toBeGreaterThanOrEqual(0);
            else expect(timer.milliseconds).toBeUndefined();
            timer.dispose();
            arena.dispose();
        }
        if (timed && 'device' in timed) timed.device.destroy();
    });
});

describe('halves', () => {
    it('rounds to nearest even, keeps zeros, subnormals, infinities and NaN', () => {
        const cases: [number, number][] = [
            [0, 0x0000],
            [-0, 0x8000],
            [1, 0x3c00],
            [-2, 0xc000],
            [65504, 0x7bff],
            [65519, 0x7bff],
            [65520, 0x7c00],
            [Infinity, 0x7c00],
            [-Infinity, 0xfc00],
            [NaN, 0x7e00],
            [2 ** -14, 0x0400],
            [2 ** -24, 0x0001],
            [2 ** -25, 0x0000],
            [1.5 * 2 ** -24, 0x0002],
            [1 + 2 ** -11, 0x3c00],
            [1 + 3 * 2 ** -11, 0x3c02],
            [0.333251953125, 0x3555],
        ];
        expect([...packHalves(cases.map(([value]) => value))]).toEqual(cases.map(([, bits]) => bits));
    });
});

describe('workgroups', () => {
    it('covers every item, and is never none', () => {
        expect([0, 1, 64, 65].map((items) => workgroupsFor(items, 64))).toEqual([1, 1, 1, 2]);
    });
});
