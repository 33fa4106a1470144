import {
    DepthSorter,
    GpuArena,
    TileRasterizer,
    type PassRecorder,
    type TileView,
} from '../../../plugin/compute/index.js';
import type { HeadAsset } from '../../../plugin/core/index.js';
import { bakeHead, computeFrameUniforms, GpuDeformer, totalSplats } from '../../../plugin/deformer/index.js';
import { packColours } from '../../../plugin/splat-material/index.js';
import { viewpointOf } from '../../helpers/tile-scene.js';
import { BENCH_INSTANT, drawnHead } from './bench-head.js';
import { benchNearness, benchPinhole } from './bench-view.js';

/** A head on the device, posed and sorted, for passes to work on. */
export interface ComputeStage {
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    readonly asset: HeadAsset;
    /** `PosedSplat[N]`, face first, as {@link deform} leaves them. */
    readonly posedSplats: GPUBuffer;
    readonly deform: PassRecorder;
    readonly sort: PassRecorder;
    /** The `tile` rasterizer's projection, binning and blending of a picture `pixels` square, without scene depth. */
    tiles(pixels: number): PassRecorder & { readonly view: TileView };
    /** Frees everything. */
    dispose(): void;
}

/** Uploads {@link drawnHead}, poses {@link BENCH_INSTANT} and sorts it for {@link benchPinhole}. */
export async function openStageAsync(device: GPUDevice, splatCount: number): Promise<ComputeStage> {
    const arena = new GpuArena(device, `bench ${splatCount}`);
    const asset = drawnHead(splatCount);
    const baked = bakeHead(asset);
    const deformer = await GpuDeformer.createAsync({
        device,
        arena,
        branches: asset.branches,
        baked: { face: baked.face.features, mouth: baked.mouth.features },
    });
    const instant = computeFrameUniforms(baked, BENCH_INSTANT.audioFeat, BENCH_INSTANT.exprFeat);
    const deform: PassRecorder = {
        record: (pass) => {
            // An instant is deformed once, however often it is recorded.
            deformer.setInstant(instant);
            return deformer.record(pass);
        },
    };
    const [face, mouth] = [asset.branches.face.splats, asset.branches.mouth.splats];
    const { halves, ...colours } = packColours({ face, mouth });
    const drawn = { device, posedSplats: deformer.posedSplats, splatCount: totalSplats(asset.branches) };
    const sorter = await DepthSorter.createAsync({ ...drawn, arena, faceCount: face.count });
    const splatColours = arena.storage('bench colours', halves);
    const rasterizer = await TileRasterizer.createAsync({ ...drawn, splatColours, colours });
    const sortedView = sorter.createView();
    sortedView.aim(benchNearness());
    runOnce(device, [deform, sortedView]);
    const disposables: { dispose(): void }[] = [arena];
    return {
        device,
        arena,
        asset,
        posedSplats: deformer.posedSplats,
        deform,
        sort: sortedView,
        tiles: (pixels) => {
            const view = rasterizer.createView(`bench ${pixels} px`);
            disposables.push(view);
            if (!view.aim(viewpointOf(benchPinhole(pixels)), sorter.idMask))
                throw new Error(`bench tile: expected something to draw at ${pixels} px, got nothing.`);
            return { view, record: (pass) => view.record(pass, sortedView.order) };
        },
        dispose: () => {
            for (const disposable of disposables) disposable.dispose();
        },
    };
}

/** The passes of a frame that do not depend on its pixels. */
export const FLAT_PASSES: readonly ('deform' | 'sort')[] = ['deform', 'sort'];

function runOnce(device: GPUDevice, recorders: readonly PassRecorder[]): void {
    const encoder = device.createCommandEncoder({ label: 'bench stage' });
    const pass = encoder.beginComputePass();
    for (const recorder of recorders) recorder.record(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
}
