import { PgsError } from '../core/index.js';
import { oncePerDevice } from './once-per-device.js';
import type { PassDuration } from './pass-duration.js';
import { SORT_WAYS, type SortPrecision, type SortWay } from './sort-kernels.js';
import { SortTrial } from './sort-trial.js';
import { compileSortAsync, createSortedView, type SortedView, type SortInput } from './sorted-view.js';

/** Size classes are powers of two between these: below, every sort is quick; above, the ways no longer change places. */
const CLASS_MIN = 4096;
const CLASS_MAX = 65_536;
/** A trial has this many splats less than its class, so that its last row and block are not full. */
const CLASS_GAP = 19;

/** A pass is repeated until it takes this long, ms: browsers count in steps of up to 0.1 ms and tell late. */
const ENOUGH_MS = 8;
const MAX_REPEATS = 64;
/** The least of this many rounds counts; fewer once {@link ROUNDS_MS} have gone by. */
const ROUNDS = 3;
const ROUNDS_MS = 60;
/** A larger trial follows only if it should take no longer than this, ms: on a slow device the small one has told enough. */
const LARGER_TRIAL_MS = 80;

/**
 * A later contender must take less than this part of the time of an earlier one. Every dispatch also costs the CPU, and on a
 * software adapter, where both ways are close, a busy machine would choose by chance (measured: noise of up to a third).
 */
const CLEARLY_FASTER = 0.75;

/** A way to sort, chosen for a device. */
export interface SortChoice {
    readonly way: SortWay;
    /** Why, in one line. */
    readonly reason: string;
    /** Time of one sort of the trial's splats, ms, for every way that was timed. */
    readonly timesMs: Readonly<Partial<Record<SortWay, number>>>;
}

/** A way of sorting that can be tried: {@link compareSortWaysAsync} does not know how it works. */
export interface SortContender {
    readonly way: SortWay;
    /** Gets ready. @returns what makes a view of a scratch head. @throws PgsError `GPU_UNAVAILABLE` - cannot run here. */
    compileAsync(): Promise<(input: SortInput) => SortedView>;
}

/**
 * The faster way that sorts rightly on a device, found by sorting scratch heads; once for a device, size class and precision. One
 * workgroup, with the fewest dispatches, is taken unless blocks are clearly faster.
 *
 * Compiles both ways. Frees every scratch buffer.
 *
 * @param splatCount - of the head; a trial has at most 65,536.
 * @throws PgsError `GPU_UNAVAILABLE` - no way gives the right order. `GPU_LOST` - the device was lost meanwhile. `GPU_LIMIT`.
 */
export function chooseSortWayAsync(
    device: GPUDevice,
    splatCount: number,
    precision: SortPrecision,
): Promise<SortChoice> {
    const sizeClass = Math.min(Math.max(2 ** Math.ceil(Math.log2(Math.max(splatCount, 1))), CLASS_MIN), CLASS_MAX);
    const classes = sizeClass === CLASS_MIN ? [CLASS_MIN] : [CLASS_MIN, sizeClass];
    const contenders = SORT_WAYS.map((way) => ({
        way,
        compileAsync: async () => {
            const sort = await compileSortAsync(device, precision, way, false);
            return (input: SortInput) => createSortedView(sort, input, way, () => input.splatCount);
        },
    }));
    const sizes = classes.map((size) => size - CLASS_GAP);
    return oncePerDevice(device, `sort choice ${precision} ${sizeClass}`, () =>
        compareSortWaysAsync(device, precision, sizes, contenders),
    );
}

/**
 * Tries contenders on scratch heads of the given sizes, smallest first; a larger one only where it takes little time.
 *
 * @param contenders - at least one; an earlier one is taken unless a later one is clearly faster.
 *
 * @throws PgsError as {@link chooseSortWayAsync}.
 */
export async function compareSortWaysAsync(
    device: GPUDevice,
    precision: SortPrecision,
    sizes: readonly number[],
    contenders: readonly SortContender[],
): Promise<SortChoice> {
    const faults: string[] = [];
    let entrants = await untilLost(device, compileAllAsync(contenders, faults));
    let choice: SortChoice | undefined;
    let triedSize = 0;
    for (const size of sizes) {
        if (choice && largerTrialMs(choice, size / triedSize) > LARGER_TRIAL_MS) break;
        const trial = new SortTrial(device, size, precision);
        try {
            const { right, timesMs } = await untilLost(device, runTrialAsync(trial, entrants, faults));
            entrants = right;
            choice = chooseOf(right, timesMs, size, faults);
        } finally {
            trial.dispose();
        }
        triedSize = size;
    }
    return choice ?? chooseOf([], {}, 0, faults);
}

type Times = Readonly<Partial<Record<SortWay, number>>>;

