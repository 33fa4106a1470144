/**
 * Stable failure codes. A code never changes its meaning; the message may be reworded.
 *
 * `ASSET_*` concern a `.glb`, `DATASET_*` a training folder, `GPU_*` the WebGPU device, `AUDIO_*` sound, `SPEECH_*` a
 * speech service, `NATIVE_*` the training library, `CHECKPOINT_*` saved training state.
 */
export type PgsErrorCode =
    | 'ASSET_FORMAT'
    | 'ASSET_VERSION'
    | 'ASSET_SHAPE'
    | 'ASSET_VALUE'
    | 'ASSET_TOO_LARGE'
    | 'DATASET_MISSING'
    | 'DATASET_FORMAT'
    | 'DATASET_VALUE'
    | 'AUDIO_FORMAT'
    | 'AUDIO_UNAVAILABLE'
    | 'ENCODER_UNSUPPORTED'
    | 'SPEECH_SOURCE'
    | 'GPU_UNAVAILABLE'
    | 'GPU_LIMIT'
    | 'GPU_LOST'
    | 'NATIVE_MISSING'
    | 'GPU_UNAVAILABLE'
    | 'NATIVE_STATUS'
    | 'TRAINING_DIVERGED'
    | 'CHECKPOINT_WRITE'
    | 'CHECKPOINT_FORMAT'
    | 'OPTION_VALUE'
    | 'DISPOSED';

/** Every failure this package reports on purpose: `where: expected X, got Y. Cure.` */
export class PgsError extends Error {
    public readonly code: PgsErrorCode;

    public constructor(code: PgsErrorCode, message: string, options?: ErrorOptions) {
        super(message, options);
        this.name = 'PgsError';
        this.code = code;
    }
}

/**
 * Throws unless `array` holds `rows x cols` values.
 *
 * @param field - what the array is, as the user knows it (an accessor, a tensor, a file).
 * @throws PgsError `code` - names the field, both lengths and the cure.
 */
export function assertShape(
    code: PgsErrorCode,
    field: string,
    array: ArrayLike<number>,
    rows: number,
    cols: number,
    cure: string,
): void {
    if (array.length === rows * cols) return;
    throw new PgsError(
        code,
        `${field}: expected ${rows} x ${cols} = ${rows * cols} values, got ${array.length}. ${cure}`,
    );
}

/**
 * Throws on the first NaN or infinity.
 *
 * @throws PgsError `code` - names the field, the index and the value.
 */
export function assertFinite(code: PgsErrorCode, field: string, array: ArrayLike<number>, cure: string): void {
    for (let i = 0; i < array.length; i++) {
        if (Number.isFinite(array[i])) continue;
        throw new PgsError(code, `${field}[${i}]: expected a finite number, got ${array[i]}. ${cure}`);
    }
}
