/** What the clock reads of an `AudioContext`. */
export interface ClockContext {
    readonly currentTime: number;
    readonly state: string;
    readonly baseLatency?: number;
    readonly outputLatency?: number;
    getOutputTimestamp?(): { contextTime?: number; performanceTime?: number };
}

/** Where the clock's reading came from. */
export type ClockSource = 'output-timestamp' | 'estimate';

/** Time constant of the estimate's low-pass, s: `currentTime` moves in steps of a render quantum or more. */
const SMOOTHING_SECONDS = 0.5;
/** A bigger gap than this between estimate and reading is a jump (device change, sleep), not jitter, s. */
const JUMP_SECONDS = 0.15;
/** A heard time further behind `currentTime` than any output latency is no reading, s. */
const MAX_LATENCY_SECONDS = 1;

/**
 * The time of an `AudioContext` that leaves the loudspeaker now.
 *
 * Reads `getOutputTimestamp()` and extrapolates with the page's clock: step jitter 0.02-0.3 ms, where `currentTime`
 * between animation frames has 4.6 ms. Where the timestamp is missing or frozen (Safari, the first moments of a context),
 * it is `currentTime - outputLatency`, low-passed. While the context runs the reading never goes back; while it is
 * suspended the reading stands.
 */
export class AudioClock {
    private readonly context: ClockContext;
    private readonly now: () => number;
    private heard = 0;
    private lastSource: ClockSource = 'estimate';
    /** Low-passed context time minus page time, s; NaN before the first estimate. */
    private offset = Number.NaN;
    private lastEstimate = 0;

    /** @param now - page time, ms; `performance.now` in a page. */
    public constructor(context: ClockContext, now: () => number = () => performance.now()) {
        this.context = context;
        this.now = now;
    }

    /** Where the last reading came from. */
    public get source(): ClockSource {
        return this.lastSource;
    }

    /** Delay between `currentTime` and the ear that the context reports, s; 0 where it reports none. */
    public get outputLatency(): number {
        return this.context.outputLatency ?? this.context.baseLatency ?? 0;
    }

    /** Context time heard now, s. */
    public read(): number {
        if (this.context.state !== 'running') {
            this.offset = Number.NaN;
            return this.heard;
        }
        const time = this.fromTimestamp() ?? this.fromEstimate();
        // Nothing can be heard before it was rendered, and small corrections must not turn speech back.
        const reading = Math.min(time, this.context.currentTime);
        if (reading > this.heard || this.heard - reading > JUMP_SECONDS) this.heard = Math.max(0, reading);
        return this.heard;
    }

    private fromTimestamp(): number | null {
        const stamp = this.context.getOutputTimestamp?.();
        const contextTime = stamp?.contextTime ?? 0;
        const performanceTime = stamp?.performanceTime ?? 0;
        if (!(contextTime > 0) || !(performanceTime > 0)) return null;
        const time = contextTime + (this.now() - performanceTime) / 1000;
        const lag = this.context.currentTime - time;
        if (lag > MAX_LATENCY_SECONDS || lag < -JUMP_SECONDS) return null;
        this.lastSource = 'output-timestamp';
        return time;
    }

    private fromEstimate(): number {
        this.lastSource = 'estimate';
        const page = this.now() / 1000;
        const target = this.context.currentTime - this.outputLatency - page;
        const error = target - this.offset;
        if (!(Math.abs(error) < JUMP_SECONDS)) this.offset = target;
        else this.offset += error * (1 - Math.exp(-(page - this.lastEstimate) / SMOOTHING_SECONDS));
        this.lastEstimate = page;
        return page + this.offset;
    }
}
