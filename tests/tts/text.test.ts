import { describe, expect, it } from 'vitest';
import { piecesOf } from '../../plugin/tts/sentences.js';
import { WordBuilder } from '../../plugin/tts/word-builder.js';

const signal = new AbortController().signal;

async function pieces(text: string | AsyncIterable<string>, maxCharacters = 100): Promise<string[]> {
    const found: string[] = [];
    for await (const piece of piecesOf(text, { maxCharacters, keepsWholeText: false }, signal)) found.push(piece);
    return found;
}

/** The text a few characters at a time. */
async function* inParts(text: string, size: number): AsyncGenerator<string> {
    for (let at = 0; at < text.length; at += size) yield await Promise.resolve(text.slice(at, at + size));
}

describe('sentences', () => {
    const cases: [string, string[]][] = [
        ['One. Two! Three?', ['One.', 'Two!', 'Three?']],
        ['He said “Go!” Then he went.', ['He said “Go!”', 'Then he went.']],
        [
            'Dr. A. Smith paid $3.50, e.g. for milk. Well…  yes',
            ['Dr. A. Smith paid $3.50, e.g. for milk.', 'Well…', 'yes'],
        ],
        ['1. Buy milk.\n2. Sleep\n\n- rest', ['1. Buy milk.', '2. Sleep', '- rest']],
        ['In 2024. Then', ['In 2024.', 'Then']],
        ['你好。再见！好', ['你好。', '再见！', '好']],
        ['... !!! \n', []],
        ['... so? 😀', ['... so?']],
    ];
    it.for(cases)('of %j', async ([text, expected]) => {
        expect(await pieces(text)).toEqual(expected);
        for (const size of [1, 2, 5]) expect(await pieces(inParts(text, size))).toEqual(expected);
    });

    it('that are too long are cut at white space, else anywhere but inside a character', async () => {
        expect(await pieces('one two three four', 9)).toEqual(['one two', 'three', 'four']);
        expect(await pieces(inParts('one two three four', 1), 9)).toEqual(['one two', 'three', 'four']);
        expect(await pieces('a𝐛𝐛𝐛', 4)).toEqual(['a𝐛', '𝐛𝐛']);
    });

    it('hold no more than a piece of a text that never ends', async () => {
        let count = 0;
        const endless = async function* (): AsyncGenerator<string> {
            for (;;) yield await Promise.resolve('word ');
        };
        for await (const piece of piecesOf(endless(), { maxCharacters: 50, keepsWholeText: true }, signal)) {
            expect(piece.length).toBeLessThanOrEqual(50);
            if (++count === 20) break;
        }
    });
});

describe('words of timed characters', () => {
    const words = (text: string): string[] => {
        const builder = new WordBuilder();
        const characters = [...text];
        const starts = characters.map((_, i) => i);
        const built = characters.flatMap((character, i) =>
            builder.add({ characters: [character], starts: [i], ends: [i + 1] }),
        );
        const whole = new WordBuilder();
        const atOnce = [...whole.add({ characters, starts, ends: starts.map((s) => s + 1) }), ...whole.finish()];
        expect([...built, ...builder.finish()]).toEqual(atOnce);
        return atOnce.map((word) => `${word.text}@${word.start}+${word.duration}`);
    };

    it('are cut at white space, each once, in any portions', () => {
        expect(words('  Hi,  you\n')).toEqual(['Hi,@2+3', 'you@7+3']);
    });

    it('are single characters in scripts without spaces', () => {
        expect(words('你好，ok 了')).toEqual(['你@0+1', '好，@1+2', 'ok@3+2', '了@6+1']);
    });

    it('are given in parts when they do not end', () => {
        expect(words('a'.repeat(300)).map((word) => word.replace(/^a+/, ''))).toEqual([
            '@0+128',
            '@128+128',
            '@256+44',
        ]);
    });
});
