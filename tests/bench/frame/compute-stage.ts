import { DepthSorter, GpuArena, type PassRecorder } from '../../../plugin/compute/index.js';
import type { HeadAsset } from '../../../plugin/core/index.js';
import { bakeHead, computeFrameUniforms, GpuDeformer, totalSplats } from '../../../plugin/deformer/index.js';
import { BENCH_INSTANT, benchHead } from './bench-head.js';

/** A head on the device, for passes to work on. Buffers belong to the arena. */
export interface ComputeStage {
    readonly device: GPUDevice;
    readonly arena: GpuArena;
    readonly asset: HeadAsset;
    readonly splatCount: number;
    readonly deformer: GpuDeformer;
}

/** Uploads {@link benchHead} and poses {@link BENCH_INSTANT}. */
export async function openStageAsync(device: GPUDevice, splatCount: number): Promise<ComputeStage> {
    const arena = new GpuArena(device, `bench ${splatCount}`);
    const asset = benchHead(splatCount);
    const baked = bakeHead(asset);
    const deformer = await GpuDeformer.createAsync({
        device,
        arena,
        branches: asset.branches,
        baked: { face: baked.face.features, mouth: baked.mouth.features },
    });
    deformer.setInstant(computeFrameUniforms(baked, BENCH_INSTANT.audioFeat, BENCH_INSTANT.exprFeat));
    return { device, arena, asset, splatCount: totalSplats(asset.branches), deformer };
}

/** A pass of ours, timed at every size. */
export interface BenchPass {
    readonly name: string;
    /** Makes what it needs, once a size; the answer is recorded many times over. */
    prepareAsync(stage: ComputeStage): Promise<PassRecorder>;
}

/** The passes of a frame. Another pass is another row; the report, the table and the CSV take it from here. */
export const BENCH_PASSES: readonly BenchPass[] = [
    { name: 'deform', prepareAsync: ({ deformer }) => Promise.resolve(deformer) },
    { name: 'sort', prepareAsync: prepareSortAsync },
];

async function prepareSortAsync({ device, arena, asset, splatCount, deformer }: ComputeStage): Promise<PassRecorder> {
    const sorter = await DepthSorter.createAsync({
        device,
        arena,
        posedSplats: deformer.posedSplats,
        splatCount,
        faceCount: asset.branches.face.splats.count,
    });
    const view = sorter.createView();
    // Seen from 30 degrees to the side, over a sphere that holds the bust.
    const [x, z] = [0.5, Math.sqrt(0.75)];
    view.aim({ x, y: 0, z, offset: 0.5, range: 1 });
    return view;
}
