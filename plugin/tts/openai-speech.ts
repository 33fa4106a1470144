import { type SpeechSource } from '../audio/index.js';
import { addressOf, checkSampleRate, checkStall } from './failure.js';
import { type HttpOptions, httpBytes } from './http-bytes.js';
import { speakPieces } from './pieces.js';
import { readPcm } from './raw-pcm.js';

/** The longest text that OpenAI's endpoint takes, characters. */
const MAX_CHARACTERS = 4096;

export interface OpenAiSpeechOptions extends HttpOptions {
    /** The whole address of the endpoint, `.../v1/audio/speech`; your own server's where the key must stay there. */
    readonly url: string;
    readonly model: string;
    readonly voice: string;
    /** Further fields of the request, such as `speed` or `instructions`. */
    readonly body?: Readonly<Record<string, unknown>>;
    /** Of the PCM that the service sends, Hz, default 24 000. */
    readonly sampleRate?: number;
}

/**
 * A voice behind an endpoint that speaks OpenAI's `POST /v1/audio/speech`, as many servers do: streamed 16-bit PCM, mono.
 * Says no words' times. Text that is still being written is spoken sentence by sentence.
 *
 * @throws PgsError `OPTION_VALUE` - an unreadable url, sampleRate or stallMs. The sound throws `SPEECH_SOURCE`.
 * @example
 * const voice = openAiSpeech({ url: '/api/speech', model: 'gpt-4o-mini-tts', voice: 'alloy' });
 * await head.voice.speak('Hello', voice);
 */
export function openAiSpeech(options: OpenAiSpeechOptions): SpeechSource {
    const where = `openAiSpeech (${addressOf('openAiSpeech', options.url)})`;
    const stallMs = checkStall(where, options.stallMs);
    const sampleRate = checkSampleRate(where, options.sampleRate ?? 24_000);
    const { url: target, model, voice } = options;
    const rules = { maxCharacters: MAX_CHARACTERS, keepsWholeText: true };
    return {
        open: (text, { signal }) =>
            speakPieces(where, text, rules, signal, (input) => {
                const body = JSON.stringify({ ...options.body, model, input, voice, response_format: 'pcm' });
                const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
                const call = { where, target, init, expected: 'pcm', sampleRate, options, stallMs, signal } as const;
                return readPcm(where, httpBytes(call), sampleRate);
            }),
    };
}
