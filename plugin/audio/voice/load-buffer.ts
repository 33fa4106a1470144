import { PgsError } from '../../core/index.js';

/**
 * Fetches and decodes a sound.
 *
 * @throws PgsError `AUDIO_FORMAT` - the address has none, or one that the browser cannot decode.
 */
export async function loadBuffer(
    context: BaseAudioContext,
    url: string | URL,
    signal: AbortSignal,
): Promise<AudioBuffer> {
    const response = await fetch(url, { signal }).catch((error: unknown) => {
        signal.throwIfAborted();
        throw soundError(url, String(error), error);
    });
    if (!response.ok) throw soundError(url, `HTTP ${response.status}`);
    const bytes = await response.arrayBuffer();
    try {
        return await context.decodeAudioData(bytes);
    } catch (error) {
        throw soundError(url, `${response.headers.get('content-type') ?? 'bytes'} that cannot be decoded`, error);
    }
}

function soundError(url: string | URL, got: string, cause?: unknown): PgsError {
    return new PgsError(
        'AUDIO_FORMAT',
        `Voice.play: expected a sound at ${String(url)}, got ${got}. Check the address and that the browser plays the format.`,
        { cause },
    );
}
