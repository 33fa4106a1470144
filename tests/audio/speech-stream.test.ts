import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { TsEncoder, WINDOW_SIZE, analyseClip, restFeature, type AudioEncoder } from '../../plugin/audio/index.js';
import { SpeechStream, newVoiceMemory, type StreamFrames } from '../../plugin/audio/speech-stream.js';
import { AUDIO_FEAT_DIM, WINDOW_FRAMES, decodeHead, type AudioFrontEnd } from '../../plugin/core/index.js';
import { babble, noise, testFrontEnd } from './sounds.js';
import {
    concat,
    correlation,
    framesOf,
    hello,
    isSame,
    pieces,
    rms,
    streamedClip,
    stubEncoder,
    talk,
    track,
} from './streaming.js';

const RATE = 16000;
const frontEnd = testFrontEnd();
const stub = stubEncoder();
const stubRest = new Float32Array(AUDIO_FEAT_DIM);

function stubStream(rate = RATE): SpeechStream {
    return new SpeechStream(rate, frontEnd, stub, stubRest);
}

/** Seconds in which any frame is away from rest. */
function spokenSeconds(features: Float32Array, rest: Float32Array): number[] {
    const seconds = new Set<number>();
    features.forEach((value, i) => {
        const away = Math.abs(value - (rest[i % AUDIO_FEAT_DIM] as number));
        if (away > 1e-6) seconds.add(Math.floor(i / AUDIO_FEAT_DIM / 50));
    });
    return [...seconds];
}

describe('speech stream', () => {
    it.each([8000, 16000, 22050, 24000, 44100, 48000, 192000])(
        'gives the same bits for any chunking at %i Hz (seeds 1, 2)',
        async (rate) => {
            const sound = babble(rate, 1);
            const whole = await framesOf(stubStream(rate), pieces(sound, 0));
            expect(whole.energy.length).toBe(50);
            for (const seed of [1, 2]) {
                const cut = await framesOf(stubStream(rate), pieces(sound, seed, rate / 10));
                expect(isSame(cut.features, whole.features)).toBe(true);
                expect(isSame(cut.energy, whole.energy)).toBe(true);
            }
            expect(rms(whole.features)).toBeGreaterThan(0.1);
        },
    );

    it('has ceil(50 duration) frames for any length, with none for no sound', async () => {
        // 2240 samples are 0.14 s, and 0.14 * 50 is a little more than 7 in double.
        for (const count of [0, 1, 319, 320, 321, 960, 2240, 4480, 16000, 16001]) {
            const { energy } = await framesOf(stubStream(), [noise(count, 0.1, 1)]);
            expect(energy.length, `${count} samples`).toBe(Math.ceil(count / 320));
        }
    });

    it('needs the sound up to 95 ms after the centre of a frame, and no more', async () => {
        const stream = stubStream();
        // Frame 0 is centred at 10 ms; its window ends with the feature frame over [80, 105) ms.
        expect((await stream.push(noise(1679, 0.1, 1))).energy.length).toBe(0);
        expect((await stream.push(noise(1, 0.1, 2))).energy.length).toBe(1);
        expect((await stream.push(noise(320, 0.1, 3))).energy.length).toBe(1);
    });

    it('encodes nothing twice', async () => {
        let count = 0;
        const stream = new SpeechStream(
            RATE,
            frontEnd,
            stubEncoder((n) => (count += n)),
            stubRest,
        );
        const { energy } = await framesOf(stream, pieces(babble(RATE, 3), 4));
        expect(count).toBeLessThanOrEqual(energy.length);
        expect(count).toBeGreaterThan(0.3 * energy.length);
    });

    it('refuses NaN and goes on as if it had not come', async () => {
        const sound = babble(RATE, 1);
        const stream = stubStream();
        const before = await stream.push(sound.slice(0, 5000));
        await expect(stream.push(Float32Array.of(0, Number.NaN))).rejects.toMatchObject({ code: 'AUDIO_FORMAT' });
        const after = await stream.push(sound.slice(5000));
        const whole = await framesOf(stubStream(), [sound]);
        const joined = concat(before.features, after.features);
        expect(isSame(joined, whole.features.subarray(0, joined.length))).toBe(true);
    });

    it('begins its blocks anew with a voice that broke off in mid-block', () => {
        const memory = newVoiceMemory(frontEnd);
        memory.level.push(noise(100, 0.1, 1));
        new SpeechStream(RATE, frontEnd, stub, stubRest, memory);
        expect(memory.level.missing).toBe(320);
    });

    it('knows a voice that was heard before from its first word on', async () => {
        const speech = talk(3, 0.03);
        const memory = newVoiceMemory(frontEnd);
        const first = await framesOf(new SpeechStream(RATE, frontEnd, stub, stubRest, memory), [speech]);
        const again = await framesOf(new SpeechStream(RATE, frontEnd, stub, stubRest, memory), [speech]);
        const settled = await framesOf(stubStream(), [concat(speech, speech)]);
        const wanted = settled.features.subarray(first.features.length);
        const error = (features: Float32Array): number =>
            rms(features.map((value, i) => value - (wanted[i] as number))) / rms(wanted);
        // Measured 0.02 and 0.55; the difference that is left is the silence before.
        expect(error(again.features)).toBeLessThan(0.04);
        expect(error(first.features)).toBeGreaterThan(0.2);
    });

    it('peaks at the time of a syllable within 2 ms, as a clip does', async () => {
        // One swell every 0.41 s, so that they lie differently against the frames; the level has settled on the later ones.
        const times = Array.from({ length: 18 }, (_, n) => 0.3 + 0.41 * n);
        const sound = Float32Array.from({ length: 8 * RATE }, (_, i) => {
            const near = times[Math.max(0, Math.min(17, Math.round((i / RATE - 0.3) / 0.41)))] as number;
            return 0.3 * Math.exp(-0.5 * ((i / RATE - near) / 0.03) ** 2) * (Math.sin(i * 0.2) + Math.sin(i * 0.55));
        });
        const stream = await framesOf(stubStream(), [sound]);
        const clip = await analyseClip(sound, RATE, frontEnd, stub);
        const swells = times.slice(6, 17);
        const mean = (peak: (time: number) => number): number =>
            swells.reduce((sum, time) => sum + peak(time) - time, 0) / swells.length;
        const inStream = mean((time) => peakOf(track(stream, 0), 50, time));
        const inClip = mean((time) => peakOf(Float32Array.from(track(clip as unknown as StreamFrames, 0)), 25, time));
        expect(Math.abs(inStream)).toBeLessThan(0.002);
        expect(Math.abs(inStream - inClip)).toBeLessThan(0.002);
    });

    it('keeps frame and time together for two minutes at 44.1 kHz, in bounded memory', async () => {
        const stream = stubStream(44100);
        const second = babble(44100, 1);
        const held = (): number => {
            const { mel, speech } = stream as unknown as { mel: Float32Array; speech: number[] };
            return mel.length + speech.length;
        };
        let frames = 0;
        let atFirst = 0;
        for (let n = 0; n < 120; n++) {
            const { first, energy } = await stream.push(second);
            expect(first).toBe(frames);
            frames += energy.length;
            // All but the look-ahead of 95 ms and half a frame.
            expect(frames).toBe(Math.floor(50 * (n + 1) - 4.25 - 0.1));
            if (n === 20) atFirst = held();
        }
        expect(held()).toBeLessThanOrEqual(1.2 * atFirst);
        frames += (await stream.end()).energy.length;
        expect(frames).toBe(6000);
    });
});

