import { PgsError } from '../../core/index.js';
import type { AnalysedStream, VoiceAnalysis } from '../analysis/speech-analysis.js';
import { createRing } from '../analysis/sample-ring.js';
import { TAP_CODE, TAP_NAME } from '../analysis/tap-code.js';
import { FEATURE_FPS, STREAM_FPS } from '../front-end.js';
import { LiveTimeline } from '../live-timeline.js';
import type { OutputLine, SoundOutput } from './sound-output.js';
import { FADE_SECONDS, MAX_DELAY_SECONDS, type LiveControls, type Transport, type Utterance } from './utterance.js';

export interface LiveEvents {
    /** Something is no sound, or has no lips; it goes on. */
    onFault(error: PgsError): void;
    /** Its lips will not come any more. */
    onFailed(error: PgsError): void;
}

/** Sound that the ring holds, s: a worker that is busy for longer loses some. */
const RING_SECONDS = 2;
/**
 * From this delay on there is time for frames at the rate of clips, which need 20 ms more of the sound that follows, and for longer
 * pieces, s: a voice then costs 3.5 % of a core instead of 4.9 (two EPYC cores, Chromium 150), and half the poses.
 */
const ROOMY_SECONDS = 0.16;
/** Quanta of 128 samples that travel together: 11 ms, or 43. Every piece wakes the analysis, whose code and weights have gone cold by then. */
const QUANTA = 4;
const ROOMY_QUANTA = 16;
/** Frames that are kept while nobody looks, as in a hidden tab, s. */
const LIMIT_SECONDS = 30;

/** One run of the tap: what it hears is one stream of the analysis. A run ends when its delayed sound must not be heard any more. */
interface Run {
    readonly timeline: LiveTimeline;
    readonly stream: AnalysedStream;
    readonly tap: AudioWorkletNode;
    readonly delayNode: DelayNode;
    readonly line: OutputLine;
    /** Context time of the first sample, s; NaN until it is known. */
    anchor: number;
}

/**
 * Sound of which nothing is known beforehand (mode C): a microphone, a call, any node of the game.
 *
 * source -> tap -> analysis, and source -> delay -> output: what is heard waits until its lips are known. A delay cannot be emptied,
 * so an interruption takes a new one, and a new stream with it.
 */
export class LiveSound implements Utterance, LiveControls {
    public readonly duration: number = Number.POSITIVE_INFINITY;
    public readonly transport: Transport;
    private readonly sound: SoundOutput;
    private readonly analysis: VoiceAnalysis;
    private readonly node: AudioNode;
    private readonly events: LiveEvents;
    private readonly release: () => void;
    private run: Run | null;
    private seconds: number;
    private isOver = false;
    /** Of the last run, while there is none. */
    private readonly empty: LiveTimeline;

    /**
     * Begins to listen. The tap's code must be in the context already.
     *
     * @param seconds - delay of what is heard, s.
     * @param release - called once when it ends.
     */
    public constructor(
        sound: SoundOutput,
        analysis: VoiceAnalysis,
        node: AudioNode,
        seconds: number,
        events: LiveEvents,
        release: () => void,
    ) {
        this.sound = sound;
        this.analysis = analysis;
        this.node = node;
        this.seconds = seconds;
        this.events = events;
        this.release = release;
        this.empty = new LiveTimeline(analysis.rest, 0);
        const isIsolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
        this.transport = isIsolated && analysis.place === 'worker' ? 'shared-memory' : 'messages';
        this.run = this.begin();
    }

    public get live(): LiveControls {
        return this;
    }

    public get timeline(): LiveTimeline {
        return this.run?.timeline ?? this.empty;
    }

    public get delay(): number {
        return this.seconds;
    }

    public get knownTime(): number {
        return this.timeline.knownTime;
    }

    public get isSounding(): boolean {
        return !this.isOver;
    }

    public get isPaused(): boolean {
        return this.run === null && !this.isOver;
    }

    public get pausedTime(): number {
        return 0;
    }

    public timeAt(heard: number): number | null {
        const { run } = this;
        if (run === null || Number.isNaN(run.anchor)) return null;
        const time = heard - this.seconds - run.anchor;
        run.timeline.forgetBefore(time);
        return time;
    }

    /** Drops what is on its way to the ear, and listens on. */
    public interrupt(seconds: number): void {
        if (this.run === null || this.isOver) return;
        this.end(this.run, seconds);
        this.run = this.begin();
    }

