import { afterEach, describe, expect, it } from 'vitest';
import { PgsError } from '../../plugin/core/index.js';
import type { SpeechSource } from '../../plugin/audio/index.js';
import { SharedAnalysis } from '../../plugin/audio/analysis/shared-analysis.js';
import { FakeAudioContext, fakeBuffer } from './fake-audio-context.js';
import { babble, noise } from './sounds.js';
import { stubEncoder } from './streaming.js';
import { VoiceRig, disposeRigs, turns } from './voice-rig.js';

const RATE = 16000;
const clip = babble(RATE, 1);
const buffer = fakeBuffer(RATE, clip);

afterEach(disposeRigs);

/** A queue with half a second to play. */
async function pushing(rig: VoiceRig): Promise<void> {
    rig.voice.push(babble(RATE, 0.8), RATE);
    await expect.poll(() => rig.events.at(-1)).toBe('start');
}

/** Starts and ends are told in turn, beginning with a start; other events are left out. */
function expectBalanced(events: readonly string[], isOver: boolean): void {
    const ends = ['finished', 'stopped', 'interrupted', 'replaced', 'failed'];
    const told = events.filter((event) => event === 'start' || ends.includes(event));
    told.forEach((event, n) => expect(event === 'start', `${n} of ${told.join()}`).toBe(n % 2 === 0));
    if (isOver) expect(told.length % 2).toBe(0);
}

