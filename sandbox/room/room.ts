import { ImageProcessingConfiguration } from '@babylonjs/core/Materials/imageProcessingConfiguration.js';
import { Color3, Color4 } from '@babylonjs/core/Maths/math.color.js';
import type { AbstractMesh } from '@babylonjs/core/Meshes/abstractMesh.js';
import { MeshBuilder } from '@babylonjs/core/Meshes/meshBuilder.js';
import { TransformNode } from '@babylonjs/core/Meshes/transformNode.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { createEnvironment } from './environment.js';
import { createBalls, createDesk, createLamp, createMicrophone, createPlant } from './furniture.js';
import { RoomLights } from './lights.js';
import { createMaterials } from './materials.js';
import { createWalls } from './walls.js';

/** Height of the plinth's top for a bust that gives no better one, metres below the head's centre. */
export const DEFAULT_STAND_HEIGHT = -0.19;

/** Radius of the path of the roaming ball, metres: outside the hair, inside the room. */
const ROAMER_RADIUS = 0.2;

/**
 * A small studio of ordinary Babylon meshes around the origin, where the head's centre will be: things before, behind and
 * beside it, so that one sees splats and meshes hide each other.
 */
export class Room {
    public readonly lights: RoomLights;
    private readonly stand: TransformNode;
    private readonly roamer: Mesh;

    public constructor(scene: Scene) {
        scene.clearColor = new Color4(0.05, 0.055, 0.05, 1);
        scene.ambientColor = Color3.Black();
        scene.environmentTexture = createEnvironment(scene);
        scene.environmentIntensity = 0.27;
        // Meshes only: splat colours are display values already and never pass through image processing.
        const image = scene.imageProcessingConfiguration;
        image.toneMappingEnabled = true;
        image.toneMappingType = ImageProcessingConfiguration.TONEMAPPING_ACES;
        image.exposure = 1.3;
        image.contrast = 1.05;

        const materials = createMaterials(scene);
        this.stand = new TransformNode('stand', scene);
        this.stand.position.y = DEFAULT_STAND_HEIGHT;
        const furniture = [createDesk, createMicrophone, createBalls, createLamp, createPlant].flatMap((create) =>
            create(scene, this.stand, materials),
        );
        this.roamer = MeshBuilder.CreateSphere('roaming ball', { diameter: 0.05, segments: 24 }, scene);
        this.roamer.material = materials.brass;
        this.roamer.receiveShadows = true;
        this.roamer.setEnabled(false);
        const walls = createWalls(scene, materials);

        this.lights = new RoomLights(scene);
        this.lights.addCasters([...furniture, ...walls, this.roamer].filter((mesh) => castsShadow(mesh)));
    }

    /** Sets the top of the plinth, metres above the head's centre (so a negative number). */
    public setStandHeight(height: number): void {
        this.stand.position.y = height;
        this.lights.refresh();
    }

    /** Shows or hides a ball that circles the head: behind the hair, through its edge, before the face. */
    public setRoaming(isRoaming: boolean): void {
        this.roamer.setEnabled(isRoaming);
        this.lights.refresh(isRoaming);
    }

    public get isRoaming(): boolean {
        return this.roamer.isEnabled();
    }

    /** Moves the roaming ball to its place at `time`, seconds. */
    public update(time: number): void {
        if (!this.isRoaming) return;
        const angle = time * 0.9;
        const { position } = this.roamer;
        position.set(
            ROAMER_RADIUS * Math.sin(angle),
            -0.02 + 0.05 * Math.sin(2 * angle),
            ROAMER_RADIUS * Math.cos(angle),
        );
    }
}

function castsShadow(mesh: AbstractMesh): boolean {
    return !['wall', 'floor', 'lamp globe', 'lamp halo', 'glass ball'].includes(mesh.name);
}