describe('speech stream at rest', () => {
    it.each([
        ['silence', new Float32Array(4 * RATE), 0],
        ['a constant', new Float32Array(4 * RATE).fill(0.3), 0.5],
        // The prior of silence is forgotten in 2 s.
        ['hiss at -50 dBFS', noise(8 * RATE, 10 ** (-50 / 20), 1), 3],
        ['hiss at -30 dBFS', noise(8 * RATE, 10 ** (-30 / 20), 1), 3],
        ['a tone', Float32Array.from({ length: 8 * RATE }, (_, i) => 0.1 * Math.sin(i * 0.17)), 3],
    ])('stays there with %s', async (_name, sound, seconds) => {
        const { features, energy } = await framesOf(stubStream(), pieces(sound, 3));
        const tail = Math.round(50 * seconds);
        expect(rms(features.subarray(tail * AUDIO_FEAT_DIM))).toBe(0);
        expect(Math.max(...energy.subarray(tail))).toBe(0);
    });

    it('comes back to it within 8 s where speech ends in hiss or hum, and opens again for speech', async () => {
        for (const steady of [
            noise(12 * RATE, 10 ** (-30 / 20), 1),
            Float32Array.from({ length: 12 * RATE }, (_, i) => 0.1 * Math.sin(i * 0.17)),
        ]) {
            const speech = talk(6);
            const sound = concat(speech, steady, speech);
            const { features } = await framesOf(stubStream(), [sound]);
            const seconds = spokenSeconds(features, stubRest);
            expect(seconds.filter((second) => second >= 14 && second < 18)).toEqual([]);
            expect(seconds.filter((second) => second >= 18).length).toBeGreaterThan(4);
        }
    });

    it('goes back to it within 0.4 s after the last word, and leaves it at the first word after a minute', async () => {
        const speech = talk(3);
        const pause = new Float32Array(60 * RATE);
        const { features } = await framesOf(stubStream(), [concat(speech, pause, speech)]);
        const isSpoken = (frame: number): boolean =>
            rms(features.subarray(frame * AUDIO_FEAT_DIM, (frame + 1) * AUDIO_FEAT_DIM)) > 0;
        for (let frame = 170; frame < 63 * 50 - 5; frame++) expect(isSpoken(frame)).toBe(false);
        // A weak beginning counts only while nothing is known of the voice: measured 3 frames later than the very first word.
        const first = Array.from({ length: 150 }, (_, k) => k).find(isSpoken) as number;
        const again = Array.from({ length: 150 }, (_, k) => k + 63 * 50).find(isSpoken) as number;
        expect(Math.abs(again - 63 * 50 - first)).toBeLessThanOrEqual(4);
    });

    it('does not keep the mouth shut after a slammed door, nor for good after a louder speaker', async () => {
        const shutFor = async (before: Float32Array, after: Float32Array): Promise<number> => {
            const { features } = await framesOf(stubStream(), [concat(before, after)]);
            const start = Math.ceil(before.length / RATE);
            return (spokenSeconds(features, stubRest).find((second) => second > start) ?? 99) - start;
        };
        const quiet = talk(6, 0.02);
        const slam = concat(quiet, noise(0.2 * RATE, 0.9, 3));
        expect(await shutFor(slam, talk(8, 0.02))).toBeLessThanOrEqual(2);
        // 30 dB down: a fifth of the level's memory must be forgotten. Measured 14 s.
        expect(await shutFor(talk(6), talk(20, 0.03))).toBeLessThanOrEqual(15);
    });
});

