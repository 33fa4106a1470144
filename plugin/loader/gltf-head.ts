import type { GLTFLoader } from '@babylonjs/loaders/glTF/2.0/glTFLoader.js';
import {
    BRANCH_NAMES,
    decodeHeadDocument,
    HEAD_EXTENSION,
    MAX_FILE_BYTES,
    PgsError,
    type HeadAsset,
} from '../core/index.js';

/** A head found in a file that the loader has parsed. */
export interface GltfHead {
    readonly asset: HeadAsset;
    /** Meshes whose primitives are the head's branches. */
    readonly meshIndices: ReadonlySet<number>;
}

/**
 * Reads the head of a parsed glTF file, binary or with its buffer beside it.
 *
 * @throws PgsError `ASSET_*` - at the first fault, with its JSON pointer; sizes are checked before memory is taken.
 */
export async function readHeadAsync(loader: GLTFLoader): Promise<GltfHead> {
    const asset = decodeHeadDocument(loader.gltf, await readBufferAsync(loader));
    const extension = loader.gltf.extensions?.[HEAD_EXTENSION] as { branches: Record<string, { mesh: number }> };
    return { asset, meshIndices: new Set(BRANCH_NAMES.map((name) => extension.branches[name]?.mesh ?? -1)) };
}

async function readBufferAsync(loader: GLTFLoader): Promise<Uint8Array> {
    const buffer = loader.gltf.buffers?.[0];
    if (!buffer) throw new PgsError('ASSET_FORMAT', '/buffers: expected one buffer, got none. Export the head again.');
    const size = loader.bin?.byteLength ?? buffer.byteLength;
    if (!(size <= MAX_FILE_BYTES)) {
        throw new PgsError(
            'ASSET_TOO_LARGE',
            `/buffers/0: expected at most ${MAX_FILE_BYTES} bytes, got ${size}. Export with fewer splats.`,
        );
    }
    const data = loader.bin
        ? await loader.bin.readAsync(0, loader.bin.byteLength)
        : await loader.loadUriAsync('/buffers/0/uri', buffer, buffer.uri ?? '');
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
