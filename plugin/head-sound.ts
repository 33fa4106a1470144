import type { AbstractSoundSource } from '@babylonjs/core/AudioV2/abstractAudio/abstractSoundSource.js';
import type { TransformNode } from '@babylonjs/core/Meshes/transformNode.js';
import type { Voice } from './audio/index.js';
import { PgsError } from './core/index.js';
import type { TalkingHeadOptions } from './prepared-head.js';
import { BabylonSoundHost } from './sound/index.js';

/** A head's place in Babylon's audio engine, unless it was made with a plain context to play past it. */
export class HeadSound {
    readonly #name: string;
    readonly #host: BabylonSoundHost | undefined;

    public constructor(mesh: TransformNode, voice: Voice, options: TalkingHeadOptions) {
        const { audioContext, audioEngine, isSpatial: spatial } = options;
        this.#name = mesh.name;
        if (audioContext !== undefined) return;
        this.#host = new BabylonSoundHost({ name: `${mesh.name} voice`, mesh, audioEngine, spatial });
        voice.playThrough(this.#host);
    }

    /** @throws PgsError `AUDIO_UNAVAILABLE` - there is no audio engine, or the head plays past it. */
    public async sourceAsync(): Promise<AbstractSoundSource> {
        if (this.#host) return this.#host.sourceAsync();
        throw new PgsError(
            'AUDIO_UNAVAILABLE',
            `${this.#name}.soundSourceAsync: expected a head in Babylon's audio engine, got one with an audioContext. Load it without.`,
        );
    }

    public dispose(): void {
        this.#host?.dispose();
    }
}
