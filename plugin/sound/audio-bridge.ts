import type { AbstractAudioNode } from '@babylonjs/core/AudioV2/abstractAudio/abstractAudioNode.js';
import type { AudioEngineV2 } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import type { StaticSound } from '@babylonjs/core/AudioV2/abstractAudio/staticSound.js';
import type { StaticSoundBuffer } from '@babylonjs/core/AudioV2/abstractAudio/staticSoundBuffer.js';
import type { SoundState } from '@babylonjs/core/AudioV2/soundState.js';
import type { Observable } from '@babylonjs/core/Misc/observable.js';

/*
 * The one file that reaches into the internals of Babylon's audio engine. Every reach is tested for before use, and
 * tests/sound/audio-bridge.browser.ts fails when Babylon changes it.
 */

interface EngineInternals {
    readonly _audioContext?: BaseAudioContext;
}

interface NodeInternals {
    readonly _outNode?: AudioNode | null;
}

interface BufferInternals {
    readonly _audioBuffer?: AudioBuffer;
}

interface SoundInternals {
    _getNewestInstance?(): SoundInstance | null;
}

interface InstanceInternals {
    readonly _enginePauseTime?: number;
    readonly _playbackRate?: ParameterInternals | null;
    readonly _pitch?: ParameterInternals | null;
}

interface ParameterInternals {
    readonly _rampEndTime?: number;
}

/** What of a playback can change while it plays, and is set through its own setters. */
const CHANGING = ['loop', 'loopStart', 'loopEnd', 'playbackRate', 'pitch'] as const;

/** One playback of a sound. Babylon keeps the class to itself; these members of it carry no underscore. */
export interface SoundInstance {
    readonly state: SoundState;
    /** Context time of the last start, s; in the future where a start is awaited. */
    readonly startTime: number;
    readonly onStateChangedObservable: Observable<unknown>;
}

/** The context in which an engine plays in real time; undefined where it has none, as when it renders offline. */
export function findContext(engine: AudioEngineV2): AudioContext | undefined {
    const context = (engine as unknown as EngineInternals)._audioContext as AudioContext | undefined;
    return typeof context?.getOutputTimestamp === 'function' ? context : undefined;
}

/** The last WebAudio node of a sound or bus, behind its volume, pan and place; undefined where Babylon shows none. */
export function findOutNode(node: AbstractAudioNode): AudioNode | undefined {
    return (node as unknown as NodeInternals)._outNode ?? undefined;
}

/** The samples of a sound's buffer; undefined where none of its addresses could be loaded. */
export function findAudioBuffer(buffer: StaticSoundBuffer | undefined): AudioBuffer | undefined {
    return (buffer as BufferInternals | undefined)?._audioBuffer;
}

/** Whether {@link newestInstance} can tell. */
export function showsInstances(sound: StaticSound): boolean {
    return typeof (sound as unknown as SoundInternals)._getNewestInstance === 'function';
}

/** The playback that was started last and still goes on, or waits paused; null where there is none. */
export function newestInstance(sound: StaticSound): SoundInstance | null {
    return (sound as unknown as SoundInternals)._getNewestInstance?.() ?? null;
}

/** Seconds of engine time that a playback had run when it was last paused, summed over its pauses; a seek makes it 0. */
export function secondsBeforePause(instance: SoundInstance): number {
    return (instance as InstanceInternals)._enginePauseTime ?? 0;
}

/** Context time at which the last change of a playback's rate is complete, s; 0 where it never changed. */
export function rateRampEnd(instance: SoundInstance): number {
    return (instance as InstanceInternals)._playbackRate?._rampEndTime ?? 0;
}

/** As {@link rateRampEnd}, of its pitch. */
export function pitchRampEnd(instance: SoundInstance): number {
    return (instance as InstanceInternals)._pitch?._rampEndTime ?? 0;
}

/**
 * Calls back before and after a playback's loop, rate or pitch changes, for Babylon tells nobody. The setters are covered on this one
 * playback, and go with it.
 *
 * @returns how many of the five setters were there to cover.
 */
export function aroundChange(instance: SoundInstance, before: () => void, after: () => void): number {
    return CHANGING.filter((name) => {
        const setter = findSetter(instance, name);
        if (setter === undefined) return false;
        const set = (value: unknown): void => {
            before();
            setter.call(instance, value);
            after();
        };
        return Reflect.defineProperty(instance, name, { configurable: true, set });
    }).length;
}

function findSetter(object: object, name: string): ((value: unknown) => void) | undefined {
    for (let holder: object | null = object; holder !== null; holder = Reflect.getPrototypeOf(holder)) {
        const property = Reflect.getOwnPropertyDescriptor(holder, name);
        if (property !== undefined) return property.set;
    }
    return undefined;
}
