import { TsEncoder, decodeWav, type VoiceLatency, type VoiceMetrics } from '../../../../plugin/audio/index.js';
import { decodeHead } from '../../../../plugin/core/index.js';
import { Rig } from '../../../audio/voice-page/page.js';
import type { Recorder } from '../../../audio/voice-page/recorder.js';
import { hashFeatures, type FeatureHashes } from '../feature-hash.js';
import { pack, type PackedRun } from '../packed.js';
import { makeLeak } from './leak.js';
import { Soak } from './soak.js';
import { measureInterrupt, type InterruptKind, type PackedInterrupt } from './interrupt.js';

/** A live run: also what flowed into the voice, and what the voice says of itself. */
export interface PackedLive extends PackedRun {
    readonly input: string;
    readonly inputStart: number;
    readonly inputStampContexts: string;
    readonly inputStampPages: string;
    readonly metrics: VoiceMetrics;
}

const SPEECH = 'speech.wav';

/** What the bench asks of the page; one voice at a time. Arguments and answers can be serialised. */
export class VoiceBench {
    private current: Rig | null = null;
    private soaking: Soak | null = null;
    /** Page time less `Date.now()`, ms. */
    private wallOffset = 0;
    private live: AudioBufferSourceNode | null = null;

    /** A new voice in a new context; the one before goes. */
    public async openAsync(sampleRate: number): Promise<void> {
        await this.closeAsync();
        this.wallOffset = wallOffset();
        this.current = await Rig.createAsync(sampleRate);
        // The lips at rest, before anything is said.
        await after(300);
    }

    public async closeAsync(): Promise<void> {
        this.live = null;
        if (this.current === null) return;
        this.current.setDrawing(false);
        this.current.voice.dispose();
        await this.current.context.close();
        this.current = null;
    }

    /** Plays the speech as a known clip, to its end. */
    public async playClipAsync(): Promise<PackedRun> {
        const { rig } = this;
        const buffer = await rig.bufferOf(SPEECH);
        await rig.voice.prepare(buffer);
        const isOver = new Promise((resolve) => rig.voice.onEndObservable.add(resolve));
        await rig.voice.play(buffer);
        await isOver;
        await after(500);
        return this.packed();
    }

    /** Lets the voice listen to the speech for some seconds. */
    public async listenAsync(latency: VoiceLatency, seconds: number): Promise<PackedLive> {
        const { rig } = this;
        rig.voice.latency = latency;
        const source = await this.sourceAsync();
        const input = await rig.record(source);
        await rig.voice.attach(source);
        source.start(rig.context.currentTime + 0.3);
        await after(1000 * seconds + 500);
        const { metrics } = rig.voice;
        const run = this.packed();
        source.stop();
        const { start, samples } = input.take(rig.context.sampleRate);
        const stamps = this.stampsOf(input);
        return {
            ...run,
            input: pack(samples),
            inputStart: start,
            inputStampContexts: stamps.contexts,
            inputStampPages: stamps.pages,
            metrics,
        };
    }

    /** Interrupts in the midst of a word. @param place - of the speech to begin at, s. */
    public async interruptAsync(kind: InterruptKind, place: number, waitMs: number): Promise<PackedInterrupt> {
        const { rig } = this;
        rig.clear();
        rig.recorder.clear();
        const moment = await measureInterrupt(rig, SPEECH, kind, place, waitMs);
        return { ...this.packed(), ...moment };
    }

    /** f_a at rest: what pictures show before anything is said. */
    public rest(): number[] {
        return this.rig.seen().pictures.at(-1)?.features.slice() ?? [];
    }

    /** Interrupts very often. @returns turns that began and that ended. */
    public async soakAsync(count: number, seed: number): Promise<{ starts: number; ends: number }> {
        this.soaking ??= await Soak.createAsync(this.rig, SPEECH);
        this.rig.clear();
        const { rig } = this;
        await this.soaking.runAsync(count, seed);
        await after(500);
        const count_ = (...names: string[]): number => rig.events.filter(([, name]) => names.includes(name)).length;
        const told = { starts: count_('start'), ends: count_('interrupted', 'stopped', 'replaced', 'finished') };
        rig.clear();
        rig.recorder.clear();
        return told;
    }

