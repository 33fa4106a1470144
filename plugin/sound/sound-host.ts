import type { AbstractSoundSource } from '@babylonjs/core/AudioV2/abstractAudio/abstractSoundSource.js';
import type { AudioEngineV2 } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import type { TransformNode } from '@babylonjs/core/Meshes/transformNode.js';
import type { GameSound, RoutedSound, SoundHost } from '../audio/index.js';
import { PgsError } from '../core/index.js';
import { hearFromCamera } from './camera-listener.js';
import { assertPlayable, followSound, identifySound, notASound, requireOutNode } from './resolve-sound.js';
import { routeSound, type Routable } from './routed-sound.js';
import { leaseEngine, type EngineLease } from './shared-engine.js';

/** How a head is heard. */
export interface SoundHostOptions {
    /** Name of the sound source that Babylon makes. */
    readonly name: string;
    /** The head: sound comes from the middle of its bounds, and ends with it. */
    readonly mesh: TransformNode;
    /** Default: the engine that was created last when sound is first needed; without any, one that all heads share. */
    readonly audioEngine?: AudioEngineV2 | undefined;
    /**
     * Whether sound comes from the head's place and follows it. Default false. The game's listener is the game's to place;
     * in the engine that heads share it sits on the active camera.
     */
    readonly spatial?: boolean | undefined;
}

/** The voice's way into the game's mix. */
export interface OutputConnection {
    /** Takes the voice out of the mix. Doing it again does nothing. */
    dispose(): void;
    /**
     * Resolves when the voice can be heard; sound that comes earlier is not heard, nor kept.
     *
     * @throws PgsError `AUDIO_UNAVAILABLE` - the engine could not be loaded, or was disposed meanwhile.
     * @throws PgsError `DISPOSED`
     */
    whenConnectedAsync(): Promise<void>;
}

/** What the host holds of an engine from the moment sound is needed. */
interface Mix {
    readonly lease: EngineLease;
    /** Babylon's sound source wraps a node and cuts all its connections at will, so it gets one that nobody else has. */
    readonly seam: GainNode;
    /**
     * Silence that always flows into the seam. Chromium 150 loses ramps of nodes that nothing flows into: a volume or bus that the game
     * sets while the head says nothing would never be heard of again.
     */
    readonly breath: ConstantSourceNode;
    connecting: Promise<AbstractSoundSource> | undefined;
    source: AbstractSoundSource | undefined;
    stopListening: () => void;
}

/**
 * A voice's place in Babylon's audio engine: its output is a sound source of the game's mix, and the game's sounds can
 * move its lips.
 *
 * Does nothing until sound is needed. Owns the sound source, its share of an engine that it had to make, and nothing of
 * the game's. When the game disposes the engine, the next use starts anew with the engine there is then.
 */
export class BabylonSoundHost implements SoundHost {
    readonly #options: SoundHostOptions;
    readonly #routed: Map<Routable, RoutedSound> = new Map();
    readonly #onMeshDisposed = (): void => this.dispose();
    #mix: Mix | undefined;
    #isDisposed = false;

