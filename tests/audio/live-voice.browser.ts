import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FEATURE_FPS, TsEncoder, decodeWav, resample, restFeature } from '../../plugin/audio/index.js';
import { SpeechStream, newVoiceMemory } from '../../plugin/audio/speech-stream.js';
import { AUDIO_FEAT_DIM, decodeHead } from '../../plugin/core/index.js';
import { missingBrowser, openPageAsync, type BrowserPage } from '../helpers/chromium.js';
import { concat, framesOf } from './streaming.js';
import type {} from './voice-page/page.js';

const glb = readFileSync(new URL('../../sandbox/public/avatars/ava.glb', import.meta.url));
const wav = readFileSync(new URL('../fixtures/hello-3s.wav', import.meta.url));
const files = { 'head.glb': glb, 'hello.wav': wav };
const size = { width: 100, height: 100 };
const FLAGS = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

const head = decodeHead(glb);
const encoder = TsEncoder.fromOnnx(head.encoderOnnx);
const hello = decodeWav(wav);

/** What Node makes of a sound, at the rate of queues and of live sound with the default delay. */
async function nodeFeatures(rate: number, ...parts: Float32Array[]): Promise<Float32Array> {
    const rest = await restFeature(head.audio, encoder);
    const stream = new SpeechStream(rate, head.audio, encoder, rest, newVoiceMemory(head.audio), FEATURE_FPS);
    return (await framesOf(stream, [concat(...parts)])).features;
}

/** Frames as the page tells them against Node's: how many, and how many values differ in any bit. */
function compare(features: readonly number[], wanted: Float32Array): { frames: number; different: number } {
    return {
        frames: features.length / AUDIO_FEAT_DIM,
        different: features.filter((value, i) => !Object.is(value, wanted[i])).length,
    };
}

const furthest = (a: readonly number[], b: readonly number[]): number =>
    Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));

