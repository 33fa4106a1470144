import type { PgsError } from '../../core/index.js';
import { GLIDE_SECONDS } from '../lip-rest.js';
import { HOLD_SECONDS } from '../live-timeline.js';
import type { SoundHost } from './sound-host.js';
import { SoundOutput, closedError, type OutputOptions } from './sound-output.js';
import type { SpokenWord } from './speech-source.js';
import { FADE_SECONDS, type Utterance } from './utterance.js';
import type { VoiceEnd } from './voice-events.js';
import { TimingMeter } from './voice-metrics.js';

/** What turns tell their voice. */
export interface TurnEvents {
    onStart(): void;
    onEnd(end: VoiceEnd): void;
    onWord(word: SpokenWord): void;
    onUnderrun(): void;
    onWarning(warning: string): void;
    onError(error: PgsError): void;
    /** What is said ends before its time, or begins: the lips leave where they are. */
    onLeave(): void;
}

const BLOCKED_WARNING =
    'Voice: the browser keeps sound back until the user clicks or presses a key. Speak from there first, or resume the AudioContext.';

/** One thing is said at a time: what is said, what is about to be, and how one takes the turn of the other. */
export class Turns {
    /** Times at which sound ran dry or its lips came too late. */
    public underruns = 0;
    public readonly meter: TimingMeter = new TimingMeter();
    #options: OutputOptions;
    readonly #events: TurnEvents;
    #current: Utterance | null = null;
    #output: SoundOutput | null = null;
    /** Ends what is about to be said, and the work for it. */
    #pending: AbortController = new AbortController();
    #words: SpokenWord[] = [];
    #isDry = false;
    #hasStarted = false;

    public constructor(options: OutputOptions, events: TurnEvents) {
        this.#options = options;
        this.#events = events;
    }

    /** What is said, until its lips are at rest. */
    public get utterance(): Utterance | null {
        return this.#current;
    }

    /** The output, once sound was needed. */
    public get sound(): SoundOutput | null {
        return this.#output;
    }

    /** Where the output will be, when it is needed. */
    public playThrough(source: SoundHost): void {
        this.#options = { ...this.#options, source };
    }

    /** @throws PgsError `AUDIO_UNAVAILABLE` - no WebAudio here. */
    public openSound(gain: number): SoundOutput {
        if (this.#output === null) {
            this.#output = new SoundOutput(this.#options);
            this.#output.output.gain.value = gain;
        }
        return this.#output;
    }

    /** Wakes the context, from the user's gesture; a refusal is told. */
    public async ready(sound: SoundOutput, signal: AbortSignal): Promise<void> {
        await sound.ready(signal, () => this.#events.onWarning(BLOCKED_WARNING));
    }

    /**
     * Ends what is said or is about to be.
     *
     * @returns a signal for what comes next; already aborted when an observer of the end started something newer.
     */
    public supersede(reason: VoiceEnd['reason'], fadeSeconds: number = FADE_SECONDS): AbortSignal {
        this.#pending.abort();
        const next = new AbortController();
        this.#pending = next;
        this.#drop(fadeSeconds, reason);
        return next.signal;
    }

    /** Begins a turn. @param isStarted - whether it sounds already; else {@link started} follows. */
    public begin(utterance: Utterance, isStarted: boolean): void {
        this.#current = utterance;
        this.#events.onLeave();
        this.#words = [];
        this.#isDry = false;
        this.#hasStarted = false;
        this.meter.clear();
        if (isStarted) this.started();
    }

    public started(): void {
        this.#hasStarted = true;
        this.#events.onStart();
    }

    /** The sound came to its end by itself; the lips go on until what was last is heard. */
    public finished(utterance: Utterance): void {
        if (utterance === this.#current) this.#events.onEnd({ reason: 'finished' });
    }

    /** A turn fails: it ends, and what went wrong is told. */
    public fail(signal: AbortSignal, error: PgsError): void {
        if (signal.aborted) return;
        this.#pending.abort();
        this.#pending = new AbortController();
        this.#drop(FADE_SECONDS, 'failed');
        this.#events.onError(error);
    }

    /** Sound ran dry, or its lips come too late: told once until they are in time again. */
    public ranDry(): void {
        if (this.#isDry) return;
        this.#isDry = true;
        this.underruns++;
        this.#events.onUnderrun();
    }

    /** Words whose times are known. */
    public expect(words: readonly SpokenWord[]): void {
        this.#words.push(...words);
    }

    /**
     * Place that is heard in what is said, s; null where the lips rest. Called once a picture: also tells what the place brings.
     *
     * @param offset - by which lips are shown later than their sound, s.
     */
    public heardTime(offset: number): number | null {
        const current = this.#current;
        const output = this.#output;
        if (current === null || output === null) return null;
        // A context that stands still, or was closed by somebody, would leave the mouth open.
        if (output.context.state === 'closed') this.fail(this.#pending.signal, closedError());
        if (output.context.state !== 'running') return null;
        const heard = output.clock.read();
        const place = current.timeAt(heard);
        if (place === null) return this.#currentIfSounding(current);
        this.#tellWords(place);
        this.#watch(current, place, output.context.currentTime - heard);
        // Who was told may have begun something else.
        if (this.#current !== current) return null;
        const time = place - offset;
        if (!current.isSounding && time > current.duration + GLIDE_SECONDS) return this.#lose();
        return time;
    }

    public dispose(): void {
        this.#pending.abort();
        this.#current?.stop(0);
        this.#current = null;
        this.#output?.dispose();
        this.#output = null;
    }

    #currentIfSounding(current: Utterance): null {
        if (!current.isSounding) this.#lose();
        return null;
    }

    #lose(): null {
        this.#current = null;
        this.#words = [];
        return null;
    }

    #drop(fadeSeconds: number, reason: VoiceEnd['reason']): void {
        const current = this.#current;
        const hasStarted = this.#hasStarted;
        if (current === null) return;
        const { isSounding } = current;
        this.#lose();
        this.#events.onLeave();
        current.stop(fadeSeconds);
        if (isSounding && hasStarted) this.#events.onEnd({ reason });
    }

    #tellWords(place: number): void {
        while (this.#words.length > 0 && (this.#words[0] as SpokenWord).start <= place)
            this.#events.onWord(this.#words.shift() as SpokenWord);
    }

    #watch(current: Utterance, place: number, outputLatency: number): void {
        if (!current.isSounding || place < 0) return;
        const headroom = current.knownTime - place;
        this.meter.add(headroom, outputLatency);
        // Until then the timeline holds its last frame.
        if (headroom < -HOLD_SECONDS) this.ranDry();
        else this.#isDry = false;
    }
}
