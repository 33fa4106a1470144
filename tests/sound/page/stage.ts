import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import type { AudioEngineV2 } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import { NullEngine } from '@babylonjs/core/Engines/nullEngine.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { CreateBox } from '@babylonjs/core/Meshes/Builders/boxBuilder.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { Scene } from '@babylonjs/core/scene.js';
import type { PgsError } from '../../../plugin/core/index.js';
import { findContext, findOutNode } from '../../../plugin/sound/audio-bridge.js';
import { Recorder } from './recorder.js';

/** Length of {@link rampBuffer}, s. */
export const RAMP_SECONDS = 4;
const TONE_LEVEL = 0.5;

export const sleep = (seconds: number): Promise<void> => new Promise((done) => setTimeout(done, seconds * 1000));

export const scene: Scene = new Scene(new NullEngine());
export const camera: FreeCamera = new FreeCamera('camera', Vector3.Zero(), scene);
const frame = (): void => {
    scene.render();
    requestAnimationFrame(frame);
};
frame();

export async function createEngineAsync(): Promise<AudioEngineV2> {
    const { CreateAudioEngineAsync } = await import('@babylonjs/core/AudioV2/webAudio/webAudioEngine.js');
    return CreateAudioEngineAsync({ disableDefaultUI: true });
}

export function contextOf(engine: AudioEngineV2): AudioContext {
    const context = findContext(engine);
    if (context === undefined) throw new Error('no context');
    return context;
}

/** A recorder behind the engine's main bus. */
export async function recordAsync(engine: AudioEngineV2): Promise<Recorder> {
    const recorder = await Recorder.createAsync(contextOf(engine));
    const bus = engine.defaultMainBus;
    if (bus !== null) findOutNode(bus)?.connect(recorder.node);
    return recorder;
}

/** A steady signal: levels of it are exact whatever stretch is measured. */
export function startTone(context: AudioContext): AudioNode {
    const tone = new ConstantSourceNode(context, { offset: TONE_LEVEL });
    tone.start();
    return tone;
}

/** A mono buffer in which every sample says where it is: 0 at the start, 1 at the end. */
export function rampBuffer(context: AudioContext): AudioBuffer {
    const length = RAMP_SECONDS * context.sampleRate;
    const buffer = context.createBuffer(1, length, context.sampleRate);
    buffer.getChannelData(0).forEach((_, i, samples) => (samples[i] = i / length));
    return buffer;
}

export function codeOf(run: () => unknown): string {
    try {
        run();
    } catch (error) {
        const { code, message } = error as PgsError;
        return `${code}: ${message}`;
    }
    return 'no error';
}

export async function rejectionOf(promise: Promise<unknown>): Promise<string> {
    try {
        await promise;
    } catch (error) {
        return (error as PgsError).code;
    }
    return 'no error';
}

export function makeHead(name: string): Mesh {
    return CreateBox(name, { size: 0.25 }, scene);
}

/**
 * Waits until the audio thread has rendered a device buffer and rests. What is told to it then acts at the context's
 * current time; told while it renders, it acts up to a buffer later, which nobody can see from here.
 */
export function restOfAudioThread(context: AudioContext): void {
    const first = context.currentTime;
    let last = first;
    let since = performance.now();
    while (last === first || performance.now() - since < 1) {
        if (context.currentTime === last) continue;
        last = context.currentTime;
        since = performance.now();
    }
}
