import { until } from './within.js';

/** Where a sentence may end: a mark with its closing quotes before white space, a mark of a script without it, a new line. */
const SENTENCE_END = /[.!?…]+["'”’)\]]*(?=\s)|[。！？]+[」』”’）]*|\n/gu;
/** A full stop that ends no sentence: an initial, a title, a shortened word, the number of a list entry. */
const INNER_STOP = /(?:(?:^|[\s("'“‘])(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|cf)|^\s*\d+)\.$/u;

/** Whether there is something to say: a letter or a digit. */
export function isSpeakable(text: string): boolean {
    return /[\p{L}\p{N}]/u.test(text);
}

export interface PieceRules {
    /** Longest piece, characters. A longer sentence is cut at white space. */
    readonly maxCharacters: number;
    /** Cut a text that is whole already only where it is too long, else at every sentence. */
    readonly keepsWholeText: boolean;
}

/**
 * Cuts text into pieces to be spoken one after the other. Text that is still being written is cut into sentences, each
 * given as soon as it is complete; pieces without a letter or digit are left out. Holds one piece, never the whole text.
 *
 * @throws the signal's reason once it is aborted, or what the text throws.
 */
export async function* piecesOf(
    text: string | AsyncIterable<string>,
    { maxCharacters, keepsWholeText }: PieceRules,
    signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
    let rest = '';
    if (typeof text === 'string') {
        rest = text;
    } else {
        for await (const part of until(text, signal)) {
            rest += part;
            for (let end = firstEnd(rest, maxCharacters); end > 0; end = firstEnd(rest, maxCharacters)) {
                const piece = rest.slice(0, end).trim();
                rest = rest.slice(end);
                if (isSpeakable(piece)) yield piece;
            }
        }
    }
    const cut = typeof text === 'string' && keepsWholeText ? lastEnd : firstEnd;
    while (rest !== '') {
        const end = cut(rest, maxCharacters) || rest.length;
        const piece = rest.slice(0, end).trim();
        rest = rest.slice(end);
        if (isSpeakable(piece)) yield piece;
    }
}

/** Length of the first complete sentence, or of the part that is enough when it is too long; 0 while it is not complete. */
function firstEnd(text: string, maxCharacters: number): number {
    for (const end of ends(text)) if (isSpeakable(text.slice(0, end))) return Math.min(end, roomy(text, maxCharacters));
    return text.length > maxCharacters ? roomy(text, maxCharacters) : 0;
}

/** Length of as many whole sentences as fit. */
function lastEnd(text: string, maxCharacters: number): number {
    if (text.length <= maxCharacters) return text.length;
    return [...ends(text.slice(0, maxCharacters))].at(-1) ?? roomy(text, maxCharacters);
}

function* ends(text: string): Generator<number, void, undefined> {
    for (const match of text.matchAll(SENTENCE_END)) {
        const end = match.index + match[0].length;
        if (!INNER_STOP.test(text.slice(Math.max(0, end - 16), end))) yield end;
    }
}

/** At most `maxCharacters`, at white space if there is any. Never between the halves of a surrogate pair. */
function roomy(text: string, maxCharacters: number): number {
    if (text.length <= maxCharacters) return text.length;
    const space = text.slice(0, maxCharacters).search(/\s\S*$/);
    if (space > 0) return space;
    const isPair = /[\uD800-\uDBFF]/.test(text.charAt(maxCharacters - 1));
    return isPair && maxCharacters > 1 ? maxCharacters - 1 : maxCharacters;
}
