export * from './babylon-space.js';
export * from './engine-bridge.js';
export { heatColour } from './heat-colour.js';
export * from './pinhole-camera.js';
export * from './proxy-hull.js';
export * from './splat-draw.js';
export * from './splat-shader.js';
export * from './view-sorts.js';
