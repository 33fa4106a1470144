import { PgsError } from '../core/index.js';
import { AudioClock } from './audio-clock.js';

/** A context, or a function that gives one when sound is first needed (an engine may make its own late). */
export type ContextSource = AudioContext | (() => AudioContext);

/** A buffer being played. */
export interface SoundPlayback {
    /** Context time of the buffer's first sample, s. */
    readonly startTime: number;
    setLoop(isLooping: boolean): void;
    /** Fades out in 15 ms and frees the nodes; `onEnded` is not called then. Calling it again does nothing. */
    stop(): void;
}

/** Fade of a stopped sound, s: short enough for a barge-in, long enough not to click. */
const FADE_SECONDS = 0.015;
/** Lead with which a start is scheduled, s, so that its context time is exact. */
const START_LEAD_SECONDS = 0.01;
/** An allowed `resume()` takes less than this; after it the page's autoplay policy is the likely reason, ms. */
const BLOCKED_AFTER_MS = 250;

/**
 * The WebAudio side of a voice: buffer source -> fade -> volume ({@link output}) -> destination.
 *
 * Owns its nodes, and the context only where it made it itself.
 */
export class SoundOutput {
    public readonly context: AudioContext;
    public readonly clock: AudioClock;
    /** Last node of the graph; connect it elsewhere after `disconnect()` to route the voice. */
    public readonly output: GainNode;
    private readonly ownsContext: boolean;
    /** Sounding sources with the fade behind each. */
    private readonly sounding: Map<AudioBufferSourceNode, GainNode> = new Map();

    /**
     * @param isConnected - whether the output goes to the context's destination at once.
     * @throws PgsError `AUDIO_UNAVAILABLE` - no WebAudio here, or a closed context.
     */
    public constructor(source: ContextSource | undefined, isConnected: boolean, now: () => number) {
        this.ownsContext = source === undefined;
        this.context = typeof source === 'function' ? source() : (source ?? createContext());
        assertOpen(this.context);
        this.clock = new AudioClock(this.context, now);
        this.output = this.context.createGain();
        if (isConnected) this.output.connect(this.context.destination);
    }

    /**
     * Wakes the context; resolves when it runs or `signal` aborts. A page may only start sound from a user's gesture, and
     * a refusal is silent, so `onBlocked` is called when waking takes suspiciously long; the wait goes on.
     *
     * @throws PgsError `AUDIO_UNAVAILABLE` - the context is closed.
     */
    public async ready(signal: AbortSignal, onBlocked: () => void): Promise<void> {
        const { context } = this;
        if (context.state === 'running') return;
        assertOpen(context);
        // A refusal shows in the state; the promise may reject or stay pending, depending on the browser.
        context.resume().catch(() => undefined);
        await new Promise<void>((resolve) => {
            const timer = setTimeout(onBlocked, BLOCKED_AFTER_MS);
            const settle = (): void => {
                if (context.state !== 'running' && context.state !== 'closed' && !signal.aborted) return;
                clearTimeout(timer);
                context.removeEventListener('statechange', settle);
                signal.removeEventListener('abort', settle);
                resolve();
            };
            context.addEventListener('statechange', settle);
            signal.addEventListener('abort', settle);
            settle();
        });
        if (!signal.aborted) assertOpen(context);
    }

    /** Starts a buffer. `onEnded` is called once, when it has played to its end. */
    public play(buffer: AudioBuffer, isLooping: boolean, onEnded: () => void): SoundPlayback {
        const { context } = this;
        const source = context.createBufferSource();
        const fade = context.createGain();
        source.buffer = buffer;
        source.loop = isLooping;
        source.connect(fade);
        fade.connect(this.output);
        let isStopped = false;
        source.onended = () => {
            this.sounding.delete(source);
            source.disconnect();
            fade.disconnect();
            if (!isStopped) onEnded();
        };
        const startTime = context.currentTime + START_LEAD_SECONDS;
        source.start(startTime);
        this.sounding.set(source, fade);
        return {
            startTime,
            setLoop: (value) => {
                source.loop = value;
            },
            stop: () => {
                if (isStopped) return;
                isStopped = true;
                const end = context.currentTime + FADE_SECONDS;
                fade.gain.setValueAtTime(1, context.currentTime);
                fade.gain.linearRampToValueAtTime(0, end);
                source.stop(end);
            },
        };
    }

    /** Ends all sound at once, disconnects every node and closes the context if it is our own. */
    public dispose(): void {
        for (const [source, fade] of this.sounding) {
            source.onended = null;
            source.stop();
            source.disconnect();
            fade.disconnect();
        }
        this.sounding.clear();
        this.output.disconnect();
        if (this.ownsContext && this.context.state !== 'closed') this.context.close().catch(() => undefined);
    }
}

function createContext(): AudioContext {
    const Context = (globalThis as { AudioContext?: typeof AudioContext }).AudioContext;
    if (Context === undefined) {
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            'Voice: expected a page with WebAudio, got none. Use a browser with AudioContext, or pass an audioContext.',
        );
    }
    return new Context({ latencyHint: 'interactive' });
}

function assertOpen(context: AudioContext): void {
    if (context.state !== 'closed') return;
    throw new PgsError(
        'AUDIO_UNAVAILABLE',
        'Voice: expected an open AudioContext, got a closed one. Load the head again with a new context.',
    );
}
