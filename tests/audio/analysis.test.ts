import { afterEach, describe, expect, it, vi } from 'vitest';
import {
    TsEncoder,
    analyseClip,
    initEncoderWeights,
    restFeature,
    writeEncoderOnnx,
    type AudioEncoder,
} from '../../plugin/audio/index.js';
import { startLocalAnalysis } from '../../plugin/audio/analysis/local-host.js';
import { createRing } from '../../plugin/audio/analysis/sample-ring.js';
import { SharedAnalysis } from '../../plugin/audio/analysis/shared-analysis.js';
import type { StreamListener, VoiceAnalysis } from '../../plugin/audio/analysis/speech-analysis.js';
import { SpeechStream, type StreamFrames } from '../../plugin/audio/speech-stream.js';
import { AUDIO_FEAT_DIM, PgsError, type AudioFrontEnd } from '../../plugin/core/index.js';
import { babble, noise, testFrontEnd } from './sounds.js';
import { concat, framesOf, isSame, join, pieces, rms, stubEncoder } from './streaming.js';

const RATE = 16000;
const frontEnd = testFrontEnd();
const onnx = writeEncoderOnnx(initEncoderWeights(1), frontEnd);
const encoder = TsEncoder.fromOnnx(onnx);
const dead = new PgsError('AUDIO_UNAVAILABLE', 'the worker died');

/** Collects what a stream tells. */
class Heard implements StreamListener {
    public readonly frames: StreamFrames[] = [];
    public readonly pcm: Float32Array[] = [];
    public readonly faults: string[] = [];
    public failure = '';
    public duration = Number.NaN;
    public anchor = Number.NaN;
    public readonly over: Promise<void>;
    private tell: () => void = () => undefined;

    public constructor() {
        this.over = new Promise((resolve) => (this.tell = resolve));
    }

    public onFrames(frames: StreamFrames, pcm: Float32Array | null, anchor: number): void {
        this.frames.push(frames);
        this.anchor = anchor;
        if (pcm !== null) this.pcm.push(pcm);
    }

    public onEnded(duration: number): void {
        this.duration = duration;
        this.tell();
    }

    public onFault({ code }: PgsError): void {
        this.faults.push(code);
    }

    public onFailed({ code }: PgsError): void {
        this.failure = code;
        this.tell();
    }
}

async function hear(voice: VoiceAnalysis, rate: number, parts: readonly Float32Array[], out: number | null = null) {
    const heard = new Heard();
    const stream = voice.openStream({ sampleRate: rate, outputRate: out, feed: null }, heard);
    for (const part of parts) stream.push(part);
    stream.end();
    await heard.over;
    return heard;
}

async function expectedFrames(rate: number, sound: Float32Array): Promise<StreamFrames> {
    const rest = await restFeature(frontEnd, encoder);
    return framesOf(new SpeechStream(rate, frontEnd, encoder, rest), [sound]);
}

afterEach(() => vi.unstubAllGlobals());

