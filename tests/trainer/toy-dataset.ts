import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { encodeWav } from '../../plugin/audio/index.js';

/** Size of a toy. */
export interface ToyOptions {
    readonly frames: number;
    /** Picture side, px. */
    readonly side: number;
    /** Frames at the end for testing. */
    readonly test: number;
}

const FPS = 25;
const SAMPLE_RATE = 16_000;
const BACKGROUND = [128, 128, 128] as const;
const LABELS = { background: 0, face: 1, hair: 2, mouth: 3, torso: 4 } as const;
/** Mouth on the front of the face, metres: middle and half sides at full opening. */
const MOUTH = { x: 0, y: -0.045, halfWidth: 0.028, halfHeight: 0.024 } as const;

interface Ellipsoid {
    readonly centre: readonly [number, number, number];
    readonly radii: readonly [number, number, number];
    readonly label: number;
    readonly color: readonly [number, number, number];
}

/** A bust of three ellipsoids; the first one hit wins. */
const BUST: readonly Ellipsoid[] = [
    { centre: [0, 0, 0.01], radii: [0.075, 0.1, 0.085], label: LABELS.face, color: [214, 160, 130] },
    { centre: [0, 0.035, -0.025], radii: [0.09, 0.1, 0.09], label: LABELS.hair, color: [70, 45, 30] },
    { centre: [0, -0.24, -0.03], radii: [0.19, 0.15, 0.09], label: LABELS.torso, color: [90, 120, 180] },
];

/** How open the mouth is at a time, 0..1: loud and open are the same thing here, so sync has a truth. */
export function opening(time: number): number {
    return Math.max(0, Math.sin(2 * Math.PI * 1.9 * time) * (0.75 + 0.25 * Math.sin(2 * Math.PI * 0.31 * time)));
}

/**
 * Writes a dataset v1 of a coloured bust whose mouth opens with the loudness of a buzzing voice; the camera swings around it.
 * About 3 ms a frame at 96 px.
 */
export async function writeToyDataset(folder: string, { frames, side, test }: ToyOptions): Promise<void> {
    await mkdir(join(folder, 'frames'), { recursive: true });
    await mkdir(join(folder, 'masks'), { recursive: true });
    const focal = 1.69 * side;
    const intrinsics = { fx: focal, fy: focal, cx: side / 2, cy: side / 2 };
    const lines: string[] = [];
    for (let frame = 0; frame < frames; frame++) {
        const open = opening((frame + 0.5) / FPS);
        const viewmat = orbit(0.35 * Math.sin(frame * 0.7), 0.12 * Math.sin(frame * 0.45), 0.65);
        const { rgb, labels } = draw(side, focal, viewmat, open);
        const name = String(frame).padStart(6, '0');
        await sharp(rgb, { raw: { width: side, height: side, channels: 3 } })
            .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
            .toFile(join(folder, 'frames', `${name}.jpg`));
        await sharp(labels, { raw: { width: side, height: side, channels: 1 } })
            .toColourspace('b-w')
            .png()
            .toFile(join(folder, 'masks', `${name}.png`));
        const lips = lipsBox(viewmat, focal, side);
        lines.push(
            JSON.stringify({
                viewmat,
                expression: [0.5 + 0.5 * Math.sin(frame), frame % 20 === 0 ? 1 : 0],
                lips,
                mouthOpen: open,
                landmarks: [],
            }),
        );
    }
    await writeFile(join(folder, 'frames.jsonl'), `${lines.join('\n')}\n`);
    await writeFile(join(folder, 'audio.wav'), encodeWav(voice(frames / FPS), SAMPLE_RATE));
    const header = {
        version: 1,
        name: 'toy',
        fps: FPS,
        frameCount: frames,
        width: side,
        height: side,
        intrinsics,
        split: { train: [0, frames - test], test: [frames - test, frames] },
        audio: 'audio.wav',
        expressionNames: ['AU01', 'AU45'],
        labels: LABELS,
        backgroundColor: BACKGROUND,
        provenance: { kind: 'rendered', model: 'toy' },
    };
    await writeFile(join(folder, 'dataset.json'), JSON.stringify(header));
}

/** A camera that looks at the origin: row-major world -> camera, OpenCV axes. */
function orbit(yaw: number, pitch: number, distance: number): number[] {
    const eye = [
        Math.sin(yaw) * Math.cos(pitch) * distance,
        Math.sin(pitch) * distance,
        Math.cos(yaw) * Math.cos(pitch) * distance,
    ];
    const forward = eye.map((v) => -v / distance);
    const [fx = 0, fy = 0, fz = 0] = forward;
    // right = forward x up, down = forward x right.
    const flat = Math.hypot(fx, fz);
    const right = [-fz / flat, 0, fx / flat];
    const [rx = 0, ry = 0, rz = 0] = right;
    const down = [fy * rz - fz * ry, fz * rx - fx * rz, fx * ry - fy * rx];
    const row = (axis: readonly number[]): number[] => [
        ...axis,
        -axis.reduce((sum, v, k) => sum + v * (eye[k] as number), 0),
    ];
    return [...row(right), ...row(down), ...row(forward), 0, 0, 0, 1];
}

