import { FakeAudioContext } from '../../audio/fake-audio-context.js';

/** Context seconds a page second, less one: a sound card that runs 50 ppm fast. */
export const DRIFT = 50e-6;
/** Standard deviation of the page times of the context's output timestamps, ms. */
const JITTER_MS = 0.3;
/** The device takes sound in pieces of this length, s; clocks move in such steps. */
const DEVICE_SECONDS = 0.01;
/** From the context to the ear, s. */
const OUTPUT_SECONDS = 0.042;
/** Page time at which the context began, ms. */
const BEGIN_MS = 1000;

/** What a tap sends, and where to. */
interface Tap {
    port: MessagePort | null;
    /** Context frame of the first sample that it heard, and of the next one. */
    anchor: number;
    next: number;
}

/**
 * A context whose clock drifts against the page's, in simulated time: nothing sounds, but every sample has its place. Where worklets
 * would run it feeds their ports.
 */
export class SimulatedAudio {
    /** Page time, ms. */
    public page: number = BEGIN_MS;
    public readonly context: SimulatedContext;
    private readonly taps: Tap[] = [];
    private readonly restore: () => void;

    /** Stands in for the global `AudioWorkletNode` until {@link dispose}. */
    public constructor(sampleRate: number, seed: number) {
        this.context = new SimulatedContext(this, sampleRate, seed);
        const { taps } = this;
        const scope = globalThis as { AudioWorkletNode?: unknown };
        const before = scope.AudioWorkletNode;
        scope.AudioWorkletNode = class {
            public readonly port = {
                postMessage: (message: { port?: MessagePort }): void => {
                    const tap = { port: message.port ?? null, anchor: Number.NaN, next: Number.NaN };
                    if (tap.port !== null) taps.push(tap);
                },
            };
            public connect(): void {}
            public disconnect(): void {}
        };
        this.restore = () => void (scope.AudioWorkletNode = before);
        this.context.currentTime = this.rendered();
    }

    /** Moves time on. @param soundAt - sample of the source at a context frame. */
    public advance(ms: number, soundAt: (frame: number) => number = () => 0): void {
        this.page += ms;
        this.context.currentTime = this.rendered();
        const end = Math.round(this.context.currentTime * this.context.sampleRate);
        for (const tap of this.taps) {
            if (Number.isNaN(tap.next)) tap.anchor = tap.next = end - 128;
            const first = tap.next;
            const samples = Float32Array.from({ length: end - first }, (_, i) => soundAt(first + i));
            tap.next = end;
            tap.port?.postMessage({ frame: tap.anchor, samples }, [samples.buffer]);
        }
    }

    /** Context time that is heard at a page time in ms, s: the truth that no clock of the page shows. */
    public heardAt(page: number): number {
        return ((page - BEGIN_MS) / 1000) * (1 + DRIFT) - OUTPUT_SECONDS;
    }

    /** Page time at which a context time in s is heard, ms. */
    public pageOf(heard: number): number {
        return BEGIN_MS + (1000 * (heard + OUTPUT_SECONDS)) / (1 + DRIFT);
    }

    public dispose(): void {
        for (const { port } of this.taps) port?.close();
        this.restore();
    }

    /** Last step of the device, as context time heard, s. */
    public lastStep(): number {
        return Math.floor(this.heardAt(this.page) / DEVICE_SECONDS) * DEVICE_SECONDS;
    }

    private rendered(): number {
        return Math.max(0, this.lastStep() + OUTPUT_SECONDS + DEVICE_SECONDS);
    }
}

/** The context itself, as the voice sees it. */
export class SimulatedContext extends FakeAudioContext {
    public override readonly sampleRate: number;
    public readonly audioWorklet: { addModule(): Promise<void> } = { addModule: () => Promise.resolve() };
    /** Delays that were asked for, s. */
    public readonly delays: { value: number }[] = [];
    private readonly world: SimulatedAudio;
    private state32: number;

    public constructor(world: SimulatedAudio, sampleRate: number, seed: number) {
        super();
        this.world = world;
        this.sampleRate = sampleRate;
        this.state32 = seed;
    }

    public createDelay(): unknown {
        const delayTime = { value: 0 };
        this.delays.push(delayTime);
        return { delayTime, connect: () => undefined, disconnect: () => undefined };
    }

    /** A node that can be listened to. */
    public createSource(): AudioNode {
        return { context: this, connect: () => undefined, disconnect: () => undefined } as unknown as AudioNode;
    }

    public override getOutputTimestamp(): { contextTime: number; performanceTime: number } {
        const contextTime = Math.max(0, this.world.lastStep());
        return { contextTime, performanceTime: this.world.pageOf(contextTime) + JITTER_MS * this.normal() };
    }

    /** Twelve uniform numbers less six: near enough to a normal one. */
    private normal(): number {
        let sum = -6;
        for (let i = 0; i < 12; i++) {
            this.state32 = (Math.imul(this.state32, 1664525) + 1013904223) >>> 0;
            sum += this.state32 / 2 ** 32;
        }
        return sum;
    }
}
