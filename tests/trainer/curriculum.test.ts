import { describe, expect, it } from 'vitest';
import { Curriculum, type FrameFacts } from '../../tools/trainer-node/src/curriculum.js';
import { presetConfig } from '../../tools/trainer-node/src/presets.js';
import { rateScalars, CHUNK } from '../../tools/trainer-node/src/schedule.js';
import { scaleIterations, totalIterations } from '../../tools/trainer-node/src/config.js';

const config = presetConfig('fast');
/** First fine-tune iteration. */
const fitted = config.iterations.static + config.iterations.deform;

function facts(mouth: (frame: number) => number, blink: (frame: number) => number): FrameFacts {
    return {
        train: Int32Array.from({ length: 200 }, (_, i) => i),
        mouthPixels: Int32Array.from({ length: 220 }, (_, i) => mouth(i)),
        blink: Float64Array.from({ length: 220 }, (_, i) => blink(i)),
        areaScale: 1,
    };
}

describe('the curriculum', () => {
    it('draws every training frame of the face once an epoch, sweep draws aside, and never a test frame', () => {
        const order = new Curriculum(
            config,
            facts(
                () => 50,
                () => 0,
            ),
        ).order('face', 0, 400);
        expect(Math.max(...order)).toBeLessThan(200);
        expect(new Set(order).size).toBeGreaterThan(190);
    });
    it('gives the same frames for a range, asked whole or in parts', () => {
        const curriculum = new Curriculum(
            config,
            facts(
                (i) => i,
                () => 0,
            ),
        );
        for (const branch of ['face', 'mouth'] as const) {
            const parts = [
                ...curriculum.order(branch, config.iterations.static - 100, 37),
                ...curriculum.order(branch, config.iterations.static - 63, 163),
            ];
            expect([...curriculum.order(branch, config.iterations.static - 100, 200)]).toEqual(parts);
        }
    });
    it('shows closed eyes every eighth time that the face moves, and in the static stage no more than chance does', () => {
        const isClosed = (i: number): boolean => i % 40 === 7;
        const curriculum = new Curriculum(
            config,
            facts(
                () => 50,
                (i) => (isClosed(i) ? 0.9 : 0.1),
            ),
        );
        const share = (first: number): number =>
            curriculum.order('face', first, 1200).filter((frame) => isClosed(frame)).length / 1200;
        expect(share(0)).toBeLessThan(0.04);
        // An eighth by order, and a fortieth of the rest by chance.
        expect(share(config.iterations.static)).toBeCloseTo(1 / config.blinkEvery + 0.02, 1);
        expect(share(config.iterations.static)).toBeGreaterThan(1 / config.blinkEvery);
    });
    it('takes half-closed lids for no blink where nobody closes the eyes', () => {
        const curriculum = new Curriculum(
            config,
            facts(
                () => 50,
                (i) => (i === 3 ? 0.15 : 0),
            ),
        );
        const shown = curriculum.order('face', config.iterations.static, 1000).filter((frame) => frame === 3);
        expect(shown.length).toBeLessThan(20);
    });
    it('shows the mouth branch only frames that show the mouth, the widest in the static stage', () => {
        const curriculum = new Curriculum(
            config,
            facts(
                (i) => i,
                () => 0,
            ),
        );
        expect(Math.min(...curriculum.order('mouth', 0, 500))).toBeGreaterThanOrEqual(190);
        expect(Math.min(...curriculum.order('mouth', config.iterations.static + 500, 3000))).toBeGreaterThanOrEqual(20);
    });
    it('ends on a clip without blinks and without an open mouth', () => {
        const curriculum = new Curriculum(
            config,
            facts(
                () => 0,
                () => 0,
            ),
        );
        expect(curriculum.order('mouth', 0, 3000)).toHaveLength(3000);
        expect(curriculum.order('face', 0, 3000)).toHaveLength(3000);
    });
});

describe('the schedule', () => {
    const total = totalIterations(config);
    it('decays the means log-linearly by a hundred and the networks to their share', () => {
        const [first, last] = [rateScalars(config, 0, 0.5), rateScalars(config, fitted, 0.5)];
        expect(first['lr.means']).toBeCloseTo(0.5 * 1.6e-4, 8);
        expect((last['lr.means'] as number) / (first['lr.means'] as number)).toBeCloseTo(0.01, 4);
        expect((last['lr.layers'] as number) / (first['lr.layers'] as number)).toBeCloseTo(config.lr.netsFinal, 4);
    });
    it('raises the SH degree to the configured one and keeps it', () => {
        expect(
            [0, config.shInterval - 1, config.shInterval, total - 1].map((i) => rateScalars(config, i, 1)['sh.degree']),
        ).toEqual([0, 0, 1, 1]);
    });
    it('puts the recorded background behind the fine-tune stage', () => {
        expect([0, fitted - 1, fitted].map((i) => rateScalars(config, i, 1)['background.random'])).toEqual([1, 1, 0]);
    });
    it('scales with the run, and its intervals lie on chunks', () => {
        const half = scaleIterations(config, 0.5);
        expect(totalIterations(half)).toBe(total / 2);
        for (const interval of [config.densifyInterval, config.checkpointInterval, config.previewInterval])
            expect(interval % CHUNK).toBe(0);
        expect(() => scaleIterations(config, 0)).toThrow(/iterations-scale/);
    });
});
