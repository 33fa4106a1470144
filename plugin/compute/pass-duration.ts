import type { GpuArena } from './gpu-arena.js';
import { PassTimestamps } from './pass-timestamps.js';

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
    readonly #timestamps: PassTimestamps | undefined;

    /** Buffers come from `arena`, whose owner frees them. */
    public constructor(device: GPUDevice, arena: GpuArena) {
        this.#device = device;
        this.#timestamps = PassTimestamps.create(device, arena, 'pass duration');
    }

    /** Submits one pass and waits until it has run. Rejects when the device is lost, or never settles: wait for that too. */
    public async timeAsync(record: (pass: GPUComputePassEncoder) => void): Promise<PassDuration> {
        const timestamps = this.#timestamps;
        const label = 'pass duration';
        const encoder = this.#device.createCommandEncoder({ label });
        const pass = encoder.beginComputePass(timestamps ? { label, timestampWrites: timestamps.writes } : { label });
        record(pass);
        pass.end();
        timestamps?.resolve(encoder);
        const start = performance.now();
        this.#device.queue.submit([encoder.finish()]);
        await this.#device.queue.onSubmittedWorkDone();
        const wallMs = performance.now() - start;
        const gpuMs = await timestamps?.readAsync();
        // Some drivers give zeros, or an end before the beginning.
        return { wallMs, gpuMs: gpuMs !== undefined && gpuMs > 0 ? gpuMs : undefined };
    }

    /** Frees the query set. */
    public dispose(): void {
        this.#timestamps?.dispose();
    }
}
