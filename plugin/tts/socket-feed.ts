import { quoted, speechFault } from './failure.js';

/** What a source needs of a `WebSocket`. */
export interface SpeechSocket {
    send(data: string): void;
    close(): void;
    addEventListener(type: string, listener: (event: Event) => void): void;
}

/** A `WebSocket` class: the page's own, or one of a package where the platform has none (Node 20). */
export type SpeechSocketClass = new (url: string) => SpeechSocket;

export interface FeedRules {
    /** Names of the source and the address, for messages. */
    readonly where: string;
    /** Hidden where the service's words are quoted. */
    readonly secrets: readonly string[];
    /** Longest wait while something is owed to us, ms. */
    readonly stallMs: number;
    readonly signal: AbortSignal;
}

/** Messages that have come and are not read yet may take this many characters: ten minutes of 24 kHz sound (chosen). */
const MAX_WAITING = 40 * 1024 * 1024;

/** The texts that come in over a socket, one after the other. Whoever opens it must `close` it, at any time. */
export class SocketFeed {
    private readonly waiting: string[] = [];
    private readonly socket: SpeechSocket;
    private waitingLength = 0;
    private failure: unknown;
    private isFailed = false;
    private isOpen = false;
    private wake: () => void = () => undefined;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private isOwed = true;

    public constructor(
        Socket: SpeechSocketClass,
        url: string,
        private readonly rules: FeedRules,
    ) {
        try {
            this.socket = new Socket(url);
        } catch {
            // The cause is left out: it quotes the address, keys and all.
            throw this.refuse('a WebSocket', 'an address that it refuses');
        }
        rules.signal.addEventListener('abort', this.abort);
        this.socket.addEventListener('open', () => {
            this.isOpen = true;
            this.owe(false);
            this.wake();
        });
        this.socket.addEventListener('message', (event) => this.take((event as MessageEvent<unknown>).data));
        this.socket.addEventListener('error', () => this.fail(this.refuse('a socket', 'a connection that failed')));
        this.socket.addEventListener('close', (event) => {
            const { code, reason } = event as CloseEvent;
            const words = quoted(String(reason ?? ''), rules.secrets);
            this.fail(this.refuse('a final message', `a closed socket (code ${code}${words})`));
        });
        this.owe(true);
        if (rules.signal.aborted) this.abort();
    }

    /** Waits until messages can be sent. */
    public async opened(): Promise<void> {
        while (!this.isOpen) await this.change();
    }

    /** Once the service is open. Messages after a failure are dropped: the reader learns of it. */
    public send(message: object): void {
        if (!this.isFailed) this.socket.send(JSON.stringify(message));
    }

    /** From now on (or no more) the service must send something within the time. */
    public owe(isOwed: boolean): void {
        this.isOwed = isOwed;
        clearTimeout(this.timer);
        if (!isOwed || this.isFailed) return;
        const { where, stallMs } = this.rules;
        this.timer = setTimeout(() => {
            const got = `nothing for ${stallMs} ms`;
            this.fail(speechFault(where, 'more sound', got, 'Try again, or raise stallMs.'));
        }, stallMs);
    }

    /** The next message, in order; what came before a failure is still given. */
    public async next(): Promise<string> {
        while (this.waiting.length === 0) await this.change();
        const text = this.waiting.shift() as string;
        this.waitingLength -= text.length;
        return text;
    }

    /** Makes readers throw `error` once they have read what has come. */
    public fail(error: unknown): void {
        if (this.isFailed) return;
        this.isFailed = true;
        this.failure = error;
        this.close();
        this.wake();
    }

    public close(): void {
        this.isFailed = true;
        this.rules.signal.removeEventListener('abort', this.abort);
        clearTimeout(this.timer);
        this.socket.close();
    }

    private readonly abort = (): void => {
        this.waiting.length = 0;
        this.fail(this.rules.signal.reason);
    };

    private take(data: unknown): void {
        if (this.isFailed) return;
        if (typeof data !== 'string') return this.fail(this.refuse('messages of text', 'binary data'));
        this.waitingLength += data.length;
        if (this.waitingLength > MAX_WAITING) {
            return this.fail(this.refuse(`at most ${MAX_WAITING} unread characters`, 'more'));
        }
        this.waiting.push(data);
        this.owe(this.isOwed);
        this.wake();
    }

    private async change(): Promise<void> {
        if (this.isFailed) throw this.failure;
        await new Promise<void>((resolve) => {
            this.wake = resolve;
        });
    }

    private refuse(expected: string, got: string): Error {
        return speechFault(this.rules.where, expected, got, 'Check the url and what authorize() returns; try again.');
    }
}
