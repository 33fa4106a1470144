/** What to tell the visitor, and what to do about it. */
export interface Explanation {
    readonly title: string;
    readonly hint: string;
}

/**
 * Asks for the microphone.
 *
 * @throws DOMException - see {@link explainMicrophone}.
 */
export async function openMicrophoneAsync(): Promise<MediaStream> {
    // The type says that it is always there; pages without permission policy disagree.
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    if (devices === undefined) throw new DOMException('This page may not use microphones.', 'NotAllowedError');
    return devices.getUserMedia({
        // The head may be heard by the microphone, and must not answer itself.
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
}

/** Words for what a browser says when there is no microphone to be had. */
export function explainMicrophone(error: unknown): Explanation {
    switch (error instanceof Error ? error.name : '') {
        case 'NotAllowedError':
        case 'SecurityError':
            return {
                title: 'The microphone is not allowed here',
                hint: 'Allow it for this page with the sign beside the address, then switch the microphone on again.',
            };
        case 'NotFoundError':
        case 'OverconstrainedError':
            return { title: 'There is no microphone', hint: 'Connect one, then switch the microphone on again.' };
        case 'NotReadableError':
        case 'AbortError':
            return {
                title: 'The microphone could not be opened',
                hint: 'Another program may hold it. Close that one, then switch the microphone on again.',
            };
        default:
            return { title: 'The microphone went silent', hint: 'Switch it on again to go on.' };
    }
}
