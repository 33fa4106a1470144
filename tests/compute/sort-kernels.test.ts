import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
    checkKernelLimits,
    depthKeysActiveKernel,
    depthKeysKernel,
    kernelSource,
    SORT_LAYOUTS,
    SORT_WAYS,
    sortKernels,
} from '../../plugin/compute/index.js';
import { tryGpu, type GpuAttempt } from '../helpers/gpu.js';

/** WebGPU's default limits that concern a compute kernel; every adapter must offer at least these. */
const DEFAULT_LIMITS = {
    maxStorageBuffersPerShaderStage: 8,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupStorageSize: 16_384,
} as GPUSupportedLimits;

const PRECISIONS = ['packed', 'fine'] as const;

let gpu: GpuAttempt = { reason: 'not started' };
beforeAll(async () => {
    gpu = await tryGpu();
});
afterAll(() => {
    if ('device' in gpu) gpu.device.destroy();
});

describe('sort kernels', () => {
    const kernels = [
        depthKeysKernel,
        depthKeysActiveKernel,
        ...PRECISIONS.flatMap((precision) => SORT_WAYS.flatMap((way) => sortKernels(precision, way))),
    ];
    it('are ten: keys of all and of listed splats, one or three kernels a way and precision', () => {
        expect(new Set(kernels.map(kernelSource)).size).toBe(2 + 2 * (1 + 1));
        expect(kernels).toHaveLength(2 + 2 * (1 + 3));
    });

    it.for(kernels)('$entryPoint fits the default limits and parses without warnings', async (kernel, { skip }) => {
        expect(() => checkKernelLimits(DEFAULT_LIMITS, kernel)).not.toThrow();
        if (!('device' in gpu)) return skip(gpu.reason);
        const module = gpu.device.createShaderModule({ code: kernelSource(kernel) });
        expect((await module.getCompilationInfo()).messages.map(({ message }) => message)).toEqual([]);
    });

    it.for(PRECISIONS)('have %s keys of whole digits, depth below the face bit', (precision) => {
        const { depthSteps, depthShift, faceShift, digits } = SORT_LAYOUTS[precision];
        expect(faceShift + 1 - depthShift).toBe(8 * digits);
        expect(depthSteps).toBe(2 ** (faceShift - depthShift) - 1);
    });
});
