/** Lets asynchronous work that shares an engine take turns, in the order in which it asks: the engine runs one call at a time. */
export class Turns {
    #last: Promise<unknown> = Promise.resolve();

    /** Runs `work` when all that asked before has ended, well or not. */
    public take<Result>(work: () => Result | Promise<Result>): Promise<Result> {
        const turn = this.#last.then(work);
        this.#last = turn.catch(() => undefined);
        return turn;
    }
}
