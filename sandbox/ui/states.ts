import { byId } from './dom.js';

/** The page while there is nothing to see: loading, a failure, a browser without WebGPU. */
export class States {
    private readonly loading = byId('loading', HTMLDivElement);
    private readonly loadingText = byId('loading-text', HTMLParagraphElement);
    private readonly loadingBar = byId('loading-bar', HTMLProgressElement);
    private readonly error = byId('error', HTMLDivElement);
    private readonly closeButton = byId('error-close', HTMLButtonElement);
    private focusBefore: Element | null = null;

    public constructor() {
        this.closeButton.addEventListener('click', () => this.closeError());
        document.addEventListener('keydown', (event) => {
            if (event.key === 'Escape') this.closeError();
        });
    }

    public get hasError(): boolean {
        return !this.error.hidden;
    }

    /** Shows what is being waited for; `fraction` 0..1, or null while the length is unknown. */
    public showLoading(text: string, fraction: number | null = null): void {
        delete this.loading.dataset['done'];
        this.loadingText.textContent = text;
        if (fraction === null) this.loadingBar.removeAttribute('value');
        else this.loadingBar.value = fraction;
    }

    public hideLoading(): void {
        this.loading.dataset['done'] = 'true';
    }

    /** Shows a failure as a card. A `PgsError` carries a code and a message that says what to do. */
    public showError(title: string, error: unknown, hint: string): void {
        this.hideLoading();
        const { code, message } = describe(error);
        byId('error-code', HTMLParagraphElement).textContent = code;
        byId('error-title', HTMLHeadingElement).textContent = title;
        byId('error-message', HTMLParagraphElement).textContent = message;
        byId('error-hint', HTMLParagraphElement).textContent = hint;
        if (this.error.hidden) this.focusBefore = document.activeElement;
        this.error.hidden = false;
        this.closeButton.focus();
    }

    public closeError(): void {
        if (this.error.hidden) return;
        this.error.hidden = true;
        if (this.focusBefore instanceof HTMLElement) this.focusBefore.focus();
    }

    /** Replaces the whole page. */
    public showUnsupported(reason: string): void {
        this.hideLoading();
        byId('unsupported-reason', HTMLParagraphElement).textContent =
            `${reason} The head is posed and drawn on the graphics card, which takes WebGPU.`;
        byId('chrome', HTMLDivElement).hidden = true;
        byId('view', HTMLCanvasElement).hidden = true;
        byId('unsupported', HTMLElement).hidden = false;
        document.documentElement.dataset['ready'] = 'unsupported';
    }
}

/** Code and words of any failure; Babylon's loader wraps ours, so causes are searched for one with a code. */
export function describe(error: unknown): { code: string; message: string } {
    for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; depth++) {
        if (cause.name === 'PgsError' && 'code' in cause) return { code: String(cause.code), message: cause.message };
        cause = cause.cause ?? ('innerError' in cause ? cause.innerError : undefined);
    }
    return { code: '', message: error instanceof Error ? error.message : String(error) };
}
