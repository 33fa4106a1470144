import { FLAT_WORKGROUP, workgroupsFor, type GpuArena, type Kernel } from '../compute/index.js';
import { BRANCH_NAMES, type BranchName, type GpuField } from '../core/index.js';
import type { ActiveSplats } from './active-splats.js';
import { BRANCH_KERNELS, type DeformBindings } from './deform-kernels.js';
import { tileLayer } from './gpu-layout.js';

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

/** A branch on the GPU, instants apart. */
export interface DeformableBranch {
    readonly kernel: Kernel<DeformBindings>;
    readonly features: GPUBuffer;
    readonly weights: GPUBuffer;
    /** Its first splat among all of the head. */
    readonly firstSplat: number;
    readonly movingCount: number;
}

/** A head on the GPU, instants apart: what all its {@link DeformPass}es share. */
export interface DeformableHead {
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    readonly canonicalSplats: GPUBuffer;
    readonly active: ActiveSplats;
    readonly branches: Readonly<Record<BranchName, DeformableBranch>>;
}

/** What one pass keeps of a branch. */
interface Stage {
    readonly name: BranchName;
    readonly frame: GPUBuffer;
    /** What {@link frame} holds; survives, so that the instant can be posed again. */
    readonly record: Float32Array<ArrayBuffer>;
    readonly words: Uint32Array;
    readonly group: GPUBindGroup;
}

/** One instant that is deformed into one buffer of `PosedSplat`: a dispatch a branch that has active splats. */
export class DeformPass {
    readonly #head: DeformableHead;
    readonly #stages: readonly Stage[];

    /**
     * @param label - tells this pass's buffers from those of others.
     * @param posedSplats - `PosedSplat[N]`; only what the deformation moves is written.
     */
    public constructor(head: DeformableHead, label: string, posedSplats: GPUBuffer) {
        this.#head = head;
        this.#stages = BRANCH_NAMES.filter((name) => head.branches[name].movingCount > 0).map((name) =>
            stageOf(head, name, label, posedSplats),
        );
        this.updateActive();
    }

    /** Sets the instant; copied, and queued on the device at once. */
    public set({ face, mouth }: SharedActivations): void {
        for (const { name, frame, record } of this.#stages) {
            if (name === 'face') {
                record.set(face.speech);
            } else {
                const size = mouth.gate.length;
                tileLayer(mouth.mix, size, size, 'output-major', record);
                record.set(mouth.gate, size * size);
            }
            this.#head.device.queue.writeBuffer(frame, 0, record);
        }
    }

    /** Takes over how many splats are active; queued on the device at once. */
    public updateActive(): void {
        for (const { name, frame, record, words } of this.#stages) {
            words[fieldAt(name, 'activeCount')] = this.#head.active.count(name);
            this.#head.device.queue.writeBuffer(frame, 0, record);
        }
    }

    /** Records the deformation; returns the dispatches, at most two. */
    public record(pass: GPUComputePassEncoder): number {
        let dispatches = 0;
        for (const { name, group } of this.#stages) {
            const count = this.#head.active.count(name);
            if (count === 0) continue;
            pass.setPipeline(this.#head.branches[name].kernel.pipeline);
            pass.setBindGroup(0, group);
            pass.dispatchWorkgroups(workgroupsFor(count, FLAT_WORKGROUP * BRANCH_KERNELS[name].splatsPerThread));
            dispatches++;
        }
        return dispatches;
    }
}

function stageOf(
    { arena, canonicalSplats, active, branches }: DeformableHead,
    name: BranchName,
    label: string,
    posedSplats: GPUBuffer,
): Stage {
    const { kernel, features, weights, firstSplat, movingCount } = branches[name];
    const record = new Float32Array(BRANCH_KERNELS[name].frame.size / 4);
    const words = new Uint32Array(record.buffer);
    words[fieldAt(name, 'firstSplat')] = firstSplat;
    words[fieldAt(name, 'movingCount')] = movingCount;
    words[fieldAt(name, 'firstId')] = active.firstId(name);
    const frame = arena.uniform(`${name} ${label}`, record);
    const activeIds = active.buffer;
    const group = kernel.bind(label, { activeIds, canonicalSplats, features, posedSplats, weights, frame });
    return { name, frame, record, words, group };
}

/** Where a field of a branch's frame record lies, in words. */
function fieldAt(name: BranchName, field: string): number {
    return (BRANCH_KERNELS[name].frame.layout.find((entry) => entry.name === field) as GpuField).offset / 4;
}