describe('analysis', () => {
    it('gives several voices at once what each gets alone (seeds 1..4)', async () => {
        const analysis = startLocalAnalysis();
        const rates = [16000, 24000, 44100, 48000];
        const sounds = rates.map((rate, n) => babble(rate, 1.2, n + 1));
        const voices = await Promise.all(
            rates.map((_, n) => analysis.openVoiceAsync(frontEnd, n % 2 === 0 ? onnx : encoder)),
        );
        const heard = rates.map(() => new Heard());
        const streams = voices.map((voice, n) =>
            voice.openStream({ sampleRate: rates[n] as number, outputRate: null, feed: null }, heard[n] as Heard),
        );
        const clip = voices[0]?.analyseClip(sounds[0] as Float32Array, RATE);
        const queues = sounds.map((sound, n) => pieces(sound, n + 1, 5000));
        while (queues.some(({ length }) => length > 0)) {
            queues.forEach((queue, n) => {
                const part = queue.shift();
                if (part !== undefined) streams[n]?.push(part);
            });
            await new Promise((resolve) => setTimeout(resolve, 0));
        }
        for (const stream of streams) stream.end();
        await Promise.all(heard.map(({ over }) => over));
        for (const [n, rate] of rates.entries()) {
            const wanted = await expectedFrames(rate, sounds[n] as Float32Array);
            const got = join((heard[n] as Heard).frames);
            expect(isSame(got.features, wanted.features)).toBe(true);
            expect(isSame(got.energy, wanted.energy)).toBe(true);
            expect(heard[n]?.duration).toBeCloseTo(1.2, 9);
            expect(heard[n]?.faults).toEqual([]);
        }
        const alone = await analyseClip(sounds[0] as Float32Array, RATE, frontEnd, encoder);
        expect(isSame(((await clip) as typeof alone).features, alone.features)).toBe(true);
        analysis.dispose();
    });

    it.each([16000, 44100, 48000])(
        'gives the sound at %i Hz back whole, and no further than its lips are known',
        async (rate) => {
            const analysis = startLocalAnalysis();
            const voice = await analysis.openVoiceAsync(frontEnd, stubEncoder());
            const sound = babble(rate, 1, 3);
            const same = await hear(voice, rate, pieces(sound, 5), rate);
            expect(isSame(concat(...same.pcm), sound)).toBe(true);
            const other = await hear(voice, rate, pieces(sound, 5), 48000);
            expect(concat(...other.pcm).length).toBe(48000);
            let [frames, samples] = [0, 0];
            other.frames.slice(0, -1).forEach(({ energy }, n) => {
                frames += energy.length;
                samples += (other.pcm[n] as Float32Array).length;
                expect(samples / 48000).toBeLessThanOrEqual((frames - 0.5) / 50);
            });
            analysis.dispose();
        },
    );

    it('ends a stream of no sound at once, and takes what comes before the voice is open', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const heard = await hear(voice, 44100, [new Float32Array(0)], 48000);
        expect(heard.duration).toBe(0);
        expect(heard.frames).toEqual([]);
        analysis.dispose();
    });

    it('puts silence where the sound is none, tells it once, and keeps the place of the rest', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const sound = babble(RATE, 2, 2);
        const bad = new Float32Array(800);
        bad[17] = Number.NaN;
        const heard = await hear(voice, RATE, [sound.slice(0, 8000), bad, bad.slice(), sound.slice(9600)], RATE);
        expect(heard.faults).toEqual(['AUDIO_FORMAT']);
        const repaired = sound.slice();
        repaired.fill(0, 8000, 9600);
        expect(isSame(concat(...heard.pcm), repaired)).toBe(true);
        const wanted = await expectedFrames(RATE, repaired);
        expect(isSame(join(heard.frames).features, wanted.features)).toBe(true);
        analysis.dispose();
    });

    it('lets the lips rest where the encoder of the page fails or gives NaN, tells it once, and loses no sound', async () => {
        for (const failure of ['throws', 'rejects', 'gives NaN'] as const) {
            let calls = 0;
            const broken: AudioEncoder = {
                encode: async (windows, count, out) => {
                    calls++;
                    if (calls > 3 && calls < 7) {
                        if (failure === 'throws') throw new Error('device lost');
                        if (failure === 'rejects') await Promise.reject(new Error('device lost'));
                        out.fill(Number.NaN);
                        return;
                    }
                    await stubEncoder().encode(windows, count, out);
                },
            };
            const analysis = startLocalAnalysis();
            const voice = await analysis.openVoiceAsync(frontEnd, broken);
            const sound = babble(RATE, 2, 2);
            const parts = Array.from({ length: 20 }, (_, n) => sound.slice(1600 * n, 1600 * (n + 1)));
            const heard = await hear(voice, RATE, parts, RATE);
            expect(heard.faults).toEqual(['ENCODER_UNSUPPORTED']);
            expect(heard.failure).toBe('');
            const { features, energy } = join(heard.frames);
            expect(energy.length).toBe(100);
            expect(features.every((value) => Number.isFinite(value))).toBe(true);
            expect(rms(features.subarray(60 * AUDIO_FEAT_DIM))).toBeGreaterThan(0.1);
            expect(isSame(concat(...heard.pcm), sound)).toBe(true);
            analysis.dispose();
        }
    });

    it('fails a stream of a rate that no resampler has, instead of swallowing its sound', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        for (const [rate, out] of [
            [47999, null],
            [16001, 48000],
        ] as const) {
            const heard = await hear(voice, rate, [noise(1000, 0.1, 1)], out);
            expect(heard.failure).toBe('AUDIO_FORMAT');
        }
        // What comes next works.
        expect((await hear(voice, RATE, [noise(RATE, 0.1, 1)])).duration).toBe(1);
        analysis.dispose();
    });

    it('refuses a voice with a broken encoder or front end, and keeps nothing of it', async () => {
        const analysis = startLocalAnalysis();
        const failing: AudioEncoder = { encode: () => Promise.reject(new Error('no device')) };
        const other = { ...frontEnd, hop: 320 } as AudioFrontEnd;
        for (const [front, bad] of [
            [frontEnd, new Uint8Array(10)],
            [frontEnd, failing],
            [other, onnx],
        ] as const)
            await expect(analysis.openVoiceAsync(front, bad)).rejects.toMatchObject({ code: 'ENCODER_UNSUPPORTED' });
        const { encoders, voices } = analysis as unknown as Record<string, Map<number, unknown>>;
        expect([encoders?.size, voices?.size]).toEqual([0, 0]);
        await expect(analysis.openVoiceAsync(frontEnd, onnx)).resolves.toBeDefined();
        analysis.dispose();
    });

    it('cancels a clip at once, and the next is whole', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const sound = babble(RATE, 3);
        const abort = new AbortController();
        const reason = new Error('enough');
        const cancelled = voice.analyseClip(sound, RATE, {
            signal: abort.signal,
            onProgress: (share) => share > 0.4 && abort.abort(reason),
        });
        await expect(cancelled).rejects.toBe(reason);
        await expect(voice.analyseClip(sound, RATE, { signal: abort.signal })).rejects.toBe(reason);
        const shares: number[] = [];
        const timeline = await voice.analyseClip(sound, RATE, { onProgress: (share) => shares.push(share) });
        expect(isSame(timeline.features, (await analyseClip(sound, RATE, frontEnd, encoder)).features)).toBe(true);
        expect(shares.at(-1)).toBe(1);
        analysis.dispose();
    });

    it('rejects everything under way when it dies, and everything after', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const heard = new Heard();
        const stream = voice.openStream({ sampleRate: RATE, outputRate: null, feed: null }, heard);
        stream.push(noise(RATE, 0.1, 1));
        const clip = voice.analyseClip(babble(RATE, 2), RATE);
        const opening = analysis.openVoiceAsync(frontEnd, onnx);
        analysis.fail(dead);
        analysis.fail(new PgsError('DISPOSED', 'told once'));
        await expect(clip).rejects.toBe(dead);
        await expect(opening).rejects.toBe(dead);
        await expect(voice.analyseClip(babble(RATE, 1), RATE)).rejects.toBe(dead);
        expect(heard.failure).toBe('AUDIO_UNAVAILABLE');
        expect(() => voice.openStream({ sampleRate: RATE, outputRate: null, feed: null }, new Heard())).toThrow(dead);
        stream.push(noise(10, 0.1, 1));
        stream.close();
        voice.dispose();
        analysis.dispose();
    });

    it('says nothing more of a stream that was closed', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const heard = new Heard();
        const stream = voice.openStream({ sampleRate: RATE, outputRate: RATE, feed: null }, heard);
        stream.push(babble(RATE, 1));
        stream.close();
        stream.end();
        await hear(voice, RATE, [babble(RATE, 1)]);
        expect(heard.frames).toEqual([]);
        expect(heard.duration).toBeNaN();
        analysis.dispose();
    });

    it('refuses streams and clips of a closed voice', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        voice.dispose();
        expect((await hear(voice, RATE, [noise(100, 0.1, 1)])).failure).toBe('DISPOSED');
        await expect(voice.analyseClip(babble(RATE, 1), RATE)).rejects.toMatchObject({ code: 'DISPOSED' });
        analysis.dispose();
    });

    it('reads what a tap sends to its port, with the frame at which it began', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const { port1, port2 } = new MessageChannel();
        const heard = new Heard();
        const sound = babble(RATE, 1);
        const stream = voice.openStream({ sampleRate: RATE, outputRate: null, feed: port2 }, heard);
        for (let at = 0; at < sound.length; at += 512)
            port1.postMessage({ frame: 4711, samples: sound.slice(at, at + 512) });
        await vi.waitFor(() => expect(join(heard.frames).energy.length).toBe(45));
        expect(heard.anchor).toBe(4711);
        const wanted = await expectedFrames(RATE, sound);
        const { features } = join(heard.frames);
        expect(isSame(features, wanted.features.subarray(0, features.length))).toBe(true);
        stream.close();
        port1.close();
        analysis.dispose();
    });

    it('tells once that sound was lost before it could be read, and keeps its place', async () => {
        const analysis = startLocalAnalysis();
        const voice = await analysis.openVoiceAsync(frontEnd, onnx);
        const ring = createRing(RATE, 1); // 16384 samples
        // As a tap leaves it that nobody read for two seconds.
        new Int32Array(ring)[0] = 2 * RATE;
        const heard = new Heard();
        const stream = voice.openStream({ sampleRate: RATE, outputRate: null, feed: ring }, heard);
        await vi.waitFor(() => expect(join(heard.frames).energy.length).toBe(95));
        expect(heard.faults).toEqual(['AUDIO_UNAVAILABLE']);
        stream.close();
        analysis.dispose();
    });
});

