import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { Color4 } from '@babylonjs/core/Maths/math.color.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Scene } from '@babylonjs/core/scene.js';
import type { Camera, HeadAsset } from '../../plugin/core/index.js';
import {
    compositeReference,
    deformBranchReference,
    overBackground,
    renderReference,
} from '../../plugin/core/reference/index.js';
import { setPinholeCamera, type TalkingHeadMesh } from '../../plugin/index.js';
import type { NodeEngine } from './babylon-node.js';

/** A scene with a plain background and one camera that is exactly the given pinhole. */
export function stageFor(host: NodeEngine, pinhole: Camera, options: { rightHanded?: boolean } = {}): Scene {
    const scene = new Scene(host.engine);
    scene.useRightHandedSystem = options.rightHanded ?? false;
    scene.clearColor = new Color4(...BACKGROUND, 1);
    const camera = new FreeCamera('pinhole', Vector3.Zero(), scene);
    camera.minZ = 0.05;
    camera.maxZ = 10;
    setPinholeCamera(camera, pinhole);
    return scene;
}

export const BACKGROUND = [0.1, 0.3, 0.2] as const;

/** Waits until the head can be drawn. */
export async function untilReadyAsync(head: TalkingHeadMesh): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!head.isReady(true)) {
        if (performance.now() > deadline) throw new Error(`${head.name} did not become ready in a minute`);
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

/** The picture of a head by the float64 reference, over {@link BACKGROUND} `[H, W, 3]`, and alpha `[H, W]`. */
export function referencePicture(
    asset: HeadAsset,
    pinhole: Camera,
    instant: { audioFeat: ArrayLike<number>; exprFeat: ArrayLike<number> } | null,
): { rgb: Float64Array; alpha: Float64Array } {
    const [face, mouth] = (['face', 'mouth'] as const).map((name) => {
        const branch = asset.branches[name];
        const splats = instant
            ? deformBranchReference(name, branch, instant.audioFeat, instant.exprFeat)
            : branch.splats;
        return renderReference(splats, pinhole).rgba;
    }) as [Float64Array, Float64Array];
    const rgba = compositeReference(face, mouth);
    return { rgb: overBackground(rgba, BACKGROUND), alpha: rgba.filter((_, at) => at % 4 === 3) };
}

/** PSNR, dB, of a picture `[H, W, 4]` 0..255 against `[H, W, 3]` 0..1, over the pixels where `counts` says so. */
export function psnr(
    pixels: Uint8Array | Float32Array,
    expected: Float64Array,
    counts: (pixel: number) => boolean = () => true,
): number {
    let [square, samples] = [0, 0];
    for (let at = 0; at < expected.length; at++) {
        const pixel = Math.floor(at / 3);
        if (!counts(pixel)) continue;
        const clamped = Math.min(Math.max(expected[at] as number, 0), 1);
        square += ((pixels[pixel * 4 + (at % 3)] as number) / 255 - clamped) ** 2;
        samples++;
    }
    return -10 * Math.log10(square / Math.max(samples, 1));
}

/** RGB 0..255 of a pixel. */
export function pixelAt(pixels: Uint8Array, width: number, x: number, y: number): [number, number, number] {
    const at = (y * width + x) * 4;
    return [pixels[at] as number, pixels[at + 1] as number, pixels[at + 2] as number];
}
