import { Constants } from '@babylonjs/core/Engines/constants.js';
import { Material } from '@babylonjs/core/Materials/material.js';
import { ShaderLanguage } from '@babylonjs/core/Materials/shaderLanguage.js';
import { ShaderMaterial } from '@babylonjs/core/Materials/shaderMaterial.js';
import type { Mesh } from '@babylonjs/core/Meshes/mesh.js';
import type { Scene } from '@babylonjs/core/scene.js';
import { createHiddenMesh } from './hidden-mesh.js';
import type { ShaderSources } from './splat-shader.js';

/** A quad over the viewport that puts a picture of a head into the pass being recorded. */
export interface PictureQuad {
    readonly material: ShaderMaterial;
    /** Whether the shader is compiled; starts compiling it. */
    isReady(): boolean;
    draw(): void;
    dispose(): void;
}

/** What a {@link PictureQuad} reads, and what it writes. */
export interface PictureQuadOptions {
    readonly name: string;
    readonly scene: Scene;
    readonly sources: ShaderSources;
    readonly samplers?: string[];
    readonly storageBuffers?: string[];
    /** Set where the quad writes depth, tested, and no colour; without it colour is blended and nothing is tested. */
    readonly depthDefine?: string;
    /** Binds what is read; told the material's uniforms `viewport`, `projection` and `handedness` besides. */
    readonly bind: (material: ShaderMaterial) => void;
}

/** Makes a quad that only its owner draws; the owner disposes it. */
export function createPictureQuad(options: PictureQuadOptions): PictureQuad {
    const { name, scene, sources, samplers = [], storageBuffers = [], depthDefine, bind } = options;
    const material = new ShaderMaterial(name, scene, sources, {
        shaderLanguage: ShaderLanguage.WGSL,
        attributes: ['position'],
        uniforms: ['viewport', 'projection', 'handedness'],
        samplers,
        storageBuffers,
        defines: depthDefine === undefined ? [] : [`#define ${depthDefine}`],
        needAlphaBlending: depthDefine === undefined,
    });
    material.backFaceCulling = false;
    material.doNotSerialize = true;
    scene.removeMaterial(material);
    if (depthDefine === undefined) blend(material);
    else material.disableColorWrite = true;
    material.onBindObservable.add(() => bind(material));
    const mesh = createHiddenMesh(name, material, [-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0], [0, 1, 2, 0, 2, 3]);
    return {
        material,
        isReady: () => mesh.subMeshes.every((subMesh) => material.isReadyForSubMesh(mesh, subMesh, false)),
        draw: () => draw(mesh, depthDefine === undefined),
        dispose: () => {
            material.dispose(false, false);
            mesh.dispose(true, false);
        },
    };
}

function blend(material: ShaderMaterial): void {
    // Plain premultiplied alpha adds destination alpha on top and passes 1 in float targets.
    material.alphaMode = Constants.ALPHA_PREMULTIPLIED_PORTERDUFF;
    material.transparencyMode = Material.MATERIAL_ALPHABLEND;
    material.depthFunction = Constants.ALWAYS;
    material.disableDepthWrite = true;
}

function draw(mesh: Mesh, isBlended: boolean): void {
    // Blending leaves depth writes off.
    if (!isBlended) mesh.getEngine().setAlphaMode(Constants.ALPHA_DISABLE);
    for (const subMesh of mesh.subMeshes) mesh.render(subMesh, isBlended);
}
