import { ImportMeshAsync } from '@babylonjs/core/Loading/sceneLoader.js';
import { StandardMaterial } from '@babylonjs/core/Materials/standardMaterial.js';
import { Color3 } from '@babylonjs/core/Maths/math.color.js';
import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import { VertexData } from '@babylonjs/core/Meshes/mesh.vertexData.js';
import type { AbstractEngine } from '@babylonjs/core/Engines/abstractEngine.js';
import { Scene } from '@babylonjs/core/scene.js';
import { PgsError, registerTalkingHead, type TalkingHeadMesh } from '../../plugin/index.js';
import type { SandboxOptions } from '../options.js';
import { DEFAULT_STAND_HEIGHT, Room } from '../room/room.js';
import { OrbitCamera } from './orbit-camera.js';

/** Range of the plinth's height: within it the cut of any bust can hide, and the chin stays free. */
const STAND_HEIGHT = [-0.195, -0.15] as const;
/** The plinth stands this far above the lowest splat, metres. */
const CUT_DEPTH = 0.06;

/**
 * One scene: a talking head among ordinary meshes. Loading, replacing and removing heads as any application would.
 *
 * Owns the scene, not the engine.
 */
export class HeadInRoom {
    public readonly scene: Scene;
    public readonly room: Room;
    public readonly orbit: OrbitCamera;
    private current: { readonly head: TalkingHeadMesh; readonly roots: readonly AbstractMesh[] } | null = null;
    private hull: Mesh | null = null;

    public constructor(engine: AbstractEngine, canvas: HTMLCanvasElement, options: SandboxOptions) {
        registerTalkingHead();
        this.scene = new Scene(engine);
        this.orbit = new OrbitCamera(this.scene, canvas, options);
        this.room = new Room(this.scene);
    }

    /** The head on the plinth, or null. */
    public get head(): TalkingHeadMesh | null {
        return this.current?.head ?? null;
    }

    /**
     * Loads a head and puts it in place of the one before, which stays if anything is wrong with the new one.
     *
     * @param source - an address or a file of a `.glb`.
     * @param onProgress - fraction 0..1, or null while the length is unknown.
     * @throws PgsError if the file is no talking head; whatever the loader says otherwise.
     */
    public async loadAsync(
        source: string | File,
        onProgress: (fraction: number | null) => void,
    ): Promise<TalkingHeadMesh> {
        const { meshes } = await ImportMeshAsync(source, this.scene, {
            pluginExtension: '.glb',
            onProgress: (event) => onProgress(event.lengthComputable ? event.loaded / event.total : null),
        });
        const roots = meshes.filter((mesh) => mesh.parent === null);
        const head = meshes.find((mesh): mesh is TalkingHeadMesh => mesh.getClassName() === 'TalkingHeadMesh');
        if (head === undefined) {
            for (const root of roots) root.dispose(false, true);
            throw new PgsError(
                'ASSET_FORMAT',
                'avatar: expected a .glb with a talking head (extension PGS_talking_head), got one without. ' +
                    'Train one with `npx pgstalker train`.',
            );
        }
        this.unload();
        this.current = { head, roots };
        head.computeWorldMatrix(true);
        const { minimumWorld } = head.getBoundingInfo().boundingBox;
        this.room.setStandHeight(
            Number.isFinite(minimumWorld.y)
                ? Math.min(STAND_HEIGHT[1], Math.max(STAND_HEIGHT[0], minimumWorld.y + CUT_DEPTH))
                : DEFAULT_STAND_HEIGHT,
        );
        this.room.lights.addCasters([head]);
        this.orbit.limitTo(head.asset.view);
        return head;
    }

    /** Removes the head and everything that came with it. */
    public unload(): void {
        if (this.current === null) return;
        this.showHull(false);
        this.current.head.voice.stop();
        this.room.lights.removeCaster(this.current.head);
        for (const root of this.current.roots) root.dispose(false, true);
        this.current = null;
    }

    /** Shows the proxy hull, which stands in for the splats where Babylon picks, bounds and casts shadows. */
    public showHull(isShown: boolean): void {
        this.hull?.dispose(false, true);
        this.hull = null;
        const head = this.head;
        if (!isShown || head === null) return;
        const hull = new Mesh('hull', this.scene);
        VertexData.ExtractFromMesh(head, true, true).applyToMesh(hull);
        const material = new StandardMaterial('hull', this.scene);
        material.wireframe = true;
        material.disableLighting = true;
        material.emissiveColor = Color3.FromHexString('#eeb06a');
        hull.material = material;
        hull.parent = head;
        hull.isPickable = false;
        this.hull = hull;
    }

    public dispose(): void {
        this.unload();
        this.scene.dispose();
    }
}
