import { describe, expect, it } from 'vitest';
import { analyseClip } from '../../plugin/audio/index.js';
import { Lips } from '../../plugin/audio/voice/lips.js';
import { MediaClock } from '../../plugin/audio/voice/media-clock.js';
import type { SpokenTimeline } from '../../plugin/audio/spoken-timeline.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';
import { fakeBuffer } from './fake-audio-context.js';
import { babble } from './sounds.js';
import { VoiceRig, encoder, frontEnd } from './voice-rig.js';

/** What lies between the context and the ear, s. */
const LATENCY = 0.04;
/** Lead of a start, s. */
const LEAD = 0.01;
const clip = babble(16000, 2);

async function playing(options: { loop?: boolean } = {}): Promise<VoiceRig> {
    const rig = await VoiceRig.createAsync();
    await rig.voice.play(fakeBuffer(16000, clip), options);
    return rig;
}

describe('media clock', () => {
    it('counts up to its first start, and knows which stretch is heard', () => {
        const clock = new MediaClock();
        expect(clock.timeAt(5)).toBeNull();
        expect(clock.placeAt(5)).toBe(0);
        clock.moveTo(1, 0.5, 1);
        expect(clock.timeAt(0.75)).toBeCloseTo(0.25, 9);
        clock.moveTo(2, 1.5, 0);
        expect(clock.timeAt(1.96)).toBeCloseTo(1.46, 9);
        expect(clock.timeAt(2)).toBeNull();
        expect(clock.placeAt(7)).toBe(1.5);
        clock.moveTo(3, 1.5, 2);
        expect(clock.timeAt(2.9)).toBeNull();
        expect(clock.timeAt(3.5)).toBeCloseTo(2.5, 9);
        expect(clock.timeAt(1.5)).toBeCloseTo(1, 9);
    });

    it('drops what was scheduled and is overtaken', () => {
        const clock = new MediaClock();
        clock.moveTo(1, 0, 1);
        clock.moveTo(5, 9, 1);
        clock.moveTo(2, 3, 1);
        expect(clock.timeAt(6)).toBeCloseTo(7, 9);
    });

    it('repeats, also backwards from where it is heard, and goes on from its place without', () => {
        const clock = new MediaClock();
        clock.moveTo(0, 0.25, 1, 2);
        expect(clock.timeAt(4)).toBeCloseTo(0.25, 9);
        expect(clock.placeAt(5.5)).toBeCloseTo(1.75, 9);
        clock.goOn(5.5, 1, Number.POSITIVE_INFINITY);
        expect(clock.timeAt(5.4)).toBeCloseTo(1.65, 9);
        expect(clock.timeAt(6)).toBeCloseTo(2.25, 9);
    });

    it('goes on from a start that is yet to come', () => {
        const clock = new MediaClock();
        clock.moveTo(1, 0, 1);
        clock.goOn(0.9, 2, Number.POSITIVE_INFINITY);
        expect(clock.timeAt(2)).toBeCloseTo(2, 9);
    });

    it('stays small over a thousand changes', () => {
        const clock = new MediaClock();
        for (let n = 0; n < 1000; n++) clock.moveTo(n / 60, n / 60, n % 7);
        expect((clock as unknown as { stretches: unknown[] }).stretches.length).toBeLessThanOrEqual(16);
    });
});

