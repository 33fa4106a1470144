import { describe, expect, it, vi } from 'vitest';
import {
    FEATURE_FPS,
    SimpleObservable,
    TsEncoder,
    Voice,
    analyseClip,
    initEncoderWeights,
    restFeature,
    writeEncoderOnnx,
    type VoiceOptions,
} from '../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM } from '../../plugin/core/index.js';
import { FakeAudioContext, fakeBuffer, pageTime } from './fake-audio-context.js';
import { babble, testFrontEnd } from './sounds.js';

const frontEnd = testFrontEnd();
const encoder = TsEncoder.fromOnnx(writeEncoderOnnx(initEncoderWeights(1), frontEnd));
const clip = babble(16000, 1);

async function setUp(context = new FakeAudioContext(), options: Partial<VoiceOptions> = {}) {
    const events: string[] = [];
    const voice = await Voice.createAsync({
        createObservable: () => new SimpleObservable(),
        frontEnd,
        encoder,
        audioContext: context.asContext(),
        now: () => pageTime(context),
        ...options,
    });
    voice.onStartObservable.add(() => events.push('start'));
    voice.onEndObservable.add(({ reason }) => events.push(reason));
    voice.onWarningObservable.add((warning) => events.push(warning));
    const out = new Float32Array(AUDIO_FEAT_DIM);
    const sample = (): number[] => {
        voice.sampleFeatures(out);
        return [...out];
    };
    return { context, voice, events, out, sample };
}

