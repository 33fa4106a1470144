import {
    compileKernelAsync,
    defineKernel,
    FLAT_WORKGROUP,
    readOnly,
    readWrite,
    workgroupsFor,
    type GpuArena,
    type KernelBinding,
    type KernelSpec,
    type PassRecorder,
} from '../../../plugin/compute/index.js';
import {
    BRANCH_NAMES,
    BRANCHES,
    tensorSize,
    type BranchName,
    type HeadAsset,
    type TensorSpec,
} from '../../../plugin/core/index.js';
import { packSplats } from '../../../plugin/deformer/index.js';
import straightFaceSource from './straight-port-face.wgsl?raw';
import straightMouthSource from './straight-port-mouth.wgsl?raw';

type Bindings = Readonly<
    Record<'canonicalSplats' | 'spatialFeats' | 'inputs' | 'weights' | 'range' | 'posedSplats', KernelBinding>
>;

const SOURCES: Readonly<Record<BranchName, { readonly source: string; readonly entryPoint: string }>> = {
    face: { source: straightFaceSource, entryPoint: 'straightFace' },
    mouth: { source: straightMouthSource, entryPoint: 'straightMouth' },
};

/** A branch's equations as printed; see straight-port-face.wgsl. */
export function straightPortKernel(name: BranchName, numExpressions: number): KernelSpec<Bindings> {
    const { source, entryPoint } = SOURCES[name];
    const offsets = weightOffsets(BRANCHES[name].layers(numExpressions));
    const constants = Object.entries({ EXPR_DIM: numExpressions, ...offsets }).map(
        ([constant, value]) => `const ${constant}: u32 = ${value}u;`,
    );
    return defineKernel({
        entryPoint,
        source: [...constants, source].join('\n'),
        workgroupSize: FLAT_WORKGROUP,
        bindings: {
            canonicalSplats: readOnly('CanonicalSplat'),
            spatialFeats: readOnly('f32'),
            inputs: readOnly('f32'),
            weights: readOnly('f32'),
            range: readOnly('u32'),
            posedSplats: readWrite('PosedSplat'),
        },
    });
}

/** Where each tensor starts among the weights, by the constant that the WGSL calls it: `mlp0.bias` is `MLP0_BIAS`. */
export function weightOffsets(specs: readonly TensorSpec[]): Record<string, number> {
    let next = 0;
    return Object.fromEntries(
        specs.map((spec) => {
            const start = next;
            next += tensorSize(spec);
            const words = spec.name.replace(/([a-z])([A-Z])/g, '$1_$2').replace('.', '_');
            return [words.toUpperCase(), start];
        }),
    );
}

/** The straight port of a head, ready to be recorded, and what it writes: `PosedSplat[N]`, face first. */
export interface StraightPort extends PassRecorder {
    readonly posedSplats: GPUBuffer;
}

/**
 * The deformation as somebody ports it from the paper: everything a splat, nothing baked, hoisted or unrolled, weights in
 * storage. Only f_s comes as it is stored, because the assets have no planes; that favours the port.
 */
export async function createStraightPortAsync(
    device: GPUDevice,
    arena: GpuArena,
    { branches, expression }: HeadAsset,
    { audioFeat, exprFeat }: { readonly audioFeat: ArrayLike<number>; readonly exprFeat: ArrayLike<number> },
): Promise<StraightPort> {
    const canonicalSplats = arena.storage('straight canonical', packSplats(branches, 'canonical'));
    const posedSplats = arena.storage('straight posed', packSplats(branches, 'posed'));
    const inputs = arena.storage('straight inputs', Float32Array.of(...Array.from(audioFeat), ...Array.from(exprFeat)));
    const numExpressions = expression.names.length;
    const stages = await Promise.all(
        BRANCH_NAMES.map(async (name) => {
            const { layers, movingCount, spatialFeat } = branches[name];
            const kernel = await compileKernelAsync(device, straightPortKernel(name, numExpressions));
            const values = BRANCHES[name].layers(numExpressions).flatMap((spec) => [...(layers[spec.name] ?? [])]);
            const first = name === 'face' ? 0 : branches.face.splats.count;
            const group = kernel.bind(name, {
                canonicalSplats,
                spatialFeats: arena.storage(`straight ${name} f_s`, spatialFeat),
                inputs,
                weights: arena.storage(`straight ${name} weights`, Float32Array.from(values)),
                range: arena.storage(`straight ${name} range`, Uint32Array.of(first, movingCount)),
                posedSplats,
            });
            return { pipeline: kernel.pipeline, group, workgroups: workgroupsFor(movingCount, FLAT_WORKGROUP) };
        }),
    );
    return {
        posedSplats,
        record: (pass) => {
            for (const { pipeline, group, workgroups } of stages) {
                pass.setPipeline(pipeline);
                pass.setBindGroup(0, group);
                pass.dispatchWorkgroups(workgroups);
            }
            return stages.length;
        },
    };
}
