import { Constants } from '@babylonjs/core/Engines/constants.js';
import { FresnelParameters } from '@babylonjs/core/Materials/fresnelParameters.js';
import { PBRMaterial } from '@babylonjs/core/Materials/PBR/pbrMaterial.js';
import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import type { BaseTexture } from '@babylonjs/core/Materials/Textures/baseTexture.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { fractalNoise, smoothStep } from './noise.js';
import { mix, paintRelief, paintTexture, plasterTexture, stoneTexture, woodTexture } from './textures.js';

/** What the room is made of. Every texture is computed; nothing is downloaded. */
export interface RoomMaterials {
    readonly wall: PBRMaterial;
    readonly floor: PBRMaterial;
    readonly walnut: PBRMaterial;
    readonly slat: PBRMaterial;
    readonly stone: PBRMaterial;
    readonly brass: PBRMaterial;
    readonly black: PBRMaterial;
    readonly grille: PBRMaterial;
    readonly glass: PBRMaterial;
    readonly globe: StandardMaterial;
    readonly glow: StandardMaterial;
    readonly leaf: PBRMaterial;
    readonly clay: PBRMaterial;
    readonly books: readonly PBRMaterial[];
}

interface Surface {
    readonly color?: string;
    readonly texture?: BaseTexture;
    readonly relief?: BaseTexture;
    readonly roughness: number;
    readonly metallic?: number;
}

function surface(scene: Scene, name: string, options: Surface): PBRMaterial {
    const material = new PBRMaterial(name, scene);
    material.metallic = options.metallic ?? 0;
    material.roughness = options.roughness;
    material.albedoColor =
        options.color === undefined ? Color3.White() : Color3.FromHexString(options.color).toLinearSpace();
    if (options.texture !== undefined) material.albedoTexture = options.texture;
    if (options.relief !== undefined) material.bumpTexture = options.relief;
    material.environmentIntensity = 0.9;
    return material;
}

/** Makes all materials of the room; they and their textures belong to the scene. */
export function createMaterials(scene: Scene): RoomMaterials {
    const plasterRelief = paintRelief(scene, 256, 2.2, (u, v) => fractalNoise(u, v, 6, 10, 4, 3));
    const walnut = woodTexture(scene, [0.2, 0.125, 0.085], [0.6, 0.41, 0.27], 21);
    const oak = woodTexture(scene, [0.3, 0.19, 0.11], [0.66, 0.47, 0.3], 63);
    const grid = paintTexture(scene, 256, (u, v) => {
        const hole = smoothStep(0.3, 0.44, Math.hypot(((u * 16) % 1) - 0.5, ((v * 16) % 1) - 0.5));
        return [0.05 + 0.5 * hole, 0.05 + 0.49 * hole, 0.05 + 0.47 * hole];
    });
    const veins = paintTexture(scene, 128, (u, v) => {
        const rib = 1 - smoothStep(0.0, 0.06, Math.abs(v - 0.5));
        const side = 0.5 + 0.5 * Math.sin(2 * Math.PI * (u * 9 + Math.abs(v - 0.5) * 5));
        const green = mix(
            [0.16, 0.31, 0.17],
            [0.38, 0.55, 0.27],
            0.35 + 0.25 * side + 0.3 * (fractalNoise(u, v, 3, 3, 3, 5) - 0.5),
        );
        return mix(green, [0.52, 0.62, 0.36], 0.7 * rib);
    });

    const wall = surface(scene, 'plaster', {
        texture: plasterTexture(scene, [0.33, 0.39, 0.365], [0.46, 0.52, 0.485], 8),
        relief: plasterRelief,
        roughness: 0.92,
    });
    // Bright where one looks straight into the globe, warmer towards its rim.
    const globe = new StandardMaterial('lamp globe', scene);
    globe.disableLighting = true;
    globe.emissiveColor = new Color3(1, 1, 1);
    globe.emissiveFresnelParameters = new FresnelParameters({
        leftColor: new Color3(0.98, 0.56, 0.24),
        rightColor: new Color3(1, 0.87, 0.66),
        power: 1.6,
        bias: 0.1,
    });
    const glass = surface(scene, 'amber glass', { color: '#c8620f', roughness: 0.03 });
    glass.alpha = 0.5;
    glass.environmentIntensity = 1.4;
    const leaf = surface(scene, 'leaf', { texture: veins, roughness: 0.42 });
    leaf.backFaceCulling = false;
    leaf.twoSidedLighting = true;
    return {
        wall,
        floor: surface(scene, 'floor', { texture: oak, color: '#8d7b6c', roughness: 0.55 }),
        walnut: surface(scene, 'walnut', { texture: walnut, roughness: 0.5 }),
        slat: surface(scene, 'oak slat', { texture: oak, color: '#d9c6b2', roughness: 0.6 }),
        stone: surface(scene, 'travertine', {
            texture: stoneTexture(scene, [0.6, 0.53, 0.44], [0.88, 0.83, 0.75], 31),
            roughness: 0.5,
        }),
        brass: surface(scene, 'brass', { color: '#d2a35c', roughness: 0.24, metallic: 1 }),
        black: surface(scene, 'satin black', { color: '#1b1a1a', roughness: 0.38, metallic: 0.4 }),
        grille: surface(scene, 'grille', { texture: grid, roughness: 0.35, metallic: 0.9 }),
        glass,
        globe,
        glow: createGlow(scene),
        leaf,
        clay: surface(scene, 'clay', { color: '#a9583a', relief: plasterRelief, roughness: 0.8 }),
        books: ['#8c3f2b', '#d8c7a3', '#c08a2e', '#2e4a52', '#e3dccb', '#5b2e2a'].map((color, i) =>
            surface(scene, `book ${i}`, { color, roughness: 0.75 }),
        ),
    };
}

/** The lamp's halo in the air: a disc of light that adds to what is behind it. */
function createGlow(scene: Scene): StandardMaterial {
    const glow = new StandardMaterial('lamp glow', scene);
    glow.disableLighting = true;
    glow.emissiveTexture = paintTexture(scene, 128, (u, v) => {
        const fall = Math.max(0, 1 - 2 * Math.hypot(u - 0.5, v - 0.5)) ** 2.4;
        return [0.5 * fall, 0.3 * fall, 0.13 * fall];
    });
    glow.diffuseColor = Color3.Black();
    glow.specularColor = Color3.Black();
    glow.alpha = 0.999;
    glow.alphaMode = Constants.ALPHA_ONEONE;
    glow.disableDepthWrite = true;
    return glow;
}
