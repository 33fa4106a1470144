import { cameraCentre, type Camera } from '../camera.js';
import {
    COV2D_DILATION,
    DEPTH_MIN,
    FOV_CLAMP,
    RADIUS_SIGMAS,
    SH_C0,
    SH_C1,
    SH_C2_0,
    SH_C2_1,
    SH_C2_2,
    SH_C3_0,
    SH_C3_1,
    SH_C3_2,
    SH_C3_3,
    SH_C3_4,
} from '../constants.js';

/*
 * Float64 reference of the projection (method.md section 3), for tests: plain loops, no cleverness.
 */

/** A `SplatSet` in any precision. */
export interface SplatArrays {
    readonly count: number;
    readonly shDegree: number;
    readonly means: ArrayLike<number>;
    readonly quats: ArrayLike<number>;
    readonly logScales: ArrayLike<number>;
    readonly logitOpacities: ArrayLike<number>;
    readonly sh: ArrayLike<number>;
}

/** Splats on the screen. Rows of culled splats are zero. */
export interface ProjectedSplats {
    readonly count: number;
    /** Screen centres `[N, 2]`, px. */
    readonly means2d: Float64Array;
    /** Upper triangle of the inverse screen covariance `[N, 3]`, px^-2. */
    readonly conics: Float64Array;
    /** View depths `[N]`, metres. */
    readonly depths: Float64Array;
    /** R of Eqs. 4-5 `[N]`, px; 0: culled. */
    readonly radii: Int32Array;
    /** Opacities 0..1 `[N]`. */
    readonly opacities: Float64Array;
    /** Colours `[N, 3]`, clamped at 0. */
    readonly colors: Float64Array;
    /** 1 where rounding may change whether the splat is culled, or its radius `[N]`. */
    readonly onCullBorder: Uint8Array;
}

/** Relative closeness to a border of Eq. 4 or to a whole radius at which float32 may decide otherwise. */
const BORDER = 1e-4;

/** Projects every splat: EWA covariance, Eq. 4, colour of the direction it is seen from. */
export function projectReference(splats: SplatArrays, camera: Camera): ProjectedSplats {
    const { count } = splats;
    const out: ProjectedSplats = {
        count,
        means2d: new Float64Array(count * 2),
        conics: new Float64Array(count * 3),
        depths: new Float64Array(count),
        radii: new Int32Array(count),
        opacities: new Float64Array(count),
        colors: new Float64Array(count * 3),
        onCullBorder: new Uint8Array(count),
    };
    for (let i = 0; i < count; i++) projectSplat(splats, i, camera, out);
    return out;
}

function projectSplat(splats: SplatArrays, i: number, camera: Camera, out: ProjectedSplats): void {
    const mean = row(splats.means, i, 3);
    const rotation = viewRotation(camera.viewmat);
    const t = multiply(rotation, 3, mean, 1).map((value, k) => value + (camera.viewmat[k * 4 + 3] as number));
    const [tx, ty, tz] = t as [number, number, number];
    if (Math.abs(tz - DEPTH_MIN) < BORDER) out.onCullBorder[i] = 1;
    if (tz <= DEPTH_MIN) return;

    const [a, b, d] = screenCovariance(splats, i, camera, [tx, ty, tz]);
    const determinant = a * d - b * b;
    const middle = (a + d) / 2;
    const widest = middle + Math.sqrt(Math.max(0, middle * middle - determinant));
    const exact = RADIUS_SIGMAS * Math.sqrt(widest);
    const radius = Math.ceil(exact);
    const x = (camera.fx * tx) / tz + camera.cx;
    const y = (camera.fy * ty) / tz + camera.cy;

    // Pixel centres lie at +0.5 here, where Eq. 4 counts pixel indices: hence none of its 0.5.
    const inside = [x + radius, camera.width + radius - x, y + radius, camera.height + radius - y];
    const nearest = Math.min(...inside);
    if (Math.abs(nearest) < BORDER * radius || Math.abs(exact - Math.round(exact)) < BORDER * exact)
        out.onCullBorder[i] = 1;
    if (nearest <= 0) return;

    out.radii[i] = radius;
    out.means2d.set([x, y], i * 2);
    out.conics.set([d / determinant, -b / determinant, a / determinant], i * 3);
    out.depths[i] = tz;
    out.opacities[i] = 1 / (1 + Math.exp(-(splats.logitOpacities[i] as number)));
    const centre = cameraCentre(camera.viewmat);
    const direction = normalised(mean.map((value, k) => value - (centre[k] as number)));
    out.colors.set(shColor(splats, i, direction), i * 3);
}

