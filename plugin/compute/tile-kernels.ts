import { FLAT_WORKGROUP } from './gpu-pass.js';
import {
    compileKernelAsync,
    defineKernel,
    readOnly,
    readWrite,
    texture2d,
    uniform,
    type Kernel,
    type KernelBinding,
    type KernelSpec,
} from './kernel.js';
import screenCovarianceSource from './screen-covariance.wgsl?raw';
import shColourSource from './sh-colour.wgsl?raw';
import tileBinSource from './tile-bin.wgsl?raw';
import countOffSource from './tile-count-off.wgsl?raw';
import countOnSource from './tile-count-on.wgsl?raw';
import depthOffSource from './tile-depth-off.wgsl?raw';
import depthOnSource from './tile-depth-on.wgsl?raw';
import tileOverlapSource from './tile-overlap.wgsl?raw';
import tileProjectSource from './tile-project.wgsl?raw';
import tileRasterSource from './tile-raster.wgsl?raw';

/** kept 8 KiB, counts, two words. */
const RASTER_WORKGROUP_BYTES = 8456;

type Bindings = Readonly<Record<string, KernelBinding>>;

/** Packed colours: three halves a coefficient, `wordsPerSplat` words a splat, degree 0..3. */
export interface ColourLayout {
    readonly wordsPerSplat: number;
    readonly shDegree: number;
}

/** Projection in draw order (tile-project.wgsl). */
export function tileProjectKernel({ wordsPerSplat, shDegree }: ColourLayout): KernelSpec<Bindings> {
    const constants = `const SPLAT_COLOUR_WORDS: u32 = ${wordsPerSplat}u;\nconst SPLAT_SH_DEGREE: i32 = ${shDegree};`;
    return defineKernel({
        entryPoint: 'tileProject',
        source: [constants, shColourSource, screenCovarianceSource, tileProjectSource].join('\n'),
        workgroupSize: FLAT_WORKGROUP,
        bindings: {
            splatOrder: readOnly('u32'),
            posedSplats: readOnly('PosedSplat'),
            splatColours: readOnly('u32'),
            screenSplats: readWrite('ScreenSplat'),
            tileView: uniform('TileView'),
        },
    });
}

/** Bits of the splats that reach each bin (tile-bin.wgsl). */
export const tileBinKernel: KernelSpec<Bindings> = defineKernel({
    entryPoint: 'tileBin',
    source: `${tileOverlapSource}\n${tileBinSource}`,
    workgroupSize: FLAT_WORKGROUP,
    bindings: {
        screenSplats: readOnly('ScreenSplat'),
        binWords: readWrite('u32'),
        tileView: uniform('TileView'),
    },
});

/**
 * Blending (tile-raster.wgsl).
 *
 * @param options.hasDepth - reads the scene's depth.
 * @param options.counts - adds up Eq. 5.
 */
export function tileRasterKernel(options: { hasDepth: boolean; counts: boolean }): KernelSpec<Bindings> {
    const { hasDepth, counts } = options;
    return defineKernel({
        entryPoint: 'tileRaster',
        source: [
            tileOverlapSource,
            hasDepth ? depthOnSource : depthOffSource,
            counts ? countOnSource : countOffSource,
            tileRasterSource,
        ].join('\n'),
        workgroupSize: FLAT_WORKGROUP,
        workgroupBytes: RASTER_WORKGROUP_BYTES,
        bindings: {
            screenSplats: readOnly('ScreenSplat'),
            binWords: readOnly('u32'),
            tileColours: readWrite('vec4f'),
            tileDepths: readWrite('vec2f'),
            tileView: uniform('TileView'),
            ...(hasDepth ? { sceneDepth: texture2d() } : {}),
            ...(counts ? { pixelCounts: readWrite('atomic<u32>') } : {}),
        },
    });
}

/** The compiled kernels of a rasterizer. */
export interface TileKernels {
    readonly project: Kernel<Bindings>;
    readonly bin: Kernel<Bindings>;
    readonly raster: Kernel<Bindings>;
}

/** Compiles all three. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
export async function compileTileKernelsAsync(
    device: GPUDevice,
    options: { colours: ColourLayout; hasDepth: boolean; counts: boolean },
): Promise<TileKernels> {
    const [project, bin, raster] = await Promise.all([
        compileKernelAsync(device, tileProjectKernel(options.colours)),
        compileKernelAsync(device, tileBinKernel),
        compileKernelAsync(device, tileRasterKernel(options)),
    ]);
    return { project, bin, raster };
}
