export * from './depth-sort.js';
export * from './gpu-arena.js';
export * from './gpu-pass.js';
export * from './gpu-timer.js';
export * from './halves.js';
export * from './kernel.js';
