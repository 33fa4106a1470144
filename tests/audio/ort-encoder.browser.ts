import { resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrtEncoder } from '../../plugin/audio/ort/index.js';
import { WINDOW_SIZE } from '../../plugin/audio/windows.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';
import { missingBrowser, openPageAsync, type BrowserPage } from '../helpers/chromium.js';
import { attentionOnnx, attentionWeights } from './ort-models.js';
import type {} from './ort-page/page.js';
import { noise } from './sounds.js';

const COUNT = 3;
const onnx = attentionOnnx(attentionWeights(3));
const windows = noise(COUNT * WINDOW_SIZE, 1, 11);
const [model, input] = [[...onnx], [...windows]];

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
    expect(a.length).toBe(b.length);
    return Array.from(a, (value, i) => Math.abs(value - (b[i] as number))).reduce((x, y) => Math.max(x, y), 0);
}

const reason = missingBrowser();

describe.skipIf(reason !== undefined)(`onnxruntime-web on Babylon's device ${reason ?? ''}`, () => {
    let browser: BrowserPage;
    const onCpu = new Float32Array(COUNT * AUDIO_FEAT_DIM);

    beforeAll(async () => {
        const encoder = await OrtEncoder.createAsync(onnx);
        await encoder.encode(windows, COUNT, onCpu);
        await encoder.dispose();
        browser = await openPageAsync(resolve(import.meta.dirname, 'ort-page'), {}, { width: 160, height: 120 });
        await browser.page.evaluate(() => ortPage.startAsync());
    });

    afterAll(async () => {
        await browser?.closeAsync();
    });

    async function middleAfterDrawing(colour: readonly [number, number, number]): Promise<number[]> {
        await browser.page.evaluate((rgb) => ortPage.drawAsync(...rgb), colour);
        const png = await browser.page.locator('#canvas').screenshot();
        const { data, info } = await sharp(png).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
        const at = 4 * ((info.height >> 1) * info.width + (info.width >> 1));
        return [...data.subarray(at, at + 3)];
    }

    it('runs on the CPU of the page as in Node', async () => {
        expect(await browser.page.evaluate((bytes) => ortPage.openAsync(bytes, false), model)).toEqual({
            name: 'wasm',
            reason: 'no device was given',
        });
        const features = await browser.page.evaluate(([w, n]) => ortPage.encodeAsync(w, n), [input, COUNT] as const);
        expect(maxDifference(features, onCpu)).toBe(0);
        await browser.page.evaluate(() => ortPage.disposeEncoderAsync());
    });

    it('computes on the very device that Babylon draws with, and gives the f_a of the CPU', async () => {
        expect(await middleAfterDrawing([1, 0, 0])).toEqual([255, 0, 0]);
        expect(await browser.page.evaluate(() => ortPage.counts.computePipelines)).toBe(0);
        expect(await browser.page.evaluate((bytes) => ortPage.openAsync(bytes, true), model)).toEqual({
            name: 'webgpu',
            reason: 'runs on the given device',
        });
        const before = await browser.page.evaluate(() => ({ ...ortPage.counts }));
        // A box needs none: these are the encoder's. 6 with version 1.30.
        expect(before.computePipelines).toBeGreaterThan(0);
        const features = await browser.page.evaluate(([w, n]) => ortPage.encodeAsync(w, n), [input, COUNT] as const);
        // The bar; measured 3.6e-7 on values up to 0.94.
        expect(maxDifference(features, onCpu)).toBeLessThan(1e-5);
        const after = await browser.page.evaluate(() => ortPage.counts);
        expect(after.submits).toBeGreaterThan(before.submits);
        expect(after.errors).toEqual([]);
    });

    it('leaves the device to Babylon, before and after it is disposed', async () => {
        expect(await middleAfterDrawing([0, 1, 0])).toEqual([0, 255, 0]);
        await browser.page.evaluate(() => ortPage.disposeEncoderAsync());
        expect(await middleAfterDrawing([0, 0, 1])).toEqual([0, 0, 255]);
        expect(await browser.page.evaluate(() => ortPage.counts.errors)).toEqual([]);
        expect(browser.errors).toEqual([]);
    });

    it('can tell a buffer of another device', async () => {
        expect(await browser.page.evaluate(() => ortPage.probeAsync())).toEqual({
            own: true,
            foreign: false,
            errors: [],
        });
    });

    it('goes on with the CPU when the device is lost in mid-run', async () => {
        await browser.page.evaluate((bytes) => ortPage.openAsync(bytes, true), model);
        const lost = await browser.page.evaluate(([w, n]) => ortPage.encodeAcrossLossAsync(w, n), [
            input,
            COUNT,
        ] as const);
        expect(maxDifference(lost.features, onCpu)).toBe(0);
        expect(lost.provider?.name).toBe('wasm');
        expect(lost.provider?.reason).toMatch(/^the device was lost \(destroyed\)/);
        const later = await browser.page.evaluate(([w, n]) => ortPage.encodeAsync(w, n), [input, COUNT] as const);
        expect(maxDifference(later, onCpu)).toBe(0);
        await browser.page.evaluate(() => ortPage.disposeEncoderAsync());
    });
});
