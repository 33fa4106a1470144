/** One state of the run, as the user sees it. */
export interface ProgressState {
    readonly stage: string;
    readonly iteration: number;
    readonly total: number;
    readonly lossFace: number;
    readonly lossMouth: number;
    readonly splatsFace: number;
    readonly splatsMouth: number;
    /** Seconds that the last chunk took, and its iterations. */
    readonly seconds: number;
    readonly iterations: number;
}

const BAR_CELLS = 24;
/** Without a terminal one line each this many seconds. */
const LINE_SECONDS = 15;
/** Weight of the newest chunk in the speed. */
const SMOOTHING = 0.15;

/** Shows the progress of long work: a bar on a terminal, plain lines elsewhere. */
export class Progress {
    readonly #stream: NodeJS.WriteStream;
    #secondsPerIteration = 0;
    #countStart = 0;
    #lastLine = Number.NEGATIVE_INFINITY;
    #isOpen = false;

    /** @param stream - stderr in the CLI, so that stdout stays free for results. */
    public constructor(stream: NodeJS.WriteStream) {
        this.#stream = stream;
    }

    /** Shows a run's state; cheap enough to call after every chunk. */
    public update(state: ProgressState): void {
        const newest = state.seconds / Math.max(1, state.iterations);
        this.#secondsPerIteration =
            this.#secondsPerIteration === 0
                ? newest
                : this.#secondsPerIteration + SMOOTHING * (newest - this.#secondsPerIteration);
        this.#show(state.iteration, state.total, this.#text(state));
    }

    /**
     * Shows how far a walk over frames has come; call after every frame. A walk begins where `done` is 1, and its speed is
     * its own.
     *
     * @param done - frames done, 1..total.
     */
    public count(stage: string, done: number, total: number): void {
        const now = performance.now() / 1000;
        if (done === 1) this.#countStart = now;
        // The first frame's own time is not known: the clock starts when it is done.
        const eta = done === 1 ? '-' : formatSeconds(((now - this.#countStart) / (done - 1)) * (total - done));
        this.#show(done, total, `${((100 * done) / total).toFixed(1)}% ${stage} ${done}/${total}  ETA ${eta}`);
    }

    #show(done: number, total: number, text: string): void {
        if (this.#stream.isTTY) {
            const cells = Math.floor((BAR_CELLS * done) / total);
            const bar = `[${'='.repeat(cells)}${' '.repeat(BAR_CELLS - cells)}]`;
            const line = `${bar} ${text}`;
            this.#stream.write(`\r${line.slice(0, (this.#stream.columns || 120) - 1)}\u001b[K`);
            this.#isOpen = true;
            return;
        }
        const now = performance.now() / 1000;
        if (now - this.#lastLine < LINE_SECONDS && done < total) return;
        this.#lastLine = now;
        this.#stream.write(`${text}\n`);
    }

    /** Writes a line of its own between states. */
    public note(text: string): void {
        if (this.#isOpen) this.#stream.write('\r\u001b[K');
        this.#isOpen = false;
        this.#stream.write(`${text}\n`);
    }

    /** Ends an open bar. */
    public close(): void {
        if (this.#isOpen) this.#stream.write('\n');
        this.#isOpen = false;
    }

    #text(state: ProgressState): string {
        const eta = (state.total - state.iteration) * this.#secondsPerIteration;
        const percent = ((100 * state.iteration) / state.total).toFixed(1);
        return (
            `${percent}% ${state.stage} ${state.iteration}/${state.total}  loss ${state.lossFace.toFixed(4)}/${state.lossMouth.toFixed(5)}  ` +
            `splats ${state.splatsFace}+${state.splatsMouth}  ${(1 / this.#secondsPerIteration).toFixed(1)} it/s  ETA ${formatSeconds(eta)}`
        );
    }
}

/** `1:02:03`, `2:03`. */
export function formatSeconds(seconds: number): string {
    const s = Math.max(0, Math.round(seconds));
    const pad = (n: number): string => String(n).padStart(2, '0');
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor((s % 3600) / 60);
    return hours > 0 ? `${hours}:${pad(minutes)}:${pad(s % 60)}` : `${minutes}:${pad(s % 60)}`;
}
