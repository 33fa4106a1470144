import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingBrowser, type BrowserPage } from '../helpers/chromium.js';
import { openStageAsync } from './open-stage.js';
import type { Step } from './page/sound-scenes.js';

const reason = missingBrowser();

/** Position against the sample that was rendered at the same context time, s. Measured 0.0004. */
const POSITION_TOLERANCE = 0.005;

/** Scripts on a ramp of 4 s; each is played for {@link SCRIPT_SECONDS}. */
const SCRIPT_SECONDS = 3;
const SCRIPTS: Readonly<Record<string, readonly Step[]>> = {
    'pause and resume': [
        [0, 'play'],
        [0.6, 'pause'],
        [0.9, 'resume'],
        [1.3, 'pause'],
        [1.5, 'play'],
        [2.5, 'stop'],
    ],
    'seeks, playing and paused': [
        [0, 'play'],
        [0.5, 'set', { currentTime: 2 }],
        [1, 'pause'],
        [1.2, 'set', { currentTime: 0.5 }],
        [1.4, 'resume'],
        [1.6, 'set', { currentTime: 3.2 }],
    ],
    'a loop with ends, paused within and left': [
        [0, 'set', { loop: true, loopStart: 0.5, loopEnd: 1.1 }],
        [0, 'play'],
        [1.8, 'pause'],
        [2, 'resume'],
        [2.5, 'set', { loop: false }],
    ],
    'a start behind the loop': [
        [0, 'set', { loop: true, loopStart: 1, loopEnd: 1.5, startOffset: 2 }],
        [0, 'play'],
    ],
    'changes of rate and pitch, and a pause': [
        [0, 'play'],
        [0.4, 'set', { playbackRate: 2 }],
        [0.7, 'set', { pitch: -1200 }],
        [1, 'set', { playbackRate: 0.5 }],
        [1.5, 'set', { pitch: 700, playbackRate: 1.3 }],
        [1.8, 'pause'],
        [2, 'resume'],
    ],
    'a loop at another rate, paused and changed meanwhile': [
        [0, 'set', { loop: true, playbackRate: 1.7 }],
        [0, 'play'],
        [1, 'set', { playbackRate: 3 }],
        [1.2, 'pause'],
        [1.4, 'set', { playbackRate: 1 }],
        [1.5, 'resume'],
        [2.2, 'set', { pitch: 1200 }],
    ],
    'newer playbacks that end the older': [
        [0, 'set', { maxInstances: 1 }],
        [0, 'play'],
        [0.5, 'again'],
        [1, 'again'],
        [1.2, 'set', { playbackRate: 1.5 }],
    ],
    'a part of the buffer': [
        [0, 'set', { duration: 0.5, startOffset: 1 }],
        [0, 'play'],
        [0.8, 'again'],
    ],
    'sixty changes of rate': [
        [0, 'play'],
        ...Array.from({ length: 60 }, (_, i): Step => [0.1 + i * 0.04, 'set', { playbackRate: 1 + 0.6 * Math.sin(i) }]),
    ],
    'a loop that is left and entered right at its end': [
        [0, 'set', { loop: true, loopStart: 1, loopEnd: 1.2, startOffset: 1 }],
        [0, 'play'],
        ...Array.from({ length: 10 }, (_, i): Step => [0.2 * i + 0.18, 'set', { loop: i % 2 === 1 }]),
    ],
    'changes between two questions': [
        [0, 'play'],
        ...[0.4, 0.8, 1.2].flatMap((time): Step[] => [
            [time, 'set', { playbackRate: 3, pitch: -600 }],
            [time, 'wait'],
            [time, 'set', { playbackRate: 0.5, pitch: 0 }],
            [time, 'wait'],
            [time, 'set', { playbackRate: 1 }],
        ]),
    ],
};

