import type { StaticSound } from '@babylonjs/core/AudioV2/abstractAudio/staticSound.js';
import { SoundState } from '@babylonjs/core/AudioV2/soundState.js';
import type { KnownSound } from '../audio/index.js';
import {
    aroundChange,
    newestInstance,
    pitchRampEnd,
    rateRampEnd,
    secondsBeforePause,
    type SoundInstance,
} from './audio-bridge.js';
import { Playhead, resumeOffset, type PlaySettings } from './playhead.js';

type Position = { -readonly [K in keyof KnownSound['position']]: KnownSound['position'][K] };

/** A playback as it is followed; the settings are those under which it has played until now. */
interface Followed {
    readonly playhead: Playhead;
    readonly settings: PlaySettings;
}

/** A render quantum of WebAudio, frames. */
const QUANTUM_FRAMES = 128;
/** Lead of a start, s: a start "now" comes a device buffer late where the audio thread is faster, 12 ms in Chromium. */
const START_LEAD_SECONDS = 0.02;

/**
 * A static sound of the game, and where it is in its buffer: through pause, seek, loops, rate and pitch. The game and
 * Babylon go on playing it. Of several playbacks at once the newest counts.
 *
 * A playback is followed from the first question for its {@link position}; where its rate changed before, it is taken to
 * have always run at the present one. A start by the game, without a wait, may come a device buffer later than Babylon
 * says; that is seen only after the first question.
 */
export class FollowedSound implements KnownSound {
    public readonly kind = 'known';
    public readonly buffer: AudioBuffer;
    readonly #sound: StaticSound;
    readonly #quantumSeconds: number;
    readonly #followed: WeakMap<SoundInstance, Followed> = new WeakMap();
    readonly #position: Position = { state: 'stopped', time: 0, rate: 0 };

    public constructor(sound: StaticSound, buffer: AudioBuffer, context: AudioContext) {
        this.#sound = sound;
        this.#quantumSeconds = QUANTUM_FRAMES / context.sampleRate;
        this.buffer = buffer;
    }

    /** Starts it, or lets it go on after a pause; does nothing while it plays. Babylon starts no sound in a suspended context. */
    public play(): void {
        const { state } = this.#sound;
        if (state !== SoundState.Started && state !== SoundState.Starting) {
            this.#sound.play({ waitTime: START_LEAD_SECONDS });
        }
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
        this.#sound.resume({ waitTime: START_LEAD_SECONDS });
    }

    /** At the engine's current time. The same object each time, written anew. */
    public get position(): KnownSound['position'] {
        const instance = newestInstance(this.#sound);
        if (instance === null || instance.state === SoundState.Stopped) return this.#report('stopped', 0, 0);
        const { playhead, settings } = this.#followed.get(instance) ?? this.#follow(instance);
        this.#readSettings(instance, settings);
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

    /** Starts to follow a playback: every start, pause and change of it is seen when it comes, until it ends. */
    #follow(instance: SoundInstance): Followed {
        const [playhead, settings] = [new Playhead(), this.#newSettings()];
        const restart = (earliest: number): void => {
            this.#readSettings(instance, settings);
            // A node keeps the duration with which it was started.
            settings.duration = this.#sound.duration;
            const start = Math.max(instance.startTime, earliest);
            playhead.start(start, resumeOffset(secondsBeforePause(instance), settings), settings);
        };
        const advance = (): void => {
            if (instance.state === SoundState.Started) playhead.advanceTo(this.#sound.engine.currentTime, settings);
        };
        restart(0);
        // Before a change the settings are those read after the one before: they held until now.
        aroundChange(instance, advance, () => {
            this.#readSettings(instance, settings);
            advance();
        });
        instance.onStateChangedObservable.add(() => {
            // Told right before the node starts: it cannot start earlier, whatever Babylon planned.
            if (instance.state === SoundState.Started) restart(this.#sound.engine.currentTime);
            else if (instance.state === SoundState.Paused) {
                this.#readSettings(instance, settings);
                playhead.advanceTo(this.#sound.engine.currentTime, settings);
            }
        });
        const followed = { playhead, settings };
        this.#followed.set(instance, followed);
        return followed;
    }

    #newSettings(): PlaySettings {
        return {
            bufferSeconds: this.buffer.duration,
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
            quantumSeconds: this.#quantumSeconds,
        };
    }

    #readSettings(instance: SoundInstance, settings: PlaySettings): void {
        const sound = this.#sound;
        settings.startOffset = sound.startOffset;
        settings.isLooping = sound.loop;
        settings.loopStart = sound.loopStart;
        settings.loopEnd = sound.loopEnd;
        settings.playbackRate = sound.playbackRate;
        settings.pitch = sound.pitch;
        settings.rateRampEnd = rateRampEnd(instance);
        settings.pitchRampEnd = pitchRampEnd(instance);
        settings.rampSeconds = sound.engine.parameterRampDuration;
    }

    #report(state: Position['state'], time: number, rate: number): KnownSound['position'] {
        const position = this.#position;
        position.state = state;
        position.time = time;
        position.rate = rate;
        return position;
    }
}
