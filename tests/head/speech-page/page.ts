import type { AudioBus } from '@babylonjs/core/AudioV2/abstractAudio/audioBus.js';
import type { AudioEngineV2 } from '@babylonjs/core/AudioV2/abstractAudio/audioEngineV2.js';
import { CreateAudioEngineAsync } from '@babylonjs/core/AudioV2/webAudio/webAudioEngine.js';
import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import { ImportMeshAsync } from '@babylonjs/core/Loading/sceneLoader.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { Scene } from '@babylonjs/core/scene.js';
import { LifelikeBehavior } from '../../../plugin/behaviors/index.js';
import { registerTalkingHead, type TalkingHeadMesh } from '../../../plugin/index.js';

/** A game with heads and an audio engine of its own, driven from Node. */
export class Game {
    public readonly events: string[] = [];
    private posed = 0;

    private constructor(
        public readonly scene: Scene,
        public readonly audio: AudioEngineV2,
        public readonly dialogue: AudioBus,
        public readonly heads: TalkingHeadMesh[],
    ) {}

    public static async startAsync(headCount: number): Promise<Game> {
        registerTalkingHead();
        const engine = new WebGPUEngine(document.getElementById('canvas') as HTMLCanvasElement, { antialias: false });
        await engine.initAsync();
        const scene = new Scene(engine);
        new FreeCamera('camera', new Vector3(0, 0, 0.8), scene).setTarget(Vector3.Zero());
        const audio = await CreateAudioEngineAsync({ disableDefaultUI: true });
        await audio.unlockAsync();
        const game = new Game(scene, audio, await audio.createBusAsync('dialogue'), []);
        for (let i = 0; i < headCount; i++) game.heads.push(await game.loadAsync(i));
        engine.runRenderLoop(() => scene.render());
        // Shaders of a software device take seconds.
        while (!game.heads.every((head) => head.isReady(true))) await new Promise((r) => setTimeout(r, 50));
        return game;
    }

    /** Counts poses from here on. */
    public takePoses(): void {
        this.posed = 0;
    }

    /** Waits until the first head has been posed this often since {@link takePoses}: software WebGPU draws few pictures a second. */
    public async posesAsync(count: number): Promise<boolean> {
        for (const end = performance.now() + 15_000; this.posed < count; await new Promise((r) => setTimeout(r, 50))) {
            if (performance.now() > end) return false;
        }
        return true;
    }

    /** Loudest sample that a head's sound source gives over a time. */
    public async levelOf(head: number, ms: number): Promise<number> {
        const source = await (this.heads[head] as TalkingHeadMesh).soundSourceAsync();
        await source.analyzer.enableAsync();
        let peak = 0;
        for (const end = performance.now() + ms; performance.now() < end; await new Promise((r) => setTimeout(r, 10))) {
            for (const db of source.analyzer.getFloatFrequencyData()) peak = Math.max(peak, 10 ** (db / 20));
        }
        return peak;
    }

    public async bufferAsync(name: string): Promise<AudioBuffer> {
        const bytes = await (await fetch(name)).arrayBuffer();
        return new OfflineAudioContext(1, 1, 48000).decodeAudioData(bytes);
    }

    public liven(head: number): void {
        (this.heads[head] as TalkingHeadMesh).addBehavior(new LifelikeBehavior({ seed: 1, blinksPerMinute: 60 }));
    }

    private async loadAsync(index: number): Promise<TalkingHeadMesh> {
        const { meshes } = await ImportMeshAsync('head.glb', this.scene);
        const head = meshes.find((mesh): mesh is TalkingHeadMesh => mesh.getClassName() === 'TalkingHeadMesh');
        if (!head) throw new Error('no head in head.glb');
        const log = (text: string): void => void this.events.push(`${index} ${text}`);
        head.voice.onStartObservable.add(() => log('start'));
        head.voice.onEndObservable.add(({ reason }) => log(reason));
        head.voice.onErrorObservable.add(({ message }) => log(message));
        head.onWarningObservable.add((text) => log(text));
        if (index === 0) head.onPosedObservable.add(() => this.posed++);
        return head;
    }
}

declare global {
    var game: Game;
    var startGame: typeof Game.startAsync;
}

globalThis.startGame = Game.startAsync;
