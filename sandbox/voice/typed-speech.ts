import type { SpeechChunk, SpeechRequest, SpeechSource } from '../../plugin/index.js';

/** An offline voice for typed text. Nothing of it is fetched before something is said: it is large, and most visitors only look. */
export class TypedSpeech implements SpeechSource {
    private source: SpeechSource | null = null;
    private hasSpoken = false;

    /** Whether the next text starts at once, without loading. */
    public get isLoaded(): boolean {
        return this.hasSpoken;
    }

    /** Called by the voice, which by then has woken the sound within the visitor's gesture. */
    public async *open(
        text: string | AsyncIterable<string>,
        request: SpeechRequest,
    ): AsyncGenerator<SpeechChunk, void, undefined> {
        if (this.source === null) {
            const { fliteSpeech } = await import('../../plugin/tts/index.js');
            // 21 MB may be long in coming, but a server that is silent for half a minute will not send them.
            this.source ??= fliteSpeech({ stallMs: 30_000 });
        }
        for await (const chunk of this.source.open(text, request)) {
            this.hasSpoken = true;
            yield chunk;
        }
    }
}
