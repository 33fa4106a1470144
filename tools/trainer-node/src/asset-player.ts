import { TsEncoder, WINDOW_SIZE, computeSpeechFeatures, windowOf } from '../../../plugin/audio/index.js';
import {
    AUDIO_FEAT_DIM,
    BRANCH_NAMES,
    type BranchName,
    type HeadAsset,
    type SplatSet,
} from '../../../plugin/core/index.js';
import { CpuDeformer } from '../../../plugin/deformer/index.js';
import { frameCamera, type Dataset } from './dataset/dataset.js';
import type { FrameRenderer } from './evaluate.js';
import type { BranchPixels, Engine } from './native/engine.js';

/**
 * Audio features f_a of every frame of a dataset, as the runtime computes them from the asset's own front end and encoder.
 *
 * @returns `[frameCount, AUDIO_FEAT_DIM]`.
 */
export function assetAudioFeatures(asset: HeadAsset, dataset: Dataset): Float32Array {
    const { mel, frames, silence } = computeSpeechFeatures(dataset.samples, dataset.sampleRate, asset.audio);
    const encoder = TsEncoder.fromOnnx(asset.encoderOnnx);
    const { frameCount } = dataset.header;
    const out = new Float32Array(frameCount * AUDIO_FEAT_DIM);
    const window = new Float32Array(WINDOW_SIZE);
    for (let frame = 0; frame < frameCount; frame++) {
        windowOf(mel, frames, frame, window, silence);
        encoder.encode(window, 1, out.subarray(frame * AUDIO_FEAT_DIM, (frame + 1) * AUDIO_FEAT_DIM));
    }
    return out;
}

/** Draws a dataset's frames from an exported head alone: sound and expressions of the dataset, cameras of the dataset. */
export class AssetPlayer implements FrameRenderer {
    readonly #asset: HeadAsset;
    readonly #dataset: Dataset;
    readonly #engine: Engine;
    readonly #deformer: CpuDeformer;
    readonly #audioFeat: Float32Array;

    public constructor(asset: HeadAsset, dataset: Dataset, engine: Engine) {
        this.#asset = asset;
        this.#dataset = dataset;
        this.#engine = engine;
        this.#deformer = new CpuDeformer(asset);
        this.#audioFeat = assetAudioFeatures(asset, dataset);
    }

    /** Deformed splats of a dataset frame. */
    public pose(frame: number): Record<BranchName, SplatSet> {
        const audioFeat = this.#audioFeat.subarray(frame * AUDIO_FEAT_DIM, (frame + 1) * AUDIO_FEAT_DIM);
        return this.#deformer.deform(audioFeat, this.#expression(frame));
    }

    public async render(frame: number, isDeformed: boolean): Promise<BranchPixels> {
        const camera = frameCamera(this.#dataset, frame);
        const pose = isDeformed ? this.pose(frame) : null;
        const pixels: Partial<Record<BranchName, Float32Array>> = {};
        for (const branch of BRANCH_NAMES) {
            pixels[branch] = await this.#engine.renderSplats(
                pose?.[branch] ?? this.#asset.branches[branch].splats,
                camera,
            );
        }
        return pixels as BranchPixels;
    }

    /** The asset's expressions by name; what the dataset does not know stays neutral. */
    #expression(frame: number): Float32Array {
        const { names, neutral } = this.#asset.expression;
        const values = this.#dataset.frames[frame]?.expression;
        return Float32Array.from(names, (name, i) => {
            const at = this.#dataset.header.expressionNames.indexOf(name);
            return at < 0 ? (neutral[i] as number) : (values?.[at] as number);
        });
    }
}
