import { ArcRotateCamera } from '@babylonjs/core/Cameras/arcRotateCamera.js';
import type { GaussianSplattingMaterial } from '@babylonjs/core/Materials/GaussianSplatting/gaussianSplattingMaterial.js';
import { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import { Color4 } from '@babylonjs/core/Maths/math.color.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import { Scene } from '@babylonjs/core/scene.js';
import { COV2D_DILATION, type HeadAsset } from '../../../../plugin/core/index.js';
import { CreateTalkingHeadAsync, type TalkingHeadMesh, type TalkingHeadOptions } from '../../../../plugin/index.js';
import { fakeBuffer } from '../../../audio/fake-audio-context.js';
import { babble } from '../../../audio/sounds.js';
import { SteppedContext } from '../../../helpers/stepped-context.js';
import { drawnHead } from '../bench-head.js';
import { createPeerMeshAsync } from './peer-mesh.js';

/**
 * Who draws: Babylon's static mesh, our head at rest, our head while it talks, the same without level of detail, and with tiles.
 */
export type FrameVariant = 'babylonStatic' | 'oursAtRest' | 'oursTalking' | 'oursAllSplats' | 'oursTiles';

/** Frames a second of the display that is simulated, whatever the machine manages. */
const DISPLAY_RATE = 60;
/** Length of what the heads say, s: longer than any contest. */
const SPEECH_SECONDS = 8;
const SPEECH_RATE = 16_000;
/** When the orbit begins, s. */
const FIRST_WORD = 1;

/** A slow orbit: 12 degrees a second at 60 frames a second, to and fro across the views of a training set. */
const DEGREES_PER_FRAME = 0.2;
const MOST_DEGREES = 30;
/** Frames in which the peer's sort worker and all pipelines come to rest. */
const WARM_FRAMES = 4;
/** Frames of the orbit between two viewpoints that a head is made familiar with: 4 degrees. */
const FAMILIAR_STEP = 20;
const LONGEST_START_MS = 120_000;
/** Babylon's `kernelSize` adds to a covariance of doubled sizes. */
const PEER_UNITS = 4;

interface Stage {
    readonly scene: Scene;
    readonly camera: ArcRotateCamera;
    readonly mesh: AbstractMesh;
    /** Called before frame `k`. */
    readonly prepare: (k: number) => void;
}

/** The same splats under the same camera, a scene a variant, on one engine. Sorts run as each does by default. */
export class FrameContest {
    readonly #canvas: HTMLCanvasElement;
    readonly #engine: WebGPUEngine;
    readonly #stages: Readonly<Record<FrameVariant, Stage>>;

    private constructor(
        canvas: HTMLCanvasElement,
        engine: WebGPUEngine,
        stages: Readonly<Record<FrameVariant, Stage>>,
    ) {
        this.#canvas = canvas;
        this.#engine = engine;
        this.#stages = stages;
    }

    /** Builds all scenes and draws each until it is ready. */
    public static async createAsync(canvas: HTMLCanvasElement, splatCount: number): Promise<FrameContest> {
        const engine = new WebGPUEngine(canvas, { antialias: false });
        await engine.initAsync();
        const asset = drawnHead(splatCount);
        const contest = new FrameContest(canvas, engine, {
            babylonStatic: await stageAsync(engine, asset, (scene) => createPeerMeshAsync('peer', asset, scene)),
            oursAtRest: await stageAsync(engine, asset, (scene) => stillHeadAsync(asset, scene)),
            oursTalking: await talkingStageAsync(engine, asset, { rasterizer: 'quads' }),
            oursAllSplats: await talkingStageAsync(engine, asset, { rasterizer: 'quads', levelOfDetail: false }),
            oursTiles: await talkingStageAsync(engine, asset, { rasterizer: 'tile' }),
        });
        for (const stage of Object.values(contest.#stages)) await contest.#warmAsync(stage);
        return contest;
    }

    /**
     * Lets the heads with quads see all of the orbit's first `frames` frames, so that level of detail has measured its viewpoints:
     * what is timed then is a head that has been looked at for a while.
     *
     * @returns splats drawn of all, by variant, at the end.
     */
    public async familiariseAsync(frames: number): Promise<Partial<Record<FrameVariant, readonly [number, number]>>> {
        const drawn: Partial<Record<FrameVariant, readonly [number, number]>> = {};
        for (const variant of ['oursAtRest', 'oursTalking'] as const) {
            const stage = this.#stages[variant];
            const head = stage.mesh as TalkingHeadMesh;
            const deadline = performance.now() + LONGEST_START_MS;
            for (let k = 0; k < frames; k += FAMILIAR_STEP) {
                do {
                    if (performance.now() > deadline) throw new Error(`${variant}: level of detail measures for ever`);
                    await this.#drawAsync(stage, k);
                    await new Promise((resolve) => setTimeout(resolve, 1));
                } while (head.drawnSplatCount === head.splatCount);
            }
            drawn[variant] = [head.drawnSplatCount, head.splatCount];
        }
        return drawn;
    }

    /** Draws frames of a variant, each after the GPU finished the one before. @returns ms a frame. */
    public async framesAsync(variant: FrameVariant, first: number, count: number): Promise<number[]> {
        const times: number[] = [];
        for (let k = first; k < first + count; k++) {
            const before = performance.now();
            await this.#drawAsync(this.#stages[variant], k);
            times.push(performance.now() - before);
        }
        return times;
    }

    /** PSNR between the peer's picture and ours at rest, dB, with our low-pass in both. */
    public async peerPictureDbAsync(): Promise<number> {
        const { babylonStatic } = this.#stages;
        const material = babylonStatic.mesh.material as GaussianSplattingMaterial;
        const usual = material.kernelSize;
        material.kernelSize = COV2D_DILATION * PEER_UNITS;
        const peer = await this.#pictureAsync(babylonStatic);
        material.kernelSize = usual;
        const ours = await this.#pictureAsync(this.#stages.oursAtRest);
        const square = ours.reduce((sum, value, k) => sum + (value - Number(peer[k])) ** 2, 0);
        return -10 * Math.log10(square / ours.length / 255 ** 2);
    }

    /** Frees everything, the device included. */
    public dispose(): void {
        for (const { scene } of Object.values(this.#stages)) scene.dispose();
        this.#engine.dispose();
    }

    async #warmAsync(stage: Stage): Promise<void> {
        const deadline = performance.now() + LONGEST_START_MS;
        for (let settled = 0; settled < WARM_FRAMES;) {
            if (performance.now() > deadline) throw new Error(`${stage.mesh.name} did not become ready`);
            if (stage.mesh.isReady(true) && stage.scene.isReady()) settled++;
            await this.#drawAsync(stage, 0);
            // The peer's first sort comes from its worker.
            await new Promise((resolve) => setTimeout(resolve, 10));
        }
    }

    async #drawAsync(stage: Stage, k: number): Promise<void> {
        stage.camera.alpha = Math.PI / 2 + (orbitDegrees(k) * Math.PI) / 180;
        stage.prepare(k);
        this.#engine.beginFrame();
        stage.scene.render();
        this.#engine.endFrame();
        await deviceOf(this.#engine).queue.onSubmittedWorkDone();
    }

    async #pictureAsync(stage: Stage): Promise<Uint8ClampedArray> {
        await this.#warmAsync(stage);
        this.#engine.beginFrame();
        stage.scene.render();
        this.#engine.endFrame();
        // The canvas keeps its picture until this task ends.
        const { width, height } = this.#canvas;
        const context = new OffscreenCanvas(width, height).getContext('2d') as OffscreenCanvasRenderingContext2D;
        context.drawImage(this.#canvas, 0, 0);
        return context.getImageData(0, 0, width, height).data;
    }
}

function deviceOf(engine: WebGPUEngine): GPUDevice {
    return (engine as unknown as { readonly _device: GPUDevice })._device;
}

/** A triangle wave about the front. */
function orbitDegrees(k: number): number {
    const step = (k * DEGREES_PER_FRAME) % (4 * MOST_DEGREES);
    const climbing = step < MOST_DEGREES ? step : step < 3 * MOST_DEGREES ? 2 * MOST_DEGREES - step : undefined;
    return climbing ?? step - 4 * MOST_DEGREES;
}

async function stageAsync<M extends AbstractMesh>(
    engine: WebGPUEngine,
    asset: HeadAsset,
    meshOf: (scene: Scene) => Promise<M>,
    prepareWith: (mesh: M) => (k: number) => void = () => () => undefined,
): Promise<Stage> {
    const scene = new Scene(engine);
    scene.clearColor = new Color4(0.1, 0.3, 0.2, 1);
    const { distance, verticalFovDegrees } = asset.view;
    const camera = new ArcRotateCamera('orbit', Math.PI / 2, Math.PI / 2, distance, Vector3.Zero(), scene);
    camera.minZ = 0.05;
    camera.maxZ = 10;
    camera.fov = (verticalFovDegrees * Math.PI) / 180;
    const mesh = await meshOf(scene);
    return { scene, camera, mesh, prepare: prepareWith(mesh) };
}

/** Not posed: the networks are random and would move every splat away from the peer's. */
async function stillHeadAsync(asset: HeadAsset, scene: Scene): Promise<TalkingHeadMesh> {
    const head = await CreateTalkingHeadAsync('ours', asset, scene, { rasterizer: 'quads' });
    head.deformationEnabled = false;
    return head;
}

/** A head that speaks: frame `k` shows what is heard at k/60 s, through its own voice. */
function talkingStageAsync(engine: WebGPUEngine, asset: HeadAsset, options: TalkingHeadOptions): Promise<Stage> {
    const audio = new SteppedContext();
    const speakingAsync = async (scene: Scene): Promise<TalkingHeadMesh> => {
        const settings = { ...options, audioContext: audio.asContext() };
        const head = await CreateTalkingHeadAsync(`ours ${options.rasterizer}`, asset, scene, settings);
        await head.voice.play(fakeBuffer(SPEECH_RATE, babble(SPEECH_RATE, SPEECH_SECONDS)), { loop: true });
        return head;
    };
    return stageAsync(engine, asset, speakingAsync, () => (k) => (audio.currentTime = FIRST_WORD + k / DISPLAY_RATE));
}
