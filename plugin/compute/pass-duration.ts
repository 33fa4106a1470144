import type { GpuArena } from './gpu-arena.js';

const TIMESTAMP_BYTES = 16;

/** How long a compute pass took, ms. */
export interface PassDuration {
    /** From submit to the news that it is done: includes what the browser needs to tell. */
    readonly wallMs: number;
    /** On the GPU's own clock; undefined where the device has no timestamps or they make no sense. */
    readonly gpuMs: number | undefined;
}

/**
 * Times compute passes one after another. Waits for each, so this is for start-up and not for a frame; `GpuTimer` is for that.
 */
export class PassStopwatch {
    readonly #device: GPUDevice;
    readonly #querySet: GPUQuerySet | undefined;
    readonly #resolved: GPUBuffer | undefined;
    readonly #readable: GPUBuffer | undefined;

    /** Buffers come from `arena`, whose owner frees them. */
    public constructor(device: GPUDevice, arena: GpuArena) {
        this.#device = device;
        if (!device.features.has('timestamp-query')) return;
        this.#querySet = device.createQuerySet({ label: 'pass duration', type: 'timestamp', count: 2 });
        const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
        this.#resolved = arena.raw('pass duration', TIMESTAMP_BYTES, QUERY_RESOLVE | COPY_SRC);
        this.#readable = arena.raw('pass duration read', TIMESTAMP_BYTES, COPY_DST | MAP_READ);
    }

    /** Submits one pass and waits until it has run. Rejects when the device is lost, or never settles: wait for that too. */
    public async timeAsync(record: (pass: GPUComputePassEncoder) => void): Promise<PassDuration> {
        const encoder = this.#device.createCommandEncoder({ label: 'pass duration' });
        const timestamps = this.#querySet && {
            timestampWrites: { querySet: this.#querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
        };
        const pass = encoder.beginComputePass({ label: 'pass duration', ...timestamps });
        record(pass);
        pass.end();
        if (this.#querySet && this.#resolved && this.#readable) {
            encoder.resolveQuerySet(this.#querySet, 0, 2, this.#resolved, 0);
            encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, TIMESTAMP_BYTES);
        }
        const start = performance.now();
        this.#device.queue.submit([encoder.finish()]);
        await this.#device.queue.onSubmittedWorkDone();
        const wallMs = performance.now() - start;
        return { wallMs, gpuMs: await this.#readAsync() };
    }

    /** Frees the query set. */
    public dispose(): void {
        this.#querySet?.destroy();
    }

    async #readAsync(): Promise<number | undefined> {
        if (!this.#readable) return undefined;
        await this.#readable.mapAsync(GPUMapMode.READ);
        const [begin = 0n, end = 0n] = new BigUint64Array(this.#readable.getMappedRange());
        this.#readable.unmap();
        // Some drivers give zeros, or an end before the beginning.
        return end > begin ? Number(end - begin) * 1e-6 : undefined;
    }
}
