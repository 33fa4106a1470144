import { PgsError } from '../core/index.js';
import { askKey } from './ask-key.js';
import { queryOf, quoted, secretsIn, speechFault } from './failure.js';
import { type Limit, within } from './within.js';

/** Options of every source that speaks HTTP. */
export interface HttpOptions {
    /** Headers that carry your key, asked for before every request and not kept. Redirects are then refused. */
    readonly authorize?: () => HeadersInit | Promise<HeadersInit>;
    /** Another `fetch`: a proxy, a cache, a test. It must heed `init.signal`. */
    readonly fetch?: (request: Request, init: { readonly signal: AbortSignal }) => Promise<Response>;
    /** Longest wait for the next piece of an answer, ms, default 10 000. */
    readonly stallMs?: number;
}

export interface HttpCall {
    /** Name of the source and address, for messages. */
    readonly where: string;
    readonly target: string | Request;
    readonly init?: RequestInit;
    readonly expected: 'pcm' | 'wav' | 'json';
    /** Of raw PCM, Hz: a content type that states another rate is refused. */
    readonly sampleRate?: number;
    readonly options: HttpOptions;
    readonly stallMs: number;
    readonly signal: AbortSignal;
}

const NAMES = { pcm: 'raw PCM', wav: 'a WAV file', json: 'lines of JSON' } as const;
/** Content that would be heard as noise or not be understood. Unknown and absent types pass: many servers name none. */
const REFUSED = {
    pcm: /^text\/|html|xml|json|^audio\/(?:mpeg|mp3|mp4|aac|ogg|opus|webm|flac|.*wave?\b)|^(?:image|video)\//i,
    wav: /^text\/|html|xml|json|^audio\/(?:mpeg|mp3|mp4|aac|ogg|opus|webm|flac)|^(?:image|video)\//i,
    json: /html|xml|^(?:audio|image|video)\//i,
} as const;
/** What is read of a refusal for its message, characters. */
const REFUSAL_LENGTH = 2048;

/**
 * The body of one answer as it comes, at the reader's pace. The connection is closed when the signal is aborted, when the
 * reader leaves and when anything fails.
 *
 * @throws PgsError `SPEECH_SOURCE` - no connection, a status above 299, a wrong content type, a stall, a broken body.
 */
export async function* httpBytes(call: HttpCall): AsyncGenerator<Uint8Array, void, undefined> {
    const { where, signal, stallMs, options, expected } = call;
    const stop = new AbortController();
    const late = (): Error =>
        speechFault(where, 'more sound', `nothing for ${stallMs} ms`, 'Try again, or raise stallMs.');
    const limit = { ms: stallMs, late };
    const unlessBroken = <T>(work: Promise<T>): Promise<T> =>
        within(work, signal, limit).catch((error) => broken(where, error, signal));
    let body: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const leave = (): void => {
        stop.abort();
        // Node 20 loses the signal of a request that is collected, though it still loads.
        body?.cancel().catch(() => undefined);
    };
    signal.addEventListener('abort', leave);
    try {
        signal.throwIfAborted();
        const request = await requestOf(call);
        const send = options.fetch ?? globalThis.fetch.bind(globalThis);
        // The signal is not the request's own: for the same reason that would not last until the headers are there.
        const response = await unlessBroken(send(request, { signal: stop.signal }));
        body = response.body?.getReader();
        if (!response.ok) throw await refusal(where, request, response.status, body, signal, limit);
        checkType(where, response.headers.get('content-type') ?? '', expected, call.sampleRate);
        while (body !== undefined) {
            const step = await unlessBroken(body.read());
            if (step.done) return;
            yield step.value;
        }
    } finally {
        signal.removeEventListener('abort', leave);
        leave();
    }
}

async function requestOf({ where, target, init, options, stallMs, signal }: HttpCall): Promise<Request> {
    if (options.authorize === undefined) return new Request(target, init);
    const given = await askKey(where, options.authorize, stallMs, signal);
    const headers = new Headers(typeof target === 'string' ? init?.headers : target.headers);
    try {
        new Headers(given).forEach((value, name) => headers.set(name, value));
    } catch {
        // The cause is left out: it quotes the header.
        const cure = 'Return an object of header names and values, without line breaks.';
        throw speechFault(where, 'headers from authorize()', 'something that is none', cure);
    }
    // `fetch` would carry a header such as xi-api-key on to whatever host a redirect names.
    return new Request(target, { ...init, headers, redirect: 'error' });
}

function checkType(where: string, type: string, expected: HttpCall['expected'], sampleRate?: number): void {
    if (REFUSED[expected].test(type)) {
        const cure = 'Check the url and the format that is asked for.';
        throw speechFault(where, NAMES[expected], `content of type ${type.slice(0, 60)}`, cure);
    }
    const rate = /\brate=(\d+)/i.exec(type)?.[1];
    if (sampleRate !== undefined && rate !== undefined && Number(rate) !== sampleRate) {
        throw speechFault(where, `PCM at ${sampleRate} Hz`, `${rate} Hz`, `Set sampleRate to ${rate}.`);
    }
}

/** The failure that a status stands for. What the service says is quoted, except where it speaks about the key. */
async function refusal(
    where: string,
    request: Request,
    status: number,
    body: ReadableStreamDefaultReader<Uint8Array> | undefined,
    signal: AbortSignal,
    limit: Limit,
): Promise<Error> {
    const secrets = secretsIn([...request.headers.values(), ...queryOf(request.url)]);
    const words = status === 401 || status === 403 ? '' : quoted(await startOf(body, signal, limit), secrets);
    return speechFault(where, 'speech', `HTTP ${status}${words}`, cureOf(status));
}

function cureOf(status: number): string {
    if (status === 401 || status === 403) return 'Check the key that authorize() returns.';
    if (status === 404) return 'Check the url and the voice.';
    if (status === 429) return 'Wait, or raise the limits of the account.';
    return status < 500 ? 'Check the voice, the model and the body.' : 'The service is at fault: try again later.';
}

async function startOf(
    body: ReadableStreamDefaultReader<Uint8Array> | undefined,
    signal: AbortSignal,
    limit: Limit,
): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    try {
        while (body !== undefined && text.length < REFUSAL_LENGTH) {
            const step = await within(body.read(), signal, limit);
            if (step.done) break;
            text += decoder.decode(step.value.subarray(0, REFUSAL_LENGTH), { stream: true });
        }
    } catch {
        // The status says enough.
    }
    return text;
}

function broken(where: string, error: unknown, signal: AbortSignal): never {
    if (signal.aborted || error instanceof PgsError) throw error;
    const cure = 'Check the url, the network, and that the service answers this page (CORS) without a redirect.';
    throw speechFault(where, 'a whole answer', 'a connection that failed', cure, error);
}