describe('voice', () => {
    it('shows what the timeline holds at the time that is heard', async () => {
        const { context, voice, sample } = await setUp();
        const timeline = await analyseClip(clip, 16000, frontEnd, encoder);
        expect(await voice.play(fakeBuffer(16000, clip))).toBe(true);
        context.advance(0.5);
        const expected = new Float32Array(AUDIO_FEAT_DIM);
        // 10 ms of start lead and 40 ms of output latency behind the context's own time.
        timeline.sample(0.45, expected);
        sample().forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 5));
        expect(voice.currentTime).toBeCloseTo(0.45, 6);
        expect(voice.duration).toBe(1);
        voice.avOffsetMs = 100;
        timeline.sample(0.35, expected);
        sample().forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 5));
    });

    it('tells whether anything changed since the last frame', async () => {
        const { context, voice, out } = await setUp();
        expect(voice.sampleFeatures(out)).toBe(true);
        expect(voice.sampleFeatures(out)).toBe(false);
        await voice.play(fakeBuffer(16000, clip));
        context.advance(0.3);
        expect(voice.sampleFeatures(out)).toBe(true);
        expect(voice.sampleFeatures(out)).toBe(false);
        context.advance(2);
        voice.sampleFeatures(out);
        context.advance(2);
        voice.sampleFeatures(out);
        expect(voice.sampleFeatures(out)).toBe(false);
        expect([...out]).toEqual([...(await restFeature(frontEnd, encoder))]);
    });

    it('reports start and end, and is silent after the clip', async () => {
        const { context, voice, events } = await setUp();
        const playing = voice.play(fakeBuffer(16000, clip));
        expect(voice.isPlaying).toBe(false);
        await playing;
        expect(voice.isPlaying).toBe(true);
        context.advance(1.1);
        expect(voice.isPlaying).toBe(false);
        expect(voice.currentTime).toBe(0);
        expect(events).toEqual(['start', 'finished']);
        await expect.poll(() => context.connectedCount).toBe(1); // the output alone
    });

    it('restarts cleanly when play is called during play', async () => {
        const { context, voice, events } = await setUp();
        await voice.play(fakeBuffer(16000, clip));
        context.advance(0.4);
        await voice.play(fakeBuffer(48000, babble(48000, 0.5)));
        expect(voice.duration).toBe(0.5);
        context.advance(0.1);
        expect(voice.currentTime).toBeCloseTo(0.05, 6);
        context.advance(1);
        expect(events).toEqual(['start', 'replaced', 'start', 'finished']);
        await expect.poll(() => context.connectedCount).toBe(1);
    });

    it('starts only the last of several plays at once', async () => {
        const { voice, events } = await setUp();
        const buffers = [1, 2, 3].map((seed) => fakeBuffer(16000, babble(16000, 0.3, seed)));
        expect(await Promise.all(buffers.map((buffer) => voice.play(buffer)))).toEqual([false, false, true]);
        expect(events).toEqual(['start']);
    });

    it('lets an observer of the end start the next clip', async () => {
        const { context, voice, events } = await setUp();
        const next = fakeBuffer(16000, babble(16000, 0.2));
        voice.onEndObservable.addOnce(() => void voice.play(next));
        await voice.play(fakeBuffer(16000, clip));
        expect(await voice.play(fakeBuffer(16000, clip))).toBe(false);
        await expect.poll(() => voice.isPlaying).toBe(true);
        expect(voice.duration).toBe(0.2);
        context.advance(0.5);
        expect(events).toEqual(['start', 'replaced', 'start', 'finished']);
    });

    it('stops at once and glides to rest in 120 ms', async () => {
        const { context, voice, events, sample } = await setUp();
        await voice.play(fakeBuffer(16000, clip));
        context.advance(0.5);
        const speaking = sample();
        voice.stop();
        expect(voice.isPlaying).toBe(false);
        expect(sample()).toEqual(speaking);
        context.advance(0.06);
        const rest = await restFeature(frontEnd, encoder);
        sample().forEach((value, i) =>
            expect(value).toBeCloseTo(((speaking[i] as number) + (rest[i] as number)) / 2, 4),
        );
        context.advance(0.07);
        expect(sample()).toEqual([...rest]);
        voice.stop();
        expect(events).toEqual(['start', 'stopped']);
        await expect.poll(() => context.connectedCount).toBe(1);
    });

    it('never jumps: 60 frames a second through start, stop, loop and end', async () => {
        const { context, voice, sample } = await setUp();
        let last = sample();
        let worst = 0;
        const run = (frames: number): void => {
            for (let frame = 0; frame < frames; frame++) {
                context.advance(1 / 60);
                const next = sample();
                next.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - (last[i] as number)))));
                last = next;
            }
        };
        const timeline = await analyseClip(clip, 16000, frontEnd, encoder);
        let step = 0;
        for (let i = AUDIO_FEAT_DIM; i < timeline.features.length; i++) {
            step = Math.max(
                step,
                Math.abs((timeline.features[i] as number) - (timeline.features[i - AUDIO_FEAT_DIM] as number)),
            );
        }
        voice.loop = true;
        await voice.play(fakeBuffer(16000, clip));
        run(150);
        expect(voice.currentTime).toBeCloseTo(2.5 - 0.05 - 2, 3);
        voice.loop = false;
        run(120);
        expect(voice.isPlaying).toBe(false);
        await voice.play(fakeBuffer(16000, clip));
        run(20);
        voice.stop();
        run(30);
        // One 60 Hz frame is 0.42 feature frames; glides of 120 ms over the feature's range are allowed the same pace.
        const range = Math.max(...timeline.features) - Math.min(...timeline.features);
        expect(worst).toBeLessThan(0.42 * step + 0.25 * range);
    });

    it('keeps lips and sound still while the context is suspended', async () => {
        const { context, voice, out } = await setUp();
        await voice.play(fakeBuffer(16000, clip));
        context.advance(0.3);
        voice.sampleFeatures(out);
        context.setState('suspended');
        context.advance(5);
        expect(voice.sampleFeatures(out)).toBe(false);
        expect(voice.isPlaying).toBe(true);
    });

    it('warns when the browser keeps sound back, and starts after the gesture', async () => {
        const context = new FakeAudioContext('suspended');
        context.mayResume = false;
        const { voice, events } = await setUp(context);
        const playing = voice.play(fakeBuffer(16000, clip));
        await expect.poll(() => events.join()).toMatch(/clicks or presses a key/);
        expect(voice.isPlaying).toBe(false);
        context.setState('running');
        expect(await playing).toBe(true);
        expect(voice.isPlaying).toBe(true);
    });

    it('gives up waiting for a gesture when stopped', async () => {
        const context = new FakeAudioContext('suspended');
        context.mayResume = false;
        const { voice, events } = await setUp(context);
        const playing = voice.play(fakeBuffer(16000, clip));
        voice.stop();
        expect(await playing).toBe(false);
        expect(events).toEqual([]);
    });

    it('closes the mouth when somebody closes the context', async () => {
        const { context, voice, sample } = await setUp();
        await voice.play(fakeBuffer(16000, clip));
        context.advance(0.5);
        sample();
        await context.close();
        sample();
        context.currentTime += 0.2; // page time goes on
        expect(sample()).toEqual([...(await restFeature(frontEnd, encoder))]);
        await expect(voice.play(fakeBuffer(16000, clip))).rejects.toMatchObject({ code: 'AUDIO_UNAVAILABLE' });
    });

    it('analyses a prepared buffer only once', async () => {
        const { voice } = await setUp();
        const buffer = fakeBuffer(16000, clip);
        await voice.prepare(buffer);
        await voice.play(buffer);
        expect(voice.metrics.analysisMs).toBe(0);
        expect(voice.metrics.outputLatencyMs).toBeCloseTo(40);
    });

    it('asks for the context only when sound is needed, and leaves a given one open', async () => {
        let made = 0;
        const own = new FakeAudioContext();
        const { voice } = await setUp(own, { audioContext: () => (made++, own.asContext()) });
        voice.volume = 0.5;
        expect(made).toBe(0);
        await voice.play(fakeBuffer(16000, clip));
        expect(made).toBe(1);
        expect((voice.output as GainNode).gain.value).toBe(0.5);
        voice.dispose();
        expect(own.closeCount).toBe(0); // given, not ours
        expect(own.connectedCount).toBe(0);
    });

    it('closes a context of its own', async () => {
        const own = new FakeAudioContext();
        vi.stubGlobal('AudioContext', function () {
            return own;
        });
        const voice = await Voice.createAsync({ frontEnd, encoder, createObservable: () => new SimpleObservable() });
        await voice.play(fakeBuffer(16000, clip));
        voice.dispose();
        vi.unstubAllGlobals();
        expect(own.closeCount).toBe(1);
    });

    it('is not connected where the game routes it', async () => {
        const { context, voice } = await setUp(new FakeAudioContext(), { isConnected: false });
        expect(voice.output).toBeDefined();
        expect(context.connectedCount).toBe(0);
    });

    it('leaves nothing after dispose, even in the middle of play or analysis', async () => {
        for (const wait of [true, false]) {
            const { context, voice, out } = await setUp();
            const playing = voice.play(fakeBuffer(16000, clip));
            if (wait) await playing;
            voice.dispose();
            voice.dispose();
            expect(await playing).toBe(wait);
            expect(context.connectedCount).toBe(0);
            const disposed = expect.objectContaining({ code: 'DISPOSED' }) as Error;
            await expect(voice.play(fakeBuffer(16000, clip))).rejects.toThrow(disposed);
            expect(() => voice.stop()).toThrow(disposed);
            expect(() => voice.sampleFeatures(out)).toThrow(disposed);
            expect(() => voice.output).toThrow(disposed);
        }
    });
});

