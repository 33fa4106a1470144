import { PgsError } from '../core/index.js';
import { chooseSortWayAsync, type SortChoice } from './sort-choice.js';
import { PACKED_LIMIT, SORT_LAYOUTS, type SortPrecision, type SortWay } from './sort-kernels.js';
import {
    compileSortAsync,
    createSortedView,
    type CompiledSort,
    type SortedView,
    type SortInput,
} from './sorted-view.js';

export type { NearnessAxis, SortedView, SortInput } from './sorted-view.js';

/** What a {@link DepthSorter} works on, and how. */
export interface DepthSorterOptions extends SortInput {
    /** Default: packed for as many splats as fit it ({@link PACKED_LIMIT}), else fine. */
    readonly precision?: SortPrecision;
    /** Default: what {@link chooseSortWayAsync} finds on this device. */
    readonly way?: SortWay;
}

/**
 * Orders the splats of a head for any number of views. Back to front, the mouth before the face (Eq. 10), ties by id.
 *
 * Needs default limits and no subgroups. Deterministic: equal input gives equal output, in either way and on every device.
 */
export class DepthSorter {
    /** Mask that turns an entry of `order` into a splat id. */
    public readonly idMask: number;
    /** Which way the device sorts, and why. */
    public readonly choice: SortChoice;
    readonly #input: SortInput;
    readonly #sort: CompiledSort;
    #activeCount: number;
    #views = 0;

    private constructor(input: SortInput, sort: CompiledSort, choice: SortChoice) {
        this.#input = input;
        this.#sort = sort;
        this.choice = choice;
        this.idMask = SORT_LAYOUTS[sort.precision].idMask;
        this.#activeCount = input.splatCount;
    }

    /**
     * Compiles what the splat count needs; without `way`, both ways are tried first, once for a device and size.
     *
     * @throws PgsError `OPTION_VALUE` - more splats than the precision holds, or a list with less room than there are splats.
     * @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`, `GPU_LOST`.
     */
    public static async createAsync(options: DepthSorterOptions): Promise<DepthSorter> {
        const { device, splatCount, activeIds } = options;
        const precision = options.precision ?? (splatCount <= PACKED_LIMIT ? 'packed' : 'fine');
        if (precision === 'packed' && splatCount > PACKED_LIMIT) {
            throw new PgsError(
                'OPTION_VALUE',
                `depth sort: expected at most ${PACKED_LIMIT} splats for the packed precision, got ${splatCount}. Use 'fine'.`,
            );
        }
        if (activeIds && activeIds.size < splatCount * 4) {
            throw new PgsError(
                'OPTION_VALUE',
                `depth sort: expected activeIds with room for ${splatCount} ids = ${splatCount * 4} bytes, ` +
                    `got ${activeIds.size}. Allocate it for all splats.`,
            );
        }
        const choice: SortChoice = options.way
            ? { way: options.way, reason: 'asked for', timesMs: {} }
            : await chooseSortWayAsync(device, splatCount, precision);
        const sort = await compileSortAsync(device, precision, choice.way, activeIds !== undefined);
        return new DepthSorter(options, sort, choice);
    }

    /** Splats that are sorted. Starts as all of them. */
    public get activeCount(): number {
        return this.#activeCount;
    }

    /**
     * Sorts only the first `count` of `activeIds` (without a list: of all splats) from the next {@link SortedView.record} on.
     *
     * Call it between submits: passes of one submit all see the last count. Orders already sorted stay as they are.
     *
     * @param count - 0..splatCount; 0 sorts nothing.
     * @throws PgsError `OPTION_VALUE` - not a whole number of that range.
     */
    public setActiveCount(count: number): void {
        const { splatCount } = this.#input;
        if (!Number.isInteger(count) || count < 0 || count > splatCount) {
            throw new PgsError(
                'OPTION_VALUE',
                `depth sort: expected an active count of 0..${splatCount}, got ${count}. Pass how many ids the list holds.`,
            );
        }
        this.#activeCount = count;
    }

    /** Allocates one more view. @throws PgsError `GPU_LIMIT`. */
    public createView(): SortedView {
        return createSortedView(this.#sort, this.#input, `view ${this.#views++}`, () => this.#activeCount);
    }
}
