import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { MeshBuilder } from '@babylonjs/core/Meshes/meshBuilder.js';
import type { PBRMaterial } from '@babylonjs/core/Materials/PBR/pbrMaterial.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { RoomMaterials } from './materials.js';
import { sequence } from './noise.js';
import { createSlab } from './shapes.js';
import { windowLightTexture } from './textures.js';

/** Distance of the back wall behind the head's centre, metres. */
const WALL_Z = -1.05;
const FLOOR_Y = -0.97;
const SHELF_Y = 0.112;

/** Floor, back wall with its patch of window light, oak slats and a shelf. */
export function createWalls(scene: Scene, materials: RoomMaterials): Mesh[] {
    const wall = MeshBuilder.CreatePlane('wall', { width: 7, height: 3.4 }, scene);
    wall.position.set(0, FLOOR_Y + 1.7, WALL_Z);
    wall.rotation.y = Math.PI;
    wall.material = materials.wall;
    for (const texture of [materials.wall.albedoTexture, materials.wall.bumpTexture]) {
        if (texture === null || !('uScale' in texture)) continue;
        Object.assign(texture, { uScale: 3.5, vScale: 1.7 });
    }
    const light = windowLightTexture(scene, [1, 0.83, 0.6]);
    // The patch is 1.15 m wide and 1.35 m high; its middle lies left of the head as the viewer sees it.
    light.uScale = 7 / 1.15;
    light.vScale = 3.4 / 1.35;
    light.uOffset = 0.5 - (0.5 - 0.2 / 7) * light.uScale;
    light.vOffset = 0.5 - ((-FLOOR_Y + 0.14) / 3.4) * light.vScale;
    materials.wall.emissiveTexture = light;
    materials.wall.emissiveColor = new Color3(0.3, 0.3, 0.3);

    const floor = MeshBuilder.CreateGround('floor', { width: 7, height: 5 }, scene);
    floor.position.set(0, FLOOR_Y, 1);
    floor.material = materials.floor;

    const meshes = [wall, floor, createSlats(scene, materials), ...createShelf(scene, materials)];
    for (const mesh of meshes) mesh.receiveShadows = true;
    return meshes;
}

/** Upright oak slats over the right part of the wall, one mesh. */
function createSlats(scene: Scene, materials: RoomMaterials): Mesh {
    const slats: Mesh[] = [];
    for (let i = 0; i < 30; i++) {
        const slat = MeshBuilder.CreateBox(`slat ${i}`, { width: 0.034, height: 3.2, depth: 0.03, wrap: true }, scene);
        slat.position.set(-0.42 - 0.056 * i, FLOOR_Y + 1.6, WALL_Z + 0.018);
        // Grain upwards, another piece of the board for each slat.
        const uvs = slat.getVerticesData('uv');
        if (uvs !== null) {
            for (let k = 0; k < uvs.length; k += 2) {
                const u = uvs[k] ?? 0;
                const v = uvs[k + 1] ?? 0;
                uvs[k] = v * 2.2 + i * 0.37;
                uvs[k + 1] = u * 0.06 + i * 0.213;
            }
            slat.setVerticesData('uv', uvs);
        }
        slats.push(slat);
    }
    const merged = Mesh.MergeMeshes(slats, true);
    if (merged === null) throw new Error('walls: the slats could not be merged.');
    merged.name = 'slats';
    merged.material = materials.slat;
    return merged;
}

/** A walnut shelf with books and a bowl, behind and above the head. */
function createShelf(scene: Scene, materials: RoomMaterials): Mesh[] {
    const board = createSlab('shelf', scene, {
        halfX: 0.42,
        halfZ: 0.1,
        height: 0.024,
        bevel: 0.005,
        roundness: 12,
        repeats: 1.3,
    });
    board.material = materials.walnut;
    board.position.set(0.86, SHELF_Y, WALL_Z + 0.1);
    const meshes = [board];
    const random = sequence(5);
    let x = 1.16;
    for (let i = 0; i < 9; i++) {
        const width = 0.018 + 0.02 * random();
        const height = 0.13 + 0.07 * random();
        const depth = 0.11 + 0.03 * random();
        const book = MeshBuilder.CreateBox(`book ${i}`, { width, height, depth }, scene);
        book.material = materials.books[Math.floor(random() * materials.books.length)] ?? materials.clay;
        book.position.set(x - width / 2, SHELF_Y + height / 2, WALL_Z + 0.1);
        if (i === 8) {
            book.rotation.z = -0.2;
            book.position.x -= 0.018;
        }
        x -= width + 0.002;
        meshes.push(book);
    }
    meshes.push(vase(scene, materials.stone));
    return meshes;
}

function vase(scene: Scene, material: PBRMaterial): Mesh {
    const profile: readonly (readonly [number, number])[] = [
        [0, 0],
        [0.03, 0],
        [0.05, 0.03],
        [0.054, 0.06],
        [0.04, 0.1],
        [0.018, 0.125],
        [0.016, 0.15],
        [0.024, 0.165],
        [0.02, 0.163],
    ];
    const mesh = MeshBuilder.CreateLathe(
        'vase',
        {
            shape: profile.map(([radius, y]) => new Vector3(radius, y, 0)),
            tessellation: 40,
            sideOrientation: Mesh.DOUBLESIDE,
        },
        scene,
    );
    mesh.material = material;
    mesh.position.set(0.6, SHELF_Y, WALL_Z + 0.1);
    return mesh;
}
