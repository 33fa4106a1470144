import { type SpeechChunk, type SpeechSource } from '../audio/index.js';
import { type AlignmentNames, assertWholeSamples, chunkOf } from './elevenlabs-message.js';
import { addressOf, checkSampleRate, checkStall } from './failure.js';
import { type HttpOptions, httpBytes } from './http-bytes.js';
import { jsonLines } from './json-lines.js';
import { pcmReader } from './pcm.js';
import { speakPieces } from './pieces.js';
import { WordBuilder } from './word-builder.js';

export interface ElevenLabsSpeechOptions extends HttpOptions {
    /** Id of the voice. */
    readonly voice: string;
    /** Id of the model; absent leaves the choice to the service. */
    readonly model?: string;
    /** What stands before `/v1/text-to-speech`, default `https://api.elevenlabs.io`; your own server's where the key must stay there. */
    readonly url?: string;
    /** Further fields of the request, such as `voice_settings`. */
    readonly body?: Readonly<Record<string, unknown>>;
    /** One that the service has as `pcm_<rate>`, Hz, default 24 000. */
    readonly sampleRate?: number;
}

interface TimedLine {
    readonly audio_base64?: unknown;
    readonly alignment?: unknown;
    readonly normalized_alignment?: unknown;
}

/** The least of the models' limits, characters. */
const MAX_CHARACTERS = 5000;
/** Times count from the start of the answer. */
const NAMES: AlignmentNames = {
    characters: 'characters',
    starts: 'character_start_times_seconds',
    lengths: 'character_end_times_seconds',
    unit: 1,
    holdsEnds: true,
};

/**
 * A voice behind ElevenLabs' `POST /v1/text-to-speech/{voice}/stream/with-timestamps`: streamed sound and the times of its
 * words. Text that is still being written is spoken sentence by sentence; {@link elevenLabsSocketSpeech} joins them better.
 *
 * @throws PgsError `OPTION_VALUE` - an unreadable url, sampleRate or stallMs. The sound throws `SPEECH_SOURCE`.
 * @example
 * const voice = elevenLabsSpeech({ url: '/api/elevenlabs', voice: 'JBFqnCBsd6RMkjVDRZzb' });
 * await head.voice.speak('Hello', voice);
 */
export function elevenLabsSpeech(options: ElevenLabsSpeechOptions): SpeechSource {
    const sampleRate = checkSampleRate('elevenLabsSpeech', options.sampleRate ?? 24_000);
    const base = (options.url ?? 'https://api.elevenlabs.io').replace(/\/+$/, '');
    const path = `/v1/text-to-speech/${encodeURIComponent(options.voice)}/stream/with-timestamps`;
    const target = `${base}${path}?output_format=pcm_${sampleRate}`;
    const where = `elevenLabsSpeech (${addressOf('elevenLabsSpeech', target)})`;
    const stallMs = checkStall(where, options.stallMs);
    const model = options.model === undefined ? {} : { model_id: options.model };
    const rules = { maxCharacters: MAX_CHARACTERS, keepsWholeText: true };
    return {
        open: (text, { signal }) =>
            speakPieces(where, text, rules, signal, (piece) => {
                const body = JSON.stringify({ ...options.body, ...model, text: piece });
                const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
                const call = { where, target, init, expected: 'json', options, stallMs, signal } as const;
                return readTimedLines(where, httpBytes(call), sampleRate);
            }),
    };
}

async function* readTimedLines(
    where: string,
    bytes: AsyncIterable<Uint8Array>,
    sampleRate: number,
): AsyncGenerator<SpeechChunk, void, undefined> {
    const reader = pcmReader({ encoding: 's16', channels: 1 });
    const builder = new WordBuilder();
    for await (const line of jsonLines(where, bytes)) {
        const { audio_base64: audio, alignment, normalized_alignment: normalized } = line as TimedLine;
        const message = { audio, alignment: alignment ?? normalized, offset: 0 };
        const chunk = chunkOf(where, message, NAMES, reader, builder, sampleRate);
        if (chunk !== null) yield chunk;
    }
    assertWholeSamples(where, reader);
    const words = builder.finish();
    if (words.length > 0) yield { sampleRate, words };
}
