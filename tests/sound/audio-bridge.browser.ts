import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingBrowser, type BrowserPage } from '../helpers/chromium.js';
import { openStageAsync } from './open-stage.js';

const reason = missingBrowser();

// These fail when a new Babylon renames or changes what the bridge reaches for.
describe.skipIf(reason !== undefined)(`audio bridge in Chromium ${reason ?? ''}`, () => {
    let browser: BrowserPage;
    let seen: Awaited<ReturnType<typeof soundStage.bridgeAsync>>;

    beforeAll(async () => {
        browser = await openStageAsync();
        seen = await browser.page.evaluate(() => soundStage.bridgeAsync());
    });

    afterAll(async () => {
        await browser?.closeAsync();
    });

    it('finds the context of an engine, and none where it is offline', () => {
        expect(seen.contexts).toEqual([true, true]);
    });

    it('finds the samples of a static sound', () => {
        expect(seen.isBuffer).toBe(true);
    });

    it('finds the last node of a sound, a bus and a sound source', () => {
        expect(seen.outNodes).toEqual(['GainNode', 'GainNode', 'GainNode']);
    });

    it('sees a playback from its start through pause and resume, each told at once', () => {
        expect(seen.shows).toBe(true);
        expect(seen.before).toBeNull();
        // SoundState: started, paused, started, and stopped by a seek or the engine's end.
        expect(seen.states.slice(0, 3)).toEqual([3, 5, 3]);
        expect(Math.abs(seen.startTime)).toBeLessThan(0.03);
    });

    it('knows how long a playback ran before it was paused, and that a seek clears it', () => {
        expect(seen.paused).toBeGreaterThan(0.05);
        expect(seen.paused).toBeLessThan(0.5);
        expect(seen.sought).toBe(0);
    });

    it('is told before and after a change of loop, rate and pitch', () => {
        expect(seen.covered).toBe(5);
        expect(seen.changes).toEqual(['before false', 'after true']);
    });

    it('knows when a change of rate or pitch is complete', () => {
        expect(seen.unchanged).toEqual([0, 0]);
        // The audio thread may go on by some quanta between the change and the question.
        for (const ramp of [seen.rateRamp, seen.pitchRamp]) {
            expect(ramp).toBeLessThanOrEqual(seen.rampSeconds + 1e-9);
            expect(ramp).toBeGreaterThan(seen.rampSeconds - 0.03);
        }
    });
});
