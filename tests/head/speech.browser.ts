import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeHead } from '../../plugin/core/index.js';
import { missingBrowser, openPageAsync, type BrowserPage } from '../helpers/chromium.js';
import { makeHead } from '../helpers/make-head.js';
import type {} from './speech-page/page.js';

const reason = missingBrowser();
const FILES = {
    // Few splats, so that software WebGPU draws some pictures a second.
    'head.glb': encodeHead(makeHead({ faceCount: 800, mouthCount: 120, seed: 9 })),
    'hello.wav': readFileSync('tests/fixtures/hello-3s.wav'),
};
/** Louder than any noise of the graph, softer than speech: a share of full scale in one bin of the spectrum. */
const AUDIBLE = 1e-3;

describe.skipIf(reason !== undefined)(`heads that speak in a Babylon game ${reason ?? ''}`, () => {
    let browser: BrowserPage;

    beforeEach(async () => {
        browser = await openPageAsync(resolve(import.meta.dirname, 'speech-page'), FILES, { width: 320, height: 240 });
    });

    afterEach(async () => {
        await browser.closeAsync();
        expect(browser.errors).toEqual([]);
    });

    it('says what a clip, a static sound, a streaming sound and a bus of the game carry, through the mix of the game', async () => {
        const seen = await browser.page.evaluate(async () => {
            globalThis.game = await startGame(1);
            const { audio, dialogue, heads } = game;
            const { voice } = heads[0] as (typeof heads)[number];
            const source = await (heads[0] as (typeof heads)[number]).soundSourceAsync();
            source.outBus = dialogue;
            const part = async (run: () => Promise<unknown>): Promise<object> => {
                game.takePoses();
                const isSaid = await run();
                const level = await game.levelOf(0, 1200);
                const { isPlaying, currentTime } = voice;
                const hasMoved = await game.posesAsync(3);
                voice.stop();
                await new Promise((r) => setTimeout(r, 300));
                return { isSaid, level, isPlaying, currentTime, hasMoved };
            };
            voice.loop = true;
            const clip = await part(async () => voice.play(await game.bufferAsync('hello.wav')));
            const address = await part(() => voice.play('hello.wav'));
            const known = await audio.createSoundAsync('known', 'hello.wav', { outBus: dialogue, loop: true });
            const sound = await part(() => voice.play(known));
            const stream = await audio.createStreamingSoundAsync('stream', 'hello.wav', {
                outBus: dialogue,
                loop: true,
            });
            const streaming = await part(() => voice.play(stream));
            const loud = await audio.createSoundAsync('radio', 'hello.wav', { loop: true });
            const radio = await audio.createBusAsync('radio');
            loud.outBus = radio;
            loud.play();
            const bus = await part(() => voice.attach(radio));
            const backOnBus = radio.outBus !== null;
            const { events } = game;
            return { clip, address, sound, streaming, bus, backOnBus, events, bus0: source.outBus === dialogue };
        });
        const said = { isSaid: true, isPlaying: true, hasMoved: true };
        const heard = { level: expect.toSatisfy((level: number) => level > AUDIBLE) };
        const placed = { currentTime: expect.toSatisfy((time: number) => time > 0.8 && time < 2) };
        expect(seen.clip).toMatchObject({ ...said, ...heard, ...placed });
        expect(seen.address).toMatchObject({ ...said, ...heard, ...placed });
        // The game's own sound goes on sounding through its own bus; the lips only follow it.
        expect(seen.sound).toMatchObject({ ...said, ...placed });
        expect(seen.streaming).toMatchObject({ ...said, ...heard });
        expect(seen.bus).toMatchObject({ ...said, ...heard });
        expect([seen.backOnBus, seen.bus0]).toEqual([true, true]);
        expect(seen.events).toEqual(Array.from({ length: 5 }, () => ['0 start', '0 stopped']).flat());
    });

    it('lets two heads talk at once in one worker, and the second goes on when the first is disposed', async () => {
        const { page } = browser;
        await page.evaluate(async () => {
            globalThis.game = await startGame(2);
            const buffer = await game.bufferAsync('hello.wav');
            game.liven(0);
            await Promise.all(game.heads.map((head) => head.voice.play(buffer, { loop: true })));
        });
        expect(page.workers()).toHaveLength(1);
        const levels = await page.evaluate(async () => {
            const before = await Promise.all([game.levelOf(0, 800), game.levelOf(1, 800)]);
            game.heads[0]?.dispose();
            return [...before, await game.levelOf(1, 800)];
        });
        for (const level of levels) expect(level).toBeGreaterThan(AUDIBLE);
        await page.evaluate(() => game.heads[1]?.dispose());
        await expect.poll(() => page.workers().length).toBe(0);
    });
});
