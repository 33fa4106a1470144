import type { InferenceSession } from 'onnxruntime-web';
import { AUDIO_FEAT_DIM, MEL_BANDS, PgsError, WINDOW_FRAMES, type AudioFrontEnd } from '../../core/index.js';
import { assertFrontEnd } from '../front-end.js';
import { FRONT_END_KEY } from '../onnx-format.js';
import { readOnnxMetadata } from '../onnx-read.js';

/** The names of a session that keeps the contract. */
export interface EncoderPorts {
    readonly input: string;
    readonly output: string;
    /** N is free; otherwise it is 1, and windows go in one by one. */
    readonly isBatched: boolean;
}

/**
 * The front end that an ONNX file declares, checked; null where it declares none.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - no ONNX file, or a front end that this version does not implement.
 * @throws PgsError `ASSET_VALUE` - its normalisation is malformed.
 */
export function readFrontEnd(onnx: Uint8Array): AudioFrontEnd | null {
    const json = readOnnxMetadata(onnx)[FRONT_END_KEY];
    if (json === undefined) return null;
    const frontEnd = parseObject(json);
    assertFrontEnd(frontEnd);
    return frontEnd;
}

/**
 * The ports of a session, checked: one float32 input [N, MEL_BANDS, WINDOW_FRAMES] and one float32 output
 * [N, AUDIO_FEAT_DIM], where each N is a name or 1.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - says what was wanted and what is there.
 */
export function portsOf({ inputMetadata, outputMetadata }: InferenceSession): EncoderPorts {
    const input = portOf('input', inputMetadata, [MEL_BANDS, WINDOW_FRAMES]);
    const output = portOf('output', outputMetadata, [AUDIO_FEAT_DIM]);
    return { input: input.name, output: output.name, isBatched: input.isBatched && output.isBatched };
}

/** @param rest - the shape behind the batch. */
function portOf(
    what: 'input' | 'output',
    metadata: readonly InferenceSession.ValueMetadata[],
    rest: readonly number[],
): { readonly name: string; readonly isBatched: boolean } {
    const [only] = metadata;
    const shape = only?.isTensor === true ? only.shape : [];
    const isKept =
        metadata.length === 1 &&
        only?.isTensor === true &&
        only.type === 'float32' &&
        shape.length === rest.length + 1 &&
        (shape[0] === 1 || typeof shape[0] === 'string') &&
        rest.every((size, i) => shape[i + 1] === size);
    if (isKept) return { name: only.name, isBatched: shape[0] !== 1 };
    throw refuse(
        `one ${what}, float32 [N, ${rest.join(', ')}] with N free or 1`,
        metadata.length === 0 ? 'none' : metadata.map(describe).join(' and '),
    );
}

function describe(value: InferenceSession.ValueMetadata): string {
    return `"${value.name}" ${value.isTensor ? `${value.type} [${value.shape.join(', ')}]` : 'that is no tensor'}`;
}

function parseObject(json: string): AudioFrontEnd {
    try {
        const value: unknown = JSON.parse(json);
        if (typeof value === 'object' && value !== null) return value as AudioFrontEnd;
    } catch {
        // Refused below, as any other text that is no object.
    }
    throw refuse(`a JSON object as metadata "${FRONT_END_KEY}"`, `"${json.slice(0, 64)}"`);
}

/** A file that breaks the contract. */
export function refuse(expected: string, got: string): PgsError {
    return new PgsError(
        'ENCODER_UNSUPPORTED',
        `audio encoder: expected ${expected}, got ${got}. Export the encoder with the contract that OrtEncoder declares.`,
    );
}
