import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build, preview, type PreviewServer } from 'vite';
import { findChromium } from '../../../scripts/chromium.mjs';
import { WEBGPU_FLAGS } from '../../helpers/webgpu-flags.js';

/** What a browser needs to use the GPU of a machine without a screen. */
const GPU_FLAGS: readonly string[] = [
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    '--enable-features=Vulkan',
    '--ignore-gpu-blocklist',
    '--no-first-run',
];

/** The bench's page in a browser. */
export interface OpenPage {
    readonly page: Page;
    /** CPU time of all processes of the browser so far, ms; null where it does not tell. */
    cpuMsAsync(): Promise<number | null>;
    closeAsync(): Promise<void>;
}

/** The browser's path. @throws Error - there is none; says what to do. */
export function requireChromium(): string {
    const path = findChromium();
    if (path !== undefined && existsSync(path)) return path;
    throw new Error(
        `bench: expected Chromium or Chrome, got ${path ?? 'none'}. Install it, name it in PGS_CHROMIUM, or leave the browser out with --compute-only.`,
    );
}

/**
 * Builds the page, serves it on localhost (WebGPU needs a secure context) and opens it.
 *
 * Beside tests/helpers/chromium.ts because a bench chooses its adapter and asks for the processes' CPU time.
 *
 * @throws Error - no browser, or the page does not start.
 */
export async function openBenchPageAsync(isSoftware: boolean): Promise<OpenPage> {
    const executablePath = requireChromium();
    const root = resolve(import.meta.dirname, 'page');
    const outDir = mkdtempSync(join(tmpdir(), 'pgstalker-bench-'));
    const closers: (() => Promise<void>)[] = [];
    const closeAsync = async (): Promise<void> => {
        for (const close of closers.reverse()) await close();
        rmSync(outDir, { recursive: true, force: true });
    };
    try {
        await build({
            configFile: false,
            root,
            publicDir: false,
            logLevel: 'error',
            build: { outDir, emptyOutDir: true, target: 'es2022', minify: false, chunkSizeWarningLimit: 20_000 },
        });
        const server: PreviewServer = await preview({
            configFile: false,
            root,
            logLevel: 'error',
            build: { outDir },
            preview: { port: 0, host: 'localhost' },
        });
        closers.push(() => server.close());
        const args = [...(isSoftware ? WEBGPU_FLAGS : GPU_FLAGS)];
        const browser: Browser = await chromium.launch({ executablePath, args });
        closers.push(() => browser.close());
        const page = await browser.newPage({ viewport: { width: 512, height: 512 }, deviceScaleFactor: 1 });
        const errors: string[] = [];
        page.on('pageerror', (error) => errors.push(error.message));
        await page.goto(server.resolvedUrls?.local[0] ?? '');
        await page
            .waitForFunction(() => 'benchPage' in globalThis)
            .catch(() => {
                throw new Error(`bench: expected the page to start, got "${errors.join('; ') || 'nothing'}".`);
            });
        return { page, cpuMsAsync: await cpuMeterAsync(browser), closeAsync };
    } catch (error) {
        await closeAsync();
        throw error;
    }
}

/** Sums the processes that DevTools lists. */
async function cpuMeterAsync(browser: Browser): Promise<() => Promise<number | null>> {
    const session = await browser.newBrowserCDPSession();
    return async () => {
        const { processInfo } = await session.send('SystemInfo.getProcessInfo').catch(() => ({ processInfo: [] }));
        if (processInfo.length === 0) return null;
        return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1e3, 0);
    };
}
