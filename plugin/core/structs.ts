import { defineStruct, type GpuStruct } from './struct-layout.js';

const canonicalSplatFields = { mean: 'vec3f', opacity: 'f32', logScales: 'vec3f', quat: 'vec4f' } as const;
/** A splat at rest, 48 bytes: centre m, opacity 0..1, ln of the standard deviations, unit rotation wxyz. */
export const CANONICAL_SPLAT: GpuStruct<typeof canonicalSplatFields> = defineStruct(
    'CanonicalSplat',
    canonicalSplatFields,
);

const posedSplatFields = { mean: 'vec3f', opacity: 'f32', scales: 'vec3f', quat: 'vec4f' } as const;
/** A splat of the shown instant, 48 bytes: centre m, opacity 0..1, standard deviations m, unit rotation wxyz. */
export const POSED_SPLAT: GpuStruct<typeof posedSplatFields> = defineStruct('PosedSplat', posedSplatFields);

const sortParamsFields = {
    nearness: 'vec4f',
    activeCount: 'u32',
    faceCount: 'u32',
    depthSteps: 'f32',
    depthShift: 'u32',
    faceShift: 'u32',
} as const;
/**
 * One view's sort. `nearness`: dot(xyz, mean) + w is 0 at the far and 1 at the near end of the head's bounding sphere.
 * `activeCount`: splats sorted. `depthSteps`: largest depth value. `depthShift`, `faceShift`: lowest bit of the depth field and
 * of the face bit.
 */
export const SORT_PARAMS: GpuStruct<typeof sortParamsFields> = defineStruct('SortParams', sortParamsFields);

const sortPassFields = { shift: 'u32' } as const;
/** One digit of a sort in blocks: its lowest bit. */
export const SORT_PASS: GpuStruct<typeof sortPassFields> = defineStruct('SortPass', sortPassFields);

const tileViewFields = {
    headToView: 'mat4x4f',
    projection: 'mat4x4f',
    cameraInHead: 'vec4f',
    size: 'vec2f',
    bins: 'vec2u',
    opacity: 'f32',
    depthMin: 'f32',
    splatCount: 'u32',
    idMask: 'u32',
    wordCount: 'u32',
    stride: 'u32',
    countMin: 'f32',
} as const;
/**
 * One view of the `tile` rasterizer. `cameraInHead`: centre m, then +1 where the view looks along +z, else -1. `size`: of the
 * viewport, px. `wordCount`: u32 words of a bin's bits. `stride`: pixels a row of the output. `countMin`: least share of a pixel's
 * colour, 0..1, that counts; 0 is Eq. 5.
 */
export const TILE_VIEW: GpuStruct<typeof tileViewFields> = defineStruct('TileView', tileViewFields);

const screenSplatFields = {
    mean2d: 'vec2f',
    depth: 'f32',
    opacity: 'f32',
    conic: 'vec3f',
    reach: 'f32',
    colour: 'vec3f',
    id: 'u32',
} as const;
/**
 * A splat as a view sees it, 48 bytes: projected mean, px from the viewport's corner, view depth, opacity; inverse covariance (xx, xy, yy)
 * px^-2; `reach` = 2 ln(opacity / ALPHA_MIN), below 0 for a culled splat; colour, not premultiplied; which splat it is.
 */
export const SCREEN_SPLAT: GpuStruct<typeof screenSplatFields> = defineStruct('ScreenSplat', screenSplatFields);

const faceWeightsFields = {
    mlp1: ['mat4x4f', 256],
    mlp1Bias: ['vec4f', 16],
    mlp2: ['mat4x4f', 48],
    mlp2Bias: ['vec4f', 3],
} as const;
/**
 * Layers 1 and 2 of the face MLP (Eq. 9) in 4x4 tiles: `mlp1[16 j + k]` maps hidden values 4k..4k+3 to 4j..4j+3;
 * `mlp2[3 j + q]` maps hidden values 4j..4j+3 to outputs 4q..4q+3, of which there are 10, rows 0-2 in metres.
 */
export const FACE_WEIGHTS: GpuStruct<typeof faceWeightsFields> = defineStruct('FaceWeights', faceWeightsFields);

const faceFrameFields = {
    speech: ['vec4f', 16],
    firstSplat: 'u32',
    movingCount: 'u32',
    firstId: 'u32',
    activeCount: 'u32',
} as const;
/**
 * One instant of the face: the part of layer 0 that all splats share (the bias is baked) and the splats that are deformed.
 * `firstSplat`: the branch's first among all. `movingCount`: splats with baked features. `firstId`: where the branch's
 * `activeCount` ids lie among the active ids.
 */
export const FACE_FRAME: GpuStruct<typeof faceFrameFields> = defineStruct('FaceFrame', faceFrameFields);

const mouthWeightsFields = {
    mlp1: ['mat4x4f', 64],
    mlp1Bias: ['vec4f', 8],
    mlp2: ['mat4x4f', 8],
    mlp2Bias: 'vec4f',
} as const;
/** Layers 1 and 2 of the mouth MLP (Eq. 7), tiled as {@link FACE_WEIGHTS}; 3 outputs, metres. */
export const MOUTH_WEIGHTS: GpuStruct<typeof mouthWeightsFields> = defineStruct('MouthWeights', mouthWeightsFields);

const mouthFrameFields = {
    mix: ['mat4x4f', 64],
    gate: ['vec4f', 8],
    firstSplat: 'u32',
    movingCount: 'u32',
    firstId: 'u32',
    activeCount: 'u32',
} as const;
/**
 * One instant of the mouth: what maps a splat's gate to layer 0 (tiled), the shared part of the gate, then as in
 * {@link FACE_FRAME}.
 */
export const MOUTH_FRAME: GpuStruct<typeof mouthFrameFields> = defineStruct('MouthFrame', mouthFrameFields);

const keyBlendFields = {
    share: 'f32',
    faceCount: 'u32',
    mouthCount: 'u32',
    firstMouthId: 'u32',
    firstMouthSplat: 'u32',
} as const;
/**
 * A blend of two key poses. `share`: of the second, 0..1. Counts are of active splats; `firstMouthId`: where the mouth's ids lie
 * among the active ids; `firstMouthSplat`: the mouth's first splat among all.
 */
export const KEY_BLEND: GpuStruct<typeof keyBlendFields> = defineStruct('KeyBlend', keyBlendFields);

/**
 * Every GPU record, in the order of the generated files. `npm run generate` writes these to the WGSL prelude, and those
 * declared with `forC` to the C header.
 *
 * A record is declared above this list as `defineStruct` of struct-layout.ts shows, documented slot by slot there, and
 * appended here.
 */
export const GPU_STRUCTS: readonly GpuStruct[] = [
    CANONICAL_SPLAT,
    POSED_SPLAT,
    SORT_PARAMS,
    SORT_PASS,
    TILE_VIEW,
    SCREEN_SPLAT,
    FACE_WEIGHTS,
    FACE_FRAME,
    MOUTH_WEIGHTS,
    MOUTH_FRAME,
    KEY_BLEND,
];
