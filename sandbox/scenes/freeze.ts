import type { TalkingHeadMesh } from '../../plugin/index.js';

/** Length of f_a, which describes a mouth; the head refuses any other. */
const MOUTH_SIZE = 32;
/** Heard time after which the audio clock is known to run, s. */
const SURE_SECONDS = 0.05;
/** From rest into the clip the lips glide for 120 ms of page time. */
const GLIDE_MS = 200;

/**
 * Lets a head stand still as it looks at one moment of a clip.
 *
 * The lips follow what is heard, and rest where nothing is. So this lets the clip run without a sound, holds the lips at the wanted
 * moment until they are there, and keeps that mouth.
 *
 * @param time - s from the start of the clip.
 */
export async function freezeAsync(head: TalkingHeadMesh, sound: AudioBuffer, time: number): Promise<void> {
    const { voice } = head;
    const mouth = new Float32Array(MOUTH_SIZE);
    const hold = (): void => {
        voice.avOffsetMs = 1000 * (voice.currentTime - time);
        voice.sampleFeatures(mouth);
        // From now on the head leaves the voice alone.
        head.setAudioFeature(mouth);
    };
    voice.volume = 0;
    // A slow machine must not reach the end of the clip first.
    await voice.play(sound, { loop: true });
    while (voice.currentTime < SURE_SECONDS) await wait(10);
    for (const start = performance.now(); performance.now() - start < GLIDE_MS;) {
        hold();
        await wait(10);
    }
    hold();
    voice.stop();
    voice.avOffsetMs = 0;
    voice.loop = false;
    voice.volume = 1;
}

async function wait(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
}