describe.skipIf(missingBrowser() !== undefined).each([true, false])(
    'a voice in Chromium, isolated: %s',
    (isIsolated) => {
        let opened: BrowserPage;

        beforeAll(async () => {
            opened = await openPageAsync('tests/audio/voice-page', files, size, { isIsolated, args: FLAGS });
            await opened.page.evaluate(async () => {
                const rigs = [await createRig(48000)];
                for (let n = 0; n < 2; n++) rigs.push(await createRig(48000, rigs[0]?.context));
                Object.assign(globalThis, { rigs, rig: rigs[0] });
            });
        });

        afterAll(async () => {
            expect(opened.errors).toEqual([]);
            await opened.closeAsync();
        });

        it('analyses three heads that listen at once in one worker, mono, stereo and 5.1, to the bits of Node', async () => {
            const seen = await opened.page.evaluate(async () => {
                const { context } = rigs[0] as (typeof rigs)[0];
                const { samples } = await rig.load('hello.wav');
                // As it is, at 48 kHz: three times as fast, which is sound all the same.
                const channelsOf = [[1], [2, 0], [2, 0, 0, 4, 0, 0]];
                const sources: AudioBufferSourceNode[] = [];
                for (const [n, channels] of channelsOf.entries()) {
                    const buffer = context.createBuffer(channels.length, samples.length, 48000);
                    channels.forEach((factor, c) =>
                        buffer.copyToChannel(samples.map((value) => factor * value) as Float32Array<ArrayBuffer>, c),
                    );
                    const source = context.createBufferSource();
                    source.buffer = buffer;
                    rigs[n]?.setDrawing(false); // what is drawn is forgotten after a second
                    await rigs[n]?.voice.attach(source);
                    sources.push(source);
                }
                const start = Math.round((context.currentTime + 0.3) * 48000);
                for (const source of sources) source.start(start / 48000);
                await new Promise((resolve) => setTimeout(resolve, 1900));
                return rigs.map((each) => {
                    const frames = each.frames();
                    const { analysis, transport } = each.metrics();
                    each.voice.stop();
                    each.setDrawing(true);
                    return { ...frames, lead: start - Math.round(frames.anchor * 48000), analysis, transport };
                });
            });
            expect(opened.page.workers().length).toBe(1);
            for (const { first, features, lead, analysis, transport } of seen) {
                expect([analysis, transport]).toEqual(['worker', isIsolated ? 'shared-memory' : 'messages']);
                expect(first).toBe(0);
                const sound = [new Float32Array(lead), hello.samples, new Float32Array(48000)];
                const { frames, different } = compare(features, await nodeFeatures(48000, ...sound));
                expect(frames).toBeGreaterThan(30);
                expect(different).toBe(0);
            }
        });

        it('makes of what is pushed the bits of Node, however it is cut (seed 1)', async () => {
            const features = await opened.page.evaluate(async () => {
                const { samples, sampleRate } = await rig.load('hello.wav');
                const own = await createRig(48000);
                for (let at = 0, size = 1; at < samples.length; at += size, size = (size * 31 + 7) % 4099)
                    own.voice.push(samples.slice(at, at + size), sampleRate);
                own.voice.pause();
                own.voice.end();
                await new Promise((resolve) => setTimeout(resolve, 500));
                while (own.voice.duration > 10) await new Promise((resolve) => setTimeout(resolve, 20));
                const { features } = own.frames();
                own.setDrawing(false);
                own.voice.dispose();
                await own.context.close();
                return features;
            });
            const wanted = await nodeFeatures(hello.sampleRate, hello.samples);
            expect(compare(features, wanted)).toEqual({ frames: 75, different: 0 });
        });

        it.each([8000, 192000])('listens in a context of %i Hz', async (rate) => {
            const sound = rate === 8000 ? hello.samples.slice(0, 8000) : resample(hello.samples, 16000).slice(0, 48000);
            const seen = await opened.page.evaluate(
                async ({ rate, count }) => {
                    const own = await createRig(rate);
                    own.setDrawing(false);
                    const { samples } = await own.load('hello.wav');
                    const buffer = own.context.createBuffer(1, count, rate);
                    buffer.copyToChannel(samples.slice(0, count) as Float32Array<ArrayBuffer>, 0);
                    const source = own.context.createBufferSource();
                    source.buffer = buffer;
                    await own.voice.attach(source);
                    const start = Math.round((own.context.currentTime + 0.2) * rate);
                    source.start(start / rate);
                    await new Promise((resolve) => setTimeout(resolve, 1000 * (count / rate) + 600));
                    const frames = own.frames();
                    own.voice.dispose();
                    await own.context.close();
                    return { ...frames, lead: start - Math.round(frames.anchor * rate) };
                },
                { rate, count: sound.length },
            );
            const tail = new Float32Array(rate);
            const wanted = await nodeFeatures(rate, new Float32Array(seen.lead), sound, tail);
            const { frames, different } = compare(seen.features, wanted);
            expect(frames).toBeGreaterThan((FEATURE_FPS * sound.length) / rate);
            expect(different).toBe(0);
        });

        it('tells NaN in a live sound once, keeps its mouth shut over it and hears what follows', async () => {
            const seen = await opened.page.evaluate(async () => {
                rig.clear();
                const { context, voice } = rig;
                const speech = await rig.load('hello.wav');
                const buffer = context.createBuffer(1, 3 * 48000, 16000);
                for (let at = 0; at < 3; at++)
                    buffer.copyToChannel(speech.samples.slice(0, 48000) as Float32Array<ArrayBuffer>, 0, 48000 * at);
                buffer.copyToChannel(new Float32Array(16000).fill(Number.NaN), 0, 16000);
                const source = context.createBufferSource();
                source.buffer = buffer;
                await voice.attach(source);
                source.start();
                const openings: number[] = [];
                for (let n = 0; n < 40; n++) {
                    await new Promise((resolve) => setTimeout(resolve, 100));
                    const { shown, rest } = rig.mouth();
                    openings.push(Math.max(...shown.map((value, i) => Math.abs(value - (rest[i] as number)))));
                }
                voice.stop();
                return { openings, events: rig.events.map(([, text]) => text.slice(0, 12)) };
            });
            expect(seen.events.filter((text) => text !== 'underrun')).toEqual(['start', 'AUDIO_FORMAT', 'stopped']);
            expect(seen.openings.every((opening) => Number.isFinite(opening))).toBe(true);
            // Sound of 1 s, NaN of 1 s, then sound; it is heard 0.2 s later.
            expect(Math.min(...seen.openings.slice(15, 21))).toBe(0);
            expect(Math.max(...seen.openings.slice(24))).toBeGreaterThan(0.05);
        });

        it('rests before a silent node, a stream of one and a microphone that beeps, without a word', async () => {
            const seen = await opened.page.evaluate(async () => {
                rig.clear();
                const { context, voice } = rig;
                const told: { analysis: string; frames: number }[] = [];
                const silent = context.createGain();
                const into = context.createMediaStreamDestination();
                silent.connect(into);
                const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
                for (const source of [silent, into.stream, microphone]) {
                    await voice.attach(source);
                    await new Promise((resolve) => setTimeout(resolve, 700));
                    told.push({ analysis: rig.metrics().analysis, frames: rig.frames().features.length / 32 });
                }
                voice.stop();
                return { told, events: rig.events.map(([, text]) => text) };
            });
            for (const { frames } of seen.told) expect(frames).toBeGreaterThan(10);
            const events = seen.events.filter((text) => text !== 'underrun');
            expect(events).toEqual(['start', 'replaced', 'start', 'replaced', 'start', 'stopped']);
        });

        it('shows the right mouth at once after a hidden tab, and nothing is played out', async () => {
            const seen = await opened.page.evaluate(async () => {
                rig.clear();
                const { samples, sampleRate } = await rig.load('hello.wav');
                const mouths: ReturnType<typeof rig.mouth>[] = [];
                for (const kind of ['clip', 'queue']) {
                    if (kind === 'clip') await rig.voice.play(await rig.bufferOf('hello.wav'));
                    else {
                        rig.voice.push(samples.slice(), sampleRate);
                        rig.voice.end();
                    }
                    await new Promise((resolve) => setTimeout(resolve, 400));
                    rig.setDrawing(false);
                    await new Promise((resolve) => setTimeout(resolve, 1600));
                    mouths.push(rig.mouth());
                    rig.setDrawing(true);
                    rig.voice.stop();
                    await new Promise((resolve) => setTimeout(resolve, 200));
                }
                return mouths;
            });
            for (const { shown, wanted, rest, time } of seen) {
                expect(time).toBeGreaterThan(1.7);
                // Measured 2.4e-4 with a mouth 0.02 to 0.05 from rest: the clock moves on between two readings.
                expect(furthest(shown, rest)).toBeGreaterThan(0.01);
                expect(furthest(shown, wanted)).toBeLessThan(0.003);
            }
        });

        it('rests while the context is suspended, and is right after it', async () => {
            const seen = await opened.page.evaluate(async () => {
                rig.clear();
                await rig.voice.play(await rig.bufferOf('hello.wav'));
                await new Promise((resolve) => setTimeout(resolve, 500));
                await rig.context.suspend();
                const { time: before } = rig.mouth();
                await new Promise((resolve) => setTimeout(resolve, 300));
                const suspended = rig.mouth();
                await rig.context.resume();
                await new Promise((resolve) => setTimeout(resolve, 600));
                const resumed = rig.mouth();
                rig.voice.stop();
                return { before, suspended, resumed, events: rig.events.map(([, text]) => text) };
            });
            expect(furthest(seen.suspended.shown, seen.suspended.rest)).toBe(0);
            expect(seen.suspended.time).toBeCloseTo(seen.before, 2);
            expect(seen.resumed.time - seen.before).toBeGreaterThan(0.2);
            expect(furthest(seen.resumed.shown, seen.resumed.wanted)).toBeLessThan(0.003);
            expect(seen.events).toEqual(['start', 'stopped']);
        });

        it('leaks no connection, line, stream or worker over 30 attachments and interruptions', async () => {
            const seen = await opened.page.evaluate(async () => {
                rig.clear();
                const { context, voice } = rig;
                const source = context.createOscillator();
                source.start();
                const connected = new Map<AudioNode, number>();
                const count = (node: AudioNode, by: number): void =>
                    void connected.set(node, (connected.get(node) ?? 0) + by);
                const plain = { connect: source.connect, disconnect: source.disconnect } as Record<
                    'connect' | 'disconnect',
                    (node: AudioNode) => unknown
                >;
                Object.assign(source, {
                    connect: (node: AudioNode) => (count(node, 1), plain.connect.call(source, node)),
                    disconnect: (node: AudioNode) => (count(node, -1), plain.disconnect.call(source, node)),
                });
                for (let n = 0; n < 30; n++) {
                    await voice.attach(source);
                    await new Promise((resolve) => setTimeout(resolve, n % 3 === 0 ? 60 : 0));
                    if (n % 2 === 0) voice.interrupt();
                    if (n % 5 === 0) voice.latency = n % 10 === 0 ? 'low' : 'balanced';
                    if (n % 7 !== 0) voice.stop();
                }
                voice.stop();
                await new Promise((resolve) => setTimeout(resolve, 150));
                source.stop();
                const inside = voice as unknown as {
                    lease: { analysis: { streams: Map<number, unknown> } };
                    turns: { sound: { lines: Map<unknown, unknown> } };
                };
                return {
                    left: [...connected.values()].reduce((sum, value) => sum + value, 0),
                    made: connected.size,
                    streams: inside.lease.analysis.streams.size,
                    lines: inside.turns.sound.lines.size,
                    starts: rig.events.filter(([, text]) => text === 'start').length,
                    ends: rig.events.filter(([, text]) => ['stopped', 'replaced'].includes(text)).length,
                };
            });
            expect(seen.made).toBeGreaterThan(60);
            expect(seen).toMatchObject({ left: 0, streams: 0, lines: 0, starts: 30, ends: 30 });
            expect(opened.page.workers().length).toBe(1);
        });

        it('ends its worker with the last voice', async () => {
            await opened.page.evaluate(() => {
                for (const each of rigs) {
                    each.setDrawing(false);
                    each.voice.dispose();
                }
            });
            await expect.poll(() => opened.page.workers().length).toBe(0);
        });
    },
);

