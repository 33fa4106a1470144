/** A piece of synthetic speech, in the order in which it is to be heard. */
export interface SpeechChunk {
    /** Mono, -1..1; absent where the chunk only tells about words. */
    readonly pcm?: Float32Array;
    /** Of `pcm`, Hz, 8000..192000; the same in all chunks of an utterance. */
    readonly sampleRate: number;
    /** Words whose times have become known; each word once. */
    readonly words?: readonly SpokenWord[];
}

/** When a word is heard. */
export interface SpokenWord {
    readonly text: string;
    /** From the start of the utterance, s. */
    readonly start: number;
    /** s. */
    readonly duration: number;
}

export interface SpeechRequest {
    /** Aborted when the speech is stopped, interrupted or replaced: end the request at once and throw or return, as you like. */
    readonly signal: AbortSignal;
}

/**
 * Anything that turns text into sound piece by piece: a speech service, a voice of your own.
 *
 * @example
 * const beeps: SpeechSource = { async *open(text) { yield { pcm: beep(), sampleRate: 24000 }; } };
 * await head.voice.speak('Hello', beeps);
 */
export interface SpeechSource {
    /**
     * @param text - a whole text, or one that is still being written (by a language model, say): pieces of any length.
     * @returns the sound as it comes. Failures are thrown, as `PgsError` `SPEECH_SOURCE` where it is the service's.
     */
    open(text: string | AsyncIterable<string>, request: SpeechRequest): AsyncIterable<SpeechChunk>;
}
