import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What some GPU work cost. */
export interface PassSample {
    /** From submit until the queue is empty. */
    readonly wallMs: number;
    /** CPU time of all threads but the waiting one. On a software adapter this is the work itself. */
    readonly cpuMs: number;
    /** Between the timestamps of the pass; null without timestamps. */
    readonly gpuMs: number | null;
}

/** GPU work that can be repeated in one submit. */
export interface Workload {
    /**
     * Runs it `count` times and waits for the end.
     *
     * @param expectedMs - how long that should take on the wall; 0 for unknown.
     * @returns the cost of all of it, not divided.
     */
    runAsync(count: number, expectedMs: number): Promise<PassSample>;
}

/** How often work is repeated in one measurement, and how long that takes. */
export interface Repetition {
    readonly count: number;
    readonly wallMs: number;
}

/** Timestamps come in steps of 100 us unless a developer flag is set: a hundred steps are 1 %. */
const LONG_ENOUGH_MS = 10;
/** Work of 2.5 us still lasts long enough; a pass of so many dispatches is one that drivers take. */
const MOST_REPEATS = 4096;
/** Work that takes this long is not warmed up any further: its first run tells enough. */
const SLOW_MS = 500;
/** Node's binding polls while it waits, which takes a core from a software adapter: it starts to poll this late. */
const SLEPT_SHARE = 0.7;

/** Warms work up and finds how often it must be repeated to beat the clock's steps. */
export async function calibrateAsync(work: Workload): Promise<Repetition> {
    const first = await work.runAsync(1, 0);
    // Polling all along may have made it half as long again.
    if (first.wallMs > SLOW_MS) return { count: 1, wallMs: first.wallMs / 1.5 };
    for (let count = 1; ; count *= 4) {
        const { wallMs, gpuMs } = await work.runAsync(count, 0);
        // On a GPU the wall's time holds the way there and back, a tenth of a millisecond or more.
        if ((gpuMs ?? wallMs) < LONG_ENOUGH_MS && count < MOST_REPEATS) continue;
        const unpolled = await work.runAsync(count, wallMs / 2);
        return { count, wallMs: unpolled.wallMs };
    }
}

/** Measures work once: repeated as calibrated, divided. */
export async function sampleAsync(work: Workload, { count, wallMs: expectedMs }: Repetition): Promise<PassSample> {
    const { wallMs, cpuMs, gpuMs } = await work.runAsync(count, expectedMs);
    return { wallMs: wallMs / count, cpuMs: cpuMs / count, gpuMs: gpuMs === null ? null : gpuMs / count };
}

/** Wall and CPU time from just before `submit` until the queue is empty; the queue is emptied first. */
export async function timeSubmitAsync(
    queue: GPUQueue,
    submit: () => void,
    expectedMs: number,
): Promise<Omit<PassSample, 'gpuMs'>> {
    await queue.onSubmittedWorkDone();
    const [cpuBefore, before] = [otherThreadsMs(), performance.now()];
    submit();
    await sleep(expectedMs * SLEPT_SHARE);
    await queue.onSubmittedWorkDone();
    return { wallMs: performance.now() - before, cpuMs: otherThreadsMs() - cpuBefore };
}

/** CPU time of the process without its first thread, which polls; with it where the system does not tell them apart. */
function otherThreadsMs(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3 - firstThreadMs();
}

function firstThreadMs(): number {
    try {
        // Linux: nanoseconds on a core, of the thread group's leader.
        return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6;
    } catch {
        return 0;
    }
}
