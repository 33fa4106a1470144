import { resolve } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeHead, type Camera } from '../../plugin/core/index.js';
import { missingBrowser, openPageAsync, type BrowserPage } from '../helpers/chromium.js';
import { headOf, someAudioFeature } from '../helpers/head-of.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { oneSplat } from '../helpers/scenes.js';
import { BACKGROUND, pixelAt, psnr, referencePicture } from '../helpers/stage.js';
import type {} from './page/page.js';

const [WIDTH, HEIGHT] = [160, 120] as const;
const PINHOLE: Camera = lookAt([0.12, 0.06, 0.62], [0, 0, 0], {
    fx: 240,
    fy: 240,
    cx: 84,
    cy: 58,
    width: WIDTH,
    height: HEIGHT,
});
/** Where the origin of head space falls in the picture. */
const [MIDDLE_X, MIDDLE_Y] = [84, 58] as const;
/** The top of the bust's rim, where its splats lie at depth 0. */
const CROWN = [82, 16] as const;
const RED = oneSplat({ scale: 0.04, logitOpacity: 20, colour: [1, 0, 0] });
const NO_MOUTH = oneSplat({ mean: [0, -0.1, 0], scale: 0.001, logitOpacity: -20 });

const bust = makeHead({ faceCount: 800, mouthCount: 120, seed: 9 });
const bustGlb = encodeHead(bust);
const ballGlb = encodeHead(headOf(RED, NO_MOUTH, { strength: 0 }));

async function screenshot(page: Page): Promise<Uint8Array> {
    await page.evaluate(() => pageStage.drawAsync());
    const png = await page.locator('#canvas').screenshot();
    return new Uint8Array(await sharp(png).ensureAlpha().raw().toBuffer());
}

async function middle(page: Page): Promise<[number, number, number]> {
    return pixelAt(await screenshot(page), WIDTH, MIDDLE_X, MIDDLE_Y);
}

const reason = missingBrowser();

describe.skipIf(reason !== undefined)(`a talking head in Chromium ${reason ?? ''}`, () => {
    let browser: BrowserPage;

    beforeAll(async () => {
        const folder = resolve(import.meta.dirname, 'page');
        const files = { 'bust.glb': bustGlb, 'ball.glb': ballGlb };
        browser = await openPageAsync(folder, files, { width: WIDTH, height: HEIGHT });
        await browser.page.evaluate(
            ([pinhole, background]) => pageStage.startAsync(pinhole as Camera, background as [number, number, number]),
            [PINHOLE, BACKGROUND] as const,
        );
    });

    afterAll(async () => {
        await browser?.closeAsync();
    });

    it('loads from a URL with progress, and its picture agrees with the float64 reference', async () => {
        const loaded = await browser.page.evaluate(() => pageStage.loadAsync('bust.glb'));
        expect(loaded.classNames).toEqual(['Mesh', 'TalkingHeadMesh']);
        expect(loaded.splatCount).toBe(920);
        expect(Math.max(...loaded.progress)).toBe(bustGlb.length);
        const instant = { audioFeat: [...someAudioFeature(4)], exprFeat: [0, 0.3, 0, 1, 0, 0.6] };
        await browser.page.evaluate(({ audioFeat, exprFeat }) => pageStage.pose(audioFeat, exprFeat), instant);
        const { rgb, alpha } = referencePicture(bust, PINHOLE, instant);
        // The bar is 40 dB over the head; measured 52.7.
        const picture = await screenshot(browser.page);
        expect(pixelAt(picture, WIDTH, ...CROWN)[0]).toBeGreaterThan(100);
        expect(psnr(picture, rgb, (pixel) => (alpha[pixel] as number) > 0.02)).toBeGreaterThan(43);
    });

    it('loads from a File', async () => {
        const loaded = await browser.page.evaluate((bytes) => pageStage.loadAsync(bytes), [...ballGlb]);
        expect(loaded.classNames).toEqual(['Mesh', 'TalkingHeadMesh']);
        const [red, green] = await middle(browser.page);
        expect(red).toBeGreaterThan(240);
        expect(green).toBeLessThan(12);
    });

    it('is hidden by a box in front', async () => {
        await browser.page.evaluate(() => pageStage.setBox(0.1, [0, 0, 0.15]));
        expect(await middle(browser.page)).toEqual([0, 255, 0]);
    });

    it('hides a wall behind', async () => {
        await browser.page.evaluate(() => pageStage.setBox(0.5, [0, 0, -0.5]));
        const picture = await screenshot(browser.page);
        expect(pixelAt(picture, WIDTH, MIDDLE_X, MIDDLE_Y)[0]).toBeGreaterThan(240);
        expect(pixelAt(picture, WIDTH, MIDDLE_X + 60, MIDDLE_Y)).toEqual([0, 255, 0]);
    });

    it('intersects a box that stands in the middle of it', async () => {
        // The bust's shell lies before and behind a box whose front face cuts it at z = 0.05 m.
        await browser.page.evaluate(() => pageStage.loadAsync('bust.glb'));
        await browser.page.evaluate(() => pageStage.setBox(0.24, [0, 0, -0.07]));
        const picture = await screenshot(browser.page);
        // The nose is in front of the box. The crown, dense skin without the box, is inside it.
        expect(pixelAt(picture, WIDTH, MIDDLE_X, MIDDLE_Y)[1]).toBeLessThan(230);
        const [red, green] = pixelAt(picture, WIDTH, ...CROWN);
        expect(red).toBeLessThan(8);
        expect(green).toBeGreaterThan(247);
    });

    it('reports no error to the page', () => {
        expect(browser.errors).toEqual([]);
    });
});
