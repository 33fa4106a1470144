import { cameraCentre, PgsError } from '../../../../plugin/core/index.js';
import { frameCamera, type Dataset } from '../dataset/dataset.js';
import { LABEL_IDS } from '../dataset/labels.js';
import type { Random } from '../random.js';
import type { SeedCloud } from './seed-cloud.js';
import type { View } from './views.js';

/** Half sides of the box of mouth seeds, metres: a mouth is about 5 cm wide. */
const HALF: readonly [number, number, number] = [0.035, 0.03, 0.03];
/** The box lies this far behind the lips: teeth and tongue are inside, metres. */
const INWARDS = 0.01;
/** Colour where no view shows the mouth: dark red. */
const DARK: readonly [number, number, number] = [0.35, 0.15, 0.14];

/**
 * Point nearest to the rays through the middle of the lips boxes of all training frames (least squares), metres.
 *
 * @throws PgsError `DATASET_VALUE` - the rays do not meet near the head: cameras or boxes are wrong.
 */
export function lipsCentre(dataset: Dataset): [number, number, number] {
    const [first, end] = dataset.header.split.train;
    // Normal equations of sum |(I - d d^T)(x - c)|^2, plus a weak pull to a point in front of the head: parallel rays
    // (a fixed camera) leave the depth open.
    const prior: readonly number[] = [0, -0.05, 0.08];
    const pull = 1e-3 * (end - first);
    const a = [pull, 0, 0, 0, pull, 0, 0, 0, pull];
    const b = prior.map((v) => pull * v);
    for (let index = first; index < end; index++) {
        const camera = frameCamera(dataset, index);
        const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = dataset.frames[index]?.lips ?? [];
        const ray = [((x0 + x1) / 2 - camera.cx) / camera.fx, ((y0 + y1) / 2 - camera.cy) / camera.fy, 1];
        const m = camera.viewmat;
        const d = [0, 1, 2].map((k) =>
            [0, 1, 2].reduce((sum, r) => sum + (m[r * 4 + k] as number) * (ray[r] as number), 0),
        );
        const length = Math.hypot(...d);
        const centre = cameraCentre(m);
        for (let r = 0; r < 3; r++) {
            for (let c = 0; c < 3; c++) {
                const p = (r === c ? 1 : 0) - ((d[r] as number) * (d[c] as number)) / (length * length);
                a[r * 3 + c] = (a[r * 3 + c] as number) + p;
                b[r] = (b[r] as number) + p * (centre[c] as number);
            }
        }
    }
    const point = solve3(a, b);
    if (!point.every((v) => Math.abs(v) < 0.3)) {
        throw new PgsError(
            'DATASET_VALUE',
            `lips boxes: expected their rays to meet within 0.3 m of the head centre, got (${point.map((v) => v.toFixed(3)).join(', ')}). ` +
                'Check the lips boxes and that viewmats are world -> camera in metres.',
        );
    }
    return point;
}

/** Seeds of the mouth branch: uniform in a box behind the lips, in the mean colour of the mouth. */
export function mouthSeeds(
    centre: readonly [number, number, number],
    count: number,
    views: readonly View[],
    random: Random,
): SeedCloud {
    const color = mouthColor(views);
    const means = new Float32Array(count * 3);
    const colors = new Float32Array(count * 3);
    for (let i = 0; i < count; i++) {
        for (let k = 0; k < 3; k++) {
            means[i * 3 + k] =
                (centre[k] as number) + (2 * random() - 1) * (HALF[k] as number) - (k === 2 ? INWARDS : 0);
            colors[i * 3 + k] = Math.min(1, Math.max(0, (color[k] as number) + 0.1 * (random() - 0.5)));
        }
    }
    return { count, means, colors };
}

function mouthColor(views: readonly View[]): readonly number[] {
    const sums = [0, 0, 0];
    let n = 0;
    for (const { images } of views) {
        for (let p = 0; p < images.labels.length; p++) {
            if (images.labels[p] !== LABEL_IDS.mouth) continue;
            for (let c = 0; c < 3; c++) sums[c] = (sums[c] as number) + (images.rgb[p * 3 + c] as number) / 255;
            n++;
        }
    }
    return n === 0 ? DARK : sums.map((sum) => sum / n);
}

/** Cramer's rule on a symmetric positive 3x3. */
function solve3(a: readonly number[], b: readonly number[]): [number, number, number] {
    const at = (i: number): number => a[i] as number;
    const determinant = (m: (i: number) => number): number =>
        m(0) * (m(4) * m(8) - m(5) * m(7)) - m(1) * (m(3) * m(8) - m(5) * m(6)) + m(2) * (m(3) * m(7) - m(4) * m(6));
    const whole = determinant(at);
    return [0, 1, 2].map(
        (k) => determinant((i) => (i % 3 === k ? (b[Math.floor(i / 3)] as number) : at(i))) / whole,
    ) as [number, number, number];
}
