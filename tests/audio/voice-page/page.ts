import { SimpleObservable, Voice, decodeWav, type VoiceMetrics } from '../../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM, decodeHead } from '../../../plugin/core/index.js';
import { Recorder } from './recorder.js';

/** A picture: when it was drawn, and the mouth it showed. */
export interface Picture {
    /** Page time, ms. */
    readonly page: number;
    readonly features: number[];
}

/** Readings of the page's and the context's clock together; the rig's own, not the voice's. */
export interface ClockPair {
    /** Page time, ms. */
    readonly page: number;
    /** Context time that is heard then, s. */
    readonly heard: number;
}

/** Of the voice's inside, what a test must see. */
interface Inside {
    readonly timeline: {
        readonly first: number;
        readonly next: number;
        featureOf(frame: number): Float32Array;
        sample(time: number, out: Float32Array): void;
    };
    readonly run?: { readonly anchor: number };
}

/** What a test or bench does with a voice in a page. Everything it returns can be serialised. */
export class Rig {
    public readonly events: [number, string][] = [];
    private pictures: Picture[] = [];
    private pairs: ClockPair[] = [];
    private isDrawing = true;
    private readonly out = new Float32Array(AUDIO_FEAT_DIM);

    private constructor(
        public readonly voice: Voice,
        public readonly context: AudioContext,
        public readonly recorder: Recorder,
    ) {
        const log = (text: string): void => void this.events.push([performance.now(), text]);
        voice.onStartObservable.add(() => log('start'));
        voice.onEndObservable.add(({ reason }) => log(reason));
        voice.onUnderrunObservable.add(() => log('underrun'));
        voice.onErrorObservable.add(({ code, message }) => log(`${code} ${message}`));
        voice.onWarningObservable.add((text) => log(`warning ${text}`));
        voice.onWordObservable.add(({ text }) => log(`word ${text}`));
        const draw = (): void => {
            if (this.isDrawing) this.draw();
            requestAnimationFrame(draw);
        };
        draw();
    }

    /** @param context - where another rig's voice speaks already; default: a context of its own. */
    public static async createAsync(
        sampleRate: number,
        context: AudioContext = new AudioContext({ sampleRate, latencyHint: 'interactive' }),
    ): Promise<Rig> {
        const head = decodeHead(new Uint8Array(await (await fetch('head.glb')).arrayBuffer()));
        const voice = await Voice.createAsync({
            createObservable: () => new SimpleObservable(),
            frontEnd: head.audio,
            encoder: head.encoderOnnx,
            audioContext: context,
        });
        const recorder = await Recorder.createAsync(context);
        voice.output.connect(recorder.node);
        return new Rig(voice, context, recorder);
    }

    /** A sound that is served beside the page, mono at its own rate. */
    public async load(name: string): Promise<{ samples: Float32Array; sampleRate: number }> {
        return decodeWav(new Uint8Array(await (await fetch(name)).arrayBuffer()));
    }

    public async bufferOf(name: string): Promise<AudioBuffer> {
        const { samples, sampleRate } = await this.load(name);
        const buffer = this.context.createBuffer(1, samples.length, sampleRate);
        buffer.copyToChannel(samples as Float32Array<ArrayBuffer>, 0);
        return buffer;
    }

    /** Plays a sound through a node that the voice listens to. @returns context time of its first sample, s. */
    public async attachClip(name: string): Promise<number> {
        const source = this.context.createBufferSource();
        source.buffer = await this.bufferOf(name);
        await this.voice.attach(source);
        const start = this.context.currentTime + 0.2;
        source.start(start);
        return start;
    }

    /** Records a node beside the voice's output. */
    public async record(node: AudioNode): Promise<Recorder> {
        const recorder = await Recorder.createAsync(this.context);
        node.connect(recorder.node);
        return recorder;
    }

    /** The frames that are known of what is said, from the first that is kept. */
    public frames(): { first: number; anchor: number; features: number[] } {
        const { timeline, run } = this.utterance();
        const features: number[] = [];
        for (let k = timeline.first; k < timeline.next; k++) features.push(...timeline.featureOf(k));
        return { first: timeline.first, anchor: run?.anchor ?? 0, features };
    }

    /** Draws: the mouth that is shown, and the one that belongs to the place that is heard. */
    public mouth(): { shown: number[]; wanted: number[]; rest: number[]; time: number } {
        const { voice } = this;
        // Again where the page was held up between the readings.
        for (let n = 0, before = -1; n < 50 && voice.currentTime - before > 0.001; n++) {
            before = voice.currentTime;
            this.draw();
        }
        const wanted = new Float32Array(AUDIO_FEAT_DIM);
        const time = voice.currentTime;
        this.utterance().timeline.sample(time, wanted);
        const { rest } = (this.voice as unknown as { analysis: { rest: Float32Array } }).analysis;
        return { shown: [...this.out], wanted: [...wanted], rest: [...rest], time };
    }

    private utterance(): Inside {
        return (this.voice as unknown as { turns: { utterance: Inside } }).turns.utterance;
    }

    public metrics(): VoiceMetrics {
        return this.voice.metrics;
    }

    /** Forgets the pictures so far. */
    public clear(): void {
        this.pictures = [];
        this.pairs = [];
        this.events.length = 0;
    }

    /** Stands for a hidden tab, in which nothing is drawn. */
    public setDrawing(isDrawing: boolean): void {
        this.isDrawing = isDrawing;
    }

    public result(): {
        pictures: Picture[];
        pairs: ClockPair[];
        events: [number, string][];
        start: number;
        recorded: number[];
    } {
        const { start, samples } = this.recorder.take(this.context.sampleRate);
        return { pictures: this.pictures, pairs: this.pairs, events: this.events, start, recorded: [...samples] };
    }

    /** Pictures and readings so far, where {@link result} would be too long to hand over. */
    public seen(): { readonly pictures: readonly Picture[]; readonly pairs: readonly ClockPair[] } {
        return { pictures: this.pictures, pairs: this.pairs };
    }

    private draw(): void {
        const page = performance.now();
        this.voice.sampleFeatures(this.out);
        this.pictures.push({ page, features: [...this.out] });
        const { contextTime = 0, performanceTime = 0 } = this.context.getOutputTimestamp();
        this.pairs.push({ page: performanceTime, heard: contextTime });
    }
}

declare global {
    var rig: Rig;
    var createRig: typeof Rig.createAsync;
}

globalThis.createRig = Rig.createAsync;
