import { SORT_PARAMS, SORT_PASS, writeStruct } from '../core/index.js';
import type { GpuArena } from './gpu-arena.js';
import { FLAT_WORKGROUP, workgroupsFor } from './gpu-pass.js';
import { compileKernelAsync, type Kernel, type KernelSpec } from './kernel.js';
import { oncePerDevice } from './once-per-device.js';
import {
    BLOCK_ITEMS,
    depthKeysActiveKernel,
    depthKeysKernel,
    SORT_LAYOUTS,
    sortKernels,
    type SortPrecision,
    type SortWay,
} from './sort-kernels.js';

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

/** A view's draw order and what recomputes it. Buffers belong to the arena that they were asked from. */
export interface SortedView {
    /** Splat ids back to front: `order[i] & idMask`, for i below the count that was sorted; what lies above is stale. */
    readonly order: GPUBuffer;
    /** Sets the plane for the next {@link record}; queued on the device at once. */
    aim(axis: NearnessAxis): void;
    /** Records keys and sort of as many splats as are active now; returns the dispatches, 0 for no splats. */
    record(pass: GPUComputePassEncoder): number;
}

/** What is sorted. Splats `[0, faceCount)` are the face, the rest the mouth. */
export interface SortInput {
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    /** `PosedSplat[splatCount]`. */
    readonly posedSplats: GPUBuffer;
    readonly splatCount: number;
    readonly faceCount: number;
    /** `u32[splatCount]`: ids of the splats to sort, ascending; the first `activeCount` count. Default: all, in order. */
    readonly activeIds?: GPUBuffer;
}

/** Kernels of one precision and way on one device. */
export interface CompiledSort {
    readonly precision: SortPrecision;
    readonly way: SortWay;
    readonly depthKeys: Kernel;
    /** As {@link sortKernels} orders them. */
    readonly kernels: readonly Kernel[];
}

/** A dispatch of a sort: `itemsPerWorkgroup` is Infinity where one workgroup does it all. */
interface SortStep {
    readonly pipeline: GPUComputePipeline;
    readonly group: GPUBindGroup;
    readonly itemsPerWorkgroup: number;
}

/**
 * Compiles a sort, once for a device.
 *
 * @param isListed - whether the input has `activeIds`.
 * @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`.
 */
export async function compileSortAsync(
    device: GPUDevice,
    precision: SortPrecision,
    way: SortWay,
    isListed: boolean,
): Promise<CompiledSort> {
    const compileAsync = (spec: KernelSpec): Promise<Kernel> =>
        oncePerDevice(device, spec, () => compileKernelAsync(device, spec));
    const [depthKeys, kernels] = await Promise.all([
        compileAsync(isListed ? depthKeysActiveKernel : depthKeysKernel),
        Promise.all(sortKernels(precision, way).map(compileAsync)),
    ]);
    return { precision, way, depthKeys, kernels };
}

/**
 * Allocates a view of an input.
 *
 * @param activeCount - asked for whenever the view is aimed or recorded. Passes of one submit all see the last count.
 * @throws PgsError `GPU_LIMIT`.
 */
export function createSortedView(
    sort: CompiledSort,
    input: SortInput,
    label: string,
    activeCount: () => number,
): SortedView {
    const { device, arena, faceCount } = input;
    const { depthSteps, depthShift, faceShift } = SORT_LAYOUTS[sort.precision];
    const params = arena.uniform(`${label} sort params`, SORT_PARAMS.size);
    const record = new DataView(new ArrayBuffer(SORT_PARAMS.size));
    const nearness = new Float32Array(4);
    let sentCount = -1;
    const send = (): void => {
        sentCount = activeCount();
        writeStruct(record, SORT_PARAMS, {
            nearness,
            activeCount: sentCount,
            faceCount,
            depthSteps,
            depthShift,
            faceShift,
        });
        device.queue.writeBuffer(params, 0, record.buffer);
    };
    const { steps, order } = bindSteps(sort, input, label, params);
    return {
        order,
        aim: (axis) => {
            const scale = 1 / axis.range;
            nearness.set([axis.x * scale, axis.y * scale, axis.z * scale, axis.offset * scale]);
            send();
        },
        record: (pass) => {
            const count = activeCount();
            // The count may have changed since the view was aimed.
            if (count !== sentCount) send();
            if (count === 0) return 0;
            for (const { pipeline, group, itemsPerWorkgroup } of steps) {
                pass.setPipeline(pipeline);
                pass.setBindGroup(0, group);
                pass.dispatchWorkgroups(workgroupsFor(count, itemsPerWorkgroup));
            }
            return steps.length;
        },
    };
}

