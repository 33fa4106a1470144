import { verdictOf, type Bar, type Verdict } from '../frame/report.js';
import type { ClipRow } from './clip-part.js';
import type { Cpu } from './cpu-part.js';
import type { Drift, DriftKind } from './drift-part.js';
import type { FeatureFacts } from './feature-part.js';
import type { InterruptRow } from './interrupt-part.js';
import type { Leaks } from './leak-part.js';
import type { LiveRow } from './live-part.js';

/** What a run found, before it is judged. */
export interface Measured {
    readonly date: string;
    readonly commit: string;
    readonly mode: 'quick' | 'full';
    readonly machine: string;
    /** Load of the machine over the minute before, and at the end. */
    readonly load: number;
    readonly loadAtEnd: number;
    /** Share of the variance of the float64 reference's mouth openings that the opening from f_a explains. */
    readonly apertureR2: number;
    readonly clips: readonly ClipRow[];
    readonly drift: Readonly<Record<DriftKind, Drift>>;
    readonly liveRuns: readonly LiveRow[];
    /** What of the live error the analysis makes by itself, without any clock: 95th percentile, ms. */
    readonly analysisErrorP95Ms: number;
    readonly interrupts: readonly InterruptRow[];
    readonly leaks: Leaks;
    readonly features: FeatureFacts;
    readonly cpu: Cpu;
    /** Runs that were made again because the sound device stumbled. */
    readonly voidRuns: number;
}

/** What `--json` prints. */
export interface Report extends Measured {
    /** The worst of all clips. */
    readonly clip: { readonly lagFrames: number; readonly driftMsPerHour: number };
    /** The worst of all runs at the default delay. */
    readonly live: {
        readonly earToLipErrorP95Ms: number;
        readonly displayedErrorP95Ms: number;
        readonly delayMs: number;
        readonly reportedMinusMeasuredMs: number;
        readonly lowErrorP95Ms: number;
        readonly lowDelayMs: number;
    };
    /** The worst of all interruptions; `restMs` null where a mouth never came to rest. */
    readonly interrupt: { readonly silenceMs: number; readonly heardSilenceMs: number; readonly restMs: number | null };
    readonly values: Readonly<Record<string, number>>;
    readonly verdicts: Readonly<Record<string, Verdict>>;
}

/** What we hold ourselves to. */
export const BARS: readonly Bar[] = [
    { name: 'clipLagFrames', atMost: 0.5, meaning: 'clip: lips shown less lips analysed offline, against the energy heard; largest, video frames' },
    { name: 'clipDriftOverBar', atMost: 1, meaning: 'clip: drift in a simulated hour, over the larger of 1 ms and 2 standard errors' },
    { name: 'liveDriftOverBar', atMost: 1, meaning: 'live: the same' },
    { name: 'liveErrorP95Ms', atMost: 40, meaning: 'live, default delay: ear-to-lip error, p95 over segments of a second; larger transport' },
    { name: 'lowDelayMs', atMost: 100, meaning: "live, latency 'low': delay between the recordings of input and output" },
    { name: 'latencyErrorMs', atMost: 10, meaning: 'live: reported latency less the one by the clocks of the page; largest' },
    { name: 'silenceMs', atMost: 50, meaning: 'interrupt: output stays below -60 dBFS, as rendered; worst' },
    { name: 'restMs', atMost: 200, meaning: 'interrupt: a picture shows f_a within 2 % of rest; worst' },
    { name: 'leaks', atMost: 0, meaning: 'interrupt: 200 at random leave audio nodes, processors, workers, listeners, memory or turns behind' },
    { name: 'rateRms', atMost: 0.01, meaning: 'features: log-mel at 44.1, 48 and 24 kHz against 16 kHz, worst' },
    { name: 'gainChange', atMost: 0.01, meaning: 'features: change by a gain of -20 dB' },
    { name: 'bitDifferences', atMost: 0, meaning: 'features: Node and Chromium differ in a bit, in any chunks' },
    { name: 'encoderDifference', atMost: 1e-6, meaning: 'encoder: ours against onnxruntime-web, largest' },
    { name: 'liveCpuShare', atMost: 0.03, meaning: 'a live voice: CPU time of the browser beside the same page without, cores' },
]; // prettier-ignore

/** Judges a run. */
export function reportOf(measured: Measured): Report {
    const { clips, drift, liveRuns, interrupts, leaks, features, cpu } = measured;
    const usual = liveRuns.filter(({ latency }) => latency === 'balanced');
    const low = liveRuns.filter(({ latency }) => latency === 'low');
    const largest = <T>(rows: readonly T[], of: (row: T) => number): number => Math.max(...rows.map(of));
    const clip = {
        lagFrames: widest(clips.map(({ lagFrames }) => lagFrames)),
        driftMsPerHour: drift.clip.slopeMsPerHour,
    };
    const live = {
        earToLipErrorP95Ms: largest(usual, ({ errorP95Ms }) => errorP95Ms),
        displayedErrorP95Ms: largest(usual, ({ displayedErrorP95Ms }) => displayedErrorP95Ms),
        delayMs: largest(usual, ({ delayMs }) => delayMs),
        reportedMinusMeasuredMs: widest(liveRuns.map(({ reportedMinusMeasuredMs }) => reportedMinusMeasuredMs)),
        lowErrorP95Ms: largest(low, ({ errorP95Ms }) => errorP95Ms),
        lowDelayMs: largest(low, ({ delayMs }) => delayMs),
    };
    const restMs = largest(interrupts, (row) => row.restMs);
    const interrupt = {
        silenceMs: largest(interrupts, ({ silenceMs }) => silenceMs),
        heardSilenceMs: largest(interrupts, ({ heardSilenceMs }) => heardSilenceMs),
        restMs: Number.isFinite(restMs) ? restMs : null,
    };
    const values: Record<string, number> = {
        clipLagFrames: Math.abs(clip.lagFrames),
        clipDriftOverBar: overBar(drift.clip),
        liveDriftOverBar: overBar(drift.live),
        liveErrorP95Ms: live.earToLipErrorP95Ms,
        // A sample is 0.02 ms; what follows is rounding.
        lowDelayMs: Math.round(live.lowDelayMs * 100) / 100,
        latencyErrorMs: Math.abs(live.reportedMinusMeasuredMs),
        silenceMs: interrupt.silenceMs,
        restMs,
        leaks: leaks.isLeaking ? 1 : 0,
        rateRms: Math.max(...Object.values(features.rateRms)),
        gainChange: features.gainChange,
        bitDifferences: features.isBitIdentical ? 0 : 1,
        encoderDifference: features.encoderDifference,
        liveCpuShare: cpu.liveShare,
    };
    const verdicts = Object.fromEntries(BARS.map((bar) => [bar.name, verdictOf(bar, values[bar.name] ?? Number.NaN)]));
    return { ...measured, clip, live, interrupt, values, verdicts };
}

/** Whether every bar is kept. */
export function isPassing({ verdicts }: Report): boolean {
    return Object.values(verdicts).every((verdict) => verdict === 'pass');
}

/** Drift in units of what it may be. */
function overBar({ slopeMsPerHour, standardErrorMsPerHour }: Drift): number {
    return Math.abs(slopeMsPerHour) / Math.max(1, 2 * standardErrorMsPerHour);
}

/** The value that is farthest from 0, with its sign. */
function widest(values: readonly number[]): number {
    return values.reduce((most, value) => (Math.abs(value) <= Math.abs(most) ? most : value), 0);
}
