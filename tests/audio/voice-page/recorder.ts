/** What a recorder heard, without gaps. */
export interface Recorded {
    /** Context time of the first sample, s. */
    readonly start: number;
    readonly samples: Float32Array;
}

/** When the audio thread rendered a sample: two clocks read together. */
export interface RenderStamp {
    /** Context time, s. */
    readonly context: number;
    /** `Date.now()` on the audio thread, ms. */
    readonly wall: number;
}

/** Records what flows into it, mono, with the context frame of the first sample. */
export class Recorder {
    /** Contexts that know the recorder's code. */
    private static readonly ready: WeakSet<AudioContext> = new WeakSet();
    private parts: Part[] = [];

    private constructor(public readonly node: AudioWorkletNode) {
        node.port.onmessage = ({ data }: MessageEvent<Part>) => void this.parts.push(data);
    }

    public static async createAsync(context: AudioContext): Promise<Recorder> {
        if (!Recorder.ready.has(context)) {
            const url = URL.createObjectURL(new Blob([CODE], { type: 'text/javascript' }));
            await context.audioWorklet.addModule(url);
            Recorder.ready.add(context);
        }
        return new Recorder(new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 }));
    }

    /**
     * Everything so far; `start` is the context time of the first sample, s. A context may leave a recorder out for some blocks, at its
     * start above all: nothing sounds there.
     */
    public take(sampleRate: number): Recorded {
        const first = this.parts[0]?.frame ?? 0;
        const last = this.parts.at(-1);
        const samples = new Float32Array(last === undefined ? 0 : last.frame + last.samples.length - first);
        for (const part of this.parts) samples.set(part.samples, part.frame - first);
        return { start: first / sampleRate, samples };
    }

    /** When the blocks so far were rendered. */
    public takeStamps(): readonly RenderStamp[] {
        const { sampleRate } = this.node.context;
        return this.parts.map(({ frame, wall }) => ({ context: frame / sampleRate, wall }));
    }

    /** Collects the garbage of the audio thread, in a browser that was started with `--js-flags=--expose-gc`. */
    public collectGarbage(): void {
        this.node.port.postMessage('collect garbage');
    }

    /** Forgets everything so far. */
    public clear(): void {
        this.parts = [];
    }
}

/** Samples without a gap, as the audio thread sends them. */
interface Part {
    /** Context frame of the first one. */
    readonly frame: number;
    readonly wall: number;
    readonly samples: Float32Array;
}

const CODE = `
registerProcessor('recorder', class extends AudioWorkletProcessor {
    constructor() {
        super();
        this.held = new Float32Array(1024);
        this.count = 0;
        this.port.onmessage = () => globalThis.gc?.();
    }
    send() {
        if (this.count > 0) this.port.postMessage({ frame: this.frame, wall: this.wall, samples: this.held.slice(0, this.count) });
        this.count = 0;
    }
    process([channels]) {
        const left = channels[0] || new Float32Array(128);
        if (currentFrame !== this.frame + this.count) this.send();
        if (this.count === 0) {
            this.frame = currentFrame;
            this.wall = Date.now();
        }
        this.held.set(left, this.count);
        this.count += left.length;
        if (this.count === 1024) this.send();
        return true;
    }
});`;
