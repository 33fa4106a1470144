import * as ortWasm from 'onnxruntime-web/wasm';
import * as ortWebGpu from 'onnxruntime-web/webgpu';
import { GpuArena } from '../../../../plugin/compute/index.js';
import {
    FACE_DELTA_DIM,
    FACE_HIDDEN_DIM,
    POSED_SPLAT,
    SPATIAL_FEAT_DIM,
    type HeadAsset,
} from '../../../../plugin/core/index.js';
import { deltasReference } from '../../../../plugin/core/reference/index.js';
import {
    bakeHead,
    computeFrameUniforms,
    GpuDeformer,
    type SharedActivations,
} from '../../../../plugin/deformer/index.js';
import { makeHead } from '../../../helpers/make-head.js';
import { BENCH_INSTANT } from '../bench-head.js';
import { deformError } from '../deform-check.js';
import { writeNaiveFaceOnnx, writeRefactoredFaceOnnx } from '../mlp-onnx.js';
import { relativeRms } from '../statistics.js';

/** Who computes the face's offsets: ours, or a graph of {@link writeNaiveFaceOnnx} and its like on a runtime's back end. */
export type NetVariant = 'ours' | 'ortWebGpuNaive' | 'ortWebGpuRefactored' | 'ortWasmNaive' | 'ortWasmRefactored';

type GraphName = 'naive' | 'refactored';
type Inputs = Readonly<Record<string, { readonly values: Float32Array; readonly dims: readonly number[] }>>;

/** Relative rms error against the float64 reference above which times mean nothing. */
const EXACT = 1e-4;
/** Rows that are compared. */
const COMPARED = 64;

/** A way to compute the offsets once; resolves when they are there. */
interface Runner {
    runAsync(): Promise<void>;
    disposeAsync(): Promise<void>;
}

/** The face's network over many rows: our kernel and ONNX Runtime Web, the latter's WebGPU on the same device. */
export class NetContest {
    readonly #runners: Readonly<Record<NetVariant, Runner>>;

    private constructor(runners: Readonly<Record<NetVariant, Runner>>) {
        this.#runners = runners;
    }

    /** Compiles everything and compares every answer with the reference. @throws Error - an answer is wrong. */
    public static async createAsync(rows: number): Promise<NetContest> {
        const asset = makeHead({ faceCount: rows, mouthCount: 1, seed: 12, movingShare: 1, shDegree: 0 });
        const baked = bakeHead(asset);
        const shared = computeFrameUniforms(baked, BENCH_INSTANT.audioFeat, BENCH_INSTANT.exprFeat);
        const graphs = graphsOf(asset, baked.face.features, shared, rows);
        // Naive first: the runtime makes the device that ours then shares.
        const ortWebGpuNaive = await webGpuRunnerAsync('naive', graphs.naive, asset, rows);
        return new NetContest({
            ortWebGpuNaive,
            ortWebGpuRefactored: await webGpuRunnerAsync('refactored', graphs.refactored, asset, rows),
            ortWasmNaive: await wasmRunnerAsync('naive', graphs.naive, asset),
            ortWasmRefactored: await wasmRunnerAsync('refactored', graphs.refactored, asset),
            ours: await ourRunnerAsync(await ortWebGpu.env.webgpu.device, asset, baked, shared),
        });
    }

    /** @returns ms a run, the mean of `count`. */
    public async runAsync(variant: NetVariant, count: number): Promise<number> {
        const before = performance.now();
        for (let k = 0; k < count; k++) await this.#runners[variant].runAsync();
        return (performance.now() - before) / count;
    }

