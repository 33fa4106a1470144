import type { AudioBus, PrimaryAudioBus } from '@babylonjs/core/AudioV2/abstractAudio/audioBus.js';
import type { AbstractSoundSource } from '@babylonjs/core/AudioV2/abstractAudio/abstractSoundSource.js';
import type { StreamingSound } from '@babylonjs/core/AudioV2/abstractAudio/streamingSound.js';
import { SoundState } from '@babylonjs/core/AudioV2/soundState.js';
import type { RoutedSound } from '../audio/index.js';

/** What can be taken out of the mix: everything that plays into a bus of the game's choice. */
export type Routable = AudioBus | AbstractSoundSource;

/**
 * Takes a sound or bus out of the game's mix, at once.
 *
 * Its volume, pan and place lie before `node`, so they act on what is heard, and on the signal that moves the lips too.
 *
 * @param node - its last WebAudio node.
 * @param onRelease - called once, after it is back in the mix.
 */
export function routeSound(routable: Routable, node: AudioNode, onRelease: () => void): RoutedSound {
    const bus = routable.outBus;
    const sound = asStreamingSound(routable);
    let isRouted = true;
    routable.outBus = null;
    return {
        kind: 'routed',
        node,
        release: () => {
            if (!isRouted) return;
            isRouted = false;
            // A bus that the game chose meanwhile stays.
            if (bus !== null && routable.outBus === null && isLive(routable)) routable.outBus = liveBus(bus);
            onRelease();
        },
        play: sound === null ? null : () => startSound(sound),
        stop: sound === null ? null : () => sound.stop(),
        onEnded: (callback) => {
            if (sound === null) return () => undefined;
            const observer = sound.onEndedObservable.addOnce(callback);
            return () => {
                sound.onEndedObservable.remove(observer);
            };
        },
    };
}

function asStreamingSound(routable: Routable): StreamingSound | null {
    return 'play' in routable ? (routable as StreamingSound) : null;
}

function startSound(sound: StreamingSound): void {
    if (sound.state !== SoundState.Started && sound.state !== SoundState.Starting) sound.play();
}

/** Whether the engine still has it: what was disposed is in no mix. */
function isLive(node: Routable | PrimaryAudioBus): boolean {
    return node.engine.nodes.has(node);
}

/** The bus where the sound went, or the default one in its stead, as Babylon does when a bus is disposed. */
function liveBus(bus: PrimaryAudioBus): PrimaryAudioBus | null {
    return isLive(bus) ? bus : bus.engine.defaultMainBus;
}
