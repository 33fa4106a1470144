import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PgsError } from '../../plugin/core/index.js';
import { elevenLabsSocketSpeech, type ElevenLabsSocketOptions } from '../../plugin/tts/index.js';
import { fakeSocketService, type FakeSocketService, type SocketManner } from './fake-speech-socket.js';
import { listen, rounded, scriptOf, spoken } from './script.js';

const KEY = 'sk-0123456789-very-secret';
const RATE = 8000;
const TEXT = 'Hello you, map.';

let service: FakeSocketService;
beforeEach(() => {
    service = fakeSocketService(RATE);
});
afterEach(() => expect(service.open).toBe(0));

const signal = (): AbortSignal => new AbortController().signal;
const make = (options?: Partial<ElevenLabsSocketOptions>): ReturnType<typeof elevenLabsSocketSpeech> =>
    elevenLabsSocketSpeech({
        voice: 'v/1',
        model: 'm',
        url: 'wss://fake.test/',
        sampleRate: RATE,
        WebSocket: service.Socket,
        authorize: () => ({ message: { xi_api_key: KEY } }),
        stallMs: 8000,
        ...options,
    });

/** The fake says each character by itself. */
const samplesOf = (text: string): number[] => spoken([...text], RATE).samples;

async function* written(parts: readonly string[], ms = 0): AsyncGenerator<string> {
    for (const part of parts) {
        yield part;
        await new Promise((resolve) => setTimeout(resolve, ms));
    }
}

async function failureOf(
    source: ReturnType<typeof make>,
    text: string | AsyncIterable<string> = TEXT,
): Promise<PgsError> {
    const error: unknown = await listen(source.open(text, { signal: signal() })).then(
        () => expect.unreachable('the speech should fail'),
        (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(PgsError);
    const failure = error as PgsError;
    expect(failure.code).toBe('SPEECH_SOURCE');
    expect(failure.message).toMatch(/^\S.*: expected [^,]+.*, got .+\. .+\.$/);
    expect(`${failure.message} ${String(failure.cause)}`).not.toContain(KEY);
    return failure;
}

describe('elevenLabsSocketSpeech', () => {
    it.for(['whole', 'torn'] as const)('gives the very samples and words when the answer comes %s', async (manner) => {
        service.manner = manner;
        const heard = await listen(make().open(TEXT, { signal: signal() }));
        expect(heard.samples).toEqual(samplesOf(`${TEXT} `));
        expect(heard.rate).toBe(RATE);
        expect(rounded(heard.words)).toEqual(rounded(scriptOf(TEXT, RATE).words));
    });

    it('opens as the service asks and sends the text in whole words while it is written', async () => {
        const heard = await listen(
            make().open(written(['Hel', 'lo yo', 'u, ', '— ', 'map', '.']), { signal: signal() }),
        );
        expect(service.urls).toEqual([
            'wss://fake.test/v1/text-to-speech/v%2F1/stream-input' +
                '?model_id=m&output_format=pcm_8000&sync_alignment=true',
        ]);
        expect(service.got).toEqual([
            { text: ' ', xi_api_key: KEY },
            { text: 'Hello ' },
            { text: 'you, ' },
            { text: '— map. ' },
            { text: '' },
        ]);
        expect(rounded(heard.words)).toEqual(rounded(scriptOf('Hello you, — map.', RATE).words));
    });

    it('is heard while the text is still being written, however slowly', async () => {
        const chunks = make().open(written(['Hello ', 'you ', 'map'], 100), { signal: signal() });
        const gotAt: number[] = [];
        for await (const { pcm } of chunks) if (pcm !== undefined) gotAt.push(service.got.length);
        // The opening and one word; then a word more; then the last and the end.
        expect(gotAt).toEqual([2, 3, 5]);
    });

    it('connects to another address where authorize() gives one', async () => {
        const url = `wss://signed.test/path?token=${KEY}`;
        await listen(make({ authorize: () => Promise.resolve({ url }) }).open(TEXT, { signal: signal() }));
        expect(service.urls).toEqual([url]);
        service.manner = 'early';
        expect((await failureOf(make({ authorize: () => ({ url }) }))).message).toMatch(/signed\.test\/path\)/);
    });

    it.for<[SocketManner, RegExp]>([
        ['refuse', /a connection that failed/],
        ['mute', /nothing for 60 ms/],
        ['early', /a closed socket \(code 1000 "bye \*\*\*"\)/],
        ['stall', /nothing for 60 ms/],
        ['error', /an error "quota: \*\*\* has no more"/],
        ['binary', /got binary data/],
        ['garbage', /a JSON object/],
        ['empty', /an empty answer/],
        ['odd', /1 byte of one more/],
    ])('tells what is wrong when the far end is %s, and the next one is heard', async ([manner, message]) => {
        service.manner = manner;
        const source = make(manner === 'mute' || manner === 'stall' ? { stallMs: 60 } : {});
        expect((await failureOf(source)).message).toMatch(message);
        expect(service.open).toBe(0);
        service.manner = 'whole';
        expect((await listen(source.open(TEXT, { signal: signal() }))).samples).toEqual(samplesOf(`${TEXT} `));
    });

    it.for(['mute', 'stall'] as const)('ends quietly and closes at once when stopped while %s', async (manner) => {
        service.manner = manner;
        const stop = new AbortController();
        const listening = listen(make().open(TEXT, { signal: stop.signal }));
        await vi.waitFor(() => expect(service.open).toBe(1));
        await new Promise((resolve) => setTimeout(resolve, 20));
        stop.abort();
        expect(service.open).toBe(0);
        await listening;
    });

    it('closes when the listener leaves', async () => {
        service.manner = 'stall';
        for await (const chunk of make().open(TEXT, { signal: signal() })) if (chunk.pcm !== undefined) break;
    });

    it('opens nothing for a text without letters, or once it is stopped', async () => {
        await listen(make().open(written([' … ', '\n']), { signal: signal() }));
        await listen(make().open(TEXT, { signal: AbortSignal.abort() }));
        expect(service.urls).toEqual([]);
    });

    it('throws what the text throws', async () => {
        const failing = async function* (): AsyncGenerator<string> {
            yield 'Hello ';
            await Promise.resolve();
            throw new RangeError('the model broke');
        };
        await expect(listen(make().open(failing(), { signal: signal() }))).rejects.toThrow('the model broke');
    });

    it('hides the address that a WebSocket refuses', async () => {
        const url = `wss://unwelcome.test/?token=${KEY}`;
        expect((await failureOf(make({ authorize: () => ({ url }) }))).message).toMatch(/an address that it refuses/);
    });

    it('needs a WebSocket class where the platform has none', () => {
        vi.stubGlobal('WebSocket', undefined);
        expect(() => elevenLabsSocketSpeech({ voice: 'v' })).toThrowError(/expected a WebSocket class, got none/);
        vi.unstubAllGlobals();
    });
});
