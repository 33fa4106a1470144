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
    private parts: Float32Array[] = [];
    private stamps: RenderStamp[] = [];
    private first = -1;

    private constructor(public readonly node: AudioWorkletNode) {
        const { sampleRate } = node.context;
        node.port.onmessage = ({ data }: MessageEvent<{ frame: number; wall: number; samples: Float32Array }>) => {
            if (this.first < 0) this.first = data.frame;
            this.parts.push(data.samples);
            this.stamps.push({ context: data.frame / sampleRate, wall: data.wall });
        };
    }

    public static async createAsync(context: AudioContext): Promise<Recorder> {
        if (!Recorder.ready.has(context)) {
            const url = URL.createObjectURL(new Blob([CODE], { type: 'text/javascript' }));
            await context.audioWorklet.addModule(url);
            Recorder.ready.add(context);
        }
        return new Recorder(new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 }));
    }

    /** Everything so far; `start` is the context time of the first sample, s. */
    public take(sampleRate: number): Recorded {
        const samples = new Float32Array(this.parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of this.parts) {
            samples.set(part, at);
            at += part.length;
        }
        return { start: Math.max(0, this.first) / sampleRate, samples };
    }

    /** When the blocks so far were rendered. */
    public takeStamps(): readonly RenderStamp[] {
        return this.stamps;
    }

    /** Forgets everything so far. */
    public clear(): void {
        this.parts = [];
        this.stamps = [];
        this.first = -1;
    }
}

const CODE = `
registerProcessor('recorder', class extends AudioWorkletProcessor {
    constructor() { super(); this.held = new Float32Array(1024); this.count = 0; }
    process([channels]) {
        const left = channels[0] || new Float32Array(128);
        if (this.count === 0) {
            this.frame = currentFrame;
            this.wall = Date.now();
        }
        this.held.set(left, this.count);
        this.count += left.length;
        if (this.count === 1024) {
            this.port.postMessage({ frame: this.frame, wall: this.wall, samples: this.held.slice() });
            this.count = 0;
        }
        return true;
    }
});`;
