import { describe, expect, it } from 'vitest';
import { LifelikeBehavior, type MotionQuery } from '../../plugin/behaviors/index.js';
import { PgsError } from '../../plugin/core/index.js';
import { AVATAR_UNITS, FRAME_MS, LivingHead, phrases } from './living-head.js';

/** Largest added motion at the default settings, see the table of units. */
const MOST_DRIFT = 0.1;
const MOST_LIFT = 0.175;

class FakeQuery implements MotionQuery {
    public matches = false;
    public readonly listeners: Set<() => void> = new Set();
    public addEventListener(_type: 'change', listener: () => void): void {
        this.listeners.add(listener);
    }
    public removeEventListener(_type: 'change', listener: () => void): void {
        this.listeners.delete(listener);
    }
    public set(matches: boolean): void {
        this.matches = matches;
        for (const listener of this.listeners) listener();
    }
}

/** Values of all units in each frame of half a minute of speech. */
function record(seed: number): number[][] {
    const head = new LivingHead({ seed }).attach();
    const rows: number[][] = [];
    const speak = (at: number): void => void (head.voice.energy = phrases(at));
    head.run(30, speak, () => rows.push(head.values()));
    return rows;
}

describe('time and seed', () => {
    it('moves alike for the same seed and unlike for another', () => {
        const rows = record(5);
        expect(record(5)).toEqual(rows);
        expect(record(6)).not.toEqual(rows);
    });

    it('begins anew when the seed is set', () => {
        const head = new LivingHead({ seed: 3 }).attach();
        const rows: number[][][] = [[], []];
        for (const run of rows) {
            head.behavior.seed = 3;
            head.run(10, undefined, () => run.push(head.values()));
        }
        expect(rows[1]).toEqual(rows[0]);
    });

    it('takes the seed from the head where none is given, so that two heads differ', () => {
        const [one, other, again] = [7, 8, 7].map((uniqueId) => {
            const head = new LivingHead();
            Object.assign(head, { uniqueId });
            head.behavior.seed = null;
            const rows: number[][] = [];
            head.attach().run(20, undefined, () => rows.push(head.values()));
            return rows;
        });
        expect(other).not.toEqual(one);
        expect(again).toEqual(one);
    });

    it('stands still with a frozen clock and with one that goes back', () => {
        const head = new LivingHead().attach();
        head.run(9.7);
        const before = head.values();
        const { framesWritten } = head;
        for (let k = 0; k < 600; k++) head.frame(0);
        head.frame(-5000);
        expect(head.values()).toEqual(before);
        expect(head.framesWritten).toBe(framesWritten);
    });

    it('goes on after an hour in a hidden tab with one blink at most and no jump', () => {
        for (let seed = 1; seed <= 20; seed++) {
            const head = new LivingHead({ seed }).attach();
            let blinks = 0;
            head.behavior.onBlinkObservable.add(() => blinks++);
            head.run(5 + seed / 10);
            const before = head.values();
            blinks = 0;
            head.frame(3_600_000);
            // AU45 last; a blink under way may end.
            head.values().forEach((value, k) => {
                if (k < 5) expect(Math.abs(value - (before[k] as number)), `seed ${seed}`).toBeLessThanOrEqual(3 / 128);
            });
            head.run(0.3);
            expect(blinks, `seed ${seed}`).toBeLessThanOrEqual(1);
        }
    });
});

