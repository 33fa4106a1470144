/* One training view: pose, project, rasterize, compare, and back again; and the joint composite of the fine-tuning stage. */
#include <chrono>
#include "../core/density.h"
#include "../core/rng.h"
#include "state.h"

namespace pgs {
namespace {

constexpr int SPLAT_GRAIN = 1024;

class Timer {
  public:
    Timer(Context& ctx, const char* pass) : slot_(ctx.seconds[pass]), start_(std::chrono::steady_clock::now()) {}
    ~Timer() { slot_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  private:
    double& slot_;
    std::chrono::steady_clock::time_point start_;
};

/* Extra L1 inside a box x0,y0,x1,y1 px, added to what PhotometricLoss left in loss_grad. Returns its value. */
double box_loss(Context& ctx, const real box[4], const char* weight_name, const Rect& rect, double norm) {
    const double weight = ctx.setting(weight_name);
    if (weight == 0) return 0;
    const real scale = real(weight / norm);
    double total = 0;
    for (int y = std::max(rect.y0, int(std::ceil(box[1]))); y < rect.y1 && real(y) <= box[3]; y++) {
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            const real *x_row = ctx.loss_x.row(c, y - rect.y0), *y_row = ctx.loss_y.row(c, y - rect.y0);
            real* grad = ctx.loss_grad.row(c, y - rect.y0);
            for (int x = std::max(rect.x0, int(std::ceil(box[0]))); x < rect.x1 && real(x) <= box[2]; x++) {
                const int at = x - rect.x0;
                const real diff = x_row[at] - y_row[at];
                sum += std::abs(double(diff));
                grad[at] += diff > 0 ? scale : (diff < 0 ? -scale : real(0));
            }
        }
        total += sum;
    }
    return total * weight / norm;
}

/* The boxes whose small motions would drown in a bust's loss. The mouth branch shows nothing at the eyes. */
double box_losses(Context& ctx, const TrainFrame& frame, bool with_eyes, const Rect& rect, double norm) {
    const double lips = box_loss(ctx, frame.lips, "weight.lips", rect, norm);
    return lips + (with_eyes ? box_loss(ctx, frame.eyes, "weight.eyes", rect, norm) : 0);
}

void project_all(Context& ctx, int branch, const Camera& camera, ViewPass& view) {
    Branch& b = ctx.branch[branch];
    const int degree = std::min(int(ctx.setting("sh.degree")), b.sh_degree), k = b.sh_k();
    view.projected.resize(b.n);
    ctx.pool.ranges(b.n, SPLAT_GRAIN, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++)
            project_splat(camera, view.splats[i], &b.sh.value[size_t(i) * k * 3], degree, view.projected[i]);
    });
}

/* Gradients of the projected splats to the parameters; also the density statistics of Eqs. 1-5. */
void project_backward(Context& ctx, int branch, const Camera& camera, ViewPass& view, bool statistics) {
    Branch& b = ctx.branch[branch];
    const int degree = std::min(int(ctx.setting("sh.degree")), b.sh_degree), k = b.sh_k();
    const real half_w = real(0.5) * real(ctx.data.width), half_h = real(0.5) * real(ctx.data.height);
    const DensitySumsT<real> sums = {b.grad_accum.data(), b.weight_accum.data(), b.grad_accum_plain.data(), b.view_count.data(), b.max_contribution.data()};
    view.v_splats.assign(b.n, SplatGrad{});
    ctx.pool.ranges(b.n, SPLAT_GRAIN, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++) {
            if (view.projected[i].radius == 0) continue;
            const ProjectedGrad& g = view.projected_grads[i];
            SplatGrad& out = view.v_splats[i];
            real* v_sh = &b.sh.grad[size_t(i) * k * 3];
            project_splat_vjp(camera, view.splats[i], &b.sh.value[size_t(i) * k * 3], degree, view.projected[i], g, out,
                              [v_sh](int at, real value) { v_sh[at] += value; });
            for (int c = 0; c < 3; c++) {
                b.means.grad[size_t(i) * 3 + c] += out.mean[c];
                b.log_scales.grad[size_t(i) * 3 + c] += out.log_scale[c];
            }
            for (int c = 0; c < 4; c++) b.quats.grad[size_t(i) * 4 + c] += out.quat[c];
            b.logit_opacities.grad[i] += out.logit_opacity;
            if (statistics) add_view(sums, i, g.x, g.y, half_w, half_h, view.stats[i].pixels, view.stats[i].max_weight);
        }
    });
}

}  // namespace