describe('shared analysis', () => {
    it('is one for all who hold it, and ends with the last', async () => {
        const [a, b] = await Promise.all([SharedAnalysis.acquireAsync(), SharedAnalysis.acquireAsync()]);
        expect(a.analysis).toBe(b.analysis);
        a.release();
        a.release();
        expect(b.analysis.isBroken).toBe(false);
        const c = await SharedAnalysis.acquireAsync();
        expect(c.analysis).toBe(a.analysis);
        b.release();
        c.release();
        expect(a.analysis.isBroken).toBe(true);
        const d = await SharedAnalysis.acquireAsync();
        expect(d.analysis).not.toBe(a.analysis);
        d.release();
    });

    it('serves one who comes in the moment in which the last leaves', async () => {
        const first = await SharedAnalysis.acquireAsync();
        const coming = SharedAnalysis.acquireAsync();
        first.release();
        const lease = await coming;
        expect(lease.analysis.isBroken).toBe(false);
        await expect(lease.analysis.openVoiceAsync(frontEnd, onnx)).resolves.toBeDefined();
        lease.release();
        expect(lease.analysis.isBroken).toBe(true);
    });

    it('is begun anew, once, where it has died, and ends the dead one with its last user', async () => {
        const old = await SharedAnalysis.acquireAsync();
        old.analysis.fail(dead);
        const end = vi.spyOn(old.analysis, 'dispose');
        const [a, b] = await Promise.all([SharedAnalysis.acquireAsync(), SharedAnalysis.acquireAsync()]);
        expect(a.analysis).toBe(b.analysis);
        expect(a.analysis.isBroken).toBe(false);
        expect(end).not.toHaveBeenCalled();
        old.release();
        expect(end).toHaveBeenCalledOnce();
        expect(a.analysis.isBroken).toBe(false);
        a.release();
        b.release();
        expect(a.analysis.isBroken).toBe(true);
    });

    it('tries again after it could not be begun', async () => {
        vi.stubGlobal('MessageChannel', undefined);
        await expect(SharedAnalysis.acquireAsync()).rejects.toThrow();
        vi.unstubAllGlobals();
        const lease = await SharedAnalysis.acquireAsync();
        expect(lease.analysis.isBroken).toBe(false);
        lease.release();
    });

    it('falls back to the page where a worker cannot be made, and says why', async () => {
        vi.stubGlobal('Worker', function () {
            throw new Error('refused by policy');
        });
        const lease = await SharedAnalysis.acquireAsync('analysis-worker.js');
        expect(lease.analysis.place).toBe('page');
        expect(lease.warning).toMatch(/refused by policy.*workerUrl/s);
        lease.release();
    });

    it('ends a worker that could not be loaded', async () => {
        const terminate = vi.fn();
        class Missing extends EventTarget {
            public onerror: ((event: object) => void) | null = null;
            public onmessage: unknown = null;
            public readonly terminate = terminate;
            public postMessage(): void {
                queueMicrotask(() => this.onerror?.({ message: '' }));
            }
        }
        vi.stubGlobal('Worker', Missing);
        const lease = await SharedAnalysis.acquireAsync('missing.js');
        expect(lease.warning).toMatch(/could not be loaded/);
        expect(terminate).toHaveBeenCalledOnce();
        lease.release();
    });
});
