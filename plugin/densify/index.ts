export * from './density-policy.js';
export * from './density-stats.js';
export * from './reach-cells.js';
