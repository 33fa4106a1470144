export * from './density.js';
export * from './losses.js';
export * from './mgf.js';
export * from './planes.js';
export * from './project.js';
export * from './rasterize.js';
