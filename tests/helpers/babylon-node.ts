import { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { nodeGpu, tryGpu } from './gpu.js';

/** A Babylon engine in Node that draws into a texture, and the means to look at what it drew. */
export interface NodeEngine {
    readonly engine: WebGPUEngine;
    /** The engine's device; another one after a lost context. */
    readonly device: GPUDevice;
    /** Renders one frame and waits for the GPU. Fails on WebGPU validation errors. */
    renderAsync(scene: Scene): Promise<void>;
    /** The last frame at the canvas's size `[height, width, 4]`, RGBA 0..255, top row first. */
    readPixelsAsync(): Promise<Uint8Array>;
    dispose(): void;
}

/** An engine, or why there is none. */
export type NodeEngineAttempt = { readonly host: NodeEngine } | { readonly reason: string };

interface FakeCanvas {
    readonly canvas: HTMLCanvasElement;
    texture(): GPUTexture;
}

/**
 * Starts Babylon on Node's WebGPU with default limits, and one sample a pixel unless `antialias` is set.
 *
 * What Node lacks is filled in: a navigator, a canvas, and the `forEach` that webgpu 0.6.2 leaves out of its feature sets.
 */
export async function tryBabylon(
    width: number,
    height: number,
    { antialias = false }: { antialias?: boolean } = {},
): Promise<NodeEngineAttempt> {
    const attempt = await tryGpu();
    if ('reason' in attempt) return attempt;
    attempt.device.destroy();
    const gpu = nodeGpu();
    patchFeatureSets(gpu);
    Object.defineProperty(globalThis, 'navigator', {
        value: { gpu, userAgent: 'node', platform: 'node', language: 'en', hardwareConcurrency: 2 },
        configurable: true,
    });
    const { canvas, texture } = fakeCanvas(width, height);
    const engine = new WebGPUEngine(canvas, { antialias, stencil: false });
    await engine.initAsync();
    const deviceNow = (): GPUDevice => (engine as unknown as { _device: GPUDevice })._device;
    return {
        host: {
            engine,
            get device() {
                return deviceNow();
            },
            renderAsync: async (scene) => {
                const device = deviceNow();
                device.pushErrorScope('validation');
                engine.beginFrame();
                scene.render();
                engine.endFrame();
                await device.queue.onSubmittedWorkDone();
                const error = await device.popErrorScope();
                if (error !== null) throw new Error(`WebGPU validation: ${error.message}`);
            },
            readPixelsAsync: () => readTexture(deviceNow(), texture()),
            dispose: () => {
                engine.dispose();
            },
        },
    };
}

let isPatched = false;

function patchFeatureSets(gpu: GPU): void {
    if (isPatched) return;
    isPatched = true;
    const withSet = <T extends object>(owner: T & { readonly features: unknown }): T => {
        const features = new Set(owner.features as Iterable<string>);
        Object.defineProperty(owner, 'features', { value: features });
        return owner;
    };
    const requestAdapter = gpu.requestAdapter.bind(gpu);
    gpu.getPreferredCanvasFormat = () => 'bgra8unorm';
    gpu.requestAdapter = async (options) => {
        const adapter = await requestAdapter(options);
        if (adapter === null) return null;
        const requestDevice = adapter.requestDevice.bind(adapter);
        Object.defineProperty(adapter, 'requestDevice', {
            value: async (descriptor?: GPUDeviceDescriptor) => withSet(await requestDevice(descriptor)),
        });
        return withSet(adapter);
    };
}

/** A canvas whose texture follows its size, as a browser's does, but never has no pixels: browsers call that an error. */
function fakeCanvas(width: number, height: number): FakeCanvas {
    let texture: GPUTexture | undefined;
    let configured: GPUCanvasConfiguration | undefined;
    const currentTexture = (): GPUTexture => {
        if (!configured) throw new Error('the canvas was never configured');
        const [wide, high] = [Math.max(1, canvas.width), Math.max(1, canvas.height)];
        if (texture?.width === wide && texture.height === high) return texture;
        texture?.destroy();
        const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC | GPUTextureUsage.TEXTURE_BINDING;
        texture = configured.device.createTexture({
            label: 'canvas',
            size: [wide, high],
            format: configured.format,
            usage,
        });
        return texture;
    };
    const context = {
        configure: (configuration: GPUCanvasConfiguration) => {
            texture?.destroy();
            texture = undefined;
            configured = configuration;
        },
        unconfigure: () => undefined,
        getCurrentTexture: currentTexture,
    };
    const canvas = {
        width,
        height,
        clientWidth: width,
        clientHeight: height,
        style: {},
        addEventListener: () => undefined,
        removeEventListener: () => undefined,
        setAttribute: () => undefined,
        getBoundingClientRect: () => ({ left: 0, top: 0, x: 0, y: 0, width, height, right: width, bottom: height }),
        getContext: (kind: string) => (kind === 'webgpu' ? context : null),
    };
    return { canvas: canvas as unknown as HTMLCanvasElement, texture: currentTexture };
}

async function readTexture(device: GPUDevice, texture: GPUTexture): Promise<Uint8Array> {
    const { width, height } = texture;
    const bytesPerRow = Math.ceil((width * 4) / 256) * 256;
    const buffer = device.createBuffer({
        size: bytesPerRow * height,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const encoder = device.createCommandEncoder();
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
    device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const rows = new Uint8Array(buffer.getMappedRange());
    const pixels = new Uint8Array(width * height * 4);
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            const [from, to] = [y * bytesPerRow + x * 4, (y * width + x) * 4];
            // The canvas is bgra.
            pixels[to] = rows[from + 2] as number;
            pixels[to + 1] = rows[from + 1] as number;
            pixels[to + 2] = rows[from] as number;
            pixels[to + 3] = rows[from + 3] as number;
        }
    }
    buffer.destroy();
    return pixels;
}
