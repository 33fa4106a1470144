import { DEPTH_MIN } from '../../../../plugin/core/index.js';
import { LABEL_IDS } from '../dataset/labels.js';
import { projector, type View } from './views.js';

/** Box in which a bust is looked for, metres, head centre at the origin: x, y, z ranges. */
const BOX: readonly (readonly [number, number])[] = [
    [-0.35, 0.35],
    [-0.45, 0.3],
    [-0.3, 0.25],
];
/** Voxels along the longest side: about 8 mm each. */
const LONGEST = 96;
/** A voxel is foreground where at most this share of the views that see it call it background: masks have ragged edges. */
const MISS_SHARE = 0.02;
/** Views that must see a voxel before it can be judged. */
const MIN_VIEWS = 3;
/** Voxels around the hull that still count as inside: soft edges reach a little out of the mask. */
const DILATION = 2;

/** What the views say of a voxel. */
export const VOXEL = { carved: 0, kept: 1, unseen: 2 } as const;

/** The visual hull of the foreground masks. */
export interface Hull {
    readonly min: readonly [number, number, number];
    /** Voxel side, metres. */
    readonly voxel: number;
    readonly size: readonly [number, number, number];
    /** {@link VOXEL} of each voxel, x fastest. */
    readonly state: Uint8Array;
    /** For kept voxels: least depth behind the hull's front in any view, metres; 0 on the visible surface. */
    readonly behind: Float32Array;
    /** Mean colour of the views `[n, 3]`, 0..1; of the views that see it where it is on the surface. */
    readonly color: Float32Array;
    /** {@link VOXEL} with everything near a voxel that is not carved counted as kept. */
    readonly dilated: Uint8Array;
}

/** Carves the hull from training views; about a second for 40 views. */
export function carveHull(views: readonly View[]): Hull {
    const sides = BOX.map(([low, high]) => high - low);
    const voxel = Math.max(...sides) / LONGEST;
    const size = sides.map((side) => Math.max(1, Math.round(side / voxel))) as [number, number, number];
    const min = BOX.map(([low]) => low) as [number, number, number];
    const count = size[0] * size[1] * size[2];
    const grid = { min, voxel, size };
    const seen = new Uint16Array(count);
    const foreground = new Uint16Array(count);
    for (const view of views) {
        const { width, height } = view.camera;
        const project = projector(view.camera);
        eachVoxel(grid, (index, x, y, z) => {
            const { u, v, depth } = project(x, y, z);
            if (depth <= DEPTH_MIN || u < 0 || v < 0 || u >= width || v >= height) return;
            seen[index] = (seen[index] as number) + 1;
            if (view.images.labels[Math.floor(v) * width + Math.floor(u)] !== LABEL_IDS.background)
                foreground[index] = (foreground[index] as number) + 1;
        });
    }
    const state = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
        const n = seen[i] as number;
        const misses = n - (foreground[i] as number);
        state[i] =
            n < MIN_VIEWS ? VOXEL.unseen : misses <= Math.floor(MISS_SHARE * n + 0.5) ? VOXEL.kept : VOXEL.carved;
    }
    return { ...grid, state, ...shadeSurface(grid, state, views), dilated: dilate(grid, state) };
}

/** Whether the views exclude that anything of the subject is at this point. */
export function isCarved(hull: Hull, x: number, y: number, z: number): boolean {
    const at = [x, y, z].map((v, k) => Math.floor((v - (hull.min[k] as number)) / hull.voxel));
    // Beyond the box in depth nothing of a bust is seen; to the sides and below, the picture's edge cuts the view.
    if ((at[2] as number) < 0 || (at[2] as number) >= hull.size[2]) return true;
    if (at.some((v, k) => v < 0 || v >= (hull.size[k] as number))) return false;
    const [ix, iy, iz] = at as [number, number, number];
    return hull.dilated[(iz * hull.size[1] + iy) * hull.size[0] + ix] === VOXEL.carved;
}

type Grid = Pick<Hull, 'min' | 'voxel' | 'size'>;

