import { type SpeechChunk } from '../audio/index.js';
import { speechFault } from './failure.js';
import { type PcmReader } from './pcm.js';
import { type Alignment, type WordBuilder } from './word-builder.js';

/** Names of the three lists of an alignment, and what their numbers mean. */
export interface AlignmentNames {
    readonly characters: string;
    readonly starts: string;
    readonly lengths: string;
    /** s per unit. */
    readonly unit: number;
    /** Whether the third list holds the characters' ends, else their durations. */
    readonly holdsEnds: boolean;
}

export interface SoundMessage {
    /** 16-bit PCM as base64; absent or null in messages without sound. */
    readonly audio: unknown;
    /** As the service sends it; absent or null where it has none. */
    readonly alignment: unknown;
    /** What times of the alignment count from, s. */
    readonly offset: number;
}

/**
 * One message of sound and timed characters as a chunk, or null when it holds neither a sample nor a whole word.
 *
 * @throws PgsError `SPEECH_SOURCE` - sound that is no base64, an alignment whose lists do not match or hold no numbers.
 */
export function chunkOf(
    where: string,
    { audio, alignment, offset }: SoundMessage,
    names: AlignmentNames,
    reader: PcmReader,
    builder: WordBuilder,
    sampleRate: number,
): SpeechChunk | null {
    const pcm = isNothing(audio) ? undefined : reader.read(decodeBase64(where, audio));
    const words = isNothing(alignment) ? [] : builder.add(alignmentOf(where, alignment, names, offset));
    if ((pcm === undefined || pcm.length === 0) && words.length === 0) return null;
    return {
        sampleRate,
        ...(pcm !== undefined && pcm.length > 0 ? { pcm } : {}),
        ...(words.length > 0 ? { words } : {}),
    };
}

/** @throws PgsError `SPEECH_SOURCE` - the sound ended in the middle of a sample. */
export function assertWholeSamples(where: string, reader: PcmReader): void {
    if (reader.pending() === 0) return;
    const got = `${reader.pending()} byte of one more`;
    throw speechFault(where, 'whole samples', got, 'The service ended in mid-word: try again.');
}

function isNothing(value: unknown): boolean {
    return value === undefined || value === null || value === '';
}

function decodeBase64(where: string, audio: unknown): Uint8Array {
    try {
        if (typeof audio !== 'string') throw new TypeError();
        return Uint8Array.from(atob(audio), (character) => character.charCodeAt(0));
    } catch {
        throw speechFault(where, 'sound as base64', 'something else', 'Check the url and the output format.');
    }
}

function alignmentOf(where: string, value: unknown, names: AlignmentNames, offset: number): Alignment {
    const lists = value as Readonly<Record<string, unknown>>;
    const [characters, starts, lengths] = [names.characters, names.starts, names.lengths].map((name) => lists[name]);
    const isSound =
        isListOf(characters, (item) => typeof item === 'string') &&
        isListOf(starts, Number.isFinite) &&
        isListOf(lengths, Number.isFinite) &&
        characters.length === starts.length &&
        characters.length === lengths.length;
    if (!isSound) {
        const expected = `as many ${names.starts} and ${names.lengths} as ${names.characters}`;
        throw speechFault(where, expected, 'others', 'Check the url: the service speaks another protocol.');
    }
    const from = (starts as number[]).map((start) => offset + start * names.unit);
    const to = (lengths as number[]).map(
        (length, i) => (names.holdsEnds ? offset : (from[i] ?? 0)) + length * names.unit,
    );
    return { characters: characters as string[], starts: from, ends: to };
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): value is unknown[] {
    return Array.isArray(value) && value.every(isItem);
}
