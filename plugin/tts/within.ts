/** How long to wait for what a service owes us. */
export interface Limit {
    /** Up to 2^31 - 1. */
    readonly ms: number;
    /** What to throw when the time is over. */
    readonly late: () => Error;
}

/**
 * Waits for `work`, until it settles, the signal is aborted or the time is over. `work` itself goes on unheard: whoever
 * started it must stop it.
 *
 * @throws the signal's reason, `late()`, or what `work` throws.
 */
export function within<T>(work: PromiseLike<T>, signal: AbortSignal, limit?: Limit): Promise<T> {
    return new Promise((resolve, reject) => {
        const leave = (): void => {
            clearTimeout(timer);
            signal.removeEventListener('abort', abort);
        };
        const fail = (error: unknown): void => {
            leave();
            reject(error);
        };
        const abort = (): void => fail(signal.reason);
        const timer = limit === undefined ? undefined : setTimeout(() => fail(limit.late()), limit.ms);
        signal.addEventListener('abort', abort);
        work.then((value) => {
            leave();
            resolve(value);
        }, fail);
        if (signal.aborted) abort();
    });
}

/**
 * The items of `source` until it ends or the signal is aborted, even while an item is awaited; `source` is told to end.
 *
 * @throws the signal's reason once it is aborted, or what `source` throws.
 */
export async function* until<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    const items = source[Symbol.asyncIterator]();
    try {
        for (;;) {
            const item = await within(items.next(), signal);
            if (item.done === true) return;
            yield item.value;
        }
    } finally {
        // Not awaited: a source that hangs in an item ends when that item comes.
        Promise.resolve(items.return?.()).catch(() => undefined);
    }
}
