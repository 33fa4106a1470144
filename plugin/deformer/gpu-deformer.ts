import {
    compileKernelAsync,
    defineKernel,
    FLAT_WORKGROUP,
    readOnly,
    readWrite,
    uniform,
    workgroupsFor,
    type GpuArena,
    type Kernel,
    type KernelBinding,
    type KernelSpec,
} from '../compute/index.js';
import {
    BRANCH_NAMES,
    FACE_FRAME,
    MOUTH_FRAME,
    type BranchAsset,
    type BranchName,
    type GpuStruct,
} from '../core/index.js';
import applyDeltasSource from './apply-deltas.wgsl?raw';
import deformFaceSource from './deform-face.wgsl?raw';
import deformMouthSource from './deform-mouth.wgsl?raw';
import featuresF16Source from './features-f16.wgsl?raw';
import featuresF32Source from './features-f32.wgsl?raw';
import { packFeatures, packSplats, packWeights, tileLayer } from './gpu-layout.js';

/** How baked features are stored. `f16` halves the bytes; relative rms error of the offsets 1.4e-4 (measured). */
export type FeaturePrecision = 'f32' | 'f16';

type DeformBindings = Readonly<
    Record<'canonicalSplats' | 'features' | 'posedSplats' | 'weights' | 'frame', KernelBinding>
>;

/** What differs between the branches on the GPU: a row each. */
interface BranchKernel {
    readonly source: string;
    readonly entryPoint: string;
    readonly weights: string;
    readonly frame: GpuStruct;
    readonly splatsPerThread: number;
}

const BRANCH_KERNELS: Readonly<Record<BranchName, BranchKernel>> = {
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
            canonicalSplats: readOnly('CanonicalSplat'),
            features: readOnly(precision === 'f32' ? 'vec4f' : 'vec2u'),
            posedSplats: readWrite('PosedSplat'),
            weights: uniform(weights),
            frame: uniform(frame.name),
        },
    });
}

/** What one instant of speech and expression is to the kernels: the parts of Eqs. 6-9 that all splats share. */
export interface SharedActivations {
    readonly face: {
        /** Shared part of layer 0 `[64]`; the bias is in the baked features. */
        readonly speech: Float32Array;
    };
    readonly mouth: {
        /** Shared part of the gate `[32]`. */
        readonly gate: Float32Array;
        /** Maps a splat's gate to layer 0 `[32, 32]`, row-major. */
        readonly mix: Float32Array;
    };
}

/** What a {@link GpuDeformer} is made from. */
export interface GpuDeformerOptions {
    readonly device: GPUDevice;
    /** Receives every buffer. */
    readonly arena: GpuArena;
    readonly branches: Readonly<Record<BranchName, BranchAsset>>;
    /** Baked pre-activations `[movingCount, 64]` a branch. */
    readonly baked: Readonly<Record<BranchName, Float32Array>>;
    readonly precision?: FeaturePrecision;
}

interface Stage {
    readonly kernel: Kernel<DeformBindings>;
    readonly group: GPUBindGroup;
    readonly workgroups: number;
}

/**
 * Moves the splats of both branches on the GPU: two dispatches an instant, no barriers, no read-back, nothing allocated.
 *
 * Splats that never move are posed once, at creation. Order of use: {@link setInstant}, then {@link record} in a pass.
 */
export class GpuDeformer {
    /** `PosedSplat[N]`, all of the face, then all of the mouth. Starts as the head at rest. */
    public readonly posedSplats: GPUBuffer;
    readonly #device: GPUDevice;
    readonly #rest: Float32Array;
    readonly #frames: Readonly<Record<BranchName, { readonly buffer: GPUBuffer; readonly record: Float32Array }>>;
    readonly #stages: readonly Stage[];

    private constructor(options: GpuDeformerOptions, kernels: Readonly<Record<BranchName, Kernel<DeformBindings>>>) {
        const { device, arena, branches, baked, precision = 'f32' } = options;
        this.#device = device;
        this.#rest = packSplats(branches, 'posed');
        this.posedSplats = arena.storage('posed splats', this.#rest);
        const canonicalSplats = arena.storage('canonical splats', packSplats(branches, 'canonical'));
        const { posedSplats } = this;
        const frames = { face: frameOf('face', branches, arena), mouth: frameOf('mouth', branches, arena) };
        this.#frames = frames;
        this.#stages = BRANCH_NAMES.flatMap((name) => {
            const { movingCount, layers } = branches[name];
            if (movingCount === 0) return [];
            const features = arena.storage(`${name} features`, packFeatures(baked[name], movingCount, precision));
            const weights = arena.uniform(`${name} weights`, packWeights(name, layers));
            const buffers = { canonicalSplats, features, posedSplats, weights, frame: frames[name].buffer };
            const perGroup = FLAT_WORKGROUP * BRANCH_KERNELS[name].splatsPerThread;
            return [
                {
                    kernel: kernels[name],
                    group: kernels[name].bind(name, buffers),
                    workgroups: workgroupsFor(movingCount, perGroup),
                },
            ];
        });
    }

    /** Compiles both kernels and uploads the head. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: GpuDeformerOptions): Promise<GpuDeformer> {
        const { device, precision = 'f32' } = options;
        const [face, mouth] = await Promise.all([
            compileKernelAsync(device, deformKernel('face', precision)),
            compileKernelAsync(device, deformKernel('mouth', precision)),
        ]);
        return new GpuDeformer(options, { face, mouth });
    }

    /** Sets the instant that the next {@link record} poses; queued on the device at once. */
    public setInstant({ face, mouth }: SharedActivations): void {
        this.#frames.face.record.set(face.speech);
        const size = mouth.gate.length;
        tileLayer(mouth.mix, size, size, 'output-major', this.#frames.mouth.record);
        this.#frames.mouth.record.set(mouth.gate, size * size);
        for (const name of BRANCH_NAMES) {
            const { buffer, record } = this.#frames[name];
            this.#device.queue.writeBuffer(buffer, 0, record.buffer);
        }
    }

    /** Puts the head at rest, as if there were no deformation. Queued on the device at once; records nothing. */
    public rest(): void {
        this.#device.queue.writeBuffer(this.posedSplats, 0, this.#rest.buffer);
    }

    /** Records the deformation; returns the dispatches, at most two. */
    public record(pass: GPUComputePassEncoder): number {
        for (const { kernel, group, workgroups } of this.#stages) {
            pass.setPipeline(kernel.pipeline);
            pass.setBindGroup(0, group);
            pass.dispatchWorkgroups(workgroups);
        }
        return this.#stages.length;
    }
}

/** The frame record of a branch, with its range of splats filled in. */
function frameOf(
    name: BranchName,
    branches: Readonly<Record<BranchName, BranchAsset>>,
    arena: GpuArena,
): { buffer: GPUBuffer; record: Float32Array } {
    const { frame } = BRANCH_KERNELS[name];
    const record = new Float32Array(frame.size / 4);
    const words = new Uint32Array(record.buffer);
    const at = (field: string): number => (frame.layout.find((entry) => entry.name === field)?.offset ?? 0) / 4;
    words[at('firstSplat')] = name === 'face' ? 0 : branches.face.splats.count;
    words[at('movingCount')] = branches[name].movingCount;
    return { buffer: arena.uniform(`${name} frame`, record), record };
}
