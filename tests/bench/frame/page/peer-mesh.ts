import '@babylonjs/core/Materials/GaussianSplatting/gaussianSplattingMaterial.js';
import { GaussianSplattingMesh } from '@babylonjs/core/Meshes/GaussianSplatting/gaussianSplattingMesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { BRANCH_NAMES, SH_C0, type HeadAsset, type SplatSet } from '../../../../plugin/core/index.js';

/** Bytes of a splat in the `.splat` layout: mean 3 f32, sizes 3 f32, colour and opacity 4 u8, rotation wxyz 4 u8. */
const SPLAT_BYTES = 32;

/** Babylon's own mesh of splats, showing a head at rest: same means, sizes, rotations, opacities and flat colours. */
export async function createPeerMeshAsync(
    name: string,
    asset: HeadAsset,
    scene: Scene,
): Promise<GaussianSplattingMesh> {
    const mesh = new GaussianSplattingMesh(name, null, scene);
    await mesh.updateDataAsync(splatBytes(BRANCH_NAMES.map((branch) => asset.branches[branch].splats)));
    return mesh;
}

/** Splats of degree 0 in Babylon's left-handed world, where x is mirrored. */
function splatBytes(branches: readonly SplatSet[]): ArrayBuffer {
    const total = branches.reduce((sum, { count }) => sum + count, 0);
    const buffer = new ArrayBuffer(total * SPLAT_BYTES);
    let at = 0;
    for (const { count, means, logScales, quats, sh, logitOpacities } of branches) {
        for (let i = 0; i < count; i++, at += SPLAT_BYTES) {
            const floats = new Float32Array(buffer, at, 6);
            const bytes = new Uint8ClampedArray(buffer, at + 24, 8);
            floats.set(means.subarray(i * 3, i * 3 + 3));
            floats[0] = -Number(floats[0]);
            floats.set(logScales.subarray(i * 3, i * 3 + 3).map(Math.exp), 3);
            for (let c = 0; c < 3; c++) bytes[c] = 255 * (0.5 + SH_C0 * Number(sh[i * 3 + c]));
            bytes[3] = 255 / (1 + Math.exp(-Number(logitOpacities[i])));
            // A mirrored x turns the rotation about y and z around.
            const quat = [...quats.subarray(i * 4, i * 4 + 4)].map((q, k) => (k < 2 ? q : -q));
            const length = Math.hypot(...quat);
            quat.forEach((q, k) => (bytes[4 + k] = (q / length) * 127.5 + 127.5));
        }
    }
    return buffer;
}
