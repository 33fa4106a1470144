import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build, preview, type PreviewServer } from 'vite';
import { findChromium } from '../../scripts/chromium.mjs';
import { WEBGPU_FLAGS } from './webgpu-flags.js';

/** A page of ours in a real browser with software WebGPU. */
export interface BrowserPage {
    readonly page: Page;
    /** Errors that the page reported so far. */
    readonly errors: readonly string[];
    closeAsync(): Promise<void>;
}

/** Why there is no browser, for `skip`; undefined when there is one. */
export function missingBrowser(): string | undefined {
    return findChromium() === undefined ? 'no Chromium (set PGS_CHROMIUM)' : undefined;
}

export interface PageOptions {
    /** Serves the page cross-origin isolated, so that it may share memory with workers. Default false. */
    readonly isIsolated?: boolean;
    /** More arguments for the browser. */
    readonly args?: readonly string[];
}

const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/**
 * Builds a page folder with vite, serves it on localhost (WebGPU needs a secure context), and opens it.
 *
 * @param folder - holds `index.html`.
 * @param files - served beside it, by name.
 */
export async function openPageAsync(
    folder: string,
    files: Readonly<Record<string, Uint8Array>>,
    size: { readonly width: number; readonly height: number },
    { isIsolated = false, args = [] }: PageOptions = {},
): Promise<BrowserPage> {
    const outDir = mkdtempSync(join(tmpdir(), 'pgstalker-page-'));
    await build({
        configFile: false,
        root: resolve(folder),
        publicDir: false,
        logLevel: 'error',
        build: { outDir, emptyOutDir: true, target: 'es2022', minify: false, chunkSizeWarningLimit: 20_000 },
    });
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(outDir, name), bytes);
    const server: PreviewServer = await preview({
        configFile: false,
        root: resolve(folder),
        logLevel: 'error',
        build: { outDir },
        preview: { port: 0, host: 'localhost', ...(isIsolated ? { headers: ISOLATION } : {}) },
    });
    const browser: Browser = await chromium.launch({
        executablePath: findChromium() as string,
        args: [...WEBGPU_FLAGS, ...args],
    });
    const page = await browser.newPage({ viewport: size, deviceScaleFactor: 1 });
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
        // Browsers ask for an icon that a bare page does not have.
        if (message.type() === 'error' && !message.location().url.endsWith('favicon.ico')) errors.push(message.text());
    });
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    return {
        page,
        errors,
        closeAsync: async () => {
            await browser.close();
            await server.close();
            rmSync(outDir, { recursive: true, force: true });
        },
    };
}
