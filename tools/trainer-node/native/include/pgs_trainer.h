/*
 * The training engine's whole C ABI. One header, one library per back end and precision:
 *   libpgs_cpu.so      float32, the product
 *   libpgs_cpu_f64.so  the same source in float64, for the gradient oracle (pgs_real_bytes() == 8)
 *   libpgs_cuda.so     float32 on an NVIDIA GPU; needs nothing but its driver, and has the section "GPU" too
 *
 * Status: 0 is success, negative is a PGS_E_* code; pgs_last_error(ctx) then says what, in one line. Functions never throw
 * across the edge, never exit, never call back. All buffers belong to the caller. "real" is float or double, see
 * pgs_real_bytes. One call in flight per context; a second one returns PGS_E_BUSY.
 *
 * Branch index: 0 face, 1 mouth. Matrices row-major. Spaces and units: plugin/core (means metres, quats wxyz, log scales,
 * logit opacities, SH [N,K,3] DC first, viewmat world->camera OpenCV).
 */
#pragma once
#include <stdint.h>

#if defined(_WIN32)
#define PGS_API __declspec(dllexport)
#else
#define PGS_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pgs_context pgs_context;

enum {
    PGS_OK = 0,
    PGS_E_ARGUMENT = -1,   /* a null pointer, a size that disagrees, an unknown name */
    PGS_E_BUSY = -2,       /* another call on this context is running */
    PGS_E_MEMORY = -3,     /* allocation failed */
    PGS_E_CANCELLED = -4,  /* pgs_cancel was called */
    PGS_E_DIVERGED = -5,   /* NaN or infinity; the message names tensor and iteration */
    PGS_E_DEVICE = -6,     /* no GPU, no driver, a driver too old, or a GPU that failed */
    PGS_E_OVERFLOW = -7    /* a view needs more (tile, splat) pairs than there is room for; nothing changed */
};

#define PGS_ABI_VERSION 2
PGS_API int32_t pgs_abi_version(void);   /* PGS_ABI_VERSION of this header */
PGS_API int32_t pgs_real_bytes(void);    /* 4 or 8 */
PGS_API const char* pgs_build_info(void);/* compiler and instruction set, for logs */

/* threads <= 0: all cores. Never null; check pgs_last_error only after a failing call. */
PGS_API pgs_context* pgs_create(int32_t threads, uint64_t seed);
PGS_API void pgs_destroy(pgs_context* ctx);
PGS_API const char* pgs_last_error(pgs_context* ctx);
PGS_API void pgs_cancel(pgs_context* ctx);      /* any thread; the running call returns PGS_E_CANCELLED after its iteration */
PGS_API int32_t pgs_drain(pgs_context* ctx);    /* blocks until no call is running; then new calls are refused */

/* Named scalars: learning rates, loss weights, switches. The list with meanings is native/engine/settings.h.
 * Unknown names are PGS_E_ARGUMENT. */
PGS_API int32_t pgs_set(pgs_context* ctx, const char* name, double value);
PGS_API int32_t pgs_get(pgs_context* ctx, const char* name, double* value);

/* ---- data ------------------------------------------------------------------------------------------------------- */
/* Reserves frames of width x height. labels use these ids: 0 background, 1 face, 2 hair, 3 mouth, 4 torso. */
PGS_API int32_t pgs_data_begin(pgs_context* ctx, int32_t frames, int32_t width, int32_t height,
                               double fx, double fy, double cx, double cy, int32_t num_expressions);
/* rgb [height,width,3], labels [height,width], viewmat [16], expression [E], lips box x0,y0,x1,y1 px; eyes: box around eyes and
 * brows, null where it is not known; mouth_open 0..1, NaN where it is not known. rgb and labels may both be null: then the picture
 * follows in a second call, and until then the frame is good for hearing alone. */
PGS_API int32_t pgs_data_frame(pgs_context* ctx, int32_t index, const uint8_t* rgb, const uint8_t* labels,
                               const double* viewmat, const double* expression, const double* lips,
                               const double* eyes, double mouth_open);
/* Normalised log-mel feature frames: [variants, mel_frames, MEL_BANDS] float32. Variant 0 is the clean one; the others are
 * augmented takes of the same clip, drawn at random while training. Mel frames outside [0, mel_frames) read as row
 * `silence` [MEL_BANDS]. */
PGS_API int32_t pgs_data_audio(pgs_context* ctx, int32_t variants, int32_t mel_frames, const float* mel, const float* silence);

