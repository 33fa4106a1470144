/* What a context holds: parameters with their Adam moments, the two branches, the encoder, the dataset, the settings. */
#pragma once
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <vector>
#include "../core/branches.h"
#include "../core/planes.h"
#include "../core/rng.h"
#include "../core/wanted.h"
#include "../cpu/loss.h"
#include "../cpu/raster.h"
#include "backend.h"
#include "settings.h"

namespace pgs {

/* A trained tensor. `grad` is valid after a backward pass; the moments belong to Adam. */
struct Param {
    std::vector<real> value, grad, adam1, adam2;
    void resize(size_t n) {
        value.assign(n, real(0));
        grad.assign(n, real(0));
        adam1.assign(n, real(0));
        adam2.assign(n, real(0));
    }
    size_t size() const { return value.size(); }
    void zero_grad() { std::fill(grad.begin(), grad.end(), real(0)); }
};

struct Linear {
    Param weight, bias;
    int out = 0, in = 0;
    void resize(int n_out, int n_in) {
        out = n_out;
        in = n_in;
        weight.resize(size_t(n_out) * n_in);
        bias.resize(n_out);
    }
};

struct Branch {
    int id = FACE;
    int n = 0, sh_degree = 0; /* storage degree */
    int sh_k() const { return (sh_degree + 1) * (sh_degree + 1); }
    Param means, quats, log_scales, logit_opacities, sh;
    PlaneLayout layout;
    Param planes;
    Linear layers[LAYERS];
    std::vector<real> grad_accum, weight_accum, grad_accum_plain, view_count, max_contribution;
    std::vector<int32_t> order;
    int64_t cursor = 0;
    double step = 0; /* Adam steps taken by the splats */
    std::vector<std::vector<real>*> statistics() { return {&grad_accum, &weight_accum, &grad_accum_plain, &view_count, &max_contribution}; }
    void reset_statistics() {
        for (auto* values : statistics()) values->assign(n, real(0));
    }
};

struct Encoder {
    static constexpr int CHANNELS[5] = {PGS_MEL_BANDS, 32, 32, 64, 64};
    Linear conv[4], fc[2]; /* conv weights [out, in, 3] */
    Linear opening;        /* f_a -> how far the mouth is open; only the hearing steps use it, no asset holds it */
};

inline std::vector<Linear*> encoder_layers(Encoder& e) {
    return {&e.conv[0], &e.conv[1], &e.conv[2], &e.conv[3], &e.fc[0], &e.fc[1], &e.opening};
}

struct TrainFrame {
    bool is_put = false;
    std::vector<uint8_t> rgb, label; /* label: see core/wanted.h; both empty where the back end has taken them */
    Camera camera;
    std::vector<real> expression;
    real lips[4];
    real eyes[4] = {1, 1, 0, 0};       /* box around eyes and brows; inside out: none */
    double mouth_open = std::nan("");  /* 0 closed .. 1; NaN: not known */
};

struct Dataset {
    int width = 0, height = 0, expressions = 0;
    double fx = 0, fy = 0, cx = 0, cy = 0;
    std::vector<TrainFrame> frames;
    int mel_variants = 0, mel_frames = 0;
    std::vector<float> mel, silence;
};

/* Activations of one encoder pass, kept for the backward pass. */
struct EncoderPass {
    std::vector<real> act[5], keep, pooled, fc_hidden, feat; /* act[0] is the input window [40,32]; pooled = act[4] * keep */
    std::vector<real> v_feat;
};

/* Activations of one deformation pass over the moving splats of a branch. */
struct DeformPass {
    std::vector<int> moving;                            /* splat indices inside the bound */
    std::vector<real> feat, proj, gate, gated, h1, h2, y; /* rows, channels padded to 16 */
    std::vector<real> proj_audio, proj_expr, frame_gate, uniform, audio_gate; /* per frame */
    std::vector<real> v_y, v_h1, v_h2, v_feat, v_proj, v_gated, v_gate;
    std::vector<std::vector<real>> chunk_grads;
    double regulariser = 0;
};

/* Everything one branch needs for one view. */
struct ViewPass {
    DeformPass deform;
    std::vector<Splat> splats;
    std::vector<Projected> projected;
    Bins bins;
    Frame frame;
    FrameGrad frame_grad;
    std::vector<PairGrad> slots;
    std::vector<ProjectedGrad> projected_grads;
    std::vector<SplatGrad> v_splats;
    std::vector<SplatStats> stats;
};

struct Context {
    explicit Context(int threads, uint64_t seed) : pool(threads), seed(seed), backend(make_backend()) {
        branch[MOUTH].id = MOUTH;
        for (const Setting& setting : SETTINGS) settings[setting.name] = setting.value;
    }
    Pool pool;
    uint64_t seed;
    std::unique_ptr<Backend> backend;
    std::map<std::string, double> settings;
    double setting(const char* name) const { return settings.at(name); }
    Branch branch[BRANCHES];
    Encoder encoder;
    double net_step = 0;
    Dataset data;
    ViewPass view[BRANCHES];
    EncoderPass audio[BRANCHES];
    std::vector<Encoder> shards; /* of a hearing batch: each sums the gradients of its windows */
    PhotometricLoss loss;
    LossPlanes loss_x, loss_y, loss_grad;
    std::map<std::string, double> seconds; /* per pass, for pgs_bench */
    std::string error;
    std::atomic<bool> cancel{false}, closed{false};
    std::mutex running;
};

/* encoder.cpp */
void encoder_init(Context& ctx);
struct WindowDraw { /* how a training window differs from the one that the runtime would hear */
    int variant = 0, masked_first = 0, masked_bands = 0, shift = 0;
    double noise = 0, dropout = 0;
    uint64_t key = 0; /* seeds noise and dropout */
};
WindowDraw random_window(const Context& ctx, Rng& rng);
/* Fills pass.act[0] and pass.keep. */
void encoder_window(const Dataset& data, int frame, const WindowDraw& draw, EncoderPass& pass);
void encoder_forward(const Encoder& encoder, EncoderPass& pass);
void encoder_backward(Encoder& encoder, EncoderPass& pass); /* reads pass.v_feat, adds to the parameters' gradients */
void zero_encoder(Encoder& encoder);

/* hearing.cpp: mean of (opening(f_a) - mouth_open)^2 / 2 over windows of the given frames, drawn at `iteration`; gradients are set where wanted. */
double hearing_loss(Context& ctx, const int32_t* frames, int count, int64_t iteration, bool grads);
/* The nth window of a batch, as encoder_window gives it. */
void hearing_window(const Context& ctx, int frame, int64_t iteration, int nth, EncoderPass& pass);

/* deform.cpp */
void nets_init(Context& ctx, int branch, int plane_base, double plane_finest);
/* Fills view.deform and moves view.splats. audio_feat [32], expression [E]. */
void deform_forward(Context& ctx, int branch, const real* audio_feat, const real* expression, ViewPass& view);
/* Splat gradients (view.v_splats) in, parameter gradients out; v_audio_feat [32] is added to. */
void deform_backward(Context& ctx, int branch, const real* audio_feat, const real* expression, ViewPass& view, real* v_audio_feat);

/* step.cpp */
struct StepLoss {
    double total = 0, l1 = 0, dssim = 0;
};
struct Draw { /* the random choices of one step */
    WindowDraw window;
    int expression_frame = -1; /* whose expression the face wears; -1: its own. Another's: only the lips box is compared */
    double background[3] = {0, 0, 0};
};
Draw plain_draw(const Context& ctx);
Draw random_draw(const Context& ctx, int branch, int64_t iteration);
StepLoss branch_loss(Context& ctx, int stage, int branch, int frame, const Draw& draw, bool grads);
StepLoss composite_loss(Context& ctx, int frame, const Draw& draw, bool grads);
void pose_branch(Context& ctx, int branch, int frame, bool deform, const Draw& draw);
void render_branch(Context& ctx, int branch, const Camera& camera, int width, int height, bool with_depth);
void zero_grads(Context& ctx, int branch);

/* adam.cpp */
void adam_splats(Context& ctx, int branch, bool colour_only);
void adam_nets(Context& ctx, int branch_mask); /* mask 0: the encoder alone */

/* Premultiplied RGBA [height, width, 4] of a rendered frame. */
void copy_picture(const Frame& frame, float* rgba);

/* names.cpp: tensors by name */
std::vector<real>* find_tensor(Context& ctx, const std::string& name);
double* find_counter(Context& ctx, const std::string& name);
std::vector<std::string> stored_tensors(Context& ctx);

}  // namespace pgs
