import fogSource from './fog.wgsl?raw';
import layerFragmentSource from './layer-fragment.wgsl?raw';
import type { ShaderSources } from './splat-shader.js';
import tileFragmentSource from './tile-fragment.wgsl?raw';
import tileVertexSource from './tile-vertex.wgsl?raw';

/** The shaders that put a picture of the tile rasterizer into a scene. */
export function tileShaderSources(): ShaderSources {
    return { vertexSource: tileVertexSource, fragmentSource: tileFragmentSource.replace('// <fog>', fogSource) };
}

/** The shaders that put a layer into a scene, and the scene's depth into a layer. */
export function layerShaderSources(): ShaderSources {
    return { vertexSource: tileVertexSource, fragmentSource: layerFragmentSource };
}
