export { chooseEncoderAsync } from './choose-encoder.js';
export { OrtEncoder } from './ort-encoder.js';
export type { EncoderProvider } from './ort-session.js';
export type { OrtOptions, OrtWasmPaths } from './ort-runtime.js';
