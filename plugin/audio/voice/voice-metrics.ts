import type { AnalysisPlace } from '../analysis/speech-analysis.js';
import type { ClockSource } from '../audio-clock.js';
import type { SoundOutput } from './sound-output.js';
import type { Transport, Utterance } from './utterance.js';

/** What is known about the timing of a voice. Percentiles are over the last {@link SPAN} pictures in which something was heard. */
export interface VoiceMetrics {
    /** State of the audio context; `none` before sound was first needed. */
    readonly contextState: string;
    /** Where the time of the lips comes from. */
    readonly clockSource: ClockSource;
    /** Delay from the context to the ear, ms, median of what was measured; the clock takes it into account. */
    readonly outputLatencyMs: number;
    /** Delay that the voice itself adds to the sound, ms: none for clips and queues. */
    readonly delayMs: number;
    /** From a sound's entering the voice to its being heard, ms: the two above together. */
    readonly latencyMs: number;
    /** How long after its sound a mouth was shown because the analysis was not ready, ms: 0 where it kept up. */
    readonly lateMs: Percentiles;
    /** How long before it was needed the lips were known, ms, in all but 5 % of the pictures; infinite for known clips. */
    readonly headroomMs: number;
    /** Times at which sound ran dry or its lips came too late, since the voice was made. */
    readonly underruns: number;
    /** Time the analysis of the last clip took, ms; 0 where it was known already. */
    readonly analysisMs: number;
    /** Where sound is analysed. */
    readonly analysis: AnalysisPlace;
    /** How live sound gets there; `none` where none is listened to. */
    readonly transport: Transport | 'none';
}

export interface Percentiles {
    readonly p50: number;
    readonly p95: number;
}

/** Pictures that percentiles are taken over: ten seconds at 60 Hz. */
export const SPAN = 600;

/** Keeps the timing of the last pictures. Allocates nothing a picture. */
export class TimingMeter {
    private readonly headrooms: Float32Array = new Float32Array(SPAN);
    private readonly latencies: Float32Array = new Float32Array(SPAN);
    private count = 0;

    /**
     * @param headroom - time by which the lips were known before they were needed, s; negative where they were late.
     * @param outputLatency - from the context to the ear, s.
     */
    public add(headroom: number, outputLatency: number): void {
        this.headrooms[this.count % SPAN] = headroom;
        this.latencies[this.count % SPAN] = outputLatency;
        this.count++;
    }

    public clear(): void {
        this.count = 0;
    }

    public get outputLatency(): number | null {
        return this.count === 0 ? null : share(this.kept(this.latencies), 0.5);
    }

    /** s; 5 % of the pictures had less. */
    public get headroom(): number {
        return this.count === 0 ? Number.POSITIVE_INFINITY : share(this.kept(this.headrooms), 0.05);
    }

    /** s. */
    public get late(): Percentiles {
        if (this.count === 0) return { p50: 0, p95: 0 };
        const sorted = this.kept(this.headrooms);
        return { p50: Math.max(0, -share(sorted, 0.5)), p95: Math.max(0, -share(sorted, 0.05)) };
    }

    private kept(ring: Float32Array): Float32Array {
        return ring.slice(0, Math.min(SPAN, this.count)).sort();
    }
}

/** What the turns of a voice know of its timing. */
interface Timing {
    readonly sound: SoundOutput | null;
    readonly utterance: Utterance | null;
    readonly meter: TimingMeter;
    readonly underruns: number;
}

export function metricsOf(
    { sound, utterance, meter, underruns }: Timing,
    analysisMs: number,
    analysis: AnalysisPlace,
): VoiceMetrics {
    const outputLatencyMs = 1000 * (meter.outputLatency ?? sound?.clock.outputLatency ?? 0);
    const delayMs = 1000 * (utterance?.delay ?? 0);
    const { p50, p95 } = meter.late;
    return {
        contextState: sound?.context.state ?? 'none',
        clockSource: sound?.clock.source ?? 'estimate',
        outputLatencyMs,
        delayMs,
        latencyMs: delayMs + outputLatencyMs,
        lateMs: { p50: 1000 * p50, p95: 1000 * p95 },
        headroomMs: 1000 * meter.headroom,
        underruns,
        analysisMs,
        analysis,
        transport: utterance?.live?.transport ?? 'none',
    };
}

function share(sorted: Float32Array, part: number): number {
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] as number;
}