/** Sigma' = J W Sigma W^T J^T + dilation, upper triangle, px^2; x/z and y/z of J are clamped to the field of view. */
function screenCovariance(
    splats: SplatArrays,
    i: number,
    { viewmat, fx, fy, width, height }: Camera,
    [tx, ty, tz]: readonly [number, number, number],
): [number, number, number] {
    const limitX = (FOV_CLAMP * width) / (2 * fx);
    const limitY = (FOV_CLAMP * height) / (2 * fy);
    const x = Math.min(Math.max(tx / tz, -limitX), limitX);
    const y = Math.min(Math.max(ty / tz, -limitY), limitY);
    const jacobian = [fx / tz, 0, (-fx * x) / tz, 0, fy / tz, (-fy * y) / tz];
    const jw = multiply(jacobian, 3, viewRotation(viewmat), 3);
    const sigma = covariance(splats, i);
    const projected = multiply(multiply(jw, 3, sigma, 3), 3, transpose(jw, 3), 2);
    return [
        (projected[0] as number) + COV2D_DILATION,
        projected[1] as number,
        (projected[3] as number) + COV2D_DILATION,
    ];
}

/** Sigma = R S S^T R^T of a splat `[3, 3]`, m^2. */
export function covariance(splats: SplatArrays, i: number): number[] {
    const scales = row(splats.logScales, i, 3).map(Math.exp);
    const rs = rotationMatrix(row(splats.quats, i, 4)).map((value, k) => value * (scales[k % 3] as number));
    return multiply(rs, 3, transpose(rs, 3), 3);
}

/** Rotation of a wxyz quaternion of any length, row-major `[3, 3]`. */
export function rotationMatrix(quat: readonly number[]): number[] {
    const [w, x, y, z] = normalised(quat) as [number, number, number, number];
    return [
        ...[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        ...[2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        ...[2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ];
}

/** Real spherical harmonics with Condon-Shortley phase in a unit direction `[(degree + 1)^2]`. */
export function shBasis(degree: number, [x, y, z]: readonly number[]): number[] {
    if (x === undefined || y === undefined || z === undefined) return [];
    const basis = [
        SH_C0,
        ...[-SH_C1 * y, SH_C1 * z, -SH_C1 * x],
        SH_C2_0 * x * y,
        -SH_C2_0 * y * z,
        SH_C2_1 * (2 * z * z - x * x - y * y),
        -SH_C2_0 * x * z,
        SH_C2_2 * (x * x - y * y),
        -SH_C3_0 * y * (3 * x * x - y * y),
        SH_C3_1 * x * y * z,
        -SH_C3_2 * y * (4 * z * z - x * x - y * y),
        SH_C3_3 * z * (2 * z * z - 3 * x * x - 3 * y * y),
        -SH_C3_2 * x * (4 * z * z - x * x - y * y),
        SH_C3_4 * z * (x * x - y * y),
        -SH_C3_0 * x * (x * x - 3 * y * y),
    ];
    return basis.slice(0, (degree + 1) ** 2);
}

/** Colour of a splat from a direction: SH + 0.5, clamped at 0. */
function shColor(splats: SplatArrays, i: number, direction: readonly number[]): number[] {
    const basis = shBasis(splats.shDegree, direction);
    const coefficients = row(splats.sh, i, basis.length * 3);
    return [0, 1, 2].map((c) => {
        const sum = basis.reduce((total, value, k) => total + value * (coefficients[k * 3 + c] as number), 0.5);
        return Math.max(0, sum);
    });
}

/** Row `i` of an `[N, width]` array. */
export function row(array: ArrayLike<number>, i: number, width: number): number[] {
    return Array.from({ length: width }, (_, k) => array[i * width + k] as number);
}

/** A vector of unit length in the same direction. */
export function normalised(vector: readonly number[]): number[] {
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
}

function viewRotation(viewmat: ArrayLike<number>): number[] {
    return [0, 1, 2, 4, 5, 6, 8, 9, 10].map((k) => viewmat[k] as number);
}

/** `a [rows, inner] * b [inner, cols]`, row-major. */
function multiply(a: readonly number[], inner: number, b: readonly number[], cols: number): number[] {
    const rows = a.length / inner;
    return Array.from({ length: rows * cols }, (_, at) => {
        const r = Math.floor(at / cols);
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += (a[r * inner + k] as number) * (b[k * cols + (at % cols)] as number);
        return sum;
    });
}

function transpose(a: readonly number[], cols: number): number[] {
    const rows = a.length / cols;
    return Array.from({ length: a.length }, (_, at) => a[(at % rows) * cols + Math.floor(at / rows)] as number);
}
