import type { AudioEncoder } from './encoder.js';
import type { OrtOptions } from './ort/index.js';

/**
 * An encoder that our own executor does not run, by onnxruntime-web: an optional package, loaded only here.
 *
 * @throws PgsError `ENCODER_UNSUPPORTED` - the package is missing, or the file breaks the contract; see `OrtEncoder.createAsync`.
 */
export async function loadOrtEncoderAsync(onnx: Uint8Array, options: OrtOptions = {}): Promise<AudioEncoder> {
    const { OrtEncoder } = await import('./ort/index.js');
    return OrtEncoder.createAsync(onnx, options);
}
