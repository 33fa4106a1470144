import { BIN_SIZE, PgsError, SCREEN_SPLAT, TILE_SIZE, TILE_VIEW, writeStruct } from '../core/index.js';
import { GpuArena } from './gpu-arena.js';
import { FLAT_WORKGROUP, workgroupsFor } from './gpu-pass.js';
import type { ColourLayout, TileKernels } from './tile-kernels.js';

const COLOUR_BYTES = 16;
const DEPTH_BYTES = 8;

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

/** What is known of a view's draw order, back to front: `order[k] & idMask` is a splat. */
export interface TileOrderState {
    /** Splats in the order; what lies behind them in the buffer is not read. Whole, 0..splatCount. Default all. */
    readonly count?: number;
    /**
     * A number that changes whenever the content of the order or of the posed splats does. With it, a view that stays as it is keeps
     * its projection and its bins; without it, both are made anew for every picture.
     */
    readonly version?: number;
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

/**
 * The picture of a head in one view. Owns its buffers, which grow with the view and never shrink.
 *
 * A picture has two halves: {@link recordSplats} projects and bins, {@link recordPixels} blends. The first is skipped for a view that
 * stays as it is; the second depends on the scene's depth too.
 */
export class TileView {
    readonly #label: string;
    readonly #options: TileRasterizerOptions;
    readonly #kernels: TileKernels;
    readonly #arena: GpuArena;
    readonly #params: GPUBuffer;
    readonly #screenSplats: GPUBuffer;
    readonly #record: DataView = new DataView(new ArrayBuffer(TILE_VIEW.size));
    readonly #recordWords: Uint32Array<ArrayBuffer> = new Uint32Array(this.#record.buffer as ArrayBuffer);
    /** What the parameter buffer holds. */
    readonly #sent: Uint32Array<ArrayBuffer> = new Uint32Array(TILE_VIEW.size / 4);
    #version: number | undefined;
    /** The order that the projected splats were laid out by; undefined when they are out of date. */
    #projected: GPUBuffer | undefined;
    /** u32 words of a bin's bits, for all splats. */
    readonly #maxWords: number;
    /** The same for those of the aimed order. */
    #wordCount = 0;
    #splatCount = 0;
    #targets: TileTargets | undefined;
    #counts: GPUBuffer | undefined;
    #open: GPUTexture | undefined;
    #tiles: readonly [number, number] = [0, 0];
    #binCount = 0;
    readonly #splatGroups: KeptGroups<readonly [GPUBindGroup, GPUBindGroup]> = new KeptGroups();
    readonly #pixelGroups: KeptGroups<readonly [GPUBindGroup]> = new KeptGroups();

