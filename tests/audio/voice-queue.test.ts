import { afterEach, describe, expect, it } from 'vitest';
import type { SpeechSource } from '../../plugin/audio/index.js';
import { FakeAudioContext } from './fake-audio-context.js';
import { babble, noise } from './sounds.js';
import { concat, pieces, stubEncoder } from './streaming.js';
import { VoiceRig, disposeRigs, turns } from './voice-rig.js';

const RATE = 48000;

afterEach(disposeRigs);

/** Seeded noise, s at RATE; no two samples of it are alike. */
function hiss(seconds: number, seed = 7): Float32Array {
    return noise(Math.round(RATE * seconds), 0.1, seed);
}

/** Equal in value; a mixer makes 0 of -0. */
function isEqual(a: Float32Array, b: Float32Array): boolean {
    return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** Pushes a sound and waits until all that can be known of it is. */
async function fill(rig: VoiceRig, parts: readonly Float32Array[], rate = RATE): Promise<void> {
    for (const part of parts) rig.voice.push(part, rate);
    await settle(rig);
}

/** Waits until the analysis has nothing more to say. */
async function settle(rig: VoiceRig): Promise<void> {
    const known = (): number => rig.voice.metrics.headroomMs + rig.context.nodes.length + rig.events.length;
    for (let last = Number.NaN, calm = 0; calm < 5;) {
        await turns(4);
        calm = known() === last ? calm + 1 : 0;
        last = known();
    }
}

/** What was recorded from its first sample on. */
function heard(context: FakeAudioContext): Float32Array {
    const all = context.recorded();
    const first = Math.round((context.sources[0]?.startTime ?? 0) * context.sampleRate);
    return all.subarray(first);
}

async function rigOf(sampleRate = RATE): Promise<VoiceRig> {
    return VoiceRig.createAsync(new FakeAudioContext('running', sampleRate), { encoder: stubEncoder() });
}

describe('a queue', () => {
    it.each([1, 2, 3])('plays every sample once, in place, however it is pushed (seed %i)', async (seed) => {
        const rig = await rigOf();
        const sound = hiss(2, seed);
        const parts = pieces(sound, seed, 9000);
        for (const part of parts.slice(0, 8)) rig.voice.push(part, RATE);
        await settle(rig);
        for (const part of parts.slice(8)) {
            rig.voice.push(part, RATE);
            await rig.runAsync(0.05);
        }
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(2.5);
        expect(isEqual(heard(rig.context).subarray(0, sound.length), sound)).toBe(true);
        expect(rig.events).toEqual(['start', 'finished']);
        expect(rig.context.connectedCount).toBe(1);
        expect(rig.underAnalysis).toBe(0);
    });

    it.each([44100, 96000])('plays at the rate of a context of %i Hz', async (contextRate) => {
        const rig = await rigOf(contextRate);
        await fill(rig, pieces(babble(24000, 1, 2), 3, 4000), 24000);
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(1.3);
        const wanted = babble(contextRate, 1, 2);
        const got = heard(rig.context);
        let worst = 0;
        // The edges see the silence around.
        for (let i = 2000; i < wanted.length - 2000; i++)
            worst = Math.max(worst, Math.abs((got[i] as number) - (wanted[i] as number)));
        expect(worst).toBeLessThan(0.01);
        expect(rig.events).toEqual(['start', 'finished']);
    });

    it('starts when its reserve is there, and no sooner', async () => {
        const rig = await rigOf();
        const sound = hiss(1);
        // 65 ms of reserve whose lips need 95 ms and 10 to 30 ms of frames more.
        await fill(rig, [sound.slice(0, 0.15 * RATE)]);
        expect(rig.events).toEqual([]);
        expect(rig.voice.currentTime).toBe(0);
        await fill(rig, [sound.slice(0.15 * RATE, 0.2 * RATE)]);
        expect(rig.events).toEqual(['start']);
    });

    it('tells once that it ran dry, holds its place, and goes on without losing a sample', async () => {
        const rig = await rigOf();
        const sound = hiss(2, 4);
        await fill(rig, [sound.slice(0, RATE)]);
        await rig.runAsync(2);
        expect(rig.events).toEqual(['start', 'underrun']);
        const known = rig.voice.currentTime;
        // All but the 95 ms whose lips are not known, and part of a frame.
        expect(known).toBeGreaterThan(0.87);
        expect(known).toBeLessThan(0.91);
        await rig.runAsync(1);
        expect(rig.voice.currentTime).toBe(known);
        expect(rig.opening).toBe(0);
        await fill(rig, [sound.slice(RATE)]);
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(1.5);
        expect(rig.events).toEqual(['start', 'underrun', 'finished']);
        expect(rig.voice.metrics.underruns).toBe(1);
        // Both halves are there, with the silence of the gap between them.
        const all = heard(rig.context);
        const cut = Math.round(known * RATE);
        expect(isEqual(all.subarray(0, cut), sound.subarray(0, cut))).toBe(true);
        const second = rig.context.sources.find(({ startTime }) => startTime > 2)?.startTime as number;
        const from = Math.round((second - (rig.context.sources[0]?.startTime ?? 0)) * RATE);
        expect(isEqual(all.subarray(from, from + sound.length - cut), sound.subarray(cut))).toBe(true);
        expect(all.subarray(cut, from).every((value) => value === 0)).toBe(true);
    });

    it('tells that it ran dry though nothing is drawn', async () => {
        const rig = await rigOf();
        await fill(rig, [hiss(1)]);
        rig.context.advance(2);
        expect(rig.events).toEqual(['start', 'underrun']);
    });

    it('keeps its place in a pause, also for what comes meanwhile', async () => {
        const rig = await rigOf();
        const sound = hiss(2, 5);
        await fill(rig, pieces(sound.slice(0, RATE), 2, 5000));
        await rig.runAsync(0.4);
        rig.voice.pause();
        const place = rig.voice.currentTime;
        await rig.runAsync(0.5);
        expect(rig.voice.isPaused).toBe(true);
        expect(rig.voice.currentTime).toBeGreaterThanOrEqual(place);
        expect(rig.opening).toBe(0);
        const paused = rig.voice.currentTime;
        await fill(rig, pieces(sound.slice(RATE), 3, 5000));
        rig.voice.end();
        await settle(rig);
        expect(rig.voice.currentTime).toBe(paused);
        rig.voice.resume();
        await rig.runAsync(0.1);
        expect(rig.voice.currentTime).toBeGreaterThan(paused);
        await rig.runAsync(2);
        expect(rig.events).toEqual(['start', 'finished']);
        // What follows the pause begins with the sample at its place, and goes on to the last.
        const resumed = rig.context.sources.filter(({ startTime }) => startTime > 0.9);
        const from = Math.round((resumed[0]?.startTime as number) * RATE);
        const rest = sound.subarray(Math.round(paused * RATE));
        expect(isEqual(rig.context.recorded().subarray(from, from + rest.length), rest)).toBe(true);
    });

    it('repeats nothing when it is paused so near its end that it must gather again', async () => {
        const rig = await rigOf();
        const sound = hiss(2, 6);
        await fill(rig, [sound.slice(0, RATE)]);
        await rig.runAsync(0.85);
        rig.voice.pause();
        await rig.runAsync(0.2);
        const paused = rig.voice.currentTime;
        expect(paused).toBeGreaterThan(0.8);
        rig.voice.resume();
        await rig.runAsync(0.2);
        expect(rig.voice.currentTime).toBeCloseTo(paused, 6);
        await fill(rig, [sound.slice(RATE)]);
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(0.1);
        expect(rig.voice.currentTime).toBeGreaterThan(paused);
        expect(rig.voice.currentTime).toBeLessThan(paused + 0.11);
        await rig.runAsync(1.5);
        expect(rig.events).toEqual(['start', 'finished']);
    });

    it('ends though it was paused at its last sample, or after it', async () => {
        for (const wait of [1.009, 1.03]) {
            const rig = await rigOf();
            await fill(rig, [hiss(1)]);
            if (wait < 1.02) rig.voice.end();
            await settle(rig);
            rig.run(0.95);
            rig.context.advance(wait - 0.95);
            rig.voice.pause();
            if (wait > 1.02) rig.voice.end();
            await settle(rig);
            await rig.runAsync(0.2);
            rig.voice.resume();
            await rig.runAsync(0.4);
            expect(rig.events.filter((event) => event !== 'underrun')).toEqual(['start', 'finished']);
            expect(rig.voice.isPlaying).toBe(false);
            await expect.poll(() => rig.context.connectedCount).toBe(1);
        }
    });

    it('can be paused before it starts', async () => {
        const rig = await rigOf();
        rig.voice.push(hiss(1), RATE);
        rig.voice.pause();
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(0.3);
        expect(rig.events).toEqual([]);
        rig.voice.resume();
        await rig.runAsync(1.3);
        expect(rig.events).toEqual(['start', 'finished']);
    });

    it('of less than its reserve is played when it is ended', async () => {
        for (const seconds of [0.001, 0.02, 0.1]) {
            const rig = await rigOf();
            const sound = hiss(seconds, 3);
            await fill(rig, [sound]);
            expect(rig.events).toEqual([]);
            rig.voice.end();
            rig.voice.end();
            await settle(rig);
            await rig.runAsync(seconds + 0.3);
            expect(rig.events).toEqual(['start', 'finished']);
            expect(isEqual(heard(rig.context).subarray(0, sound.length), sound)).toBe(true);
        }
    });

    it('of nothing starts and finishes', async () => {
        const rig = await rigOf();
        rig.voice.end();
        await fill(rig, [new Float32Array(0), new Float32Array(0)]);
        rig.voice.end();
        await settle(rig);
        rig.run(0.2);
        expect(rig.events).toEqual(['start', 'finished']);
        await fill(rig, [hiss(0.5)]);
        expect(rig.events.at(-1)).toBe('start');
    });

    it('takes 16 bit and any number of interleaved channels', async () => {
        const sound = hiss(0.5, 8).map((value) => Math.round(value * 16384) / 16384);
        const stereo = new Float32Array(2 * sound.length);
        const six = new Int16Array(6 * sound.length);
        sound.forEach((value, i) => {
            stereo[2 * i] = 2 * value;
            for (let c = 0; c < 6; c++) six[6 * i + c] = 32768 * value;
        });
        for (const [pcm, channels] of [
            [stereo, 2],
            [six, 6],
            [Int16Array.from(sound, (value) => 32768 * value), 1],
        ] as const) {
            const rig = await rigOf();
            rig.voice.push(pcm, RATE, channels);
            rig.voice.end();
            await settle(rig);
            await rig.runAsync(0.7);
            const got = heard(rig.context).subarray(0, sound.length);
            got.forEach((value, i) => {
                if (Math.abs(value - (sound[i] as number)) > 1e-6) throw new Error(`${channels} channels, sample ${i}`);
            });
        }
    });

    it('refuses what is no sound, and what plays goes on', async () => {
        const rig = await rigOf();
        const sound = hiss(0.5);
        await fill(rig, [sound]);
        const format = expect.objectContaining({ code: 'AUDIO_FORMAT' }) as Error;
        expect(() => rig.voice.push(Float32Array.of(0, Number.NaN), RATE)).toThrow(format);
        expect(() => rig.voice.push(Float32Array.of(32768), RATE)).toThrow(format);
        expect(() => rig.voice.push(sound, 24000)).toThrow(/expected 48000 Hz as before, got 24000.*end\(\)/);
        for (const rate of [0, 4000, 44100.5, Number.NaN]) expect(() => rig.voice.push(sound, rate)).toThrow(format);
        for (const channels of [0, 1.5, -1]) expect(() => rig.voice.push(sound, RATE, channels)).toThrow(format);
        expect(() => rig.voice.push([0] as unknown as Float32Array, RATE)).toThrow(format);
        rig.voice.end();
        // A new queue may have another rate.
        rig.voice.push(babble(24000, 0.5), 24000);
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(0.8);
        expect(rig.events).toEqual(['start', 'replaced', 'start', 'finished']);
    });

    it('of a rate that cannot be resampled fails, with the reason, and the next one sounds', async () => {
        const rig = await rigOf();
        rig.voice.push(babble(16001, 0.2), 16001);
        await settle(rig);
        expect(rig.events).toEqual(['AUDIO_FORMAT']);
        expect(rig.voice.isPlaying).toBe(false);
        await fill(rig, [hiss(0.5)]);
        expect(rig.events).toEqual(['AUDIO_FORMAT', 'start']);
    });

    it('that is stopped in the middle leaves nothing', async () => {
        const rig = await rigOf();
        for (const act of ['stop', 'interrupt', 'dispose'] as const) {
            await fill(rig, pieces(hiss(1), 2, 4000));
            await rig.runAsync(0.3);
            rig.voice[act]();
            if (act === 'dispose') break;
            await rig.runAsync(0.1);
            expect(rig.voice.currentTime).toBe(0);
            await expect.poll(() => rig.context.connectedCount).toBe(1);
            expect(rig.underAnalysis).toBe(0);
        }
        expect(rig.context.connectedCount).toBe(0);
        expect(rig.events).toEqual(['start', 'stopped', 'start', 'interrupted', 'start']);
    });

    it('lets go of what was played', async () => {
        const rig = await rigOf();
        const second = hiss(1);
        for (let n = 0; n < 20; n++) {
            await fill(rig, pieces(second, 4, 20000));
            rig.context.advance(0.9);
            rig.run(0.1);
        }
        const queue = (rig.voice as unknown as { turns: { utterance: { pieces: { buffer: AudioBuffer }[] } } }).turns
            .utterance;
        const held = queue.pieces.reduce((sum, { buffer }) => sum + buffer.duration, 0);
        expect(held).toBeLessThan(4);
    });
});

describe('a speech source', () => {
    /** Says a sound in pieces, with its words. */
    function source(sound: Float32Array, words: readonly string[] = []): SpeechSource {
        return {
            async *open() {
                yield {
                    sampleRate: RATE,
                    words: words.map((text, n) => ({ text, start: 0.2 * n, duration: 0.1 })),
                };
                for (const pcm of pieces(sound, 3, 9000)) {
                    yield { pcm, sampleRate: RATE };
                    await turns(1);
                }
            },
        };
    }

    it('is heard whole, with its words in time', async () => {
        const rig = await rigOf();
        const sound = hiss(1, 2);
        const speaking = rig.voice.speak('a b c', source(sound, ['a', 'b', 'c', 'never']));
        await settle(rig);
        expect(await speaking).toBe(true);
        await rig.runAsync(0.3);
        expect(rig.events).toEqual(['start', 'a', 'b']);
        await rig.runAsync(1);
        expect(rig.events.slice(0, 4)).toEqual(['start', 'a', 'b', 'c']);
        expect(rig.events).toContain('finished');
        expect(isEqual(heard(rig.context).subarray(0, sound.length), sound)).toBe(true);
    });

    it('is not mixed with what is pushed, nor cut by end()', async () => {
        const rig = await rigOf();
        const sound = hiss(1, 2);
        void rig.voice.speak('text', source(sound));
        await turns(3);
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(0.3);
        expect(rig.events).toEqual(['start']);
        const pushed = sound.slice(0, 24000);
        const before = rig.context.sources.length;
        rig.voice.push(pushed, RATE);
        rig.voice.end();
        await settle(rig);
        await rig.runAsync(0.8);
        expect(rig.events).toEqual(['start', 'replaced', 'start', 'finished']);
        const last = rig.context.sources.slice(before);
        expect(isEqual(concat(...last.map(({ buffer }) => (buffer as AudioBuffer).getChannelData(0))), pushed)).toBe(
            true,
        );
    });

    it('that fails before or after its first sound ends with its error, and the next is heard', async () => {
        const rig = await rigOf();
        const broken = (after: number): SpeechSource => ({
            async *open() {
                await turns(1);
                for (let n = 0; n < after; n++) yield { pcm: hiss(0.4, n + 1), sampleRate: RATE };
                throw new Error('socket closed');
            },
        });
        expect(await rig.voice.speak('text', broken(0))).toBe(false);
        expect(rig.events.splice(0)).toEqual(['SPEECH_SOURCE']);
        const speaking = rig.voice.speak('text', broken(2));
        await settle(rig);
        await speaking;
        expect(rig.events.splice(0).at(-1)).toBe('SPEECH_SOURCE');
        expect(rig.voice.isPlaying).toBe(false);
        expect(await rig.voice.speak('text', { async *open() {} })).toBe(false);
        expect(rig.events.splice(0)).toEqual(['SPEECH_SOURCE']);
        const next = rig.voice.speak('text', source(hiss(0.5)));
        await settle(rig);
        expect(await next).toBe(true);
        rig.run(0.2);
        expect(rig.underAnalysis).toBe(0);
    });

    it('is told when it is interrupted, stopped or replaced', async () => {
        for (const act of ['interrupt', 'stop', 'dispose'] as const) {
            const rig = await rigOf();
            const seen: AbortSignal[] = [];
            let returned = 0;
            const endless: SpeechSource = {
                async *open(_text, { signal }) {
                    seen.push(signal);
                    try {
                        for (;;) {
                            yield { pcm: hiss(0.2), sampleRate: RATE };
                            await turns(2);
                        }
                    } finally {
                        returned++;
                    }
                },
            };
            const speaking = rig.voice.speak('text', endless);
            await turns(20);
            rig.voice[act]();
            await turns(10);
            expect(seen[0]?.aborted).toBe(true);
            expect(returned).toBe(1);
            expect(typeof (await speaking)).toBe('boolean');
        }
    });
});
