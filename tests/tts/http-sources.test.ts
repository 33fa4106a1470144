import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type SpeechSource } from '../../plugin/audio/index.js';
import { PgsError } from '../../plugin/core/index.js';
import { elevenLabsSpeech, openAiSpeech, urlSpeech, type HttpOptions } from '../../plugin/tts/index.js';
import { type FakeSpeechServer, type Manner, RATE, startFakeSpeechServer } from './fake-speech-server.js';
import { type Heard, listen, rounded, spoken, type WavKind } from './script.js';

const KEY = 'sk-0123456789-very-secret';
/** Not ASCII: its bytes are torn apart too. */
const TEXT = 'Hellö you, map.';

let server: FakeSpeechServer;
beforeAll(async () => {
    server = await startFakeSpeechServer();
});
afterAll(() => server.close());
beforeEach(() => {
    Object.assign(server, { manner: 'whole', wav: 'pcm16', pcmType: 'audio/pcm' });
    server.seen.length = 0;
});
afterEach(() => vi.waitFor(() => expect(server.inFlight()).toBe(0)));

const common: HttpOptions = { authorize: () => ({ authorization: `Bearer ${KEY}` }), stallMs: 8000 };
/** For answers that never come. */
const HASTY = { stallMs: 60 };
const sources: Record<string, (options?: HttpOptions) => SpeechSource> = {
    openAiSpeech: (options) =>
        openAiSpeech({
            url: `${server.url}/v1/audio/speech`,
            model: 'm',
            voice: 'v',
            sampleRate: RATE,
            ...common,
            ...options,
        }),
    elevenLabsSpeech: (options) =>
        elevenLabsSpeech({ url: server.url, voice: 'v/1', model: 'm', sampleRate: RATE, ...common, ...options }),
    'urlSpeech pcm': (options) =>
        urlSpeech({ url: sayUrl('/say.pcm'), format: 'pcm', sampleRate: RATE, ...common, ...options }),
    'urlSpeech wav': (options) => urlSpeech({ url: sayUrl('/say.wav'), format: 'wav', ...common, ...options }),
};
const names = Object.keys(sources);
const make = (name: string, options?: HttpOptions): SpeechSource =>
    (sources[name] as (o?: HttpOptions) => SpeechSource)(options);
const sayUrl = (path: string) => (text: string) => `${server.url}${path}?text=${encodeURIComponent(text)}&key=${KEY}`;
/** What hangs only on weak references goes. */
function collectGarbage(): void {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
}
const signal = (): AbortSignal => new AbortController().signal;

