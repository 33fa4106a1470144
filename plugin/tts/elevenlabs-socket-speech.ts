import { PgsError } from '../core/index.js';
import { type SpeechChunk, type SpeechSource } from '../audio/index.js';
import { askKey } from './ask-key.js';
import { type AlignmentNames, assertWholeSamples, chunkOf } from './elevenlabs-message.js';
import { addressOf, checkSampleRate, checkStall, queryOf, quoted, secretsIn, speechFault } from './failure.js';
import { parseObject } from './json-lines.js';
import { pcmReader } from './pcm.js';
import { isSpeakable } from './sentences.js';
import { SocketFeed, type SpeechSocketClass } from './socket-feed.js';
import { until } from './within.js';
import { WordBuilder } from './word-builder.js';

/** What opens a socket with your key. */
export interface SocketAuthorization {
    /** A whole address to use instead, such as a signed one. */
    readonly url?: string;
    /** Fields of the first message, such as `xi_api_key`. */
    readonly message?: Readonly<Record<string, unknown>>;
}

export interface ElevenLabsSocketOptions {
    /** Id of the voice. */
    readonly voice: string;
    /** Id of the model; absent leaves the choice to the service. */
    readonly model?: string;
    /** What stands before `/v1/text-to-speech`, default `wss://api.elevenlabs.io`; your own server's where the key must stay there. */
    readonly url?: string;
    /** Further fields of the address, such as `inactivity_timeout`. */
    readonly query?: Readonly<Record<string, string>>;
    /** Further fields of the first message, such as `voice_settings` or `generation_config`. */
    readonly message?: Readonly<Record<string, unknown>>;
    /** Asked for before every utterance and not kept. */
    readonly authorize?: () => SocketAuthorization | Promise<SocketAuthorization>;
    /** Default the platform's `WebSocket`. */
    readonly WebSocket?: SpeechSocketClass;
    /** One that the service has as `pcm_<rate>`, Hz, default 24 000. */
    readonly sampleRate?: number;
    /** Longest wait for the connection, and for the next sound once the whole text is sent, ms, default 10 000. */
    readonly stallMs?: number;
}

interface SocketMessage {
    readonly audio?: unknown;
    readonly alignment?: unknown;
    readonly normalizedAlignment?: unknown;
    readonly isFinal?: unknown;
    readonly error?: unknown;
    readonly message?: unknown;
}

/** Text of one message that has no white space to cut at, characters (chosen). */
const MAX_UNSPACED = 200;
/** Times count from the start of the message's own sound. */
const NAMES: AlignmentNames = {
    characters: 'chars',
    starts: 'charStartTimesMs',
    lengths: 'charDurationsMs',
    unit: 0.001,
    holdsEnds: false,
};

/**
 * A voice behind ElevenLabs' WebSocket `/v1/text-to-speech/{voice}/stream-input`: text goes in word by word while it is
 * being written, sound and the times of its words come out meanwhile. The connection opens with the first word.
 *
 * @throws PgsError `OPTION_VALUE` - an unreadable url, sampleRate or stallMs, no WebSocket. The sound throws
 * `SPEECH_SOURCE`.
 * @example
 * const voice = elevenLabsSocketSpeech({ voice: 'JBFqnCBsd6RMkjVDRZzb', authorize: () => fetchSignedUrl() });
 * await head.voice.speak(wordsOfALanguageModel(), voice);
 */
export function elevenLabsSocketSpeech(options: ElevenLabsSocketOptions): SpeechSource {
    const source = 'elevenLabsSocketSpeech';
    checkSampleRate(source, options.sampleRate ?? 24_000);
    checkStall(source, options.stallMs);
    addressOf(source, addressFor(options));
    if ((options.WebSocket ?? globalThis.WebSocket) === undefined) {
        throw new PgsError('OPTION_VALUE', `${source}: expected a WebSocket class, got none. Give one as WebSocket.`);
    }
    return {
        async *open(text, { signal }) {
            try {
                yield* converse(source, options, text, signal);
            } catch (error) {
                if (!signal.aborted) throw error;
            }
        },
    };
}

