import {
    defineKernel,
    FLAT_WORKGROUP,
    readOnly,
    readWrite,
    uniform,
    workgroupsFor,
    type Kernel,
    type KernelBinding,
    type KernelSpec,
} from '../compute/index.js';
import { KEY_BLEND, writeStruct } from '../core/index.js';
import blendKeysSource from './blend-keys.wgsl?raw';
import { DeformPass, type DeformableHead, type SharedActivations } from './deform-pass.js';

/** Which of the two key poses. */
export type KeySlot = 0 | 1;

/** What the blend reads and writes. */
export type BlendBindings = Readonly<
    Record<'activeIds' | 'keySplats0' | 'keySplats1' | 'posedSplats' | 'blend', KernelBinding>
>;

/** Lays the shown pose between two key poses. One thread per active splat of either branch. */
export const blendKeysKernel: KernelSpec<BlendBindings> = defineKernel({
    entryPoint: 'blendKeys',
    source: blendKeysSource,
    workgroupSize: FLAT_WORKGROUP,
    bindings: {
        activeIds: readOnly('u32'),
        keySplats0: readOnly('PosedSplat'),
        keySplats1: readOnly('PosedSplat'),
        posedSplats: readWrite('PosedSplat'),
        blend: uniform('KeyBlend'),
    },
});

/** A key pose: an instant and the buffer that it is deformed into. */
interface Key {
    readonly pass: DeformPass;
    isSet: boolean;
    isDue: boolean;
}

/**
 * Two deformed instants and what lies between them, so that the networks run at the rate of the features and not of the display.
 *
 * Keys lie in buffers of `PosedSplat`, of which only what the deformation moves is filled: thus the deformation kernels serve
 * unchanged. A blend costs a sixtieth of a deformation (measured, software adapter). Nothing is allocated after creation.
 */
export class KeyBlend {
    readonly #head: DeformableHead;
    readonly #kernel: Kernel<BlendBindings>;
    readonly #keys: readonly [Key, Key];
    readonly #frame: GPUBuffer;
    readonly #record = new DataView(new ArrayBuffer(KEY_BLEND.size));
    readonly #group: GPUBindGroup;
    #share = 0;
    #isDue = false;

    /** Allocates both keys: 96 bytes a splat. @throws PgsError `GPU_LIMIT`. */
    public constructor(head: DeformableHead, kernel: Kernel<BlendBindings>, posedSplats: GPUBuffer) {
        const { arena, active } = head;
        const keySplats0 = arena.storage('key 0 splats', posedSplats.size);
        const keySplats1 = arena.storage('key 1 splats', posedSplats.size);
        const key = (label: string, splats: GPUBuffer): Key => ({
            pass: new DeformPass(head, label, splats),
            isSet: false,
            isDue: false,
        });
        this.#head = head;
        this.#kernel = kernel;
        this.#keys = [key('key 0', keySplats0), key('key 1', keySplats1)];
        this.#frame = arena.uniform('key blend', KEY_BLEND.size);
        const buffers = { activeIds: active.buffer, keySplats0, keySplats1, posedSplats, blend: this.#frame };
        this.#group = kernel.bind('keys', buffers);
    }

    /** Sets the instant of a key, which becomes due; copied, and queued on the device at once. */
    public setKey(slot: KeySlot, activations: SharedActivations): void {
        const key = this.#keys[slot];
        key.pass.set(activations);
        key.isSet = true;
        key.isDue = true;
        this.#upload();
    }

    /** Sets the share of the second key, 0..1; makes the blend due where that is another than before. */
    public setShare(share: number): void {
        if (share === this.#share) return;
        this.#share = share;
        this.#upload();
    }

    /** Makes the blend due: somebody else has written the shown pose. */
    public markDue(): void {
        this.#isDue = true;
    }

    /** Takes over which splats are active; keys that are set become due again. */
    public updateActive(): void {
        for (const key of this.#keys) {
            key.pass.updateActive();
            key.isDue = key.isSet;
        }
        this.#upload();
    }

    /** Records what is due, keys before the blend. @returns dispatches, at most five. */
    public record(pass: GPUComputePassEncoder): number {
        let dispatches = 0;
        for (const key of this.#keys) {
            if (key.isDue) dispatches += key.pass.record(pass);
            key.isDue = false;
        }
        const count = this.#head.active.count('face') + this.#head.active.count('mouth');
        if (!this.#isDue || count === 0) return dispatches;
        this.#isDue = false;
        pass.setPipeline(this.#kernel.pipeline);
        pass.setBindGroup(0, this.#group);
        pass.dispatchWorkgroups(workgroupsFor(count, FLAT_WORKGROUP));
        return dispatches + 1;
    }

    #upload(): void {
        const { device, active, branches } = this.#head;
        const [first, second] = this.#keys;
        // A key that was never set has no pose to take a share of.
        const share = first.isSet && second.isSet ? this.#share : Number(second.isSet);
        writeStruct(this.#record, KEY_BLEND, {
            share,
            faceCount: active.count('face'),
            mouthCount: active.count('mouth'),
            firstMouthId: active.firstId('mouth'),
            firstMouthSplat: branches.mouth.firstSplat,
        });
        device.queue.writeBuffer(this.#frame, 0, this.#record.buffer);
        this.#isDue = true;
    }
}
