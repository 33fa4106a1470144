import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { CreateBox } from '@babylonjs/core/Meshes/Builders/boxBuilder.js';
import { Scene } from '@babylonjs/core/scene.js';
import { OrtEncoder, type EncoderProvider } from '../../../plugin/audio/ort/index.js';
import { isBufferOf } from '../../../plugin/audio/ort/shared-device.js';
import { AUDIO_FEAT_DIM } from '../../../plugin/core/index.js';
import { requireGpuDevice } from '../../../plugin/splat-material/index.js';

/** What the engine's device was asked for since the page started. */
export interface DeviceCounts {
    computePipelines: number;
    submits: number;
    errors: string[];
}

/** The page under test, driven from Node: a Babylon scene with a box, and an encoder beside it. */
export class OrtPage {
    public readonly counts: DeviceCounts = { computePipelines: 0, submits: 0, errors: [] };
    #scene: Scene | undefined;
    #device: GPUDevice | undefined;
    #encoder: OrtEncoder | undefined;
    #onSubmit: (() => void) | undefined;

    public async startAsync(): Promise<void> {
        const engine = new WebGPUEngine(document.getElementById('canvas') as HTMLCanvasElement, {
            antialias: false,
            doNotHandleContextLost: true,
        });
        await engine.initAsync();
        const scene = new Scene(engine);
        new FreeCamera('camera', new Vector3(0, 0, -3), scene).minZ = 0.1;
        const material = new StandardMaterial('box', scene);
        material.disableLighting = true;
        CreateBox('box', { size: 1 }, scene).material = material;
        this.#scene = scene;
        this.#device = requireGpuDevice(engine);
        this.#count(this.#device);
    }

    /** Draws the box in a colour, and leaves the frame on the canvas. */
    public async drawAsync(red: number, green: number, blue: number): Promise<void> {
        const scene = this.#scene as Scene;
        (scene.getMaterialByName('box') as StandardMaterial).emissiveColor = new Color3(red, green, blue);
        await scene.whenReadyAsync();
        for (let frame = 0; frame < 3; frame++) {
            await new Promise((resolve) => requestAnimationFrame(resolve));
            scene.getEngine().beginFrame();
            scene.render();
            scene.getEngine().endFrame();
        }
    }

    /** Opens the encoder on the engine's device, or on the CPU. */
    public async openAsync(onnx: readonly number[], isShared: boolean): Promise<EncoderProvider> {
        const options = isShared ? { device: this.#device as GPUDevice } : {};
        this.#encoder = await OrtEncoder.createAsync(Uint8Array.from(onnx), options);
        return this.#encoder.provider;
    }

    public async encodeAsync(windows: readonly number[], count: number): Promise<number[]> {
        const out = new Float32Array(count * AUDIO_FEAT_DIM);
        await this.#encoder?.encode(Float32Array.from(windows), count, out);
        return [...out];
    }

    /** Takes the device away once the encoder's work is submitted; f_a all the same, and what ran it. */
    public async encodeAcrossLossAsync(
        windows: readonly number[],
        count: number,
    ): Promise<{ features: number[]; provider: EncoderProvider | undefined }> {
        this.#onSubmit = () => this.#device?.destroy();
        const features = await this.encodeAsync(windows, count);
        return { features, provider: this.#encoder?.provider };
    }

    /** What the probe says of a buffer of the engine's device, and of one of another device. */
    public async probeAsync(): Promise<{ own: boolean; foreign: boolean; errors: string[] }> {
        const device = this.#device as GPUDevice;
        const other = (await (await navigator.gpu.requestAdapter())?.requestDevice()) as GPUDevice;
        const bufferOf = (owner: GPUDevice): GPUBuffer =>
            owner.createBuffer({ label: 'probed', size: 16, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.STORAGE });
        const own = await isBufferOf(device, bufferOf(device));
        const foreign = await isBufferOf(device, bufferOf(other));
        other.destroy();
        return { own, foreign, errors: this.counts.errors };
    }

    public async disposeEncoderAsync(): Promise<void> {
        await this.#encoder?.dispose();
    }

    /** Counts calls on the one device object that Babylon draws with. */
    #count(device: GPUDevice): void {
        const { counts } = this;
        const createPipeline = device.createComputePipeline.bind(device);
        const createPipelineAsync = device.createComputePipelineAsync.bind(device);
        const submit = device.queue.submit.bind(device.queue);
        device.createComputePipeline = (descriptor) => {
            counts.computePipelines++;
            return createPipeline(descriptor);
        };
        device.createComputePipelineAsync = (descriptor) => {
            counts.computePipelines++;
            return createPipelineAsync(descriptor);
        };
        device.queue.submit = (buffers) => {
            counts.submits++;
            submit(buffers);
            this.#onSubmit?.();
        };
        device.addEventListener('uncapturederror', ({ error }) => counts.errors.push(error.message));
    }
}

declare global {
    /** Set when the page has run its script. */
    var ortPage: OrtPage;
}

globalThis.ortPage = new OrtPage();