/* ---- model ------------------------------------------------------------------------------------------------------ */
/* (Re)creates a branch with n splats, all zero but identity quats, sh_degree 0..2 as storage; zero moments. */
PGS_API int32_t pgs_splats_resize(pgs_context* ctx, int32_t branch, int32_t n, int32_t sh_degree);
PGS_API int32_t pgs_splats_count(pgs_context* ctx, int32_t branch);
/* Random initialisation of planes, networks and encoder from the context's seed. Output layers are zero: the deformer
 * starts as the identity. plane_base/plane_finest: resolutions of the first and last level. */
PGS_API int32_t pgs_nets_init(pgs_context* ctx, int32_t branch, int32_t plane_base, int32_t plane_finest);
PGS_API int32_t pgs_encoder_init(pgs_context* ctx);

/* Tensors by name. "<branch>.<field>": means quats logScales logitOpacities sh planes projAudio.weight ... (names as in
 * plugin/core/branches.ts); "encoder.conv0.weight" [out,in,3], "encoder.fc0.weight" ...; with suffix ".grad" (after
 * pgs_loss_grad), ".adam1", ".adam2". "step.face", "step.mouth", "step.nets" hold Adam step counts (one value).
 * Statistics since the last reset: "<branch>.gradAccum", "<branch>.weightAccum" (Eq. 2's two sums) and, for Eq. 1,
 * "<branch>.gradAccumPlain", "<branch>.viewCount"; "<branch>.maxContribution" = largest alpha*T seen.
 * pgs_tensor_size gives the number of reals, or a negative status. pgs_tensor_names writes a newline-separated list of
 * every stored tensor (what a checkpoint must hold) and returns the bytes needed. */
PGS_API int64_t pgs_tensor_size(pgs_context* ctx, const char* name);
PGS_API int32_t pgs_tensor_get(pgs_context* ctx, const char* name, void* out, int64_t count);
PGS_API int32_t pgs_tensor_set(pgs_context* ctx, const char* name, const void* in, int64_t count);
PGS_API int64_t pgs_tensor_names(pgs_context* ctx, char* out, int64_t capacity);

/* ---- training --------------------------------------------------------------------------------------------------- */
enum { PGS_STAGE_STATIC = 0, PGS_STAGE_DEFORM = 1, PGS_STAGE_FINETUNE = 2 };
/* Frame ids drawn one after another, wrapping; every branch has its own list. */
PGS_API int32_t pgs_order_set(pgs_context* ctx, int32_t branch, const int32_t* frames, int32_t count);
/* Runs n whole iterations. branch_mask: bit 0 face, bit 1 mouth; the fine-tune stage always takes both and uses the face's
 * order. stats [8 reals]: mean loss face, mean loss mouth, mean L1, mean 1-SSIM, splats face, splats mouth, iterations done,
 * seconds. */
PGS_API int32_t pgs_train_run(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t n, double* stats);
/* Teaches the encoder alone how far the mouth is open in frames of the clip: count / batch steps, `batch` frames each, taken
 * from the list in order; their windows are changed as training windows are. Writes the mean squared error / 2. */
PGS_API int32_t pgs_hearing_run(pgs_context* ctx, const int32_t* frames, int32_t count, int32_t batch, double* loss);
/* The same error without a step, windows as drawn at the current iteration; with grads, "encoder.*.grad" can be read. */
PGS_API int32_t pgs_hearing_loss(pgs_context* ctx, const int32_t* frames, int32_t count, int32_t grads, double* loss);
/* Loss of one frame and, with grads != 0, the gradients of every tensor (read them as "<name>.grad"); no step is taken and
 * no random number is drawn (variant 0, plain background). With grads, the static and deformation stages also add the view to
 * the density statistics. */
PGS_API int32_t pgs_loss_grad(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t frame, int32_t grads, double* loss);

/* ---- density control: the decision is TypeScript's, the rewriting of rows is ours ------------------------------------ */
enum { PGS_KEEP = 0, PGS_CLONE = 1, PGS_SPLIT = 2, PGS_PRUNE = 3 };
/* actions [n]. A clone is appended unchanged; a split is replaced by two children drawn from the parent, scales / 1.6; Adam
 * moments of new rows are zero. Resets the statistics. Returns the new count or a negative status. */
PGS_API int32_t pgs_densify_apply(pgs_context* ctx, int32_t branch, const uint8_t* actions, int32_t n);
PGS_API int32_t pgs_stats_reset(pgs_context* ctx, int32_t branch);

/* ---- rendering -------------------------------------------------------------------------------------------------- */
/* Renders dataset frame `frame` with its own camera, audio (variant 0) and expression. deform 0: canonical splats.
 * out_face, out_mouth: [H,W,4] float32 premultiplied RGBA, either may be null. */