void copy_picture(const Frame& frame, float* rgba) {
    for (int y = 0; y < frame.height; y++)
        for (int x = 0; x < frame.width; x++) {
            const size_t at = size_t(y) * frame.stride + x;
            float* pixel = rgba + (size_t(y) * frame.width + x) * 4;
            for (int c = 0; c < 3; c++) pixel[c] = float(frame.color[c][at]);
            pixel[3] = float(real(1) - frame.trans[at]);
        }
}

void zero_grads(Context& ctx, int branch) {
    Branch& b = ctx.branch[branch];
    for (Param* p : {&b.means, &b.quats, &b.log_scales, &b.logit_opacities, &b.sh, &b.planes}) p->zero_grad();
    for (Linear& layer : b.layers) {
        layer.weight.zero_grad();
        layer.bias.zero_grad();
    }
}

Draw plain_draw(const Context& ctx) {
    Draw draw;
    draw.background[0] = ctx.setting("background.r");
    draw.background[1] = ctx.setting("background.g");
    draw.background[2] = ctx.setting("background.b");
    return draw;
}

Draw random_draw(const Context& ctx, int branch, int64_t iteration) {
    Draw draw = plain_draw(ctx);
    Rng rng(ctx.seed, (uint64_t(iteration) << 8) | uint64_t(branch));
    draw.window = random_window(ctx, rng);
    if (ctx.setting("background.random") != 0)
        for (double& c : draw.background) c = rng.uniform();
    const std::vector<int32_t>& order = ctx.branch[branch].order;
    if (branch == FACE && rng.uniform() < ctx.setting("expression.exchange")) draw.expression_frame = order[size_t(rng.uniform() * order.size())];
    return draw;
}

static const real* expression_of(const Context& ctx, int frame, const Draw& draw) {
    return ctx.data.frames[draw.expression_frame < 0 ? frame : draw.expression_frame].expression.data();
}

void pose_branch(Context& ctx, int branch, int frame, bool deform, const Draw& draw) {
    Branch& b = ctx.branch[branch];
    ViewPass& view = ctx.view[branch];
    view.splats.resize(b.n);
    ctx.pool.ranges(b.n, SPLAT_GRAIN, [&](int begin, int end, int) {
        for (int i = begin; i < end; i++) {
            Splat& s = view.splats[i];
            for (int c = 0; c < 3; c++) {
                s.mean[c] = b.means.value[size_t(i) * 3 + c];
                s.log_scale[c] = b.log_scales.value[size_t(i) * 3 + c];
            }
            for (int c = 0; c < 4; c++) s.quat[c] = b.quats.value[size_t(i) * 4 + c];
            s.logit_opacity = b.logit_opacities.value[i];
        }
    });
    if (!deform) return;
    EncoderPass& audio = ctx.audio[branch];
    {
        Timer timer(ctx, "encoder");
        encoder_window(ctx.data, frame, draw.window, audio);
        encoder_forward(ctx.encoder, audio);
    }
    Timer timer(ctx, "deformForward");
    deform_forward(ctx, branch, audio.feat.data(), expression_of(ctx, frame, draw), view);
}

void render_branch(Context& ctx, int branch, const Camera& camera, int width, int height, bool with_depth) {
    ViewPass& view = ctx.view[branch];
    {
        Timer timer(ctx, "project");
        view.frame.resize(width, height);
        project_all(ctx, branch, camera, view);
    }
    {
        Timer timer(ctx, "bin");
        bin_splats(ctx.pool, view.projected, view.frame.tiles_x, view.frame.tiles_y, view.bins);
    }
    Timer timer(ctx, "rasterForward");
    rasterize(ctx.pool, view.projected, view.bins, view.frame, with_depth);
}

