import { Material } from '@babylonjs/core/Materials/material.js';
import { VertexData } from '@babylonjs/core/Meshes/mesh.vertexData.js';
import { CreateIcoSphereVertexData } from '@babylonjs/core/Meshes/Builders/icoSphereBuilder.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { BRANCH_NAMES, type BranchName, type SplatSet } from '../core/index.js';

/** Faces 320, vertices 162: near the 200 triangles that picking and shadows of a head need. */
const SUBDIVISIONS = 4;
/** Splats weaker than this are haze, not surface; logit(0.3). */
const MIN_LOGIT_OPACITY = -0.85;
/** Share of a direction's splats inside the hull: a few strays must not grow it. */
const INSIDE_SHARE = 0.97;
/** Enough to find the outline; a hull of 30k points would cost a tenth of a second at load. */
const MAX_SURFACE_POINTS = 8192;
/** Cosine of the cone of splats that a hull vertex stands for; vertices are about 18 degrees apart. */
const CONE_COSINE = Math.cos((20 * Math.PI) / 180);

/**
 * A low-poly hull of a head: from the middle of the splats, each vertex goes out as far as the splats near its direction.
 * Babylon's own picking, shadows, depth passes and collisions work with it.
 *
 * @param flipX - -1 mirrors x (see {@link headToLocal}), else 1.
 * @returns positions, normals, indices in the mesh's local space, metres.
 */
export function createHull(splats: Readonly<Record<BranchName, SplatSet>>, flipX: 1 | -1): VertexData {
    const sphere = CreateIcoSphereVertexData({ radius: 1, subdivisions: SUBDIVISIONS, flat: false });
    const directions = sphere.positions ?? [];
    const centre: [number, number, number] = [0, 0, 0];
    const surface = surfaceMeans(splats, centre);
    const positions: number[] = [];
    for (let v = 0; v < directions.length; v += 3) {
        const direction = [directions[v] as number, directions[v + 1] as number, directions[v + 2] as number] as const;
        const reach = reachAlong(surface, direction);
        positions.push(
            ...direction.map((d, axis) => ((centre[axis] as number) + d * reach) * (axis === 0 ? flipX : 1)),
        );
    }
    const hull = new VertexData();
    hull.positions = positions;
    hull.indices = sphere.indices;
    const normals: number[] = [];
    VertexData.ComputeNormals(positions, hull.indices, normals);
    hull.normals = normals;
    return hull;
}

/** Draws nothing; see {@link createHullMaterial}. */
class HullMaterial extends Material {
    public override isReadyForSubMesh(): boolean {
        return true;
    }
}

/**
 * The hull's material. It draws nothing itself: the mesh draws splats in its place. It exists to put the mesh among the
 * transparent ones and to let depth passes see the hull. In no list of the scene; the mesh disposes it.
 */
export function createHullMaterial(name: string, scene: Scene): Material {
    const material = new HullMaterial(name, scene);
    material.transparencyMode = Material.MATERIAL_ALPHABLEND;
    material.backFaceCulling = false;
    material.doNotSerialize = true;
    scene.removeMaterial(material);
    return material;
}

/**
 * Splats that look solid, or all when none does, relative to their middle.
 *
 * @param centre - receives the middle.
 * @returns `[n, 4]`: offset from the middle, then its length; at most {@link MAX_SURFACE_POINTS} rows.
 */
function surfaceMeans(splats: Readonly<Record<BranchName, SplatSet>>, centre: [number, number, number]): Float32Array {
    const rows = pickMeans(splats, MIN_LOGIT_OPACITY);
    const means = rows.length > 0 ? rows : pickMeans(splats, -Infinity);
    const stride = Math.ceil(means.length / MAX_SURFACE_POINTS);
    const picked = means.filter((_, k) => k % stride === 0);
    for (const mean of picked) mean.forEach((value, axis) => (centre[axis as 0 | 1 | 2] += value / picked.length));
    return Float32Array.from(
        picked.flatMap((mean) => {
            const offset = mean.map((value, axis) => value - (centre[axis] as number));
            return [...offset, Math.hypot(...offset)];
        }),
    );
}

function pickMeans(splats: Readonly<Record<BranchName, SplatSet>>, minLogit: number): number[][] {
    return BRANCH_NAMES.flatMap((name) => {
        const { count, means, logitOpacities } = splats[name];
        const rows: number[][] = [];
        for (let i = 0; i < count; i++) {
            if ((logitOpacities[i] as number) > minLogit) rows.push(Array.from(means.subarray(i * 3, i * 3 + 3)));
        }
        return rows;
    });
}

/** Distance from the middle that holds {@link INSIDE_SHARE} of the points near a direction. */
function reachAlong(points: Float32Array, [dx, dy, dz]: readonly [number, number, number]): number {
    const distances: number[] = [];
    // Where no splat is near (under a bust), the hull closes at the largest extent along the direction.
    let support = 0.01;
    for (let k = 0; k < points.length; k += 4) {
        const along = (points[k] as number) * dx + (points[k + 1] as number) * dy + (points[k + 2] as number) * dz;
        const length = points[k + 3] as number;
        support = Math.max(support, along);
        if (along > CONE_COSINE * length) distances.push(length);
    }
    if (distances.length === 0) return support;
    distances.sort((a, b) => a - b);
    return distances[Math.floor((distances.length - 1) * INSIDE_SHARE)] as number;
}
