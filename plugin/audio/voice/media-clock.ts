/** From a context time on, a sound is at a place and moves on at a rate. */
interface Stretch {
    readonly at: number;
    readonly time: number;
    /** Seconds of the sound a second; 0 while it stands still. */
    readonly rate: number;
    /** Length after which the sound begins anew, s; infinite where it does not repeat. */
    readonly period: number;
}

/** Stretches that are kept: what is heard lags behind what is scheduled by less than these last. */
const KEPT = 16;

/**
 * Which place of a sound belongs to which time of the context, over starts, pauses, seeks and changes of rate. What was scheduled
 * last is not what is heard yet, so earlier stretches stay.
 */
export class MediaClock {
    private stretches: Stretch[] = [];

    /** From context time `at` on, s, the sound is at `time`, s, and goes on at `rate`. */
    public moveTo(at: number, time: number, rate: number, period: number = Number.POSITIVE_INFINITY): void {
        this.stretches = this.stretches.filter((stretch) => stretch.at < at).slice(1 - KEPT);
        this.stretches.push({ at, time, rate, period });
    }

    /** From context time `at` on, s, or from a start that is yet to come, the sound goes on from where it is then in another way. */
    public goOn(at: number, rate: number, period: number): void {
        const from = Math.max(at, this.stretches.at(-1)?.at ?? at);
        this.moveTo(from, this.placeAt(from), rate, period);
    }

    /** Place at a context time, s; before the first start it counts up to it; null in a pause. */
    public timeAt(at: number): number | null {
        let current = this.stretches[0];
        for (const stretch of this.stretches) if (stretch.at <= at) current = stretch;
        if (current === undefined || (current.rate === 0 && at >= current.at)) return null;
        return placeIn(current, at);
    }

    /** Place that is reached last, whether it moves or not, s. */
    public placeAt(at: number): number {
        const last = this.stretches.at(-1);
        return last === undefined ? 0 : placeIn(last, Math.max(at, last.at));
    }
}

function placeIn({ at: start, time, rate, period }: Stretch, at: number): number {
    const place = time + (at - start) * rate;
    return place < 0 ? place : place % period;
}