async function* converse(
    source: string,
    options: ElevenLabsSocketOptions,
    text: string | AsyncIterable<string>,
    signal: AbortSignal,
): AsyncGenerator<SpeechChunk, void, undefined> {
    const groups = wordGroupsOf(text, signal);
    try {
        const first = await groups.next();
        if (first.done === true) return;
        const stallMs = checkStall(source, options.stallMs);
        const { authorize = (): SocketAuthorization => ({}) } = options;
        const key = await askKey(source, authorize, stallMs, signal);
        const url = key.url ?? addressFor(options);
        const where = `${source} (${addressOf(source, url)})`;
        const secrets = secretsIn([...queryOf(url), ...Object.values(key.message ?? {}).map(String)]);
        const Socket = options.WebSocket ?? globalThis.WebSocket;
        const feed = new SocketFeed(Socket, url, { where, secrets, stallMs, signal });
        try {
            await feed.opened();
            feed.send({ text: ' ', ...options.message, ...key.message });
            sendText(feed, first.value, groups).catch((error) => feed.fail(error));
            yield* readMessages(where, secrets, feed, options.sampleRate ?? 24_000);
        } finally {
            feed.close();
        }
    } finally {
        groups.return().catch(() => undefined);
    }
}

async function sendText(feed: SocketFeed, first: string, groups: AsyncIterable<string>): Promise<void> {
    feed.send({ text: first });
    for await (const group of groups) feed.send({ text: group });
    feed.send({ text: '' });
    feed.owe(true);
}

async function* readMessages(
    where: string,
    secrets: readonly string[],
    feed: SocketFeed,
    sampleRate: number,
): AsyncGenerator<SpeechChunk, void, undefined> {
    const reader = pcmReader({ encoding: 's16', channels: 1 });
    const builder = new WordBuilder();
    let heard = 0;
    for (let isFinal = false; !isFinal;) {
        const message = parseObject(where, await feed.next()) as SocketMessage;
        if (message.error !== undefined && message.error !== null) {
            const words = quoted(`${String(message.error)}: ${String(message.message ?? '')}`, secrets);
            throw speechFault(where, 'sound', `an error${words}`, 'Check the voice, the model and the account.');
        }
        const { audio, alignment, normalizedAlignment } = message;
        const sound = { audio, alignment: alignment ?? normalizedAlignment, offset: heard / sampleRate };
        const chunk = chunkOf(where, sound, NAMES, reader, builder, sampleRate);
        heard += chunk?.pcm?.length ?? 0;
        if (chunk !== null) yield chunk;
        isFinal = message.isFinal === true;
    }
    assertWholeSamples(where, reader);
    if (heard === 0) throw speechFault(where, 'sound', 'an empty answer', 'Check the voice, the model and the format.');
    const words = builder.finish();
    if (words.length > 0) yield { sampleRate, words };
}

/** Text cut after white space, so that no word is torn; each group ends with a space, as the service asks for. */
async function* wordGroupsOf(
    text: string | AsyncIterable<string>,
    signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
    let rest = '';
    if (typeof text === 'string') {
        rest = text;
    } else {
        for await (const part of until(text, signal)) {
            rest += part;
            const end = rest.length > MAX_UNSPACED ? rest.length : rest.search(/\s\S*$/) + 1;
            const group = rest.slice(0, end).trimEnd();
            // A lone dash waits for its word, endless dots do not.
            if (!isSpeakable(group) && end <= MAX_UNSPACED) continue;
            rest = rest.slice(end);
            if (isSpeakable(group)) yield `${group} `;
        }
    }
    if (isSpeakable(rest)) yield `${rest.trimEnd()} `;
}

function addressFor({ url, voice, model, query, sampleRate }: ElevenLabsSocketOptions): string {
    const base = (url ?? 'wss://api.elevenlabs.io').replace(/\/+$/, '');
    const fields = new URLSearchParams({
        ...(model === undefined ? {} : { model_id: model }),
        output_format: `pcm_${sampleRate ?? 24_000}`,
        // Words then come with their sound, never ahead of it.
        sync_alignment: 'true',
        ...query,
    });
    return `${base}/v1/text-to-speech/${encodeURIComponent(voice)}/stream-input?${fields.toString()}`;
}
