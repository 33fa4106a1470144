import type * as Detail from './level-of-detail.js';
import type * as Pictures from './splat-material/pictures.js';

/** Parts of a head that a page needs late or never. In a build each is a file of its own, fetched when it is first asked for. */
export interface LateParts {
    /** Tiles, the layer and the heat map. */
    picturesAsync(): Promise<typeof Pictures>;
    detailAsync(): Promise<typeof Detail>;
}

/** How the parts are fetched; tests put their own functions here. */
export const lateParts: LateParts = {
    picturesAsync: () => import('./splat-material/pictures.js'),
    detailAsync: () => import('./level-of-detail.js'),
};

/**
 * Fetches a part, unless it is given up meanwhile.
 *
 * @param isWanted - asked when the part is there, or is known not to come.
 * @returns undefined when nobody wants it any more, whether or not it came.
 * @throws Error - it cannot be had. The next call tries again, as far as the browser does.
 */
export async function fetchPartAsync<Part>(
    loadAsync: () => Promise<Part>,
    isWanted: () => boolean,
): Promise<Part | undefined> {
    try {
        const part = await loadAsync();
        return isWanted() ? part : undefined;
    } catch (cause) {
        if (!isWanted()) return undefined;
        const told = (cause as Error).message;
        throw new Error(`expected a file of the build, got "${told}". Serve all files of the build.`, { cause });
    }
}
