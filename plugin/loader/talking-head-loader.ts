import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import { GLTFLoader } from '@babylonjs/loaders/glTF/2.0/glTFLoader.js';
import type { IGLTFLoaderExtension } from '@babylonjs/loaders/glTF/2.0/glTFLoaderExtension.js';
import type { IMesh, IMeshPrimitive, INode } from '@babylonjs/loaders/glTF/2.0/glTFLoaderInterfaces.js';
import { HEAD_EXTENSION, PgsError } from '../core/index.js';
import { prepareTalkingHeadAsync, type PreparedHead, type TalkingHeadOptions } from '../prepared-head.js';
import { TalkingHeadMesh } from '../talking-head.js';
import { readHeadAsync } from './gltf-head.js';

/** Before Babylon's own KHR_gaussian_splatting, which has no order and so comes last. */
const ORDER = 90;

/**
 * Makes the loader extension of one load. Reads and checks the whole head first, so that a bad file, or an engine without
 * WebGPU, fails before anything is added to the scene.
 *
 * @throws PgsError as `prepareTalkingHeadAsync`.
 */
export async function createHeadExtensionAsync(
    loader: GLTFLoader,
    options: TalkingHeadOptions,
): Promise<IGLTFLoaderExtension> {
    try {
        const head = await readHeadAsync(loader);
        const prepared = await prepareTalkingHeadAsync(head.asset, loader.babylonScene, { ...options, frame: 'gltf' });
        return new TalkingHeadLoader(loader, prepared, head.meshIndices);
    } catch (error) {
        // The loader makes its root node before any extension, and does not take it back.
        if (loader.rootBabylonMesh !== loader.parent.customRootNode) loader.rootBabylonMesh?.dispose();
        throw error;
    }
}

/** Turns the primitives of a head into one {@link TalkingHeadMesh}, in place of Babylon's still splat meshes. */
class TalkingHeadLoader implements IGLTFLoaderExtension {
    public readonly name: string = HEAD_EXTENSION;
    public readonly order: number = ORDER;
    public enabled = true;
    readonly #loader: GLTFLoader;
    readonly #meshIndices: ReadonlySet<number>;
    #prepared: PreparedHead | undefined;

    public constructor(loader: GLTFLoader, prepared: PreparedHead, meshIndices: ReadonlySet<number>) {
        this.#loader = loader;
        this.#prepared = prepared;
        this.#meshIndices = meshIndices;
        // One primitive a mesh: else the loader puts a node with a suffix above each.
        for (const index of meshIndices) {
            const mesh = loader.gltf.meshes?.[index];
            if (mesh) mesh.primitives = mesh.primitives.slice(0, 1);
        }
    }

    public dispose(): void {
        // A load that never came to the head's node leaves its voice unused.
        this.#prepared?.voice.dispose();
        this.#prepared = undefined;
    }

    /** Called by the loader for every primitive; those of other meshes are left to others. */
    public _loadMeshPrimitiveAsync(
        context: string,
        name: string,
        _node: INode,
        mesh: IMesh,
        _primitive: IMeshPrimitive,
        assign: (babylonMesh: AbstractMesh) => void,
    ): Promise<AbstractMesh> | null {
        if (!this.#meshIndices.has(mesh.index)) return null;
        const prepared = this.#prepared;
        if (!prepared) {
            const message = `${context}: expected one node with the talking head, got a second. Export the head again.`;
            return Promise.reject(new PgsError('ASSET_FORMAT', message));
        }
        this.#prepared = undefined;
        const head = this.#createMesh(name, prepared);
        GLTFLoader.AddPointerMetadata(head, context);
        this.#loader.parent.onMeshLoadedObservable.notifyObservers(head);
        assign(head);
        return head.whenPoseableAsync().then(
            () => head,
            (error: unknown) => {
                head.dispose();
                throw error;
            },
        );
    }

    /** Kept out of the scene while an asset container is being filled, as the loader does with its own meshes. */
    #createMesh(name: string, prepared: PreparedHead): TalkingHeadMesh {
        const { babylonScene: scene, _assetContainer: container } = this.#loader;
        scene._blockEntityCollection = container !== null;
        try {
            const head = new TalkingHeadMesh(name, scene, prepared);
            head._parentContainer = container;
            return head;
        } finally {
            scene._blockEntityCollection = false;
        }
    }
}
