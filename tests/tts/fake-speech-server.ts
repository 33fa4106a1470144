import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { encodeScript, scriptOf, wavOf, type WavKind } from './script.js';

/** How the server answers. */
export type Manner =
    | 'whole'
    /** One byte a chunk, each on its own turn of the loop. */
    | 'bytes'
    /** Chunks of 7, 1, 333, 2 and 64 bytes, as above. */
    | 'pieces'
    | '401'
    /** With a body that quotes the key. */
    | '500'
    | 'redirect'
    /** A page where sound should be. */
    | 'html'
    | 'mp3'
    | 'empty'
    /** Nothing, not even headers. */
    | 'mute'
    /** Half of the answer, then nothing. */
    | 'stall'
    /** Half of the answer, then the connection breaks. */
    | 'break'
    /** All but the last three bytes, then a proper end. */
    | 'short';

export interface SeenRequest {
    readonly path: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
}

/** A server on this machine that speaks the protocols of the HTTP sources; what it says is `scriptOf` the text. */
export interface FakeSpeechServer {
    readonly url: string;
    manner: Manner;
    wav: WavKind;
    /** Content type of raw PCM. */
    pcmType: string;
    readonly seen: SeenRequest[];
    /** Answers that are neither sent nor given up. */
    inFlight(): number;
    close(): Promise<void>;
}

/** Of all answers, Hz. */
export const RATE = 8000;

export async function startFakeSpeechServer(): Promise<FakeSpeechServer> {
    let inFlight = 0;
    const server = createServer((request, response) => {
        inFlight++;
        response.on('close', () => inFlight--);
        void readBody(request).then((body) => {
            fake.seen.push({ path: request.url ?? '', headers: request.headers, body });
            return answer(fake, request, response, body);
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake: FakeSpeechServer = {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        manner: 'whole',
        wav: 'pcm16',
        pcmType: 'audio/pcm',
        seen: [],
        inFlight: () => inFlight,
        close: () =>
            new Promise((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
            }),
    };
    return fake;
}

async function readBody(request: IncomingMessage): Promise<string> {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += String(part);
    return body;
}

async function answer(
    { manner, wav, pcmType }: FakeSpeechServer,
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
): Promise<void> {
    const fixed: Partial<Record<Manner, () => void>> = {
        '401': () => response.writeHead(401).end(`wrong key: ${request.headers.authorization ?? ''}`),
        '500': () => response.writeHead(500).end(`engine on fire\nfor ${request.headers.authorization ?? ''}`),
        redirect: () => response.writeHead(307, { location: '/elsewhere' }).end(),
        html: () => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Please log in</p>'),
        mp3: () => response.writeHead(200, { 'content-type': 'audio/mpeg' }).end('ID3'),
        mute: () => undefined,
    };
    if (fixed[manner] !== undefined) return fixed[manner]();
    const { type, bytes } = soundOf(new URL(request.url ?? '', 'http://x'), body, wav, pcmType);
    response.writeHead(200, { 'content-type': type });
    const half = bytes.subarray(0, 2 * Math.floor(bytes.length / 4) + 1);
    if (manner === 'empty') response.end();
    else if (manner === 'stall') response.write(half);
    else if (manner === 'break') response.write(half, () => setTimeout(() => response.destroy(), 5));
    else if (manner === 'short') response.end(bytes.subarray(0, bytes.length - 3));
    else if (manner === 'whole') response.end(bytes);
    else await drip(response, bytes, manner === 'bytes' ? [1] : [7, 1, 333, 2, 64]);
}

/** Writes cut as `sizes` says, over and over. */
async function drip(response: ServerResponse, bytes: Uint8Array, sizes: readonly number[]): Promise<void> {
    for (let at = 0, i = 0; at < bytes.length && !response.destroyed; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        response.write(bytes.subarray(at, at + size));
        at += size;
        // Writes of one turn would be sent as one chunk.
        await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
}

function soundOf(
    url: URL,
    body: string,
    wav: WavKind,
    pcmType: string,
): { readonly type: string; readonly bytes: Uint8Array } {
    if (url.pathname === '/v1/audio/speech') {
        return { type: pcmType, bytes: encodeScript((JSON.parse(body) as { input: string }).input) };
    }
    if (url.pathname.endsWith('/stream/with-timestamps')) {
        return { type: 'application/json', bytes: timedLines((JSON.parse(body) as { text: string }).text) };
    }
    const text = url.searchParams.get('text') ?? '';
    if (url.pathname === '/say.wav') return { type: 'audio/wav', bytes: wavOf(text, wav, RATE) };
    return { type: 'application/octet-stream', bytes: encodeScript(text) };
}

/** Lines as ElevenLabs sends them: sound in portions that tear samples and words apart, times from the start of the answer. */
function timedLines(text: string): Uint8Array {
    const { characters, secondsEach } = scriptOf(text, RATE);
    const bytes = encodeScript(text);
    const lines: string[] = [];
    for (let at = 0, i = 0; at < bytes.length; at += 331, i++) {
        const audio = Buffer.from(bytes.subarray(at, at + 331)).toString('base64');
        const part = characters.slice(3 * i, 3 * i + 3);
        const starts = part.map((_, k) => (3 * i + k) * secondsEach);
        const alignment = {
            characters: part,
            character_start_times_seconds: starts,
            character_end_times_seconds: starts.map((start) => start + secondsEach),
        };
        lines.push(JSON.stringify({ audio_base64: audio, alignment: part.length > 0 ? alignment : null }));
    }
    return new TextEncoder().encode(`${lines.join('\n')}\n`);
}
