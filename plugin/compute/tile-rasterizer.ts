import { BIN_SIZE, PgsError, SCREEN_SPLAT, TILE_SIZE, TILE_VIEW, writeStruct } from '../core/index.js';
import { GpuArena } from './gpu-arena.js';
import { FLAT_WORKGROUP, workgroupsFor } from './gpu-pass.js';
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
const COLOUR_BYTES = 16;
const DEPTH_BYTES = 8;

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

/** What a {@link TileRasterizer} draws. Buffers belong to the caller. */
export interface TileRasterizerOptions {
    readonly device: GPUDevice;
    /** `PosedSplat[splatCount]`, face first. */
    readonly posedSplats: GPUBuffer;
    /** Packed spherical harmonics. */
    readonly splatColours: GPUBuffer;
    readonly colours: ColourLayout;
    readonly splatCount: number;
    /** Views take the scene's depth. Default false. */
    readonly hasDepth?: boolean;
    /** Views count pixels (Eq. 5). Default false. */
    readonly counts?: boolean;
}

/** How a view looks at the head. Matrices column by column, as WGSL and Babylon hold them. */
export interface TileViewpoint {
    /** Head space to view space. */
    readonly headToView: ArrayLike<number>;
    /** View to WebGPU clip space. */
    readonly projection: ArrayLike<number>;
    /** Camera centre in head space, then +1 where the view looks along +z, else -1 `[4]`. */
    readonly cameraInHead: ArrayLike<number>;
    /** Width and height of the viewport, whole px. */
    readonly size: readonly [number, number];
    /** Factor on every opacity, 0..1. */
    readonly opacity: number;
    /** Splats nearer than this are not drawn, in units of the view. */
    readonly depthMin: number;
    /** Share of a pixel's colour from which a splat counts it, 0..1. Default 0: every pixel it contributes to (Eq. 5). */
    readonly countMin?: number;
}

/** Draw order of a view, back to front: `order[k] & idMask` is a splat. */
export interface TileOrder {
    readonly order: GPUBuffer;
    readonly idMask: number;
}

/**
 * The `tile` rasterizer: projects, bins and blends a head in compute, front to back, in float (method.md section 3).
 *
 * A bin holds one bit a splat, so no list can overflow: nothing is ever dropped. Needs default limits and no feature.
 */
export class TileRasterizer {
    readonly #options: TileRasterizerOptions;
    readonly #project: Kernel<Bindings>;
    readonly #bin: Kernel<Bindings>;
    readonly #raster: Kernel<Bindings>;

    private constructor(
        options: TileRasterizerOptions,
        project: Kernel<Bindings>,
        bin: Kernel<Bindings>,
        raster: Kernel<Bindings>,
    ) {
        this.#options = options;
        this.#project = project;
        this.#bin = bin;
        this.#raster = raster;
    }

    /** Compiles the kernels. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: TileRasterizerOptions): Promise<TileRasterizer> {
        const { device, colours, hasDepth = false, counts = false } = options;
        const [project, bin, raster] = await Promise.all([
            compileKernelAsync(device, tileProjectKernel(colours)),
            compileKernelAsync(device, tileBinKernel),
            compileKernelAsync(device, tileRasterKernel({ hasDepth, counts })),
        ]);
        return new TileRasterizer(options, project, bin, raster);
    }

    /** A view with pictures of its own; dispose it. */
    public createView(label: string): TileView {
        return new TileView(label, this.#options, { project: this.#project, bin: this.#bin, raster: this.#raster });
    }
}

interface TileKernels {
    readonly project: Kernel<Bindings>;
    readonly bin: Kernel<Bindings>;
    readonly raster: Kernel<Bindings>;
}

/** Buffers of a view at one size. */
interface TileTargets {
    readonly arena: GpuArena;
    readonly pixels: number;
    readonly binCount: number;
    readonly binWords: GPUBuffer;
    readonly colours: GPUBuffer;
    readonly depths: GPUBuffer;
}

/** The picture of a head in one view. Owns its buffers, which grow with the view and never shrink. */
export class TileView {
    readonly #label: string;
    readonly #options: TileRasterizerOptions;
    readonly #kernels: TileKernels;
    readonly #arena: GpuArena;
    readonly #params: GPUBuffer;
    readonly #screenSplats: GPUBuffer;
    readonly #record: DataView = new DataView(new ArrayBuffer(TILE_VIEW.size));
    readonly #wordCount: number;
    #targets: TileTargets | undefined;
    #counts: GPUBuffer | undefined;
    #open: GPUTexture | undefined;
    #tiles: readonly [number, number] = [0, 0];
    #binCount = 0;
    #groups: { key: readonly unknown[]; readonly groups: readonly GPUBindGroup[] } | undefined;

