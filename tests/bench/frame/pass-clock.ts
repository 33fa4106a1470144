import type { PassRecorder } from '../../../plugin/compute/index.js';
import { timeSubmitAsync, type PassSample, type Workload } from './workload.js';

const TIMESTAMP_BYTES = 16;

/** Times recorded compute passes on one device, one at a time. */
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

    /**
     * Work that is recorded as often as it is repeated, in one pass between one pair of timestamps.
     *
     * Running it throws where a recording dispatches nothing: a pass that has nothing to do would be the fastest of all.
     */
    public workload(recorder: PassRecorder): Workload {
        return { runAsync: (count, expectedMs) => this.#runAsync(recorder, count, expectedMs) };
    }

    /** Frees the query set and its buffers. */
    public dispose(): void {
        this.#querySet?.destroy();
        this.#resolved?.destroy();
        this.#readable?.destroy();
    }

    async #runAsync(recorder: PassRecorder, count: number, expectedMs: number): Promise<PassSample> {
        const { queue } = this.#device;
        const commands = this.#encode(recorder, count);
        const times = await timeSubmitAsync(queue, () => queue.submit([commands]), expectedMs);
        return { ...times, gpuMs: await this.#readAsync() };
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
        let empty = 0;
        for (let k = 0; k < count; k++) if (recorder.record(pass) === 0) empty++;
        pass.end();
        if (empty > 0)
            throw new Error(
                `bench: expected dispatches in each of ${count} recordings, got none in ${empty}. Mend its stage.`,
            );
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
