import { MeshBuilder } from '@babylonjs/core/Meshes/meshBuilder.js';
import { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { TransformNode } from '@babylonjs/core/Meshes/transformNode.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';
import type { RoomMaterials } from './materials.js';
import { sequence } from './noise.js';
import { createLeaves, createRing, createSlab, type Leaf } from './shapes.js';

/** Height of the plinth above the desk, metres. */
export const PLINTH_HEIGHT = 0.042;

/** Places a mesh and gives it its material; screen right is -x, towards the viewer is +z. */
function place(mesh: Mesh, parent: TransformNode, material: Mesh['material'], x: number, y: number, z: number): Mesh {
    mesh.parent = parent;
    mesh.material = material;
    mesh.position.set(x, y, z);
    mesh.receiveShadows = true;
    return mesh;
}

function lathe(name: string, scene: Scene, profile: readonly (readonly [number, number])[]): Mesh {
    const shape = profile.map(([radius, y]) => new Vector3(radius, y, 0));
    return MeshBuilder.CreateLathe(
        name,
        { shape, tessellation: 40, closed: true, sideOrientation: Mesh.DOUBLESIDE },
        scene,
    );
}

/** The plinth that the bust rises from, a rim around the bust's cut, a brass line, and the desk below. y = 0 is the top of the plinth. */
export function createDesk(scene: Scene, parent: TransformNode, materials: RoomMaterials): Mesh[] {
    const plinth = createSlab('plinth', scene, {
        halfX: 0.335,
        halfZ: 0.215,
        height: PLINTH_HEIGHT,
        bevel: 0.007,
        roundness: 2.5,
        repeats: 2.1,
    });
    const line = createRing('brass line', scene, { halfX: 0.313, halfZ: 0.196, roundness: 2.5, radius: 0.0028 });
    // Splats are soft: those of the chest would fade over the stone. The rim hides where they end.
    const rim = createRing('rim', scene, { halfX: 0.25, halfZ: 0.138, roundness: 2.3, radius: 0.0135 });
    const desk = createSlab('desk', scene, {
        halfX: 1.05,
        halfZ: 0.4,
        height: 0.036,
        bevel: 0.011,
        roundness: 7,
        repeats: 1.15,
    });
    const leg = MeshBuilder.CreateBox('desk side', { width: 0.05, height: 0.7, depth: 0.6 }, scene);
    const otherLeg = leg.clone('desk side 2');
    return [
        place(plinth, parent, materials.stone, 0, 0, 0),
        place(line, parent, materials.brass, 0, 0.0004, 0),
        place(rim, parent, materials.walnut, 0, 0.0075, 0),
        place(desk, parent, materials.walnut, 0, -PLINTH_HEIGHT, -0.04),
        place(leg, parent, materials.walnut, 0.9, -0.43, -0.04),
        place(otherLeg, parent, materials.walnut, -0.9, -0.43, -0.04),
    ];
}

/** A studio microphone on a table stand, before the head: it hides splats. `y` is the height of the desk. */
export function createMicrophone(scene: Scene, parent: TransformNode, materials: RoomMaterials): Mesh[] {
    const node = new TransformNode('microphone', scene);
    node.parent = parent;
    node.position.set(0.25, -PLINTH_HEIGHT, 0.19);
    node.rotation.y = 0.5;
    const foot = lathe('microphone foot', scene, [
        [0, 0.01],
        [0.036, 0.01],
        [0.0385, 0.0095],
        [0.04, 0.008],
        [0.04, 0.001],
        [0.039, 0],
        [0, 0],
    ]);
    const pole = MeshBuilder.CreateCylinder('microphone pole', { height: 0.1, diameter: 0.007 }, scene);
    const body = lathe('microphone body', scene, [
        [0, -0.043],
        [0.013, -0.042],
        [0.0165, -0.036],
        [0.0175, 0],
        [0, 0],
    ]);
    const collar = MeshBuilder.CreateCylinder('microphone collar', { height: 0.004, diameter: 0.039 }, scene);
    const head = MeshBuilder.CreateCapsule(
        'microphone head',
        { radius: 0.0185, height: 0.066, tessellation: 28, capSubdivisions: 8 },
        scene,
    );
    const holder = new TransformNode('microphone holder', scene);
    holder.parent = node;
    holder.position.set(0, 0.105, 0);
    holder.rotation.z = 0.36;
    holder.rotation.x = -0.3;
    return [
        place(foot, node, materials.black, 0, 0, 0),
        place(pole, node, materials.brass, 0, 0.055, 0),
        place(body, holder, materials.black, 0, 0.03, 0),
        place(collar, holder, materials.brass, 0, 0.031, 0),
        place(head, holder, materials.grille, 0, 0.052, 0),
    ];
}

/** Three balls before the right shoulder; the glass one shows how a transparent mesh sorts against the splats. */
export function createBalls(scene: Scene, parent: TransformNode, materials: RoomMaterials): Mesh[] {
    const ball = (name: string, diameter: number): Mesh =>
        MeshBuilder.CreateSphere(name, { diameter, segments: 24 }, scene);
    return [
        place(ball('glass ball', 0.07), parent, materials.glass, -0.236, 0.035, 0.138),
        place(ball('brass ball', 0.034), parent, materials.brass, -0.16, 0.017, 0.168),
        place(ball('stone ball', 0.05), parent, materials.clay, -0.3, 0.025 - PLINTH_HEIGHT, 0.225),
    ];
}

/** A globe lamp behind the head's shoulder: hair stands out against it. */
export function createLamp(scene: Scene, parent: TransformNode, materials: RoomMaterials): Mesh[] {
    const node = new TransformNode('lamp', scene);
    node.parent = parent;
    node.position.set(-0.35, -PLINTH_HEIGHT, -0.25);
    const foot = lathe('lamp foot', scene, [
        [0, 0.016],
        [0.05, 0.014],
        [0.06, 0.008],
        [0.061, 0],
        [0, 0],
    ]);
    const stem = MeshBuilder.CreateCylinder('lamp stem', { height: 0.14, diameter: 0.012 }, scene);
    const cup = lathe('lamp cup', scene, [
        [0.006, 0],
        [0.03, 0.008],
        [0.042, 0.022],
        [0.045, 0.03],
    ]);
    const globe = MeshBuilder.CreateSphere('lamp globe', { diameter: 0.155, segments: 24 }, scene);
    const meshes = [
        place(foot, node, materials.brass, 0, 0, 0),
        place(stem, node, materials.brass, 0, 0.085, 0),
        place(cup, node, materials.brass, 0, 0.15, 0),
        place(globe, node, materials.globe, 0, 0.232, 0),
    ];
    const halo = MeshBuilder.CreatePlane('lamp halo', { size: 0.62 }, scene);
    halo.billboardMode = Mesh.BILLBOARDMODE_ALL;
    halo.isPickable = false;
    meshes.push(place(halo, node, materials.glow, 0, 0.232, -0.02));
    globe.receiveShadows = false;
    halo.receiveShadows = false;
    return meshes;
}

/** A potted plant beside and behind the head; its longest leaf reaches before the shoulder. */
export function createPlant(scene: Scene, parent: TransformNode, materials: RoomMaterials): Mesh[] {
    const node = new TransformNode('plant', scene);
    node.parent = parent;
    node.position.set(0.41, -PLINTH_HEIGHT, -0.24);
    const pot = lathe('pot', scene, [
        [0, 0],
        [0.052, 0],
        [0.066, 0.03],
        [0.078, 0.115],
        [0.083, 0.118],
        [0.083, 0.124],
        [0.074, 0.124],
        [0.072, 0.108],
        [0, 0.106],
    ]);
    const random = sequence(12);
    const leaves: Leaf[] = [
        { azimuth: 2.35, elevation: 1.0, stem: 0.1, length: 0.19, width: 0.066, droop: 1.45 },
        { azimuth: 2.75, elevation: 1.2, stem: 0.15, length: 0.2, width: 0.07, droop: 1.2 },
    ];
    for (let i = 0; i < 15; i++) {
        leaves.push({
            azimuth: i * 2.4 + 0.5 * random(),
            elevation: 0.75 + 0.7 * random(),
            stem: 0.07 + 0.1 * random(),
            length: 0.13 + 0.08 * random(),
            width: 0.05 + 0.022 * random(),
            droop: 0.7 + 0.8 * random(),
        });
    }
    return [
        place(pot, node, materials.clay, 0, 0, 0),
        place(createLeaves('leaves', scene, leaves), node, materials.leaf, 0, 0.106, 0),
    ];
}
