import { type SpokenWord } from '../audio/index.js';

/** Characters as they are heard. */
export interface Alignment {
    readonly characters: readonly string[];
    /** Of each character, from the start of the utterance, s. */
    readonly starts: readonly number[];
    readonly ends: readonly number[];
}

/** Scripts that put no space between words: each character is a word. */
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
/** A longer word is given in parts, so that what is held stays small, characters (chosen). */
const MAX_WORD = 128;

/** Makes words out of timed characters that come in any portions: each word once, with the marks that touch it. */
export class WordBuilder {
    private text = '';
    private start = 0;
    private end = 0;

    /** @returns the words that are complete now. */
    public add({ characters, starts, ends }: Alignment): SpokenWord[] {
        const words: SpokenWord[] = [];
        characters.forEach((character, i) => {
            const isSpace = character.trim() === '';
            const isOwnWord = UNSPACED.test(character) || (UNSPACED.test(this.text) && !/^\p{P}/u.test(character));
            if (isSpace || isOwnWord || this.text.length >= MAX_WORD) words.push(...this.finish());
            if (isSpace) return;
            if (this.text === '') this.start = starts[i] ?? 0;
            this.text += character;
            this.end = ends[i] ?? this.start;
        });
        return words;
    }

    /** @returns the word that the end of the text completes, if any. */
    public finish(): SpokenWord[] {
        if (this.text === '') return [];
        const word = { text: this.text, start: this.start, duration: Math.max(0, this.end - this.start) };
        this.text = '';
        return [word];
    }
}