describe('turns', () => {
    it('is silent, at rest and empty after 200 random turns (seeds 1, 2)', async () => {
        for (const seed of [1, 2]) {
            const rig = await VoiceRig.createAsync(new FakeAudioContext(), { encoder: stubEncoder() });
            const source: SpeechSource = {
                async *open() {
                    for (let n = 0; n < 3; n++) {
                        yield { pcm: clip.slice(4000 * n, 4000 * n + 4000), sampleRate: RATE };
                        await turns(1);
                    }
                },
            };
            const pending: Promise<unknown>[] = [];
            const { voice } = rig;
            const acts: (() => unknown)[] = [
                () => pending.push(voice.play(fakeBuffer(RATE, clip))),
                () => pending.push(voice.play(buffer, { loop: seed === 2 })),
                () => voice.push(clip.slice(0, 6000), RATE),
                () => voice.push(clip.slice(6000), RATE),
                () => voice.end(),
                () => pending.push(voice.speak('text', source)),
                () => voice.stop(),
                () => voice.interrupt({ fadeMs: 20 }),
                () => voice.interrupt({ fadeMs: 0 }),
                () => voice.pause(),
                () => voice.resume(),
                () => (voice.playbackRate = 1.5),
                () => voice.isPlaying && voice.duration < 2 && (voice.loop = false),
            ];
            const random = noise(600, 1 / Math.sqrt(3), seed).map((value) => (value + 1) / 2);
            for (let n = 0; n < 200; n++) {
                acts[Math.floor((random[3 * n] as number) * acts.length)]?.();
                rig.run((random[3 * n + 1] as number) * 0.3);
                await turns(Math.floor((random[3 * n + 2] as number) * 6));
            }
            voice.interrupt();
            await Promise.all(pending);
            rig.run(0.15);
            expect(rig.opening).toBe(0);
            expectBalanced(rig.events, true);
            expect(rig.events.filter((event) => event === 'start').length).toBeGreaterThan(20);
            await expect.poll(() => rig.context.connectedCount).toBe(1);
            expect(rig.underAnalysis).toBe(0);
        }
    });

    it('lets nothing of a clip come that was interrupted while it was analysed', async () => {
        const rig = await VoiceRig.createAsync();
        const long = rig.voice.play(fakeBuffer(RATE, babble(RATE, 4)));
        await turns(3);
        rig.voice.interrupt();
        expect(await long).toBe(false);
        rig.run(0.5);
        expect(rig.events).toEqual([]);
        expect(rig.opening).toBe(0);
        expect(rig.underAnalysis).toBe(0);
        expect(rig.context.connectedCount).toBe(1);
    });

    it('has the lips at rest 120 ms after an interruption, of clip and queue', async () => {
        for (const kind of ['clip', 'queue'] as const) {
            const rig = await VoiceRig.createAsync();
            if (kind === 'clip') await rig.voice.play(buffer);
            else await pushing(rig);
            rig.run(0.4);
            expect(rig.opening).toBeGreaterThan(0);
            rig.voice.interrupt();
            expect(rig.voice.isPlaying).toBe(false);
            rig.context.advance(0.121);
            expect(rig.opening).toBe(0);
            expect(rig.events).toEqual(['start', 'interrupted']);
            for (const { stopTime } of rig.context.sources) expect(stopTime).toBeLessThanOrEqual(0.4 + 0.016);
        }
    });

    it('rests while its context is suspended, and goes on where it was', async () => {
        for (const kind of ['clip', 'queue'] as const) {
            const rig = await VoiceRig.createAsync();
            if (kind === 'clip') await rig.voice.play(buffer);
            else await pushing(rig);
            rig.run(0.3);
            const { currentTime } = rig.voice;
            rig.context.setState('suspended');
            for (let n = 0; n < 10; n++) {
                rig.extraMs += 20;
                rig.voice.sampleFeatures(rig.out);
            }
            expect(rig.opening).toBe(0);
            expect(rig.voice.isPlaying).toBe(true);
            rig.context.setState('running');
            rig.run(0.2);
            expect(rig.voice.currentTime).toBeCloseTo(currentTime + 0.2, 2);
            expect(rig.opening).toBeGreaterThan(0);
            expect(rig.events).toEqual(['start']);
        }
    });

    it('fails, once, when somebody closes its context', async () => {
        for (const kind of ['clip', 'queue'] as const) {
            const rig = await VoiceRig.createAsync();
            if (kind === 'clip') await rig.voice.play(buffer);
            else await pushing(rig);
            rig.run(0.3);
            await rig.context.close();
            rig.run(0.2);
            rig.context.currentTime += 0.2;
            expect(rig.opening).toBe(0);
            expect(rig.events).toEqual(['start', 'failed', 'AUDIO_UNAVAILABLE']);
            expect(rig.voice.isPlaying).toBe(false);
            expect(rig.underAnalysis).toBe(0);
        }
    });

    it('follows the clock over a change of the device, there and back', async () => {
        const rig = await VoiceRig.createAsync();
        await rig.voice.play(fakeBuffer(RATE, babble(RATE, 3)));
        rig.run(0.6);
        expect(rig.voice.currentTime).toBeCloseTo(0.55, 3);
        rig.context.outputLatency = 0.29; // wireless headphones
        rig.run(0.6);
        expect(rig.voice.currentTime).toBeCloseTo(1.19 - 0.29, 3);
        expect(rig.voice.metrics.latencyMs).toBeGreaterThan(40);
        rig.context.outputLatency = 0.04;
        rig.run(0.2);
        expect(rig.voice.currentTime).toBeCloseTo(1.39 - 0.04, 3);
        expect(rig.events).toEqual(['start']);
    });

    it('lets two voices speak at once, each with its own sound and lips', async () => {
        const [a, b] = await Promise.all([VoiceRig.createAsync(), VoiceRig.createAsync()]);
        await Promise.all([a.voice.play(buffer), pushing(b)]);
        a.run(0.3);
        b.run(0.3);
        a.voice.interrupt();
        a.context.advance(0.13);
        b.run(0.1);
        expect(a.opening).toBe(0);
        expect(b.opening).toBeGreaterThan(0);
        expect([a.events, b.events]).toEqual([['start', 'interrupted'], ['start']]);
        a.voice.dispose();
        b.run(0.05);
        expect(b.voice.isPlaying).toBe(true);
    });

    it('fails when the analysis dies: a queue ends, and a head that is loaded then speaks', async () => {
        const rig = await VoiceRig.createAsync();
        await pushing(rig);
        rig.run(0.2);
        const { analysis } = await SharedAnalysis.acquireAsync();
        analysis.fail(new PgsError('AUDIO_UNAVAILABLE', 'the worker died'));
        expect(rig.events).toEqual(['start', 'failed', 'AUDIO_UNAVAILABLE']);
        rig.run(0.2);
        expect(rig.opening).toBe(0);
        expect(() => rig.voice.push(clip, RATE)).toThrow(/the worker died/);
        await expect(rig.voice.play(fakeBuffer(RATE, clip))).rejects.toMatchObject({ code: 'AUDIO_UNAVAILABLE' });
        const next = await VoiceRig.createAsync();
        expect(await next.voice.play(buffer)).toBe(true);
    });
});

