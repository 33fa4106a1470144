import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { computeSpeechFeatures, decodeWav, TsEncoder, windowOf, WINDOW_SIZE } from '../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM, decodeHead, type Camera, type HeadAsset } from '../../plugin/core/index.js';
import { CpuDeformer } from '../../plugin/deformer/cpu-deformer.js';
import { Engine } from '../../tools/trainer-node/src/native/engine.js';
import { missingBrowser, openPageAsync, type BrowserPage } from '../helpers/chromium.js';
import { lookAt } from '../helpers/look-at.js';
import { BACKGROUND, psnr } from '../helpers/stage.js';
import type {} from './page/page.js';

/*
 * The default avatar, drawn by the plugin in a browser and by the trainer's own renderer: same camera, same instant of speech.
 */

const root = resolve(import.meta.dirname, '../..');
const SIZE = 512;
/** The training camera's intrinsics (33 degrees). */
const INTRINSICS = { fx: 864.242, fy: 864.242, cx: SIZE / 2, cy: SIZE / 2, width: SIZE, height: SIZE };

/** Five views inside the cone that the avatar was trained for, at five video frames of the fixture's speech. */
const VIEWS: readonly {
    readonly eye: readonly [number, number, number];
    readonly frame: number;
    readonly blink: number;
}[] = [
    { eye: [0, 0, 0.65], frame: 12, blink: 0 },
    { eye: [0.25, 0.05, 0.6], frame: 25, blink: 1 },
    { eye: [-0.3, 0.02, 0.58], frame: 38, blink: 0 },
    { eye: [0.1, 0.14, 0.55], frame: 51, blink: 0.4 },
    { eye: [-0.12, -0.08, 0.7], frame: 64, blink: 0 },
];

/** The bar: dB over the head. */
const BAR = 40;

function featureOf(asset: HeadAsset, frame: number): Float32Array {
    const wav = decodeWav(new Uint8Array(readFileSync(resolve(root, 'tests/fixtures/hello-3s.wav'))));
    const { mel, frames, silence } = computeSpeechFeatures(wav.samples, wav.sampleRate, asset.audio);
    const window = new Float32Array(WINDOW_SIZE);
    windowOf(mel, frames, frame, window, silence);
    const feature = new Float32Array(AUDIO_FEAT_DIM);
    TsEncoder.fromOnnx(asset.encoderOnnx).encode(window, 1, feature);
    return feature;
}

const reason = missingBrowser();

describe.skipIf(reason !== undefined)(`the default avatar in Chromium and in the trainer ${reason ?? ''}`, () => {
    const bytes = new Uint8Array(readFileSync(resolve(root, 'sandbox/public/avatars/ava.glb')));
    const asset = decodeHead(bytes);
    const deformer = new CpuDeformer(asset);
    const engine = Engine.open({ threads: 2, seed: 0 });
    let browser: BrowserPage;

    beforeAll(async () => {
        browser = await openPageAsync(
            resolve(import.meta.dirname, 'page'),
            { 'ava.glb': bytes },
            { width: SIZE, height: SIZE },
        );
        await browser.page.evaluate(
            ([pinhole, background]) => pageStage.startAsync(pinhole as Camera, background as [number, number, number]),
            [lookAt([0, 0, 0.65], [0, 0, 0], INTRINSICS), BACKGROUND] as const,
        );
        await browser.page.evaluate(() => pageStage.loadAsync('ava.glb'));
    });

    afterAll(async () => {
        engine.dispose();
        await browser?.closeAsync();
    });

    it.each(VIEWS)(
        `show the same picture, $eye, frame $frame: at least ${BAR} dB over the head`,
        async ({ eye, frame, blink }) => {
            const camera = lookAt(eye, [0, 0, 0], INTRINSICS);
            const audioFeat = featureOf(asset, frame);
            const expression = asset.expression.names.map((name) => (name === 'AU45' ? blink : 0));

            const pose = deformer.deform(audioFeat, expression);
            const face = await engine.renderSplats(pose.face, camera);
            const mouth = await engine.renderSplats(pose.mouth, camera);
            const expected = new Float64Array(SIZE * SIZE * 3);
            const alpha = new Float64Array(SIZE * SIZE);
            for (let p = 0; p < SIZE * SIZE; p++) {
                const left = 1 - (face[p * 4 + 3] as number);
                const leftBehind = 1 - (mouth[p * 4 + 3] as number);
                alpha[p] = 1 - left * leftBehind;
                for (let c = 0; c < 3; c++) {
                    // Eq. 10 over the background.
                    const behind = (mouth[p * 4 + c] as number) + leftBehind * (BACKGROUND[c] as number);
                    expected[p * 3 + c] = (face[p * 4 + c] as number) + left * behind;
                }
            }

            await browser.page.evaluate((pinhole) => pageStage.lookThrough(pinhole), camera);
            await browser.page.evaluate(([f, e]) => pageStage.pose(f, e), [[...audioFeat], expression] as const);
            await browser.page.evaluate(() => pageStage.drawAsync());
            const png = await browser.page.locator('#canvas').screenshot();
            const shown = new Uint8Array(await sharp(png).ensureAlpha().raw().toBuffer());
            const decibel = psnr(shown, expected, (p) => (alpha[p] as number) > 0.5);
            process.stdout.write(`picture parity, frame ${frame}: ${decibel.toFixed(1)} dB over the head\n`);
            expect(decibel).toBeGreaterThanOrEqual(BAR);
        },
    );
});
