import type { VoiceMetrics } from '../../plugin/index.js';
import { explainMicrophone, openMicrophoneAsync } from '../voice/microphone.js';
import { OnAir, type OnAirKind, type SandboxVoice } from '../voice/on-air.js';
import { TypedSpeech } from '../voice/typed-speech.js';
import { Caption } from './caption.js';
import { Listening } from './listening.js';
import { SayForm } from './say.js';
import { Transport } from './transport.js';
import { VoiceMeters } from './voice-meters.js';

/** Told what went wrong, in words. */
export type OnFailure = (title: string, error: unknown, hint: string) => void;

/** All that lets a head speak: the clip, a line of text, the microphone; what the three share; and what the voice tells. */
export class SpeechDock {
    private readonly onAir: OnAir;
    private readonly transport: Transport;
    private readonly say: SayForm;
    private readonly listening: Listening;
    private readonly caption = new Caption();
    private readonly meters = new VoiceMeters();
    private readonly speech = new TypedSpeech();
    private readonly onFailure: OnFailure;
    /** s at which a page stands still; null where it runs. */
    private readonly frozenTime: number | null;
    private clipName = 'No sound yet';
    private text = '';
    private hasVoice = false;
    /** Written anew every frame, instead of a new one. */
    private readonly heard = { time: 0, duration: 0, energy: 0 };

    public constructor(frozenTime: number | null, onFailure: OnFailure) {
        this.frozenTime = frozenTime;
        this.onFailure = onFailure;
        this.onAir = new OnAir({
            onChange: () => this.show(),
            onWord: ({ text }) => this.caption.hear(text),
            onMetrics: (metrics: VoiceMetrics) => this.meters.show(metrics),
            onFailed: (kind, error) => this.fail(kind, error),
        });
        const { onAir } = this;
        this.transport = new Transport({
            onToggle: () => onAir.toggle(),
            onStop: () => onAir.stop(),
            onSeek: (time) => (onAir.time = time),
            onLoop: (isLooping) => (onAir.loop = isLooping),
        });
        this.say = new SayForm({ onSay: (text) => this.speak(text), onInterrupt: () => onAir.stop() });
        this.listening = new Listening({
            onToggle: () => (onAir.kind === 'microphone' ? onAir.stop() : onAir.listen(openMicrophoneAsync)),
            onLatency: (latency) => (onAir.latency = latency),
            onHear: (isHeard) => (onAir.isHeard = isHeard),
        });
        this.show();
    }

    /** Speaks through the voice of a new head. */
    public use(voice: SandboxVoice): void {
        this.hasVoice = true;
        this.onAir.use(voice);
        this.prepare();
    }

    /** Another sound to play, or none. */
    public setClip(name: string, clip: AudioBuffer | null): void {
        this.clipName = name;
        this.transport.setClip(clip);
        this.onAir.setClip(clip);
        this.prepare();
    }

    /** Called once a frame. */
    public update(): void {
        const { onAir, heard } = this;
        heard.time = this.frozenTime ?? onAir.time;
        heard.duration = onAir.duration;
        heard.energy = onAir.energy;
        this.transport.update(heard);
    }

    /** A page that stands still analyses its clip when it is stopped there. */
    private prepare(): void {
        if (this.frozenTime === null) void this.onAir.prepareAsync();
    }

    private speak(text: string): void {
        this.text = text;
        this.onAir.say(text, this.speech);
        this.caption.begin(text);
    }

    /** Brings all controls to what is on air. */
    private show(): void {
        const { kind, isPreparing, isPaused, canPlay, canSeek } = this.onAir;
        const isRunning = this.frozenTime === null;
        this.transport.show({
            title: { clip: this.clipName, nothing: this.clipName, text: `“${this.text}”`, microphone: 'Microphone' }[
                kind
            ],
            action: kind === 'nothing' ? 'play' : isPaused ? 'resume' : 'pause',
            canPlay: isRunning && canPlay,
            canStop: kind !== 'nothing',
            canSeek: isRunning && canSeek,
            isLive: kind === 'text' || kind === 'microphone',
        });
        const isLoading = isPreparing && !this.speech.isLoaded;
        this.say.show(
            kind !== 'text' ? 'silent' : isLoading ? 'loading' : 'speaking',
            isRunning && this.hasVoice,
            kind === 'microphone',
        );
        this.listening.show(
            kind !== 'microphone' ? 'off' : isPreparing ? 'asking' : isPaused ? 'paused' : 'live',
            isRunning && this.hasVoice,
        );
        if (kind !== 'text') this.caption.end();
    }

    private fail(kind: OnAirKind, error: unknown): void {
        const { title, hint } =
            kind === 'microphone'
                ? explainMicrophone(error)
                : kind === 'text'
                  ? { title: 'This could not be said', hint: 'Change the text, or try again.' }
                  : { title: 'This sound cannot be spoken', hint: '' };
        this.onFailure(title, error, hint);
    }
}
