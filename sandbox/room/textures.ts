import { Constants } from '@babylonjs/core/Engines/constants.js';
import { RawTexture } from '@babylonjs/core/Materials/Textures/rawTexture.js';
import { Texture } from '@babylonjs/core/Materials/Textures/texture.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { fractalNoise, smoothStep, valueNoise } from './noise.js';

/** Red, green and blue as sRGB values, 0..1. */
export type Rgb = readonly [number, number, number];

/** Paints a square texture pixel by pixel; `u` and `v` run 0..1. Mip-mapped and repeating. */
export function paintTexture(scene: Scene, size: number, paint: (u: number, v: number) => Rgb): RawTexture {
    const pixels = new Uint8Array(size * size * 4);
    for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
            const rgb = paint((x + 0.5) / size, (y + 0.5) / size);
            const p = (y * size + x) * 4;
            for (let c = 0; c < 3; c++) pixels[p + c] = Math.round(255 * Math.min(1, Math.max(0, rgb[c] ?? 0)));
            pixels[p + 3] = 255;
        }
    }
    const texture = RawTexture.CreateRGBATexture(
        pixels,
        size,
        size,
        scene,
        true,
        false,
        Texture.TRILINEAR_SAMPLINGMODE,
    );
    texture.wrapU = Constants.TEXTURE_WRAP_ADDRESSMODE;
    texture.wrapV = Constants.TEXTURE_WRAP_ADDRESSMODE;
    texture.anisotropicFilteringLevel = 8;
    return texture;
}

/** A tangent-space normal map of a height field that repeats over the unit square. */
export function paintRelief(
    scene: Scene,
    size: number,
    strength: number,
    height: (u: number, v: number) => number,
): RawTexture {
    const step = 1 / size;
    const texture = paintTexture(scene, size, (u, v) => {
        const dx = (height(u + step, v) - height(u - step, v)) * strength;
        const dy = (height(u, v + step) - height(u, v - step)) * strength;
        const length = Math.hypot(dx, dy, 1);
        return [0.5 - (0.5 * dx) / length, 0.5 - (0.5 * dy) / length, 0.5 + 0.5 / length];
    });
    texture.gammaSpace = false;
    return texture;
}

/** Straight colour mix. */
export function mix(a: Rgb, b: Rgb, t: number): Rgb {
    return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

/** Wood with its grain along u: broad growth bands, fine fibres, a few dark pores. */
export function woodTexture(scene: Scene, dark: Rgb, light: Rgb, seed: number): RawTexture {
    return paintTexture(scene, 512, (u, v) => {
        const wander = fractalNoise(u, v, 2, 4, 4, seed) * 2.2 + fractalNoise(u, v, 1, 2, 2, seed + 9) * 3;
        const band = 0.5 + 0.5 * Math.sin(2 * Math.PI * (v * 5 + wander));
        const fibre = fractalNoise(u, v, 6, 180, 2, seed + 20);
        const pore = smoothStep(0.8, 0.92, valueNoise(u * 22, v * 210, 22, 210, seed + 40));
        const shade = 0.2 + 0.5 * band ** 1.6 + 0.42 * (fibre - 0.5) - 0.22 * pore;
        return mix(dark, light, Math.min(1, Math.max(0, shade)));
    });
}

/** Lime plaster: cloudy colour with the marks of a trowel. */
export function plasterTexture(scene: Scene, dark: Rgb, light: Rgb, seed: number): RawTexture {
    return paintTexture(scene, 512, (u, v) => {
        const cloud = fractalNoise(u, v, 3, 3, 5, seed);
        const sweep = fractalNoise(u + 0.12 * cloud, v, 5, 14, 3, seed + 11);
        return mix(dark, light, smoothStep(0.2, 0.8, 0.62 * cloud + 0.38 * sweep));
    });
}

/** Travertine: pale stone in drifting layers, pitted with small pores. */
export function stoneTexture(scene: Scene, dark: Rgb, light: Rgb, seed: number): RawTexture {
    return paintTexture(scene, 512, (u, v) => {
        const drift = fractalNoise(u, v, 3, 3, 4, seed);
        const layer = 0.5 + 0.5 * Math.sin(2 * Math.PI * (v * 6 + drift * 2.4));
        const grain = fractalNoise(u, v, 60, 60, 2, seed + 5);
        const pore = smoothStep(0.74, 0.86, fractalNoise(u, v, 26, 60, 2, seed + 7)) * layer;
        return mix(
            dark,
            light,
            Math.min(1, Math.max(0, 0.35 + 0.4 * layer + 0.5 * (grain - 0.5) + 0.2 * drift - 0.7 * pore)),
        );
    });
}

/**
 * Sunlight through a tall window, as it lies on a wall: slanted panes with soft edges and the shadow of leaves.
 *
 * The room has no such window and no such light: painting the light costs nothing a frame.
 */
export function windowLightTexture(scene: Scene, tint: Rgb): RawTexture {
    const texture = paintTexture(scene, 256, (u, v) => {
        const x = u - 0.3 * (v - 0.5) - 0.5;
        const y = v - 0.5 + 0.12 * x;
        const blur = 0.018 + 0.03 * Math.abs(y + 0.3);
        const inside = (value: number, half: number): number =>
            1 - smoothStep(half - blur, half + blur, Math.abs(value));
        const frame = inside(x, 0.21) * inside(y, 0.36);
        const bar = (value: number): number => smoothStep(0.008, 0.008 + blur, Math.abs(value));
        const panes = bar(x) * bar(y - 0.12) * bar(y + 0.13);
        const leaves = smoothStep(0.36, 0.6, fractalNoise(u + 0.4 * v, v - 0.3 * u, 7, 7, 3, 77));
        const light = frame * panes * (0.45 + 0.55 * leaves) * (0.75 + 0.5 * v);
        return [tint[0] * light, tint[1] * light, tint[2] * light];
    });
    texture.wrapU = Constants.TEXTURE_CLAMP_ADDRESSMODE;
    texture.wrapV = Constants.TEXTURE_CLAMP_ADDRESSMODE;
    return texture;
}