async function failureOf(source: SpeechSource, into?: Heard): Promise<PgsError> {
    const error: unknown = await listen(source.open(TEXT, { signal: signal() }), into).then(
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

describe.for(names)('%s', (name) => {
    const saysWords = name === 'elevenLabsSpeech';

    it.for(['whole', 'pieces', 'bytes'] as const)(
        'gives the very samples and words when the answer comes %s',
        async (manner) => {
            server.manner = manner;
            const heard = await listen(make(name).open(TEXT, { signal: signal() }));
            const script = spoken([TEXT], RATE);
            expect(heard.samples).toEqual(script.samples);
            expect(heard.rate).toBe(RATE);
            expect(rounded(heard.words)).toEqual(saysWords ? rounded(script.words) : []);
        },
    );

    it('speaks each sentence as it is completed, times running on', async () => {
        const requestsAt: number[] = [];
        async function* writing(): AsyncGenerator<string> {
            for (const part of ['One', ' two. Thr', 'ee', ' four!', ' ', 'Five']) {
                requestsAt.push(server.seen.length);
                yield part;
            }
        }
        const heard = await listen(make(name).open(writing(), { signal: signal() }));
        const script = spoken(['One two.', 'Three four!', 'Five'], RATE);
        expect(heard.samples).toEqual(script.samples);
        expect(rounded(heard.words)).toEqual(saysWords ? rounded(script.words) : []);
        // The first sentence was asked for before the second was written.
        expect(requestsAt).toEqual([0, 0, 1, 1, 1, 2]);
    });

    const broken: [Manner, RegExp][] = [
        ['401', /HTTP 401\. Check the key/],
        ['500', /HTTP 500 "engine on fire for \*\*\*"\. The service is at fault/],
        ['redirect', /a connection that failed/],
        ['html', /content of type text\/html/],
        ['mp3', /content of type audio\/mpeg/],
        ['empty', /expected (sound|a WAV header), got (an empty answer|0 bytes)/],
        ['mute', /nothing for 60 ms/],
        ['stall', /nothing for 60 ms/],
        ['break', /a connection that failed/],
        ['short', /mid-word/],
    ];
    it.for(broken)(
        'tells what is wrong when the answer is %s, and the next one is heard',
        async ([manner, message]) => {
            server.manner = manner;
            const source = make(name, manner === 'mute' || manner === 'stall' ? HASTY : {});
            expect((await failureOf(source)).message).toMatch(message);
            expect(server.seen.filter(({ path }) => path === '/elsewhere')).toEqual([]);
            server.manner = 'whole';
            const heard = await listen(source.open(TEXT, { signal: signal() }));
            expect(heard.samples).toEqual(spoken([TEXT], RATE).samples);
        },
    );

    it('has given the samples that came before the connection broke', async () => {
        server.manner = 'break';
        const into: Heard = { samples: [], words: [], rate: 0 };
        await failureOf(make(name), into);
        expect(into.samples.length).toBeGreaterThan(300);
        expect(into.samples).toEqual(spoken([TEXT], RATE).samples.slice(0, into.samples.length));
    });

    it.for(['mute', 'stall'] as const)(
        'ends quietly and leaves the network at once when stopped while %s',
        async (manner) => {
            server.manner = manner;
            const stop = new AbortController();
            const listening = listen(make(name).open(TEXT, { signal: stop.signal }));
            await vi.waitFor(() => expect(server.inFlight()).toBe(1));
            await new Promise((resolve) => setTimeout(resolve, 20));
            const stopped = performance.now();
            collectGarbage();
            stop.abort();
            await listening;
            await vi.waitFor(() => expect(server.inFlight()).toBe(0), { interval: 2 });
            expect(performance.now() - stopped).toBeLessThan(2000);
        },
    );

    it('leaves the network when stopped while the listener does something else', async () => {
        server.manner = 'stall';
        const stop = new AbortController();
        const chunks = make(name).open(TEXT, { signal: stop.signal })[Symbol.asyncIterator]();
        await chunks.next();
        collectGarbage();
        stop.abort();
        await vi.waitFor(() => expect(server.inFlight()).toBe(0));
        expect((await chunks.next()).done).toBe(true);
    });

    it('leaves the network when the listener leaves', async () => {
        server.manner = 'stall';
        for await (const chunk of make(name).open(TEXT, { signal: signal() })) if (chunk.pcm !== undefined) break;
        collectGarbage();
        await vi.waitFor(() => expect(server.inFlight()).toBe(0));
    });

    it('ends quietly when stopped while the text hangs, and tells the text', async () => {
        const stop = new AbortController();
        let isTold = false;
        const text: AsyncIterable<string> = {
            [Symbol.asyncIterator]: () => ({
                next: () => new Promise(() => undefined),
                return: () => ((isTold = true), Promise.resolve({ done: true, value: undefined })),
            }),
        };
        const listening = listen(make(name).open(text, { signal: stop.signal }));
        stop.abort();
        expect((await listening).samples).toEqual([]);
        expect(isTold).toBe(true);
    });

    it('asks nothing for a text without letters, or once it is stopped', async () => {
        expect((await listen(make(name).open(' … \n', { signal: signal() }))).samples).toEqual([]);
        expect((await listen(make(name).open(TEXT, { signal: AbortSignal.abort() }))).samples).toEqual([]);
        expect(server.seen).toEqual([]);
    });

    it('reports an authorize() that gives no headers, fails or hangs, without quoting it', async () => {
        const authorize = (): HeadersInit => ({ authorization: `${KEY}\nx` });
        expect((await failureOf(make(name, { authorize }))).message).toMatch(/headers from authorize/);
        const failing = (): HeadersInit => {
            throw new Error(`no session for ${KEY}`);
        };
        await expect(listen(make(name, { authorize: failing }).open(TEXT, { signal: signal() }))).rejects.toMatchObject(
            {
                code: 'SPEECH_SOURCE',
                message: expect.not.stringContaining(KEY) as string,
                cause: { message: `no session for ${KEY}` },
            },
        );
        const waiting = (): Promise<HeadersInit> => new Promise(() => undefined);
        expect((await failureOf(make(name, { authorize: waiting, ...HASTY }))).message).toMatch(/nothing for 60 ms/);
    });

    it('reports a server that is not there', async () => {
        const dead = (): Promise<Response> => Promise.reject(new TypeError('fetch failed'));
        expect((await failureOf(make(name, { fetch: dead }))).message).toMatch(/a connection that failed/);
    });
});

describe('requests', () => {
    it('are those of OpenAI, with further fields that cannot change the format', async () => {
        const body = { speed: 1.2, response_format: 'mp3' };
        const url = `${server.url}/v1/audio/speech`;
        const source = openAiSpeech({ url, model: 'm', voice: 'v', sampleRate: RATE, body, ...common });
        await listen(source.open(TEXT, { signal: signal() }));
        const { headers, body: sent } = server.seen[0] ?? expect.unreachable();
        expect(JSON.parse(sent)).toEqual({ speed: 1.2, model: 'm', input: TEXT, voice: 'v', response_format: 'pcm' });
        expect(headers).toMatchObject({ 'content-type': 'application/json', authorization: `Bearer ${KEY}` });
    });

    it('are those of ElevenLabs', async () => {
        await listen(make('elevenLabsSpeech').open(TEXT, { signal: signal() }));
        const { path, body } = server.seen[0] ?? expect.unreachable();
        expect(path).toBe('/v1/text-to-speech/v%2F1/stream/with-timestamps?output_format=pcm_8000');
        expect(JSON.parse(body)).toEqual({ model_id: 'm', text: TEXT });
    });

    it('may be made whole by the user', async () => {
        const url = (text: string): Request => new Request(sayUrl('/say.pcm')(text), { headers: { 'x-own': 'yes' } });
        const source = urlSpeech({ url, format: 'pcm', sampleRate: RATE, ...common });
        expect((await listen(source.open(TEXT, { signal: signal() }))).samples).toEqual(spoken([TEXT], RATE).samples);
        expect(server.seen[0]?.headers).toMatchObject({ 'x-own': 'yes', authorization: `Bearer ${KEY}` });
    });

    it('cut a whole text only where it is too long', async () => {
        const source = urlSpeech({ url: sayUrl('/say.pcm'), format: 'pcm', sampleRate: RATE, maxCharacters: 20 });
        const heard = await listen(source.open('One. Two. Three is longer. Four.', { signal: signal() }));
        expect(heard.samples).toEqual(spoken(['One. Two.', 'Three is longer.', 'Four.'], RATE).samples);
    });

    it('refuse PCM whose content type states another rate', async () => {
        server.pcmType = 'audio/pcm;rate=44100';
        expect((await failureOf(make('openAiSpeech'))).message).toMatch(/expected PCM at 8000 Hz, got 44100 Hz/);
    });
});

describe('a WAV file', () => {
    it.for(['float', 'stream', 'zero', 'tagged'] as const)('is heard when it is %s', async (wav) => {
        Object.assign(server, { wav, manner: 'pieces' });
        const heard = await listen(make('urlSpeech wav').open(TEXT, { signal: signal() }));
        expect(heard.samples).toEqual(spoken([TEXT], RATE).samples);
    });

    it('has its channels averaged', async () => {
        Object.assign(server, { wav: 'stereo', manner: 'pieces' });
        const heard = await listen(make('urlSpeech wav').open(TEXT, { signal: signal() }));
        // The right channel is silent.
        expect(heard.samples).toEqual(spoken([TEXT], RATE).samples.map((sample) => sample / 2));
    });

    it.for<[WavKind, RegExp]>([
        ['mulaw', /got format 7 with 16 bits/],
        ['no-fmt', /expected a "fmt " chunk before "data"/],
    ])('is refused when it is %s', async ([wav, message]) => {
        server.wav = wav;
        expect((await failureOf(make('urlSpeech wav'))).message).toMatch(message);
    });

    it('is heard before it is whole', async () => {
        server.manner = 'stall';
        let count = 0;
        for await (const { pcm } of make('urlSpeech wav').open(TEXT, { signal: signal() })) {
            count += pcm?.length ?? 0;
            if (count > 500) break;
        }
        expect(count).toBeGreaterThan(500);
    });

    it('is refused where raw samples are expected, and so are endless headers', async () => {
        const raw = urlSpeech({ url: sayUrl('/say.wav'), format: 'pcm', sampleRate: RATE, ...common });
        expect((await failureOf(raw)).message).toMatch(/content of type audio\/wav/);
        const head = new Uint8Array(70_000).fill(32);
        head.set(new TextEncoder().encode('RIFF    WAVEjunk'));
        const fetch = (): Promise<Response> => Promise.resolve(new Response(head));
        expect((await failureOf(make('urlSpeech wav', { fetch }))).message).toMatch(/65536 bytes without any/);
    });
});

describe('lines of JSON', () => {
    it.for<[string, RegExp]>([
        ['[1]\n', /expected a JSON object, got another value/],
        ['{"audio_base64":"!!"}\n', /expected sound as base64/],
        ['{"alignment":{"characters":["a"],"character_start_times_seconds":[0]}}\n', /expected as many/],
        ['{"audio_base64":"AAAA', /expected a JSON object/],
    ])('are refused when they are %s', async ([text, message]) => {
        const fetch = (): Promise<Response> => Promise.resolve(new Response(text));
        expect((await failureOf(make('elevenLabsSpeech', { fetch }))).message).toMatch(message);
    });

    it('are refused when one does not end', async () => {
        const body = new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1 << 20).fill(97)) });
        const fetch = (): Promise<Response> => Promise.resolve(new Response(body));
        expect((await failureOf(make('elevenLabsSpeech', { fetch }))).message).toMatch(/lines up to 8388608/);
    });
});

describe('options', () => {
    it.for<[string, () => unknown]>([
        ['a stall of 0', () => make('openAiSpeech', { stallMs: 0 })],
        ['a rate of 7 kHz', () => urlSpeech({ url: server.url, format: 'pcm', sampleRate: 7000 })],
        ['an address that is none', () => openAiSpeech({ url: `/${KEY}`, model: 'm', voice: 'v' })],
        ['a password', () => urlSpeech({ url: `http://me:${KEY}@host/`, format: 'wav' })],
    ])('are refused: %s', ([, construct]) => {
        expect(construct).toThrowError(expect.objectContaining({ code: 'OPTION_VALUE' }) as Error);
        expect(construct).not.toThrowError(KEY);
    });
});
