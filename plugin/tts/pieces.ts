import { type SpeechChunk } from '../audio/index.js';
import { speechFault } from './failure.js';
import { type PieceRules, piecesOf } from './sentences.js';

/**
 * Speaks a text piece by piece with a voice that takes whole texts, one request at a time. Times of words run on across
 * pieces, counted in samples.
 *
 * Returns without a word when the signal is aborted, whatever breaks then.
 *
 * @param speak - the sound of one piece; times from its start.
 * @throws PgsError `SPEECH_SOURCE` - a piece without sound, or a sample rate that changes; and what `speak` throws.
 */
export async function* speakPieces(
    where: string,
    text: string | AsyncIterable<string>,
    rules: PieceRules,
    signal: AbortSignal,
    speak: (piece: string) => AsyncIterable<SpeechChunk>,
): AsyncGenerator<SpeechChunk, void, undefined> {
    let sampleRate = 0;
    let spoken = 0;
    try {
        for await (const piece of piecesOf(text, rules, signal)) {
            const before = spoken;
            for await (const chunk of speak(piece)) {
                if (signal.aborted) return;
                if (sampleRate === 0) sampleRate = chunk.sampleRate;
                if (chunk.sampleRate !== sampleRate) throw changedRate(where, sampleRate, chunk.sampleRate);
                yield later(chunk, before / sampleRate);
                spoken += chunk.pcm?.length ?? 0;
            }
            if (spoken === before) {
                throw speechFault(where, 'sound', 'an empty answer', 'Check the voice, the model and the format.');
            }
        }
    } catch (error) {
        if (!signal.aborted) throw error;
    }
}

function later(chunk: SpeechChunk, seconds: number): SpeechChunk {
    if (chunk.words === undefined || seconds === 0) return chunk;
    return { ...chunk, words: chunk.words.map((word) => ({ ...word, start: word.start + seconds })) };
}

function changedRate(where: string, first: number, next: number): Error {
    const cure = 'Let the service answer all sentences at one rate.';
    return speechFault(where, `${first} Hz as before`, `${next} Hz`, cure);
}