/** Calls back with the index and centre of every voxel. */
export function eachVoxel(
    { min, voxel, size }: Grid,
    visit: (index: number, x: number, y: number, z: number) => void,
): void {
    let index = 0;
    for (let iz = 0; iz < size[2]; iz++) {
        for (let iy = 0; iy < size[1]; iy++) {
            for (let ix = 0; ix < size[0]; ix++, index++) {
                visit(index, min[0] + (ix + 0.5) * voxel, min[1] + (iy + 0.5) * voxel, min[2] + (iz + 0.5) * voxel);
            }
        }
    }
}

/** A depth buffer of voxels per view gives what is in front; colours are averaged over the views that see a voxel. */
function shadeSurface(grid: Grid, state: Uint8Array, views: readonly View[]): Pick<Hull, 'behind' | 'color'> {
    const count = state.length;
    const behind = new Float32Array(count).fill(Number.POSITIVE_INFINITY);
    const visible = new Float32Array(count * 4);
    const any = new Float32Array(count * 4);
    for (const view of views) {
        const { camera, images } = view;
        // Buffer cells of about half a voxel's projection at the mean distance, so that neighbours leave no holes.
        const project = projector(camera);
        const distance = project(0, 0, 0).depth;
        const cell = Math.max(1, (camera.fx * grid.voxel) / distance / 2);
        const cols = Math.ceil(camera.width / cell);
        const rows = Math.ceil(camera.height / cell);
        const front = new Float32Array(cols * rows).fill(Number.POSITIVE_INFINITY);
        eachVoxel(grid, (index, x, y, z) => {
            if (state[index] !== VOXEL.kept) return;
            const { u, v, depth } = project(x, y, z);
            const cx = Math.floor(u / cell);
            const cy = Math.floor(v / cell);
            for (let dy = -1; dy <= 1; dy++) {
                for (let dx = -1; dx <= 1; dx++) {
                    const at = (cy + dy) * cols + cx + dx;
                    if (cx + dx < 0 || cx + dx >= cols || cy + dy < 0 || cy + dy >= rows) continue;
                    if (depth < (front[at] as number)) front[at] = depth;
                }
            }
        });
        eachVoxel(grid, (index, x, y, z) => {
            if (state[index] !== VOXEL.kept) return;
            const { u, v, depth } = project(x, y, z);
            if (u < 0 || v < 0 || u >= camera.width || v >= camera.height) return;
            const excess = Math.max(0, depth - (front[Math.floor(v / cell) * cols + Math.floor(u / cell)] as number));
            behind[index] = Math.min(behind[index] as number, excess);
            const p = (Math.floor(v) * camera.width + Math.floor(u)) * 3;
            for (const sums of excess <= 1.5 * grid.voxel ? [any, visible] : [any]) {
                for (let c = 0; c < 3; c++)
                    sums[index * 4 + c] = (sums[index * 4 + c] as number) + (images.rgb[p + c] as number) / 255;
                sums[index * 4 + 3] = (sums[index * 4 + 3] as number) + 1;
            }
        });
    }
    const color = new Float32Array(count * 3);
    for (let i = 0; i < count; i++) {
        const sums = (visible[i * 4 + 3] as number) > 0 ? visible : any;
        const n = sums[i * 4 + 3] as number;
        for (let c = 0; c < 3; c++) color[i * 3 + c] = n > 0 ? (sums[i * 4 + c] as number) / n : 0.5;
    }
    return { behind, color };
}

function dilate(grid: Grid, state: Uint8Array): Uint8Array {
    const out = Uint8Array.from(state, (s) => (s === VOXEL.carved ? VOXEL.carved : VOXEL.kept));
    const strides = [1, grid.size[0], grid.size[0] * grid.size[1]];
    for (let axis = 0; axis < 3; axis++) {
        const source = out.slice();
        const stride = strides[axis] as number;
        const side = grid.size[axis] as number;
        for (let i = 0; i < out.length; i++) {
            const at = Math.floor(i / stride) % side;
            for (let d = -DILATION; d <= DILATION; d++) {
                if (at + d >= 0 && at + d < side && source[i + d * stride] !== VOXEL.carved) out[i] = VOXEL.kept;
            }
        }
    }
    return out;
}
