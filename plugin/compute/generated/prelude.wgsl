// generated - edit plugin/core/constants.ts or plugin/core/structs.ts, then run npm run generate

const TILE_SIZE: u32 = 16u;
const BIN_SIZE: u32 = 64u;
const ALPHA_MIN: f32 = 0.00392156862745098;
const ALPHA_MAX: f32 = 0.99;
const TRANSMITTANCE_MIN: f32 = 0.0001;
const COV2D_DILATION: f32 = 0.3;
const DEPTH_MIN: f32 = 0.2;
const FOV_CLAMP: f32 = 1.3;
const RADIUS_SIGMAS: f32 = 3.0;
const AUDIO_FEAT_DIM: u32 = 32u;
const SPATIAL_FEAT_DIM: u32 = 36u;
const PLANE_LEVELS: u32 = 12u;
const PLANE_BOUND: f32 = 0.15;
const PROJ_DIM: u32 = 32u;
const PROJ_EXPR_DIM: u32 = 16u;
const FACE_HIDDEN_DIM: u32 = 64u;
const MOUTH_HIDDEN_DIM: u32 = 32u;
const FACE_DELTA_DIM: u32 = 10u;
const MOUTH_DELTA_DIM: u32 = 3u;
const MEAN_DELTA_SCALE: f32 = 0.01;
const SH_C0: f32 = 0.28209479177387814;
const SH_C1: f32 = 0.4886025119029199;
const SH_C2_0: f32 = 1.0925484305920792;
const SH_C2_1: f32 = 0.31539156525252005;
const SH_C2_2: f32 = 0.5462742152960396;
const SH_C3_0: f32 = 0.5900435899266435;
const SH_C3_1: f32 = 2.890611442640554;
const SH_C3_2: f32 = 0.4570457994644658;
const SH_C3_3: f32 = 0.3731763325901154;
const SH_C3_4: f32 = 1.445305721320277;
const MEL_BANDS: u32 = 40u;
const WINDOW_FRAMES: u32 = 32u;
const WINDOW_FIRST: f32 = -22.0;
const HOPS_PER_FRAME: u32 = 4u;
const LEAKY_SLOPE: f32 = 0.02;

struct CanonicalSplat {
    mean: vec3f,
    opacity: f32,
    logScales: vec3f,
    quat: vec4f,
}

struct PosedSplat {
    mean: vec3f,
    opacity: f32,
    scales: vec3f,
    quat: vec4f,
}

struct SortParams {
    nearness: vec4f,
    activeCount: u32,
    faceCount: u32,
    depthSteps: f32,
    depthShift: u32,
    faceShift: u32,
}

struct SortPass {
    shift: u32,
}

struct TileView {
    headToView: mat4x4f,
    projection: mat4x4f,
    cameraInHead: vec4f,
    size: vec2f,
    bins: vec2u,
    opacity: f32,
    depthMin: f32,
    splatCount: u32,
    idMask: u32,
    wordCount: u32,
    stride: u32,
    countMin: f32,
}

struct ScreenSplat {
    mean2d: vec2f,
    depth: f32,
    opacity: f32,
    conic: vec3f,
    reach: f32,
    colour: vec3f,
    id: u32,
}

struct FaceWeights {
    mlp1: array<mat4x4f, 256>,
    mlp1Bias: array<vec4f, 16>,
    mlp2: array<mat4x4f, 48>,
    mlp2Bias: array<vec4f, 3>,
}

struct FaceFrame {
    speech: array<vec4f, 16>,
    firstSplat: u32,
    movingCount: u32,
    firstId: u32,
    activeCount: u32,
}

struct MouthWeights {
    mlp1: array<mat4x4f, 64>,
    mlp1Bias: array<vec4f, 8>,
    mlp2: array<mat4x4f, 8>,
    mlp2Bias: vec4f,
}

struct MouthFrame {
    mix: array<mat4x4f, 64>,
    gate: array<vec4f, 8>,
    firstSplat: u32,
    movingCount: u32,
    firstId: u32,
    activeCount: u32,
}

struct KeyBlend {
    share: f32,
    faceCount: u32,
    mouthCount: u32,
    firstMouthId: u32,
    firstMouthSplat: u32,
}
