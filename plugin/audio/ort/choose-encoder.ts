import { TsEncoder } from '../encoder.js';
import { OrtEncoder } from './ort-encoder.js';
import type { OrtOptions } from './ort-runtime.js';

/**
 * The lightest encoder that runs an ONNX file: plain TypeScript for a chain of the operators that it knows, and
 * onnxruntime-web, loaded only then, for anything else of the contract that {@link OrtEncoder} declares.
 *
 * @param onnx - read during the whole call. An `OrtEncoder` keeps it, so do not write to it afterwards.
 * @throws PgsError `ENCODER_UNSUPPORTED` - neither runs it, or onnxruntime-web is not installed. The message is about
 *   onnxruntime-web; why the file is no plain chain stands in `cause`, where that message has no cause of its own.
 */
export async function chooseEncoderAsync(onnx: Uint8Array, options: OrtOptions = {}): Promise<TsEncoder | OrtEncoder> {
    let refusal: unknown;
    try {
        return TsEncoder.fromOnnx(onnx);
    } catch (error) {
        refusal = error;
    }
    try {
        return await OrtEncoder.createAsync(onnx, options);
    } catch (error) {
        if (error instanceof Error) error.cause ??= refusal;
        throw error;
    }
}