describe('voice refuses', () => {
    it('what is no sound, and goes on with what plays', async () => {
        const { voice } = await setUp();
        await voice.play(fakeBuffer(16000, clip));
        const bad = [
            fakeBuffer(16000, new Float32Array(0)),
            fakeBuffer(16000, Float32Array.of(0, Number.NaN)),
            fakeBuffer(4000, clip),
        ];
        for (const buffer of bad)
            await expect(voice.play(buffer as AudioBuffer)).rejects.toMatchObject({ code: 'AUDIO_FORMAT' });
        for (const other of [undefined, 7, {}] as unknown as AudioBuffer[])
            await expect(voice.play(other)).rejects.toMatchObject({ code: 'OPTION_VALUE' });
        expect(voice.isPlaying).toBe(true);
    });

    it('a page without WebAudio', async () => {
        const voice = await Voice.createAsync({ frontEnd, encoder, createObservable: () => new SimpleObservable() });
        await expect(voice.play(fakeBuffer(16000, clip))).rejects.toMatchObject({ code: 'AUDIO_UNAVAILABLE' });
    });

    it('values out of range', async () => {
        const { voice } = await setUp();
        for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY])
            expect(() => (voice.volume = value)).toThrow(/Voice.volume/);
        expect(() => (voice.avOffsetMs = Number.NaN)).toThrow(/avOffsetMs/);
    });
});

describe('clip analysis', () => {
    it('gives a frame a 40 ms, reports progress and lets the page run', async () => {
        const shares: number[] = [];
        let turns = 0;
        const timer = setInterval(() => turns++, 1);
        const timeline = await analyseClip(babble(48000, 4), 48000, frontEnd, encoder, {
            onProgress: (share) => shares.push(share),
        });
        clearInterval(timer);
        expect(timeline.fps).toBe(FEATURE_FPS);
        expect(timeline.frameCount).toBe(100);
        expect(shares.at(-1)).toBe(1);
        expect([...shares].sort((a, b) => a - b)).toEqual(shares);
        expect(turns).toBeGreaterThan(2);
    });

    it('ends when aborted', async () => {
        const abort = new AbortController();
        const analysis = analyseClip(babble(16000, 2), 16000, frontEnd, encoder, {
            signal: abort.signal,
            onProgress: () => abort.abort(),
        });
        await expect(analysis).rejects.toMatchObject({ name: 'AbortError' });
    });
});
