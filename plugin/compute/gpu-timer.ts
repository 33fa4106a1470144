import type { GpuArena } from './gpu-arena.js';
import { PassTimestamps } from './pass-timestamps.js';

/**
 * GPU time of one compute pass per frame, where the device has `timestamp-query`. Reads back without waiting: the value
 * is a few frames old. Does nothing on other devices.
 */
export class GpuTimer {
    /** Duration of the last measured pass, ms; undefined before the first or without timestamps. */
    public milliseconds: number | undefined;
    readonly #timestamps: PassTimestamps | undefined;
    #isReading = false;

    /** Buffers come from `arena`, whose owner frees them. */
    public constructor(device: GPUDevice, arena: GpuArena) {
        this.#timestamps = PassTimestamps.create(device, arena, 'pass time');
    }

    /** Descriptor for `beginComputePass`: with timestamps when the previous pair has been read. */
    public describe(label: string): GPUComputePassDescriptor {
        return this.#timestamps && !this.#isReading ? { label, timestampWrites: this.#timestamps.writes } : { label };
    }

    /** Call after the pass ended and before the encoder is finished. */
    public resolve(encoder: GPUCommandEncoder): void {
        if (!this.#isReading) this.#timestamps?.resolve(encoder);
    }

    /** Call after submit; starts the read-back. Never throws: a lost device only ends the measuring. */
    public collect(): void {
        if (!this.#timestamps || this.#isReading) return;
        this.#isReading = true;
        this.#timestamps.readAsync().then(
            (milliseconds) => {
                this.milliseconds = milliseconds;
                this.#isReading = false;
            },
            () => undefined,
        );
    }

    /** Frees the query set. */
    public dispose(): void {
        this.#timestamps?.dispose();
    }
}
