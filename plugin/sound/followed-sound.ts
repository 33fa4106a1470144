import type { StaticSound } from '@babylonjs/core/AudioV2/abstractAudio/staticSound.js';
import { SoundState } from '@babylonjs/core/AudioV2/soundState.js';
import type { KnownSound } from '../audio/index.js';
import { newestInstance, pitchRampEnd, rateRampEnd, secondsBeforePause, type SoundInstance } from './audio-bridge.js';
import { Playhead, resumeOffset, type PlaySettings } from './playhead.js';

type Position = { -readonly [K in keyof KnownSound['position']]: KnownSound['position'][K] };

/** A render quantum of WebAudio, frames. */
const QUANTUM_FRAMES = 128;

/**
 * A static sound of the game, and where it is in its buffer: through pause, seek, loops, rate and pitch. The game and
 * Babylon go on playing it. Of several playbacks at once the newest counts.
 *
 * Ask for {@link position} once a frame: between two questions one change of the rate and one of the pitch are seen, with
 * their exact time. A playback whose rate changed before the first question is taken to have always run at its last rate.
 */
export class FollowedSound implements KnownSound {
    public readonly kind = 'known';
    public readonly buffer: AudioBuffer;
    readonly #sound: StaticSound;
    readonly #playheads: WeakMap<SoundInstance, Playhead> = new WeakMap();
    readonly #position: Position = { state: 'stopped', time: 0, rate: 0 };
    readonly #settings: PlaySettings;

    public constructor(sound: StaticSound, buffer: AudioBuffer, context: AudioContext) {
        this.#sound = sound;
        this.buffer = buffer;
        this.#settings = {
            bufferSeconds: buffer.duration,
            startOffset: 0,
            duration: 0,
            isLooping: false,
            loopStart: 0,
            loopEnd: 0,
            playbackRate: 1,
            pitch: 0,
            rateRampEnd: 0,
            pitchRampEnd: 0,
            rampSeconds: 0,
            quantumSeconds: QUANTUM_FRAMES / context.sampleRate,
        };
    }

    /** Starts it, or lets it go on after a pause; does nothing while it plays. Babylon starts no sound in a suspended context. */
    public play(): void {
        const { state } = this.#sound;
        if (state !== SoundState.Started && state !== SoundState.Starting) this.#sound.play();
        // Seen at once, so that no change of rate can come before.
        void this.position;
    }

    public stop(): void {
        this.#sound.stop();
    }

    public pause(): void {
        this.#sound.pause();
    }

    public resume(): void {
        this.#sound.resume();
    }

    /** At the engine's current time. The same object each time, written anew. */
    public get position(): KnownSound['position'] {
        const instance = newestInstance(this.#sound);
        if (instance === null || instance.state === SoundState.Stopped) return this.#report('stopped', 0, 0);
        const settings = this.#readSettings(instance);
        const playhead = this.#playheads.get(instance) ?? this.#follow(instance, settings);
        if (instance.state === SoundState.Started) {
            const rate = playhead.advanceTo(this.#sound.engine.currentTime, settings);
            return this.#report('playing', playhead.time, rate);
        }
        // A seek of a paused playback is the one thing that clears what it ran before.
        if (secondsBeforePause(instance) === 0) playhead.stay(settings.startOffset);
        return this.#report('paused', playhead.time, 0);
    }

    public onEnded(callback: () => void): () => void {
        const observer = this.#sound.onEndedObservable.addOnce(callback);
        return () => {
            this.#sound.onEndedObservable.remove(observer);
        };
    }

    /** Starts to follow a playback; its own observable, cleared when it ends, tells of every start and pause in time. */
    #follow(instance: SoundInstance, settings: PlaySettings): Playhead {
        const playhead = new Playhead();
        const restart = (settings: PlaySettings): void => {
            playhead.start(instance.startTime, resumeOffset(secondsBeforePause(instance), settings), settings);
        };
        restart(settings);
        instance.onStateChangedObservable.add(() => {
            const settings = this.#readSettings(instance);
            if (instance.state === SoundState.Started) restart(settings);
            else if (instance.state === SoundState.Paused) playhead.advanceTo(this.#sound.engine.currentTime, settings);
        });
        this.#playheads.set(instance, playhead);
        return playhead;
    }

    #readSettings(instance: SoundInstance): PlaySettings {
        const [settings, sound] = [this.#settings, this.#sound];
        settings.startOffset = sound.startOffset;
        settings.duration = sound.duration;
        settings.isLooping = sound.loop;
        settings.loopStart = sound.loopStart;
        settings.loopEnd = sound.loopEnd;
        settings.playbackRate = sound.playbackRate;
        settings.pitch = sound.pitch;
        settings.rateRampEnd = rateRampEnd(instance);
        settings.pitchRampEnd = pitchRampEnd(instance);
        settings.rampSeconds = sound.engine.parameterRampDuration;
        return settings;
    }

    #report(state: Position['state'], time: number, rate: number): KnownSound['position'] {
        const position = this.#position;
        position.state = state;
        position.time = time;
        position.rate = rate;
        return position;
    }
}
