/** A stand-in for `AudioContext` whose time the test moves; it keeps the connections, so that leaks show. */
export class FakeAudioContext extends EventTarget {
    public state: AudioContextState;
    public currentTime = 0;
    public outputLatency = 0.04;
    public readonly sampleRate: number;
    public readonly destination: FakeNode;
    /** Every node made that is still connected to something. */
    public readonly nodes: FakeNode[] = [];
    /** Whether `resume()` is allowed, as after a user's gesture. */
    public mayResume = true;
    public closeCount = 0;

    public constructor(state: AudioContextState = 'running', sampleRate = 48000) {
        super();
        this.state = state;
        this.sampleRate = sampleRate;
        this.destination = new FakeNode(this);
    }

    public createGain(): FakeGain {
        return new FakeGain(this);
    }

    public createBufferSource(): FakeSource {
        return new FakeSource(this);
    }

    public createBuffer(channels: number, length: number, sampleRate: number): AudioBuffer {
        return fakeBuffer(sampleRate, ...Array.from({ length: channels }, () => new Float32Array(length)));
    }

    public getOutputTimestamp(): { contextTime: number; performanceTime: number } {
        return { contextTime: Math.max(0, this.currentTime - this.outputLatency), performanceTime: pageTime(this) };
    }

    public async resume(): Promise<void> {
        if (this.mayResume) this.setState('running');
        else await new Promise(() => undefined);
    }

    public async close(): Promise<void> {
        this.closeCount++;
        this.setState('closed');
    }

    public setState(state: AudioContextState): void {
        this.state = state;
        this.dispatchEvent(new Event('statechange'));
    }

    /** Moves time on; sources that reach their end say so. */
    public advance(seconds: number): void {
        if (this.state === 'running') this.currentTime += seconds;
        for (const node of [...this.nodes]) if (node instanceof FakeSource) node.checkEnd();
    }

    public get connectedCount(): number {
        return this.nodes.filter((node) => node.targets.length > 0).length;
    }

    /** All sources ever made, in order. */
    public get sources(): FakeSource[] {
        return this.nodes.filter((node) => node instanceof FakeSource);
    }

    /**
     * What a recorder would have got up to a time, of sources whose buffers have this context's rate; without volume and fades.
     *
     * @throws Error - a source starts between two samples.
     */
    public recorded(end: number = this.currentTime): Float32Array {
        const out = new Float32Array(Math.round(end * this.sampleRate));
        for (const { buffer, startTime, offset, stopTime } of this.sources) {
            const first = startTime * this.sampleRate;
            const skipped = offset * this.sampleRate;
            if (Math.abs(first - Math.round(first)) > 1e-3 || Math.abs(skipped - Math.round(skipped)) > 1e-3)
                throw new Error(`a source starts at sample ${first}, ${skipped} into its buffer`);
            const samples = (buffer as AudioBuffer).getChannelData(0).subarray(Math.round(skipped));
            const stop = Math.min(out.length, Math.round(Math.min(stopTime, 1e6) * this.sampleRate));
            samples.forEach((sample, i) => {
                const at = Math.round(first) + i;
                if (at < stop) out[at] = (out[at] as number) + sample;
            });
        }
        return out;
    }

    public asContext(): AudioContext {
        return this as unknown as AudioContext;
    }
}

/** Page time that belongs to a fake context, ms: a page opened 5 s before its context. */
export function pageTime(context: FakeAudioContext): number {
    return 5000 + 1000 * context.currentTime;
}

class FakeNode {
    public targets: FakeNode[] = [];
    protected readonly context: FakeAudioContext;

    public constructor(context: FakeAudioContext) {
        this.context = context;
        context.nodes?.push(this);
    }

    public connect(target: FakeNode): FakeNode {
        this.targets.push(target);
        return target;
    }

    public disconnect(): void {
        this.targets = [];
    }
}

class FakeGain extends FakeNode {
    public readonly gain = {
        value: 1,
        setValueAtTime: (): void => undefined,
        linearRampToValueAtTime: (value: number): void => {
            this.gain.value = value;
        },
    };
}

class FakeSource extends FakeNode {
    public buffer: AudioBuffer | null = null;
    public loop = false;
    public onended: (() => void) | null = null;
    public readonly playbackRate: { value: number; setValueAtTime(value: number): void } = {
        value: 1,
        setValueAtTime: (value: number): void => {
            this.rebase();
            this.playbackRate.value = value;
        },
    };
    /** Context time of the start, s; NaN before it is started. */
    public startTime: number = Number.NaN;
    public offset = 0;
    public stopTime: number = Number.POSITIVE_INFINITY;
    private hasEnded = false;

    public start(time: number, offset = 0): void {
        this.startTime = time;
        this.offset = offset;
    }

    public stop(time: number = this.context.currentTime): void {
        this.stopTime = time;
    }

    public checkEnd(): void {
        if (this.hasEnded || Number.isNaN(this.startTime)) return;
        if (this.loop) this.rebase();
        const length = ((this.buffer?.duration ?? 0) - this.offset) / this.playbackRate.value;
        const end = this.loop ? Number.POSITIVE_INFINITY : this.startTime + length;
        if (!(this.context.currentTime >= Math.min(end, this.stopTime))) return;
        this.hasEnded = true;
        this.onended?.();
    }

    /** Counts from now on: at another rate, or without the passes of the loop so far. */
    private rebase(): void {
        const { currentTime } = this.context;
        if (!(currentTime > this.startTime)) return;
        const place = this.offset + (currentTime - this.startTime) * this.playbackRate.value;
        this.offset = this.loop ? place % (this.buffer?.duration ?? 1) : place;
        this.startTime = currentTime;
    }
}

/** A buffer as `decodeAudioData` would give it. */
export function fakeBuffer(sampleRate: number, ...channels: Float32Array[]): AudioBuffer {
    const length = channels[0]?.length ?? 0;
    return {
        sampleRate,
        length,
        duration: length / sampleRate,
        numberOfChannels: channels.length,
        getChannelData: (c: number) => channels[c] as Float32Array,
        copyToChannel: (samples: Float32Array, c: number) => channels[c]?.set(samples),
    } as unknown as AudioBuffer;
}
