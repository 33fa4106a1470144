import { MEL_BANDS } from '../constants.js';
import type { AudioFrontEnd, HeadAsset, ViewPrior } from '../head-asset.js';
import type { JsonReader } from './faults.js';
import type { AccessorReader } from './read-accessor.js';

/** Most expression values that a head may have: a face has about 50 action units. */
const MAX_EXPRESSIONS = 64;
/** An encoder larger than this is not one. */
const MAX_ENCODER_BYTES: number = 16 * 2 ** 20;

const FRONT_END_NUMBERS = [
    'sampleRate',
    'hop',
    'windowLength',
    'fftSize',
    'preEmphasis',
    'melBands',
    'melMinHz',
    'melMaxHz',
    'logFloor',
    'hopsPerFrame',
    'windowFrames',
    'windowFirst',
    'lookAheadMs',
] as const;

/** Front end and encoder. The parameters' values are for `plugin/audio` to accept or refuse: it implements them. */
export function readAudio(
    json: JsonReader,
    accessors: AccessorReader,
    value: unknown,
    at: string,
): { frontEnd: AudioFrontEnd; encoderOnnx: Uint8Array } | undefined {
    const audio = json.object(value, at);
    const frontEnd = audio && json.object(audio['frontEnd'], `${at}/frontEnd`);
    const encoder = audio && json.object(audio['encoder'], `${at}/encoder`);
    if (frontEnd === undefined || encoder === undefined) return undefined;
    if (frontEnd['kind'] !== 'log-mel-v1')
        json.fault('ASSET_VERSION', `${at}/frontEnd/kind`, `expected "log-mel-v1", got ${String(frontEnd['kind'])}.`);
    const numbers = FRONT_END_NUMBERS.map((key) => [key, json.number(frontEnd[key], `${at}/frontEnd/${key}`)] as const);
    const normalisation = json.object(frontEnd['normalisation'], `${at}/frontEnd/normalisation`);
    const mean = normalisation && json.numbers(normalisation['mean'], `${at}/frontEnd/normalisation/mean`, MEL_BANDS);
    const std = normalisation && json.numbers(normalisation['std'], `${at}/frontEnd/normalisation/std`, MEL_BANDS);
    const priorSeconds =
        normalisation && json.number(normalisation['priorSeconds'], `${at}/frontEnd/normalisation/priorSeconds`);
    if (std?.some((s) => !(s > 0)))
        json.fault('ASSET_VALUE', `${at}/frontEnd/normalisation/std`, 'expected values above 0.');
    const view = accessors.view(encoder['bufferView'], `${at}/encoder/bufferView`);
    const length = json.integer(
        encoder['byteLength'],
        `${at}/encoder/byteLength`,
        1,
        Math.min(MAX_ENCODER_BYTES, view?.length ?? 0),
    );
    if (
        mean === undefined ||
        std === undefined ||
        priorSeconds === undefined ||
        view === undefined ||
        length === undefined
    )
        return undefined;
    if (numbers.some(([, number]) => number === undefined)) return undefined;
    return {
        frontEnd: {
            kind: 'log-mel-v1',
            ...Object.fromEntries(numbers),
            normalisation: { mean, std, priorSeconds },
        } as unknown as AudioFrontEnd,
        // A copy by construction: slice of a Node Buffer would be a window into the whole file.
        encoderOnnx: new Uint8Array(view.subarray(0, length)),
    };
}

/** Names, neutral values and ranges of the expression input. */
export function readExpression(json: JsonReader, value: unknown, at: string): HeadAsset['expression'] | undefined {
    const expression = json.object(value, at);
    const names = expression && json.array(expression['names'], `${at}/names`);
    if (expression === undefined || names === undefined) return undefined;
    if (
        names.length > MAX_EXPRESSIONS ||
        new Set(names).size !== names.length ||
        !names.every((name) => typeof name === 'string' && name !== '')
    ) {
        return json.fault('ASSET_VALUE', `${at}/names`, `expected up to ${MAX_EXPRESSIONS} different names.`);
    }
    const neutral = json.numbers(expression['neutral'], `${at}/neutral`, names.length);
    const ranges = json
        .array(expression['ranges'], `${at}/ranges`, names.length)
        ?.map((range, i) => json.numbers(range, `${at}/ranges/${i}`, 2));
    if (neutral === undefined || ranges === undefined || ranges.some((range) => range === undefined)) return undefined;
    ranges.forEach((range, i) => {
        const [low, high] = range as [number, number];
        if (low > high) json.fault('ASSET_VALUE', `${at}/ranges/${i}`, `expected low below high, got ${low}..${high}.`);
    });
    return { names: names as string[], neutral, ranges: ranges as [number, number][] };
}

/** The deformed bounds. */
export function readBounds(json: JsonReader, value: unknown, at: string): HeadAsset['bounds'] | undefined {
    const bounds = json.object(value, at);
    const min = bounds && json.numbers(bounds['min'], `${at}/min`, 3);
    const max = bounds && json.numbers(bounds['max'], `${at}/max`, 3);
    if (min === undefined || max === undefined) return undefined;
    if (min.some((low, i) => low > (max[i] as number))) return json.fault('ASSET_VALUE', at, 'expected min below max.');
    return { min, max };
}

/** Camera prior and safe viewing cone. */
export function readView(json: JsonReader, value: unknown, at: string): ViewPrior | undefined {
    const view = json.object(value, at);
    const verticalFovDegrees = view && json.number(view['verticalFovDegrees'], `${at}/verticalFovDegrees`);
    const distance = view && json.number(view['distance'], `${at}/distance`);
    const yawDegrees = view && json.numbers(view['yawDegrees'], `${at}/yawDegrees`, 2);
    const pitchDegrees = view && json.numbers(view['pitchDegrees'], `${at}/pitchDegrees`, 2);
    if (
        verticalFovDegrees === undefined ||
        distance === undefined ||
        yawDegrees === undefined ||
        pitchDegrees === undefined
    )
        return undefined;
    if (!(verticalFovDegrees > 0 && verticalFovDegrees < 180)) {
        json.fault(
            'ASSET_VALUE',
            `${at}/verticalFovDegrees`,
            `expected an angle between 0 and 180, got ${verticalFovDegrees}.`,
        );
    }
    if (!(distance > 0)) json.fault('ASSET_VALUE', `${at}/distance`, `expected a distance above 0, got ${distance}.`);
    return {
        verticalFovDegrees,
        distance,
        yawDegrees: yawDegrees as [number, number],
        pitchDegrees: pitchDegrees as [number, number],
    };
}
