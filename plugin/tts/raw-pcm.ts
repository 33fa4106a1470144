import { type SpeechChunk } from '../audio/index.js';
import { speechFault } from './failure.js';
import { type PcmLayout, pcmReader } from './pcm.js';

/**
 * Samples out of bytes as they come.
 *
 * @throws PgsError `SPEECH_SOURCE` - the bytes end in the middle of a sample; all samples before it have been given.
 */
export async function* readPcm(
    where: string,
    bytes: AsyncIterable<Uint8Array>,
    sampleRate: number,
    layout: PcmLayout = { encoding: 's16', channels: 1 },
): AsyncGenerator<SpeechChunk, void, undefined> {
    const reader = pcmReader(layout);
    for await (const part of bytes) {
        const pcm = reader.read(part);
        if (pcm.length > 0) yield { pcm, sampleRate };
    }
    if (reader.pending() === 0) return;
    const got = `${reader.pending()} bytes of one more`;
    throw speechFault(where, 'whole samples', got, 'The connection was closed in mid-word: try again.');
}
