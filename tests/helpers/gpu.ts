import { existsSync } from 'node:fs';
import { create, globals } from 'webgpu';

/** SwiftShader's Vulkan driver as Debian's and Ubuntu's Chromium package ships it. */
const SWIFTSHADER_ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** A device, or why there is none; tests pass the reason to `skip`. */
export type GpuAttempt = { readonly device: GPUDevice } | { readonly reason: string };

/** Reference counts keep Dawn's instance alive for as long as the worker: its destructor ends live devices. */
let instance: GPU | undefined;

/** The WebGPU entry point for Node, software-rendered where no GPU driver is set up. */
export function nodeGpu(): GPU {
    if (process.env['VK_ICD_FILENAMES'] === undefined && existsSync(SWIFTSHADER_ICD)) {
        process.env['VK_ICD_FILENAMES'] = SWIFTSHADER_ICD;
    }
    Object.assign(globalThis, globals);
    // SwiftShader unrolls the zeroing of workgroup memory otherwise: seconds a kernel instead of a fifth of one.
    const toggle = 'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension';
    instance ??= create(['backend=vulkan', toggle]);
    return instance;
}

/**
 * A device with WebGPU's default limits and no optional feature.
 *
 * With `PGS_REQUIRE_GPU=1` a missing adapter throws, so that a lane which promises parity tests cannot pass without them.
 */
export async function tryGpu(descriptor?: GPUDeviceDescriptor): Promise<GpuAttempt> {
    let reason = 'no WebGPU adapter (set VK_ICD_FILENAMES to a Vulkan driver)';
    try {
        const adapter = await nodeGpu().requestAdapter();
        if (adapter !== null) return { device: await adapter.requestDevice(descriptor) };
    } catch (error) {
        reason = `WebGPU failed to start: ${(error as Error).message}`;
    }
    if (process.env['PGS_REQUIRE_GPU'] === '1') throw new Error(`PGS_REQUIRE_GPU=1, but ${reason}`);
    return { reason };
}

/** Copies a GPU buffer back; `bytes` defaults to all of it. */
export async function readBack(
    device: GPUDevice,
    buffer: GPUBuffer,
    bytes: number = buffer.size,
): Promise<ArrayBuffer> {
    const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const copy = staging.getMappedRange().slice(0);
    staging.destroy();
    return copy;
}

/** Runs `work` and fails on the first validation error that the device reports in it. */
export async function withValidation<T>(device: GPUDevice, work: () => Promise<T> | T): Promise<T> {
    device.pushErrorScope('validation');
    const result = await work();
    const error = await device.popErrorScope();
    if (error !== null) throw new Error(`WebGPU validation: ${error.message}`);
    return result;
}
