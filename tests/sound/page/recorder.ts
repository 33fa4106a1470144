/** Both channels of what is rendered, by context frame. */
const PROCESSOR = `
registerProcessor('recorder', class extends AudioWorkletProcessor {
    process([input]) {
        const left = input[0] ?? new Float32Array(128);
        this.port.postMessage({ frame: currentFrame, left: left.slice(), right: (input[1] ?? left).slice() });
        return true;
    }
});`;

const SECONDS = 60;

/** Writes down what arrives at its node, so that a test can look at a context time after the fact. */
export class Recorder {
    public readonly node: AudioWorkletNode;
    readonly #context: AudioContext;
    readonly #left: Float32Array;
    readonly #right: Float32Array;
    #first = -1;
    #end = 0;

    private constructor(context: AudioContext) {
        this.#context = context;
        this.#left = new Float32Array(context.sampleRate * SECONDS);
        this.#right = new Float32Array(context.sampleRate * SECONDS);
        this.node = new AudioWorkletNode(context, 'recorder', { outputChannelCount: [2] });
        // The node puts out silence; connected, it is always run.
        this.node.connect(context.destination);
        this.node.port.onmessage = ({
            data,
        }: MessageEvent<{ frame: number; left: Float32Array; right: Float32Array }>) => {
            if (this.#first < 0) this.#first = data.frame;
            const at = data.frame - this.#first;
            if (at + data.left.length > this.#left.length) return;
            this.#left.set(data.left, at);
            this.#right.set(data.right, at);
            this.#end = data.frame + data.left.length;
        };
    }

    public static async createAsync(context: AudioContext): Promise<Recorder> {
        const url = URL.createObjectURL(new Blob([PROCESSOR], { type: 'text/javascript' }));
        await context.audioWorklet.addModule(url);
        URL.revokeObjectURL(url);
        return new Recorder(context);
    }

    /** Left samples around a context time, s: the one there and its neighbours. */
    public around(time: number): number[] {
        const at = Math.round(time * this.#context.sampleRate) - this.#first;
        return [...this.#left.subarray(Math.max(0, at - 1), at + 2)];
    }

    /** Waits until a context time is written down. */
    public async untilAsync(time: number): Promise<void> {
        while (this.#end < time * this.#context.sampleRate) await new Promise((done) => setTimeout(done, 10));
    }

    /** Root mean square of both channels over the next `seconds`. */
    public async levelAsync(seconds: number): Promise<[left: number, right: number]> {
        const from = this.#context.currentTime + 0.05;
        await this.untilAsync(from + seconds);
        const rate = this.#context.sampleRate;
        const [start, end] = [from, from + seconds].map((time) => Math.round(time * rate) - this.#first);
        const rms = (samples: Float32Array): number =>
            Math.sqrt(samples.subarray(start, end).reduce((sum, x) => sum + x * x, 0) / (Number(end) - Number(start)));
        return [rms(this.#left), rms(this.#right)];
    }
}
