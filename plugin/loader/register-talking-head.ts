import { RegisterGLTF2Loader } from '@babylonjs/loaders/glTF/2.0/glTFLoader.js';
import {
    registeredGLTFExtensions,
    registerGLTFExtension,
    unregisterGLTFExtension,
} from '@babylonjs/loaders/glTF/2.0/glTFLoaderExtensionRegistry.js';
import { RegisterGLTFFileLoader } from '@babylonjs/loaders/glTF/glTFFileLoader.js';
import { HEAD_EXTENSION } from '../core/index.js';
import type { TalkingHeadOptions } from '../prepared-head.js';
import { createHeadExtensionAsync } from './talking-head-loader.js';

/**
 * Teaches Babylon's glTF loader talking heads: `ImportMeshAsync('ava.glb', scene)` and its kin then give a
 * `TalkingHeadMesh`. Other files load as before. Twice is fine.
 *
 * @param options - for every head loaded this way; a later call with options replaces them.
 */
export function registerTalkingHead(options: Omit<TalkingHeadOptions, 'frame'> = {}): void {
    RegisterGLTF2Loader();
    RegisterGLTFFileLoader();
    if (registeredGLTFExtensions.has(HEAD_EXTENSION)) {
        if (Object.keys(options).length === 0) return;
        unregisterTalkingHead();
    }
    registerGLTFExtension(HEAD_EXTENSION, true, (loader) => createHeadExtensionAsync(loader, options));
}

/** Takes {@link registerTalkingHead} back. Heads already loaded stay. */
export function unregisterTalkingHead(): void {
    unregisterGLTFExtension(HEAD_EXTENSION);
}