    /** Use {@link TileRasterizer.createView}. */
    public constructor(label: string, options: TileRasterizerOptions, kernels: TileKernels) {
        this.#label = label;
        this.#options = options;
        this.#kernels = kernels;
        this.#maxWords = Math.max(1, Math.ceil(options.splatCount / 32));
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

    /** Whether the device's buffers hold a picture of this size, px. */
    public canHold(width: number, height: number): boolean {
        const { limits } = this.#options.device;
        const bytes = Math.max(width * height * COLOUR_BYTES, binsOf([width, height]).total * this.#maxWords * 4);
        return bytes <= Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
    }

    /**
     * Sets viewpoint and order of the next picture; queued on the device at once, so once a frame.
     *
     * @returns false when there is nothing to draw: no pixels, no splats, or a viewpoint that is not finite.
     * @throws PgsError `GPU_LIMIT` - more pixels than {@link canHold}. `OPTION_VALUE` - a count of splats that are not there.
     */
    public aim(viewpoint: TileViewpoint, idMask: number, state: TileOrderState = {}): boolean {
        const { count = this.#options.splatCount, version } = state;
        this.#assertCount(count);
        const { headToView, projection, cameraInHead, size } = viewpoint;
        this.#tiles = [0, 0];
        if (!allFinite(headToView) || !allFinite(projection) || !allFinite(cameraInHead)) return false;
        if (!(size[0] >= 1 && size[1] >= 1) || count === 0) return false;
        const bins = binsOf(size);
        this.#reserve(size[0] * size[1], bins.total);
        this.#binCount = bins.total;
        this.#splatCount = count;
        this.#wordCount = Math.ceil(count / 32);
        writeStruct(this.#record, TILE_VIEW, {
            headToView,
            projection,
            cameraInHead,
            size,
            bins: bins.across,
            opacity: viewpoint.opacity,
            depthMin: viewpoint.depthMin,
            countMin: viewpoint.countMin ?? 0,
            splatCount: count,
            idMask,
            wordCount: this.#wordCount,
            stride: size[0],
        });
        if (this.#send() || version === undefined || version !== this.#version) this.#projected = undefined;
        this.#version = version;
        this.#tiles = [Math.ceil(size[0] / TILE_SIZE), Math.ceil(size[1] / TILE_SIZE)];
        return true;
    }

    /** Whether the aimed view needs {@link recordSplats} before its next picture. */
    public needsSplats(order: GPUBuffer): boolean {
        return this.#tiles[0] > 0 && this.#projected !== order;
    }

    /** Records projection and binning of the aimed view, where they are out of date. @returns dispatches. */
    public recordSplats(pass: GPUComputePassEncoder, order: GPUBuffer): number {
        if (!this.needsSplats(order)) return 0;
        const targets = this.#aimedTargets();
        const { posedSplats, splatColours } = this.#options;
        const [screenSplats, tileView] = [this.#screenSplats, this.#params];
        const [project, bin] = this.#splatGroups.of([order, targets], () => [
            this.#kernels.project.bind(this.#label, {
                splatOrder: order,
                posedSplats,
                splatColours,
                screenSplats,
                tileView,
            }),
            this.#kernels.bin.bind(this.#label, { screenSplats, binWords: targets.binWords, tileView }),
        ]);
        pass.setPipeline(this.#kernels.project.pipeline);
        pass.setBindGroup(0, project);
        pass.dispatchWorkgroups(workgroupsFor(this.#splatCount, FLAT_WORKGROUP));
        pass.setPipeline(this.#kernels.bin.pipeline);
        pass.setBindGroup(0, bin);
        pass.dispatchWorkgroups(workgroupsFor(this.#wordCount, FLAT_WORKGROUP), this.#binCount);
        this.#projected = order;
        return 2;
    }

    /**
     * Records blending of the aimed view; after {@link recordSplats}, in this pass or one before.
     *
     * @param sceneDepth - view depth of the opaque scene, 0 where there is none; splats behind it are not drawn. For a rasterizer
     *   with `hasDepth`; without a map there, nothing is in front.
     * @returns dispatches.
     */
    public recordPixels(pass: GPUComputePassEncoder, sceneDepth?: GPUTextureView): number {
        const [tilesX, tilesY] = this.#tiles;
        if (tilesX === 0 || tilesY === 0) return 0;
        const targets = this.#aimedTargets();
        const { hasDepth = false, counts = false } = this.#options;
        const [raster] = this.#pixelGroups.of([sceneDepth, targets], () => [
            this.#kernels.raster.bind(this.#label, {
                screenSplats: this.#screenSplats,
                binWords: targets.binWords,
                tileColours: targets.colours,
                tileDepths: targets.depths,
                tileView: this.#params,
                ...(hasDepth ? { sceneDepth: sceneDepth ?? this.#openDepth() } : {}),
                ...(counts ? { pixelCounts: this.pixelCounts } : {}),
            }),
        ]);
        pass.setPipeline(this.#kernels.raster.pipeline);
        pass.setBindGroup(0, raster);
        pass.dispatchWorkgroups(tilesX, tilesY);
        return 1;
    }

    /** {@link recordSplats}, then {@link recordPixels}. @returns dispatches. */
    public record(pass: GPUComputePassEncoder, order: GPUBuffer, sceneDepth?: GPUTextureView): number {
        return this.recordSplats(pass, order) + this.recordPixels(pass, sceneDepth);
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

    #reserve(wantedPixels: number, wantedBins: number): void {
        const old = this.#targets;
        if (old && old.pixels >= wantedPixels && old.binCount >= wantedBins) return;
        // A window turned to and fro settles on buffers for both.
        const pixels = Math.max(wantedPixels, old?.pixels ?? 0);
        const binCount = Math.max(wantedBins, old?.binCount ?? 0);
        const arena = new GpuArena(this.#options.device, `${this.#label} ${pixels} px`);
        try {
            this.#targets = {
                arena,
                pixels,
                binCount,
                binWords: arena.storage('bin words', binCount * this.#maxWords * 4),
                colours: arena.storage('colours', pixels * COLOUR_BYTES),
                depths: arena.storage('depths', pixels * DEPTH_BYTES),
            };
        } catch (error) {
            arena.dispose();
            throw error;
        }
        if (old) queueMicrotask(() => old.arena.dispose());
        this.#projected = undefined;
        this.#splatGroups.clear();
        this.#pixelGroups.clear();
    }

    /** Uploads the parameters if they are not what the device has. @returns whether they were uploaded. */
    #send(): boolean {
        if (this.#recordWords.every((word, at) => word === this.#sent[at])) return false;
        this.#sent.set(this.#recordWords);
        this.#options.device.queue.writeBuffer(this.#params, 0, this.#sent);
        return true;
    }

    #aimedTargets(): TileTargets {
        if (this.#targets) return this.#targets;
        throw new PgsError('OPTION_VALUE', `${this.#label}: expected aim() before record(), got none. Call it first.`);
    }

    #assertCount(count: number): void {
        const { splatCount } = this.#options;
        if (Number.isInteger(count) && count >= 0 && count <= splatCount) return;
        throw new PgsError(
            'OPTION_VALUE',
            `${this.#label}: expected a count of 0..${splatCount} splats, got ${count}. Pass what the order holds.`,
        );
    }
}

/** Bind groups, kept until a resource of theirs is another one. */
class KeptGroups<Groups extends readonly GPUBindGroup[]> {
    #key: readonly unknown[] = [];
    #groups: Groups | undefined;

    public of(key: readonly unknown[], bind: () => Groups): Groups {
        if (this.#groups === undefined || !key.every((part, at) => part === this.#key[at])) {
            this.#groups = bind();
            this.#key = key;
        }
        return this.#groups;
    }

    public clear(): void {
        this.#groups = undefined;
    }
}

function binsOf([width, height]: readonly [number, number]): { across: readonly [number, number]; total: number } {
    const across = [Math.ceil(width / BIN_SIZE), Math.ceil(height / BIN_SIZE)] as const;
    return { across, total: across[0] * across[1] };
}

function allFinite(numbers: ArrayLike<number>): boolean {
    for (let k = 0; k < numbers.length; k++) if (!Number.isFinite(numbers[k])) return false;
    return true;
}
