import { GpuArena } from '../../plugin/compute/index.js';
import { BRANCH_NAMES, POSED_SPLAT, type BranchName, type HeadAsset } from '../../plugin/core/index.js';
import {
    bakeHead,
    computeFrameUniforms,
    GpuDeformer,
    type FeaturePrecision,
    type SharedActivations,
} from '../../plugin/deformer/index.js';
import { readBack } from '../helpers/gpu.js';
import { someAudioFeature } from '../helpers/head-of.js';

const RECORD_FLOATS = POSED_SPLAT.size / 4;
/** f_e of every instant that the tests pose. */
export const EXPRESSION: readonly number[] = [0.2, 0, 0.7, 0.1, 0.4, 1];

/** Posed splats of a branch, as the GPU holds them. */
export interface Posed {
    readonly means: Float64Array;
    readonly logScales: Float64Array;
    readonly quats: Float64Array;
    readonly opacities: Float64Array;
}

/** A deformer with a head of its own, and what tests do with it. */
export interface OpenDeformer {
    readonly deformer: GpuDeformer;
    readonly arena: GpuArena;
    /** What the sound of `someAudioFeature(seed)` is to all splats; the next call overwrites it. */
    instant(seed: number): SharedActivations;
    /** Records and submits a pass. @returns dispatches. */
    submit(): number;
    readAsync(): Promise<Record<BranchName, Posed>>;
}

/** Uploads a head. The caller disposes the arena. */
export async function openDeformerAsync(
    device: GPUDevice,
    asset: HeadAsset,
    precision: FeaturePrecision = 'f32',
): Promise<OpenDeformer> {
    const arena = new GpuArena(device, 'deformer test');
    const { branches } = asset;
    const baked = bakeHead(asset);
    const features = { face: baked.face.features, mouth: baked.mouth.features };
    const deformer = await GpuDeformer.createAsync({ device, arena, branches, baked: features, precision });
    return {
        deformer,
        arena,
        instant: (seed) => computeFrameUniforms(baked, someAudioFeature(seed), EXPRESSION),
        submit: () => {
            const encoder = device.createCommandEncoder();
            const pass = encoder.beginComputePass();
            const dispatches = deformer.record(pass);
            pass.end();
            device.queue.submit([encoder.finish()]);
            return dispatches;
        },
        readAsync: async () => {
            const values = new Float32Array(await readBack(device, deformer.posedSplats));
            const faceCount = branches.face.splats.count;
            return {
                face: unpack(values, 0, faceCount),
                mouth: unpack(values, faceCount, branches.mouth.splats.count),
            };
        },
    };
}

/** Everything of a pose in one array, for comparisons of whole poses: 11 numbers a splat, face first. */
export function flat(posed: Record<BranchName, Posed>): Float64Array {
    return Float64Array.from(
        BRANCH_NAMES.flatMap((name) => {
            const { means, logScales, quats, opacities } = posed[name];
            return [...means, ...logScales, ...quats, ...opacities];
        }),
    );
}

function unpack(values: Float32Array, first: number, count: number): Posed {
    const field = (at: number, width: number, map: (value: number) => number = (value) => value): Float64Array =>
        Float64Array.from({ length: count * width }, (_, k) =>
            map(values[(first + Math.floor(k / width)) * RECORD_FLOATS + at + (k % width)] as number),
        );
    return { means: field(0, 3), opacities: field(3, 1), logScales: field(4, 3, Math.log), quats: field(8, 4) };
}
