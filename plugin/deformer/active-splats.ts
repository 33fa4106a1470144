import type { GpuArena } from '../compute/index.js';
import { BRANCH_NAMES, PgsError, type BranchAsset, type BranchName } from '../core/index.js';

/** Ids a branch, counted from its own first splat, strictly ascending. */
export type ActiveIds = Readonly<Record<BranchName, Uint32Array>>;

/**
 * Which splats are deformed, on the GPU: a fixed range of ids a branch, filled from its start.
 *
 * Starts with every moving splat. Allocated once at full size; {@link set} allocates nothing.
 */
export class ActiveSplats {
    /** `u32[moving splats of both branches]`, face first. */
    public readonly buffer: GPUBuffer;
    readonly #device: GPUDevice;
    readonly #branches: Readonly<Record<BranchName, BranchAsset>>;
    readonly #ids: Readonly<Record<BranchName, Uint32Array<ArrayBuffer>>>;
    readonly #counts: Record<BranchName, number>;

    public constructor(device: GPUDevice, arena: GpuArena, branches: Readonly<Record<BranchName, BranchAsset>>) {
        const { face, mouth } = branches;
        const ids = new Uint32Array(face.movingCount + mouth.movingCount);
        this.#device = device;
        this.#branches = branches;
        this.#ids = { face: ids.subarray(0, face.movingCount), mouth: ids.subarray(face.movingCount) };
        this.#counts = { face: face.movingCount, mouth: mouth.movingCount };
        for (const name of BRANCH_NAMES) fillAll(this.#ids[name]);
        this.buffer = arena.storage('active ids', ids);
    }

    /** Where a branch's ids start in {@link buffer}. */
    public firstId(name: BranchName): number {
        return name === 'face' ? 0 : this.#branches.face.movingCount;
    }

    /** Splats of a branch that are deformed. */
    public count(name: BranchName): number {
        return this.#counts[name];
    }

    /**
     * Sets the splats to be deformed; queued on the device at once.
     *
     * @param ids - copied; those of splats that never move are left out. Null: all that move.
     * @throws PgsError `OPTION_VALUE` - ids that do not ascend, or that the branch does not have; then nothing has changed.
     */
    public set(ids: ActiveIds | null): void {
        if (ids) for (const name of BRANCH_NAMES) checkIds(name, ids[name], this.#branches[name].splats.count);
        for (const name of BRANCH_NAMES) {
            const kept = this.#ids[name];
            const moving = ids ? movingIds(ids[name], kept.length) : fillAll(kept);
            kept.set(moving);
            this.#counts[name] = moving.length;
            this.#device.queue.writeBuffer(this.buffer, this.firstId(name) * 4, kept, 0, moving.length);
        }
    }
}

function fillAll(ids: Uint32Array): Uint32Array {
    for (let i = 0; i < ids.length; i++) ids[i] = i;
    return ids;
}

/** The ids below `movingCount`: a view of the start, because ids ascend. */
function movingIds(ids: Uint32Array, movingCount: number): Uint32Array {
    const end = ids.findIndex((id) => id >= movingCount);
    return end < 0 ? ids : ids.subarray(0, end);
}

function checkIds(name: BranchName, ids: Uint32Array, splatCount: number): void {
    for (let k = 0; k < ids.length; k++) {
        const [before, id] = [k === 0 ? -1 : (ids[k - 1] as number), ids[k] as number];
        if (id > before && id < splatCount) continue;
        throw new PgsError(
            'OPTION_VALUE',
            `active ${name} ids[${k}]: expected more than ${before} and less than ${splatCount}, got ${id}. ` +
                "Pass ids of the branch's own splats, sorted, each once.",
        );
    }
}
