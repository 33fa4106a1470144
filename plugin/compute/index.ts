import screenCovarianceSource from './screen-covariance.wgsl?raw';
import shColourSource from './sh-colour.wgsl?raw';

export * from './depth-sort.js';
export * from './gpu-arena.js';
export * from './gpu-pass.js';
export * from './gpu-timer.js';
export * from './halves.js';
export * from './kernel.js';
export * from './reach-meter.js';
export { chooseSortWayAsync, compareSortWaysAsync, type SortChoice, type SortContender } from './sort-choice.js';
export * from './sort-kernels.js';
export * from './tile-rasterizer.js';
/** WGSL that the draw of plugin/splat-material shares with the kernels: colour and projection of a splat. */
export { screenCovarianceSource, shColourSource };
