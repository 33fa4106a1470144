import { PgsError } from '../core/index.js';
import { speechFault } from './failure.js';
import { within } from './within.js';

/**
 * What the user's `authorize` gives.
 *
 * @throws PgsError `SPEECH_SOURCE` - it takes longer than `ms`, or throws: what it threw is the cause, never quoted.
 */
export async function askKey<T>(
    where: string,
    authorize: () => T | Promise<T>,
    ms: number,
    signal: AbortSignal,
): Promise<T> {
    const fault = (got: string, cure: string, cause?: unknown): PgsError =>
        speechFault(where, 'an answer of authorize()', got, cure, cause);
    const late = (): PgsError => fault(`nothing for ${ms} ms`, 'Try again, or raise stallMs.');
    try {
        return await within((async () => authorize())(), signal, { ms, late });
    } catch (error) {
        if (signal.aborted || error instanceof PgsError) throw error;
        throw fault('an error', 'See its cause.', error);
    }
}
