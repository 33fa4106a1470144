import type { AudioEngineV2 } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import { Observable } from '@babylonjs/core/Misc/observable.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { Voice, assertFrontEnd, loadOrtEncoderAsync, type AudioEncoder, type ContextSource } from './audio/index.js';
import { PgsError, decodeHead, type HeadAsset } from './core/index.js';
import type { FeaturePrecision } from './deformer/index.js';
import type { RasterizerChoice } from './rasterizer-choice.js';
import { requireGpuDevice, type HeadFrame } from './splat-material/index.js';

/** Choices at creation. */
export interface TalkingHeadOptions {
    /**
     * Babylon's audio engine that the head speaks through. Default: the one that was created last when sound is first needed; where
     * there is none, one that all heads share.
     */
    readonly audioEngine?: AudioEngineV2;
    /** Whether the voice comes from the place of the head and follows it, see Babylon's spatial audio. Default false. */
    readonly isSpatial?: boolean;
    /** A plain audio context to play in, past Babylon's audio engine: then there is no `soundSourceAsync`. */
    readonly audioContext?: ContextSource;
    /** An audio encoder of your own instead of the file's; it must give the f_a that this head was trained with. */
    readonly encoder?: AudioEncoder;
    /** Address of the hosted file `babylon-pgstalker/analysis-worker`, for pages whose policy forbids workers made from text. */
    readonly workerUrl?: string | URL;
    /** Address of the hosted file `babylon-pgstalker/tap`, likewise for audio worklets. */
    readonly tapUrl?: string | URL;
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
    assertFrontEnd(asset.audio);
    return { asset, voice: await createVoiceAsync(asset, options), options };
}

async function createVoiceAsync(
    asset: HeadAsset,
    { audioContext, encoder, workerUrl, tapUrl }: TalkingHeadOptions,
): Promise<Voice> {
    const create = async (encoder: Uint8Array | AudioEncoder): Promise<Voice> =>
        Voice.createAsync({
            frontEnd: asset.audio,
            encoder,
            createObservable: <T>() => new Observable<T>(),
            ...(audioContext === undefined ? {} : { audioContext }),
            ...(workerUrl === undefined ? {} : { workerUrl }),
            ...(tapUrl === undefined ? {} : { tapUrl }),
        });
    if (encoder !== undefined) return create(encoder);
    try {
        return await create(asset.encoderOnnx);
    } catch (error) {
        // The front end is known, so what our own executor does not know is an operator: any other ONNX needs onnxruntime-web.
        if (!(error instanceof PgsError) || error.code !== 'ENCODER_UNSUPPORTED') throw error;
        return create(await loadOrtEncoderAsync(asset.encoderOnnx));
    }
}

function isBytes(source: HeadAsset | Uint8Array | ArrayBuffer): source is Uint8Array | ArrayBuffer {
    return source instanceof Uint8Array || source instanceof ArrayBuffer;
}
