import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import sharp from 'sharp';
import { build, preview, type PreviewServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeHead } from '../../plugin/core/index.js';
import type { TalkingHeadMesh } from '../../plugin/index.js';
import { makeHead } from '../helpers/make-head.js';
import { findChromium } from '../../scripts/chromium.mjs';
import { WEBGPU_FLAGS } from '../helpers/webgpu-flags.js';

const root = resolve(import.meta.dirname, '../..');
const output = resolve(root, 'tests/output');
const avatar = resolve(root, 'sandbox/public/avatars/ava.glb');
const executablePath = findChromium();

/** Above the width at which the panel starts open. */
const SIZE = { width: 800, height: 600 };
/** Every fourth pixel: software draws the room at about the speed of its pixels. */
const CHEAP = 'scale=4';
/** A microphone that beeps once a second, and a visitor who allows it. */
const FAKE_MICROPHONE = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const SLOW = 240_000;

interface Picture {
    readonly data: Buffer;
    readonly width: number;
    readonly height: number;
}

/** A part of the picture as shares of its width and height. */
type Region = readonly [left: number, top: number, right: number, bottom: number];

/** Above the transport bar and left of the panel: only the scene. */
const SCENE: Region = [0, 0.18, 0.58, 0.82];
const HEAD: Region = [0.2, 0.18, 0.5, 0.62];

async function takePicture(page: Page, name: string): Promise<Picture> {
    const png = await page.screenshot({ path: join(output, `${name}.png`), timeout: SLOW });
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
}

/** Calls `visit` with the offset of each pixel of a region. */
function eachPixel({ width, height }: Picture, [left, top, right, bottom]: Region, visit: (p: number) => void): void {
    for (let y = Math.floor(top * height); y < bottom * height; y++) {
        for (let x = Math.floor(left * width); x < right * width; x++) visit((y * width + x) * 3);
    }
}

function distinctColours(picture: Picture, region: Region): number {
    const colours = new Set<number>();
    eachPixel(picture, region, (p) => colours.add(picture.data.readUIntBE(p, 3) & 0xf0f0f0));
    return colours.size;
}

/** Pixels that differ by more than noise between two pictures of one size. */
function changedPixels(a: Picture, b: Picture, region: Region): number {
    let changed = 0;
    eachPixel(a, region, (p) => {
        const channels = [0, 1, 2].map((c) => Math.abs((a.data[p + c] ?? 0) - (b.data[p + c] ?? 0)));
        if (Math.max(...channels) > 6) changed++;
    });
    return changed;
}

async function whenReady(page: Page): Promise<void> {
    await page.waitForSelector('html[data-ready="true"]', { state: 'attached', timeout: SLOW });
}

/** What the sandbox leaves for the console, and what tests watch through it. */
interface Watched {
    head: TalkingHeadMesh;
    poses: number;
    loudest: number;
}

/** Counts poses, and keeps the loudest moment, from now on. */
async function watchLips(page: Page): Promise<void> {
    await page.evaluate(() => {
        const watched = globalThis as unknown as Watched;
        Object.assign(watched, { poses: 0, loudest: 0 });
        watched.head.onPosedObservable.add(({ voice }) => {
            watched.poses++;
            watched.loudest = Math.max(watched.loudest, voice.energy);
        });
    });
}

async function whenLipsMove(page: Page): Promise<void> {
    await page.waitForFunction(() => {
        const { poses, loudest } = globalThis as unknown as Watched;
        return poses >= 3 && loudest > 0.1;
    });
}

/** Clicks at once; Playwright's own click waits for frames, which are slow here. */
async function press(page: Page, id: string): Promise<void> {
    await page.locator(`#${id}`).evaluate((button: HTMLElement) => button.click());
}

/** Waits until an element says something. */
async function whenText(page: Page, id: string, text: string): Promise<void> {
    await page.waitForFunction(
        ([name, wanted]) => document.getElementById(name as string)?.textContent?.includes(wanted as string),
        [id, text],
    );
}

/** The panel's numbers of splats. */
async function splatNumbers(page: Page): Promise<[drawn: number, all: number]> {
    const parts = ((await page.locator('#splats').textContent()) ?? '').replaceAll(',', '').split(' / ');
    return [Number(parts[0]), Number(parts[1])];
}

async function dropFile(page: Page, name: string, bytes: Buffer): Promise<void> {
    await page.evaluate(
        ({ fileName, content }) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(content)], fileName));
            document.body.dispatchEvent(
                new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }),
            );
        },
        { fileName: name, content: [...bytes] },
    );
}