describe('speech stream of a trained head', () => {
    let encoder: AudioEncoder;
    let audio: AudioFrontEnd;
    let rest: Float32Array;
    const { samples, sampleRate } = hello();

    beforeAll(async () => {
        const head = decodeHead(readFileSync(new URL('../../sandbox/public/avatars/ava.glb', import.meta.url)));
        audio = head.audio;
        encoder = TsEncoder.fromOnnx(head.encoderOnnx);
        rest = await restFeature(audio, encoder);
    });

    it.each([1, 0.1, 0.03])('moves the lips as the clip does, at gain %f', async (gain) => {
        const sound = samples.map((value) => gain * value);
        const stream = await framesOf(new SpeechStream(sampleRate, audio, encoder, rest), pieces(sound, 6));
        const clip = streamedClip(await analyseClip(sound, sampleRate, audio, encoder));
        expect(stream.energy.length).toBe(150);
        const tail = 50 * AUDIO_FEAT_DIM; // the first second is learning
        for (let dim = 0; dim < AUDIO_FEAT_DIM; dim++) {
            const wanted = track(clip, dim).subarray(50);
            // Measured 0.994.
            expect(correlation(track(stream, dim).subarray(50), wanted)).toBeGreaterThan(0.99);
        }
        const error = stream.features.map((value, i) => value - (clip.features[i] as number)).subarray(tail);
        const spoken = clip.features.map((value, i) => value - (rest[i % AUDIO_FEAT_DIM] as number)).subarray(tail);
        // Measured 0.078: the gate, and interpolation between the clip's 40 ms.
        expect(rms(error) / rms(spoken)).toBeLessThan(0.12);
        expect(correlation(stream.energy.subarray(50), clip.energy.subarray(50))).toBeGreaterThan(0.9);
    });

    it('does not depend on the gain after the first seconds: -20 dB changes the features by less than 1 %', async () => {
        const sound = talk(9);
        // f_a is 32 of the normalised bands themselves, at the centre of the window.
        const bands: AudioEncoder = {
            encode: (windows, count, out) => {
                for (let n = 0; n < count; n++)
                    for (let i = 0; i < AUDIO_FEAT_DIM; i++)
                        out[n * AUDIO_FEAT_DIM + i] = windows[n * WINDOW_SIZE + (i + 4) * WINDOW_FRAMES + 23] as number;
            },
        };
        const settled = async (gain: number): Promise<Float32Array> => {
            const stream = new SpeechStream(RATE, audio, bands, stubRest);
            const { features } = await framesOf(stream, [sound.map((value) => gain * value)]);
            return features.subarray(6 * 50 * AUDIO_FEAT_DIM);
        };
        const loud = await settled(1);
        const quiet = await settled(0.1);
        const change = rms(quiet.map((value, i) => value - (loud[i] as number))) / rms(loud);
        expect(rms(loud)).toBeGreaterThan(0.1);
        expect(change).toBeLessThan(0.01);
    });

    it('is the same for 44.1 and 48 kHz as for 16 kHz', async () => {
        const at16 = await framesOf(new SpeechStream(RATE, audio, encoder, rest), [babble(RATE, 2.5)]);
        for (const rate of [44100, 48000]) {
            const other = await framesOf(new SpeechStream(rate, audio, encoder, rest), [babble(rate, 2.5)]);
            const error = rms(other.features.map((value, i) => value - (at16.features[i] as number)));
            expect(error / rms(at16.features)).toBeLessThan(0.01);
        }
    });
});

/** Centre of a swell in a track of frames, s. */
function peakOf(values: Float32Array, fps: number, around: number): number {
    const at = (time: number): number => {
        const position = time * fps - 0.5;
        const k = Math.floor(position);
        return (values[k] as number) + (position - k) * ((values[k + 1] as number) - (values[k] as number));
    };
    let [sum, weighted] = [0, 0];
    const floor = Math.max(at(around - 0.12), at(around + 0.12));
    for (let t = -0.12; t <= 0.12; t += 0.001) {
        const above = Math.max(0, at(around + t) - floor);
        sum += above;
        weighted += above * t;
    }
    // The column of the stub stands for the feature frame whose own centre is 2.5 ms later.
    return around + weighted / sum + 0.0025;
}