interface Entrant {
    readonly way: SortWay;
    readonly createView: (input: SortInput) => SortedView;
}

async function compileAllAsync(contenders: readonly SortContender[], faults: string[]): Promise<readonly Entrant[]> {
    const compiled = await Promise.all(
        contenders.map(async (contender) => {
            try {
                return [{ way: contender.way, createView: await contender.compileAsync() }];
            } catch (error) {
                // A driver that cannot build one way may still build the other. What it said goes into the reason.
                if (!(error instanceof PgsError) || error.code !== 'GPU_UNAVAILABLE') throw error;
                faults.push(`${contender.way} does not compile (${error.message})`);
                return [];
            }
        }),
    );
    return compiled.flat();
}

/** @returns who sorts rightly, and how fast where there is anything to compare. */
async function runTrialAsync(
    trial: SortTrial,
    entrants: readonly Entrant[],
    faults: string[],
): Promise<{ readonly right: readonly Entrant[]; readonly timesMs: Times }> {
    const right: Entrant[] = [];
    const views = new Map<SortWay, SortedView>();
    for (const entrant of entrants) {
        const view = entrant.createView(trial.input);
        const fault = await trial.faultOfAsync(view);
        if (fault !== undefined) {
            faults.push(`${entrant.way} sorts wrongly here (${fault})`);
            continue;
        }
        right.push(entrant);
        views.set(entrant.way, view);
    }
    return { right, timesMs: views.size > 1 ? await timeAllAsync(trial, views) : {} };
}

/** The least time of one sort, ms, on the GPU's clock if it timed all of them. The ways take turns, so that both see the same load. */
async function timeAllAsync(trial: SortTrial, views: ReadonlyMap<SortWay, SortedView>): Promise<Times> {
    const start = performance.now();
    const roundAsync = async (repeats: number): Promise<ReadonlyMap<SortWay, PassDuration>> => {
        const durations = new Map<SortWay, PassDuration>();
        for (const [way, view] of views) durations.set(way, await trial.timeAsync(view, repeats));
        return durations;
    };
    let repeats = 1;
    const rounds = [await roundAsync(repeats)];
    const isShort = ({ wallMs }: PassDuration): boolean => wallMs * repeats < ENOUGH_MS;
    while (repeats < MAX_REPEATS && [...(rounds[0] as ReadonlyMap<SortWay, PassDuration>).values()].some(isShort)) {
        repeats *= 4;
        rounds[0] = await roundAsync(repeats);
    }
    while (rounds.length < ROUNDS && performance.now() - start < ROUNDS_MS) rounds.push(await roundAsync(repeats));
    const all = rounds.flatMap((round) => [...round.values()]);
    const msOf = all.every(({ gpuMs }) => gpuMs !== undefined)
        ? ({ gpuMs }: PassDuration) => gpuMs as number
        : ({ wallMs }: PassDuration) => wallMs;
    return Object.fromEntries(
        [...views.keys()].map((way) => [way, Math.min(...rounds.map((round) => msOf(round.get(way) as PassDuration)))]),
    );
}

function chooseOf(
    entrants: readonly Entrant[],
    timesMs: Times,
    splatCount: number,
    faults: readonly string[],
): SortChoice {
    const msOf = ({ way }: Entrant): number => timesMs[way] ?? 0;
    const [first, ...later] = entrants;
    if (first === undefined) {
        throw new PgsError(
            'GPU_UNAVAILABLE',
            `depth sort: expected one way that sorts ${splatCount} splats rightly on this device, got none: ` +
                `${faults.join('; ')}. Update the browser or the graphics driver.`,
        );
    }
    const chosen = later.reduce((best, next) => (msOf(next) < CLEARLY_FASTER * msOf(best) ? next : best), first);
    const told = entrants.map(
        (entrant) => `${entrant.way} sorts ${splatCount} splats in ${msOf(entrant).toFixed(2)} ms`,
    );
    return { way: chosen.way, reason: [...faults, ...(later.length > 0 ? told : [])].join(', '), timesMs };
}

/** What a trial `factor` times as large should take: each way once for its order and {@link ROUNDS} times for its time. */
function largerTrialMs({ timesMs }: SortChoice, factor: number): number {
    const oneOfEach = Object.values(timesMs).reduce((sum, ms) => sum + ms, 0);
    return oneOfEach * factor * (1 + ROUNDS);
}

/** `work`, or an error as soon as the device is gone: what waits for a lost device may wait for ever. */
function untilLost<T>(device: GPUDevice, work: Promise<T>): Promise<T> {
    const loss = device.lost.then(({ reason, message }): never => {
        throw new PgsError(
            'GPU_LOST',
            `depth sort: expected the device to stay while its ways to sort are compared, got "${reason}: ${message}". ` +
                'Create the head again on a new device.',
        );
    });
    return Promise.race([loss, work]);
}