    /** Changes the delay; what is on its way is dropped. */
    public setDelay(seconds: number): void {
        if (seconds === this.seconds) return;
        this.seconds = seconds;
        this.interrupt(FADE_SECONDS);
    }

    public stop(seconds: number): void {
        if (this.isOver) return;
        this.isOver = true;
        if (this.run !== null) this.end(this.run, seconds);
        this.release();
    }

    public pause(): void {
        if (this.run === null || this.isOver) return;
        this.end(this.run, FADE_SECONDS);
        this.run = null;
    }

    public resume(): void {
        if (this.isPaused) this.run = this.begin();
    }

    public seek(): boolean {
        return false;
    }

    public setLoop(): void {
        // It has no beginning.
    }

    public setRate(): void {
        // It goes as fast as it comes.
    }

    private begin(): Run {
        const isRoomy = this.seconds >= ROOMY_SECONDS;
        const fps = isRoomy ? FEATURE_FPS : STREAM_FPS;
        const { context } = this.sound;
        const memory = this.transport === 'shared-memory' ? createRing(context.sampleRate, RING_SECONDS) : null;
        const channel = memory === null ? new MessageChannel() : null;
        const tap = new AudioWorkletNode(context, TAP_NAME, {
            numberOfInputs: 1,
            numberOfOutputs: 0,
            processorOptions: { memory, quanta: isRoomy ? ROOMY_QUANTA : QUANTA },
        });
        if (channel !== null) tap.port.postMessage({ port: channel.port1 }, [channel.port1]);
        const timeline = new LiveTimeline(this.analysis.rest, LIMIT_SECONDS, fps);
        const stream = this.analysis.openStream(
            {
                sampleRate: context.sampleRate,
                outputRate: null,
                fps,
                feed: memory ?? (channel as MessageChannel).port2,
            },
            {
                onFrames: (frames, _pcm, anchor) => {
                    run.anchor = anchor / context.sampleRate;
                    try {
                        timeline.append(frames);
                    } catch (error) {
                        this.events.onFault(error as PgsError);
                    }
                },
                onEnded: () => undefined,
                onFault: (error) => this.events.onFault(error),
                onFailed: (error) => this.events.onFailed(error),
            },
        );
        const delayNode = context.createDelay(MAX_DELAY_SECONDS);
        delayNode.delayTime.value = this.seconds;
        const line = this.sound.openLine();
        const run: Run = { timeline, stream, tap, delayNode, line, anchor: Number.NaN };
        this.node.connect(tap);
        this.node.connect(delayNode);
        delayNode.connect(line.input);
        return run;
    }

    private end({ stream, tap, delayNode, line }: Run, seconds: number): void {
        stream.close();
        unplug(this.node, tap);
        tap.port.postMessage('end');
        line.close(seconds, () => {
            unplug(this.node, delayNode);
            delayNode.disconnect();
        });
    }
}

/** Undoes one connection. The game may have undone all of its node's; WebAudio throws then. */
function unplug(from: AudioNode, to: AudioNode): void {
    try {
        from.disconnect(to);
    } catch (error) {
        if ((error as DOMException).name !== 'InvalidAccessError') throw error;
    }
}

/** Calls back when the last track of a stream ends. */
export function endOf(stream: MediaStream): (callback: () => void) => () => void {
    return (callback) => {
        const tracks = stream.getAudioTracks();
        const onEnded = (): void => {
            if (tracks.every(({ readyState }) => readyState === 'ended')) callback();
        };
        for (const track of tracks) track.addEventListener('ended', onEnded);
        return () => {
            for (const track of tracks) track.removeEventListener('ended', onEnded);
        };
    };
}

/** Loads the tap's code into the context of an output, once. @throws PgsError `AUDIO_UNAVAILABLE` - the page forbids it. */
export async function loadTapAsync(sound: SoundOutput): Promise<void> {
    sound.tapModule ??= addTapAsync(sound).catch((error: unknown) => {
        sound.tapModule = null;
        throw error;
    });
    return sound.tapModule;
}

async function addTapAsync({ context, tapUrl }: SoundOutput): Promise<void> {
    const url = tapUrl ?? URL.createObjectURL(new Blob([TAP_CODE], { type: 'text/javascript' }));
    try {
        await context.audioWorklet.addModule(url);
    } catch (error) {
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            `Voice.attach: expected a page that may load audio worklets, got "${String(error)}". ` +
                'Serve the page over https; where its content security policy forbids "script-src blob:", pass the address of tap.js as tapUrl.',
            { cause: error },
        );
    } finally {
        if (tapUrl === undefined) URL.revokeObjectURL(String(url));
    }
}