describe('what the user sets', () => {
    it('is given back to the last bit when the behavior goes, whenever that is', () => {
        for (let seed = 1; seed <= 10; seed++) {
            const head = new LivingHead({ seed });
            AVATAR_UNITS.forEach((name, k) => (head.expression[name] = 0.0395 + 0.11 * k));
            const before = head.values();
            head.attach().run(7 + seed * 0.317, (at) => (head.voice.energy = phrases(at)));
            head.behavior.detach();
            expect(head.values(), `seed ${seed}`).toEqual(before);
            const { framesWritten } = head;
            head.run(10);
            expect(head.framesWritten).toBe(framesWritten);
            expect(head.behavior.attachedNode).toBeNull();
        }
    });

    it('is the new base from the moment it is set', () => {
        const head = new LivingHead().attach();
        head.run(20);
        for (const name of AVATAR_UNITS) head.expression[name] = 0.5;
        const base = Math.fround(0.5);
        head.run(60, undefined, () => {
            for (const name of AVATAR_UNITS.slice(0, 5)) {
                expect(Math.abs((head.expression[name] as number) - base)).toBeLessThanOrEqual(MOST_DRIFT);
            }
            expect(head.expression['AU45']).toBeGreaterThanOrEqual(base);
        });
        head.behavior.detach();
        expect(head.values()).toEqual(AVATAR_UNITS.map(() => base));
    });

    it('may be set in every frame, as an animation does, and keeps its course', () => {
        const head = new LivingHead({ microMotion: 1 }).attach();
        let value = 0;
        const animate = (at: number): void => {
            head.expression['AU01'] = value = Math.fround(0.5 + 0.3 * Math.sin(at));
        };
        let farthest = 0;
        head.run(60, animate, () => {
            farthest = Math.max(farthest, Math.abs((head.expression['AU01'] as number) - value));
        });
        expect(farthest).toBeGreaterThan(MOST_DRIFT / 2);
        expect(farthest).toBeLessThanOrEqual(2 * MOST_DRIFT);
        head.behavior.detach();
        expect(head.expression['AU01']).toBe(value);
    });

    it('keeps eyes shut that the user shut, and lets them open when the user opens them', () => {
        const head = new LivingHead({ blinksPerMinute: 60 }).attach();
        head.expression['AU45'] = 1;
        head.run(20, undefined, () => expect(head.expression['AU45']).toBe(1));
        head.expression['AU45'] = 0;
        head.run(1);
        head.behavior.blinksPerMinute = 0;
        head.run(1);
        expect(head.expression['AU45']).toBe(0);
    });

    it('never leaves 0..1 at either end', () => {
        const head = new LivingHead({ microMotion: 1, emphasis: 1 }).attach();
        for (const base of [0, 1]) {
            for (const name of AVATAR_UNITS) head.expression[name] = base;
            head.run(
                60,
                (at) => (head.voice.energy = phrases(at)),
                () => expect(head.values().every((value) => value >= 0 && value <= 1)).toBe(true),
            );
            // The setter clamps as well; the base must have survived it.
            head.behavior.enabled = false;
            expect(head.values()).toEqual(AVATAR_UNITS.map(() => base));
            head.behavior.enabled = true;
        }
    });

    it('is shown while the behavior is disabled', () => {
        const head = new LivingHead().attach();
        head.expression['AU01'] = 0.25;
        head.run(11.3);
        head.behavior.enabled = false;
        expect(head.expression['AU01']).toBe(0.25);
        const before = head.values();
        head.run(30);
        expect(head.values()).toEqual(before);
        head.behavior.enabled = true;
        head.run(30);
        expect(head.values()).not.toEqual(before);
    });
});

describe('what is missing', () => {
    it.for([[[]], [['AU45']], [['AU04', 'AU12']], [['AU01', 'AU02']]])(
        'uses no unit but those of the asset: %j',
        ([names]) => {
            const head = new LivingHead({ microMotion: 1 }, names as string[]).attach();
            head.run(30, (at) => (head.voice.energy = phrases(at)));
            expect(Object.keys(head.expression)).toEqual(names);
            const others = (names as string[]).filter((name) => name === 'AU12');
            for (const name of others) expect(head.expression[name]).toBe(0);
            expect(head.framesWritten > 0).toBe((names as string[]).length > 0);
            head.behavior.detach();
            expect(head.values().every((value) => value === 0)).toBe(true);
        },
    );

    it('lives without a voice that tells its energy, and with one that tells nonsense', () => {
        for (const energy of [undefined, NaN, -3, 1e9, 'loud' as unknown as number]) {
            const head = new LivingHead().attach();
            Object.assign(head.voice, { energy });
            head.run(20);
            expect(head.values().every((value) => value >= 0 && value <= 1)).toBe(true);
        }
    });
});

describe('reduced motion', () => {
    const run = (head: LivingHead, seconds: number): { moved: boolean; blinked: boolean } => {
        const seen = { moved: false, blinked: false };
        head.run(
            seconds,
            (at) => (head.voice.energy = phrases(at)),
            () => {
                const values = head.values();
                const closure = values.pop() as number;
                seen.blinked ||= closure > 0.5;
                seen.moved ||= values.some((value) => value > 0);
            },
        );
        return seen;
    };

    it('leaves only blinks, and follows the setting while it changes', () => {
        const query = new FakeQuery();
        query.matches = true;
        const head = new LivingHead({ matchMedia: () => query }).attach();
        expect(run(head, 30)).toEqual({ moved: false, blinked: true });
        query.set(false);
        expect(run(head, 30)).toEqual({ moved: true, blinked: true });
        query.set(true);
        head.frame();
        expect(run(head, 30)).toEqual({ moved: false, blinked: true });
    });

    it('asks for the right thing and stops listening when detached', () => {
        const query = new FakeQuery();
        const asked: string[] = [];
        const matchMedia = (text: string): MotionQuery => (asked.push(text), query);
        const head = new LivingHead({ matchMedia }).attach();
        expect(asked).toEqual(['(prefers-reduced-motion: reduce)']);
        expect(query.listeners.size).toBe(1);
        head.behavior.detach();
        expect(query.listeners.size).toBe(0);
    });
});