PGS_API int32_t pgs_render_frame(pgs_context* ctx, int32_t frame, int32_t deform, float* out_face, float* out_mouth);
/* Renders any splats: no model, no data needed. Arrays are float32 whatever the library's precision.
 * out_rgba [H,W,4] premultiplied; out_depth [H,W] expected depth sum(z alpha T), out_median [H,W] depth where T crosses 0.5
 * (0 where it does not), out_counts [n] u32 pixels reached (Eq. 5), out_radii [n] i32; all but out_rgba may be null. */
PGS_API int32_t pgs_render_splats(pgs_context* ctx, int32_t n, int32_t sh_degree, const float* means, const float* quats,
                                  const float* log_scales, const float* logit_opacities, const float* sh,
                                  const double* viewmat, double fx, double fy, double cx, double cy,
                                  int32_t width, int32_t height, float* out_rgba, float* out_depth, float* out_median,
                                  uint32_t* out_counts, int32_t* out_radii);
/* f_a [count, AUDIO_FEAT_DIM] of dataset frames first..first+count-1, variant 0. */
PGS_API int32_t pgs_encode_audio(pgs_context* ctx, int32_t first, int32_t count, float* out);
/* f_s [n, SPATIAL_FEAT_DIM] and inside [n] (1: within the planes' bound, so it moves) of a branch's splats. */
PGS_API int32_t pgs_spatial_features(pgs_context* ctx, int32_t branch, float* out, uint8_t* inside);
/* Runs n training iterations and writes the mean seconds of a step and of each pass as JSON ({"step":0.1,"rasterForward":...}). A GPU
 * replays the n as one graph each, and takes one iteration more for the passes. */
PGS_API int32_t pgs_bench(pgs_context* ctx, int32_t stage, int32_t branch_mask, int32_t n, char* json, int32_t capacity);

/* ---- GPU: libpgs_cuda.so only ----------------------------------------------------------------------------------------- */
/**
 * Says which GPU training would use, or why there is none. Touches no GPU memory; safe without a driver.
 *
 * @param text     [capacity] one line, zero-terminated, cut where it does not fit: name, architecture, memory and versions of the
 *                 first GPU, or the CUDA version that the driver supports and the one that this library was built for.
 * @return number of usable GPUs, at least 1; PGS_E_DEVICE where there is none, PGS_E_ARGUMENT on a null or empty text.
 */
PGS_API int32_t pgs_cuda_device(char* text, int32_t capacity);
/**
 * Draws one view of any splats on the GPU and, with v_rgbt, brings the picture's gradient back to them: the kernels of a training
 * step between pose and Adam, on host arrays. For checks against other implementations; a step keeps its arrays on the GPU.
 *
 * Shapes as in pgs_render_splats; sh_degree 0..3, with v_rgbt 0..2. "t" is transmittance, 1 - alpha. Blocks until done.
 * @param v_rgbt        [H,W,4] gradient of the picture; null: forward only, and every output after out_rgbt's depths stays as it is.
 * @param v_depth       [H,W] gradient of the expected depth, or null.
 * @param pair_capacity (tile, splat) pairs to make room for.
 * @param out_rgbt      [H,W,4] premultiplied colour and transmittance.
 * @param out_depth     [H,W] expected depth; out_median [H,W]; both null, or neither. v_depth needs them.
 * @param out_counts    [n] pixels reached (Eq. 5) as floats; out_max [n] largest alpha * T.
 * @param v_means       [n,3], v_quats [n,4], v_log_scales [n,3], v_logit_opacities [n], v_sh [n,K,3]: gradients.
 * @param text          [capacity] why it failed, in one line.
 * @return PGS_OK; PGS_E_ARGUMENT; PGS_E_MEMORY; PGS_E_DEVICE; PGS_E_OVERFLOW where the view needs more pairs: text has the number.
 */
PGS_API int32_t pgs_cuda_view(int32_t n, int32_t sh_degree, const float* means, const float* quats, const float* log_scales,
                              const float* logit_opacities, const float* sh, const double* viewmat, double fx, double fy, double cx,
                              double cy, int32_t width, int32_t height, const float* v_rgbt, const float* v_depth,
                              uint32_t pair_capacity, float* out_rgbt, float* out_depth, float* out_median, float* out_counts,
                              float* out_max, float* v_means, float* v_quats, float* v_log_scales, float* v_logit_opacities,
                              float* v_sh, char* text, int32_t capacity);

#ifdef __cplusplus
}
#endif
