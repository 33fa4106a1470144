/** Records what flows into it, mono, with the context frame of the first sample. */
export class Recorder {
    private readonly parts: Float32Array[] = [];
    private first = -1;

    private constructor(public readonly node: AudioWorkletNode) {
        node.port.onmessage = ({ data }: MessageEvent<{ frame: number; samples: Float32Array }>) => {
            if (this.first < 0) this.first = data.frame;
            this.parts.push(data.samples);
        };
    }

    public static async createAsync(context: AudioContext): Promise<Recorder> {
        const url = URL.createObjectURL(new Blob([CODE], { type: 'text/javascript' }));
        await context.audioWorklet.addModule(url);
        return new Recorder(new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 }));
    }

    /** Everything so far; `start` is the context time of the first sample, s. */
    public take(sampleRate: number): { start: number; samples: Float32Array } {
        const samples = new Float32Array(this.parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of this.parts) {
            samples.set(part, at);
            at += part.length;
        }
        return { start: Math.max(0, this.first) / sampleRate, samples };
    }
}

const CODE = `
registerProcessor('recorder', class extends AudioWorkletProcessor {
    constructor() { super(); this.held = new Float32Array(1024); this.count = 0; }
    process([channels]) {
        const left = channels[0] || new Float32Array(128);
        if (this.count === 0) this.frame = currentFrame;
        this.held.set(left, this.count);
        this.count += left.length;
        if (this.count === 1024) {
            this.port.postMessage({ frame: this.frame, samples: this.held.slice() });
            this.count = 0;
        }
        return true;
    }
});`;