    /** Use {@link TileRasterizer.createView}. */
    public constructor(label: string, options: TileRasterizerOptions, kernels: TileKernels) {
        this.#label = label;
        this.#options = options;
        this.#kernels = kernels;
        this.#wordCount = Math.max(1, Math.ceil(options.splatCount / 32));
        this.#arena = new GpuArena(options.device, label);
        this.#params = this.#arena.uniform('tile view', TILE_VIEW.size);
        this.#screenSplats = this.#arena.storage('screen splats', options.splatCount * SCREEN_SPLAT.size);
    }

    /** Premultiplied colour and alpha `vec4f[height * width]`, row 0 lowest; undefined before the first {@link aim}. */
    public get colours(): GPUBuffer | undefined {
        return this.#targets?.colours;
    }

    /** Expected (not divided by alpha) and median view depth `vec2f[height * width]`; the median is 0 where alpha stays below 0.5. */
    public get depths(): GPUBuffer | undefined {
        return this.#targets?.depths;
    }

    /** Pixels that each splat reached, summed over every {@link record} of a counting rasterizer since {@link clearCounts} `u32[splatCount]`. */
    public get pixelCounts(): GPUBuffer {
        this.#counts ??= this.#arena.storage('pixel counts', Math.max(1, this.#options.splatCount) * 4);
        return this.#counts;
    }

    /** Sets all pixel counts to zero, in order with what is recorded. */
    public clearCounts(encoder: GPUCommandEncoder): void {
        encoder.clearBuffer(this.pixelCounts);
    }

    /**
     * Sets viewpoint and order of the next {@link record}; queued on the device at once, so once a frame.
     *
     * @returns false when there is nothing to draw: no pixels, no splats, or a viewpoint that is not finite.
     * @throws PgsError `GPU_LIMIT` - more pixels than the device's buffers hold.
     */
    public aim(viewpoint: TileViewpoint, idMask: number): boolean {
        const { device, splatCount } = this.#options;
        const [width, height] = viewpoint.size;
        const { headToView, projection, cameraInHead } = viewpoint;
        this.#tiles = [0, 0];
        if (!allFinite(headToView) || !allFinite(projection) || !allFinite(cameraInHead)) return false;
        if (!(width >= 1 && height >= 1) || splatCount === 0) return false;
        const bins = [Math.ceil(width / BIN_SIZE), Math.ceil(height / BIN_SIZE)] as const;
        this.#binCount = bins[0] * bins[1];
        this.#reserve(width * height, this.#binCount);
        writeStruct(this.#record, TILE_VIEW, {
            headToView: viewpoint.headToView,
            projection: viewpoint.projection,
            cameraInHead: viewpoint.cameraInHead,
            size: viewpoint.size,
            bins,
            opacity: viewpoint.opacity,
            depthMin: viewpoint.depthMin,
            countMin: viewpoint.countMin ?? 0,
            splatCount,
            idMask,
            wordCount: this.#wordCount,
            stride: width,
        });
        device.queue.writeBuffer(this.#params, 0, this.#record.buffer);
        this.#tiles = [Math.ceil(width / TILE_SIZE), Math.ceil(height / TILE_SIZE)];
        return true;
    }

