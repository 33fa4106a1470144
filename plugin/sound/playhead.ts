/** How a buffer is being played, as the engine has it now. Times in s of the context unless said otherwise. */
export interface PlaySettings {
    /** Length of the buffer, s. */
    bufferSeconds: number;
    /** Where the playback began in the buffer, s. */
    startOffset: number;
    /** Seconds of the buffer after which it ends; 0 = at the buffer's end. */
    duration: number;
    isLooping: boolean;
    /** Region of the loop, s of the buffer; the whole buffer unless 0 <= start < end. */
    loopStart: number;
    loopEnd: number;
    /** Where the rate is, or is going: factor, and cents that multiply it. */
    playbackRate: number;
    pitch: number;
    /** When the last changes of both are complete; a change takes {@link rampSeconds}. 0 = never changed. */
    rateRampEnd: number;
    pitchRampEnd: number;
    rampSeconds: number;
    /** Time for which a node keeps a rate before it looks again, s: a render quantum. */
    quantumSeconds: number;
}

/** Octave in cents. */
const OCTAVE_CENTS = 1200;

/**
 * Where a playback is in its buffer, from what the engine shows of it: the integral of its rate over engine time, folded
 * into the loop. WebAudio itself does not tell.
 *
 * It is exact between two calls of {@link advanceTo} if each of rate and pitch changed at most once in between.
 */
export class Playhead {
    #time = 0;
    #played = 0;
    #last = 0;
    readonly #rate = new Ramp();
    readonly #pitch = new Ramp();

    /** Place in the buffer, s. */
    public get time(): number {
        return this.#time;
    }

    /**
     * Puts it where a playback starts, or goes on after a pause or seek.
     *
     * @param contextTime - when, s; may lie in the future.
     * @param offset - where in the buffer, s.
     */
    public start(contextTime: number, offset: number, settings: PlaySettings): void {
        const [loopStart, loopEnd] = loopRegion(settings);
        const isBehindLoop = settings.isLooping && offset >= loopEnd;
        this.#time = isBehindLoop ? loopStart : Math.min(Math.max(0, offset), settings.bufferSeconds);
        this.#played = 0;
        this.#last = contextTime;
        this.#rate.hold(settings.playbackRate, settings.rateRampEnd);
        this.#pitch.hold(settings.pitch, settings.pitchRampEnd);
    }

    /** Leaves it at one place, as a pause does. */
    public stay(offset: number): void {
        this.#time = offset;
    }