function draw(side: number, focal: number, m: readonly number[], open: number): { rgb: Buffer; labels: Buffer } {
    const rgb = Buffer.alloc(side * side * 3);
    const labels = Buffer.alloc(side * side);
    const at = (i: number): number => m[i] as number;
    const eye = [0, 1, 2].map((k) => -(at(k) * at(3) + at(4 + k) * at(7) + at(8 + k) * at(11)));
    for (let p = 0; p < side * side; p++) {
        const u = ((p % side) + 0.5 - side / 2) / focal;
        const v = (Math.floor(p / side) + 0.5 - side / 2) / focal;
        const ray = [0, 1, 2].map((k) => at(k) * u + at(4 + k) * v + at(8 + k));
        const hit = cast(eye, ray);
        let label: number = LABELS.background;
        let color: readonly number[] = BACKGROUND;
        if (hit !== null) {
            const { part, point, shade } = hit;
            label = part.label;
            color = part.color.map((c) => c * shade);
            const dx = ((point[0] as number) - MOUTH.x) / MOUTH.halfWidth;
            const dy = ((point[1] as number) - MOUTH.y) / Math.max(1e-6, MOUTH.halfHeight * open);
            if (label === LABELS.face && (point[2] as number) > 0 && dx * dx + dy * dy < 1) {
                label = LABELS.mouth;
                color = [90, 25, 30];
            }
        }
        labels[p] = label;
        for (let c = 0; c < 3; c++) rgb[p * 3 + c] = Math.round(color[c] as number);
    }
    return { rgb, labels };
}

function cast(
    eye: readonly number[],
    ray: readonly number[],
): { part: Ellipsoid; point: number[]; shade: number } | null {
    let nearest = Number.POSITIVE_INFINITY;
    let result: { part: Ellipsoid; point: number[]; shade: number } | null = null;
    for (const part of BUST) {
        const o = eye.map((v, k) => (v - (part.centre[k] as number)) / (part.radii[k] as number));
        const d = ray.map((v, k) => v / (part.radii[k] as number));
        const a = d.reduce((sum, v) => sum + v * v, 0);
        const b = d.reduce((sum, v, k) => sum + v * (o[k] as number), 0);
        const c = o.reduce((sum, v) => sum + v * v, -1);
        const root = b * b - a * c;
        if (root < 0) continue;
        const t = (-b - Math.sqrt(root)) / a;
        if (t <= 0 || t >= nearest) continue;
        nearest = t;
        const point = eye.map((v, k) => v + t * (ray[k] as number));
        const normalY = (o[1] as number) + t * (d[1] as number);
        // Lit from above, and a stripe pattern for texture.
        const shade = 0.75 + 0.2 * normalY + 0.05 * Math.sin(180 * (point[0] as number) + 90 * (point[1] as number));
        result = { part, point, shade: Math.min(1, Math.max(0.2, shade)) };
    }
    return result;
}

/** Box around the mouth at full opening, as a tracker of the outer lips would give. */
function lipsBox(m: readonly number[], focal: number, side: number): number[] {
    const at = (i: number): number => m[i] as number;
    const corners = [-1, 1].flatMap((sx) =>
        [-1, 1].map((sy) => {
            const [x, y, z] = [MOUTH.x + sx * 1.15 * MOUTH.halfWidth, MOUTH.y + sy * 1.15 * MOUTH.halfHeight, 0.08];
            const depth = at(8) * x + at(9) * y + at(10) * z + at(11);
            return [
                (focal * (at(0) * x + at(1) * y + at(2) * z + at(3))) / depth + side / 2,
                (focal * (at(4) * x + at(5) * y + at(6) * z + at(7))) / depth + side / 2,
            ] as const;
        }),
    );
    const us = corners.map(([u]) => u);
    const vs = corners.map(([, v]) => v);
    return [Math.min(...us), Math.min(...vs), Math.max(...us), Math.max(...vs)];
}

/** Harmonics of 120 Hz under two formants, as loud as the mouth is open, over a faint hum. */
function voice(seconds: number): Float32Array {
    const samples = new Float32Array(Math.round(seconds * SAMPLE_RATE));
    for (let i = 0; i < samples.length; i++) {
        const t = i / SAMPLE_RATE;
        const open = opening(t);
        let sum = 0;
        for (let h = 1; h <= 20; h++) {
            const hz = 120 * h;
            const gain =
                Math.exp(-(((hz - 350 - 450 * open) / 250) ** 2)) + 0.6 * Math.exp(-(((hz - 1700) / 350) ** 2));
            sum += gain * Math.sin(2 * Math.PI * hz * t);
        }
        samples[i] = 0.15 * open * sum + 0.002 * Math.sin(2 * Math.PI * 97 * t);
    }
    return samples;
}
