/* The deferred front file: what draws a head otherwise than plain quads, fetched when it is first asked for. */
export * from './heat-map.js';
export * from './layer-draw.js';
export * from './tile-draw.js';
