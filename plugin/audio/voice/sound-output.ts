import { PgsError } from '../../core/index.js';
import { AudioClock } from '../audio-clock.js';
import type { OutputConnection, SoundHost } from './sound-host.js';

/** A context, or a function that gives one when sound is first needed (an engine may make its own late). */
export type ContextSource = AudioContext | (() => AudioContext);

export interface OutputOptions {
    /** Where to play: a context, the game's audio engine, or a context of our own. */
    readonly source: ContextSource | SoundHost | undefined;
    /** Whether the output goes to the loudspeakers (or the host's mix) at once. */
    readonly isConnected: boolean;
    /** Address of the tap's code, for pages whose policy forbids modules made from text. */
    readonly tapUrl?: string | URL;
    /** Page time, ms. */
    readonly now: () => number;
}

/** An allowed `resume()` takes less than this; after it the page's autoplay policy is the likely reason, ms. */
const BLOCKED_AFTER_MS = 250;

/** One sound's way to the output: a gain that fades it out. */
export interface OutputLine {
    /** Connect the sound here. */
    readonly input: AudioNode;
    /** Fades to silence in `seconds`, then frees the line; `onSilent` is called then. Calling it again does nothing. */
    close(seconds: number, onSilent?: () => void): void;
}

/**
 * The WebAudio side of a voice: lines -> volume ({@link output}) -> destination, or the game's mix.
 *
 * Owns its nodes, and the context only where it made it itself.
 */
export class SoundOutput {
    public readonly context: AudioContext;
    public readonly clock: AudioClock;
    /** Last node of the graph; connect it elsewhere after `disconnect()` to route the voice. */
    public readonly output: GainNode;
    private readonly ownsContext: boolean;
    /** See {@link OutputOptions.tapUrl}. */
    public readonly tapUrl: string | URL | undefined;
    /** The tap's code on its way into the context; `live-sound.ts` loads it. */
    public tapModule: Promise<void> | null = null;
    private readonly connection: OutputConnection | null;
    /** Lines that sound or fade, with the timer of the fade. */
    private readonly lines: Map<GainNode, ReturnType<typeof setTimeout> | null> = new Map();

    /** @throws PgsError `AUDIO_UNAVAILABLE` - no WebAudio here, or a closed context. */
    public constructor({ source, isConnected, now, tapUrl }: OutputOptions) {
        this.ownsContext = source === undefined;
        this.tapUrl = tapUrl;
        const host = isHost(source) ? source : null;
        this.context = isHost(source)
            ? source.openContext()
            : typeof source === 'function'
              ? source()
              : (source ?? createContext());
        assertOpen(this.context);
        this.clock = new AudioClock(this.context, now);
        this.output = this.context.createGain();
        this.connection = isConnected && host !== null ? host.connectOutput(this.output) : null;
        if (isConnected && host === null) this.output.connect(this.context.destination);
    }

    /**
     * Wakes the context; resolves when it runs and the game's mix has the voice, or `signal` aborts. A page may only start sound from a user's gesture, and
     * a refusal is silent, so `onBlocked` is called when waking takes suspiciously long; the wait goes on.
     *
     * @throws PgsError `AUDIO_UNAVAILABLE` - the context is closed, or the game's mix does not take the voice.
     */
    public async ready(signal: AbortSignal, onBlocked: () => void): Promise<void> {
        await Promise.all([this.wakeAsync(signal, onBlocked), this.connection?.whenConnectedAsync()]);
    }

    private async wakeAsync(signal: AbortSignal, onBlocked: () => void): Promise<void> {
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

    public openLine(): OutputLine {
        const { context, lines } = this;
        const fade = context.createGain();
        fade.connect(this.output);
        lines.set(fade, null);
        let isClosed = false;
        return {
            input: fade,
            close: (seconds, onSilent) => {
                if (isClosed) return;
                isClosed = true;
                fade.gain.setValueAtTime(1, context.currentTime);
                fade.gain.linearRampToValueAtTime(0, context.currentTime + seconds);
                const free = (): void => {
                    fade.disconnect();
                    lines.delete(fade);
                    onSilent?.();
                };
                if (seconds <= 0) return free();
                // A suspended context does not fade; the line goes all the same.
                lines.set(fade, setTimeout(free, 1000 * seconds + FADE_SLACK_MS));
            },
        };
    }

    /** Ends all sound at once, disconnects every node and closes the context if it is our own. */
    public dispose(): void {
        for (const [fade, timer] of this.lines) {
            if (timer !== null) clearTimeout(timer);
            fade.disconnect();
        }
        this.lines.clear();
        this.connection?.dispose();
        this.output.disconnect();
        if (this.ownsContext && this.context.state !== 'closed') this.context.close().catch(() => undefined);
    }
}

/** Time after which a fade has surely been rendered, ms. */
const FADE_SLACK_MS = 30;

export function isHost(source: OutputOptions['source']): source is SoundHost {
    return typeof (source as Partial<SoundHost> | undefined)?.connectOutput === 'function';
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
    if (context.state === 'closed') throw closedError();
}

export function closedError(): PgsError {
    return new PgsError(
        'AUDIO_UNAVAILABLE',
        'Voice: expected an open AudioContext, got a closed one. Load the head again with a new context.',
    );
}