/* The way back from dL/d pixel (view.frame_grad) to every parameter of the branch. */
static void branch_backward(Context& ctx, int branch, int frame, const Draw& draw, bool deform, bool statistics) {
    ViewPass& view = ctx.view[branch];
    const TrainFrame& data = ctx.data.frames[frame];
    {
        Timer timer(ctx, "rasterBackward");
        rasterize_backward(ctx.pool, view.projected, view.bins, view.frame, view.frame_grad, view.slots, view.projected_grads, view.stats);
    }
    {
        Timer timer(ctx, "projectBackward");
        project_backward(ctx, branch, data.camera, view, statistics);
    }
    if (!deform) return;
    EncoderPass& audio = ctx.audio[branch];
    audio.v_feat.assign(PGS_AUDIO_FEAT_DIM, real(0));
    {
        Timer timer(ctx, "deformBackward");
        deform_backward(ctx, branch, audio.feat.data(), expression_of(ctx, frame, draw), view, audio.v_feat.data());
    }
    Timer timer(ctx, "encoder");
    encoder_backward(ctx.encoder, audio);
}

StepLoss branch_loss(Context& ctx, int stage, int branch, int frame, const Draw& draw, bool grads) {
    const bool deform = stage != 0;
    const TrainFrame& data = ctx.data.frames[frame];
    const int width = ctx.data.width, height = ctx.data.height;
    pose_branch(ctx, branch, frame, deform, draw);
    render_branch(ctx, branch, data.camera, width, height, false);
    ViewPass& view = ctx.view[branch];
    Frame& picture = view.frame;
    const Rect rect = compared_region(branch == FACE, data.lips, width, height);
    const bool lips_only = draw.expression_frame >= 0;
    StepLoss out;

    const real recorded[3] = {real(ctx.setting("background.r")), real(ctx.setting("background.g")), real(ctx.setting("background.b"))};
    const real drawn[3] = {real(draw.background[0]), real(draw.background[1]), real(draw.background[2])};
    const double pixels = double(width) * height, weight_alpha = ctx.setting("weight.alpha");
    std::vector<double> row_alpha(height, 0);
    if (grads) view.frame_grad.resize(picture, false);
    {
        Timer timer(ctx, "loss");
        ctx.loss_x.resize(rect.width(), rect.height());
        ctx.loss_y.resize(rect.width(), rect.height());
        ctx.loss_grad.resize(rect.width(), rect.height());
        if (grads)
            ctx.pool.ranges(int(picture.pixels()), 1 << 16, [&](int begin, int end, int) {
                for (auto& plane : view.frame_grad.color) std::fill(plane.begin() + begin, plane.begin() + end, real(0));
                std::fill(view.frame_grad.trans.begin() + begin, view.frame_grad.trans.begin() + end, real(0));
            });
        const auto wanted_at = [&](int x, int y) {
            const size_t p = size_t(y) * width + x;
            return wanted_pixel(data.label[p], &data.rgb[p * 3], branch == FACE, in_box(data.lips, x, y), lips_only, recorded, drawn);
        };
        ctx.pool.run(rect.height(), [&](int row) {
            const int y = rect.y0 + row;
            for (int x = rect.x0; x < rect.x1; x++) {
                const size_t at = size_t(y) * picture.stride + x;
                const WantedT<real> w = wanted_at(x, y);
                const real alpha = real(1) - picture.trans[at];
                row_alpha[y] += w.alpha > 0 ? double(real(1) - alpha) : (w.alpha < 0 ? double(alpha) : 0.0);
                for (int c = 0; c < 3; c++) {
                    /* Where the branch is hidden, both sides show the same: no loss, no gradient. */
                    ctx.loss_x.row(c, row)[x - rect.x0] = w.care ? picture.color[c][at] + picture.trans[at] * drawn[c] : drawn[c];
                    ctx.loss_y.row(c, row)[x - rect.x0] = w.target[c];
                    ctx.loss_grad.row(c, row)[x - rect.x0] = 0;
                }
            }
        });
        const double weight_dssim = ctx.setting("weight.dssim");
        const LossValue value = ctx.loss.run(ctx.pool, ctx.loss_x, ctx.loss_y, 3 * pixels, weight_dssim, ctx.loss_grad);
        const double boxes = box_losses(ctx, data, branch == FACE, rect, 3 * pixels);
        out.l1 = value.l1;
        out.dssim = 3.0 * rect.width() * rect.height() / (3 * pixels) - value.ssim;
        double alpha_loss = 0;
        for (double sum : row_alpha) alpha_loss += sum / pixels;
        out.total = out.l1 + boxes + weight_dssim * out.dssim + weight_alpha * alpha_loss +
                    (deform ? ctx.setting("weight.delta") * view.deform.regulariser : 0);
        if (!grads) return out;
        const real g_alpha = real(weight_alpha / pixels);
        ctx.pool.run(rect.height(), [&](int row) {
            const int y = rect.y0 + row;
            for (int x = rect.x0; x < rect.x1; x++) {
                const size_t at = size_t(y) * picture.stride + x;
                const WantedT<real> w = wanted_at(x, y);
                real v_trans = g_alpha * w.alpha; /* wanting alpha is wanting less transmittance */
                if (w.care)
                    for (int c = 0; c < 3; c++) {
                        const real g = ctx.loss_grad.row(c, row)[x - rect.x0];
                        view.frame_grad.color[c][at] = g;
                        v_trans += g * drawn[c];
                    }
                view.frame_grad.trans[at] = v_trans;
            }
        });
    }
    branch_backward(ctx, branch, frame, draw, deform, true);
    return out;
}

