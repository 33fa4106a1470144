import type { GpuArena } from './gpu-arena.js';

const TIMESTAMP_BYTES = 16;

/**
 * GPU time of one compute pass per frame, where the device has `timestamp-query`. Reads back without waiting: the value
 * is a few frames old. Does nothing on other devices.
 */
export class GpuTimer {
    /** Duration of the last measured pass, ms; undefined before the first or without timestamps. */
    public milliseconds: number | undefined;
    readonly #querySet: GPUQuerySet | undefined;
    readonly #resolved: GPUBuffer | undefined;
    readonly #readable: GPUBuffer | undefined;
    #isReading = false;

    public constructor(device: GPUDevice, arena: GpuArena) {
        if (!device.features.has('timestamp-query')) return;
        this.#querySet = device.createQuerySet({ label: 'pass time', type: 'timestamp', count: 2 });
        this.#resolved = arena.raw(
            'pass time',
            TIMESTAMP_BYTES,
            GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
        );
        this.#readable = arena.raw(
            'pass time read',
            TIMESTAMP_BYTES,
            GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
        );
    }

    /** Descriptor for `beginComputePass`: with timestamps when the previous pair has been read. */
    public describe(label: string): GPUComputePassDescriptor {
        if (!this.#querySet || this.#isReading) return { label };
        const timestampWrites = { querySet: this.#querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
        return { label, timestampWrites };
    }

    /** Call after the pass ended and before the encoder is finished. */
    public resolve(encoder: GPUCommandEncoder): void {
        if (!this.#querySet || !this.#resolved || !this.#readable || this.#isReading) return;
        encoder.resolveQuerySet(this.#querySet, 0, 2, this.#resolved, 0);
        encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, TIMESTAMP_BYTES);
    }

    /** Call after submit; starts the read-back. Never throws: a lost device only ends the measuring. */
    public collect(): void {
        const buffer = this.#readable;
        if (!buffer || this.#isReading) return;
        this.#isReading = true;
        buffer.mapAsync(GPUMapMode.READ).then(
            () => {
                const [begin, end] = new BigUint64Array(buffer.getMappedRange());
                buffer.unmap();
                this.milliseconds = Number((end ?? 0n) - (begin ?? 0n)) * 1e-6;
                this.#isReading = false;
            },
            () => undefined,
        );
    }

    /** Frees the query set; the buffers belong to the arena. */
    public dispose(): void {
        this.#querySet?.destroy();
    }
}
