import type { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { Constants } from '@babylonjs/core/Engines/constants.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { HeadAsset } from '../../../plugin/core/index.js';
import { deformBranchReference, overBackground } from '../../../plugin/core/reference/index.js';
import { CreateTalkingHeadAsync, type TalkingHeadMesh, type TalkingHeadOptions } from '../../../plugin/index.js';
import { tryBabylon, type NodeEngine } from '../../helpers/babylon-node.js';
import { BACKGROUND, psnr, stageFor, untilReadyAsync } from '../../helpers/stage.js';
import { BENCH_INSTANT, drawnHead } from './bench-head.js';
import { benchPinhole } from './bench-view.js';
import { referenceHead } from './reference-blocks.js';
import type { Quality } from './report.js';

/** Side of the picture, px; the float64 reference draws it in seconds. */
const SIZE = 256;
const SPLATS = 30_000;
/** Alpha from which a pixel counts: the background is equal in all pictures. */
const COVERED = 0.02;
/** How the compared head is made. */
const HEAD_OPTIONS: TalkingHeadOptions = { rasterizer: 'quads', layer: true };

/** A picture over {@link BACKGROUND}, top row first `[H, W, 4]`, 0..255 but not rounded to whole numbers. */
type Picture = Float32Array;

/**
 * How near the pictures of a speaking head come to the float64 reference and to each other, over the pixels that it covers.
 *
 * One scene, one head, one camera, which draws into a half-float target as a pipeline with high dynamic range makes it do: what the
 * user gets before the display rounds it. Quads go through their layer, sorted by 23 bits as tiles are; they round to 11 bits once a
 * splat, tiles once a picture.
 *
 * @throws Error - Babylon does not start in Node, or draws with something else than was asked for.
 */
export async function measureQualityAsync(progress: (line: string) => void): Promise<Quality> {
    const attempt = await tryBabylon(SIZE, SIZE);
    if ('reason' in attempt) throw new Error(`bench: expected Babylon to start in Node, got "${attempt.reason}".`);
    const { host } = attempt;
    try {
        const asset = drawnHead(SPLATS);
        const scene = stageFor(host, benchPinhole(SIZE));
        const target = halfFloatTarget(scene);
        const head = await CreateTalkingHeadAsync('head', asset, scene, HEAD_OPTIONS);
        head.poseAt(BENCH_INSTANT.audioFeat, BENCH_INSTANT.exprFeat);
        progress('picture: drawing quads');
        const quads = await drawAsync(host, scene, target, head, 'quads');
        progress('picture: drawing tiles');
        const tiles = await drawAsync(host, scene, target, head, 'tile');
        progress('picture: drawing the float64 reference');
        const { rgb, covers } = referencePicture(asset);
        const quadsRgb = Float64Array.from(
            { length: rgb.length },
            (_, k) => Number(quads[Math.floor(k / 3) * 4 + (k % 3)]) / 255,
        );
        return {
            quadsPsnr: psnr(quads, rgb, covers),
            tilePsnr: psnr(tiles, rgb, covers),
            tileVsQuadsPsnr: psnr(tiles, quadsRgb, covers),
        };
    } finally {
        host.dispose();
    }
}

/** Makes the scene's camera draw into a float target: its own pass, so that tiles draw there too. */
function halfFloatTarget(scene: Scene): RenderTargetTexture {
    const type = Constants.TEXTURETYPE_HALF_FLOAT;
    const target = new RenderTargetTexture('float', { width: SIZE, height: SIZE }, scene, { type });
    (scene.activeCamera as FreeCamera).outputRenderTarget = target;
    return target;
}

async function drawAsync(
    host: NodeEngine,
    scene: Scene,
    target: RenderTargetTexture,
    head: TalkingHeadMesh,
    rasterizer: 'tile' | 'quads',
): Promise<Picture> {
    head.rasterizer = rasterizer;
    await untilReadyAsync(head);
    // The first frame tells the head its camera, so that the depth pass of tiles exists in the next.
    await host.renderAsync(scene);
    await scene.whenReadyAsync(true);
    for (let frame = 0; frame < 3; frame++) await host.renderAsync(scene);
    const { rasterizer: drawn, reason } = head.rendererInfo;
    if (drawn !== rasterizer || (drawn === 'quads' && !reason.includes('half-float layer')))
        throw new Error(`bench: expected ${rasterizer} to draw, got "${drawn}: ${reason}".`);
    const rows = (await target.readPixels()) as Float32Array;
    // Render targets keep their bottom row first; colours above 1 are clamped as in the reference.
    return Float32Array.from({ length: rows.length }, (_, k) => {
        const [y, rest] = [Math.floor(k / (SIZE * 4)), k % (SIZE * 4)];
        return Math.min(Math.max(Number(rows[(SIZE - 1 - y) * SIZE * 4 + rest]), 0), 1) * 255;
    });
}

function referencePicture({ branches }: HeadAsset): { rgb: Float64Array; covers: (pixel: number) => boolean } {
    const { audioFeat, exprFeat } = BENCH_INSTANT;
    const face = deformBranchReference('face', branches.face, audioFeat, exprFeat);
    const mouth = deformBranchReference('mouth', branches.mouth, audioFeat, exprFeat);
    const rgba = referenceHead(face, mouth, benchPinhole(SIZE));
    return { rgb: overBackground(rgba, BACKGROUND), covers: (pixel) => Number(rgba[pixel * 4 + 3]) > COVERED };
}
