import { compileKernelAsync, type GpuArena, type Kernel } from '../compute/index.js';
import { type BranchAsset, type BranchName } from '../core/index.js';
import { ActiveSplats, type ActiveIds } from './active-splats.js';
import { deformKernel, type DeformBindings, type FeaturePrecision } from './deform-kernels.js';
import { DeformPass, type DeformableBranch, type DeformableHead, type SharedActivations } from './deform-pass.js';
import { packFeatures, packSplats, packWeights } from './gpu-layout.js';

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

type DeformKernels = Readonly<Record<BranchName, Kernel<DeformBindings>>>;

/**
 * Moves the splats of both branches on the GPU: two dispatches an instant, no barriers, no read-back, nothing allocated.
 *
 * Splats that never move are posed once, at creation. Order of use: {@link setInstant}, then {@link record} in a pass.
 */
export class GpuDeformer {
    /** `PosedSplat[N]`, all of the face, then all of the mouth. Starts as the head at rest. */
    public readonly posedSplats: GPUBuffer;
    readonly #device: GPUDevice;
    readonly #rest: Float32Array<ArrayBuffer>;
    readonly #active: ActiveSplats;
    readonly #instant: DeformPass;
    #isAtRest = true;
    #isInstantDue = false;

    private constructor(options: GpuDeformerOptions, kernels: DeformKernels) {
        const { device, arena, branches } = options;
        this.#device = device;
        this.#rest = packSplats(branches, 'posed');
        this.posedSplats = arena.storage('posed splats', this.#rest);
        this.#active = new ActiveSplats(device, arena, branches);
        this.#instant = new DeformPass(uploadHead(options, kernels, this.#active), 'frame', this.posedSplats);
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

    /**
     * Leaves splats out of the deformation; they keep the pose that they last had. What is shown becomes due again, unless
     * that is the head at rest. Queued on the device at once.
     *
     * @param ids - copied; a branch's own splats, strictly ascending. Those that never move are ignored. Null: all, the
     *   default.
     * @throws PgsError `OPTION_VALUE` - ids that do not ascend, or that the branch does not have; then nothing has changed.
     */
    public setActive(ids: ActiveIds | null): void {
        this.#active.set(ids);
        this.#instant.updateActive();
        this.#isInstantDue = !this.#isAtRest;
    }

    /** Sets the instant that the next {@link record} poses; copied, and queued on the device at once. */
    public setInstant(activations: SharedActivations): void {
        this.#instant.set(activations);
        this.#isAtRest = false;
        this.#isInstantDue = true;
    }

    /** Puts all of the head at rest, as if there were no deformation. Queued on the device at once; records nothing. */
    public rest(): void {
        this.#device.queue.writeBuffer(this.posedSplats, 0, this.#rest);
        this.#isAtRest = true;
        this.#isInstantDue = false;
    }

    /** Records what is due: an instant is posed once. @returns dispatches, at most two; 0 where nothing is due. */
    public record(pass: GPUComputePassEncoder): number {
        if (!this.#isInstantDue) return 0;
        this.#isInstantDue = false;
        return this.#instant.record(pass);
    }
}

function uploadHead(options: GpuDeformerOptions, kernels: DeformKernels, active: ActiveSplats): DeformableHead {
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
        active,
        branches: { face: upload('face'), mouth: upload('mouth') },
    };
}
