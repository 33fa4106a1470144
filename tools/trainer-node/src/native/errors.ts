import { PgsError, type PgsErrorCode } from '../../../../plugin/core/index.js';

/** Status codes of `pgs_trainer.h`. */
export const STATUS = {
    ok: 0,
    argument: -1,
    busy: -2,
    memory: -3,
    cancelled: -4,
    diverged: -5,
} as const;

const MEANING: Readonly<Record<number, string>> = {
    [STATUS.argument]: 'an argument was refused',
    [STATUS.busy]: 'another call is running on this engine',
    [STATUS.memory]: 'out of memory',
    [STATUS.cancelled]: 'the call was cancelled',
    [STATUS.diverged]: 'training diverged',
};

/** True for the error of a call that {@link Engine.cancel} ended. */
export function isCancelled(error: unknown): boolean {
    return error instanceof PgsError && error.cause === STATUS.cancelled;
}

/**
 * The exception for a native status below zero; its stack is the JavaScript caller's.
 *
 * @param call - name of the native function.
 * @param status - what it returned; kept as `cause`.
 * @param detail - `pgs_last_error`, one line; may be empty.
 */
export function nativeError(call: string, status: number, detail: string): PgsError {
    const code: PgsErrorCode = status === STATUS.diverged ? 'TRAINING_DIVERGED' : 'NATIVE_STATUS';
    const meaning = MEANING[status] ?? 'an unknown status';
    const cure =
        status === STATUS.diverged
            ? 'The last checkpoint is intact: lower the learning rates and resume.'
            : status === STATUS.memory
              ? 'Train at a lower --resolution or with fewer --frames.'
              : 'This is a fault of the trainer unless the message names your input.';
    return new PgsError(
        code,
        `${call}: expected status 0, got ${status} (${meaning}${detail === '' ? '' : `: ${detail}`}). ${cure}`,
        {
            cause: status,
        },
    );
}
