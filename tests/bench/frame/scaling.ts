import { USUAL_DRAW } from './options.js';
import { judgedMs, type PassRow } from './pass-row.js';
import { scalingExponent } from './statistics.js';

/** How the cost of a pass grows; null where fewer than two sizes were measured. */
export interface PassScaling {
    readonly name: string;
    /** Power of the number of splats, at {@link USUAL_DRAW}'s pixels. */
    readonly overSplats: number | null;
    /** Power of the number of pixels, not of the side, at {@link USUAL_DRAW}'s splats. */
    readonly overPixels: number | null;
}

/** Fits how every pass scales. */
export function scalingOf(passes: readonly PassRow[], isSoftware: boolean): readonly PassScaling[] {
    const names = [...new Set(passes.map(({ name }) => name))];
    const scalings = names.map((name) => {
        const rows = passes.filter((row) => row.name === name);
        const points = (isPoint: (row: PassRow) => boolean, sizeOf: (row: PassRow) => number): [number, number][] =>
            rows.filter(isPoint).map((row) => [sizeOf(row), judgedMs(row, isSoftware)]);
        return {
            name,
            overSplats: scalingExponent(
                points(
                    ({ pixels }) => pixels === null || pixels === USUAL_DRAW.pixels,
                    ({ splats }) => splats,
                ),
            ),
            overPixels: scalingExponent(
                points(
                    ({ splats, pixels }) => pixels !== null && splats === USUAL_DRAW.splats,
                    ({ pixels }) => Number(pixels) ** 2,
                ),
            ),
        };
    });
    return scalings.filter(({ overSplats, overPixels }) => overSplats !== null || overPixels !== null);
}
