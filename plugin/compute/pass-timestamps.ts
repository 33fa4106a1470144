import type { GpuArena } from './gpu-arena.js';

const TIMESTAMP_BYTES = 16;

/** Begin and end of a compute pass on the GPU's own clock; of one pass until that is read. */
export class PassTimestamps {
    /** For the descriptor of the pass. */
    public readonly writes: GPUComputePassTimestampWrites;
    readonly #querySet: GPUQuerySet;
    readonly #resolved: GPUBuffer;
    readonly #readable: GPUBuffer;

    private constructor(device: GPUDevice, arena: GpuArena, label: string) {
        const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
        this.#querySet = device.createQuerySet({ label, type: 'timestamp', count: 2 });
        this.#resolved = arena.raw(label, TIMESTAMP_BYTES, QUERY_RESOLVE | COPY_SRC);
        this.#readable = arena.raw(`${label} read`, TIMESTAMP_BYTES, COPY_DST | MAP_READ);
        this.writes = { querySet: this.#querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    }

    /** Buffers come from `arena`, whose owner frees them. @returns undefined where the device has no `timestamp-query`. */
    public static create(device: GPUDevice, arena: GpuArena, label: string): PassTimestamps | undefined {
        return device.features.has('timestamp-query') ? new PassTimestamps(device, arena, label) : undefined;
    }

    /** Call after the pass ended and before the encoder is finished. */
    public resolve(encoder: GPUCommandEncoder): void {
        encoder.resolveQuerySet(this.#querySet, 0, 2, this.#resolved, 0);
        encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, TIMESTAMP_BYTES);
    }

    /** Call after submit. @returns ms, as the driver says: some say 0 or less. @throws Error - the device was lost. */
    public async readAsync(): Promise<number> {
        await this.#readable.mapAsync(GPUMapMode.READ);
        const [begin = 0n, end = 0n] = new BigUint64Array(this.#readable.getMappedRange());
        this.#readable.unmap();
        return Number(end - begin) * 1e-6;
    }

    /** Frees the query set. */
    public dispose(): void {
        this.#querySet.destroy();
    }
}
