import { Constants } from '@babylonjs/core/Engines/constants.js';
import { RawCubeTexture } from '@babylonjs/core/Materials/Textures/rawCubeTexture.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { CubeMapToSphericalPolynomialTools } from '@babylonjs/core/Misc/HighDynamicRange/cubemapToSphericalPolynomial.js';
import { ToHalfFloat } from '@babylonjs/core/Misc/halfFloat.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { smoothStep } from './noise.js';

const SIZE = 64;

/** A round source: full strength where the cosine to its middle exceeds `to`, none below `from`. Linear colour. */
interface Source {
    readonly towards: readonly [number, number, number];
    readonly from: number;
    readonly to: number;
    readonly color: readonly [number, number, number];
}

/** Soft box, cool window, globe lamp, ceiling light. */
const SOURCES: readonly Source[] = [
    { towards: [0.75, 0.7, 0.75], from: 0.86, to: 0.95, color: [5, 4.6, 4] },
    { towards: [0.95, 0.1, -0.2], from: 0.9, to: 0.97, color: [1.1, 1.35, 1.6] },
    { towards: [-0.9, 0.2, -0.6], from: 0.93, to: 0.99, color: [5, 2.9, 1.2] },
    { towards: [-0.6, 0.9, 0.4], from: 0.9, to: 0.98, color: [1.4, 1.3, 1.2] },
];

/** Linear light that arrives from a direction: a green room, a large soft box, a cool window and a warm lamp. */
function radiance(x: number, y: number, z: number): [number, number, number] {
    const up = smoothStep(-0.5, 0.9, y);
    const light: [number, number, number] = [0.12 + 0.16 * up, 0.1 + 0.17 * up, 0.076 + 0.16 * up];
    for (const { towards, from, to, color } of SOURCES) {
        const length = Math.hypot(...towards);
        const spot = smoothStep(from, to, (x * towards[0] + y * towards[1] + z * towards[2]) / length);
        for (let c = 0; c < 3; c++) light[c] = (light[c] ?? 0) + (color[c] ?? 0) * spot;
    }
    return light;
}

/** Direction of a texel, in the face order +X, -X, +Y, -Y, +Z, -Z. */
function direction(face: number, s: number, t: number): [number, number, number] {
    switch (face) {
        case 0:
            return [1, -t, -s];
        case 1:
            return [-1, -t, s];
        case 2:
            return [s, 1, t];
        case 3:
            return [s, -1, -t];
        case 4:
            return [s, -t, 1];
        default:
            return [-s, -t, -1];
    }
}

/**
 * The surroundings that polished things reflect, computed instead of downloaded.
 *
 * Rough materials read the smaller mip levels, which here are plain averages: enough for a room this soft.
 */
export function createEnvironment(scene: Scene): RawCubeTexture {
    const linear: Float32Array[] = [];
    const half: Uint16Array[] = [];
    for (let face = 0; face < 6; face++) {
        const rgb = new Float32Array(SIZE * SIZE * 3);
        const rgba = new Uint16Array(SIZE * SIZE * 4);
        for (let p = 0; p < SIZE * SIZE; p++) {
            const s = (2 * ((p % SIZE) + 0.5)) / SIZE - 1;
            const t = (2 * (Math.floor(p / SIZE) + 0.5)) / SIZE - 1;
            const [x, y, z] = direction(face, s, t);
            const length = Math.hypot(x, y, z);
            const light = radiance(x / length, y / length, z / length);
            for (let c = 0; c < 3; c++) {
                rgb[p * 3 + c] = light[c] ?? 0;
                rgba[p * 4 + c] = ToHalfFloat(light[c] ?? 0);
            }
            rgba[p * 4 + 3] = ToHalfFloat(1);
        }
        linear.push(rgb);
        half.push(rgba);
    }
    const texture = new RawCubeTexture(
        scene,
        half,
        SIZE,
        Constants.TEXTUREFORMAT_RGBA,
        Constants.TEXTURETYPE_HALF_FLOAT,
        true,
        false,
        Constants.TEXTURE_TRILINEAR_SAMPLINGMODE,
    );
    texture.gammaSpace = false;
    texture.name = 'room light';
    const [right, left, up, down, front, back] = linear as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
    ];
    texture.sphericalPolynomial = CubeMapToSphericalPolynomialTools.ConvertCubeMapToSphericalPolynomial({
        size: SIZE,
        right,
        left,
        up,
        down,
        front,
        back,
        format: Constants.TEXTUREFORMAT_RGB,
        type: Constants.TEXTURETYPE_FLOAT,
        gammaSpace: false,
    });
    texture.boundingBoxPosition = Vector3.Zero();
    return texture;
}
