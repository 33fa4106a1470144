import { describe, expect, it } from 'vitest';
import { AudioClock, FeatureTimeline, type ClockContext } from '../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';

describe('feature timeline', () => {
    const rest = new Float32Array(AUDIO_FEAT_DIM).fill(-1);
    // Frame k holds the value k: the value read back is the position in frames.
    const features = Float32Array.from({ length: 10 * AUDIO_FEAT_DIM }, (_, i) => Math.floor(i / AUDIO_FEAT_DIM));
    const timeline = new FeatureTimeline(features, 25, 0.4, rest);
    const at = (time: number): number => {
        const out = new Float32Array(AUDIO_FEAT_DIM);
        timeline.sample(time, out);
        expect(new Set(out).size).toBe(1);
        return out[0] as number;
    };

    it('gives frame k at its centre and interpolates between centres', () => {
        for (const k of [0, 3, 9]) expect(at((k + 0.5) / 25)).toBeCloseTo(k, 5);
        expect(at(4 / 25)).toBeCloseTo(3.5, 5);
        expect(at(4.25 / 25)).toBeCloseTo(3.75, 5);
    });

    it('holds the first and last frame to the borders of the clip and glides to rest beyond', () => {
        expect(at(0)).toBe(0);
        expect(at(0.4)).toBe(9);
        expect(at(-0.06)).toBeCloseTo(-0.5, 5);
        expect(at(0.46)).toBeCloseTo(4, 5);
        for (const time of [-0.12, -100, 0.521, 1e9]) expect(at(time)).toBe(-1);
    });

    it('takes a clip of one frame', () => {
        const single = new FeatureTimeline(new Float32Array(AUDIO_FEAT_DIM).fill(5), 25, 0.01, rest);
        const out = new Float32Array(AUDIO_FEAT_DIM);
        single.sample(0.005, out);
        expect(out[0]).toBe(5);
    });

    it('refuses features that are no numbers or no whole frames', () => {
        expect(() => new FeatureTimeline(features.subarray(1), 25, 0.4, rest)).toThrow(/frames of 32/);
        expect(() => new FeatureTimeline(new Float32Array(AUDIO_FEAT_DIM).fill(Number.NaN), 25, 0.4, rest)).toThrow(
            /no numbers/,
        );
    });
});

describe('audio clock', () => {
    /** A context whose rendering runs `lead` s ahead of the ear, moving in quanta of 10 ms, over a page time in ms. */
    function setUp(overrides: Partial<ClockContext> = {}) {
        const world = { page: 1000, state: 'running', latency: 0.05, rate: 1 };
        const quantum = (): number => Math.floor((world.page - 1000) / 10);
        const context: ClockContext = {
            get currentTime() {
                return (quantum() / 100) * world.rate + world.latency;
            },
            get state() {
                return world.state;
            },
            get outputLatency() {
                return world.latency;
            },
            getOutputTimestamp: () => ({
                contextTime: (quantum() / 100) * world.rate,
                performanceTime: 1000 + 10 * quantum(),
            }),
            ...overrides,
        };
        return { world, clock: new AudioClock(context, () => world.page) };
    }

    it('follows the ear smoothly through the steps of currentTime', () => {
        const { world, clock } = setUp();
        world.page = 2000;
        expect(clock.read()).toBeCloseTo(1, 3);
        for (let frame = 0; frame < 600; frame++) {
            world.page += 1000 / 60;
            expect(clock.read()).toBeCloseTo((world.page - 1000) / 1000, 3);
        }
        expect(clock.source).toBe('output-timestamp');
    });

    it.each([
        ['missing', undefined],
        ['zero', () => ({ contextTime: 0, performanceTime: 0 })],
        ['frozen', () => ({ contextTime: 0.01, performanceTime: 1001 - 5000 })],
    ])(
        'estimates from currentTime when the output timestamp is %s: within 12 ms, no steps back',
        (_, getOutputTimestamp) => {
            const { world, clock } = setUp(
                getOutputTimestamp === undefined ? { getOutputTimestamp: undefined as never } : { getOutputTimestamp },
            );
            world.page = 3000;
            let last = clock.read();
            for (let frame = 0; frame < 600; frame++) {
                world.page += 1000 / 60;
                const heard = clock.read();
                expect(Math.abs(heard - (world.page - 1000) / 1000)).toBeLessThan(0.012);
                expect(heard).toBeGreaterThanOrEqual(last);
                last = heard;
            }
            expect(clock.source).toBe('estimate');
        },
    );

    it('does not drift in an hour though the sound card runs 200 ppm fast', () => {
        const { world, clock } = setUp({ getOutputTimestamp: undefined as never });
        world.rate = 1.0002;
        for (let second = 0; second < 3600; second++) {
            world.page += 1000;
            const heard = clock.read();
            expect(Math.abs(heard - ((world.page - 1000) / 1000) * world.rate)).toBeLessThan(0.02);
        }
    });

    it('stands still while suspended and takes up again', () => {
        const { world, clock } = setUp();
        world.page = 2000;
        const heard = clock.read();
        world.state = 'suspended';
        world.page = 9000;
        expect(clock.read()).toBe(heard);
        world.state = 'running';
        expect(clock.read()).toBeCloseTo(8, 2);
    });
});