describe('an observer', () => {
    it('that throws leaves the voice as it should be', async () => {
        const rig = await VoiceRig.createAsync();
        const thrown = new Error('the game has a fault');
        for (const observable of [rig.voice.onStartObservable, rig.voice.onEndObservable] as const)
            (observable as { add(callback: () => void): void }).add(() => {
                throw thrown;
            });
        await expect(rig.voice.play(buffer)).rejects.toBe(thrown);
        rig.run(0.2);
        expect(rig.voice.isPlaying).toBe(true);
        expect(() => rig.voice.stop()).toThrow(thrown);
        expect(rig.voice.isPlaying).toBe(false);
        rig.run(0.2);
        expect(rig.opening).toBe(0);
        expectBalanced(rig.events, true);
        await expect.poll(() => rig.context.connectedCount).toBe(1);
        rig.voice.onStartObservable.clear();
        rig.voice.onEndObservable.clear();
        expect(await rig.voice.play(buffer)).toBe(true);
    });

    it('of the start that stops it, stops it', async () => {
        for (const kind of ['clip', 'queue', 'speech'] as const) {
            const rig = await VoiceRig.createAsync();
            rig.voice.onStartObservable.add(() => rig.voice.stop());
            if (kind === 'clip') await rig.voice.play(buffer);
            else if (kind === 'queue') rig.voice.push(babble(RATE, 0.8), RATE);
            else {
                const pcm = babble(RATE, 0.8);
                void rig.voice.speak('text', {
                    async *open() {
                        yield { pcm, sampleRate: RATE };
                        await turns(2);
                    },
                });
            }
            await expect.poll(() => rig.events).toEqual(['start', 'stopped']);
            rig.run(0.3);
            expect(rig.voice.isPlaying).toBe(false);
            expect(rig.events).toEqual(['start', 'stopped']);
            await expect.poll(() => rig.context.connectedCount).toBe(1);
            expect(rig.underAnalysis).toBe(0);
        }
    });

    it('of the end that says something newer wins over what was about to be said', async () => {
        for (const kind of ['play', 'push', 'speak'] as const) {
            const rig = await VoiceRig.createAsync();
            await rig.voice.play(fakeBuffer(RATE, clip));
            rig.run(0.1);
            rig.voice.onEndObservable.addOnce(() => rig.voice.push(babble(RATE, 0.5, 3), RATE));
            if (kind === 'play') expect(await rig.voice.play(buffer)).toBe(false);
            else if (kind === 'push') rig.voice.push(babble(24000, 0.5), 24000);
            else expect(await rig.voice.speak('text', { async *open() {} })).toBe(false);
            await expect.poll(() => rig.events.filter((event) => event === 'start').length).toBe(2);
            rig.voice.end();
            await expect.poll(() => rig.voice.duration).toBe(0.5);
            rig.run(1);
            expect(rig.events).toEqual(['start', 'replaced', 'start', 'finished']);
            expect(rig.underAnalysis).toBe(0);
        }
    });

    it('may dispose of the voice at any event', async () => {
        for (const event of ['onStartObservable', 'onEndObservable', 'onMetricsObservable'] as const) {
            const rig = await VoiceRig.createAsync();
            (rig.voice[event] as { add(callback: () => void): void }).add(() => rig.voice.dispose());
            await rig.voice.play(buffer);
            try {
                rig.run(0.5);
                rig.voice.push(clip, RATE);
            } catch (error) {
                expect((error as PgsError).code).toBe('DISPOSED');
            }
            rig.context.advance(0.02); // a source ends with its fade
            expect(rig.context.connectedCount).toBe(0);
            expect(() => rig.voice.stop()).toThrow(expect.objectContaining({ code: 'DISPOSED' }) as Error);
        }
    });

    it('of a word that says something else is not told that it is over', async () => {
        const rig = await VoiceRig.createAsync();
        const pcm = babble(RATE, 0.8);
        const words = [{ text: 'now', start: 0.1, duration: 0.1 }];
        void rig.voice.speak('text', {
            async *open() {
                yield { pcm, sampleRate: RATE, words };
                await turns(1);
            },
        });
        rig.voice.onWordObservable.addOnce(() => rig.voice.push(babble(RATE, 0.6), RATE));
        await expect.poll(() => rig.events).toEqual(['start']);
        rig.run(0.3);
        expect(rig.events).toContain('now');
        await expect.poll(() => rig.events.filter((event) => event === 'start').length).toBe(2);
        rig.run(0.2);
        expect(rig.voice.isPlaying).toBe(true);
        expect(rig.opening).toBeGreaterThan(0);
    });
});

describe('a sound of the game', () => {
    /** A routed sound, and how often it was started, stopped and given back. */
    function routed(context: FakeAudioContext, isBus: boolean) {
        const seen = { play: 0, stop: 0, release: 0 };
        const sound = {
            kind: 'routed' as const,
            node: context.createGain(),
            release: () => void seen.release++,
            play: isBus ? null : () => void seen.play++,
            stop: isBus ? null : () => void seen.stop++,
            onEnded: () => () => undefined,
        };
        return { seen, sound };
    }

    it('that never comes to be heard is given back to the mix', async () => {
        for (const [act, isBus] of [
            ['play', false],
            ['attach', false],
            ['attach', true],
            ['play', true],
        ] as const) {
            const context = new FakeAudioContext();
            const { seen, sound } = routed(context, isBus);
            const host = {
                openContext: () => context.asContext(),
                connectOutput: () => ({ dispose: () => undefined }),
                resolveSound: (candidate: unknown) => (candidate === sound ? sound : null),
            };
            const rig = await VoiceRig.createAsync(context, { audioContext: host as never });
            // The fake has no audio worklets, so listening fails.
            await expect(rig.voice[act](sound)).rejects.toBeInstanceOf(Error);
            expect(seen).toEqual({ play: 0, stop: 0, release: 1 });
            const superseded = rig.voice[act](sound).catch(() => false);
            rig.voice.stop();
            expect(await superseded).toBe(false);
            expect(seen.release).toBe(2);
        }
    });
});
