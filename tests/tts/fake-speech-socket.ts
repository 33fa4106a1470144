import { type SpeechSocket, type SpeechSocketClass } from '../../plugin/tts/index.js';
import { encodeScript, scriptOf } from './script.js';

/** How the far end behaves. */
export type SocketManner =
    | 'whole'
    /** Sound and characters in many small messages that tear samples and words. */
    | 'torn'
    /** The handshake fails. */
    | 'refuse'
    /** Nothing, not even a handshake. */
    | 'mute'
    /** Half of the sound, then a normal close. */
    | 'early'
    /** Half of the sound, then nothing. */
    | 'stall'
    /** An error message that quotes the key. */
    | 'error'
    | 'binary'
    | 'garbage'
    /** A final message without any sound. */
    | 'empty'
    /** All but the last byte. */
    | 'odd';

/** The far end of all sockets that a test opens. */
export interface FakeSocketService {
    readonly Socket: SpeechSocketClass;
    manner: SocketManner;
    readonly urls: string[];
    /** Messages of the last socket. */
    readonly got: Record<string, unknown>[];
    open: number;
}

/** Says what it is sent, as ElevenLabs does: in order, each message's times from the start of its own sound. */
export function fakeSocketService(rate: number): FakeSocketService {
    const service: FakeSocketService = {
        manner: 'whole',
        urls: [],
        got: [],
        open: 0,
        Socket: class extends FakeSocket {
            public constructor(url: string) {
                super(url, service, rate);
            }
        },
    };
    return service;
}

class FakeSocket implements SpeechSocket {
    private readonly listeners = new EventTarget();
    private text = '';
    private saidLength = 0;
    private isClosed = false;

    public constructor(
        url: string,
        private readonly service: FakeSocketService,
        private readonly rate: number,
    ) {
        if (url.includes('unwelcome')) throw new SyntaxError(`cannot connect to ${url}`);
        service.urls.push(url);
        service.got.length = 0;
        service.open++;
        setTimeout(() => {
            if (service.manner === 'refuse') this.end(1006, '', true);
            else if (service.manner !== 'mute') this.listeners.dispatchEvent(new Event('open'));
        });
    }

    public addEventListener(type: string, listener: (event: Event) => void): void {
        this.listeners.addEventListener(type, listener);
    }

    public send(data: string): void {
        const message = JSON.parse(data) as { text: string };
        this.service.got.push(message);
        // The first message opens the conversation and is not spoken.
        if (this.service.got.length === 1) return;
        this.text += message.text;
        if (this.service.manner === 'whole' && message.text !== '') setTimeout(() => this.say(Infinity));
        if (message.text === '') setTimeout(() => this.finish());
    }

    public close(): void {
        if (this.isClosed) return;
        this.isClosed = true;
        this.service.open--;
    }

    private finish(): void {
        const { manner } = this.service;
        const key = String(this.service.got[0]?.['xi_api_key']);
        const half = Math.floor(this.text.length / 2);
        if (manner === 'binary') return this.emit(new Uint8Array([1, 2]));
        if (manner === 'garbage') return this.emit('<html>');
        if (manner === 'error') return this.emit(JSON.stringify({ error: 'quota', message: `${key} has no more` }));
        if (manner === 'early' || manner === 'stall') this.say(half);
        if (manner === 'early') return this.end(1000, `bye ${key}`);
        if (manner === 'stall') return;
        if (manner === 'torn') this.tear();
        if (manner === 'odd') this.say(Infinity, 1);
        if (manner === 'whole') this.say(Infinity);
        this.emit(JSON.stringify({ audio: null, isFinal: true }));
    }

    /** One message with the characters that were not said yet, up to `end`. */
    private say(end: number, missing = 0): void {
        const { characters } = scriptOf(this.text, this.rate);
        const part = characters.slice(this.saidLength, end);
        const bytes = this.bytesOf(this.saidLength, this.saidLength + part.length);
        this.saidLength += part.length;
        if (part.length > 0) this.emitSound(bytes.subarray(0, bytes.length - missing), part);
    }

    private tear(): void {
        const { characters } = scriptOf(this.text, this.rate);
        for (; this.saidLength < characters.length; this.saidLength++) {
            const bytes = this.bytesOf(this.saidLength, this.saidLength + 1);
            this.emitSound(bytes, characters.slice(this.saidLength, this.saidLength + 1));
        }
    }

    /** The sound of a range of characters. The whole text is only known now, so what it sounds like is that of each character. */
    private bytesOf(from: number, to: number): Uint8Array {
        const parts = [...this.text].slice(from, to).map((character) => encodeScript(character));
        return Buffer.concat(parts);
    }

    private emitSound(bytes: Uint8Array, characters: readonly string[]): void {
        const { secondsEach } = scriptOf('', this.rate);
        const alignment = {
            chars: characters,
            charStartTimesMs: characters.map((_, i) => i * secondsEach * 1000),
            charDurationsMs: characters.map(() => secondsEach * 1000),
        };
        const audio = (part: Uint8Array): string => Buffer.from(part).toString('base64');
        if (this.service.manner !== 'torn') {
            this.emit(JSON.stringify({ audio: audio(bytes), alignment, isFinal: null }));
            return;
        }
        this.emit(JSON.stringify({ audio: audio(bytes.subarray(0, 0)), alignment, isFinal: false }));
        this.emit(JSON.stringify({ audio: audio(bytes.subarray(0, 3)), alignment: null }));
        this.emit(JSON.stringify({ audio: audio(bytes.subarray(3)) }));
    }

    private emit(data: unknown): void {
        if (this.isClosed) return;
        this.listeners.dispatchEvent(Object.assign(new Event('message'), { data }));
    }

    private end(code: number, reason: string, isError = false): void {
        if (isError) this.listeners.dispatchEvent(new Event('error'));
        this.listeners.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
        this.close();
    }
}
