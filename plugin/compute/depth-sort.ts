import { SORT_PARAMS, SORT_PASS, writeStruct } from '../core/index.js';
import depthKeysSource from './depth-keys.wgsl?raw';
import type { GpuArena } from './gpu-arena.js';
import { FLAT_WORKGROUP, workgroupsFor } from './gpu-pass.js';
import {
    compileKernelAsync,
    defineKernel,
    readOnly,
    readWrite,
    uniform,
    type Kernel,
    type KernelBinding,
    type KernelSpec,
} from './kernel.js';
import sortPackedSource from './sort-packed.wgsl?raw';
import sortRankSource from './sort-rank.wgsl?raw';
import sortWideSource from './sort-wide.wgsl?raw';

/** Splats that fit the packed layout: the id takes 16 bits of the sort item. */
export const PACKED_LIMIT = 65_536;

const SORT_WORKGROUP = 256;
/** Items of a block of the wide sort; sort-wide.wgsl says the same. */
const BLOCK_ITEMS = 2048;
/** masks 8 KiB, bases 1 KiB, histogram 1 KiB. */
const SORT_WORKGROUP_BYTES = 10_240;

type DepthKeysBindings = Readonly<Record<'posedSplats' | 'keys' | 'ids' | 'sortParams', KernelBinding>>;
type SortPackedBindings = Readonly<Record<'keys' | 'scratch' | 'sortParams', KernelBinding>>;
type SortWideBindings = Readonly<
    Record<'keysIn' | 'idsIn' | 'keysOut' | 'idsOut' | 'digitCounts' | 'sortPass', KernelBinding>
>;

/** Sort keys of one view (depth-keys.wgsl). */
export const depthKeysKernel: KernelSpec<DepthKeysBindings> = defineKernel({
    entryPoint: 'depthKeys',
    source: depthKeysSource,
    workgroupSize: FLAT_WORKGROUP,
    bindings: {
        posedSplats: readOnly('PosedSplat'),
        keys: readWrite('u32'),
        ids: readWrite('u32'),
        sortParams: uniform('SortParams'),
    },
});

/** One-workgroup sort of packed items (sort-packed.wgsl). */
export const sortPackedKernel: KernelSpec<SortPackedBindings> = defineKernel({
    entryPoint: 'sortPacked',
    source: `${sortRankSource}\n${sortPackedSource}`,
    workgroupSize: SORT_WORKGROUP,
    workgroupBytes: SORT_WORKGROUP_BYTES,
    bindings: { keys: readWrite('u32'), scratch: readWrite('u32'), sortParams: uniform('SortParams') },
});

/** The three kernels of a wide digit pass (sort-wide.wgsl), in the order of dispatch. */
export const sortWideKernels: readonly KernelSpec<SortWideBindings>[] = [
    'sortWideCount',
    'sortWidePrefix',
    'sortWideScatter',
].map((entryPoint) =>
    defineKernel({
        entryPoint,
        source: `${sortRankSource}\n${sortWideSource}`,
        workgroupSize: SORT_WORKGROUP,
        workgroupBytes: SORT_WORKGROUP_BYTES,
        bindings: {
            keysIn: readOnly('u32'),
            idsIn: readOnly('u32'),
            keysOut: readWrite('u32'),
            idsOut: readWrite('u32'),
            digitCounts: readWrite('u32'),
            sortPass: uniform('SortPass'),
        },
    }),
);

/** The plane whose distance orders the splats of a view: `dot(direction, mean) + offset`, metres, larger is nearer. */
export interface NearnessAxis {
    readonly x: number;
    readonly y: number;
    readonly z: number;
    /** Puts the far end of the range at 0. */
    readonly offset: number;
    /** Length of the range; splats outside it share the end values. */
    readonly range: number;
}

/** A view's draw order and what recomputes it. Buffers belong to the sorter's arena. */
export interface SortedView {
    /** Splat ids back to front: `order[i] & idMask`. */
    readonly order: GPUBuffer;
    /** Sets the plane for the next {@link record}; queued on the device at once. */
    aim(axis: NearnessAxis): void;
    /** Records keys and sort; returns the dispatches. */
    record(pass: GPUComputePassEncoder): number;
}

/**
 * Orders the splats of a head for any number of views. Back to front, the mouth before the face (Eq. 10), ties by id.
 *
 * One u32 a splat up to {@link PACKED_LIMIT}; above it keys with 23 depth bits and separate ids. Needs default limits
 * and no subgroups. Deterministic: equal input gives equal output, on every device.
 */
export class DepthSorter {
    /** Mask that turns an entry of `order` into a splat id. */
    public readonly idMask: number;
    readonly #device: GPUDevice;
    readonly #arena: GpuArena;
    readonly #posedSplats: GPUBuffer;
    readonly #splatCount: number;
    readonly #faceCount: number;
    readonly #depthKeys: Kernel<DepthKeysBindings>;
    readonly #packed: Kernel<SortPackedBindings> | undefined;
    readonly #wide: readonly Kernel<SortWideBindings>[];
    readonly #params: DataView = new DataView(new ArrayBuffer(SORT_PARAMS.size));
    readonly #nearness: Float32Array = new Float32Array(4);
    #views = 0;

