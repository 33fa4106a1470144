export { decodeHead, decodeHeadDocument, isHeadDocument, validateHead } from './decode.js';
export { encodeHead, type EncodeOptions } from './encode.js';
export type { AssetFault } from './faults.js';
export { HEAD_EXTENSION, SPLAT_EXTENSION } from './gltf-json.js';
export { MAX_FILE_BYTES, MAX_SPLATS } from './glb.js';
