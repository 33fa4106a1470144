import { PgsError, type PgsErrorCode } from '../../../../plugin/core/index.js';
import { LABEL_NAMES, type LabelName } from './labels.js';

/** Version of the dataset folder that this code reads. */
export const DATASET_VERSION = 1;

/** `dataset.json`, checked. */
export interface DatasetHeader {
    readonly name: string;
    readonly fps: number;
    readonly frameCount: number;
    /** Picture size, px. */
    readonly width: number;
    readonly height: number;
    /** Focal lengths and principal point, px. */
    readonly intrinsics: { readonly fx: number; readonly fy: number; readonly cx: number; readonly cy: number };
    /** Half-open frame ranges. */
    readonly split: { readonly train: readonly [number, number]; readonly test: readonly [number, number] };
    readonly audio: string;
    readonly expressionNames: readonly string[];
    readonly labels: Readonly<Record<LabelName, number>>;
    /** sRGB bytes. */
    readonly backgroundColor: readonly [number, number, number];
    readonly provenance: Readonly<Record<string, unknown>>;
    readonly consent: string | null;
}

/** A line of `frames.jsonl`, checked. */
export interface FrameRecord {
    /** Row-major world -> camera `[16]`, OpenCV axes, metres. */
    readonly viewmat: Float64Array;
    /** `[E]`, 0..1. */
    readonly expression: Float64Array;
    /** x0, y0, x1, y1, px. */
    readonly lips: Float64Array;
    /** 0 closed .. 1. */
    readonly mouthOpen: number;
    /** Box around eyes and brows: x0, y0, x1, y1, px; null where the landmarks do not tell. */
    readonly eyes: Float64Array | null;
}

/** Largest picture side and frame count: refuses absurd headers before anything is allocated. */
const MAX_SIDE = 4096;
const MAX_FRAMES = 200_000;
/** How far a viewmat's rotation may be from orthonormal: files carry 8 digits. */
const RIGID_TOLERANCE = 1e-4;

type Json = Readonly<Record<string, unknown>>;

/** An error about the dataset: `where: expected X, got Y. Cure.` */
export function refuseDataset(
    code: PgsErrorCode,
    where: string,
    expected: string,
    got: unknown,
    cure: string,
): PgsError {
    const text = typeof got === 'string' ? got : (JSON.stringify(got) ?? String(got));
    return new PgsError(code, `${where}: expected ${expected}, got ${text.slice(0, 120)}. ${cure}`);
}

