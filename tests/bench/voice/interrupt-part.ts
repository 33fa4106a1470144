import { quantile } from '../frame/statistics.js';
import { AUDIO_FEAT_DIM } from '../../../plugin/core/index.js';
import { unpackRun, type Run } from './packed.js';
import { fitPageClock } from './page-clock.js';
import type { InterruptKind, Moment } from './page/interrupt.js';
import type { VoicePages } from './voice-page.js';

/** Interruptions of one kind of sound; worst cases, ms after the call. */
export interface InterruptRow {
    readonly kind: InterruptKind;
    readonly count: number;
    /** Output stays below -60 dBFS from here on, as rendered; and as heard, after the way from the context to the ear. */
    readonly silenceMs: number;
    readonly heardSilenceMs: number;
    /** Output peak just before, as a check that there was something to interrupt; smallest. */
    readonly peakBefore: number;
    /** A picture shows f_a within 2 % of rest; 95th percentile and worst. Infinite where none did. */
    readonly restMs: number;
    readonly restP95Ms: number;
    /** Distance of f_a from rest in the picture nearest to it within 200 ms, as a share of its usual distance in speech; largest. */
    readonly closest: number;
}

/** How one interruption went. */
export interface InterruptResult {
    readonly silenceMs: number;
    readonly heardSilenceMs: number;
    readonly peakBefore: number;
    readonly restMs: number;
    readonly closest: number;
}

const KINDS: readonly InterruptKind[] = ['clip', 'queue', 'live', 'hang-up'];
const SILENT = 10 ** (-60 / 20);
/** Share of the usual distance from rest that counts as rest. */
const AT_REST = 0.02;
/** Bar of {@link InterruptRow.restMs}. */
const REST_BAR_MS = 200;
/** Live sound is listened to on: it comes back this long after the call at the earliest, so it is watched for so long, s. */
const LIVE_WATCH_SECONDS = 0.12;

/**
 * Interrupts `count` times, in words at random places, kind after kind.
 *
 * @param usual - middle distance of f_a from rest in speech.
 * @param places - latest place in the speech, s.
 */
export async function measureInterruptsAsync(
    pages: VoicePages,
    count: number,
    usual: number,
    places: number,
    progress: (line: string) => void,
): Promise<InterruptRow[]> {
    const { page } = await pages.openAsync(true);
    const random = randomFrom(29);
    const rest = await page.evaluate(async () => {
        await globalThis.voiceBench.openAsync(48_000);
        return globalThis.voiceBench.rest();
    });
    const results = new Map<InterruptKind, InterruptResult[]>(KINDS.map((kind) => [kind, []]));
    for (let n = 0; n < count; n++) {
        const kind = KINDS[n % KINDS.length] as InterruptKind;
        const trial = { kind, place: random() * places, waitMs: 200 + 600 * random() };
        const packed = await page.evaluate(
            ({ kind, place, waitMs }) => globalThis.voiceBench.interruptAsync(kind, place, waitMs),
            trial,
        );
        results.get(kind)?.push(judgeInterrupt(unpackRun(packed), packed, rest, usual));
    }
    await page.evaluate(() => globalThis.voiceBench.closeAsync());
    pages.assertNoErrors();
    const rows = [...results].map(([kind, trials]) => rowOf(kind, trials));
    for (const row of rows)
        progress(`interrupt ${row.kind}: silent ${row.silenceMs.toFixed(1)} ms, rest ${row.restMs.toFixed(0)} ms`);
    return rows;
}

/** Reads one interruption from what was recorded and shown. */
export function judgeInterrupt(run: Run, moment: Moment, rest: readonly number[], usual: number): InterruptResult {
    const { output, outputStart, sampleRate } = run;
    const at = Math.round((moment.context - outputStart) * sampleRate);
    const end = moment.kind === 'live' ? at + LIVE_WATCH_SECONDS * sampleRate : output.length;
    let silent = at;
    for (let i = at; i < Math.min(end, output.length); i++) if (Math.abs(output[i] as number) >= SILENT) silent = i + 1;
    const silentTime = outputStart + silent / sampleRate;
    const clock = fitPageClock(run.pairPages, run.pairHeard);
    let peakBefore = 0;
    for (let i = Math.max(0, at - 0.05 * sampleRate); i < at; i++)
        peakBefore = Math.max(peakBefore, Math.abs(output[Math.floor(i)] as number));
    return {
        silenceMs: 1000 * (silentTime - moment.context),
        heardSilenceMs: clock.pageOf(silentTime) - moment.page,
        peakBefore,
        ...judgeRest(run, moment, rest, usual),
    };
}

function judgeRest(
    { pages, features }: Run,
    { page, kind }: Moment,
    rest: readonly number[],
    usual: number,
): { restMs: number; closest: number } {
    let restMs = Number.POSITIVE_INFINITY;
    let closest = Number.POSITIVE_INFINITY;
    for (let k = 0; k < pages.length; k++) {
        const after = (pages[k] as number) - page;
        if (after < 0) continue;
        let squares = 0;
        for (let i = 0; i < AUDIO_FEAT_DIM; i++)
            squares += ((features[k * AUDIO_FEAT_DIM + i] as number) - (rest[i] as number)) ** 2;
        const share = Math.sqrt(squares) / usual;
        if (share <= AT_REST) restMs = Math.min(restMs, after);
        // What is known must stay at rest; live sound comes back.
        else if (kind !== 'live') restMs = Number.POSITIVE_INFINITY;
        if (after <= REST_BAR_MS) closest = Math.min(closest, share);
    }
    return { restMs, closest };
}

function rowOf(kind: InterruptKind, trials: readonly InterruptResult[]): InterruptRow {
    const worst = (of: (trial: InterruptResult) => number): number => Math.max(...trials.map(of));
    return {
        kind,
        count: trials.length,
        silenceMs: worst(({ silenceMs }) => silenceMs),
        heardSilenceMs: worst(({ heardSilenceMs }) => heardSilenceMs),
        peakBefore: Math.min(...trials.map(({ peakBefore }) => peakBefore)),
        restMs: worst(({ restMs }) => restMs),
        restP95Ms: quantile(
            trials.map(({ restMs }) => restMs),
            0.95,
        ),
        closest: worst(({ closest }) => closest),
    };
}

function randomFrom(seed: number): () => number {
    let state = seed;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}
