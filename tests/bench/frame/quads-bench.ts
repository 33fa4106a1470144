import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import type { WebGPURenderTargetWrapper } from '@babylonjs/core/Engines/WebGPU/webgpuRenderTargetWrapper.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { CreateTalkingHeadAsync, setPinholeCamera, type TalkingHeadMesh } from '../../../plugin/index.js';
import { tryBabylon, type NodeEngine } from '../../helpers/babylon-node.js';
import { nodeGpu, withValidation } from '../../helpers/gpu.js';
import { stageFor, untilReadyAsync } from '../../helpers/stage.js';
import { BENCH_INSTANT, drawnHead } from './bench-head.js';
import { benchPinhole } from './bench-view.js';
import { offerTimestamps } from './timestamps.js';
import { timeSubmitAsync, type PassSample, type Workload } from './workload.js';

/** Side of the canvas, px. Nothing is drawn there; every frame clears it. */
const CANVAS = 16;
/** Layers: what the canvas shows, and what the timed targets show. */
const [NOTHING, TIMED] = [1, 2] as const;
const LONGEST_READ_MS = 5000;

/** Times the plugin's quads, drawn by Babylon on Node's WebGPU. */
export interface QuadsBench {
    /** The draw of a head of so many splats, `pixels` square. */
    workloadAsync(splats: number, pixels: number): Promise<Workload>;
    dispose(): void;
}

/** A head that is posed and sorted, and the camera of the timed targets. */
interface QuadsStage {
    readonly scene: Scene;
    readonly camera: FreeCamera;
    readonly head: TalkingHeadMesh;
}

/**
 * Starts Babylon, with timestamps where the adapter has any.
 *
 * What is timed is a frame of a scene where nothing changes, so that the draw is all that the GPU is given, less a frame without
 * the draw, one after the other. It holds the vertex stage (projection and colour of four corners a splat), rasterization, the
 * fragment stage, and blending into a half-float target tested against a depth32float one. It leaves out deformation, sort and
 * clears, and what Babylon does before it submits.
 *
 * @throws Error - Babylon does not start in Node.
 */
export async function openQuadsAsync(): Promise<QuadsBench> {
    offerTimestamps(nodeGpu());
    const attempt = await tryBabylon(CANVAS, CANVAS);
    if ('reason' in attempt) throw new Error(`bench: expected Babylon to start in Node, got "${attempt.reason}".`);
    const { host } = attempt;
    // Before any target is made: targets get their counters at creation.
    host.engine.enableGPUTimingMeasurements = host.device.features.has('timestamp-query');
    const stages = new Map<number, QuadsStage>();
    return {
        workloadAsync: async (splats, pixels) => {
            const stage = stages.get(splats) ?? (await openQuadsStageAsync(host, splats));
            stages.set(splats, stage);
            const frame = new QuadsFrame(host, stage, pixels);
            await withValidation(host.device, () => frame.runAsync(1, 0));
            return frame;
        },
        dispose: () => {
            for (const { scene } of stages.values()) scene.dispose();
            host.dispose();
        },
    };
}

async function openQuadsStageAsync(host: NodeEngine, splats: number): Promise<QuadsStage> {
    const pinhole = benchPinhole(CANVAS);
    const scene = stageFor(host, pinhole);
    if (scene.activeCamera) scene.activeCamera.layerMask = NOTHING;
    const camera = new FreeCamera('timed', Vector3.Zero(), scene);
    camera.minZ = 0.05;
    camera.maxZ = 10;
    camera.layerMask = TIMED;
    setPinholeCamera(camera, pinhole);
    const head = await CreateTalkingHeadAsync('head', drawnHead(splats), scene, { rasterizer: 'quads' });
    head.layerMask = TIMED;
    head.poseAt(BENCH_INSTANT.audioFeat, BENCH_INSTANT.exprFeat);
    await untilReadyAsync(head);
    return { scene, camera, head };
}

/** Frames that draw a head any number of times into one target. */
class QuadsFrame implements Workload {
    readonly #host: NodeEngine;
    readonly #scene: Scene;
    readonly #target: RenderTargetTexture;
    #draws = 0;
    #isEmptyFirst = true;

    public constructor(host: NodeEngine, { scene, camera, head }: QuadsStage, pixels: number) {
        this.#host = host;
        this.#scene = scene;
        const options = { type: Constants.TEXTURETYPE_HALF_FLOAT, generateMipMaps: false, generateDepthBuffer: false };
        const target = new RenderTargetTexture(`quads ${pixels}`, { width: pixels, height: pixels }, scene, options);
        target.createDepthStencilTexture(0, false, false, 1, Constants.TEXTUREFORMAT_DEPTH32_FLOAT);
        target.clearColor = scene.clearColor;
        target.activeCamera = camera;
        target.renderList = [head];
        target.customRenderFunction = (opaque, alphaTest, transparent) => {
            for (let draw = 0; draw < this.#draws; draw++)
                for (const list of [opaque, alphaTest, transparent]) list.forEach((subMesh) => subMesh.render(true));
        };
        this.#target = target;
    }

    public async runAsync(count: number, expectedMs: number): Promise<PassSample> {
        this.#isEmptyFirst = !this.#isEmptyFirst;
        const isEmptyFirst = this.#isEmptyFirst;
        const before = isEmptyFirst ? await this.#frameAsync(0, 0) : undefined;
        const drawn = await this.#frameAsync(count, expectedMs);
        const empty = before ?? (await this.#frameAsync(0, 0));
        return {
            wallMs: drawn.wallMs - empty.wallMs,
            cpuMs: drawn.cpuMs - empty.cpuMs,
            gpuMs: drawn.gpuMs === null || empty.gpuMs === null ? null : drawn.gpuMs - empty.gpuMs,
        };
    }

    async #frameAsync(draws: number, expectedMs: number): Promise<PassSample> {
        const { engine, device } = this.#host;
        this.#draws = draws;
        const counter = (this.#target.renderTarget as WebGPURenderTargetWrapper | null)?.gpuTimeInFrame?.counter;
        const seen = counter?.count;
        this.#scene.customRenderTargets = [this.#target];
        engine.beginFrame();
        this.#scene.render();
        const times = await timeSubmitAsync(device.queue, () => engine.endFrame(), expectedMs);
        if (!counter) return { ...times, gpuMs: null };
        for (const deadline = performance.now() + LONGEST_READ_MS; counter.count === seen;) {
            if (performance.now() > deadline) throw new Error('bench quads: expected a timestamp, got none in 5 s.');
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
        return { ...times, gpuMs: counter.current * 1e-6 };
    }
}
