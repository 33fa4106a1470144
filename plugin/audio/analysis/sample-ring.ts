import { PgsError } from '../../core/index.js';

/**
 * A ring of mono samples in shared memory: the tap on the audio thread writes, the analysis reads; neither waits for the other.
 *
 * Slots before the samples, 32 bits each: 0 samples written so far (wraps round), 1 and 2 low and high half of the context frame of
 * the first sample ever written. `tap-code.ts` is the writer.
 */
export const RING_HEADER = 4;
const WRITTEN = 0;
const ANCHOR_LOW = 1;
const ANCHOR_HIGH = 2;

/** Memory of a ring that holds at least `seconds` of sound: a power of two samples, so that places go on when the count wraps round. */
export function createRing(sampleRate: number, seconds: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (RING_HEADER + 2 ** Math.ceil(Math.log2(sampleRate * seconds))));
}

/** The reading end. */
export class RingReader {
    private readonly header: Int32Array;
    private readonly samples: Float32Array;
    private read = 0;

    /** @throws PgsError `AUDIO_FORMAT` - no memory of {@link createRing}. */
    public constructor(memory: SharedArrayBuffer) {
        if (!(memory.byteLength > 4 * RING_HEADER)) {
            throw new PgsError(
                'AUDIO_FORMAT',
                `RingReader: expected more than ${4 * RING_HEADER} bytes, got ${memory.byteLength}. Create it with createRing.`,
            );
        }
        this.header = new Int32Array(memory, 0, RING_HEADER);
        this.samples = new Float32Array(memory, 4 * RING_HEADER);
    }

    /** Context frame of the first sample that was written. */
    public get anchor(): number {
        const low = Atomics.load(this.header, ANCHOR_LOW) >>> 0;
        return Atomics.load(this.header, ANCHOR_HIGH) * 2 ** 32 + low;
    }

    /**
     * Everything written since the last call, in memory of its own; what was overwritten before it could be read is silence, so
     * that later samples keep their place.
     */
    public take(): { readonly samples: Float32Array; readonly lost: number } {
        const written = Atomics.load(this.header, WRITTEN);
        const count = (written - this.read) >>> 0;
        const { length } = this.samples;
        const out = new Float32Array(count);
        // The writer may be a block further by now; the oldest samples that it could be writing over are given up as well.
        const isOverrun = count > length - MARGIN;
        const kept = isOverrun ? Math.min(count, length - MARGIN) : count;
        const at = ((this.read + count - kept) >>> 0) % length;
        const first = Math.min(kept, length - at);
        out.set(this.samples.subarray(at, at + first), count - kept);
        out.set(this.samples.subarray(0, kept - first), count - kept + first);
        this.read = written | 0;
        return { samples: out, lost: count - kept };
    }

    /** Resolves when something was written after the last {@link take}, or {@link wake} was called. No timeout: each would cost a task of its own. */
    public async waitAsync(): Promise<void> {
        const { waitAsync } = Atomics as unknown as { waitAsync?: WaitAsync };
        if (waitAsync === undefined) return new Promise((resolve) => setTimeout(resolve, POLL_MS));
        const waiting = waitAsync(this.header, WRITTEN, this.read);
        if (waiting.async) await waiting.value;
    }

    /** Ends a wait. */
    public wake(): void {
        Atomics.notify(this.header, WRITTEN);
    }
}

/** Samples between the reader's oldest and the writer, as a distance kept when the ring overruns: two of the longest pieces that the tap writes. */
const MARGIN = 4096;
/** Where a worker cannot wait for memory (Firefox before 145), it looks this often, ms. */
const POLL_MS = 8;

type WaitAsync = (
    array: Int32Array,
    index: number,
    value: number,
) => { readonly async: boolean; readonly value: Promise<string> | string };
