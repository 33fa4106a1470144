import { DEPTH_MIN } from '../core/index.js';
import { DepthSorter, type NearnessAxis, type SortedView } from './depth-sort.js';
import { GpuArena } from './gpu-arena.js';
import { TileRasterizer, type ColourLayout, type TileView, type TileViewpoint } from './tile-rasterizer.js';

/** What a {@link ReachMeter} looks at. Buffers belong to the caller. */
export interface ReachMeterOptions {
    readonly label: string;
    readonly device: GPUDevice;
    /** `PosedSplat[splatCount]`, face first. */
    readonly posedSplats: GPUBuffer;
    /** Packed spherical harmonics. */
    readonly splatColours: GPUBuffer;
    readonly colours: ColourLayout;
    readonly splatCount: number;
    readonly faceCount: number;
}

/** A look from outside at a sphere: everything in head space, metres. */
export interface ReachLook {
    readonly centre: readonly [number, number, number];
    readonly radius: number;
    /** From the centre to the camera, length 1. */
    readonly direction: readonly [number, number, number];
    /** From the centre to the camera; more than the radius. */
    readonly distance: number;
    /** Pixels that a metre takes at the centre. */
    readonly pixelsPerMetre: number;
}

/**
 * Counts, for any viewpoint, the pixels that each splat reaches (Eq. 5), and reads the counts back. Draws nothing that is shown.
 *
 * Owns its order, its picture and the staging buffer; one measurement at a time.
 */
export class ReachMeter {
    readonly #options: ReachMeterOptions;
    readonly #arena: GpuArena;
    readonly #sorted: SortedView;
    readonly #idMask: number;
    readonly #view: TileView;
    readonly #staging: GPUBuffer;
    #isBusy = false;

    private constructor(options: ReachMeterOptions, arena: GpuArena, sorter: DepthSorter, view: TileView) {
        this.#options = options;
        this.#arena = arena;
        this.#sorted = sorter.createView();
        this.#idMask = sorter.idMask;
        this.#view = view;
        const bytes = Math.max(1, options.splatCount) * 4;
        this.#staging = arena.raw('counts read', bytes, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
    }

    /** Compiles sort and rasterizer. @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. */
    public static async createAsync(options: ReachMeterOptions): Promise<ReachMeter> {
        const arena = new GpuArena(options.device, `${options.label} reach`);
        try {
            const [sorter, rasterizer] = await Promise.all([
                DepthSorter.createAsync({ ...options, arena }),
                TileRasterizer.createAsync({ ...options, counts: true }),
            ]);
            return new ReachMeter(options, arena, sorter, rasterizer.createView(`${options.label} reach`));
        } catch (error) {
            arena.dispose();
            throw error;
        }
    }

    /** Whether a measurement is on its way. */
    public get isBusy(): boolean {
        return this.#isBusy;
    }

    /**
     * Queues a measurement at once and waits for its counts.
     *
     * @param countMin - share of a pixel's colour from which a splat counts it, 0..1.
     * @returns pixels by splat `[splatCount]`.
     * @throws Error - the device was lost or the meter disposed meanwhile.
     */
    public async countAsync(look: ReachLook, countMin: number): Promise<Uint32Array> {
        this.#isBusy = true;
        try {
            const { device } = this.#options;
            this.#sorted.aim(axisOf(look));
            const isAimed = this.#view.aim({ ...viewpointOf(look), countMin }, this.#idMask);
            if (!isAimed) return new Uint32Array(this.#options.splatCount);
            const encoder = device.createCommandEncoder({ label: `${this.#options.label} reach` });
            this.#view.clearCounts(encoder);
            const pass = encoder.beginComputePass({ label: `${this.#options.label} reach` });
            this.#sorted.record(pass);
            this.#view.record(pass, this.#sorted.order);
            pass.end();
            encoder.copyBufferToBuffer(this.#view.pixelCounts, 0, this.#staging, 0, this.#staging.size);
            device.queue.submit([encoder.finish()]);
            await this.#staging.mapAsync(GPUMapMode.READ);
            const counts = new Uint32Array(this.#staging.getMappedRange().slice(0));
            this.#staging.unmap();
            return counts;
        } finally {
            this.#isBusy = false;
        }
    }

    /** Frees everything at the end of the current task; a measurement on its way then fails. */
    public dispose(): void {
        this.#view.dispose();
        queueMicrotask(() => this.#arena.dispose());
    }
}

function axisOf({ centre, radius, direction: [x, y, z] }: ReachLook): NearnessAxis {
    const offset = radius - (x * centre[0] + y * centre[1] + z * centre[2]);
    return { x, y, z, offset, range: 2 * radius };
}

/** A left-handed camera that looks at the centre and sees the whole sphere. */
function viewpointOf({ centre, radius, direction, distance, pixelsPerMetre }: ReachLook): TileViewpoint {
    const [x, y, z] = direction;
    const eye = centre.map((value, axis) => value + distance * (direction[axis] as number));
    // Any up that is not along the view will do.
    const flat = Math.hypot(x, z);
    const right = flat > 1e-3 ? [z / flat, 0, -x / flat] : [1, 0, 0];
    const [rx, ry, rz] = right as [number, number, number];
    const up = [y * rz - z * ry, z * rx - x * rz, x * ry - y * rx];
    const rows = [right, up, direction.map((value) => -value)];
    const headToView = new Float32Array(16);
    rows.forEach((row, r) => {
        row.forEach((value, c) => (headToView[c * 4 + r] = value));
        headToView[12 + r] = -row.reduce((sum, value, c) => sum + value * (eye[c] as number), 0);
    });
    headToView[15] = 1;
    const focal = pixelsPerMetre * distance;
    // The sphere's outline is wider than its radius at the centre's depth.
    const half = Math.ceil((focal * radius) / Math.sqrt(Math.max(distance * distance - radius * radius, 1e-6)));
    const size = 2 * half;
    const scale = focal / half;
    // prettier-ignore
    const projection = [scale, 0, 0, 0, 0, scale, 0, 0, 0, 0, 1, 1, 0, 0, -DEPTH_MIN, 0];
    const cameraInHead = [...(eye as [number, number, number]), 1];
    return { headToView, projection, cameraInHead, size: [size, size], opacity: 1, depthMin: DEPTH_MIN };
}