describe('a clip', () => {
    it('holds its place in a pause and goes on from it', async () => {
        const rig = await playing();
        rig.run(0.5);
        rig.voice.pause();
        // What is on its way to the ear is still heard.
        expect(rig.voice.currentTime).toBeCloseTo(0.5 - LATENCY - LEAD, 6);
        rig.run(1);
        expect(rig.voice.currentTime).toBeCloseTo(0.5 - LEAD, 6);
        expect(rig.voice.isPaused).toBe(true);
        expect(rig.voice.isPlaying).toBe(false);
        expect(rig.opening).toBe(0);
        rig.voice.resume();
        rig.voice.resume();
        rig.run(0.5);
        expect(rig.voice.currentTime).toBeCloseTo(1 - 2 * LEAD - LATENCY, 6);
        rig.run(1.2);
        expect(rig.events).toEqual(['start', 'finished']);
        expect(rig.voice.isPaused).toBe(false);
    });

    it('plays on from a place that is set while it is paused', async () => {
        const rig = await playing();
        rig.run(0.3);
        rig.voice.pause();
        rig.run(0.2);
        rig.voice.currentTime = 1.5;
        expect(rig.voice.currentTime).toBe(1.5);
        rig.voice.resume();
        rig.run(0.2);
        expect(rig.voice.currentTime).toBeCloseTo(1.7 - LEAD - LATENCY, 6);
        expect(rig.context.sources.filter(({ targets }) => targets.length > 0).length).toBe(1);
    });

    it('can be sought anywhere, and beyond its end it is over', async () => {
        const rig = await playing();
        rig.run(0.5);
        rig.voice.currentTime = 0.1;
        rig.run(0.2);
        expect(rig.voice.currentTime).toBeCloseTo(0.3 - LEAD - LATENCY, 6);
        rig.voice.currentTime = -3;
        rig.run(0.2);
        expect(rig.voice.currentTime).toBeCloseTo(0.2 - LEAD - LATENCY, 6);
        rig.voice.currentTime = 99;
        rig.run(0.3);
        expect(rig.events).toEqual(['start', 'finished']);
        expect(() => (rig.voice.currentTime = 0)).toThrow(/none: only known clips can be sought/);
    });

    it('that loops is sought around its end', async () => {
        const rig = await playing({ loop: true });
        rig.voice.currentTime = 4.5;
        rig.run(0.2);
        expect(rig.voice.currentTime).toBeCloseTo(0.7 - LEAD - LATENCY, 6);
        expect(rig.context.sources.at(-1)?.loop).toBe(true);
    });

    it('shows its place on every picture while its loop goes on and off', async () => {
        const rig = await playing({ loop: true });
        let last = -1;
        const expectSteps = (pictures: number): void => {
            for (let n = 0; n < pictures; n++) {
                rig.run(1 / 60);
                const { currentTime } = rig.voice;
                const step = currentTime - last;
                if (last >= 0) expect(step < 0 ? step + 2 : step).toBeCloseTo(1 / 60, 6);
                last = currentTime;
            }
        };
        rig.run(0.1);
        expectSteps(3 * 60); // 3.1 s: in the second pass
        rig.voice.loop = false;
        expectSteps(20);
        rig.voice.loop = true;
        expectSteps(2 * 60);
        rig.voice.loop = false;
        rig.run(2.2);
        expect(rig.events).toEqual(['start', 'finished']);
    });

    it('keeps lips and sound together when it is told to loop, or at what rate, before its first sample', async () => {
        for (const change of ['loop', 'rate'] as const) {
            const rig = await playing();
            if (change === 'loop') rig.voice.loop = true;
            else rig.voice.playbackRate = 1.5;
            rig.run(0.5);
            const rate = change === 'loop' ? 1 : 1.5;
            expect(rig.voice.currentTime).toBeCloseTo(rate * (0.5 - LEAD - LATENCY), 6);
        }
    });

    it('keeps lips and sound together over changes of its rate', async () => {
        const rig = await playing();
        rig.run(0.5);
        rig.voice.playbackRate = 2;
        // Heard is still what was played at the old rate.
        expect(rig.voice.currentTime).toBeCloseTo(0.5 - LEAD - LATENCY, 6);
        rig.run(0.25);
        expect(rig.voice.currentTime).toBeCloseTo(0.49 + 2 * (0.25 - LATENCY), 6);
        const expected = new Float32Array(AUDIO_FEAT_DIM);
        (await analyseClip(clip, 16000, frontEnd, encoder)).sample(rig.voice.currentTime, expected);
        rig.voice.sampleFeatures(rig.out);
        rig.out.forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 4));
        rig.voice.playbackRate = 0.5;
        rig.run(0.5);
        expect(rig.voice.currentTime).toBeCloseTo(0.99 + 0.5 * (0.5 - LATENCY), 6);
        rig.run(1.7);
        expect(rig.events).toEqual(['start', 'finished']);
        for (const bad of [0, -1, 5, Number.NaN]) expect(() => (rig.voice.playbackRate = bad)).toThrow(/playbackRate/);
    });

    it('that ended is not started again by loop or rate while the lips come to rest', async () => {
        const rig = await playing();
        rig.run(2.02);
        expect(rig.events).toEqual(['start', 'finished']);
        rig.voice.loop = true;
        rig.voice.playbackRate = 0.5;
        rig.run(0.4);
        expect(rig.opening).toBe(0);
        expect(rig.voice.isPlaying).toBe(false);
    });

    it('that is paused at its last moment still ends', async () => {
        const rig = await playing();
        rig.run(2);
        rig.voice.pause();
        rig.run(0.5);
        expect(rig.events).toEqual(['start']);
        rig.voice.resume();
        rig.run(0.3);
        expect(rig.events).toEqual(['start', 'finished']);
    });

    it('that is paused, stopped, replaced or interrupted tells one end', async () => {
        for (const [act, reason] of [
            ['stop', 'stopped'],
            ['interrupt', 'interrupted'],
            ['replace', 'replaced'],
        ] as const) {
            const rig = await playing();
            rig.run(0.3);
            rig.voice.pause();
            rig.run(0.1);
            if (act === 'replace') await rig.voice.play(fakeBuffer(16000, clip));
            else rig.voice[act]();
            expect(rig.voice.isPaused).toBe(false);
            expect(rig.events.slice(0, 2)).toEqual(['start', reason]);
        }
    });
});

