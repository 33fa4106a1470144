import { byId } from './dom.js';

/** Characters of a line: two such lines are read at a glance (the usual width of subtitles). */
const LINE = 42;
/** How long a finished text stays, ms. */
const LINGER_MS = 1200;

/** Splits a text into lines of whole words, none longer than `width` unless a word is. */
export function captionLines(text: string, width: number = LINE): string[][] {
    const lines: string[][] = [];
    let used = Infinity;
    for (const word of text.split(/\s+/).filter((part) => part !== '')) {
        if (used + 1 + word.length > width) {
            lines.push([]);
            used = -1;
        }
        lines.at(-1)?.push(word);
        used += 1 + word.length;
    }
    return lines;
}

/** What is said as a subtitle; each word lights up when it is heard. */
export class Caption {
    private readonly line = byId('caption', HTMLParagraphElement);
    private lines: string[][] = [];
    /** The line that is shown, and its words that were heard. */
    private row = 0;
    private heard = 0;
    private timer = 0;

    /** A text that is about to be said. */
    public begin(text: string): void {
        clearTimeout(this.timer);
        this.lines = captionLines(text);
        this.showRow(0);
        this.line.dataset['shown'] = 'true';
    }

    /** A word of it is heard. Marks that are no words are skipped; a word that is not in the text changes nothing. */
    public hear(word: string): void {
        for (let row = this.row, from = this.heard; row < this.lines.length; row++, from = 0) {
            const at = this.lines[row]?.indexOf(word, from) ?? -1;
            if (at < 0) continue;
            if (row !== this.row) this.showRow(row);
            this.heard = at + 1;
            for (const [index, span] of [...this.line.children].entries()) {
                if (!(span instanceof HTMLElement) || index > at) continue;
                span.dataset['heard'] = index === at ? 'now' : 'before';
            }
            return;
        }
    }

    /** Nothing is said any more. */
    public end(): void {
        if (this.line.dataset['shown'] !== 'true') return;
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => delete this.line.dataset['shown'], LINGER_MS);
    }

    private showRow(row: number): void {
        this.row = row;
        this.heard = 0;
        this.line.replaceChildren(
            ...(this.lines[row] ?? []).map((word) => {
                const span = document.createElement('span');
                span.textContent = `${word} `;
                return span;
            }),
        );
    }
}
