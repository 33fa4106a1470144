import { PgsError, type PgsErrorCode } from '../../../../plugin/core/index.js';

/** Status codes of `pgs_trainer.h`. */
export const STATUS = {
    ok: 0,
    argument: -1,
    busy: -2,
    memory: -3,
    cancelled: -4,
    diverged: -5,
    device: -6,
    overflow: -7,
} as const;

const MEANING: Readonly<Record<number, string>> = {
    [STATUS.argument]: 'an argument was refused',
    [STATUS.busy]: 'another call is running on this engine',
    [STATUS.memory]: 'out of memory',
    [STATUS.cancelled]: 'the call was cancelled',
    [STATUS.diverged]: 'training diverged',
    [STATUS.device]: 'the GPU failed',
    [STATUS.overflow]: 'a view has too many pairs',
};

/** What to do about a status. */
function cureOf(status: number, detail: string): string {
    if (status === STATUS.diverged) return 'The last checkpoint is intact: lower the learning rates and resume.';
    if (status === STATUS.memory)
        return detail.includes('GPU memory')
            ? 'Train with --stream-frames, which keeps the frames in host memory, at a lower --resolution, with fewer --frames, or with --device cpu; ' +
                  'nvidia-smi shows who else takes memory.'
            : 'Train at a lower --resolution or with fewer --frames.';
    if (status === STATUS.device)
        return 'The last checkpoint is intact: see nvidia-smi and the kernel log (dmesg), then resume, with --device cpu if need be.';
    if (status === STATUS.overflow) return 'The last checkpoint is intact: lower the learning rates and resume.';
    return 'This is a fault of the trainer unless the message names your input.';
}

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
    const cure = cureOf(status, detail);
    return new PgsError(
        code,
        `${call}: expected status 0, got ${status} (${meaning}${detail === '' ? '' : `: ${detail}`}). ${cure}`,
        {
            cause: status,
        },
    );
}
