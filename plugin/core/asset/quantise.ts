import type { FeatureCoding } from '../head-asset.js';

/**
 * Snaps of the stored numbers. Activated values lose a few bits on the way through exp and ln, so what is stored lies on a grid
 * coarse enough to be found again: write, read, write gives the same bytes.
 */
const LOG_SCALE_STEP = 1 / 4096;
/** ln of a float32 is off by far less than this; anything farther from the grid came from another exporter and is kept. */
const LOG_SCALE_SLACK = 2e-6;
const LOGIT_STEP = 1 / 1024;
const LOGIT_SLACK = 3e-4;
/** sigmoid(8) = 0.9997: above ALPHA_MAX anyway, and float32 still resolves the grid there. */
const LOGIT_LIMIT = 8;
/** e^-20 m = 2 nm: far below the raster's one-pixel low-pass, and far from where float32 has no number but 0. */
const LOG_SCALE_MIN = -20;
/** e^5 m = 148 m: no head; a writer refuses it. */
export const LOG_SCALE_MAX = 5;

/** Stored scale, metres, of a log scale up to {@link LOG_SCALE_MAX}. */
export function storeScale(logScale: number): number {
    const snapped = Math.round(Math.max(LOG_SCALE_MIN, logScale) / LOG_SCALE_STEP) * LOG_SCALE_STEP;
    return Math.fround(Math.exp(snapped));
}

/** Log scale of a stored scale > 0. */
export function readScale(scale: number): number {
    return snapNear(Math.log(scale), LOG_SCALE_STEP, LOG_SCALE_SLACK);
}

/** Stored opacity, 0..1, of a logit. */
export function storeOpacity(logit: number): number {
    const snapped = Math.round(Math.max(-LOGIT_LIMIT, Math.min(LOGIT_LIMIT, logit)) / LOGIT_STEP) * LOGIT_STEP;
    return Math.fround(1 / (1 + Math.exp(-snapped)));
}

/** Logit of a stored opacity, 0..1. */
export function readOpacity(opacity: number): number {
    const clamped = Math.max(1e-6, Math.min(1 - 1e-6, opacity));
    return snapNear(Math.log(clamped / (1 - clamped)), LOGIT_STEP, LOGIT_SLACK);
}

function snapNear(value: number, step: number, slack: number): number {
    const snapped = Math.round(value / step) * step;
    return Math.abs(value - snapped) <= slack ? snapped : value;
}

const SHORT_MAX = 32767;

/** float32 holds a stored component to 0.002 of a step; farther from a whole step it was never stored. */
const QUAT_SLACK = 0.01;
/** Rounding four components moves the length by 3.1e-5 at most. */
const QUAT_LENGTH_SLACK = 1e-4;

/**
 * A quaternion wxyz as four signed shorts xyzw of unit length.
 *
 * What was read from a file is stored as it was: normalising it again would move its last digit. That it was is told by all
 * four components lying on whole steps, which a trained quaternion does once in millions.
 *
 * @returns false where the quaternion has no direction; nothing is written then.
 */
export function storeQuat(quat: ArrayLike<number>, at: number, out: Int16Array, outAt: number): boolean {
    const [w, x, y, z] = [quat[at], quat[at + 1], quat[at + 2], quat[at + 3]] as [number, number, number, number];
    const xyzw = [x, y, z, w];
    const length = Math.hypot(w, x, y, z);
    if (!(length > 0)) return false;
    const scale = isStoredQuat(xyzw) ? SHORT_MAX : SHORT_MAX / length;
    xyzw.forEach((value, k) => (out[outAt + k] = Math.round(value * scale)));
    return true;
}

function isStoredQuat(xyzw: readonly number[]): boolean {
    const steps = xyzw.map((value) => Math.round(value * SHORT_MAX));
    const isOnSteps = xyzw.every((value, k) => Math.abs(value * SHORT_MAX - (steps[k] as number)) < QUAT_SLACK);
    const isInRange = steps.every((step) => Math.abs(step) <= SHORT_MAX);
    return isOnSteps && isInRange && Math.abs(Math.hypot(...steps) / SHORT_MAX - 1) < QUAT_LENGTH_SLACK;
}

/** Factor from a stored short to its value. */
export const QUAT_UNIT: number = 1 / SHORT_MAX;

/** Smallest feature step as a part of the largest value: a finer one is lost when the value is read into float32. */
const FEATURE_STEP_MIN: number = 2 ** -21;

/**
 * Scale and offset per channel that spread the values over 8 or 16 bits.
 *
 * @param values - `[rows, channels]`.
 */
export function fitFeatureCoding(values: Float32Array, channels: number, bits: 8 | 16): FeatureCoding {
    const steps = 2 ** bits - 2;
    const scale: number[] = [];
    const offset: number[] = [];
    for (let c = 0; c < channels; c++) {
        let [min, max] = [Infinity, -Infinity];
        for (let i = c; i < values.length; i += channels) {
            min = Math.min(min, values[i] as number);
            max = Math.max(max, values[i] as number);
        }
        const finest = Math.max(Math.abs(min), Math.abs(max)) * FEATURE_STEP_MIN;
        const isFlat = !(max > min);
        scale.push(isFlat ? 1 : Math.fround(Math.max((max - min) / steps, finest)));
        offset.push(Number.isFinite(min) ? Math.fround((max + min) / 2) : 0);
    }
    return { bits, scale, offset };
}

/** Values as stored integers under a coding. */
export function storeFeatures(values: Float32Array, coding: FeatureCoding): Int8Array | Int16Array {
    const channels = coding.scale.length;
    const limit = 2 ** (coding.bits - 1) - 1;
    const out = coding.bits === 8 ? new Int8Array(values.length) : new Int16Array(values.length);
    for (let i = 0; i < values.length; i++) {
        const c = i % channels;
        const steps = Math.round(((values[i] as number) - (coding.offset[c] as number)) / (coding.scale[c] as number));
        out[i] = Math.max(-limit, Math.min(limit, steps));
    }
    return out;
}
