import { Constants } from '@babylonjs/core/Engines/constants.js';
import { RenderTargetTexture } from '@babylonjs/core/Materials/Textures/renderTargetTexture.js';
import type { Camera, HeadAsset } from '../../../plugin/core/index.js';
import { deformBranchReference, overBackground } from '../../../plugin/core/reference/index.js';
import { CreateTalkingHeadAsync } from '../../../plugin/index.js';
import { tryBabylon, type NodeEngine } from '../../helpers/babylon-node.js';
import { BACKGROUND, psnr, stageFor, untilReadyAsync } from '../../helpers/stage.js';
import { lookAt } from '../../helpers/look-at.js';
import { BENCH_INSTANT, drawnHead } from './bench-head.js';
import { referenceHead } from './reference-blocks.js';
import type { Quality } from './report.js';

/** Side of the picture, px; the float64 reference draws it in seconds. */
const SIZE = 256;
const SPLATS = 30_000;
/** Half the field of view's cotangent for 20 degrees, over the picture's side. */
const FOCAL = SIZE / 2 / Math.tan(Math.PI / 18);
/** From the head's upper left, so that nothing symmetric hides a sign. */
const PINHOLE: Camera = lookAt([0.25, 0.12, 0.75], [0, 0, 0], {
    fx: FOCAL,
    fy: FOCAL,
    cx: SIZE / 2,
    cy: SIZE / 2,
    width: SIZE,
    height: SIZE,
});
/** Alpha from which a pixel counts: the background is equal in all pictures. */
const COVERED = 0.02;

/** A picture over {@link BACKGROUND}, top row first `[H, W, 4]`, 0..255 but not rounded. */
type Picture = Float32Array;

/**
 * How near the pictures of a speaking head come to the float64 reference, over the pixels that it covers.
 *
 * The `tile` rasterizer's picture joins here: draw it like {@link drawQuadsAsync}, and both its numbers follow.
 *
 * @throws Error - Babylon does not start in Node.
 */
export async function measureQualityAsync(progress: (line: string) => void): Promise<Quality> {
    const attempt = await tryBabylon(SIZE, SIZE);
    if ('reason' in attempt) throw new Error(`bench: expected Babylon to start in Node, got "${attempt.reason}".`);
    const { host } = attempt;
    try {
        const asset = drawnHead(SPLATS);
        progress('picture: drawing quads');
        const quads = await drawQuadsAsync(host, asset);
        const tiles = await drawTilesAsync();
        progress('picture: drawing the float64 reference');
        const { rgb, covers } = referencePicture(asset);
        const asReference = (picture: Picture): Float64Array =>
            Float64Array.from({ length: rgb.length }, (_, k) => Number(picture[Math.floor(k / 3) * 4 + (k % 3)]) / 255);
        return {
            quadsPsnr: psnr(quads, rgb, covers),
            tilePsnr: tiles && psnr(tiles, rgb, covers),
            tileVsQuadsPsnr: tiles && psnr(tiles, asReference(quads), covers),
        };
    } finally {
        host.dispose();
    }
}

/** Quads on a half-float target, where nothing is rounded to 8 bits between splats. */
async function drawQuadsAsync(host: NodeEngine, asset: HeadAsset): Promise<Picture> {
    const scene = stageFor(host, PINHOLE);
    const head = await CreateTalkingHeadAsync('head', asset, scene, { rasterizer: 'quads' });
    await untilReadyAsync(head);
    head.poseAt(BENCH_INSTANT.audioFeat, BENCH_INSTANT.exprFeat);
    const type = Constants.TEXTURETYPE_HALF_FLOAT;
    const target = new RenderTargetTexture('float', { width: SIZE, height: SIZE }, scene, { type });
    target.clearColor = scene.clearColor;
    target.activeCamera = scene.activeCamera;
    target.renderList = [head];
    scene.customRenderTargets.push(target);
    await host.renderAsync(scene);
    const rows = (await target.readPixels()) as Float32Array;
    scene.dispose();
    // Render targets keep their bottom row first; colours above 1 are clamped as in the reference.
    return Float32Array.from({ length: rows.length }, (_, k) => {
        const [y, rest] = [Math.floor(k / (SIZE * 4)), k % (SIZE * 4)];
        return Math.min(Math.max(Number(rows[(SIZE - 1 - y) * SIZE * 4 + rest]), 0), 1) * 255;
    });
}

/** Tiles are not measured yet. */
function drawTilesAsync(): Promise<Picture | null> {
    return Promise.resolve(null);
}

function referencePicture({ branches }: HeadAsset): { rgb: Float64Array; covers: (pixel: number) => boolean } {
    const { audioFeat, exprFeat } = BENCH_INSTANT;
    const face = deformBranchReference('face', branches.face, audioFeat, exprFeat);
    const mouth = deformBranchReference('mouth', branches.mouth, audioFeat, exprFeat);
    const rgba = referenceHead(face, mouth, PINHOLE);
    return { rgb: overBackground(rgba, BACKGROUND), covers: (pixel) => Number(rgba[pixel * 4 + 3]) > COVERED };
}