describe('lips', () => {
    const rest = new Float32Array(AUDIO_FEAT_DIM);

    /** f_a is a straight line in time, slow enough to tell a glide from it. */
    const line: SpokenTimeline = {
        segmentAt: (time) => ({ frame: Math.floor(time * 50), share: (time * 50) % 1 }),
        featureOf: () => rest,
        sample: (time, out) => void out.fill(1 + time),
        energyAt: () => 0.5,
    };

    function lips(): { show(page: number, timeline: SpokenTimeline | null, time?: number): number; lips: Lips } {
        const shown = new Lips(rest);
        const out = new Float32Array(AUDIO_FEAT_DIM);
        return {
            lips: shown,
            show: (page, timeline, time = page) => {
                shown.sample(page, timeline, time, out);
                return out[0] as number;
            },
        };
    }

    it('glide for 120 ms into a sound, then are what it says', () => {
        const { show, lips: shown } = lips();
        show(0, null);
        expect(show(1, line)).toBe(0);
        expect(shown.segment).toBeNull();
        expect(show(1.06, line)).toBeCloseTo(1.03, 4);
        expect(show(1.121, line)).toBeCloseTo(2.121, 5);
        expect(shown.segment?.frame).toBe(56);
        expect(shown.energy).toBe(0.5);
    });

    it('glide from where they are when left in mid-glide, and rest 120 ms later', () => {
        const { show, lips: shown } = lips();
        show(0, line);
        const half = show(0.06, line);
        shown.leave(0.06);
        expect(show(0.06, null)).toBeCloseTo(half, 6);
        expect(show(0.12, null)).toBeCloseTo(half / 2, 5);
        expect(show(0.1801, null)).toBe(0);
        expect(shown.energy).toBe(0);
    });

    it('glide over a seek but follow a stretched clock', () => {
        const { show } = lips();
        show(0, line);
        show(0.2, line);
        const before = show(1, line);
        expect(show(1.016, line, 7)).toBeCloseTo(before, 5);
        expect(show(1.2, line, 7.184)).toBeCloseTo(8.184, 4);
        // A sound at twice its rate, in pictures of 1/60 s.
        for (let n = 1; n < 60; n++) expect(show(1.2 + n / 60, line, 7.184 + n / 30)).toBeCloseTo(8.184 + n / 30, 4);
    });

    it('are right at once after pictures were missing', () => {
        const { show } = lips();
        show(0, line);
        show(0.2, line);
        expect(show(5, line)).toBeCloseTo(6, 5);
    });

    it('say whether anything changed', () => {
        const shown = new Lips(rest);
        const out = new Float32Array(AUDIO_FEAT_DIM);
        expect(shown.sample(0, null, 0, out)).toBe(true);
        expect(shown.sample(1, null, 0, out)).toBe(false);
        expect(shown.sample(2, line, 2, out)).toBe(false); // the glide begins where they are
        expect(shown.sample(2.05, line, 2.05, out)).toBe(true);
    });
});