    public constructor(options: SoundHostOptions) {
        this.#options = options;
        options.mesh.onDisposeObservable.addOnce(this.#onMeshDisposed);
    }

    /**
     * The context in which the game plays. Synchronous, for a browser wakes a context only within a user's gesture.
     *
     * @throws PgsError `AUDIO_UNAVAILABLE` - the engine is disposed or offline, or the page has no WebAudio.
     * @throws PgsError `DISPOSED`
     */
    public openContext(): AudioContext {
        return this.#openMix(undefined).lease.context;
    }

    /**
     * Routes a node of {@link openContext}'s context into the mix, which takes some ms: see
     * {@link OutputConnection.whenConnectedAsync}. It is never heard twice, nor past the game's volume.
     *
     * @throws PgsError - as {@link openContext}.
     */
    public connectOutput(output: AudioNode): OutputConnection {
        const mix = this.#openMix(undefined);
        output.connect(mix.seam);
        // Whoever waits for it learns of a failure.
        this.#connectAsync(mix).catch(() => undefined);
        let isConnected = true;
        return {
            dispose: () => {
                if (!isConnected) return;
                isConnected = false;
                disconnect(output, mix.seam);
            },
            whenConnectedAsync: async () => {
                await this.#connectAsync(mix);
            },
        };
    }

    /**
     * The head's sound source, for its volume, bus, pan and place. Made here if need be: then it also opens the context.
     *
     * Good until the engine is disposed; ask again then. `spatial` of the source works where the option of the host is on.
     *
     * @throws PgsError - as {@link openContext} and {@link OutputConnection.whenConnectedAsync}.
     */
    public async sourceAsync(): Promise<AbstractSoundSource> {
        return this.#connectAsync(this.#openMix(undefined));
    }

    /**
     * A `StaticSound` is followed; a `StreamingSound`, a sound source and an `AudioBus` are taken out of the mix at once,
     * until released. Of a sound that is routed already the earlier route is released first. Before sound is first needed
     * the host joins the engine of the sound.
     *
     * @returns null where `sound` is nothing of Babylon's audio engine.
     * @throws PgsError `OPTION_VALUE` - it is a main bus or a buffer, disposed, empty, of another engine, or the voice is heard through it.
     * @throws PgsError - as {@link openContext}.
     */
    public resolveSound(sound: unknown): GameSound | null {
        const known = identifySound(sound);
        if (known === null) return null;
        if (known.kind === 'other') throw notASound(known.sound);
        const mix = this.#openMix(known.sound.engine);
        assertPlayable(known, mix.lease.context);
        if (known.kind === 'static') return followSound(known.sound, mix.lease.context);
        const node = requireOutNode(known.sound, mix.source);
        this.#routed.get(known.sound)?.release();
        const routed = routeSound(known.sound, node, () => this.#routed.delete(known.sound));
        this.#routed.set(known.sound, routed);
        return routed;
    }

    /** Gives the game's sounds back to its mix and frees the source, and an engine that only heads used. Twice is fine. */
    public dispose(): void {
        if (this.#isDisposed) return;
        this.#isDisposed = true;
        this.#options.mesh.onDisposeObservable.removeCallback(this.#onMeshDisposed);
        for (const routed of [...this.#routed.values()]) routed.release();
        this.#closeMix();
    }

    /** @param engineOfSound - to join where sound was not needed before and no engine was given. */
    #openMix(engineOfSound: AudioEngineV2 | undefined): Mix {
        if (this.#isDisposed) throw disposedError();
        if (this.#mix?.lease.isLive() === false) this.#closeMix();
        if (this.#mix !== undefined) return this.#mix;
        const lease = leaseEngine(this.#options.audioEngine ?? engineOfSound);
        const seam = lease.context.createGain();
        const breath = new ConstantSourceNode(lease.context, { offset: 0 });
        breath.connect(seam);
        breath.start();
        this.#mix = { lease, seam, breath, connecting: undefined, source: undefined, stopListening: () => undefined };
        return this.#mix;
    }

    /** One attempt for all who wait; after a failure the next to ask tries again. */
    #connectAsync(mix: Mix): Promise<AbstractSoundSource> {
        mix.connecting ??= this.#createSourceAsync(mix).catch((cause: unknown) => {
            mix.connecting = undefined;
            throw cause;
        });
        return mix.connecting;
    }

    async #createSourceAsync(mix: Mix): Promise<AbstractSoundSource> {
        const { name, mesh, spatial = false } = this.#options;
        this.#assertInUse(mix);
        const engine = await mix.lease.engineAsync();
        this.#assertInUse(mix);
        const source = await engine.createSoundSourceAsync(name, mix.seam, { spatialEnabled: spatial });
        if (this.#mix !== mix) source.dispose();
        this.#assertInUse(mix);
        mix.source = source;
        if (spatial) {
            source.spatial.attach(mesh, true);
            if (!mix.lease.isOfGame) mix.stopListening = hearFromCamera(engine, mesh.getScene());
        }
        return source;
    }

    #assertInUse(mix: Mix): void {
        if (this.#isDisposed) throw disposedError();
        if (this.#mix === mix && mix.lease.isLive()) return;
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            'Voice: expected its audio engine to stay, got one that was disposed. Speak again with the new engine.',
        );
    }

    #closeMix(): void {
        const mix = this.#mix;
        if (mix === undefined) return;
        this.#mix = undefined;
        mix.stopListening();
        // A disposed engine has disposed its sounds.
        if (mix.lease.isLive()) mix.source?.dispose();
        mix.breath.stop();
        mix.breath.disconnect();
        mix.seam.disconnect();
        mix.lease.release();
    }
}

/** The voice may have cut its node's connections itself; WebAudio throws on what is not connected. */
function disconnect(output: AudioNode, seam: AudioNode): void {
    try {
        output.disconnect(seam);
    } catch (error) {
        if (!(error instanceof DOMException)) throw error;
    }
}

function disposedError(): PgsError {
    return new PgsError('DISPOSED', 'Voice: expected a live head, got a disposed one. Load the head again.');
}
