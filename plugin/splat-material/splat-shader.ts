import { clipPlaneFragmentWGSL } from '@babylonjs/core/ShadersWGSL/ShadersInclude/clipPlaneFragment.js';
import { clipPlaneFragmentDeclarationWGSL } from '@babylonjs/core/ShadersWGSL/ShadersInclude/clipPlaneFragmentDeclaration.js';
import { clipPlaneVertexWGSL } from '@babylonjs/core/ShadersWGSL/ShadersInclude/clipPlaneVertex.js';
import { clipPlaneVertexDeclarationWGSL } from '@babylonjs/core/ShadersWGSL/ShadersInclude/clipPlaneVertexDeclaration.js';
import { packHalves, screenCovarianceSource, shColourSource, wgslPrelude } from '../compute/index.js';
import { BRANCH_NAMES, shCoefficients, type BranchName, type SplatSet } from '../core/index.js';
import { heatColourSource } from './heat-colour.js';
import fragmentSource from './splat-fragment.wgsl?raw';
import fogSource from './fog.wgsl?raw';
import vertexSource from './splat-vertex.wgsl?raw';

/** A pair of shaders in Babylon's WGSL dialect. */
export interface ShaderSources {
    readonly vertexSource: string;
    readonly fragmentSource: string;
}

/** The draw's shaders, clip planes included by value so that nothing depends on import order. */
export function splatShaderSources(): ShaderSources {
    return {
        vertexSource: [
            wgslPrelude,
            clipPlaneVertexDeclarationWGSL.shader,
            vertexSource
                .replace(
                    '// <splat functions>',
                    [shColourSource, screenCovarianceSource, heatColourSource()].join('\n'),
                )
                .replace('// <fog>', fogSource)
                .replace('#include<clipPlaneVertex>', clipPlaneVertexWGSL.shader),
        ].join('\n'),
        fragmentSource: [
            wgslPrelude,
            clipPlaneFragmentDeclarationWGSL.shader,
            fragmentSource.replace('#include<clipPlaneFragment>', clipPlaneFragmentWGSL.shader),
        ].join('\n'),
    };
}

/** Packed colours of all splats, face first. */
export interface SplatColours {
    /** Half floats: coefficient-major, rgb-minor, padded to whole u32 words a splat. */
    readonly halves: Uint16Array;
    readonly wordsPerSplat: number;
    readonly shDegree: number;
}

/** Packs the spherical harmonics of both branches at the higher of their degrees; missing coefficients are zero. */
export function packColours(splats: Readonly<Record<BranchName, SplatSet>>): SplatColours {
    const shDegree = Math.max(...BRANCH_NAMES.map((name) => splats[name].shDegree));
    const wordsPerSplat = Math.ceil((shCoefficients(shDegree) * 3) / 2);
    const total = BRANCH_NAMES.reduce((sum, name) => sum + splats[name].count, 0);
    const padded = new Float32Array(total * wordsPerSplat * 2);
    let at = 0;
    for (const name of BRANCH_NAMES) {
        const { count, sh, shDegree: degree } = splats[name];
        const width = shCoefficients(degree) * 3;
        for (let i = 0; i < count; i++, at += wordsPerSplat * 2)
            padded.set(sh.subarray(i * width, (i + 1) * width), at);
    }
    return { halves: packHalves(padded), wordsPerSplat, shDegree };
}
