import {
    DepthSorter,
    GpuArena,
    TileRasterizer,
    type TileView,
    type TileViewpoint,
} from '../../plugin/compute/index.js';
import { cameraCentre, POSED_SPLAT, writeStruct, type Camera, type SplatSet } from '../../plugin/core/index.js';
import { packColours } from '../../plugin/splat-material/index.js';
import { readBack, withValidation } from './gpu.js';

/** What a tile picture holds, top row first. */
export interface TilePicture {
    /** Premultiplied `[H, W, 4]`. */
    readonly rgba: Float64Array;
    /** Expected depth, not divided by alpha, and median depth `[H, W]`, metres. */
    readonly depth: Float64Array;
    readonly median: Float64Array;
    /** m of Eq. 5 `[N]`. */
    readonly counts: Uint32Array;
}

/** How a pinhole camera looks, for the tile rasterizer: the left-handed view space with y up that Babylon uses. */
export function viewpointOf(camera: Camera, options: { opacity?: number; depthMin?: number } = {}): TileViewpoint {
    const { viewmat, fx, fy, cx, cy, width, height } = camera;
    const at = (row: number, col: number): number => Number(viewmat[row * 4 + col]);
    const signs = [1, -1, 1, 1];
    const headToView = Array.from({ length: 16 }, (_, k) => (signs[k % 4] as number) * at(k % 4, Math.floor(k / 4)));
    // prettier-ignore
    const projection = [
        (2 * fx) / width, 0, 0, 0,
        0, (2 * fy) / height, 0, 0,
        (2 * cx) / width - 1, 1 - (2 * cy) / height, 1, 1,
        0, 0, -0.05, 0,
    ];
    return {
        headToView,
        projection,
        cameraInHead: [...cameraCentre(viewmat), 1],
        size: [width, height],
        opacity: options.opacity ?? 1,
        depthMin: options.depthMin ?? 0.2,
    };
}

/** Draws posed splats, `face` before `mouth`, with the tile rasterizer and the fine depth order. */
export async function drawTiles(
    device: GPUDevice,
    face: SplatSet,
    mouth: SplatSet,
    camera: Camera,
    options: {
        viewpoint?: Partial<TileViewpoint>;
        sceneDepth?: GPUTextureView;
        inspect?: (view: TileView) => void;
    } = {},
): Promise<TilePicture> {
    const arena = new GpuArena(device, 'tile test');
    const splatCount = face.count + mouth.count;
    const posedSplats = arena.storage('posed', posedRecords([face, mouth]));
    const { halves, ...colours } = packColours({ face, mouth });
    const splatColours = arena.storage('colours', halves);
    const picture = await withValidation(device, async () => {
        const sorter = await DepthSorter.createAsync({
            device,
            arena,
            posedSplats,
            splatCount,
            faceCount: face.count,
            precision: 'fine',
        });
        const sorted = sorter.createView();
        sorted.aim(nearnessOf(camera));
        const { sceneDepth } = options;
        const rasterizer = await TileRasterizer.createAsync({
            device,
            posedSplats,
            splatColours,
            colours,
            splatCount,
            counts: true,
            hasDepth: sceneDepth !== undefined,
        });
        const view = rasterizer.createView('view');
        const isDrawn = view.aim({ ...viewpointOf(camera), ...options.viewpoint }, sorter.idMask);
        const encoder = device.createCommandEncoder();
        view.clearCounts(encoder);
        const pass = encoder.beginComputePass();
        sorted.record(pass);
        view.record(pass, sorted.order, sceneDepth);
        pass.end();
        device.queue.submit([encoder.finish()]);
        options.inspect?.(view);
        const counts = new Uint32Array(await readBack(device, view.pixelCounts));
        const result = isDrawn
            ? await readPicture(device, view, camera, counts)
            : { rgba: new Float64Array(0), depth: new Float64Array(0), median: new Float64Array(0), counts };
        view.dispose();
        return result;
    });
    arena.dispose();
    return picture;
}

/** The depth axis of a camera over a sphere of half a metre. */
function nearnessOf({ viewmat }: Camera): { x: number; y: number; z: number; offset: number; range: number } {
    const [x, y, z] = [8, 9, 10].map((at) => -Number(viewmat[at])) as [number, number, number];
    return { x, y, z, offset: 0.5, range: 1 };
}

async function readPicture(
    device: GPUDevice,
    view: TileView,
    { width, height }: Camera,
    counts: Uint32Array,
): Promise<TilePicture> {
    const colours = new Float32Array(await readBack(device, view.colours as GPUBuffer));
    const depths = new Float32Array(await readBack(device, view.depths as GPUBuffer));
    const pixels = width * height;
    const flipped = (p: number): number => (height - 1 - Math.floor(p / width)) * width + (p % width);
    return {
        rgba: Float64Array.from({ length: pixels * 4 }, (_, k) => colours[flipped(k >> 2) * 4 + (k & 3)] as number),
        depth: Float64Array.from({ length: pixels }, (_, p) => depths[flipped(p) * 2] as number),
        median: Float64Array.from({ length: pixels }, (_, p) => depths[flipped(p) * 2 + 1] as number),
        counts,
    };
}

/** `PosedSplat[]` of splats at rest, branch after branch. */
export function posedRecords(branches: readonly SplatSet[]): DataView {
    const total = branches.reduce((sum, { count }) => sum + count, 0);
    const records = new DataView(new ArrayBuffer(Math.max(1, total) * POSED_SPLAT.size));
    let at = 0;
    for (const { count, means, quats, logScales, logitOpacities } of branches) {
        for (let i = 0; i < count; i++, at++) {
            const quat = quats.subarray(i * 4, i * 4 + 4);
            const norm = Math.hypot(...quat);
            writeStruct(
                records,
                POSED_SPLAT,
                {
                    mean: means.subarray(i * 3, i * 3 + 3),
                    opacity: 1 / (1 + Math.exp(-(logitOpacities[i] as number))),
                    scales: logScales.subarray(i * 3, i * 3 + 3).map(Math.exp),
                    quat: quat.map((q) => q / norm),
                },
                at * POSED_SPLAT.size,
            );
        }
    }
    return records;
}
