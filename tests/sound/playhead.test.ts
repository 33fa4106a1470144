import { describe, expect, it } from 'vitest';
import { Playhead, resumeOffset, type PlaySettings } from '../../plugin/sound/playhead.js';

function settings(change: Partial<PlaySettings> = {}): PlaySettings {
    return {
        bufferSeconds: 10,
        startOffset: 0,
        duration: 0,
        isLooping: false,
        loopStart: 0,
        loopEnd: 0,
        playbackRate: 1,
        pitch: 0,
        rateRampEnd: 0,
        pitchRampEnd: 0,
        rampSeconds: 0.01,
        quantumSeconds: 0,
        ...change,
    };
}

function started(at: number, offset: number, change: Partial<PlaySettings> = {}): [Playhead, PlaySettings] {
    const now = settings(change);
    const playhead = new Playhead();
    playhead.start(at, offset, now);
    return [playhead, now];
}

describe('playhead', () => {
    it('goes with engine time, waits for a start in the future and stays at the end', () => {
        const [playhead, now] = started(100, 2);
        expect(playhead.advanceTo(99.5, now)).toBe(0);
        expect(playhead.time).toBe(2);
        expect(playhead.advanceTo(103, now)).toBe(1);
        expect(playhead.time).toBe(5);
        expect(playhead.advanceTo(120, now)).toBe(0);
        expect(playhead.time).toBe(10);
    });

    it('ends after its duration in seconds of the buffer, whatever the rate', () => {
        const [playhead, now] = started(0, 1, { duration: 3, playbackRate: 2 });
        expect(playhead.advanceTo(1, now)).toBe(2);
        expect(playhead.time).toBe(3);
        expect(playhead.advanceTo(5, now)).toBe(0);
        expect(playhead.time).toBe(4);
    });

    it('multiplies rate and pitch, and never goes backwards', () => {
        const [playhead, now] = started(0, 0, { playbackRate: 1.5, pitch: 1200 });
        expect(playhead.advanceTo(1, now)).toBe(3);
        expect(playhead.time).toBeCloseTo(3, 12);
        const [still, negative] = started(0, 4, { playbackRate: -1 });
        expect(still.advanceTo(1, negative)).toBe(0);
        expect(still.time).toBe(4);
    });

    it('counts a change of rate from when it began, however late it is asked', () => {
        const [playhead, now] = started(0, 0);
        playhead.advanceTo(1, now);
        // From 1 to 2 between 1.2 and 1.21 s: the ramp's mean is 1.5.
        const changed = settings({ playbackRate: 2, rateRampEnd: 1.21 });
        expect(playhead.advanceTo(2, changed)).toBe(2);
        expect(playhead.time).toBeCloseTo(1.2 + 0.01 * 1.5 + (2 - 1.21) * 2, 12);
        expect(playhead.advanceTo(3, changed)).toBe(2);
        expect(playhead.time).toBeCloseTo(1.2 + 0.01 * 1.5 + (3 - 1.21) * 2, 12);
    });

    it('counts a change that is under way at the question to the last digit', () => {
        const [playhead, now] = started(0, 0);
        playhead.advanceTo(0.5, now);
        const changed = settings({ playbackRate: 2, rateRampEnd: 0.51 });
        expect(playhead.advanceTo(0.505, changed)).toBeCloseTo(1.5, 9);
        playhead.advanceTo(1, changed);
        expect(playhead.time).toBeCloseTo(0.5 + 0.01 * 1.5 + 0.49 * 2, 12);
    });

    it('sees a change of rate and one of pitch in either order', () => {
        for (const [rateRampEnd, pitchRampEnd] of [
            [0.3, 0.6],
            [0.6, 0.3],
        ] as const) {
            const [playhead, now] = started(0, 0);
            playhead.advanceTo(0.1, now);
            playhead.advanceTo(1, settings({ playbackRate: 2, pitch: 1200, rateRampEnd, pitchRampEnd }));
            // 0.28 s at rate 1, 0.29 at 2, 0.4 at 4, and two ramps of 10 ms between.
            const octave = (from: number): number => (from / Math.LN2) * 0.01;
            const ramps = rateRampEnd < pitchRampEnd ? 0.015 + octave(2) : octave(1) + 0.03;
            // Simpson's rule over the pitch's exponential ramp: 2.3 us off.
            expect(playhead.time).toBeCloseTo(0.29 + 0.29 * 2 + 0.4 * 4 + ramps, 5);
        }
    });

    it('follows a change half a quantum late, as a node does that looks once a quantum', () => {
        const [playhead, now] = started(0, 0, { quantumSeconds: 0.004 });
        playhead.advanceTo(1, now);
        playhead.advanceTo(2, settings({ playbackRate: 2, rateRampEnd: 1.21, quantumSeconds: 0.004 }));
        expect(playhead.time).toBeCloseTo(1.202 + 0.01 * 1.5 + (2 - 1.212) * 2, 12);
    });

    it('takes a change without a known time to come in the middle', () => {
        const [playhead, now] = started(0, 0, { rampSeconds: 0 });
        playhead.advanceTo(1, now);
        playhead.advanceTo(2, settings({ playbackRate: 3, rampSeconds: 0 }));
        expect(playhead.time).toBeCloseTo(1 + 0.5 + 0.5 * 3, 12);
    });

    it('folds into the loop after any number of rounds, and into the whole buffer where the region is none', () => {
        const [region, now] = started(0, 0, { isLooping: true, loopStart: 1, loopEnd: 3 });
        region.advanceTo(0.5, now);
        expect(region.time).toBe(0.5);
        region.advanceTo(11.5, now);
        expect(region.time).toBe(1.5);
        const [whole, empty] = started(0, 9, { isLooping: true, loopStart: 5, loopEnd: 5 });
        whole.advanceTo(23, empty);
        expect(whole.time).toBe(2);
    });

    it('goes to the start of a loop that it is behind, as Chromium does', () => {
        const [playhead, now] = started(0, 5);
        playhead.advanceTo(1, now);
        playhead.advanceTo(1.5, settings({ isLooping: true, loopStart: 1, loopEnd: 3 }));
        expect(playhead.time).toBe(1.5);
        expect(started(0, 8, { isLooping: true, loopStart: 1, loopEnd: 3 })[0].time).toBe(1);
    });
});

describe('where Babylon goes on after a pause', () => {
    it('is the start offset plus the seconds of engine time', () => {
        expect(resumeOffset(0, settings({ startOffset: 3 }))).toBe(3);
        expect(resumeOffset(2, settings({ startOffset: 3, playbackRate: 2 }))).toBe(5);
        expect(resumeOffset(8, settings({ startOffset: 3 }))).toBe(1);
    });

    it('is inside the loop', () => {
        const loop = { isLooping: true, loopStart: 2, loopEnd: 5 };
        expect(resumeOffset(3, settings({ ...loop, startOffset: 1 }))).toBe(4);
        expect(resumeOffset(5, settings({ ...loop, startOffset: 1 }))).toBe(3);
        expect(resumeOffset(11, settings({ isLooping: true, startOffset: 1 }))).toBe(2);
    });
});
