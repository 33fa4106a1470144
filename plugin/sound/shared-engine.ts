import { AudioEngineV2, LastCreatedAudioEngine } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import { PgsError } from '../core/index.js';
import { findContext } from './audio-bridge.js';

/** An audio engine while one user needs it. */
export interface EngineLease {
    readonly context: AudioContext;
    /** Whether the game made the engine; else it is the one that heads share. */
    readonly isOfGame: boolean;
    /** False once the engine was disposed or its context closed, whoever did it. */
    isLive(): boolean;
    /** @throws PgsError `AUDIO_UNAVAILABLE` - the engine could not be loaded. */
    engineAsync(): Promise<AudioEngineV2>;
    /** Gives it back; doing it again does nothing. */
    release(): void;
}

/** The engine that the heads of a page share where the game has none. Filled on first use, because importing a module does nothing. */
const kept: { shared?: SharedEngine } = {};

/**
 * The engine to play in: the game's, else one shared by all heads of the page. That one's context is opened at once, so
 * that a user's gesture counts; Babylon's engine around it is loaded when it is asked for.
 *
 * @param given - the game's choice; by default the engine that was created last.
 * @throws PgsError `AUDIO_UNAVAILABLE` - the engine is disposed or not in real time, or the page has no WebAudio.
 */
export function leaseEngine(given: AudioEngineV2 | undefined): EngineLease {
    const engine = given ?? LastCreatedAudioEngine();
    if (kept.shared?.isLive() === false) delete kept.shared;
    const isShared = kept.shared !== undefined && (engine === null || findContext(engine) === kept.shared.context);
    if (engine !== null && !isShared) return leaseOfGame(engine);
    kept.shared ??= new SharedEngine();
    return kept.shared.lease();
}

function leaseOfGame(engine: AudioEngineV2): EngineLease {
    const context = findContext(engine);
    if (context === undefined) {
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            'Voice: expected a Babylon audio engine that plays in real time, got one without an AudioContext. ' +
                'Create it with CreateAudioEngineAsync and no OfflineAudioContext.',
        );
    }
    const isLive = (): boolean => isEngineLive(engine, context);
    if (!isLive()) {
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            'Voice: expected a live Babylon audio engine, got a disposed one, or one of another copy of ' +
                '@babylonjs/core. Load the head again with a new audioEngine.',
        );
    }
    return { context, isOfGame: true, isLive, engineAsync: () => Promise.resolve(engine), release: () => undefined };
}

/** A closed context tells late; Babylon's list of engines tells at once. */
function isEngineLive(engine: AudioEngineV2, context: AudioContext): boolean {
    return AudioEngineV2.Instances.includes(engine) && context.state !== 'closed';
}

/** A context of our own, Babylon's engine around it, and how many use it. The last to leave disposes both. */
class SharedEngine {
    public readonly context: AudioContext = openContext();
    #users = 0;
    #engine: AudioEngineV2 | undefined;
    #loading: Promise<AudioEngineV2> | undefined;

    public isLive(): boolean {
        if (this.#engine !== undefined) return isEngineLive(this.#engine, this.context);
        return this.context.state !== 'closed';
    }

    public lease(): EngineLease {
        this.#users++;
        let isHeld = true;
        return {
            context: this.context,
            isOfGame: false,
            isLive: () => this.isLive(),
            engineAsync: () => this.#loadAsync(),
            release: () => {
                if (!isHeld) return;
                isHeld = false;
                this.#users--;
                this.#disposeUnused();
            },
        };
    }

    #loadAsync(): Promise<AudioEngineV2> {
        this.#loading ??= createEngineAsync(this.context).then(
            (engine) => {
                this.#engine = engine;
                this.#disposeUnused();
                return engine;
            },
            (cause: unknown) => {
                this.#loading = undefined;
                this.#disposeUnused();
                throw cause;
            },
        );
        return this.#loading;
    }

    /** An engine that is still loading is disposed when it comes. One in which the game has put sounds is the game's now. */
    #disposeUnused(): void {
        if (this.#users > 0 || (this.#loading !== undefined && this.#engine === undefined)) return;
        if (kept.shared === this) delete kept.shared;
        const engine = this.#engine;
        if (!this.isLive()) return;
        if (engine === undefined) {
            this.context.close().catch(() => undefined);
        } else if ([...engine.nodes].every((node) => node === engine.defaultMainBus)) {
            engine.dispose();
        }
    }
}

/** Loaded on demand: a page whose head never speaks carries none of it. The user's click wakes it, Babylon's button does not show. */
async function createEngineAsync(audioContext: AudioContext): Promise<AudioEngineV2> {
    try {
        const { CreateAudioEngineAsync } = await import('@babylonjs/core/AudioV2/webAudio/webAudioEngine.js');
        return await CreateAudioEngineAsync({ audioContext, disableDefaultUI: true });
    } catch (cause) {
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            `Voice: expected Babylon's audio engine to load, got ${String(cause)}. ` +
                'Serve all files of the build, or create the engine first with CreateAudioEngineAsync.',
            { cause },
        );
    }
}

function openContext(): AudioContext {
    const Context = (globalThis as { AudioContext?: typeof AudioContext }).AudioContext;
    if (Context !== undefined) return new Context({ latencyHint: 'interactive' });
    throw new PgsError(
        'AUDIO_UNAVAILABLE',
        'Voice: expected a page with WebAudio, got none. Use a browser with AudioContext, or pass an audioEngine.',
    );
}
