export * from './bake.js';
export * from './cpu-deformer.js';
export * from './expression-values.js';
export * from './frame-uniforms.js';
export * from './gpu-deformer.js';
export * from './gpu-layout.js';