/** Where items are: `ids` is used by fine items only, but keys are always written with a binding for it. */
interface SortPlace {
    readonly keys: GPUBuffer;
    readonly ids: GPUBuffer;
}

function bindSteps(
    sort: CompiledSort,
    input: SortInput,
    label: string,
    sortParams: GPUBuffer,
): { readonly steps: readonly SortStep[]; readonly order: GPUBuffer } {
    const { arena, posedSplats, splatCount, activeIds } = input;
    const isPacked = sort.precision === 'packed';
    const { digits } = SORT_LAYOUTS[sort.precision];
    const place = (name: string): SortPlace => ({
        keys: arena.storage(`${label} ${name} keys`, splatCount * 4),
        ids: arena.storage(`${label} ${name} ids`, isPacked ? 4 : splatCount * 4),
    });
    const [first, other] = [place('first'), place('other')];
    const keyBuffers = { posedSplats, ...first, sortParams, ...(activeIds ? { activeIds } : {}) };
    const steps = [
        stepOf(sort.depthKeys, label, keyBuffers, FLAT_WORKGROUP),
        ...(sort.way === 'one-workgroup'
            ? sort.kernels.map((kernel) => stepOf(kernel, label, { ...fromTo(first, other), sortParams }, Infinity))
            : bindDigits(sort, input, label, { first, other, sortParams })),
    ];
    // Every digit moves the items to the other place.
    const end = digits % 2 === 0 ? first : other;
    return { steps, order: isPacked ? end.keys : end.ids };
}

function bindDigits(
    { precision, kernels }: CompiledSort,
    { arena, splatCount }: SortInput,
    label: string,
    { first, other, sortParams }: { first: SortPlace; other: SortPlace; sortParams: GPUBuffer },
): SortStep[] {
    const { digits, depthShift } = SORT_LAYOUTS[precision];
    const digitCounts = arena.storage(`${label} digit counts`, workgroupsFor(splatCount, BLOCK_ITEMS) * 256 * 4);
    return Array.from({ length: digits }, (_, digit) => {
        const record = new DataView(new ArrayBuffer(SORT_PASS.size));
        writeStruct(record, SORT_PASS, { shift: depthShift + 8 * digit });
        const digitLabel = `${label} digit ${digit}`;
        const sortPass = arena.uniform(digitLabel, record);
        const places = digit % 2 === 0 ? fromTo(first, other) : fromTo(other, first);
        const buffers = { ...places, digitCounts, sortParams, sortPass };
        // Count, prefix, scatter: only the prefix is one workgroup's.
        return kernels.map((kernel, k) => stepOf(kernel, digitLabel, buffers, k === 1 ? Infinity : BLOCK_ITEMS));
    }).flat();
}

function fromTo(from: SortPlace, to: SortPlace): Record<'keys' | 'ids' | 'otherKeys' | 'otherIds', GPUBuffer> {
    return { keys: from.keys, ids: from.ids, otherKeys: to.keys, otherIds: to.ids };
}

function stepOf(
    kernel: Kernel,
    label: string,
    buffers: Readonly<Record<string, GPUBuffer>>,
    itemsPerWorkgroup: number,
): SortStep {
    return { pipeline: kernel.pipeline, group: kernel.bind(label, buffers), itemsPerWorkgroup };
}
