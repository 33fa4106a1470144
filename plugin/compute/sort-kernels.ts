import activeIdsOffSource from './active-ids-off.wgsl?raw';
import activeIdsOnSource from './active-ids-on.wgsl?raw';
import depthKeysSource from './depth-keys.wgsl?raw';
import { FLAT_WORKGROUP } from './gpu-pass.js';
import { defineKernel, readOnly, readWrite, uniform, type KernelBindings, type KernelSpec } from './kernel.js';
import sortBlocksSource from './sort-blocks.wgsl?raw';
import sortItemsFineSource from './sort-items-fine.wgsl?raw';
import sortItemsPackedSource from './sort-items-packed.wgsl?raw';
import sortOneSource from './sort-one.wgsl?raw';
import sortRankSource from './sort-rank.wgsl?raw';

/** Splats that fit the packed precision: the id takes 16 bits of the sort item. */
export const PACKED_LIMIT = 65_536;

/** Items of a block of sort-blocks.wgsl, which says the same. */
export const BLOCK_ITEMS = 2048;

const SORT_WORKGROUP = 256;
/** masks 8 KiB, bases 1 KiB, histogram 1 KiB. */
const SORT_WORKGROUP_BYTES = 10_240;

/** How depth is kept: 15 bits in one word with the id, up to {@link PACKED_LIMIT} splats, or 23 bits beside it. */
export type SortPrecision = 'packed' | 'fine';

/** How the GPU is used: one dispatch of one workgroup that walks all items, or three dispatches a digit over blocks of items. */
export type SortWay = 'one-workgroup' | 'multi-dispatch';

/** Every way, the one with the fewest dispatches first. */
export const SORT_WAYS: readonly SortWay[] = ['one-workgroup', 'multi-dispatch'];

/** Bits of a sort key. */
export interface SortLayout {
    /** Largest depth value. */
    readonly depthSteps: number;
    /** Lowest bit of the depth. */
    readonly depthShift: number;
    /** The bit above the depth; depth and face bit together fill whole digits. */
    readonly faceShift: number;
    /** Passes of 8 bits. */
    readonly digits: number;
    /** Mask that turns an entry of the order into a splat id. */
    readonly idMask: number;
}

export const SORT_LAYOUTS: Readonly<Record<SortPrecision, SortLayout>> = {
    packed: { depthSteps: 0x7fff, depthShift: 16, faceShift: 31, digits: 2, idMask: 0xffff },
    fine: { depthSteps: 0x7fffff, depthShift: 0, faceShift: 23, digits: 3, idMask: 0xffffffff },
};

/** Sort keys of one view (depth-keys.wgsl), of all splats below the count. */
export const depthKeysKernel: KernelSpec = defineDepthKeys(activeIdsOffSource, {});

/** Sort keys of one view, of the splats in a list. */
export const depthKeysActiveKernel: KernelSpec = defineDepthKeys(activeIdsOnSource, { activeIds: readOnly('u32') });

/** One-workgroup sort of packed items (sort-one.wgsl). */
export const sortPackedKernel: KernelSpec = defineSortInOne('packed');

/** One-workgroup sort of fine items. */
export const sortFineKernel: KernelSpec = defineSortInOne('fine');

/** The three kernels of a digit of packed items (sort-blocks.wgsl), in the order of dispatch. */
export const sortWidePackedKernels: readonly KernelSpec[] = defineSortInBlocks('packed');

/** The three kernels of a digit of fine items. */
export const sortWideFineKernels: readonly KernelSpec[] = defineSortInBlocks('fine');

/** Every kernel of the way `multi-dispatch`. */
export const sortWideKernels: readonly KernelSpec[] = [...sortWidePackedKernels, ...sortWideFineKernels];

/** The kernels of a sort: of all digits for `one-workgroup`, of one digit for `multi-dispatch`. */
export function sortKernels(precision: SortPrecision, way: SortWay): readonly KernelSpec[] {
    if (way === 'one-workgroup') return [precision === 'packed' ? sortPackedKernel : sortFineKernel];
    return precision === 'packed' ? sortWidePackedKernels : sortWideFineKernels;
}

function defineDepthKeys(activeIdsSource: string, activeIds: KernelBindings): KernelSpec {
    return defineKernel({
        entryPoint: 'depthKeys',
        source: `${activeIdsSource}\n${depthKeysSource}`,
        workgroupSize: FLAT_WORKGROUP,
        bindings: {
            posedSplats: readOnly('PosedSplat'),
            keys: readWrite('u32'),
            ids: readWrite('u32'),
            sortParams: uniform('SortParams'),
            ...activeIds,
        },
    });
}

function defineSortInOne(precision: SortPrecision): KernelSpec {
    return defineSort(precision, 'sortInOne', sortOneSource, { sortParams: uniform('SortParams') });
}

function defineSortInBlocks(precision: SortPrecision): readonly KernelSpec[] {
    return ['sortCount', 'sortPrefix', 'sortScatter'].map((entryPoint) =>
        defineSort(precision, entryPoint, sortBlocksSource, {
            digitCounts: readWrite('u32'),
            sortParams: uniform('SortParams'),
            sortPass: uniform('SortPass'),
        }),
    );
}

function defineSort(
    precision: SortPrecision,
    entryPoint: string,
    waySource: string,
    bindings: KernelBindings,
): KernelSpec {
    const isPacked = precision === 'packed';
    const itemsSource = isPacked ? sortItemsPackedSource : sortItemsFineSource;
    return defineKernel({
        entryPoint,
        source: `${sortRankSource}\n${itemsSource}\n${waySource}`,
        workgroupSize: SORT_WORKGROUP,
        workgroupBytes: SORT_WORKGROUP_BYTES,
        bindings: {
            keys: readWrite('u32'),
            otherKeys: readWrite('u32'),
            ...(isPacked ? {} : { ids: readWrite('u32'), otherIds: readWrite('u32') }),
            ...bindings,
        },
    });
}
