import type { Scene } from '@babylonjs/core/scene.js';
import { PgsError } from './core/index.js';

/**
 * How a head is drawn. `quads`: instanced, blended by the hardware; any number of views. `tile`: compute, blended in float, cut by
 * the scene's depth, writes depth; flat cameras of the scene, while other views still get quads. `auto` chooses.
 */
export type RasterizerChoice = 'auto' | 'tile' | 'quads';

/** Which of the rasterizers draws a head, and why. */
export interface RendererInfo {
    readonly rasterizer: 'tile' | 'quads';
    readonly reason: string;
}

/** Refuses what is no rasterizer. @throws PgsError `OPTION_VALUE`. */
export function assertRasterizer(owner: string, value: RasterizerChoice): void {
    if (['auto', 'tile', 'quads'].includes(value)) return;
    throw new PgsError(
        'OPTION_VALUE',
        `${owner}.rasterizer: expected auto, tile or quads, got "${value}". auto is right for most scenes.`,
    );
}

/**
 * What draws the scene's own cameras.
 *
 * @param obstacle - why tiles cannot; undefined when they can.
 * @param hasHeat - whether the heat map is shown.
 */
export function rendererInfoOf(choice: RasterizerChoice, obstacle: string | undefined, hasHeat = false): RendererInfo {
    if (hasHeat) return { rasterizer: 'quads', reason: `${choice} was asked for, but the heat map colours quads` };
    if (choice === 'auto') return { rasterizer: 'quads', reason: 'auto: quads serve any number of views and targets' };
    if (choice === 'quads') return { rasterizer: 'quads', reason: 'asked for' };
    if (obstacle !== undefined) return { rasterizer: 'quads', reason: `tile was asked for, but ${obstacle}` };
    return { rasterizer: 'tile', reason: 'asked for; render targets and XR views get quads' };
}

/** Why neither tiles nor a layer can draw this scene now; undefined when they can. */
export function obstacleIn(scene: Scene): string | undefined {
    const planes = [scene.clipPlane, scene.clipPlane2, scene.clipPlane3, scene.clipPlane4, scene.clipPlane5];
    if ([...planes, scene.clipPlane6].some((plane) => plane !== null && plane !== undefined))
        return 'it does not know clip planes';
    if ((scene.activeCamera?.rigCameras.length ?? 0) > 0) return 'the camera has more than one eye';
    return undefined;
}
