import { compileTileKernelsAsync, type TileKernels } from './tile-kernels.js';
import { TileView, type TileRasterizerOptions } from './tile-view.js';

export { tileBinKernel, tileProjectKernel, tileRasterKernel, type ColourLayout } from './tile-kernels.js';
export * from './tile-view.js';

/**
 * The `tile` rasterizer: projects, bins and blends a head in compute, front to back, in float (method.md section 3).
 *
 * A bin holds one bit a splat, so no list can overflow: nothing is ever dropped. Needs default limits and no feature.
 */
export class TileRasterizer {
    readonly #options: TileRasterizerOptions;
    readonly #kernels: TileKernels;

    private constructor(options: TileRasterizerOptions, kernels: TileKernels) {
        this.#options = options;
        this.#kernels = kernels;
    }

    /** Compiles the kernels. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: TileRasterizerOptions): Promise<TileRasterizer> {
        const { device, colours, hasDepth = false, counts = false } = options;
        return new TileRasterizer(options, await compileTileKernelsAsync(device, { colours, hasDepth, counts }));
    }

    /** A view with pictures of its own; dispose it. */
    public createView(label: string): TileView {
        return new TileView(label, this.#options, this.#kernels);
    }
}