    /**
     * Moves it on to a context time. Nothing happens before the start, and at the end it stays.
     *
     * @returns its speed now, seconds of the buffer a second.
     */
    public advanceTo(now: number, settings: PlaySettings): number {
        const rateChange = this.#rate.changeTime(
            settings.playbackRate,
            settings.rateRampEnd,
            settings,
            this.#last,
            now,
        );
        const pitchChange = this.#pitch.changeTime(settings.pitch, settings.pitchRampEnd, settings, this.#last, now);
        const [loopStart, loopEnd] = loopRegion(settings);
        // Only a loop that is new can find it behind its end, and browsers begin such a loop at its start.
        if (settings.isLooping && this.#time >= loopEnd) this.#time = loopStart;
        let moved = 0;
        const isRateFirst = rateChange <= pitchChange;
        for (const isRate of [isRateFirst, !isRateFirst]) {
            const change = isRate ? rateChange : pitchChange;
            if (change === Infinity) continue;
            moved += this.#integrateTo(change);
            if (isRate) this.#rate.turn(settings.playbackRate, settings.rateRampEnd, change, settings);
            else this.#pitch.turn(settings.pitch, settings.pitchRampEnd, change, settings);
        }
        const isAwaited = now < this.#last;
        moved += this.#integrateTo(now);
        if (settings.duration > 0) moved = Math.min(moved, settings.duration - this.#played);
        this.#played += moved;
        this.#time = fold(this.#time + moved, settings);
        const isOver =
            (settings.duration > 0 && this.#played >= settings.duration) ||
            (!settings.isLooping && this.#time >= settings.bufferSeconds);
        return isAwaited || isOver ? 0 : this.#speedAt(now);
    }

    /** Seconds of the buffer from the last time to `end`: Simpson's rule between the corners of both ramps. */
    #integrateTo(end: number): number {
        let moved = 0;
        while (this.#last < end) {
            const from = this.#last;
            const to = Math.min(this.#rate.cornerAfter(from), this.#pitch.cornerAfter(from), end);
            const middle = this.#speedAt((from + to) / 2);
            moved += ((to - from) / 6) * (this.#speedAt(from) + 4 * middle + this.#speedAt(to));
            this.#last = to;
        }
        return moved;
    }

    #speedAt(time: number): number {
        return Math.max(0, this.#rate.at(time)) * 2 ** (this.#pitch.at(time) / OCTAVE_CENTS);
    }
}

/**
 * Where Babylon goes on after a pause, s of the buffer. It counts seconds of engine time, whatever the rate was, so that
 * a sound at double rate goes on earlier than it paused: what it plays is what counts here.
 */
export function resumeOffset(secondsBeforePause: number, settings: PlaySettings): number {
    const { startOffset, bufferSeconds } = settings;
    if (secondsBeforePause <= 0 || bufferSeconds <= 0) return startOffset;
    if (!settings.isLooping) return (startOffset + secondsBeforePause) % bufferSeconds;
    const [loopStart, loopEnd] = loopRegion(settings);
    const untilEnd = loopEnd - startOffset;
    if (secondsBeforePause < untilEnd) return startOffset + secondsBeforePause;
    return loopStart + ((secondsBeforePause - untilEnd) % (loopEnd - loopStart));
}

/** The part that is repeated, s of the buffer, by the rules of `AudioBufferSourceNode`. */
function loopRegion({ loopStart, loopEnd, bufferSeconds }: PlaySettings): [start: number, end: number] {
    if (loopStart < 0 || loopEnd <= loopStart || loopStart >= bufferSeconds) return [0, bufferSeconds];
    return [loopStart, Math.min(loopEnd, bufferSeconds)];
}

function fold(time: number, settings: PlaySettings): number {
    if (!settings.isLooping) return Math.min(time, settings.bufferSeconds);
    const [loopStart, loopEnd] = loopRegion(settings);
    if (time < loopEnd || loopEnd <= loopStart) return time;
    return loopStart + ((time - loopStart) % (loopEnd - loopStart));
}

/** A value that goes from one number to another in a straight line, and stays there. */
class Ramp {
    #from = 0;
    #to = 0;
    #start = 0;
    #end = 0;
    /** The engine's own figure for the end of the last change, by which the next one is known. */
    #seenEnd = 0;

    public hold(value: number, seenEnd: number): void {
        this.#from = this.#to = value;
        this.#start = this.#end = 0;
        this.#seenEnd = seenEnd;
    }

    /** A node that looks once a quantum follows the line half a quantum late, on average. */
    public turn(to: number, seenEnd: number, change: number, { rampSeconds, quantumSeconds }: PlaySettings): void {
        const start = change + quantumSeconds / 2;
        this.#from = this.at(start);
        this.#to = to;
        this.#start = start;
        this.#end = start + rampSeconds;
        this.#seenEnd = seenEnd;
    }

    /** When the value began to change after `last`, or Infinity. Where the engine shows no time: in the middle. */
    public changeTime(to: number, rampEnd: number, settings: PlaySettings, last: number, now: number): number {
        if (rampEnd === this.#seenEnd && to === this.#to) return Infinity;
        const start = rampEnd === this.#seenEnd ? (last + now) / 2 : rampEnd - settings.rampSeconds;
        return Math.min(Math.max(start, last), Math.max(now, last));
    }

    public at(time: number): number {
        if (time >= this.#end) return this.#to;
        if (time <= this.#start) return this.#from;
        return this.#from + ((this.#to - this.#from) * (time - this.#start)) / (this.#end - this.#start);
    }

    public cornerAfter(time: number): number {
        if (this.#start > time) return this.#start;
        return this.#end > time ? this.#end : Infinity;
    }
}