    /**
     * Records projection, binning and blending of the aimed view.
     *
     * @param sceneDepth - view depth of the opaque scene, 0 where there is none; splats behind it are not drawn. For a rasterizer
     *   with `hasDepth`; without a map there, nothing is in front.
     * @returns dispatches.
     */
    public record(pass: GPUComputePassEncoder, order: GPUBuffer, sceneDepth?: GPUTextureView): number {
        const [tilesX, tilesY] = this.#tiles;
        if (tilesX === 0 || tilesY === 0) return 0;
        const [project, bin, blend] = this.#bind(order, sceneDepth);
        const splats = workgroupsFor(this.#options.splatCount, FLAT_WORKGROUP);
        const words = workgroupsFor(this.#wordCount, FLAT_WORKGROUP);
        pass.setPipeline(this.#kernels.project.pipeline);
        pass.setBindGroup(0, project);
        pass.dispatchWorkgroups(splats);
        pass.setPipeline(this.#kernels.bin.pipeline);
        pass.setBindGroup(0, bin);
        pass.dispatchWorkgroups(words, this.#binCount);
        pass.setPipeline(this.#kernels.raster.pipeline);
        pass.setBindGroup(0, blend);
        pass.dispatchWorkgroups(tilesX, tilesY);
        return 3;
    }

    /** Frees the view's buffers at the end of the current task: a frame being recorded may still use them. */
    public dispose(): void {
        const [arena, targets, open] = [this.#arena, this.#targets, this.#open];
        this.#targets = undefined;
        this.#tiles = [0, 0];
        queueMicrotask(() => {
            arena.dispose();
            targets?.arena.dispose();
            open?.destroy();
        });
    }

    /** A depth map with nothing in it. */
    #openDepth(): GPUTextureView {
        this.#open ??= this.#options.device.createTexture({
            label: `${this.#label} no depth`,
            size: [1, 1],
            format: 'r32float',
            usage: GPUTextureUsage.TEXTURE_BINDING,
        });
        return this.#open.createView();
    }

    #reserve(pixels: number, binCount: number): void {
        const old = this.#targets;
        if (old && old.pixels >= pixels && old.binCount >= binCount) return;
        const arena = new GpuArena(this.#options.device, `${this.#label} ${pixels} px`);
        try {
            this.#targets = {
                arena,
                pixels,
                binCount,
                binWords: arena.storage('bin words', binCount * this.#wordCount * 4),
                colours: arena.storage('colours', pixels * COLOUR_BYTES),
                depths: arena.storage('depths', pixels * DEPTH_BYTES),
            };
        } catch (error) {
            arena.dispose();
            throw error;
        }
        if (old) queueMicrotask(() => old.arena.dispose());
        this.#groups = undefined;
    }

    /** Bind groups, kept until a buffer of theirs is another one. */
    #bind(
        order: GPUBuffer,
        sceneDepth: GPUTextureView | undefined,
    ): readonly [GPUBindGroup, GPUBindGroup, GPUBindGroup] {
        const targets = this.#targets;
        if (!targets)
            throw new PgsError('OPTION_VALUE', `${this.#label}: expected aim() before record(). Call it first.`);
        const key = [order, sceneDepth, targets];
        if (!this.#groups?.key.every((part, at) => part === key[at])) {
            const { posedSplats, splatColours } = this.#options;
            const [screenSplats, tileView] = [this.#screenSplats, this.#params];
            const { binWords, colours: tileColours, depths: tileDepths } = targets;
            const { hasDepth = false, counts = false } = this.#options;
            const groups = [
                this.#kernels.project.bind(this.#label, {
                    splatOrder: order,
                    posedSplats,
                    splatColours,
                    screenSplats,
                    tileView,
                }),
                this.#kernels.bin.bind(this.#label, { screenSplats, binWords, tileView }),
                this.#kernels.raster.bind(this.#label, {
                    screenSplats,
                    binWords,
                    tileColours,
                    tileDepths,
                    tileView,
                    ...(hasDepth ? { sceneDepth: sceneDepth ?? this.#openDepth() } : {}),
                    ...(counts ? { pixelCounts: this.pixelCounts } : {}),
                }),
            ];
            this.#groups = { key, groups };
        }
        return this.#groups?.groups as unknown as readonly [GPUBindGroup, GPUBindGroup, GPUBindGroup];
    }
}

function allFinite(numbers: ArrayLike<number>): boolean {
    for (let k = 0; k < numbers.length; k++) if (!Number.isFinite(numbers[k])) return false;
    return true;
}
