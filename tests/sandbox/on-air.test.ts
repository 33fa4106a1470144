import { beforeEach, describe, expect, it } from 'vitest';
import type { PgsError, SpeechSource } from '../../plugin/index.js';
import { OnAir, type OnAirKind } from '../../sandbox/voice/on-air.js';
import { FakeVoice, tickAsync } from './fake-voice.js';

const CLIP = { duration: 12 } as AudioBuffer;
const SOURCE = {} as SpeechSource;

let voice: FakeVoice;
let failures: [OnAirKind, unknown][];
let changes: number;
let onAir: OnAir;

/** A stream that counts how often its track was stopped. */
function createStream(): { readonly stream: MediaStream; readonly stops: () => number } {
    let count = 0;
    const track = { stop: () => count++ };
    return { stream: { getTracks: () => [track] } as unknown as MediaStream, stops: () => count };
}

beforeEach(() => {
    voice = new FakeVoice();
    failures = [];
    changes = 0;
    onAir = new OnAir({
        onChange: () => changes++,
        onWord: () => undefined,
        onMetrics: () => undefined,
        onFailed: (kind, error) => failures.push([kind, error]),
    });
    onAir.use(voice);
    onAir.setClip(CLIP);
});

describe('the clip on air', () => {
    it('plays, pauses, goes on and ends', async () => {
        expect([onAir.kind, onAir.canPlay, onAir.canSeek, onAir.duration]).toEqual(['nothing', true, true, 12]);
        onAir.toggle();
        expect([onAir.kind, onAir.isPreparing]).toEqual(['clip', true]);
        await voice.soundAsync();
        expect([onAir.isPreparing, onAir.isPaused]).toEqual([false, false]);
        onAir.toggle();
        expect(onAir.isPaused).toBe(true);
        onAir.toggle();
        expect(onAir.isPaused).toBe(false);
        const before = changes;
        voice.finish('finished');
        expect([onAir.kind, onAir.time]).toEqual(['nothing', 0]);
        expect(changes).toBeGreaterThan(before);
        expect(failures).toEqual([]);
    });

    it('begins where the slider was put while it was silent, and is sought while it plays', async () => {
        onAir.time = 3;
        expect(onAir.time).toBe(3);
        onAir.toggle();
        expect(onAir.time).toBe(3);
        await voice.soundAsync();
        expect(voice.currentTime).toBe(3);
        onAir.time = 7;
        expect(voice.currentTime).toBe(7);
        onAir.stop();
        expect(onAir.time).toBe(0);
    });

    it('repeats where asked, also with the head that follows', async () => {
        onAir.loop = true;
        onAir.toggle();
        expect(voice.calls).toEqual(['clip, repeated']);
        const next = new FakeVoice();
        onAir.use(next);
        expect([next.loop, onAir.kind]).toEqual([true, 'nothing']);
    });

    it('is let go by stop before it sounds', async () => {
        onAir.toggle();
        onAir.toggle();
        await tickAsync();
        expect([onAir.kind, failures.length]).toEqual(['nothing', 0]);
    });

    it('tells what cannot be played, and is silent then', async () => {
        onAir.toggle();
        const error = new Error('NaN');
        await voice.refuseAsync(error);
        expect(onAir.kind).toBe('nothing');
        expect(failures).toEqual([['clip', error]]);
    });
});

describe('typed text on air', () => {
    it('takes the turn of the clip, and a newer text that of an older one which never came to sound', async () => {
        onAir.toggle();
        await voice.soundAsync();
        onAir.say('one', SOURCE);
        expect([onAir.kind, onAir.canSeek]).toEqual(['text', false]);
        onAir.say('two', SOURCE);
        await tickAsync();
        expect([onAir.kind, onAir.isPreparing]).toEqual(['text', true]);
        await voice.soundAsync();
        expect([onAir.kind, onAir.isPreparing]).toEqual(['text', false]);
        expect(voice.calls).toEqual(['clip', 'one', 'two']);
    });

    it('tells a failure under its own name, though its turn has ended by then', async () => {
        onAir.say('one', SOURCE);
        await voice.soundAsync();
        voice.finish('failed');
        voice.onErrorObservable.notifyObservers(new Error('stalled') as PgsError);
        expect(onAir.kind).toBe('nothing');
        expect(failures.map(([kind]) => kind)).toEqual(['text']);
    });
});

describe('the microphone on air', () => {
    it('is muted unless it shall be heard, and everything else is not', async () => {
        const { stream, stops } = createStream();
        onAir.listen(() => Promise.resolve(stream));
        await tickAsync();
        await voice.soundAsync();
        expect([onAir.kind, voice.volume]).toEqual(['microphone', 0]);
        onAir.isHeard = true;
        expect(voice.volume).toBe(1);
        onAir.isHeard = false;
        onAir.latency = 'low';
        expect([voice.volume, voice.latency]).toEqual([0, 'low']);
        onAir.say('one', SOURCE);
        expect([voice.volume, stops()]).toEqual([1, 1]);
    });

    it('tells a refusal, and says the clip afterwards', async () => {
        const refusal = new DOMException('no', 'NotAllowedError');
        onAir.listen(() => Promise.reject(refusal));
        await tickAsync();
        expect([onAir.kind, voice.calls]).toEqual(['nothing', []]);
        expect(failures).toEqual([['microphone', refusal]]);
        onAir.toggle();
        expect(voice.volume).toBe(1);
    });

    it('closes a stream that comes after the visitor thought better of it', async () => {
        const { stream, stops } = createStream();
        let allow: (stream: MediaStream) => void = () => undefined;
        onAir.listen(() => new Promise((resolve) => (allow = resolve)));
        onAir.stop();
        allow(stream);
        await tickAsync();
        expect([onAir.kind, voice.calls, stops()]).toEqual(['nothing', [], 1]);
    });

    it('says so when it is unplugged', async () => {
        const { stream, stops } = createStream();
        onAir.listen(() => Promise.resolve(stream));
        await tickAsync();
        await voice.soundAsync();
        voice.finish('finished');
        expect([onAir.kind, stops()]).toEqual(['nothing', 1]);
        expect(failures.map(([kind]) => kind)).toEqual(['microphone']);
    });
});
