import type { AbstractNamedAudioNode } from '@babylonjs/core/AudioV2/abstractAudio/abstractAudioNode.js';
import type { PrimaryAudioBus } from '@babylonjs/core/AudioV2/abstractAudio/audioBus.js';
import type { AbstractSoundSource } from '@babylonjs/core/AudioV2/abstractAudio/abstractSoundSource.js';
import type { StaticSound } from '@babylonjs/core/AudioV2/abstractAudio/staticSound.js';
import type { KnownSound } from '../audio/index.js';
import { PgsError } from '../core/index.js';
import { findAudioBuffer, findContext, findOutNode, showsInstances } from './audio-bridge.js';
import { FollowedSound } from './followed-sound.js';
import type { Routable } from './routed-sound.js';

/** A sound or bus of Babylon's audio engine, told apart by its members: naming its classes would load the engine. */
export type BabylonSound =
    | { readonly kind: 'static'; readonly sound: StaticSound }
    | { readonly kind: 'routable'; readonly sound: Routable }
    | { readonly kind: 'other'; readonly sound: AbstractNamedAudioNode };

/** What of Babylon's audio engine a value is; null where it is nothing of it. */
export function identifySound(value: unknown): BabylonSound | null {
    if (typeof value !== 'object' || value === null || !('engine' in value)) return null;
    const { engine } = value;
    if (typeof engine !== 'object' || engine === null || !('createSoundSourceAsync' in engine)) return null;
    if ('buffer' in value && 'playbackRate' in value) return { kind: 'static', sound: value as StaticSound };
    if ('outBus' in value) return { kind: 'routable', sound: value as Routable };
    return { kind: 'other', sound: value as AbstractNamedAudioNode };
}

/**
 * A static sound whose position can be followed.
 *
 * @throws PgsError `OPTION_VALUE` - its buffer holds no samples.
 * @throws PgsError `AUDIO_UNAVAILABLE` - Babylon no longer shows what plays.
 */
export function followSound(sound: StaticSound, context: AudioContext): KnownSound {
    const buffer = findAudioBuffer(sound.buffer);
    if (buffer === undefined) {
        throw unusable(sound, 'a sound whose buffer holds samples', 'none', 'See whether its file could be loaded.');
    }
    if (showsInstances(sound)) return new FollowedSound(sound, buffer, context);
    throw bridgeBroken('the playbacks of a static sound');
}

/**
 * The last WebAudio node of what is to be routed.
 *
 * @param own - the voice's own sound source, where there is one: what is heard of a routed sound goes through it.
 * @throws PgsError `OPTION_VALUE` - the voice is heard through it, so that it would hear itself.
 * @throws PgsError `AUDIO_UNAVAILABLE` - Babylon no longer shows the node.
 */
export function requireOutNode(sound: Routable, own: AbstractSoundSource | undefined): AudioNode {
    for (let node: unknown = own; typeof node === 'object' && node !== null;) {
        if (node === sound) {
            const cure = "Give the head's sound source another outBus, or attach a bus that it does not play into.";
            throw unusable(sound, 'a sound or bus through which the voice is not heard', 'one that carries it', cure);
        }
        node = (node as { readonly outBus?: PrimaryAudioBus | null }).outBus;
    }
    const node = findOutNode(sound);
    if (node !== undefined) return node;
    throw bridgeBroken('the output of a sound or bus');
}

/**
 * @throws PgsError `OPTION_VALUE` - it is disposed, or plays in another context than the voice.
 */
export function assertPlayable({ sound }: BabylonSound, context: AudioContext): void {
    if (findContext(sound.engine) !== context) {
        const cure = "Create the sound with the head's audioEngine, or load the head with the sound's.";
        throw unusable(sound, "a sound of the voice's audio engine", 'one of another', cure);
    }
    if (!sound.engine.nodes.has(sound)) {
        throw unusable(sound, 'a live sound or bus', 'a disposed one', 'Create it again.');
    }
}

/** The error for what belongs to the audio engine and is neither sound nor bus with a way out: a main bus, a buffer. */
export function notASound(sound: AbstractNamedAudioNode): PgsError {
    const cure = 'Attach a bus of CreateAudioBusAsync that speech plays into; to play a buffer, make a sound of it.';
    return unusable(sound, 'a sound, a sound source or a bus that plays into another', 'a main bus or a buffer', cure);
}

function unusable(sound: AbstractNamedAudioNode, expected: string, got: string, cure: string): PgsError {
    return new PgsError('OPTION_VALUE', `Voice: expected ${expected}, got ${got} ("${sound.name}"). ${cure}`);
}

function bridgeBroken(what: string): PgsError {
    return new PgsError(
        'AUDIO_UNAVAILABLE',
        `Voice: expected @babylonjs/core to show ${what}, got a version that does not. ` +
            'Use the version that this package names as its peer, or play the AudioBuffer itself.',
    );
}
