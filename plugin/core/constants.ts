/**
 * Every number that two languages must agree on. `npm run generate` writes them to the WGSL prelude and the C header.
 *
 * Add a constant to {@link SHARED_CONSTANTS} too, or the other languages do not see it.
 */

/** Side of a raster tile, px. One CPU SIMD row of a tile is one 16-lane vector. */
export const TILE_SIZE = 16;
/** Side of a bin of tiles in the compute rasterizer, px: coarse enough that a bit a splat and bin is little memory. */
export const BIN_SIZE = 64;
/** A sample weaker than this is skipped (method.md §3; the INRIA rasterizer's bound). */
export const ALPHA_MIN: number = 1 / 255;
/** A sample's alpha saturates here, so that transmittance never reaches zero and (1 - alpha) can be divided by. */
export const ALPHA_MAX = 0.99;
/** Blending stops before the splat that would bring transmittance below this (Eq. 5 and its text). */
export const TRANSMITTANCE_MIN = 1e-4;
/** Added to both diagonal entries of the screen covariance, px^2: a one-pixel low-pass. */
export const COV2D_DILATION = 0.3;
/** Splats nearer than this view depth, metres, are culled (Eq. 4). */
export const DEPTH_MIN = 0.2;
/** x/z and y/z are clamped to this multiple of tan(fov/2) inside the projection's Jacobian. */
export const FOV_CLAMP = 1.3;
/** Screen radius R of Eqs. 4-5 in standard deviations of the widest axis. */
export const RADIUS_SIGMAS = 3;

/** Length of the audio feature f_a. */
export const AUDIO_FEAT_DIM = 32;
/** Length of the tri-plane feature f_s: 3 planes x 12 levels x 1 feature. */
export const SPATIAL_FEAT_DIM = 36;
/** Levels of each feature plane. */
export const PLANE_LEVELS = 12;
/** Half side of the cube the feature planes cover, metres. A mean outside it does not move. */
export const PLANE_BOUND = 0.15;
/** Width of f'_a and f'_s, the projected features that the gate of Eqs. 6 and 8 sees. */
export const PROJ_DIM = 32;
/** Width of f'_e, the projected expression of Eq. 8. */
export const PROJ_EXPR_DIM = 16;
/** Hidden width of the face MLP of Eq. 9. */
export const FACE_HIDDEN_DIM = 64;
/** Hidden width of the mouth MLP of Eq. 7. */
export const MOUTH_HIDDEN_DIM = 32;
/** Outputs of the face MLP: delta mean 3, delta log-scale 3, delta quaternion 4 (wxyz), in this order. */
export const FACE_DELTA_DIM = 10;
/** Outputs of the mouth MLP: delta mean 3. */
export const MOUTH_DELTA_DIM = 3;
/** Factor on the predicted mean offset, metres per unit of network output. */
export const MEAN_DELTA_SCALE = 1e-2;

/** Real spherical harmonics, Condon-Shortley phase included, as the KHR_gaussian_splatting appendix lists them. */
export const SH_C0 = 0.28209479177387814;
export const SH_C1 = 0.4886025119029199;
export const SH_C2_0 = 1.0925484305920792;
export const SH_C2_1 = 0.31539156525252005;
export const SH_C2_2 = 0.5462742152960396;
export const SH_C3_0 = 0.5900435899266435;
export const SH_C3_1 = 2.890611442640554;
export const SH_C3_2 = 0.4570457994644658;
export const SH_C3_3 = 0.3731763325901154;
export const SH_C3_4 = 1.445305721320277;

/** Mel bands of a feature frame. */
export const MEL_BANDS = 40;
/** Feature frames in the window of one video frame (320 ms at a 10 ms hop). */
export const WINDOW_FRAMES = 32;
/** First feature frame of the window of video frame k is `4 k + WINDOW_FIRST`; the last is 31 later (80 ms look-ahead). */
export const WINDOW_FIRST = -22;
/** Feature frames (10 ms hops) per video frame at 25 fps. */
export const HOPS_PER_FRAME = 4;
/** Slope of the audio encoder's leaky ReLU below zero. */
export const LEAKY_SLOPE = 0.02;

/** Name -> value of everything the WGSL prelude and the C header receive. Order is the order of the generated files. */
export const SHARED_CONSTANTS: Readonly<Record<string, number>> = {
    TILE_SIZE,
    BIN_SIZE,
    ALPHA_MIN,
    ALPHA_MAX,
    TRANSMITTANCE_MIN,
    COV2D_DILATION,
    DEPTH_MIN,
    FOV_CLAMP,
    RADIUS_SIGMAS,
    AUDIO_FEAT_DIM,
    SPATIAL_FEAT_DIM,
    PLANE_LEVELS,
    PLANE_BOUND,
    PROJ_DIM,
    PROJ_EXPR_DIM,
    FACE_HIDDEN_DIM,
    MOUTH_HIDDEN_DIM,
    FACE_DELTA_DIM,
    MOUTH_DELTA_DIM,
    MEAN_DELTA_SCALE,
    SH_C0,
    SH_C1,
    SH_C2_0,
    SH_C2_1,
    SH_C2_2,
    SH_C3_0,
    SH_C3_1,
    SH_C3_2,
    SH_C3_3,
    SH_C3_4,
    MEL_BANDS,
    WINDOW_FRAMES,
    WINDOW_FIRST,
    HOPS_PER_FRAME,
    LEAKY_SLOPE,
};
