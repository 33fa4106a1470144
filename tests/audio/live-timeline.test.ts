import { describe, expect, it } from 'vitest';
import { LiveTimeline } from '../../plugin/audio/live-timeline.js';
import type { StreamFrames } from '../../plugin/audio/speech-stream.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';

const rest = new Float32Array(AUDIO_FEAT_DIM).fill(-1);

/** Frames that hold their own number. */
function frames(first: number, count: number): StreamFrames {
    return {
        first,
        features: Float32Array.from(
            { length: count * AUDIO_FEAT_DIM },
            (_, i) => first + Math.floor(i / AUDIO_FEAT_DIM),
        ),
        energy: Float32Array.from({ length: count }, (_, n) => ((first + n) % 10) / 10),
    };
}

function at(timeline: LiveTimeline, time: number): number {
    const out = new Float32Array(AUDIO_FEAT_DIM).fill(Number.NaN);
    timeline.sample(time, out);
    if (out.some((value) => value !== out[0])) throw new Error(`${String(time)} s: not one value ${String(out)}`);
    return out[0] as number;
}

describe('live timeline', () => {
    it('rests before anything is known, at any time', () => {
        const timeline = new LiveTimeline(rest, 1);
        for (const time of [-5, 0, 3]) {
            expect(at(timeline, time)).toBe(-1);
            expect(timeline.segmentAt(time)).toBeNull();
            expect(timeline.energyAt(time)).toBe(0);
        }
        expect(timeline.knownTime).toBe(0);
        expect(timeline.duration).toBe(Number.POSITIVE_INFINITY);
    });

    it('is a line between the centres of frames, while it grows through every size', () => {
        const timeline = new LiveTimeline(rest, Number.POSITIVE_INFINITY);
        let count = 0;
        for (const more of [1, 1, 3, 250, 1, 500, 7]) {
            timeline.append(frames(count, more));
            count += more;
            expect(timeline.frameCount).toBe(count);
            expect(timeline.knownTime).toBeCloseTo((count - 0.5) / 50, 9);
            for (let k = 0; k < count; k += 1 + (k >> 4)) expect(at(timeline, (k + 0.5) / 50)).toBeCloseTo(k, 4);
            if (count > 1) expect(at(timeline, (count - 1.25) / 50)).toBeCloseTo(count - 1.75, 4);
        }
        const place = timeline.segmentAt(3.333);
        expect(place?.frame).toBe(166);
        expect(place?.share).toBeCloseTo(0.15, 6);
        expect(timeline.featureOf(166)[0]).toBe(166);
        expect(timeline.energyAt(3.333)).toBeCloseTo(0.6, 6);
    });

    it('glides in before the sound and out after it, and never steps', () => {
        const timeline = new LiveTimeline(rest, 10);
        timeline.append({ ...frames(0, 50), features: new Float32Array(50 * AUDIO_FEAT_DIM).fill(1) });
        timeline.finish(1);
        expect(at(timeline, -0.06)).toBe(-1);
        expect(at(timeline, -0.03)).toBeCloseTo(0, 5);
        expect(at(timeline, 0.995)).toBe(1);
        expect(at(timeline, 1.06)).toBeCloseTo(0, 5);
        expect(at(timeline, 1.12)).toBe(-1);
        expect(timeline.segmentAt(1.001)).toBeNull();
        let last = at(timeline, -0.2);
        for (let time = -0.2; time < 1.3; time += 0.004) {
            expect(Math.abs(at(timeline, time) - last)).toBeLessThan(0.21);
            last = at(timeline, time);
        }
    });

    it('holds the last frame for 60 ms when the next is late, then rests, and goes on when it comes', () => {
        const timeline = new LiveTimeline(rest, 10);
        timeline.append({ ...frames(0, 10), features: new Float32Array(10 * AUDIO_FEAT_DIM).fill(1) });
        const known = timeline.knownTime;
        expect(at(timeline, known + 0.06)).toBe(1);
        expect(timeline.segmentAt(known + 0.001)).toBeNull();
        expect(at(timeline, known + 0.12)).toBeCloseTo(0, 5);
        expect(at(timeline, known + 0.2)).toBe(-1);
        timeline.append({ ...frames(10, 20), features: new Float32Array(20 * AUDIO_FEAT_DIM).fill(1) });
        expect(at(timeline, known + 0.2)).toBe(1);
    });

    it('lets go of what was heard, but for a second', () => {
        const timeline = new LiveTimeline(rest, 100);
        timeline.append(frames(0, 500));
        timeline.forgetBefore(6);
        expect(timeline.segmentAt(4.9)).toBeNull();
        expect(at(timeline, 2)).toBeCloseTo(250, 4);
        expect(at(timeline, 5.01)).toBeCloseTo(250, 4);
        // The clock going back changes nothing.
        timeline.forgetBefore(1);
        expect(timeline.segmentAt(4.9)).toBeNull();
        // Beyond what is known: everything goes, and frames can still come.
        timeline.forgetBefore(60);
        expect(at(timeline, 60)).toBe(-1);
        timeline.append(frames(500, 4000));
        expect(at(timeline, 60.01)).toBeCloseTo(3000, 3);
    });

    it('keeps to its limit when nobody looks for an hour: the newest frames stay', () => {
        const timeline = new LiveTimeline(rest, 30);
        for (let first = 0; first < 180000; first += 1000) timeline.append(frames(first, 1000));
        const { features } = timeline as unknown as { features: Float32Array };
        expect(features.length / AUDIO_FEAT_DIM).toBeLessThan(2 * 31 * 50);
        expect(at(timeline, 3599.01)).toBeCloseTo(179950, 2);
        expect(at(timeline, 3571.01)).toBeCloseTo(178550, 2);
        expect(timeline.segmentAt(3000)).toBeNull();
        expect(timeline.energyAt(3000)).toBe(0);
    });

    it('stays small while it is looked at', () => {
        const timeline = new LiveTimeline(rest, 30);
        for (let first = 0; first < 20000; first += 5) {
            timeline.append(frames(first, 5));
            timeline.forgetBefore(first / 50);
        }
        const { features } = timeline as unknown as { features: Float32Array };
        expect(features.length / AUDIO_FEAT_DIM).toBe(256);
    });

    it('takes more at once than its limit holds', () => {
        const timeline = new LiveTimeline(rest, 1);
        timeline.append(frames(0, 5000));
        expect(at(timeline, 99.91)).toBeCloseTo(4995, 2);
        timeline.append(frames(5000, 1));
        expect(at(timeline, 100.01)).toBeCloseTo(5000, 2);
    });

    it('refuses frames that do not follow, and NaN, and is as before', () => {
        const timeline = new LiveTimeline(rest, 10);
        timeline.append(frames(0, 5));
        const broken = frames(5, 2);
        broken.features[40] = Number.NaN;
        for (const bad of [frames(4, 2), frames(6, 2), broken])
            expect(() => timeline.append(bad)).toThrow(
                expect.objectContaining({ code: 'ENCODER_UNSUPPORTED' }) as Error,
            );
        expect(timeline.frameCount).toBe(5);
        timeline.append(frames(5, 2));
        expect(at(timeline, 6.5 / 50)).toBeCloseTo(6, 4);
    });
});