function isObject(value: unknown): value is Json {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isInteger(value: unknown, low: number, high: number): value is number {
    return Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
}

function isFinitePositive(value: unknown): value is number {
    return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** `[count]` finite numbers, or null. */
function finiteNumbers(value: unknown, count: number): Float64Array | null {
    if (!Array.isArray(value) || value.length !== count) return null;
    return value.every((x) => typeof x === 'number' && Number.isFinite(x))
        ? Float64Array.from(value as number[])
        : null;
}

/**
 * Checks `dataset.json`.
 *
 * @throws PgsError `DATASET_FORMAT` (wrong type, missing, wrong version) or `DATASET_VALUE` (out of range).
 */
export function parseHeader(json: unknown): DatasetHeader {
    const file = 'dataset.json';
    const cure = 'See the dataset page of the documentation, or prepare the folder again.';
    const format = (where: string, expected: string, got: unknown): PgsError =>
        refuseDataset('DATASET_FORMAT', `${file} ${where}`, expected, got, cure);
    const value = (where: string, expected: string, got: unknown): PgsError =>
        refuseDataset('DATASET_VALUE', `${file} ${where}`, expected, got, cure);

    if (!isObject(json)) throw format('document', 'an object', json);
    if (json['version'] !== DATASET_VERSION) throw format('version', String(DATASET_VERSION), json['version']);
    if (typeof json['name'] !== 'string' || json['name'] === '') throw format('name', 'a text', json['name']);
    if (json['fps'] !== 25) throw value('fps', '25', json['fps']);
    const { frameCount, width, height, intrinsics } = json;
    if (!isInteger(frameCount, 2, MAX_FRAMES)) throw value('frameCount', `an integer 2..${MAX_FRAMES}`, frameCount);
    if (!isInteger(width, 16, MAX_SIDE)) throw value('width', `an integer 16..${MAX_SIDE}`, width);
    if (!isInteger(height, 16, MAX_SIDE)) throw value('height', `an integer 16..${MAX_SIDE}`, height);

    if (!isObject(intrinsics)) throw format('intrinsics', 'an object {fx, fy, cx, cy}', intrinsics);
    const { fx, fy, cx, cy } = intrinsics;
    if (!isFinitePositive(fx) || !isFinitePositive(fy)) throw value('intrinsics', 'fx and fy above 0', intrinsics);
    if (!isFinitePositive(cx) || !isFinitePositive(cy)) throw value('intrinsics', 'cx and cy above 0', intrinsics);
    if (cx >= width || cy >= height) throw value('intrinsics', `cx, cy within ${width} x ${height}`, intrinsics);

    const split = json['split'];
    if (!isObject(split)) throw format('split', 'an object {train, test}', split);
    const range = (name: 'train' | 'test'): [number, number] => {
        const pair = split[name];
        if (!Array.isArray(pair) || pair.length !== 2) throw format(`split.${name}`, 'a pair [first, end)', pair);
        const [a, b] = pair as unknown[];
        if (!isInteger(a, 0, frameCount) || !isInteger(b, 0, frameCount) || a >= b) {
            throw value(`split.${name}`, `0 <= first < end <= ${frameCount}`, pair);
        }
        return [a, b];
    };
    const train = range('train');
    const test = range('test');
    if (train[0] < test[1] && test[0] < train[1]) throw value('split', 'ranges that do not overlap', split);

    const audio = json['audio'];
    if (typeof audio !== 'string' || audio === '' || /[/\\]|^\.\.?$/.test(audio))
        throw format('audio', 'the name of a file in the folder', audio);
    const names = json['expressionNames'];
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string' && name !== '') || names.length > 64) {
        throw format('expressionNames', 'up to 64 texts', names);
    }
    if (new Set(names).size !== names.length) throw value('expressionNames', 'no name twice', names);

    const labels = json['labels'];
    if (!isObject(labels)) throw format('labels', `an object {${LABEL_NAMES.join(', ')}}`, labels);
    for (const name of LABEL_NAMES)
        if (!isInteger(labels[name], 0, 255)) throw value(`labels.${name}`, 'an integer 0..255', labels[name]);
    for (const name of Object.keys(labels)) {
        if (!LABEL_NAMES.includes(name as LabelName))
            throw value(`labels.${name}`, `one of ${LABEL_NAMES.join(', ')}`, name);
    }
    if (new Set(Object.values(labels)).size !== LABEL_NAMES.length)
        throw value('labels', 'a different id for each label', labels);

    const color = json['backgroundColor'];
    if (!Array.isArray(color) || color.length !== 3 || !color.every((c) => isInteger(c, 0, 255))) {
        throw value('backgroundColor', 'three bytes', color);
    }
    const provenance = json['provenance'];
    if (!isObject(provenance) || typeof provenance['kind'] !== 'string')
        throw format('provenance', 'an object with a text "kind"', provenance);
    const consent = json['consent'] ?? null;
    if (consent !== null && typeof consent !== 'string') throw format('consent', 'a text', consent);

    return {
        name: json['name'],
        fps: 25,
        frameCount,
        width,
        height,
        intrinsics: { fx, fy, cx, cy },
        split: { train, test },
        audio,
        expressionNames: names as string[],
        labels: labels as unknown as Record<LabelName, number>,
        backgroundColor: color as [number, number, number],
        provenance,
        consent,
    };
}

/**
 * Checks one line of `frames.jsonl`.
 *
 * @param index - frame number, for the message.
 * @param landmarkNames - what the landmarks of a line are, in order; none: the line's landmarks are not looked at.
 * @throws PgsError `DATASET_FORMAT` or `DATASET_VALUE`.
 */
export function parseFrame(
    line: string,
    index: number,
    numExpressions: number,
    landmarkNames: readonly string[] = [],
): FrameRecord {
    const where = `frames.jsonl line ${index + 1}`;
    const cure = 'Track the video again.';
    let json: unknown;
    try {
        json = JSON.parse(line);
    } catch {
        throw refuseDataset('DATASET_FORMAT', where, 'a JSON object', line, cure);
    }
    if (!isObject(json)) throw refuseDataset('DATASET_FORMAT', where, 'a JSON object', json, cure);
    const viewmat = finiteNumbers(json['viewmat'], 16);
    if (viewmat === null)
        throw refuseDataset('DATASET_VALUE', `${where} viewmat`, '16 finite numbers', json['viewmat'], cure);
    assertRigid(`${where} viewmat`, viewmat, cure);
    const expression = finiteNumbers(json['expression'], numExpressions);
    if (expression === null) {
        throw refuseDataset(
            'DATASET_VALUE',
            `${where} expression`,
            `${numExpressions} finite numbers`,
            json['expression'],
            cure,
        );
    }
    if (expression.some((x) => x < 0 || x > 1))
        throw refuseDataset('DATASET_VALUE', `${where} expression`, 'numbers 0..1', json['expression'], cure);
    const lips = finiteNumbers(json['lips'], 4);
    if (lips === null || (lips[0] as number) >= (lips[2] as number) || (lips[1] as number) >= (lips[3] as number)) {
        throw refuseDataset('DATASET_VALUE', `${where} lips`, 'x0 < x1 and y0 < y1, px', json['lips'], cure);
    }
    const mouthOpen = json['mouthOpen'];
    if (typeof mouthOpen !== 'number' || !Number.isFinite(mouthOpen)) {
        throw refuseDataset('DATASET_VALUE', `${where} mouthOpen`, 'a finite number', mouthOpen, cure);
    }
    const landmarks = landmarkNames.length > 0 ? json['landmarks'] : [];
    const isPoint = (point: unknown): point is number[] => finiteNumbers(point, 2) !== null;
    if (!Array.isArray(landmarks) || landmarks.length !== landmarkNames.length || !landmarks.every(isPoint)) {
        const wanted = `${landmarkNames.length} points [x, y], as landmarks.json names them`;
        throw refuseDataset('DATASET_VALUE', `${where} landmarks`, wanted, landmarks, cure);
    }
    return { viewmat, expression, lips, mouthOpen, eyes: eyesBox(landmarkNames, landmarks) };
}

/** Landmarks whose motion the expressions drive, by the start of their names. */
const EYES = /^(eye|brow)_/;
/** Share of the box's width that lids and brows reach beyond their landmarks. Chosen by eye on rendered-f1. */
const EYES_MARGIN = 0.12;

/** Box around the eye and brow landmarks of a frame, padded; null where fewer than two are named. */
function eyesBox(names: readonly string[], points: readonly (readonly number[])[]): Float64Array | null {
    const eyes = points.filter((_, k) => EYES.test(names[k] as string));
    if (eyes.length < 2) return null;
    const [xs, ys] = [eyes.map((point) => point[0] as number), eyes.map((point) => point[1] as number)];
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const margin = EYES_MARGIN * (x1 - x0);
    return Float64Array.of(x0 - margin, y0 - margin, x1 + margin, y1 + margin);
}

/**
 * Checks `landmarks.json`: the names of a line's landmarks, in order.
 *
 * @throws PgsError `DATASET_FORMAT`.
 */
export function parseLandmarkNames(json: unknown): readonly string[] {
    const names = isObject(json) ? json['names'] : json;
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
        const cure =
            'Track the video again, or remove the file: training then gives eyes and brows no weight of their own.';
        throw refuseDataset('DATASET_FORMAT', 'landmarks.json names', 'an array of texts', names, cure);
    }
    return names as string[];
}

/** A rotation with determinant +1, a translation, and the last row 0 0 0 1. */
function assertRigid(where: string, m: Float64Array, cure: string): void {
    const at = (i: number): number => m[i] as number;
    const dot = (a: number, b: number): number => at(a) * at(b) + at(a + 1) * at(b + 1) + at(a + 2) * at(b + 2);
    const determinant =
        at(0) * (at(5) * at(10) - at(6) * at(9)) -
        at(1) * (at(4) * at(10) - at(6) * at(8)) +
        at(2) * (at(4) * at(9) - at(5) * at(8));
    const errors = [
        dot(0, 0) - 1,
        dot(4, 4) - 1,
        dot(8, 8) - 1,
        dot(0, 4),
        dot(0, 8),
        dot(4, 8),
        determinant - 1,
        at(12),
        at(13),
        at(14),
        at(15) - 1,
    ];
    const worst = Math.max(...errors.map(Math.abs));
    if (worst > RIGID_TOLERANCE) {
        throw refuseDataset(
            'DATASET_VALUE',
            where,
            'a rigid world -> camera matrix, row-major',
            `a deviation of ${worst.toPrecision(3)}`,
            cure,
        );
    }
}
