import { describe, expect, it } from 'vitest';
import { FeatureTimeline } from '../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';
import { SpokenKeys, type KeyPlan } from '../../plugin/spoken-keys.js';

const FRAMES = 100;

function timelineOf(seed: number): FeatureTimeline {
    const features = Float32Array.from({ length: FRAMES * AUDIO_FEAT_DIM }, (_, k) => Math.sin(seed + k));
    return new FeatureTimeline(features, 25, FRAMES / 25, new Float32Array(AUDIO_FEAT_DIM));
}

/** Shows a clip on a display and keeps the frame that lies in each slot. */
class Display {
    public readonly keys = new SpokenKeys();
    public readonly held: [number, number] = [-1, -1];
    public loads = 0;
    public instants = 0;

    public show(timeline: FeatureTimeline, time: number): KeyPlan | null {
        const between = timeline.segmentAt(time);
        if (!between) throw new Error(`no segment at ${time} s`);
        const plan = this.keys.plan({ timeline, ...between });
        if (!plan) this.instants++;
        for (const { slot, frame } of plan?.loads ?? []) this.held[slot] = frame;
        this.loads += plan?.loads.length ?? 0;
        return plan;
    }
}

describe('key poses of speech', () => {
    it('lie about the time that is shown, on every frame', () => {
        const [display, timeline] = [new Display(), timelineOf(1)];
        for (let time = 0.5; time < 3; time += 1 / 72) {
            const plan = display.show(timeline, time);
            if (!plan) continue;
            const shown = display.held[0] + plan.share * (display.held[1] - display.held[0]);
            expect(shown).toBeCloseTo(time * 25 - 0.5, 6);
        }
    });

    it('cost one deformation a feature frame, however fast the display is', () => {
        for (const rate of [60, 72, 90, 144]) {
            const [display, timeline] = [new Display(), timelineOf(1)];
            for (let k = 0; k < 2 * rate; k++) display.show(timeline, 0.5 + k / rate);
            expect(display.loads + display.instants).toBeLessThanOrEqual(2 * 25 + 3);
        }
    });

    it('give way to instants where the display is slower than the features', () => {
        const [display, timeline] = [new Display(), timelineOf(1)];
        for (let time = 0.5; time < 3; time += 1 / 10) display.show(timeline, time);
        expect(display.loads).toBe(0);
    });

    it('are made anew for another clip and another expression', () => {
        const [display, timeline] = [new Display(), timelineOf(1)];
        for (const time of [0.5, 0.51, 0.52]) display.show(timeline, time);
        expect(display.loads).toBe(2);
        display.keys.forget();
        for (const time of [0.52, 0.52]) display.show(timeline, time);
        expect(display.loads).toBe(4);
        const other = timelineOf(2);
        for (const time of [0.52, 0.52]) display.show(other, time);
        expect(display.loads).toBe(6);
    });
});

describe('FeatureTimeline.segmentAt', () => {
    it('agrees with sample, and is null where sample is no line', () => {
        const timeline = timelineOf(3);
        const sampled = new Float32Array(AUDIO_FEAT_DIM);
        for (const time of [-0.1, 0, 0.01, 0.02, 0.5, 1.234, 3.97, 3.98, 3.99, 4, 4.1]) {
            const between = timeline.segmentAt(time);
            const isInside = time * 25 >= 0.5 && time * 25 < FRAMES - 0.5;
            expect(between !== null).toBe(isInside);
            if (!between) continue;
            timeline.sample(time, sampled);
            const [from, to] = [timeline.featureOf(between.frame), timeline.featureOf(between.frame + 1)];
            sampled.forEach((value, i) => {
                const line = (from[i] as number) + between.share * ((to[i] as number) - (from[i] as number));
                expect(value).toBeCloseTo(line, 6);
            });
        }
    });
});
