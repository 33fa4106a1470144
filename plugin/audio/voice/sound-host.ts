/**
 * What a voice asks of the game's audio engine. The plugin implements it for Babylon's AudioV2; without one a voice makes
 * a context of its own and plays straight to the loudspeakers.
 */
export interface SoundHost {
    /** The context in which the game plays; called when sound is first needed, from the user's gesture. */
    openContext(): AudioContext;
    /** Routes the voice's last node into the game's mix; called once. */
    connectOutput(output: AudioNode): OutputConnection;
    /** Understands a sound or bus of the engine; null where `sound` is none of them. @throws PgsError `OPTION_VALUE` - it is one, and cannot be used. */
    resolveSound(sound: unknown): GameSound | null;
}

/** The voice's place in the game's mix. */
export interface OutputConnection {
    /** Resolves when the voice can be heard; a rejection is a `PgsError`. */
    whenConnectedAsync(): Promise<void>;
    /** Takes the voice out of the mix. */
    dispose(): void;
}

/** A sound of the game's own engine, in one of two shapes. */
export type GameSound = KnownSound | RoutedSound;

/** A sound whose samples are known: the engine goes on playing it, and the lips follow its position. */
export interface KnownSound {
    readonly kind: 'known';
    readonly buffer: AudioBuffer;
    /** Starts it where it does not play yet. */
    play(): void;
    stop(): void;
    pause(): void;
    resume(): void;
    /** What is rendered (not: heard) at this moment. */
    readonly position: {
        readonly state: 'stopped' | 'playing' | 'paused';
        /** Place in the buffer, s; loops are already taken out. */
        readonly time: number;
        /** Seconds of the buffer a second. */
        readonly rate: number;
    };
    /** Calls back once when it ends by itself or is stopped by the game. @returns what takes the callback away. */
    onEnded(callback: () => void): () => void;
}

/** A sound or bus whose samples are not known beforehand: its signal is taken from the engine and comes back delayed. */
export interface RoutedSound {
    readonly kind: 'routed';
    /** Carries the signal; taken out of the game's mix until {@link release}. */
    readonly node: AudioNode;
    /** Gives the signal back to where it went before. */
    release(): void;
    /** Starts it, where it is a sound that can be started; null for a bus. */
    readonly play: (() => void) | null;
    readonly stop: (() => void) | null;
    /** As in {@link KnownSound}; never called for a bus. */
    onEnded(callback: () => void): () => void;
}
