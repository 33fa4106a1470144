import { MessageChannel } from 'node:worker_threads';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { readFeed, type FedSamples } from '../../plugin/audio/analysis/sample-feed.js';
import { RING_HEADER, RingReader, createRing } from '../../plugin/audio/analysis/sample-ring.js';
import { TAP_CODE } from '../../plugin/audio/analysis/tap-code.js';

interface TapPort {
    onmessage: ((event: { data: unknown }) => void) | null;
}

/** The tap as an audio thread would run it. */
class FakeTap {
    public frame = 0;
    private readonly processor: { process(inputs: Float32Array[][]): boolean; port: TapPort };

    public constructor(memory: SharedArrayBuffer | null) {
        let Processor: (new (options: object) => FakeTap['processor']) | undefined;
        const scope = {
            AudioWorkletProcessor: class {
                public readonly port: TapPort = { onmessage: null };
            },
            registerProcessor: (_name: string, code: typeof Processor) => (Processor = code),
            Atomics,
            Float32Array,
            Int32Array,
        };
        Object.defineProperty(scope, 'currentFrame', { get: () => this.frame });
        runInNewContext(TAP_CODE, scope);
        this.processor = new (Processor as NonNullable<typeof Processor>)({ processorOptions: { memory, quanta: 4 } });
    }

    public send(data: unknown): void {
        this.processor.port.onmessage?.({ data });
    }

    /** One quantum of some channels. */
    public hear(...channels: Float32Array[]): boolean {
        const goesOn = this.processor.process([channels]);
        this.frame += channels[0]?.length ?? 128;
        return goesOn;
    }
}

/** A quantum that counts on from `first`; whole numbers below 2^24 are exact. */
function quantum(first: number, length = 128): Float32Array {
    return Float32Array.from({ length }, (_, i) => first + i);
}

function setWritten(memory: SharedArrayBuffer, value: number): void {
    new Int32Array(memory, 0, RING_HEADER)[0] = value | 0;
}

describe('sample ring', () => {
    it('is a power of two and holds what was asked for', () => {
        for (const [rate, seconds] of [
            [8000, 2],
            [44100, 2],
            [48000, 2],
            [192000, 2],
        ] as const) {
            const samples = createRing(rate, seconds).byteLength / 4 - RING_HEADER;
            expect(Math.log2(samples) % 1).toBe(0);
            expect(samples).toBeGreaterThanOrEqual(rate * seconds);
        }
        expect(() => new RingReader(new SharedArrayBuffer(16))).toThrow(
            expect.objectContaining({ code: 'AUDIO_FORMAT' }) as Error,
        );
    });

    it('gives every sample once, in order, however writer and reader take turns', () => {
        const memory = createRing(8000, 1);
        const tap = new FakeTap(memory);
        tap.frame = 2 ** 33 + 384; // two days at 48 kHz
        const anchor = tap.frame;
        const reader = new RingReader(memory);
        let expected = 0;
        for (let n = 0; n < 1000; n++) {
            tap.hear(quantum(128 * n));
            if (n % 7 !== 3 && n % 11 !== 5 && n !== 999) continue;
            const { samples, lost } = reader.take();
            expect(lost).toBe(0);
            expect(samples.every((sample) => sample === expected++)).toBe(true);
        }
        expect(expected).toBe(128 * 1000);
        expect(reader.anchor).toBe(anchor);
        expect(reader.take().samples.length).toBe(0);
    });

    it('goes on when the 32-bit count wraps round, and when it passes into negative numbers', () => {
        for (const start of [2 ** 32 - 1024, 2 ** 31 - 1024]) {
            const memory = createRing(8000, 1);
            setWritten(memory, start);
            const reader = new RingReader(memory);
            (reader as unknown as { read: number }).read = start | 0;
            const tap = new FakeTap(memory);
            let expected = 0;
            for (let n = 0; n < 40; n++) {
                tap.hear(quantum(128 * n));
                expect(reader.take().samples.every((sample) => sample === expected++)).toBe(true);
            }
            expect(expected).toBe(40 * 128);
        }
    });

    it('counts what an overrun lost as silence, so that the rest keeps its place', () => {
        const memory = createRing(8000, 1); // 8192 samples
        const tap = new FakeTap(memory);
        const reader = new RingReader(memory);
        for (let n = 0; n < 100; n++) tap.hear(quantum(128 * n + 1));
        const { samples, lost } = reader.take();
        expect(samples.length).toBe(12800);
        expect(lost).toBe(12800 - (8192 - 4096));
        expect(samples.every((sample, i) => sample === (i < lost ? 0 : i + 1))).toBe(true);
        for (let n = 100; n < 104; n++) tap.hear(quantum(128 * n + 1));
        expect([...reader.take().samples]).toEqual([...quantum(12801, 512)]);
    });

    it('takes fewer samples than the margin without giving any up', () => {
        const memory = createRing(8000, 1);
        const tap = new FakeTap(memory);
        const reader = new RingReader(memory);
        for (let n = 0; n < 4 * 7; n++) tap.hear(quantum(n * 128));
        expect(reader.take()).toMatchObject({ lost: 0 });
    });
});