StepLoss composite_loss(Context& ctx, int frame, const Draw& draw, bool grads) {
    const TrainFrame& data = ctx.data.frames[frame];
    const int width = ctx.data.width, height = ctx.data.height;
    for (int branch = 0; branch < BRANCHES; branch++) {
        pose_branch(ctx, branch, frame, true, draw);
        render_branch(ctx, branch, data.camera, width, height, false);
    }
    Frame &face = ctx.view[FACE].frame, &mouth = ctx.view[MOUTH].frame;
    const real recorded[3] = {real(ctx.setting("background.r")), real(ctx.setting("background.g")), real(ctx.setting("background.b"))};
    const double pixels = double(width) * height, weight_dssim = ctx.setting("weight.dssim");
    StepLoss out;
    {
        Timer timer(ctx, "loss");
        for (LossPlanes* planes : {&ctx.loss_x, &ctx.loss_y, &ctx.loss_grad}) planes->resize(width, height);
        ctx.pool.run(height, [&](int y) {
            for (int x = 0; x < width; x++) {
                const size_t p = size_t(y) * width + x, at = size_t(y) * face.stride + x;
                for (int c = 0; c < 3; c++) {
                    /* Eq. 10 on premultiplied colours, over the recorded background. */
                    const real behind = mouth.color[c][at] + mouth.trans[at] * recorded[c];
                    ctx.loss_x.row(c, y)[x] = face.color[c][at] + face.trans[at] * behind;
                    ctx.loss_y.row(c, y)[x] = real(data.rgb[p * 3 + c]) / real(255);
                    ctx.loss_grad.row(c, y)[x] = 0;
                }
            }
        });
        const LossValue value = ctx.loss.run(ctx.pool, ctx.loss_x, ctx.loss_y, 3 * pixels, weight_dssim, ctx.loss_grad);
        out.l1 = value.l1;
        out.dssim = 1 - value.ssim;
        out.total = out.l1 + weight_dssim * out.dssim + box_losses(ctx, data, true, {0, 0, width, height}, 3 * pixels);
        if (!grads) return out;
        for (int branch = 0; branch < BRANCHES; branch++) ctx.view[branch].frame_grad.resize(face, false);
        ctx.pool.run(face.tiles_y * PGS_TILE_SIZE, [&](int y) {
            FrameGrad &gf = ctx.view[FACE].frame_grad, &gm = ctx.view[MOUTH].frame_grad;
            for (int x = 0; x < face.stride; x++) {
                const size_t at = size_t(y) * face.stride + x;
                const bool real_pixel = x < width && y < height;
                real v_face = 0, v_mouth = 0;
                for (int c = 0; c < 3; c++) {
                    const real g = real_pixel ? ctx.loss_grad.row(c, y)[x] : real(0);
                    gf.color[c][at] = g;
                    gm.color[c][at] = g * face.trans[at];
                    v_face += g * (mouth.color[c][at] + mouth.trans[at] * recorded[c]);
                    v_mouth += g * face.trans[at] * recorded[c];
                }
                gf.trans[at] = v_face;
                gm.trans[at] = v_mouth;
            }
        });
    }
    for (int branch = 0; branch < BRANCHES; branch++) branch_backward(ctx, branch, frame, draw, false, false);
    return out;
}

}  // namespace pgs