    public async disposeAsync(): Promise<void> {
        for (const runner of Object.values(this.#runners)) await runner.disposeAsync();
    }
}

interface Graph {
    readonly model: Uint8Array;
    readonly inputs: Inputs;
}

function graphsOf(
    { branches, expression }: HeadAsset,
    features: Float32Array,
    shared: SharedActivations,
    rows: number,
): Readonly<Record<GraphName, Graph>> {
    const { layers, spatialFeat } = branches.face;
    const numExpressions = expression.names.length;
    const exprFeat = Float32Array.from(BENCH_INSTANT.exprFeat);
    return {
        naive: {
            model: writeNaiveFaceOnnx(layers, numExpressions, rows),
            inputs: {
                audioFeat: { values: BENCH_INSTANT.audioFeat, dims: [1, BENCH_INSTANT.audioFeat.length] },
                exprFeat: { values: exprFeat, dims: [1, numExpressions] },
                spatialFeat: { values: spatialFeat, dims: [rows, SPATIAL_FEAT_DIM] },
            },
        },
        refactored: {
            model: writeRefactoredFaceOnnx(layers, numExpressions, rows),
            inputs: {
                baked: { values: features, dims: [rows, FACE_HIDDEN_DIM] },
                shared: { values: shared.face.speech, dims: [1, FACE_HIDDEN_DIM] },
            },
        },
    };
}

/** Everything stays on the device, as it would in a renderer: inputs lie in buffers, the answer is not read back. */
async function webGpuRunnerAsync(name: GraphName, graph: Graph, asset: HeadAsset, rows: number): Promise<Runner> {
    const session = await ortWebGpu.InferenceSession.create(graph.model, {
        executionProviders: ['webgpu'],
        preferredOutputLocation: 'gpu-buffer',
    });
    const device = await ortWebGpu.env.webgpu.device;
    const feeds: Record<string, ortWebGpu.Tensor> = {};
    const buffers: GPUBuffer[] = [];
    for (const [input, { values, dims }] of Object.entries(graph.inputs)) {
        const buffer = bufferOf(device, values);
        buffers.push(buffer);
        feeds[input] = ortWebGpu.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [...dims] });
    }
    const answer = device.createBuffer({
        size: rows * FACE_DELTA_DIM * 4,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    const fetches = {
        deltas: ortWebGpu.Tensor.fromGpuBuffer(answer, { dataType: 'float32', dims: [rows, FACE_DELTA_DIM] }),
    };
    const runAsync = async (): Promise<void> => {
        await session.run(feeds, fetches);
        await device.queue.onSubmittedWorkDone();
    };
    await runAsync();
    const deltas = new Float32Array(await readBufferAsync(device, answer));
    assertExact(`ONNX Runtime Web on WebGPU, ${name} graph`, deltasError(deltas, asset));
    return {
        runAsync,
        disposeAsync: async () => {
            await session.release();
            for (const buffer of [...buffers, answer]) buffer.destroy();
        },
    };
}

/** One thread, as in a page that is not cross-origin isolated. */
async function wasmRunnerAsync(name: GraphName, graph: Graph, asset: HeadAsset): Promise<Runner> {
    ortWasm.env.wasm.numThreads = 1;
    const session = await ortWasm.InferenceSession.create(graph.model, { executionProviders: ['wasm'] });
    const feeds = Object.fromEntries(
        Object.entries(graph.inputs).map(([input, { values, dims }]) => [
            input,
            new ortWasm.Tensor('float32', values, [...dims]),
        ]),
    );
    const { deltas } = await session.run(feeds);
    assertExact(`ONNX Runtime Web on WASM, ${name} graph`, deltasError(deltas?.data as Float32Array, asset));
    return {
        runAsync: async () => {
            await session.run(feeds);
        },
        disposeAsync: () => session.release(),
    };
}

/** Our kernel also moves, scales and turns the splats, which the graphs leave undone. */
async function ourRunnerAsync(
    device: GPUDevice,
    asset: HeadAsset,
    baked: ReturnType<typeof bakeHead>,
    shared: SharedActivations,
): Promise<Runner> {
    const arena = new GpuArena(device, 'bench');
    // The mouth is another network; none of it is timed.
    const branches = { ...asset.branches, mouth: { ...asset.branches.mouth, movingCount: 0 } };
    const features = { face: baked.face.features, mouth: baked.mouth.features };
    const deformer = await GpuDeformer.createAsync({ device, arena, branches, baked: features });
    const runAsync = async (): Promise<void> => {
        // An instant is deformed once, however often it is recorded; a page sets one a frame.
        deformer.setInstant(shared);
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        if (deformer.record(pass) === 0) throw new Error('our kernel: expected dispatches, got none.');
        pass.end();
        device.queue.submit([encoder.finish()]);
        await device.queue.onSubmittedWorkDone();
    };
    await runAsync();
    const faceBytes = branches.face.splats.count * POSED_SPLAT.size;
    const posed = new Float32Array(await readBufferAsync(device, deformer.posedSplats, faceBytes));
    assertExact('our kernel', deformError(posed, asset, ['face']));
    return {
        runAsync,
        disposeAsync: () => {
            arena.dispose();
            return Promise.resolve();
        },
    };
}

/** Relative rms error of the first rows of network outputs `[rows, 10]`. */
function deltasError(deltas: Float32Array, { branches }: HeadAsset): number {
    const { layers, spatialFeat } = branches.face;
    const { audioFeat, exprFeat } = BENCH_INSTANT;
    const expected = Array.from({ length: COMPARED }, (_, i) => {
        const feature = spatialFeat.subarray(i * SPATIAL_FEAT_DIM, (i + 1) * SPATIAL_FEAT_DIM);
        return deltasReference('face', layers, audioFeat, exprFeat, feature);
    }).flat();
    return relativeRms(deltas.subarray(0, expected.length), expected);
}

function assertExact(who: string, error: number): void {
    if (error <= EXACT) return;
    throw new Error(`${who}: expected a relative rms error of at most ${EXACT}, got ${error}. Mend it first.`);
}

function bufferOf(device: GPUDevice, values: Float32Array): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: values.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
    return buffer;
}

async function readBufferAsync(device: GPUDevice, buffer: GPUBuffer, size: number = buffer.size): Promise<ArrayBuffer> {
    const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const content = staging.getMappedRange().slice(0);
    staging.destroy();
    return content;
}
