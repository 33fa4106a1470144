import { type SpokenWord } from '../audio/index.js';

/** A sound of speech, by flite's name, and when it ends, s. */
export interface TimedPhone {
    readonly name: string;
    readonly end: number;
}

const SILENCE = 'pau';

/** What flite prints for `-psdur`: `name:end` in order. */
export function phonesIn(print: string): TimedPhone[] {
    return [...print.matchAll(/(\w+):(\d+\.\d+)/g)].map(([, name, end]) => ({ name: name ?? '', end: Number(end) }));
}

/** The phones between silences. */
export function groupsOf(phones: readonly TimedPhone[]): string[][] {
    const groups: string[][] = [[]];
    for (const { name } of phones) {
        if (name === SILENCE) groups.push([]);
        else groups.at(-1)?.push(name);
    }
    return groups.filter((group) => group.length > 0);
}

/**
 * When the words of a sentence are heard. Flite tells the times of phones only, so the phones that it gives each word by
 * itself are laid along those of the sentence; where words by themselves are not told apart, their letters share the time.
 *
 * @param words - as they are written.
 * @param alone - phones of each word by itself, or of something else if not as many.
 * @param sentence - phones of the whole sentence, silences included.
 */
export function wordsOver(
    words: readonly string[],
    alone: readonly (readonly string[])[],
    sentence: readonly TimedPhone[],
): SpokenWord[] {
    const spoken = sentence
        .map((phone, i) => ({ ...phone, start: sentence[i - 1]?.end ?? 0 }))
        .filter(({ name }) => name !== SILENCE);
    const owners = alone.length === words.length ? ownersByPhones(spoken, alone) : ownersByLetters(spoken, words);
    let last = spoken[0]?.start ?? 0;
    return words.map((text, w) => {
        const start = spoken[owners.indexOf(w)]?.start ?? last;
        last = spoken[owners.lastIndexOf(w)]?.end ?? last;
        return { text, start, duration: Math.max(0, last - start) };
    });
}

interface SpokenPhone extends TimedPhone {
    readonly start: number;
}

/** The word of each phone of the sentence, by the cheapest way to make one row of phones out of the other. */
function ownersByPhones(spoken: readonly SpokenPhone[], alone: readonly (readonly string[])[]): number[] {
    const row = alone.flatMap((phones, word) => phones.map((name) => ({ name, word })));
    const width = row.length + 1;
    const cost = new Uint32Array((spoken.length + 1) * width);
    const at = (i: number, k: number): number => cost[i * width + k] as number;
    const swap = (i: number, k: number): number => swapCost(spoken[i - 1]?.name ?? '', row[k - 1]?.name ?? '');
    for (let i = 0; i <= spoken.length; i++) {
        for (let k = 0; k <= row.length; k++) {
            const swapped = i > 0 && k > 0 ? at(i - 1, k - 1) + swap(i, k) : Infinity;
            const extra = i > 0 ? at(i - 1, k) + 1 : Infinity;
            const missing = k > 0 ? at(i, k - 1) + 1 : Infinity;
            cost[i * width + k] = i + k === 0 ? 0 : Math.min(swapped, extra, missing);
        }
    }
    const owners = new Array<number>(spoken.length).fill(0);
    for (let i = spoken.length, k = row.length; i > 0;) {
        const isSwap = k > 0 && at(i, k) === at(i - 1, k - 1) + swap(i, k);
        if (isSwap && swap(i, k) < 2) {
            owners[--i] = row[--k]?.word ?? 0;
        } else if (at(i, k) === at(i - 1, k) + 1) {
            // One that no word has alone belongs to the word before, unless there was a silence.
            const isAfterSilence = spoken[i - 1]?.start !== spoken[i - 2]?.end;
            owners[--i] = (row[isAfterSilence ? k : k - 1] ?? row[k - 1] ?? row[k])?.word ?? 0;
        } else {
            k--;
        }
    }
    return owners;
}

/** Vowels are often weakened and consonants joined, but no vowel becomes a consonant: then two edits are as likely. */
function swapCost(a: string, b: string): number {
    if (a === b) return 0;
    return /^[aeiou]/.test(a) === /^[aeiou]/.test(b) ? 1 : 2;
}

function ownersByLetters(spoken: readonly SpokenPhone[], words: readonly string[]): number[] {
    const letters = words.flatMap((word, w) => Array.from(word, () => w));
    return spoken.map((_, i) => letters[Math.floor(((i + 0.5) * letters.length) / spoken.length)] ?? 0);
}
