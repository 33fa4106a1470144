import { compileKernelAsync, type GpuArena, type Kernel } from '../compute/index.js';
import { PgsError, type BranchAsset, type BranchName } from '../core/index.js';
import { ActiveSplats, type ActiveIds } from './active-splats.js';
import { deformKernel, type DeformBindings, type FeaturePrecision } from './deform-kernels.js';
import { DeformPass, type DeformableBranch, type DeformableHead, type SharedActivations } from './deform-pass.js';
import { packFeatures, packSplats, packWeights } from './gpu-layout.js';
import { blendKeysKernel, KeyBlend, type BlendBindings, type KeySlot } from './key-blend.js';

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

type DeformKernels = Readonly<Record<BranchName, Kernel<DeformBindings>>> & { readonly blend: Kernel<BlendBindings> };

/**
 * Moves the splats of both branches on the GPU: two dispatches an instant, no barriers, no read-back, nothing allocated.
 *
 * Splats that never move are posed once, at creation. What is shown is what was set last: an instant ({@link setInstant}), the
 * rest pose ({@link rest}) or what lies between two key poses ({@link setKey}, {@link setBlend}). {@link record} then does in a pass
 * what is due.
 */
export class GpuDeformer {
    /** `PosedSplat[N]`, all of the face, then all of the mouth. Starts as the head at rest. */
    public readonly posedSplats: GPUBuffer;
    readonly #rest: Float32Array<ArrayBuffer>;
    readonly #head: DeformableHead;
    readonly #blendKernel: Kernel<BlendBindings>;
    readonly #instant: DeformPass;
    /** Made by the first {@link setKey}: heads that never blend hold no keys. */
    #keys: KeyBlend | undefined;
    #shown: 'rest' | 'instant' | 'keys' = 'rest';
    #isInstantDue = false;

    private constructor(options: GpuDeformerOptions, kernels: DeformKernels) {
        const { arena, branches } = options;
        this.#rest = packSplats(branches, 'posed');
        this.posedSplats = arena.storage('posed splats', this.#rest);
        this.#head = uploadHead(options, kernels);
        this.#blendKernel = kernels.blend;
        this.#instant = new DeformPass(this.#head, 'frame', this.posedSplats);
    }

    /** Compiles the kernels and uploads the head. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: GpuDeformerOptions): Promise<GpuDeformer> {
        const { device, precision = 'f32' } = options;
        const [face, mouth, blend] = await Promise.all([
            compileKernelAsync(device, deformKernel('face', precision)),
            compileKernelAsync(device, deformKernel('mouth', precision)),
            compileKernelAsync(device, blendKeysKernel),
        ]);
        return new GpuDeformer(options, { face, mouth, blend });
    }

    /**
     * Leaves splats out of the deformation; they keep the pose that they last had. The instant or the key poses become due
     * again, unless the head is at rest. Queued on the device at once.
     *
     * @param ids - copied; a branch's own splats, strictly ascending. Those that never move are ignored. Null: all, the
     *   default.
     * @throws PgsError `OPTION_VALUE` - ids that do not ascend, or that the branch does not have; then nothing has changed.
     */
    public setActive(ids: ActiveIds | null): void {
        this.#head.active.set(ids);
        this.#instant.updateActive();
        this.#keys?.updateActive();
        this.#isInstantDue = this.#shown === 'instant';
    }

    /** Shows an instant, which the next {@link record} poses; copied, and queued on the device at once. */
    public setInstant(activations: SharedActivations): void {
        this.#instant.set(activations);
        this.#shown = 'instant';
        this.#isInstantDue = true;
    }

    /** Puts all of the head at rest, as if there were no deformation. Queued on the device at once; records nothing. */
    public rest(): void {
        this.#head.device.queue.writeBuffer(this.posedSplats, 0, this.#rest);
        this.#shown = 'rest';
        this.#isInstantDue = false;
    }

    /**
     * Sets a key pose and shows the blend of both; the next {@link record} deforms it. Copied, and queued on the device at
     * once. While only one key was ever set, that key is shown.
     *
     * The first call allocates both keys, 96 bytes a splat.
     *
     * @throws PgsError `GPU_LIMIT` - the device lets no buffer be that large.
     */
    public setKey(slot: KeySlot, activations: SharedActivations): void {
        this.#keys ??= new KeyBlend(this.#head, this.#blendKernel, this.posedSplats);
        this.#keys.setKey(slot, activations);
        this.#showKeys(this.#keys);
    }

    /**
     * Shows the blend of both key poses: means and sizes between them in a straight line, rotations the shorter way.
     *
     * @param share - of key 1, 0..1; the ends are the keys themselves. Starts as 0.
     * @throws PgsError `OPTION_VALUE` - a share outside 0..1, or no key was ever set.
     */
    public setBlend(share: number): void {
        if (!(share >= 0 && share <= 1)) {
            throw new PgsError('OPTION_VALUE', `blend share: expected 0 to 1, got ${share}. Clamp it.`);
        }
        if (!this.#keys) {
            throw new PgsError('OPTION_VALUE', 'blend: expected a key pose, got none. Call setKey first.');
        }
        this.#keys.setShare(share);
        this.#showKeys(this.#keys);
    }

    /**
     * Records what is due: an instant or a key is posed once, a blend when the share, a key or what was shown has changed.
     *
     * @returns dispatches, at most five; 0 where nothing is due.
     */
    public record(pass: GPUComputePassEncoder): number {
        if (this.#shown === 'keys' && this.#keys) return this.#keys.record(pass);
        if (!this.#isInstantDue) return 0;
        this.#isInstantDue = false;
        return this.#instant.record(pass);
    }

    #showKeys(keys: KeyBlend): void {
        if (this.#shown !== 'keys') keys.markDue();
        this.#shown = 'keys';
        this.#isInstantDue = false;
    }
}

function uploadHead(options: GpuDeformerOptions, kernels: DeformKernels): DeformableHead {
    const { device, arena, branches, baked, precision = 'f32' } = options;
    const upload = (name: BranchName): DeformableBranch => {
        const { movingCount, layers } = branches[name];
        return {
            kernel: kernels[name],
            features: arena.storage(`${name} features`, packFeatures(baked[name], movingCount, precision)),
            weights: arena.uniform(`${name} weights`, packWeights(name, layers)),
            firstSplat: name === 'face' ? 0 : branches.face.splats.count,
            movingCount,
        };
    };
    return {
        device,
        arena,
        canonicalSplats: arena.storage('canonical splats', packSplats(branches, 'canonical')),
        active: new ActiveSplats(device, arena, branches),
        branches: { face: upload('face'), mouth: upload('mouth') },
    };
}
