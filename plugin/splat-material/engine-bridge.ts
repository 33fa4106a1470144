import type { AbstractEngine } from '@babylonjs/core/Engines/abstractEngine.js';
import type { BaseTexture } from '@babylonjs/core/Materials/Textures/baseTexture.js';
import { WebGPUDataBuffer } from '@babylonjs/core/Meshes/WebGPU/webgpuDataBuffer.js';
import { PgsError } from '../core/index.js';

/*
 * The one file that reaches into Babylon's internals. Every reach is tested for before use, and
 * tests/splat-material/engine-bridge.test.ts fails when Babylon changes it.
 */

/** What we use of a WebGPU engine beyond its public face. */
interface WebGpuInternals {
    readonly _device?: GPUDevice;
    readonly _viewportCached?: { readonly x: number; readonly y: number; readonly z: number; readonly w: number };
    readonly _renderEncoder?: GPUCommandEncoder;
    _endCurrentRenderPass?(): void;
    setStorageBuffer?(name: string, buffer: { getBuffer(): WebGPUDataBuffer }): void;
}

/** A raw buffer in the clothes that Babylon's bind groups expect. Owns nothing. */
export interface BoundBuffer {
    getBuffer(): WebGPUDataBuffer;
}

/**
 * The engine's WebGPU device, or undefined when the engine is another one.
 *
 * The device changes when the engine recovers from a lost context: ask again then.
 */
export function findGpuDevice(engine: AbstractEngine): GPUDevice | undefined {
    return (engine as unknown as WebGpuInternals)._device;
}

/**
 * The engine's WebGPU device.
 *
 * @throws PgsError `GPU_UNAVAILABLE` - the engine is not a WebGPU engine, or not initialised.
 */
export function requireGpuDevice(engine: AbstractEngine): GPUDevice {
    const device = findGpuDevice(engine);
    if (device && typeof (engine as unknown as WebGpuInternals).setStorageBuffer === 'function') return device;
    throw new PgsError(
        'GPU_UNAVAILABLE',
        `talking head: expected an initialised WebGPU engine, got ${engine.name}. Create the scene with ` +
            '"new WebGPUEngine(canvas)" and "await engine.initAsync()", in a browser with WebGPU (see webgpureport.org).',
    );
}

/** Lets a raw buffer be bound to a material. */
export function wrapBuffer(buffer: GPUBuffer): BoundBuffer {
    const data = new WebGPUDataBuffer(buffer, buffer.size);
    return { getBuffer: () => data };
}

/** Binds a buffer to the material that is being bound. Valid in a material's `onBindObservable` only. */
export function bindStorageBuffer(engine: AbstractEngine, name: string, buffer: BoundBuffer): void {
    (engine as unknown as WebGpuInternals).setStorageBuffer?.(name, buffer);
}

/** The viewport of the pass being recorded: left, bottom, width, height in whole px, as the engine rounds them. */
export function currentViewport(
    engine: AbstractEngine,
    out: { set(x: number, y: number, z: number, w: number): void },
): void {
    const viewport = (engine as unknown as WebGpuInternals)._viewportCached;
    if (viewport && viewport.z > 0) {
        out.set(Math.floor(viewport.x), Math.floor(viewport.y), Math.floor(viewport.z), Math.floor(viewport.w));
    } else {
        out.set(0, 0, engine.getRenderWidth(), engine.getRenderHeight());
    }
}

/**
 * Records compute work where the engine is in its frame, after what it has recorded and before what follows. An open render pass is
 * closed; the engine's next draw opens it again with its content kept.
 *
 * @returns false when the engine has no place for it; then nothing was recorded.
 */
export function recordCompute(
    engine: AbstractEngine,
    descriptor: GPUComputePassDescriptor,
    record: (pass: GPUComputePassEncoder) => void,
): boolean {
    const internals = engine as unknown as WebGpuInternals;
    const encoder = internals._renderEncoder;
    if (!encoder || typeof internals._endCurrentRenderPass !== 'function') return false;
    internals._endCurrentRenderPass();
    const pass = encoder.beginComputePass(descriptor);
    record(pass);
    pass.end();
    return true;
}

/** The device's texture behind a Babylon texture, seen whole; undefined before it exists. */
export function findTextureView(texture: BaseTexture): GPUTextureView | undefined {
    const hardware = texture.getInternalTexture()?._hardwareTexture as { readonly view?: GPUTextureView | null } | null;
    return hardware?.view ?? undefined;
}
