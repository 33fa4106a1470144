import type { TalkingHeadMesh } from '../../plugin/index.js';

/** Heard time after which the audio clock is known to run, s. */
const SURE_SECONDS = 0.05;

/**
 * Lets a head stand still as it looks at one moment of a clip.
 *
 * The face follows the audio clock and nothing else, so this stops that clock and shifts the lips against it. Silent.
 *
 * @param time - s from the start of the clip.
 */
export async function freezeAsync(head: TalkingHeadMesh, sound: AudioBuffer, time: number): Promise<void> {
    const { voice } = head;
    const { context } = voice.output;
    if (!(context instanceof AudioContext))
        throw new Error('freeze: expected a live audio context, got an offline one.');
    voice.volume = 0;
    // A slow machine must not reach the end of the clip first.
    await voice.play(sound, { loop: true });
    while (voice.currentTime < SURE_SECONDS) await new Promise((resolve) => setTimeout(resolve, 10));
    await context.suspend();
    voice.avOffsetMs = 1000 * (voice.currentTime - time);
    // From rest into the clip the lips glide for a moment of page time.
    await new Promise((resolve) => setTimeout(resolve, 200));
}
