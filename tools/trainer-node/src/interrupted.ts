/** The user stopped a run; everything is saved. Not a failure, so not a PgsError. */
export class Interrupted extends Error {
    /** What to type to go on. */
    public readonly resume: string;

    public constructor(resume: string) {
        super(`Stopped. Everything is saved; go on with: ${resume}`);
        this.name = 'Interrupted';
        this.resume = resume;
    }
}
