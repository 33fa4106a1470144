import { GpuArena } from '../compute/index.js';
import { POSED_SPLAT, type HeadAsset } from '../core/index.js';
import type { BakedHead } from './bake.js';
import { computeFrameUniforms } from './frame-uniforms.js';
import { GpuDeformer } from './gpu-deformer.js';

/**
 * How far each splat of the face moves when an expression goes from neutral to full, one at a time.
 *
 * Poses the head on the GPU, with a deformer of its own that is freed again; the shown pose is not touched.
 *
 * @param audioFeat - f_a of the mouth meanwhile `[AUDIO_FEAT_DIM]`.
 * @returns largest distance over all expressions, metres `[faceCount]`.
 * @throws PgsError `GPU_LIMIT`, `GPU_UNAVAILABLE`. @throws Error - the device was lost.
 */
export async function probeMotionAsync(
    device: GPUDevice,
    { branches, expression }: HeadAsset,
    baked: BakedHead,
    audioFeat: ArrayLike<number>,
): Promise<Float32Array> {
    const arena = new GpuArena(device, 'motion probe');
    try {
        const features = { face: baked.face.features, mouth: baked.mouth.features };
        const deformer = await GpuDeformer.createAsync({ device, arena, branches, baked: features });
        const faceCount = branches.face.splats.count;
        const bytes = Math.max(1, faceCount) * POSED_SPLAT.size;
        const staging = arena.raw('posed read', bytes, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
        const poseAsync = async (exprFeat: readonly number[]): Promise<Float32Array> => {
            deformer.setInstant(computeFrameUniforms(baked, audioFeat, exprFeat));
            const encoder = device.createCommandEncoder({ label: 'motion probe' });
            const pass = encoder.beginComputePass({ label: 'motion probe' });
            deformer.record(pass);
            pass.end();
            encoder.copyBufferToBuffer(deformer.posedSplats, 0, staging, 0, Math.min(bytes, deformer.posedSplats.size));
            device.queue.submit([encoder.finish()]);
            await staging.mapAsync(GPUMapMode.READ);
            const records = new Float32Array(staging.getMappedRange().slice(0));
            staging.unmap();
            return records;
        };
        const neutral = [...expression.neutral];
        const rest = await poseAsync(neutral);
        const farthest = new Float32Array(faceCount);
        for (let unit = 0; unit < neutral.length; unit++) {
            const posed = await poseAsync(neutral.map((value, k) => (k === unit ? 1 : value)));
            for (let i = 0; i < faceCount; i++) {
                const distance = meanDistance(rest, posed, i * (POSED_SPLAT.size / 4));
                farthest[i] = Math.max(farthest[i] as number, distance);
            }
        }
        return farthest;
    } finally {
        arena.dispose();
    }
}

/** Between the means, the first three floats, of two records. */
function meanDistance(a: Float32Array, b: Float32Array, at: number): number {
    const along = (axis: number): number => (a[at + axis] as number) - (b[at + axis] as number);
    return Math.hypot(along(0), along(1), along(2));
}
