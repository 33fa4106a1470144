import { Matrix } from '@babylonjs/core/Maths/math.vector.js';
import type { Scene } from '@babylonjs/core/scene.js';

/**
 * Where a head's parent lives. `scene`: straight in a scene. `gltf`: under a node that already carries the flip, as the
 * `__root__` of Babylon's glTF loader does in left-handed scenes.
 */
export type HeadFrame = 'scene' | 'gltf';

/**
 * The flip from head space (right-handed, +Y up, the face looks along +Z, as glTF) to a mesh's local space: the only place
 * where handedness changes. Mirrors x in left-handed scenes, so the face looks along +Z there too, as it does after
 * Babylon's own glTF import; the identity otherwise.
 */
export function headToLocal(scene: Scene, frame: HeadFrame): Matrix {
    const isMirrored = frame === 'scene' && !scene.useRightHandedSystem;
    return isMirrored ? Matrix.Scaling(-1, 1, 1) : Matrix.Identity();
}
