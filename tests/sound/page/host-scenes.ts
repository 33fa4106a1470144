import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { AudioEngineV2, LastCreatedAudioEngine } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { BabylonSoundHost } from '../../../plugin/sound/index.js';
import {
    camera,
    codeOf,
    contextOf,
    createEngineAsync,
    makeHead,
    rampBuffer,
    recordAsync,
    rejectionOf,
    scene,
    sleep,
    startTone,
} from './stage.js';
import type { Level, SeenConnected, SeenShared, SeenSpatial } from './seen.js';

/** A host and its engine. Every scene starts from nothing and leaves nothing. */
const hostScenes = {
    /** Files of Babylon's audio engine that the page has loaded. */
    engineFiles: (): number =>
        performance.getEntriesByType('resource').filter(({ name }) => /webAudioEngine/i.test(name)).length,

    async connectAsync(): Promise<SeenConnected> {
        const engine = await createEngineAsync();
        const recorder = await recordAsync(engine);
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava') });
        const isSameContext = host.openContext() === contextOf(engine);
        const tone = startTone(host.openContext());
        const tap = new AnalyserNode(host.openContext());
        tone.connect(tap);
        const connection = host.connectOutput(tone);
        await connection.whenConnectedAsync();
        const connected = await recorder.levelAsync(0.2);
        const source = await host.sourceAsync();
        source.volume = 0.25;
        await sleep(0.1);
        const quiet = await recorder.levelAsync(0.2);
        const bus = await engine.createBusAsync('dialogue', { volume: 0.5 });
        source.outBus = bus;
        await sleep(0.1);
        const bussed = await recorder.levelAsync(0.2);
        source.volume = 0;
        await sleep(0.1);
        const muted = await recorder.levelAsync(0.2);
        const tapped = new Float32Array(tap.fftSize);
        tap.getFloatTimeDomainData(tapped);
        source.volume = 1;
        connection.dispose();
        connection.dispose();
        const disconnected = await recorder.levelAsync(0.2);
        // While the head says nothing.
        source.volume = 0.5;
        await sleep(0.1);
        host.connectOutput(tone);
        await sleep(0.1);
        const again = await recorder.levelAsync(0.2);
        const nodes = engine.nodes.size;
        host.dispose();
        host.dispose();
        const disposed = await recorder.levelAsync(0.2);
        const freed = nodes - engine.nodes.size;
        const result = {
            isSameContext,
            connected,
            quiet,
            bussed,
            muted,
            tapLevel: Number(tapped[0]),
            disconnected,
            again,
            disposed,
        };
        const after = {
            freed,
            isEngineLive: AudioEngineV2.Instances.includes(engine),
        };
        const error = codeOf(() => host.openContext());
        engine.dispose();
        return { ...result, ...after, error };
    },

    /** Two heads that start in one tick, without an engine of the game. */
    async shareAsync(): Promise<SeenShared> {
        const heads = ['ava', 'ben', 'cleo'].map((name) => {
            const mesh = makeHead(name);
            return { mesh, host: new BabylonSoundHost({ name, mesh }) };
        });
        const [ava, ben, cleo] = heads as [(typeof heads)[0], (typeof heads)[0], (typeof heads)[0]];
        const filesBefore = hostScenes.engineFiles();
        const context = ava.host.openContext();
        const filesOpened = hostScenes.engineFiles();
        const isOne = ben.host.openContext() === context;
        const tones = [startTone(context), startTone(context)];
        await Promise.all([
            ava.host.connectOutput(tones[0] as AudioNode).whenConnectedAsync(),
            ben.host.connectOutput(tones[1] as AudioNode).whenConnectedAsync(),
        ]);
        const engine = LastCreatedAudioEngine() as AudioEngineV2;
        const isFound = contextOf(engine) === context;
        const isLater = cleo.host.openContext() === context;
        const engines = AudioEngineV2.Instances.length;
        const recorder = await recordAsync(engine);
        const both = await recorder.levelAsync(0.2);
        ava.host.dispose();
        const one = await recorder.levelAsync(0.2);
        // The head's end is the host's end.
        ben.mesh.dispose();
        const liveWithOne = AudioEngineV2.Instances.length;
        cleo.host.dispose();
        await sleep(0.1);
        const end = { engines: AudioEngineV2.Instances.length, context: context.state };
        const filesAfter = hostScenes.engineFiles();
        return { filesBefore, filesOpened, filesAfter, isOne, isFound, isLater, engines, both, one, liveWithOne, end };
    },

    async leaveToGameAsync(): Promise<{ isLive: boolean; code: string; engines: number; state: string }> {
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava') });
        const source = await host.sourceAsync();
        const sound = await source.engine.createSoundAsync('game', rampBuffer(host.openContext()));
        host.dispose();
        const isLive = AudioEngineV2.Instances.includes(sound.engine);
        sound.engine.dispose();
        // Disposed before its engine has come.
        const hasty = new BabylonSoundHost({ name: 'ben', mesh: makeHead('ben') });
        const context = hasty.openContext();
        const rejection = rejectionOf(hasty.sourceAsync());
        hasty.dispose();
        const code = await rejection;
        await sleep(0.2);
        return { isLive, code, engines: AudioEngineV2.Instances.length, state: context.state };
    },

    /** The game disposes its engine while a head uses it, and makes another. */
    async replaceEngineAsync(): Promise<{ isNew: boolean; isSourceNew: boolean; error: string }> {
        const first = await createEngineAsync();
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava') });
        const connection = host.connectOutput(startTone(host.openContext()));
        const source = await host.sourceAsync();
        first.dispose();
        connection.dispose();
        const second = await createEngineAsync();
        const isNew = host.openContext() === contextOf(second);
        const isSourceNew = (await host.sourceAsync()) !== source;
        const given = new BabylonSoundHost({ name: 'ben', mesh: makeHead('ben'), audioEngine: first });
        const error = codeOf(() => given.openContext());
        host.dispose();
        second.dispose();
        return { isNew, isSourceNew, error };
    },

    /** Levels left and right with the head on either side of the camera. */
    async spatialAsync(isOfGame: boolean): Promise<SeenSpatial> {
        const engine = isOfGame ? await createEngineAsync() : undefined;
        engine?.listener.attach(camera);
        const mesh = makeHead('ava');
        mesh.position.set(2, 0, 1);
        const host = new BabylonSoundHost({ name: 'ava', mesh, spatial: true });
        const connection = host.connectOutput(startTone(host.openContext()));
        await connection.whenConnectedAsync();
        const source = await host.sourceAsync();
        const recorder = await recordAsync(source.engine);
        await sleep(0.2);
        const right = await recorder.levelAsync(0.2);
        mesh.position.x = -2;
        await sleep(0.2);
        const left = await recorder.levelAsync(0.2);
        camera.rotation.y = Math.PI;
        await sleep(0.3);
        const turned = await recorder.levelAsync(0.2);
        camera.rotation.y = 0;
        mesh.position.x = -20;
        await sleep(0.2);
        const far = await recorder.levelAsync(0.2);
        const isAttached = source.spatial.isAttached;
        mesh.dispose();
        const gone = isOfGame ? await recorder.levelAsync(0.2) : ([0, 0] satisfies Level);
        engine?.dispose();
        return { right, left, turned, far, gone, isAttached };
    },

    /** Whether another camera takes the ear with it, in the engine that heads share. */
    async changeCameraAsync(): Promise<{ first: boolean; second: boolean }> {
        const host = new BabylonSoundHost({ name: 'ava', mesh: makeHead('ava'), spatial: true });
        const { engine } = await host.sourceAsync();
        const first = engine.listener.attachedNode === camera;
        const other = new FreeCamera('other', Vector3.Zero(), scene);
        scene.activeCamera = other;
        const second = engine.listener.attachedNode === other;
        scene.activeCamera = camera;
        other.dispose();
        host.dispose();
        return { first, second };
    },
};

declare global {
    /** Driven from Node. */
    var hostStage: typeof hostScenes;
}
globalThis.hostStage = hostScenes;