describe('tap', () => {
    it('mixes any number of channels to their mean, and counts silence where nothing is connected', () => {
        const memory = createRing(8000, 1);
        const tap = new FakeTap(memory);
        const ones = new Float32Array(128).fill(1);
        tap.hear();
        tap.hear(ones);
        tap.hear(ones, new Float32Array(128));
        tap.hear(ones, ones, ones, new Float32Array(128), new Float32Array(128), new Float32Array(128));
        const { samples } = new RingReader(memory).take();
        expect([0, 127, 128, 256, 384].map((i) => samples[i])).toEqual([0, 0, 1, 0.5, 0.5]);
        expect(samples.length).toBe(512);
    });

    it('takes quanta of other lengths', () => {
        const memory = createRing(8000, 1);
        const tap = new FakeTap(memory);
        for (const [first, length] of [
            [0, 64],
            [64, 256],
            [320, 1],
            [321, 500],
        ] as const)
            tap.hear(quantum(first, length));
        expect([...new RingReader(memory).take().samples]).toEqual([...quantum(0, 821)]);
    });

    it('counts quanta that it was left out of as silence', () => {
        const memory = createRing(8000, 1);
        const tap = new FakeTap(memory);
        tap.frame = 4096;
        for (let n = 0; n < 8; n++) {
            tap.hear(quantum(128 * n + 1));
            if (n === 1 || n === 4) tap.frame += 640;
        }
        const { samples } = new RingReader(memory).take();
        expect(samples.length).toBe(8 * 128 + 2 * 640);
        const places = [0, 255, 256, 895, 896, 1279, 1280, 1919, 1920].map((i) => samples[i]);
        expect(places).toEqual([1, 256, 0, 0, 257, 640, 0, 0, 641]);
    });

    it('waits for its port, then tells it the frame of its first sample', () => {
        const tap = new FakeTap(null);
        expect(tap.hear(quantum(0))).toBe(true);
        const told: { frame: number; samples: Float32Array }[] = [];
        tap.send({ port: { postMessage: (message: (typeof told)[0]) => told.push(message) } });
        for (let n = 1; n < 9; n++) tap.hear(quantum(128 * n));
        expect(told.map(({ frame }) => frame)).toEqual([128, 128]);
        expect(told.flatMap(({ samples }) => [...samples])).toEqual([...quantum(128, 1024)]);
    });

    it('ends when it is told to', () => {
        const tap = new FakeTap(createRing(8000, 1));
        expect(tap.hear(quantum(0))).toBe(true);
        tap.send('end');
        expect(tap.hear(quantum(128))).toBe(false);
    });
});

describe('feed', () => {
    it('reads a ring as it is written, and stops when it is closed', async () => {
        const memory = createRing(8000, 1);
        const tap = new FakeTap(memory);
        tap.frame = 4096;
        const fed: FedSamples[] = [];
        const close = readFeed(memory, (samples) => fed.push(samples));
        for (let n = 0; n < 32; n++) {
            tap.hear(quantum(128 * n));
            if (n % 8 === 7) await vi.waitFor(() => expect(count(fed)).toBe(128 * (n + 1)));
        }
        expect(fed.flatMap(({ samples }) => [...samples])).toEqual([...quantum(0, 4096)]);
        expect(fed.every(({ anchor, lost }) => anchor === 4096 && lost === 0)).toBe(true);
        close();
        for (let n = 32; n < 40; n++) tap.hear(quantum(128 * n));
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(count(fed)).toBe(4096);
    });

    it('reads a port, and closes it', async () => {
        const { port1, port2 } = new MessageChannel();
        const fed: FedSamples[] = [];
        const close = readFeed(port2 as unknown as MessagePort, (samples) => fed.push(samples));
        port1.postMessage({ frame: 77, samples: quantum(0) });
        await vi.waitFor(() => expect(fed.length).toBe(1));
        expect(fed[0]).toMatchObject({ anchor: 77, lost: 0 });
        const closed = new Promise((resolve) => port1.once('close', resolve));
        close();
        await closed;
    });
});

function count(fed: readonly FedSamples[]): number {
    return fed.reduce((sum, { samples }) => sum + samples.length, 0);
}