    private constructor(
        options: DepthSorterOptions,
        depthKeys: Kernel<DepthKeysBindings>,
        packed: Kernel<SortPackedBindings> | undefined,
        wide: readonly Kernel<SortWideBindings>[],
    ) {
        this.#device = options.device;
        this.#arena = options.arena;
        this.#posedSplats = options.posedSplats;
        this.#splatCount = options.splatCount;
        this.#faceCount = options.faceCount;
        this.#depthKeys = depthKeys;
        this.#packed = packed;
        this.#wide = wide;
        this.idMask = packed ? 0xffff : 0xffffffff;
    }

    /** Compiles what the splat count needs. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: DepthSorterOptions): Promise<DepthSorter> {
        const { device, splatCount } = options;
        const isPacked = splatCount <= PACKED_LIMIT && options.forceWide !== true;
        const [depthKeys, packed, wide] = await Promise.all([
            compileKernelAsync(device, depthKeysKernel),
            isPacked ? compileKernelAsync(device, sortPackedKernel) : undefined,
            Promise.all(isPacked ? [] : sortWideKernels.map((kernel) => compileKernelAsync(device, kernel))),
        ]);
        return new DepthSorter(options, depthKeys, packed, wide);
    }

    /** Allocates one more view. @throws PgsError `GPU_LIMIT`. */
    public createView(): SortedView {
        const label = `view ${this.#views++}`;
        const bytes = this.#splatCount * 4;
        const params = this.#arena.uniform(`${label} sort params`, SORT_PARAMS.size);
        const keys = this.#arena.storage(`${label} keys`, bytes);
        const ids = this.#arena.storage(`${label} ids`, this.#packed ? 4 : bytes);
        const keyGroup = this.#depthKeys.bind(label, { posedSplats: this.#posedSplats, keys, ids, sortParams: params });
        const sort = this.#packed ? this.#bindPacked(label, keys, params) : this.#bindWide(label, keys, ids);
        return {
            order: sort.order,
            aim: (axis) => this.#aim(params, axis),
            record: (pass) => {
                pass.setPipeline(this.#depthKeys.pipeline);
                pass.setBindGroup(0, keyGroup);
                pass.dispatchWorkgroups(workgroupsFor(this.#splatCount, FLAT_WORKGROUP));
                return 1 + sort.record(pass);
            },
        };
    }

    #bindPacked(label: string, keys: GPUBuffer, sortParams: GPUBuffer): Omit<SortedView, 'aim'> {
        const packed = this.#packed as Kernel<SortPackedBindings>;
        const scratch = this.#arena.storage(`${label} scratch`, this.#splatCount * 4);
        const group = packed.bind(label, { keys, scratch, sortParams });
        return {
            order: keys,
            record: (pass) => {
                pass.setPipeline(packed.pipeline);
                pass.setBindGroup(0, group);
                pass.dispatchWorkgroups(1);
                return 1;
            },
        };
    }

    #bindWide(label: string, keys: GPUBuffer, ids: GPUBuffer): Omit<SortedView, 'aim'> {
        const blockCount = workgroupsFor(this.#splatCount, BLOCK_ITEMS);
        const otherKeys = this.#arena.storage(`${label} other keys`, this.#splatCount * 4);
        const otherIds = this.#arena.storage(`${label} other ids`, this.#splatCount * 4);
        const digitCounts = this.#arena.storage(`${label} digit counts`, blockCount * 256 * 4);
        // 24 key bits: three digits, so the result ends in the other pair.
        const groups = [0, 8, 16].map((shift, digit) => {
            const record = new DataView(new ArrayBuffer(SORT_PASS.size));
            writeStruct(record, SORT_PASS, { splatCount: this.#splatCount, blockCount, shift });
            const sortPass = this.#arena.uniform(`${label} digit ${digit}`, record);
            const [keysIn, idsIn, keysOut, idsOut] =
                digit % 2 === 0 ? [keys, ids, otherKeys, otherIds] : [otherKeys, otherIds, keys, ids];
            const buffers = { keysIn, idsIn, keysOut, idsOut, digitCounts, sortPass };
            return this.#wide.map((kernel) => kernel.bind(`${label} digit ${digit}`, buffers));
        });
        return {
            order: otherIds,
            record: (pass) => {
                for (const group of groups) {
                    this.#wide.forEach((kernel, step) => {
                        pass.setPipeline(kernel.pipeline);
                        pass.setBindGroup(0, group[step] as GPUBindGroup);
                        pass.dispatchWorkgroups(kernel.spec.entryPoint === 'sortWidePrefix' ? 1 : blockCount);
                    });
                }
                return groups.length * this.#wide.length;
            },
        };
    }

    #aim(params: GPUBuffer, axis: NearnessAxis): void {
        const scale = 1 / axis.range;
        this.#nearness.set([axis.x * scale, axis.y * scale, axis.z * scale, axis.offset * scale]);
        writeStruct(this.#params, SORT_PARAMS, {
            nearness: this.#nearness,
            splatCount: this.#splatCount,
            faceCount: this.#faceCount,
            depthSteps: this.#packed ? 0x7fff : 0x7fffff,
            depthShift: this.#packed ? 16 : 0,
            faceShift: this.#packed ? 31 : 23,
        });
        this.#device.queue.writeBuffer(params, 0, this.#params.buffer);
    }
}

/** What a {@link DepthSorter} works on. Splats `[0, faceCount)` are the face, the rest the mouth. */
export interface DepthSorterOptions {
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    /** `PosedSplat[splatCount]`. */
    readonly posedSplats: GPUBuffer;
    readonly splatCount: number;
    readonly faceCount: number;
    /** Uses the wide layout although the packed one would do; for tests. */
    readonly forceWide?: boolean;
}