describe('cost', () => {
    it('writes in fewer than 15 % of the frames of a silent head, and fewer than 30 % of a speaking one', () => {
        for (let seed = 1; seed <= 4; seed++) {
            const silent = new LivingHead({ seed }).attach();
            silent.run(600);
            // Measured: 0.12.
            expect(silent.framesWritten / silent.frames, `seed ${seed}`).toBeLessThan(0.15);
            const speaking = new LivingHead({ seed }).attach();
            speaking.run(600, (at) => (speaking.voice.energy = phrases(at)));
            // Measured: 0.24.
            expect(speaking.framesWritten / speaking.frames, `seed ${seed}`).toBeLessThan(0.3);
        }
    });

    it('writes nothing when all settings are 0', () => {
        const head = new LivingHead({ blinksPerMinute: 0, microMotion: 0, emphasis: 0 }).attach();
        head.run(120, (at) => (head.voice.energy = phrases(at)));
        expect(head.framesWritten).toBe(0);
    });

    it('keeps all motion within the sum of drift and lift', () => {
        const head = new LivingHead().attach();
        head.run(
            300,
            (at) => (head.voice.energy = phrases(at)),
            () => expect(Math.max(...head.values().slice(0, 5))).toBeLessThanOrEqual(MOST_DRIFT + MOST_LIFT + 1 / 64),
        );
    });
});

describe('the behavior', () => {
    it('runs before the observers that were there first, so that the head poses what it wrote', () => {
        const head = new LivingHead({ blinksPerMinute: 60 });
        const seen: number[] = [];
        head.scene.onBeforeRenderObservable.add(() => seen.push(head.expression['AU45'] as number));
        head.attach();
        const shown: number[] = [];
        head.run(10, undefined, () => shown.push(head.expression['AU45'] as number));
        expect(seen).toEqual(shown);
        expect(Math.max(...seen)).toBeGreaterThan(0.9);
    });

    it('moves one head at a time, and may move another afterwards', () => {
        const [one, other] = [new LivingHead(), new LivingHead()];
        one.attach();
        one.behavior.attach(one.asMesh());
        expect(() => one.behavior.attach(other.asMesh())).toThrow(PgsError);
        one.behavior.detach();
        one.behavior.detach();
        one.behavior.attach(other.asMesh());
        expect(one.behavior.attachedNode).toBe(other);
        expect(one.scene.onBeforeRenderObservable.hasObservers()).toBe(false);
    });

    it('may be detached by whoever is told of a blink', () => {
        const head = new LivingHead().attach();
        head.behavior.onBlinkObservable.add((behavior) => behavior.detach());
        head.run(30);
        expect(head.behavior.attachedNode).toBeNull();
        expect(head.values().every((value) => value === 0)).toBe(true);
    });

    it.for([
        ['seed', NaN],
        ['seed', Infinity],
        ['blinksPerMinute', -1],
        ['blinksPerMinute', 61],
        ['microMotion', 1.1],
        ['microMotion', NaN],
        ['emphasis', -0.1],
    ] as const)('refuses %s = %s, in words, and stays as it was', ([option, value]) => {
        const words = new RegExp(`LifelikeBehavior\\.${option}: expected .*, got ${value}\\.`);
        expect(() => new LifelikeBehavior({ [option]: value })).toThrow(words);
        const behavior = new LifelikeBehavior({ seed: 2 });
        const before = behavior[option];
        expect(() => (behavior[option] = value)).toThrow(words);
        expect(behavior[option]).toBe(before);
    });

    it('takes less than a hundredth of a frame at 60 Hz', () => {
        const head = new LivingHead().attach();
        const start = performance.now();
        head.run(600);
        // Measured: 1 us a frame; a busy machine may take long.
        expect((performance.now() - start) / head.frames).toBeLessThan(FRAME_MS / 100);
    });
});
