import { PgsError } from '../../core/index.js';
import type { AudioEncoder } from '../encoder.js';
import type { FromHost, ToHost } from './messages.js';
import { WINDOW_SIZE } from '../windows.js';

interface Waiting {
    readonly out: Float32Array;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
}

/** An encoder that lives in the page (it may need the page's GPU device) while the windows are made here. */
export class RemoteEncoder {
    private readonly post: (message: Extract<FromHost, { type: 'encode' }>) => void;
    private readonly waiting: Map<number, Waiting> = new Map();
    private requests = 0;

    public constructor(post: (message: Extract<FromHost, { type: 'encode' }>) => void) {
        this.post = post;
    }

    /** The encoder that the page holds for a voice. */
    public of(voice: number): AudioEncoder {
        return {
            encode: async (windows, count, out) => {
                const request = ++this.requests;
                // A copy of its own: a view would be sent with all of its buffer.
                this.post({ type: 'encode', voice, request, windows: windows.slice(0, count * WINDOW_SIZE), count });
                await new Promise<void>((resolve, reject) => this.waiting.set(request, { out, resolve, reject }));
            },
        };
    }

    /** The page's answer to a request. */
    public answer({ request, features, fault }: Extract<ToHost, { type: 'encoded' }>): void {
        const waiting = this.waiting.get(request);
        if (waiting === undefined) return;
        this.waiting.delete(request);
        if (fault !== null) return waiting.reject(new PgsError(fault.code, fault.message));
        if (features !== null) waiting.out.set(features);
        waiting.resolve();
    }
}
