import { fitLine, placeOf, valueAt } from './line.js';

/** Which context time is heard at which page time, as a straight line through the page's own readings. */
export interface PageClock {
    /** Context time heard at a page time in ms, s. */
    heardAt(page: number): number;
    /** Page time at which a context time in s is heard, ms. */
    pageOf(heard: number): number;
    /** Root mean square, and the largest, of what the readings are off the line, ms. */
    readonly residualMs: number;
    readonly worstMs: number;
    readonly readings: number;
}

/**
 * @param pages - page times, ms. @param heard - context times heard then, s; 0 where the context gave none yet.
 * @throws RangeError - fewer than three readings.
 */
export function fitPageClock(pages: ArrayLike<number>, heard: ArrayLike<number>): PageClock {
    const [x, y]: [number[], number[]] = [[], []];
    for (let i = 0; i < pages.length; i++) {
        const isNew = heard[i] !== heard[i - 1] || pages[i] !== pages[i - 1];
        if (!isNew || !((heard[i] as number) > 0)) continue;
        x.push(pages[i] as number);
        y.push(heard[i] as number);
    }
    const line = fitLine(x, y);
    return {
        heardAt: (page) => valueAt(line, page),
        pageOf: (time) => placeOf(line, time),
        residualMs: 1000 * line.residual,
        worstMs: 1000 * line.worst,
        readings: x.length,
    };
}
