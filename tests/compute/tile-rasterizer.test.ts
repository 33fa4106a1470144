import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packHalves, TileRasterizer, unpackHalves } from '../../plugin/compute/index.js';
import { createSplatSet, type Camera, type SplatSet } from '../../plugin/core/index.js';
import { compositeReference, renderReference } from '../../plugin/core/reference/index.js';
import { tryGpu, type GpuAttempt } from '../helpers/gpu.js';
import { randomSplats } from '../helpers/random-splats.js';
import { frontCamera, obliqueCamera, oneSplat, referenceScenes } from '../helpers/scenes.js';
import { drawTiles, type viewpointOf } from '../helpers/tile-scene.js';

/** The bar against the float64 reference, dB. */
const FAITHFUL = 75;

let gpu: GpuAttempt = { reason: 'not started' };
beforeAll(async () => {
    gpu = await tryGpu();
});
afterAll(() => {
    if ('device' in gpu) gpu.device.destroy();
});

/** Colours as the GPU stores them: half floats. */
function rounded(splats: SplatSet): SplatSet {
    return { ...splats, sh: unpackHalves(packHalves(splats.sh)) };
}

function psnr(picture: ArrayLike<number>, expected: ArrayLike<number>): number {
    let square = 0;
    for (let k = 0; k < expected.length; k++) square += ((picture[k] as number) - (expected[k] as number)) ** 2;
    return -10 * Math.log10(square / expected.length);
}

const nobody = createSplatSet(0, 0);

describe('the tile rasterizer against the float64 reference', () => {
    it.for(referenceScenes())('draws $name', async ({ splats, camera }, { skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const shown = rounded(splats);
        const picture = await drawTiles(gpu.device, shown, nobody, camera);
        const expected = renderReference(shown, camera);
        expect(psnr(picture.rgba, expected.rgba)).toBeGreaterThan(FAITHFUL);
        let strict = 0;
        for (let p = 0; p < expected.depth.length; p++) {
            expect(Math.abs((picture.depth[p] as number) - (expected.depth[p] as number))).toBeLessThan(2e-3);
            if (expected.borderPixels[p] === 1) continue;
            strict++;
            expect(picture.median[p]).toBeCloseTo(expected.medianDepth[p] as number, 4);
        }
        expect(strict).toBeGreaterThan(expected.depth.length / 2);
    });

    it('draws 800 face and 200 mouth splats over bins and tiles cut by the picture as Eq. 10, seeds 4 and 5', async ({
        skip,
    }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const face = rounded(randomSplats(800, 4, { shDegree: 2 }));
        const mouth = rounded(randomSplats(200, 5, { shDegree: 1, radius: 0.04, centre: [0, -0.02, 0.09] }));
        // No multiple of a tile or a bin.
        const camera = obliqueCamera(150, 131);
        const picture = await drawTiles(gpu.device, face, mouth, camera);
        const expected = compositeReference(renderReference(face, camera).rgba, renderReference(mouth, camera).rgba);
        expect(psnr(picture.rgba, expected)).toBeGreaterThan(FAITHFUL);
    });

    it('counts the pixels of Eq. 5, but for splats at a threshold', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const splats = rounded(randomSplats(200, 6, { size: 0.012 }));
        const camera = frontCamera(80);
        const { counts } = await drawTiles(gpu.device, splats, nobody, camera);
        const { pixelCounts, borderSplats } = renderReference(splats, camera);
        let strict = 0;
        for (let i = 0; i < splats.count; i++) {
            if (borderSplats[i] === 1) continue;
            strict++;
            expect(counts[i], `splat ${i}`).toBe(pixelCounts[i]);
        }
        expect(strict).toBeGreaterThan(100);
    });

    it('keeps every splat of a tile that all of them fill: 9000 on one spot', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const count = 9000;
        const crowd = createSplatSet(count, 0);
        for (let i = 0; i < count; i++) {
            crowd.means.set([0, 0, -0.1 + (0.2 * i) / count], i * 3);
            crowd.logScales.fill(Math.log(0.01), i * 3, i * 3 + 3);
            // Weak enough that light comes through to the last.
            crowd.logitOpacities[i] = Math.log(0.0045 / (1 - 0.0045));
            crowd.sh.set([(i % 3) - 1, 0, 1], i * 3);
        }
        const shown = rounded(crowd);
        const camera = frontCamera(16);
        const picture = await drawTiles(gpu.device, shown, nobody, camera);
        expect(psnr(picture.rgba, renderReference(shown, camera).rgba)).toBeGreaterThan(FAITHFUL);
    });
});

describe('what the tile rasterizer makes of odd input', () => {
    const camera = frontCamera(32);

    it.for([
        ['no pixels', { size: [0, 32] }],
        ['a size of NaN', { size: [Number.NaN, 32] }],
        ['a viewpoint of NaN', { cameraInHead: [Number.NaN, 0, 0, 1] }],
        ['a projection of infinity', { projection: Array.from({ length: 16 }, () => Infinity) }],
    ] as const)('draws nothing for %s', async ([, viewpoint], { skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { rgba } = await drawTiles(gpu.device, oneSplat(), nobody, camera, {
            viewpoint: viewpoint as Partial<ReturnType<typeof viewpointOf>>,
        });
        expect(rgba).toHaveLength(0);
    });

    it('draws nothing for no splats, and skips a splat of NaN', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        expect((await drawTiles(gpu.device, nobody, nobody, camera)).rgba).toHaveLength(0);
        const splats = randomSplats(2, 1, { radius: 0.01, size: 0.03 });
        splats.means[0] = Number.NaN;
        const { rgba } = await drawTiles(gpu.device, splats, nobody, camera);
        expect(rgba.every(Number.isFinite)).toBe(true);
        expect(Math.max(...rgba)).toBeGreaterThan(0.1);
    });

    it('leaves out what lies behind the scene: depth half a metre on the left, nothing on the right', async ({
        skip,
    }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        const wide: Camera = { ...camera, width: 64, height: 32, cx: 32 };
        const texture = device.createTexture({
            size: [64, 32],
            format: 'r32float',
            usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
        });
        const depth = Float32Array.from({ length: 64 * 32 }, (_, p) => (p % 64 < 32 ? 0.5 : 0));
        device.queue.writeTexture({ texture }, depth, { bytesPerRow: 256 }, [64, 32]);
        const splat = oneSplat({ scale: 0.05 });
        const [clipped, whole] = [
            await drawTiles(device, splat, nobody, wide, { sceneDepth: texture.createView() }),
            await drawTiles(device, splat, nobody, wide),
        ];
        for (let p = 0; p < 64 * 32; p++) {
            expect(clipped.rgba[p * 4 + 3]).toBe(p % 64 < 32 ? 0 : whole.rgba[p * 4 + 3]);
        }
        expect(Math.max(...whole.rgba)).toBeGreaterThan(0.5);
        texture.destroy();
    });

    it('needs no more than the default limits', async ({ skip }) => {
        if (!('device' in gpu)) return skip(gpu.reason);
        const { device } = gpu;
        expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
        expect(device.limits.maxComputeWorkgroupStorageSize).toBe(16_384);
        expect(device.features.has('shader-f16')).toBe(false);
        const buffer = device.createBuffer({ size: 1024, usage: GPUBufferUsage.STORAGE });
        const colours = { wordsPerSplat: 24, shDegree: 3 };
        const options = { device, posedSplats: buffer, splatColours: buffer, colours, splatCount: 1 };
        await expect(TileRasterizer.createAsync(options)).resolves.toBeInstanceOf(TileRasterizer);
        buffer.destroy();
    });
});