    /** Collects the garbage of the audio thread. */
    public async collectAsync(): Promise<void> {
        this.rig.recorder.collectGarbage();
        await after(200);
    }

    /** Memory of all threads of the page, bytes. */
    public async memoryAsync(): Promise<number> {
        return (await performance.measureUserAgentSpecificMemory()).bytes;
    }

    /** Leaks nodes on purpose, for the test of the test. */
    public leak(count: number): void {
        makeLeak(this.rig.context, count);
    }

    /** The speech as a node that repeats: heard through the voice, or past it. */
    public async playOnAsync(isThroughVoice: boolean): Promise<void> {
        const { rig } = this;
        const source = await this.sourceAsync();
        source.loop = true;
        if (isThroughVoice) await rig.voice.attach(source);
        else source.connect(rig.context.destination);
        source.start();
        this.live = source;
    }

    /** Ends {@link playOnAsync}. @returns pictures since it began. */
    public stopPlaying(): number {
        this.rig.voice.stop();
        this.live?.stop();
        this.live?.disconnect();
        this.live = null;
        const count = this.rig.seen().pictures.length;
        this.rig.clear();
        this.rig.recorder.clear();
        return count;
    }

    /** Features of the speech, computed here. */
    public async hashAsync(seed: number): Promise<FeatureHashes> {
        const bytesOf = async (name: string): Promise<Uint8Array> =>
            new Uint8Array(await (await fetch(name)).arrayBuffer());
        const head = decodeHead(await bytesOf('head.glb'));
        const { samples, sampleRate } = decodeWav(await bytesOf(SPEECH));
        const encoder = TsEncoder.fromOnnx(head.encoderOnnx);
        return hashFeatures(samples, sampleRate, head.audio, encoder, seed);
    }

    private get rig(): Rig {
        if (this.current === null) throw new Error('voice bench: expected an open voice, got none. Call openAsync.');
        return this.current;
    }

    private async sourceAsync(): Promise<AudioBufferSourceNode> {
        const source = this.rig.context.createBufferSource();
        source.buffer = await this.rig.bufferOf(SPEECH);
        return source;
    }

    private packed(): PackedRun {
        const { rig } = this;
        const { pictures, pairs } = rig.seen();
        const { start, samples } = rig.recorder.take(rig.context.sampleRate);
        const stamps = this.stampsOf(rig.recorder);
        return {
            sampleRate: rig.context.sampleRate,
            pages: pack(Float64Array.from(pictures, ({ page }) => page)),
            features: pack(Float32Array.from(pictures.flatMap(({ features }) => features))),
            pairPages: pack(Float64Array.from(pairs, ({ page }) => page)),
            pairHeard: pack(Float64Array.from(pairs, ({ heard }) => heard)),
            output: pack(samples),
            outputStart: start,
            stampContexts: stamps.contexts,
            stampPages: stamps.pages,
            events: [...rig.events],
        };
    }

    private stampsOf(recorder: Recorder): { contexts: string; pages: string } {
        const stamps = recorder.takeStamps();
        return {
            contexts: pack(Float64Array.from(stamps, ({ context }) => context)),
            // A clock of whole ms is half a ms late on average.
            pages: pack(Float64Array.from(stamps, ({ wall }) => wall + 0.5 + this.wallOffset)),
        };
    }
}

/** Page time less `Date.now()`, ms, read as the latter steps. */
function wallOffset(): number {
    const readings = Array.from({ length: 9 }, () => {
        const before = Date.now();
        while (Date.now() === before);
        return performance.now() - Date.now();
    });
    // A thread that was interrupted between the two clocks reads late.
    return Math.min(...readings);
}

function after(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

declare global {
    var voiceBench: VoiceBench;
    interface Performance {
        /** Chromium's, in pages that are isolated. */
        measureUserAgentSpecificMemory(): Promise<{ readonly bytes: number }>;
    }
}

globalThis.voiceBench = new VoiceBench();
