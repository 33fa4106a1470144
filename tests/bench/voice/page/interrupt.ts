import type { Rig } from '../../../audio/voice-page/page.js';
import type { PackedRun } from '../packed.js';

/** What is interrupted; live sound goes on afterwards, or ends with the call (`hang-up`). */
export type InterruptKind = 'clip' | 'queue' | 'live' | 'hang-up';

/** When it was interrupted. */
export interface Moment {
    readonly kind: InterruptKind;
    /** Page time of the call, ms. */
    readonly page: number;
    /** Context time that would be rendered next at the call, s. */
    readonly context: number;
}

/** An interruption, with the sound and the pictures around it. */
export interface PackedInterrupt extends PackedRun, Moment {}

/** Says something from `place` on, waits, waits further for the midst of a word, interrupts, and looks on. */
export async function measureInterrupt(
    rig: Rig,
    name: string,
    kind: InterruptKind,
    place: number,
    waitMs: number,
): Promise<Moment> {
    const { hangUp, end } = await begin(rig, name, kind, place);
    await after(waitMs);
    await untilLoud(rig);
    const [page, context] = [performance.now(), rig.context.currentTime];
    rig.voice.interrupt();
    if (kind === 'hang-up') hangUp();
    await after(WATCH_MS);
    end();
    return { kind, page, context };
}

/** Sound and pictures after an interruption, ms. */
const WATCH_MS = 700;
/** A word sounds: peak of the last 21 ms that were recorded. */
const LOUD = 0.05;
/** Sound that is queued, s. */
const QUEUED_SECONDS = 4;

/** What a trial began. */
interface Begun {
    /** Silences the source of live sound. */
    hangUp(): void;
    /** Ends everything. */
    end(): void;
}

async function begin(rig: Rig, name: string, kind: InterruptKind, place: number): Promise<Begun> {
    const { voice, context } = rig;
    if (kind === 'queue') {
        const { samples, sampleRate } = await rig.load(name);
        const first = Math.round(place * sampleRate);
        voice.push(samples.slice(first, first + QUEUED_SECONDS * sampleRate), sampleRate);
        return { hangUp: () => undefined, end: () => voice.stop() };
    }
    const buffer = await rig.bufferOf(name);
    if (kind === 'clip') {
        await voice.play(buffer);
        voice.currentTime = place;
        return { hangUp: () => undefined, end: () => voice.stop() };
    }
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.start(0, place);
    await voice.attach(source);
    return {
        hangUp: () => source.stop(),
        end: () => {
            voice.stop();
            source.stop();
            source.disconnect();
        },
    };
}

async function untilLoud(rig: Rig): Promise<void> {
    for (;;) {
        const { samples } = rig.recorder.take(rig.context.sampleRate);
        if (samples.subarray(-1024).some((value) => Math.abs(value) > LOUD)) return;
        await after(7);
    }
}

function after(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
}
