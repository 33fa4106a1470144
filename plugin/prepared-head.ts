import { Observable } from '@babylonjs/core/Misc/observable.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { Voice, type ContextSource } from './audio/index.js';
import { decodeHead, type HeadAsset } from './core/index.js';
import type { FeaturePrecision } from './deformer/index.js';
import type { RasterizerChoice } from './rasterizer-choice.js';
import { requireGpuDevice, type HeadFrame } from './splat-material/index.js';

/** Choices at creation. */
export interface TalkingHeadOptions {
    /** Where the voice plays. Default: an audio context of its own, made when sound is first needed. */
    readonly audioContext?: ContextSource;
    /** Storage of the deformation's input on the GPU. Default `f32`; `f16` halves it for 0.001 px of error. */
    readonly featurePrecision?: FeaturePrecision;
    /** Default `auto`. */
    readonly rasterizer?: RasterizerChoice;
    /** See `TalkingHeadMesh.layer`. Default false. */
    readonly layer?: boolean;
    /** See `TalkingHeadMesh.levelOfDetail`. Default true. */
    readonly levelOfDetail?: boolean;
    /** `gltf` when the mesh will hang under a node that carries the glTF flip. Default `scene`. */
    readonly frame?: HeadFrame;
}

/** A head that is checked and can speak, but has no mesh and no GPU memory yet. */
export interface PreparedHead {
    readonly asset: HeadAsset;
    readonly voice: Voice;
    readonly options: TalkingHeadOptions;
}

/**
 * Checks an asset and the engine, and makes the voice. Nothing is added to the scene; no GPU memory is taken.
 *
 * @param source - a `.glb` as bytes, or a decoded head.
 * @throws PgsError `GPU_UNAVAILABLE` - not a WebGPU engine. `ASSET_*` - the file is malformed. `ENCODER_UNSUPPORTED`.
 */
export async function prepareTalkingHeadAsync(
    source: HeadAsset | Uint8Array | ArrayBuffer,
    scene: Scene,
    options: TalkingHeadOptions = {},
): Promise<PreparedHead> {
    requireGpuDevice(scene.getEngine());
    const asset = isBytes(source) ? decodeHead(source instanceof Uint8Array ? source : new Uint8Array(source)) : source;
    const voice = await Voice.createAsync({
        frontEnd: asset.audio,
        encoder: asset.encoderOnnx,
        createObservable: <T>() => new Observable<T>(),
        ...(options.audioContext === undefined ? {} : { audioContext: options.audioContext }),
    });
    return { asset, voice, options };
}

function isBytes(source: HeadAsset | Uint8Array | ArrayBuffer): source is Uint8Array | ArrayBuffer {
    return source instanceof Uint8Array || source instanceof ArrayBuffer;
}
