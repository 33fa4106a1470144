import { SimpleObservable, Voice } from '../../../plugin/audio/index.js';
import { AUDIO_FEAT_DIM, type HeadAsset } from '../../../plugin/core/index.js';
import { fakeBuffer } from '../../audio/fake-audio-context.js';
import { apertureOf } from './aperture.js';
import { OFFLINE_FPS, type KnownSpeech } from './heard-speech.js';
import { curveThrough, lagOf, STEP_MS } from './lag.js';
import { fitLine } from './line.js';
import { atRate } from './locate.js';
import { SimulatedAudio } from './simulated-audio.js';

/** How the lag of lips and sound changes over an hour. */
export interface Drift {
    readonly minutes: number;
    /** Lag at the end of each minute, ms. */
    readonly lagsMs: readonly number[];
    readonly slopeMsPerHour: number;
    readonly standardErrorMsPerHour: number;
}

export type DriftKind = 'clip' | 'live';

/** Rate of the simulated context: the one that is no simple fraction of the analysis' 16 kHz. */
const SAMPLE_RATE = 44_100;
/** Pictures a second where lags are measured, and elsewhere, where only the clock needs to be read. */
const PICTURE_RATE = 60;
const IDLE_RATE = 10;
/** Length of what a lag is measured on, at the end of each minute, s. */
const SPAN_SECONDS = 10;

/**
 * Lag of the lips against the sound at each full minute, by content, in simulated time: the voice's own clock, timelines and streaming
 * analysis, with the real encoder, on a context that runs 50 ppm fast with jittering timestamps. The speech repeats all the while.
 */
export async function measureDriftAsync(
    head: HeadAsset,
    known: KnownSpeech,
    kind: DriftKind,
    minutes: number,
): Promise<Drift> {
    const world = new SimulatedAudio(SAMPLE_RATE, 17);
    const { context } = world;
    const voice = await Voice.createAsync({
        createObservable: () => new SimpleObservable(),
        frontEnd: head.audio,
        encoder: head.encoderOnnx,
        audioContext: context.asContext(),
        now: () => world.page,
    });
    try {
        const { speech } = known;
        const sound = atRate(speech.samples, speech.sampleRate, SAMPLE_RATE);
        const startFrame = Math.round(0.5 * SAMPLE_RATE);
        const soundAt = (frame: number): number =>
            frame < startFrame ? 0 : (sound[(frame - startFrame) % sound.length] as number);
        if (kind === 'clip') await voice.play(fakeBuffer(speech.sampleRate, speech.samples), { loop: true });
        else await voice.attach(context.createSource());
        // From the nodes that the voice made, as a loudspeaker would have it.
        const began = kind === 'clip' ? startOf(context) : startFrame / SAMPLE_RATE + delayOf(context);
        const lagsMs: number[] = [];
        for (let minute = 1; minute <= minutes; minute++) {
            const end = world.pageOf(began + 60 * minute);
            await runAsync(world, voice, soundAt, end - 1000 * (SPAN_SECONDS + 1), IDLE_RATE, () => undefined);
            const [pages, values]: [number[], number[]] = [[], []];
            await runAsync(world, voice, soundAt, end, PICTURE_RATE, (page, audioFeat) => {
                pages.push(page);
                values.push(apertureOf(known.aperture, audioFeat));
            });
            lagsMs.push(lagAt(world, known, pages, values, began));
        }
        const line = fitLine(
            lagsMs.map((_, i) => (i + 1) / 60),
            lagsMs,
        );
        return { minutes, lagsMs, slopeMsPerHour: line.slope, standardErrorMsPerHour: line.slopeError };
    } finally {
        voice.dispose();
        world.dispose();
    }
}

/** Lets time pass until a page time, with a picture every now and then. */
async function runAsync(
    world: SimulatedAudio,
    voice: Voice,
    soundAt: (frame: number) => number,
    end: number,
    rate: number,
    onPicture: (page: number, audioFeat: Float32Array) => void,
): Promise<void> {
    const out = new Float32Array(AUDIO_FEAT_DIM);
    while (world.page < end) {
        world.advance(1000 / rate, soundAt);
        // The analysis answers over a message channel.
        for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
        voice.sampleFeatures(out);
        onPicture(world.page, out);
    }
}

/** Turns of the event loop in which the analysis has surely answered. */
const TURNS = 8;

function lagAt(
    world: SimulatedAudio,
    { offline, speech }: KnownSpeech,
    pages: readonly number[],
    values: readonly number[],
    began: number,
): number {
    const seconds = speech.samples.length / speech.sampleRate;
    const start = (pages.at(-1) as number) - 1000 * SPAN_SECONDS;
    const count = (1000 * SPAN_SECONDS) / STEP_MS;
    const heard = Float64Array.from({ length: count }, (_, i) => {
        const place = (world.heardAt(start + i * STEP_MS) - began) % seconds;
        const position = Math.max(0, Math.min(offline.length - 1, place * OFFLINE_FPS - 0.5));
        const frame = Math.floor(position);
        const [here, there] = [offline[frame] as number, offline[Math.min(offline.length - 1, frame + 1)] as number];
        return here + (position - frame) * (there - here);
    });
    return lagOf(curveThrough(pages, values, start, count), { start, values: heard }).lagMs;
}

/** Context time at which the clip's source begins, s. */
function startOf(context: SimulatedAudio['context']): number {
    const starts = context.nodes.map((node) => (node as { startTime?: number }).startTime ?? Number.NaN);
    const start = starts.find((time) => Number.isFinite(time));
    if (start === undefined) throw new Error('bench: expected a clip that plays, got none.');
    return start;
}

/** Delay of the audible branch, s. */
function delayOf(context: SimulatedAudio['context']): number {
    const delay = context.delays.at(-1);
    if (delay === undefined) throw new Error('bench: expected a delayed branch, got none.');
    return delay.value;
}
