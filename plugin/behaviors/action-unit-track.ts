/** Writes smaller than this are left out: half a step of an 8-bit colour moves farther than such a pose (chosen). */
const LEAST_WRITE = 1 / 256;
/** Part of a step that the wish must lie from what is shown before it is followed: no flicker between two steps. */
const HYSTERESIS = 0.75;

/**
 * One action unit that a user and a behaviour share.
 *
 * The rule: the track remembers what it wrote last. Where it finds anything else, the user (a script, an animation) has set the unit;
 * that value is the new base, and the behaviour goes on from there.
 */
export class ActionUnitTrack {
    public readonly name: string;
    readonly #expression: Record<string, number>;
    #base: number;
    #written: number;
    #offset = 0;

    /** @param expression - has `name`; reading it gives what was written, as the head rounds it. */
    public constructor(expression: Record<string, number>, name: string) {
        this.name = name;
        this.#expression = expression;
        this.#base = this.#written = this.#read();
    }

    /** What the user set last. */
    public get base(): number {
        this.#sync();
        return this.#base;
    }

    /** Shows base + offset, clamped to 0..1; the offset follows in multiples of `step`. */
    public add(offset: number, step: number): void {
        this.#sync();
        if (Math.abs(offset - this.#offset) > HYSTERESIS * step) this.#offset = Math.round(offset / step) * step;
        this.#put(Math.min(Math.max(this.#base + this.#offset, 0), 1));
    }

    /** Shows at least `value` 0..1, or the base where that is more. */
    public raise(value: number): void {
        this.#sync();
        this.#put(Math.max(this.#base, value));
    }

    /** Shows the base, exactly. */
    public restore(): void {
        this.#offset = 0;
        this.#sync();
        this.#put(this.#base);
    }

    #read(): number {
        return this.#expression[this.name] as number;
    }

    #sync(): void {
        const current = this.#read();
        if (current !== this.#written) this.#base = this.#written = current;
    }

    #put(target: number): void {
        if (target === this.#written) return;
        if (target !== this.#base && Math.abs(target - this.#written) < LEAST_WRITE) return;
        this.#expression[this.name] = target;
        this.#written = this.#read();
    }
}
