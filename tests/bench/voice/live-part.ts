import { FEATURE_FPS, TsEncoder, type VoiceLatency, type VoiceMetrics } from '../../../plugin/audio/index.js';
import { restFeature } from '../../../plugin/audio/rest-feature.js';
import { SpeechStream, newVoiceMemory } from '../../../plugin/audio/speech-stream.js';
import type { HeadAsset } from '../../../plugin/core/index.js';
import { quantile } from '../frame/statistics.js';
import { aperturesOf } from './aperture.js';
import { layOut, OFFLINE_FPS, type HeardSpeech, type KnownSpeech } from './heard-speech.js';
import { curveThrough, lagOf, STEP_MS, type Curve } from './lag.js';
import { fitLine, valueAt } from './line.js';
import { locate } from './locate.js';
import { unpack32, unpack64, unpackRun } from './packed.js';
import type { PackedLive } from './page/page.js';
import type { VoicePages } from './voice-page.js';

/** One run of a live node. */
export interface LiveRow {
    readonly sampleRate: number;
    readonly transport: VoiceMetrics['transport'];
    readonly latency: VoiceLatency;
    /** By how much mouths came after their sound, over segments of a second: 95th percentile of its size, and the middle with its sign. */
    readonly errorP95Ms: number;
    readonly errorMedianMs: number;
    /** The same where every picture is seen one 60 Hz frame after it was drawn. */
    readonly displayedErrorP95Ms: number;
    readonly segments: number;
    /** Middle correlation of the shown mouth with that of the offline analysis, at the lag of its segment. */
    readonly correlation: number;
    /** From input to output of the voice, by cross-correlation of the two recordings, ms. */
    readonly delayMs: number;
    /** From a sample's entering the voice to its being heard, ms: as reported, and by clocks of the page. */
    readonly reportedLatencyMs: number;
    readonly measuredLatencyMs: number;
    readonly reportedMinusMeasuredMs: number;
    readonly headroomMs: number;
    readonly underruns: number;
    readonly slip: number;
    readonly clockResidualMs: number;
}

export interface LiveSetup {
    readonly isIsolated: boolean;
    readonly latency: VoiceLatency;
    readonly sampleRate: number;
    readonly seconds: number;
}

/** Length of a segment and distance between two, ms. */
const SEGMENT_MS = 1000;
const HOP_MS = 500;
/** A segment counts when the mouth of what is heard moves in it at least this much, as a share of how much it moves in all. */
const LEAST_MOVEMENT = 0.3;
/** Time between two frames of a display, ms. */
const DISPLAY_MS = 1000 / 60;

/** Lets a voice listen to a node that plays the speech, in every setup. */
export async function measureLiveAsync(
    pages: VoicePages,
    known: KnownSpeech,
    setups: readonly LiveSetup[],
    progress: (line: string) => void,
): Promise<LiveRow[]> {
    const rows: LiveRow[] = [];
    for (const setup of setups) {
        const page = await pages.openAsync(setup.isIsolated);
        const row = await pages.repeatAsync(async () => {
            const packed = await page.page.evaluate(async ({ sampleRate, latency, seconds }) => {
                await globalThis.voiceBench.openAsync(sampleRate);
                const run = await globalThis.voiceBench.listenAsync(latency, seconds);
                await globalThis.voiceBench.closeAsync();
                return run;
            }, setup);
            pages.assertNoErrors();
            return judgeLive(packed, known, setup);
        });
        progress(`live ${row.transport} ${setup.latency}: p95 ${row.errorP95Ms.toFixed(1)} ms`);
        rows.push(row);
    }
    return rows;
}