describe.skipIf(executablePath === undefined)('the sandbox in Chromium', () => {
    let browser: Browser;
    let server: PreviewServer;
    let address: string;
    let folder: string;

    /** A page of the sandbox; `prepare` runs before it loads. */
    async function open(query: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
        const page = await browser.newPage({ viewport: SIZE });
        page.setDefaultTimeout(SLOW);
        // Blurred glass is slow without a GPU.
        const session = await page.context().newCDPSession(page);
        const features = [{ name: 'prefers-reduced-transparency', value: 'reduce' }];
        await session.send('Emulation.setEmulatedMedia', { features });
        if (!existsSync(avatar)) {
            const body = Buffer.from(encodeHead(makeHead({ faceCount: 4000, mouthCount: 300, seed: 3, strength: 1 })));
            await page.route('**/avatars/ava.glb', (route) =>
                route.fulfill({ body, contentType: 'model/gltf-binary' }),
            );
        }
        await prepare?.(page);
        await page.goto(`${address}?${query}`, { timeout: SLOW });
        return page;
    }

    beforeAll(async () => {
        mkdirSync(output, { recursive: true });
        folder = mkdtempSync(join(tmpdir(), 'pgs-sandbox-'));
        const options = { configFile: resolve(root, 'vite.config.ts'), mode: 'sandbox', logLevel: 'error' } as const;
        await build({ ...options, build: { outDir: folder, emptyOutDir: true } });
        server = await preview({ ...options, build: { outDir: folder }, preview: { port: 0, open: false } });
        address = server.resolvedUrls?.local[0] ?? '';
        browser = await chromium.launch({
            executablePath: executablePath ?? '',
            args: [...WEBGPU_FLAGS, ...FAKE_MICROPHONE],
        });
    });

    afterAll(async () => {
        await browser?.close();
        await server?.close();
        rmSync(folder, { recursive: true, force: true });
    });

    it('shows a head in a room and lets the blink slider close its eyes', async () => {
        const page = await open(`${CHEAP}&t=0.5`);
        await whenReady(page);
        await expect(page.locator('#error').isHidden()).resolves.toBe(true);
        const before = await takePicture(page, 'sandbox');
        // A blank or single-tone canvas has a handful of colours even with the vignette over it.
        expect(distinctColours(before, SCENE)).toBeGreaterThan(60);
        expect((await splatNumbers(page))[1]).toBeGreaterThan(0);

        await page.locator('input[name="AU45"]').evaluate((input: HTMLInputElement) => {
            input.value = '1';
            input.dispatchEvent(new Event('input', { bubbles: true }));
        });
        await whenReady(page);
        const after = await takePicture(page, 'sandbox-expression');
        expect(changedPixels(before, after, HEAD)).toBeGreaterThan(20);
        // Only the face moved: the room beside it is the same picture.
        expect(changedPixels(before, after, [0, 0.2, 0.12, 0.8])).toBe(0);
        await page.close();
    });

    it('shows which splats the pixels need, without level of detail, and the head again', async () => {
        const page = await open(`${CHEAP}&t=0.5&heat=1&lod=0`);
        await whenReady(page);
        const legend = page.locator('#heat-legend');
        expect(await legend.innerText()).toMatch(/0\s+1\s+10\s+100\s+1000\+/);
        await expect(page.locator('#detail').isChecked()).resolves.toBe(false);
        const [drawn, all] = await splatNumbers(page);
        expect(drawn).toBeGreaterThan(0);
        expect(drawn).toBe(all);
        const hot = await takePicture(page, 'sandbox-heat');

        await page.locator('#heat').click();
        await page.locator('#detail').click();
        await whenReady(page);
        await expect(legend.isHidden()).resolves.toBe(true);
        await expect(page.locator('#detail').isChecked()).resolves.toBe(true);
        const after = await takePicture(page, 'sandbox-heat-off');
        expect(changedPixels(hot, after, HEAD)).toBeGreaterThan(1000);
        // The room beside the head, above the shoulder, keeps its colours.
        expect(changedPixels(hot, after, [0, 0.2, 0.14, 0.5])).toBe(0);
        await page.close();
    });

    it('plays, pauses, seeks and stops the clip, and takes another sound by drop', async () => {
        const page = await open(CHEAP);
        await whenReady(page);
        await press(page, 'loop');
        await page.locator('#play').click();
        await page.waitForSelector('#play[aria-label="Pause"]');
        await page.waitForFunction(() => document.getElementById('time')?.textContent !== '0:00.0');
        await page.keyboard.press('Space');
        await page.waitForSelector('#play[aria-label="Go on"]');
        await page.locator('#position').evaluate((slider: HTMLInputElement) => {
            slider.value = '9';
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            slider.dispatchEvent(new Event('change', { bubbles: true }));
        });
        await whenText(page, 'time', '0:09.0');
        await press(page, 'play');
        await page.waitForFunction(() => !document.getElementById('time')?.textContent?.endsWith(':09.0'));
        await press(page, 'stop');
        await page.waitForSelector('#play[aria-label="Play"]');
        await whenText(page, 'time', '0:00.0');
        await expect(page.locator('#stop').isDisabled()).resolves.toBe(true);

        await dropFile(page, 'mine.wav', readFileSync(resolve(root, 'tests/fixtures/hello-3s.wav')));
        await page.waitForFunction(() => document.getElementById('clip-name')?.textContent === 'mine.wav');
        await expect(page.locator('#error').isHidden()).resolves.toBe(true);

        await dropFile(page, 'noise.wav', Buffer.from('this is no sound'));
        await page.waitForSelector('#error:not([hidden])');
        expect(await page.locator('#error-message').textContent()).toContain('noise.wav');
        await page.close();
    });

    it('says typed text without a network, listens to a microphone, and tells what goes wrong', async () => {
        const faults: string[] = [];
        const page = await open(`${CHEAP}&lively=0`, async (fresh) => {
            fresh.on('pageerror', (error) => faults.push(error.message));
            fresh.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
        });
        await whenReady(page);
        await watchLips(page);
        await page.locator('#say-text').fill('hello');
        await page.locator('#say-text').press('Enter');
        expect(await page.locator('#caption').textContent()).toContain('hello');
        await page.waitForSelector('#caption [data-heard]', { state: 'attached' });
        await whenLipsMove(page);
        await page.waitForSelector('#say-button[data-state="silent"]');

        await page
            .locator('#say-text')
            .fill('This is a long sentence, which nobody will hear to its end, for it is interrupted.');
        await page.locator('#say-text').press('Enter');
        await page.waitForSelector('#say-button[data-state="speaking"]');
        await page.waitForSelector('#caption [data-heard]', { state: 'attached' });
        await press(page, 'say-button');
        await page.waitForSelector('#say-button[data-state="silent"]');
        await page.waitForSelector('#play[aria-label="Play"]');

        await watchLips(page);
        await press(page, 'microphone');
        await whenText(page, 'live-status', 'Listening');
        await whenText(page, 'voice-place', 'messages');
        await whenLipsMove(page);
        const volume = page.evaluate(() => (globalThis as unknown as Watched).head.voice.volume);
        await expect(volume).resolves.toBe(0);
        await press(page, 'latency-low');
        await page.waitForFunction(() => (globalThis as unknown as Watched).head.voice.metrics.delayMs === 100);
        await press(page, 'microphone');
        await page.waitForSelector('#microphone[aria-pressed="false"]');
        await expect(page.locator('#error').isHidden()).resolves.toBe(true);

        await page.evaluate(() => {
            navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Denied', 'NotAllowedError'));
        });
        await press(page, 'microphone');
        await page.waitForSelector('#error:not([hidden])');
        expect(await page.locator('#error-title').textContent()).toContain('not allowed');
        expect(faults).toEqual([]);
        await page.close();
    });

    it('explains a broken .glb and keeps the head that was there', async () => {
        const page = await open(`${CHEAP}&t=0.5`);
        await whenReady(page);
        const [, splats] = await splatNumbers(page);
        await dropFile(page, 'bad.glb', Buffer.from('not a binary glTF at all'));
        await page.waitForSelector('#error:not([hidden])');
        expect((await page.locator('#error-message').textContent())?.length).toBeGreaterThan(20);
        expect(await page.locator('#error-hint').textContent()).toContain('stays');
        await page.keyboard.press('Escape');
        await expect(page.locator('#error').isHidden()).resolves.toBe(true);
        await whenReady(page);
        expect((await splatNumbers(page))[1]).toBe(splats);
        await page.close();
    });

    it('says what is missing when the avatar is not there', async () => {
        const page = await open(`${CHEAP}&avatar=avatars/nobody.glb`);
        await page.waitForSelector('#error:not([hidden])');
        expect(await page.locator('#error-message').textContent()).toContain('nobody.glb');
        await page.close();
    });

    it('says which browsers have WebGPU where it is missing', async () => {
        const page = await open('', async (fresh) => {
            await fresh.addInitScript(() => {
                Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined, configurable: true });
            });
        });
        await page.waitForSelector('html[data-ready="unsupported"]', { state: 'attached' });
        const text = await page.locator('#unsupported').innerText();
        for (const words of ['needs WebGPU', 'Chrome', 'Safari', 'Firefox']) expect(text).toContain(words);
        await expect(page.locator('#view').isHidden()).resolves.toBe(true);
        await page.close();
    });
});
