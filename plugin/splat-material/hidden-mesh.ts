import type { Material } from '@babylonjs/core/Materials/material.js';
import { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { VertexData } from '@babylonjs/core/Meshes/mesh.vertexData.js';

/** A mesh that only its owner draws: in no list of the scene, never culled, picked or serialised. The owner disposes it. */
export function createHiddenMesh(
    name: string,
    material: Material,
    positions: readonly number[],
    indices: readonly number[],
): Mesh {
    const scene = material.getScene();
    const mesh = new Mesh(name, scene);
    mesh.material = material;
    const data = new VertexData();
    data.positions = [...positions];
    data.indices = [...indices];
    data.applyToMesh(mesh);
    mesh.isPickable = false;
    mesh.doNotSerialize = true;
    mesh.alwaysSelectAsActiveMesh = true;
    mesh.reservedDataStore = { hidden: true };
    if (mesh.geometry) scene.removeGeometry(mesh.geometry);
    scene.removeMesh(mesh);
    return mesh;
}
