import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PassRecorder } from '../../../plugin/compute/index.js';

/** What one recording of a pass cost. */
export interface PassSample {
    /** From submit until the queue is empty. */
    readonly wallMs: number;
    /** CPU time of all threads but the waiting one. On a software adapter this is the pass itself. */
    readonly cpuMs: number;
    /** Between the timestamps of the pass; null without timestamps. */
    readonly gpuMs: number | null;
}

/** How often a pass is recorded between one pair of timestamps, and how long that takes. */
export interface Repetition {
    readonly count: number;
    readonly wallMs: number;
}

const TIMESTAMP_BYTES = 16;
/** Timestamps come in steps of 100 us unless a developer flag is set: a hundred steps are 1 %. */
const LONG_ENOUGH_MS = 10;
const MOST_REPEATS = 256;
/** Node's binding polls while it waits, which takes a core from a software adapter: it starts to poll this late. */
const SLEPT_SHARE = 0.7;

/** Times recorded passes on one device, one at a time. */
export class PassClock {
    readonly #device: GPUDevice;
    readonly #querySet: GPUQuerySet | undefined;
    readonly #resolved: GPUBuffer | undefined;
    readonly #readable: GPUBuffer | undefined;

    /** Uses timestamps where the device has the feature. */
    public constructor(device: GPUDevice) {
        this.#device = device;
        if (!device.features.has('timestamp-query')) return;
        this.#querySet = device.createQuerySet({ label: 'bench', type: 'timestamp', count: 2 });
        this.#resolved = device.createBuffer({
            label: 'bench times',
            size: TIMESTAMP_BYTES,
            usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
        });
        this.#readable = device.createBuffer({
            label: 'bench times read',
            size: TIMESTAMP_BYTES,
            usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
        });
    }

    /** Warms a pass up and finds how often it must be recorded to beat the clock's steps. */
    public async calibrateAsync(recorder: PassRecorder): Promise<Repetition> {
        await this.#runAsync(recorder, { count: 1, wallMs: 0 });
        for (let count = 1; ; count *= 4) {
            const { wallMs } = await this.#runAsync(recorder, { count, wallMs: 0 });
            if (wallMs < LONG_ENOUGH_MS && count < MOST_REPEATS) continue;
            // Polling all along may have made it half as long again.
            const unpolled = await this.#runAsync(recorder, { count, wallMs: wallMs / 2 });
            return { count, wallMs: unpolled.wallMs };
        }
    }

    /** Times one recording: `repetition.count` of them in one pass and one submit, divided. */
    public async sampleAsync(recorder: PassRecorder, repetition: Repetition): Promise<PassSample> {
        const { wallMs, cpuMs, gpuMs } = await this.#runAsync(recorder, repetition);
        const { count } = repetition;
        return { wallMs: wallMs / count, cpuMs: cpuMs / count, gpuMs: gpuMs === null ? null : gpuMs / count };
    }

    /** Frees the query set and its buffers. */
    public dispose(): void {
        this.#querySet?.destroy();
        this.#resolved?.destroy();
        this.#readable?.destroy();
    }

    async #runAsync(recorder: PassRecorder, { count, wallMs: expectedMs }: Repetition): Promise<PassSample> {
        const { queue } = this.#device;
        const commands = this.#encode(recorder, count);
        await queue.onSubmittedWorkDone();
        const [cpuBefore, before] = [otherThreadsMs(), performance.now()];
        queue.submit([commands]);
        await sleep(expectedMs * SLEPT_SHARE);
        await queue.onSubmittedWorkDone();
        const [wallMs, cpuMs] = [performance.now() - before, otherThreadsMs() - cpuBefore];
        return { wallMs, cpuMs, gpuMs: await this.#readAsync() };
    }

    #encode(recorder: PassRecorder, count: number): GPUCommandBuffer {
        const encoder = this.#device.createCommandEncoder({ label: 'bench' });
        const querySet = this.#querySet;
        const pass = encoder.beginComputePass({
            label: 'bench',
            ...(querySet
                ? { timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } }
                : {}),
        });
        for (let k = 0; k < count; k++) recorder.record(pass);
        pass.end();
        if (querySet && this.#resolved && this.#readable) {
            encoder.resolveQuerySet(querySet, 0, 2, this.#resolved, 0);
            encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, TIMESTAMP_BYTES);
        }
        return encoder.finish();
    }

    async #readAsync(): Promise<number | null> {
        const buffer = this.#readable;
        if (!buffer) return null;
        await buffer.mapAsync(GPUMapMode.READ);
        const [begin = 0n, end = 0n] = new BigUint64Array(buffer.getMappedRange());
        buffer.unmap();
        return Number(end - begin) * 1e-6;
    }
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
