import { afterAll, beforeAll, expect, it } from 'vitest';
import { CreateTalkingHeadAsync } from '../../plugin/index.js';
import { fakeBuffer } from '../audio/fake-audio-context.js';
import { babble } from '../audio/sounds.js';
import { tryBabylon, type NodeEngineAttempt } from '../helpers/babylon-node.js';
import { lookAt } from '../helpers/look-at.js';
import { makeHead } from '../helpers/make-head.js';
import { stageFor, untilReadyAsync } from '../helpers/stage.js';
import { agreement } from '../helpers/tile-stage.js';
import { SteppedContext } from '../helpers/stepped-context.js';

const SIZE = 128;
const DISPLAY_RATE = 60;
const FRAMES = 30;
const SET_UP_FRAMES = 3;

let attempt: NodeEngineAttempt = { reason: 'not started' };
beforeAll(async () => {
    attempt = await tryBabylon(SIZE, SIZE);
});
afterAll(() => {
    if ('host' in attempt) attempt.host.dispose();
});

it('computes poses at the feature rate and shows, at the display rate, what exact poses would', async ({ skip }) => {
    if (!('host' in attempt)) return skip(attempt.reason);
    const { host } = attempt;
    const focal = SIZE / 2 / Math.tan(Math.PI / 14);
    const pinhole = lookAt([0.1, 0.05, 0.8], [0, 0, 0], {
        fx: focal,
        fy: focal,
        cx: SIZE / 2,
        cy: SIZE / 2,
        width: SIZE,
        height: SIZE,
    });
    const scene = stageFor(host, pinhole);
    const audio = new SteppedContext();
    const asset = makeHead({ faceCount: 900, mouthCount: 100, seed: 5 });
    const head = await CreateTalkingHeadAsync('head', asset, scene, {
        audioContext: audio.asContext(),
        levelOfDetail: false,
    });
    await untilReadyAsync(head);
    await head.voice.play(fakeBuffer(16_000, babble(16_000, 2)));
    // Past the glide into speech, which runs on the page's time.
    audio.advance(0.5);
    await new Promise((resolve) => setTimeout(resolve, 150));

    const written: string[] = [];
    const { queue } = host.device;
    const writeBuffer = queue.writeBuffer.bind(queue);
    queue.writeBuffer = (buffer: GPUBuffer, ...rest: [number, GPUAllowSharedBufferSource, number?, number?]) => {
        written.push(buffer.label);
        writeBuffer(buffer, ...rest);
    };
    const pictures: Uint8Array[] = [];
    const features: Float32Array[] = [];
    try {
        for (let k = 0; k < FRAMES; k++) {
            // Until then the first two keys are set up.
            if (k === SET_UP_FRAMES) written.length = 0;
            audio.advance(1 / DISPLAY_RATE);
            await host.renderAsync(scene);
            pictures.push(await host.readPixelsAsync());
            features.push(Float32Array.from(head.voice.spokenSegment ? shownFeature(head.voice.spokenSegment) : []));
        }
    } finally {
        queue.writeBuffer = writeBuffer;
    }
    // Face and mouth each write a record for every deformation.
    const deformations = written.filter((label) => /^head face (frame|key [01])$/.test(label)).length;
    const featureFrames = ((FRAMES - SET_UP_FRAMES) * 25) / DISPLAY_RATE;
    expect(Math.abs(deformations - featureFrames)).toBeLessThanOrEqual(1);

    const moved = agreement(pictures[0] as Uint8Array, pictures[FRAMES / 2] as Uint8Array);
    for (let k = 5; k < FRAMES; k += 6) {
        expect(features[k]).toHaveLength(32);
        head.poseAt(features[k] as Float32Array, asset.expression.neutral);
        await host.renderAsync(scene);
        const exact = agreement(await host.readPixelsAsync(), pictures[k] as Uint8Array);
        expect(exact).toBeGreaterThan(55);
        expect(exact).toBeGreaterThan(moved + 10);
    }
    scene.dispose();
});

function shownFeature(
    segment: NonNullable<Awaited<ReturnType<typeof CreateTalkingHeadAsync>>['voice']['spokenSegment']>,
) {
    const { timeline, frame, share } = segment;
    const [from, to] = [timeline.featureOf(frame), timeline.featureOf(frame + 1)];
    return from.map((value, i) => value + share * ((to[i] as number) - value));
}
