import {
    defineKernel,
    FLAT_WORKGROUP,
    readOnly,
    readWrite,
    uniform,
    type KernelBinding,
    type KernelSpec,
} from '../compute/index.js';
import { FACE_FRAME, MOUTH_FRAME, type BranchName, type GpuStruct } from '../core/index.js';
import applyDeltasSource from './apply-deltas.wgsl?raw';
import deformFaceSource from './deform-face.wgsl?raw';
import deformMouthSource from './deform-mouth.wgsl?raw';
import featuresF16Source from './features-f16.wgsl?raw';
import featuresF32Source from './features-f32.wgsl?raw';

/** How baked features are stored. `f16` halves the bytes; relative rms error of the offsets 1.4e-4 (measured). */
export type FeaturePrecision = 'f32' | 'f16';

/** What a deformation kernel reads and writes. */
export type DeformBindings = Readonly<
    Record<'activeIds' | 'canonicalSplats' | 'features' | 'posedSplats' | 'weights' | 'frame', KernelBinding>
>;

/** What differs between the branches on the GPU: a row each. */
export interface BranchKernel {
    readonly source: string;
    readonly entryPoint: string;
    readonly weights: string;
    readonly frame: GpuStruct;
    /** As the source has it. */
    readonly splatsPerThread: number;
}

/** The kernels of Eqs. 6-9 by branch. */
export const BRANCH_KERNELS: Readonly<Record<BranchName, BranchKernel>> = {
    face: {
        source: deformFaceSource,
        entryPoint: 'deformFace',
        weights: 'FaceWeights',
        frame: FACE_FRAME,
        splatsPerThread: 6,
    },
    mouth: {
        source: deformMouthSource,
        entryPoint: 'deformMouth',
        weights: 'MouthWeights',
        frame: MOUTH_FRAME,
        splatsPerThread: 4,
    },
};

/** The deformation kernel of a branch (Eqs. 6-9, refactored). */
export function deformKernel(name: BranchName, precision: FeaturePrecision): KernelSpec<DeformBindings> {
    const { source, entryPoint, weights, frame } = BRANCH_KERNELS[name];
    const features = precision === 'f32' ? featuresF32Source : featuresF16Source;
    return defineKernel({
        entryPoint,
        source: [features, applyDeltasSource, source].join('\n'),
        workgroupSize: FLAT_WORKGROUP,
        bindings: {
            activeIds: readOnly('u32'),
            canonicalSplats: readOnly('CanonicalSplat'),
            features: readOnly(precision === 'f32' ? 'vec4f' : 'vec2u'),
            posedSplats: readWrite('PosedSplat'),
            weights: uniform(weights),
            frame: uniform(frame.name),
        },
    });
}
