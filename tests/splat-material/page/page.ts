import { FreeCamera } from '@babylonjs/core/Cameras/freeCamera.js';
import { WebGPUEngine } from '@babylonjs/core/Engines/webgpuEngine.js';
import { ImportMeshAsync } from '@babylonjs/core/Loading/sceneLoader.js';
import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import { Color3, Color4 } from '@babylonjs/core/Maths/math.color.js';
import { Vector3 } from '@babylonjs/core/Maths/math.vector.js';
import { CreateBox } from '@babylonjs/core/Meshes/Builders/boxBuilder.js';
import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import { Scene } from '@babylonjs/core/scene.js';
import type { Camera } from '../../../plugin/core/index.js';
import { registerTalkingHead, setPinholeCamera, type TalkingHeadMesh } from '../../../plugin/index.js';

/** What a load gave. */
export interface Loaded {
    readonly classNames: readonly string[];
    readonly splatCount: number;
    /** Bytes loaded, as often as the loader told. */
    readonly progress: readonly number[];
}

/** The page under test, driven from Node. One scene, one head, boxes. */
export class PageStage {
    #engine: WebGPUEngine | undefined;
    #scene: Scene | undefined;
    #head: TalkingHeadMesh | undefined;
    #roots: readonly AbstractMesh[] = [];
    readonly #boxes: AbstractMesh[] = [];

    public async startAsync(pinhole: Camera, background: readonly [number, number, number]): Promise<void> {
        const canvas = document.getElementById('canvas') as HTMLCanvasElement;
        canvas.width = pinhole.width;
        canvas.height = pinhole.height;
        registerTalkingHead();
        const engine = new WebGPUEngine(canvas, { antialias: false });
        await engine.initAsync();
        const scene = new Scene(engine);
        scene.clearColor = new Color4(...background, 1);
        const camera = new FreeCamera('pinhole', Vector3.Zero(), scene);
        camera.minZ = 0.05;
        camera.maxZ = 10;
        setPinholeCamera(camera, pinhole);
        this.#engine = engine;
        this.#scene = scene;
    }

    public async loadAsync(source: string | readonly number[]): Promise<Loaded> {
        for (const root of this.#roots) root.dispose();
        const progress: number[] = [];
        const file = typeof source === 'string' ? source : new File([Uint8Array.from(source)], 'dropped.glb');
        const { meshes } = await ImportMeshAsync(file, this.#liveScene(), {
            onProgress: ({ loaded }) => progress.push(loaded),
        });
        this.#roots = meshes.filter((mesh) => mesh.parent === null);
        this.#head = meshes.find((mesh): mesh is TalkingHeadMesh => mesh.getClassName() === 'TalkingHeadMesh');
        const classNames = meshes.map((mesh) => mesh.getClassName());
        return { classNames, splatCount: this.#head?.splatCount ?? 0, progress };
    }

    /** Looks through another pinhole. */
    public lookThrough(pinhole: Camera): void {
        setPinholeCamera(this.#liveScene().activeCamera as FreeCamera, pinhole);
    }

    public pose(audioFeat: readonly number[], exprFeat: readonly number[]): void {
        this.#head?.poseAt(audioFeat, exprFeat);
    }

    public setBox(size: number, position: readonly [number, number, number]): void {
        for (const box of this.#boxes.splice(0)) box.dispose(false, true);
        const scene = this.#liveScene();
        const box = CreateBox('box', { size }, scene);
        const material = new StandardMaterial('green', scene);
        material.disableLighting = true;
        material.emissiveColor = new Color3(0, 1, 0);
        box.material = material;
        box.position.set(...position);
        this.#boxes.push(box);
    }

    /** Draws until everything is compiled, then one frame more, which stays on the canvas. */
    public async drawAsync(): Promise<void> {
        const scene = this.#liveScene();
        const engine = this.#engine as WebGPUEngine;
        for (let settled = 0; settled < 2;) {
            await new Promise((resolve) => requestAnimationFrame(resolve));
            if ((this.#head?.isReady(true) ?? true) && scene.isReady()) settled++;
            engine.beginFrame();
            scene.render();
            engine.endFrame();
        }
    }

    #liveScene(): Scene {
        if (!this.#scene) throw new Error('the page was not started');
        return this.#scene;
    }
}

declare global {
    /** Set when the page has run its script. */
    var pageStage: PageStage;
}

globalThis.pageStage = new PageStage();
