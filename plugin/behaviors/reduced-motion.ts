/** The part of a `MediaQueryList` that is used. */
export interface MotionQuery {
    readonly matches: boolean;
    addEventListener(type: 'change', listener: () => void): void;
    removeEventListener(type: 'change', listener: () => void): void;
}

/** As `window.matchMedia`; null where there is no such thing. */
export type MatchMedia = (query: string) => MotionQuery | null;

/** The page's own; none outside browsers. */
export const matchPageMedia: MatchMedia = (query) =>
    typeof globalThis.matchMedia === 'function' ? globalThis.matchMedia(query) : null;

/** Whether the user asked their system for less motion, followed until {@link dispose}. */
export class ReducedMotion {
    /** False where it cannot be known. */
    public isReduced = false;
    readonly #query: MotionQuery | null;

    public constructor(matchMedia: MatchMedia) {
        this.#query = matchMedia('(prefers-reduced-motion: reduce)');
        this.#query?.addEventListener('change', this.#onChange);
        this.#onChange();
    }

    public dispose(): void {
        this.#query?.removeEventListener('change', this.#onChange);
    }

    // Asked once a change, not once a frame: the answer may cost the page a layout.
    readonly #onChange = (): void => {
        this.isReduced = this.#query?.matches ?? false;
    };
}