describe.skipIf(reason !== undefined)(`sounds of the game in Chromium ${reason ?? ''}`, () => {
    let browser: BrowserPage;

    beforeAll(async () => {
        browser = await openStageAsync();
    });

    afterAll(async () => {
        await browser?.closeAsync();
        expect(browser?.errors ?? []).toEqual([]);
    });

    it.for(Object.entries(SCRIPTS))('knows where a static sound is to 5 ms: %s', async ([, script]) => {
        const { probes, isSameBuffer } = await browser.page.evaluate(
            ([script, seconds]) => soundStage.followAsync(script, seconds),
            [script, SCRIPT_SECONDS] as const,
        );
        expect(isSameBuffer).toBe(true);
        // At the end it stands still until the engine tells of it; nothing is rendered then.
        const playing = probes.filter(({ state, rate }) => state === 'playing' && rate > 0);
        expect(playing.length).toBeGreaterThan(20);
        const wrong = playing.filter(({ position, rendered }) => Math.abs(position - rendered) > POSITION_TOLERANCE);
        expect(wrong).toEqual([]);
    });

    it('tells the state and rate of a static sound, and its end once', async () => {
        const script: Step[] = [
            [0.2, 'play'],
            [0.2, 'play'],
            [0.5, 'pause'],
            [0.8, 'resume'],
            [1.1, 'set', { playbackRate: 2, pitch: 1200 }],
            [1.4, 'set', { currentTime: 3.9 }],
        ];
        const seen = await browser.page.evaluate((script) => soundStage.followAsync(script, 2), script);
        const states = seen.probes.map(({ state }) => state);
        expect(states.filter((state, i) => state !== states[i - 1])).toEqual([
            'stopped',
            'playing',
            'paused',
            'playing',
            'stopped',
        ]);
        const rateAt = (time: number): number | undefined => seen.probes.find((probe) => probe.time > time)?.rate;
        expect([rateAt(0), rateAt(0.35), rateAt(0.65), rateAt(1.25)]).toEqual([0, 1, 0, 4]);
        const paused = seen.probes.filter(({ state }) => state === 'paused').map(({ position }) => position);
        expect(new Set(paused).size).toBe(1);
        expect(seen.ends).toBe(1);
        expect(seen.after).toBe('stopped');
    });

    it('takes a bus or a sound source out of the mix until it is released, or the head is gone', async () => {
        const seen = await browser.page.evaluate(() => soundStage.routeAsync());
        expect(seen).toEqual({
            before: 0.5,
            out: 0,
            through: 0.5,
            routedTwice: 0,
            back: 0.5,
            outSource: 0,
            backSource: 0.5,
            isPlayable: [null, null, null],
        });
    });

    it('takes a streaming sound out of the mix, plays it once and tells its end', async () => {
        const seen = await browser.page.evaluate(() => soundStage.streamAsync());
        expect(seen.heard).toEqual([0, 0]);
        // PCM16 rounds 0.5 to 16384 of 32767.
        expect(seen.carried[0]).toBeCloseTo(0.5, 4);
        expect(seen.back[0]).toBeCloseTo(0.5, 4);
        expect(seen.instances).toBe(1);
        expect([seen.endsAlone, seen.ends]).toEqual([1, 2]);
    });

    it('refuses what cannot be used, with a cure, and leaves alone what is no sound of the engine', async () => {
        const { nothing, errors, isJoined } = await browser.page.evaluate(() => soundStage.refuseAsync());
        expect(nothing).toEqual([null, null, null, null, null, null]);
        expect(isJoined).toBe(true);
        expect(errors).toEqual({
            main: expect.stringMatching(
                /^OPTION_VALUE: Voice: expected .*, got a main bus .*CreateAudioBusAsync/,
            ) as string,
            own: expect.stringMatching(/^OPTION_VALUE: .*not heard, got one that carries it \("ava"\)/) as string,
            bus: expect.stringMatching(/^OPTION_VALUE: .*not heard, got one that carries it \("dialogue"\)/) as string,
            foreign: expect.stringMatching(/^OPTION_VALUE: .*engine, got one of another \("foreign"\)/) as string,
            disposed: expect.stringMatching(/^OPTION_VALUE: .*got a disposed one/) as string,
            buffer: expect.stringMatching(/^OPTION_VALUE: .*make a sound of it/) as string,
        });
    });
});
