import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingBrowser, type BrowserPage } from '../helpers/chromium.js';
import { openStageAsync } from './open-stage.js';

const reason = missingBrowser();
/** The scenes' signal is constant, so levels are exact up to the rounding of the mean: digits. */
const DIGITS = 6;

function expectLevel(level: readonly number[], expected: number): void {
    for (const side of level) expect(side).toBeCloseTo(expected, DIGITS);
}

describe.skipIf(reason !== undefined)(`a voice in Babylon's mix in Chromium ${reason ?? ''}`, () => {
    let browser: BrowserPage;
    let connected: ReturnType<typeof hostStage.connectAsync> | undefined;
    /** One run for the tests that look at it. */
    function connectAsync(): ReturnType<typeof hostStage.connectAsync> {
        connected ??= browser.page.evaluate(() => hostStage.connectAsync());
        return connected;
    }

    beforeAll(async () => {
        browser = await openStageAsync();
    });

    afterAll(async () => {
        await browser?.closeAsync();
        expect(browser?.errors ?? []).toEqual([]);
    });

    // First: later scenes load Babylon's engine.
    it('makes one engine for all heads when the game has none, loaded when sound is needed', async () => {
        const seen = await browser.page.evaluate(() => hostStage.shareAsync());
        expect([seen.filesBefore, seen.filesOpened, seen.filesAfter]).toEqual([0, 0, 1]);
        expect([seen.isOne, seen.isFound, seen.isLater]).toEqual([true, true, true]);
        expect(seen.engines).toBe(1);
        expectLevel(seen.both, 1);
        expectLevel(seen.one, 0.5);
        expect(seen.liveWithOne).toBe(1);
        expect(seen.end).toEqual({ engines: 0, context: 'closed' });
    });

    it('leaves an engine to the game that has put sounds in it, and disposes one that comes too late', async () => {
        const seen = await browser.page.evaluate(() => hostStage.leaveToGameAsync());
        expect(seen).toEqual({ isLive: true, code: 'DISPOSED', engines: 0, state: 'closed' });
    });

    it('is a sound source of the game: once and whole, with its volume and bus, set while it sounds or not', async () => {
        const seen = await connectAsync();
        expect(seen.isSameContext).toBe(true);
        expectLevel(seen.connected, 0.5);
        expectLevel(seen.quiet, 0.125);
        expectLevel(seen.bussed, 0.0625);
        expectLevel(seen.muted, 0);
        expectLevel(seen.disconnected, 0);
        expectLevel(seen.again, 0.125);
    });

    it('leaves the other connections of the voice as they are', async () => {
        const seen = await connectAsync();
        expect(seen.tapLevel).toBe(0.5);
    });

    it('frees its source with the head, and not the engine of the game', async () => {
        const seen = await connectAsync();
        expectLevel(seen.disposed, 0);
        expect(seen.freed).toBe(1);
        expect(seen.isEngineLive).toBe(true);
        expect(seen.error).toMatch(/^DISPOSED: Voice: expected a live head/);
    });

    it('goes over to the new engine after the game disposed the old one, unless that was given', async () => {
        const seen = await browser.page.evaluate(() => hostStage.replaceEngineAsync());
        expect([seen.isNew, seen.isSourceNew]).toEqual([true, true]);
        expect(seen.error).toMatch(/^AUDIO_UNAVAILABLE: Voice: expected a live Babylon audio engine/);
    });

    it.for([true, false])('comes from the head and follows it (engine of the game: %s)', async (isOfGame) => {
        const seen = await browser.page.evaluate((isOfGame) => hostStage.spatialAsync(isOfGame), isOfGame);
        const balance = ([left, right]: readonly number[]): number => Number(right) / Number(left);
        // 2 m to the side and 1 m ahead: measured 4.2 to 1.
        expect(balance(seen.right)).toBeGreaterThan(3);
        expect(balance(seen.left)).toBeLessThan(1 / 3);
        expect(balance(seen.turned)).toBeGreaterThan(3);
        expect(balance(seen.far)).toBeLessThan(1 / 20);
        expect(seen.isAttached).toBe(true);
        expectLevel(seen.gone, 0);
    });

    it("keeps the ear on the scene's camera in the engine that heads share", async () => {
        const seen = await browser.page.evaluate(() => hostStage.changeCameraAsync());
        expect(seen).toEqual({ first: true, second: true });
    });
});
