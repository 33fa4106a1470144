import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { VertexData } from '@babylonjs/core/Meshes/mesh.vertexData.js';
import { MeshBuilder } from '@babylonjs/core/Meshes/meshBuilder.js';
import type { Scene } from '@babylonjs/core/scene.js';

/** Vertices under construction. */
interface Builder {
    readonly positions: number[];
    readonly uvs: number[];
    readonly indices: number[];
}

function finish(name: string, scene: Scene, builder: Builder): Mesh {
    const data = new VertexData();
    const normals: number[] = [];
    VertexData.ComputeNormals(builder.positions, builder.indices, normals);
    data.positions = builder.positions;
    data.uvs = builder.uvs;
    data.indices = builder.indices;
    data.normals = normals;
    const mesh = new Mesh(name, scene);
    data.applyToMesh(mesh);
    return mesh;
}

/** Size of {@link createSlab}, metres. */
export interface SlabOptions {
    readonly halfX: number;
    readonly halfZ: number;
    readonly height: number;
    /** Radius of the rounded top and bottom edges. */
    readonly bevel: number;
    /** 2 gives an ellipse; larger values come closer to a rectangle with round corners. */
    readonly roundness: number;
    /** Texture repeats per metre. */
    readonly repeats: number;
}

/** A flat body with a superellipse outline and round edges; its top lies at y = 0. */
export function createSlab(name: string, scene: Scene, options: SlabOptions): Mesh {
    const { halfX, halfZ, height, bevel, roundness, repeats } = options;
    const around = 96;
    const bend = 6;
    // From the middle of the top, over the edge and down, to the middle of the bottom: [inset, y].
    const profile: [number, number][] = [[bevel + 0.004, 0]];
    for (let k = 0; k <= bend; k++) {
        const angle = (k / bend) * (Math.PI / 2);
        profile.push([bevel * (1 - Math.sin(angle)), -bevel * (1 - Math.cos(angle))]);
    }
    for (let k = 0; k <= bend; k++) {
        const angle = (k / bend) * (Math.PI / 2);
        profile.push([bevel * (1 - Math.cos(angle)), -height + bevel * (1 - Math.sin(angle))]);
    }
    profile.push([bevel + 0.004, -height]);

    const builder: Builder = { positions: [], uvs: [], indices: [] };
    const add = (x: number, y: number, z: number): void => {
        builder.positions.push(x, y, z);
        builder.uvs.push(x * repeats + y * repeats, z * repeats);
    };
    add(0, 0, 0);
    for (const [inset, y] of profile) {
        for (let k = 0; k < around; k++) {
            const angle = (2 * Math.PI * k) / around;
            const c = Math.cos(angle);
            const s = Math.sin(angle);
            const power = 2 / roundness;
            add(
                (halfX - inset) * Math.sign(c) * Math.abs(c) ** power,
                y,
                (halfZ - inset) * Math.sign(s) * Math.abs(s) ** power,
            );
        }
    }
    add(0, -height, 0);
    const ring = (row: number, k: number): number => 1 + row * around + (k % around);
    const last = profile.length * around + 1;
    for (let k = 0; k < around; k++) {
        builder.indices.push(0, ring(0, k), ring(0, k + 1));
        builder.indices.push(last, ring(profile.length - 1, k + 1), ring(profile.length - 1, k));
        for (let row = 0; row + 1 < profile.length; row++) {
            builder.indices.push(ring(row, k), ring(row + 1, k), ring(row + 1, k + 1));
            builder.indices.push(ring(row, k), ring(row + 1, k + 1), ring(row, k + 1));
        }
    }
    return finish(name, scene, builder);
}

/** A round bar bent along a superellipse in the plane y = 0, see {@link SlabOptions.roundness}. */
export function createRing(
    name: string,
    scene: Scene,
    options: Pick<SlabOptions, 'halfX' | 'halfZ' | 'roundness'> & { readonly radius: number },
): Mesh {
    const { halfX, halfZ, roundness, radius } = options;
    const path: Vector3[] = [];
    for (let k = 0; k <= 128; k++) {
        const c = Math.cos((2 * Math.PI * k) / 128);
        const s = Math.sin((2 * Math.PI * k) / 128);
        const power = 2 / roundness;
        path.push(
            new Vector3(halfX * Math.sign(c) * Math.abs(c) ** power, 0, halfZ * Math.sign(s) * Math.abs(s) ** power),
        );
    }
    return MeshBuilder.CreateTube(name, { path, radius, tessellation: 20 }, scene);
}

/** One leaf of {@link createLeaves}: where its stem starts, where it heads and how it bends. Metres and radians. */
export interface Leaf {
    readonly azimuth: number;
    /** Angle above the horizon at which it starts. */
    readonly elevation: number;
    readonly stem: number;
    readonly length: number;
    readonly width: number;
    /** How far it has turned downwards at its tip. */
    readonly droop: number;
}

/** Arching leaves with stems, all from one point, as a single mesh. */
export function createLeaves(name: string, scene: Scene, leaves: readonly Leaf[]): Mesh {
    const builder: Builder = { positions: [], uvs: [], indices: [] };
    const steps = 14;
    for (const leaf of leaves) {
        const total = leaf.stem + leaf.length;
        const sideX = -Math.sin(leaf.azimuth);
        const sideZ = Math.cos(leaf.azimuth);
        let along = 0;
        let up = 0;
        const first = builder.positions.length / 3;
        for (let k = 0; k <= steps; k++) {
            const t = k / steps;
            const angle = leaf.elevation - leaf.droop * t * t;
            const onLeaf = (t * total - leaf.stem) / leaf.length;
            const blade = onLeaf <= 0 ? 0 : Math.sin(Math.PI * Math.min(1, onLeaf) ** 0.72);
            const half = 0.0018 + 0.5 * leaf.width * blade;
            // The blade folds a little along its middle, so that light breaks on it.
            const lift = 0.35 * half * blade;
            for (const side of [-1, 0, 1]) {
                builder.positions.push(
                    Math.cos(leaf.azimuth) * along + side * half * sideX,
                    up + Math.abs(side) * lift,
                    Math.sin(leaf.azimuth) * along + side * half * sideZ,
                );
                builder.uvs.push(Math.max(0, onLeaf), 0.5 + 0.5 * side);
            }
            along += (Math.cos(angle) * total) / steps;
            up += (Math.sin(angle) * total) / steps;
        }
        for (let k = 0; k < steps; k++) {
            for (let side = 0; side < 2; side++) {
                const a = first + k * 3 + side;
                builder.indices.push(a, a + 3, a + 1, a + 1, a + 3, a + 4);
            }
        }
    }
    return finish(name, scene, builder);
}