function judgeLive(packed: PackedLive, known: KnownSpeech, setup: LiveSetup): LiveRow {
    const run = unpackRun(packed);
    const { metrics } = packed;
    // The first word may be shown late while the voice is still unknown; it counts like any other.
    const heard = layOut(run, known, setup.seconds - 1);
    const input = { samples: unpack32(packed.input), start: packed.inputStart };
    const delay = delayBetween(input, { samples: run.output, start: run.outputStart }, setup.sampleRate);
    const measuredLatencyMs = latencyOf(packed, heard, delay);
    const { errors, correlations } = segmentErrors(heard.shown, heard.heard);
    const p95Of = (values: readonly number[]): number => quantile(values.map(Math.abs), 0.95);
    return {
        sampleRate: setup.sampleRate,
        transport: metrics.transport,
        latency: setup.latency,
        errorP95Ms: p95Of(errors),
        errorMedianMs: quantile(errors, 0.5),
        displayedErrorP95Ms: p95Of(errors.map((error) => error + DISPLAY_MS)),
        segments: errors.length,
        correlation: quantile(correlations, 0.5),
        delayMs: 1000 * delay,
        reportedLatencyMs: metrics.latencyMs,
        measuredLatencyMs,
        reportedMinusMeasuredMs: metrics.latencyMs - measuredLatencyMs,
        headroomMs: metrics.headroomMs,
        underruns: metrics.underruns,
        slip: heard.slip,
        clockResidualMs: heard.clock.residualMs,
    };
}

/** By how much the shown mouth comes after the heard one, in every segment in which there is speech, ms. */
export function segmentErrors(shown: Curve, heard: Curve): { errors: number[]; correlations: number[] } {
    const [count, hop] = [SEGMENT_MS / STEP_MS, HOP_MS / STEP_MS];
    const all = deviation(heard.values);
    const [errors, correlations]: [number[], number[]] = [[], []];
    // A segment is compared at ten video frames to either side.
    for (let first = 40; first + count + 40 <= heard.values.length; first += hop) {
        if (deviation(heard.values.subarray(first, first + count)) < LEAST_MOVEMENT * all) continue;
        const { lagMs, peak } = lagOf(shown, heard, { first, count });
        // A mouth that does not move where it should is as wrong as can be.
        errors.push(Number.isNaN(lagMs) ? 400 : lagMs);
        correlations.push(Number.isNaN(peak) ? 0 : peak);
    }
    return { errors, correlations };
}

/**
 * What of the error is no matter of time: the streaming analysis, which knows neither the future nor the voice, against the offline one
 * of the same sound, every frame in its place. 95th percentile over the same segments, ms.
 */
export async function analysisErrorAsync(head: HeadAsset, { speech, offline, aperture }: KnownSpeech): Promise<number> {
    const encoder = TsEncoder.fromOnnx(head.encoderOnnx);
    const rest = await restFeature(head.audio, encoder);
    const stream = new SpeechStream(
        speech.sampleRate,
        head.audio,
        encoder,
        rest,
        newVoiceMemory(head.audio),
        FEATURE_FPS,
    );
    const parts = [await stream.push(speech.samples), await stream.end()];
    const mouth = parts.flatMap(({ features }) => [...aperturesOf(aperture, features)]);
    const curveOf = (values: ArrayLike<number>, fps: number): Curve => {
        const times = Float64Array.from(values, (_, k) => (1000 * (k + 0.5)) / fps);
        return curveThrough(times, values, 0, Math.floor((times.at(-1) as number) / STEP_MS));
    };
    const { errors } = segmentErrors(curveOf(mouth, FEATURE_FPS), curveOf(offline, OFFLINE_FPS));
    return quantile(errors.map(Math.abs), 0.95);
}

/** Time by which a recording comes after another, s. */
function delayBetween(
    early: { readonly samples: Float32Array; readonly start: number },
    late: { readonly samples: Float32Array; readonly start: number },
    sampleRate: number,
): number {
    const offset = Math.round((early.start - late.start) * sampleRate);
    // Past the beginning, where the recording may hold no sound yet.
    const from = 3 * sampleRate;
    const piece = early.samples.subarray(from, from + 4 * sampleRate);
    const { sample } = locate(piece, late.samples, from + offset, from + offset + sampleRate);
    return (sample - from - offset) / sampleRate;
}

/** Page time at which a sample is heard less that at which the audio thread took it, ms, in the middle of the run. */
function latencyOf(packed: PackedLive, { clock }: HeardSpeech, delay: number): number {
    const contexts = unpack64(packed.inputStampContexts);
    const entered = fitLine(contexts, unpack64(packed.inputStampPages));
    return clock.pageOf(entered.centre + delay) - valueAt(entered, entered.centre);
}

function deviation(values: Float64Array): number {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