describe.skipIf(missingBrowser() !== undefined)('a page that forbids workers', () => {
    it('analyses in the page, to the same bits, and says why', async () => {
        const opened = await openPageAsync('tests/audio/voice-page', files, size);
        const { page } = opened;
        await page.route('**/', async (route) => {
            const response = await route.fetch();
            const headers = { ...response.headers(), 'content-security-policy': "worker-src 'none'" };
            await route.fulfill({ response, headers });
        });
        await page.reload();
        const seen = await page.evaluate(async () => {
            globalThis.rig = await createRig(48000);
            const { samples, sampleRate } = await rig.load('hello.wav');
            rig.voice.push(samples.slice(), sampleRate);
            rig.voice.end();
            await new Promise((resolve) => setTimeout(resolve, 900));
            rig.voice.pause();
            const { first, features } = rig.frames();
            const source = rig.context.createGain();
            rig.voice.stop();
            await rig.voice.attach(source);
            const { analysis, transport } = rig.metrics();
            return { first, features, analysis, transport, events: rig.events.map(([, text]) => text) };
        });
        expect(page.workers().length).toBe(0);
        expect([seen.analysis, seen.transport]).toEqual(['page', 'messages']);
        expect(seen.events.filter((text) => text.startsWith('warning'))[0]).toMatch(/expected a worker.*worker-src/s);
        const wanted = (await nodeFeatures(hello.sampleRate, hello.samples)).subarray(seen.first * AUDIO_FEAT_DIM);
        expect(compare(seen.features, wanted).different).toBe(0);
        await opened.closeAsync();
    });
});

declare global {
    var rigs: (typeof rig)[];
}
