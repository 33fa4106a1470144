import { byId } from './dom.js';

/** What typed text is doing. */
export type SayState = 'silent' | 'loading' | 'speaking';

export interface SayHandlers {
    readonly onSay: (text: string) => void;
    readonly onInterrupt: () => void;
}

const LABELS: Readonly<Record<SayState, string>> = {
    silent: 'Say',
    loading: 'Loading voice',
    speaking: 'Interrupt',
};

/** A line to type what the head shall say. Enter always says it, also in the middle of something else; Escape ends it. */
export class SayForm {
    private readonly form = byId('say', HTMLFormElement);
    private readonly field = byId('say-field', HTMLDivElement);
    private readonly text = byId('say-text', HTMLInputElement);
    private readonly button = byId('say-button', HTMLButtonElement);
    private readonly progress = byId('say-progress', HTMLProgressElement);
    private state: SayState = 'silent';

    public constructor({ onSay, onInterrupt }: SayHandlers) {
        this.form.addEventListener('submit', (event) => {
            event.preventDefault();
            const text = this.text.value.trim();
            if (text !== '') onSay(text);
            // What is typed next takes its place.
            this.text.focus();
            this.text.select();
        });
        this.button.addEventListener('click', (event) => {
            if (this.state === 'silent') return;
            // It becomes a submit button before the browser asks what a click on it does.
            event.preventDefault();
            onInterrupt();
        });
        this.text.addEventListener('keydown', (event) => {
            if (event.key === 'Escape' && this.state !== 'silent') onInterrupt();
        });
        this.show('silent', true, false);
    }

    /** @param isHidden - while something else takes the place of the line. */
    public show(state: SayState, isEnabled: boolean, isHidden: boolean): void {
        this.state = state;
        this.field.hidden = isHidden;
        this.text.disabled = this.button.disabled = !isEnabled;
        this.button.textContent = LABELS[state];
        this.button.dataset['state'] = state;
        // Enter presses a submit button; only a click shall interrupt.
        this.button.type = state === 'silent' ? 'submit' : 'button';
        this.progress.hidden = state !== 'loading';
    }
}
