import { AUDIO_FEAT_DIM, type TalkingHeadMesh } from '../../plugin/index.js';

/**
 * Lets a head stand still as it looks at one moment of a clip. Nothing is heard.
 *
 * @param time - s from the start of the clip.
 */
export async function freezeAsync(head: TalkingHeadMesh, sound: AudioBuffer, time: number): Promise<void> {
    const mouth = new Float32Array(AUDIO_FEAT_DIM);
    await head.voice.sampleClip(sound, time, mouth);
    head.setAudioFeature(mouth);
}
