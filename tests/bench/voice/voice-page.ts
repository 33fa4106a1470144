import { openPageAsync, type BrowserPage } from '../../helpers/chromium.js';
import type { VoiceBench } from './page/page.js';

declare global {
    var voiceBench: VoiceBench;
}

/** Lets the bench collect garbage on the audio thread, and count memory without waiting for a chance to. */
const FLAGS = ['--js-flags=--expose-gc', '--enable-blink-features=ForceEagerMeasureMemory'];

/** Readings of a device that does not stumble are off the line by this at most, ms rms: measured 0.25 to 0.5. */
const STRAIGHT_MS = 1;

/** The bench's page, isolated or not, one at a time. */
export class VoicePages {
    private current: BrowserPage | null = null;
    private isIsolated = false;
    /** Runs that were made again because the sound device stumbled. */
    public voidRuns = 0;

    /** @param files - served beside the page. */
    public constructor(private readonly files: Readonly<Record<string, Uint8Array>>) {}

    /** The page; kept from the call before where that asked for the same. */
    public async openAsync(isIsolated: boolean): Promise<BrowserPage> {
        if (this.current !== null && this.isIsolated === isIsolated) return this.current;
        await this.closeAsync();
        const size = { width: 320, height: 240 };
        const page = await openPageAsync('tests/bench/voice/page', this.files, size, { isIsolated, args: FLAGS });
        this.current = page;
        this.isIsolated = isIsolated;
        await page.page.waitForFunction(() => 'voiceBench' in globalThis).catch(() => undefined);
        this.assertNoErrors();
        return page;
    }

    /**
     * Measures again, at most twice, where the sound device stumbled: then the page's readings of its clock lie on no line, and nobody
     * knows what was heard when. Only the clock decides, not what came of it.
     */
    public async repeatAsync<T extends { readonly clockResidualMs: number }>(
        measureAsync: () => Promise<T>,
    ): Promise<T> {
        for (let attempt = 0; ; attempt++) {
            const row = await measureAsync();
            if (row.clockResidualMs <= STRAIGHT_MS || attempt === 2) return row;
            this.voidRuns++;
        }
    }

    /** @throws Error - the page reported one. */
    public assertNoErrors(): void {
        const errors = this.current?.errors ?? [];
        if (errors.length > 0) throw new Error(`bench: expected a page without errors, got "${errors.join('; ')}".`);
    }

    public async closeAsync(): Promise<void> {
        const { current } = this;
        this.current = null;
        await current?.closeAsync();
    }
}
