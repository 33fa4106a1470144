/* The C edge: pictures and features out of a model or of any splats. */
#include "capi.h"

using namespace pgs;

extern "C" {

int32_t pgs_render_frame(pgs_context* ctx, int32_t frame, int32_t deform, float* out_face, float* out_mouth) {
    return int32_t(guarded(ctx, [&] {
        require_frame(ctx, frame);
        const int mask = (out_face ? 1 : 0) | (out_mouth ? 2 : 0);
        require(mask != 0, "pgs_render_frame: expected at least one picture to fill.");
        require_model(ctx, mask, deform != 0);
        for (int b = 0; b < BRANCHES; b++) {
            if (!(mask & (1 << b))) continue;
            ctx->backend->render(*ctx, b, frame, deform != 0, b == FACE ? out_face : out_mouth);
        }
        return PGS_OK;
    }));
}

int32_t pgs_render_splats(pgs_context* ctx, int32_t n, int32_t sh_degree, const float* means, const float* quats, const float* log_scales,
                          const float* logit_opacities, const float* sh, const double* viewmat, double fx, double fy, double cx, double cy,
                          int32_t width, int32_t height, float* out_rgba, float* out_depth, float* out_median, uint32_t* out_counts, int32_t* out_radii) {
    return int32_t(guarded(ctx, [&] {
        require(n >= 0 && sh_degree >= 0 && sh_degree <= 3 && viewmat && out_rgba && width > 0 && height > 0 && width <= 8192 && height <= 8192 && fx > 0 && fy > 0,
                "pgs_render_splats: expected a camera, a picture of 1..8192 px and a degree 0..3.");
        require(n == 0 || (means && quats && log_scales && logit_opacities && sh), "pgs_render_splats: expected no null array.");
        for (int i = 0; i < 16; i++) require(std::isfinite(viewmat[i]), "viewmat: expected finite numbers.");
        Camera camera;
        set_camera(camera, viewmat, fx, fy, cx, cy, width, height);
        const int k3 = (sh_degree + 1) * (sh_degree + 1) * 3;
        std::vector<Projected> projected(n);
        ctx->pool.ranges(n, 1024, [&](int begin, int end, int) {
            for (int i = begin; i < end; i++) {
                Splat s;
                real coefficients[MAX_SH * 3];
                for (int k = 0; k < 3; k++) {
                    s.mean[k] = means[size_t(i) * 3 + k];
                    s.log_scale[k] = log_scales[size_t(i) * 3 + k];
                }
                for (int k = 0; k < 4; k++) s.quat[k] = quats[size_t(i) * 4 + k];
                s.logit_opacity = logit_opacities[i];
                for (int k = 0; k < k3; k++) coefficients[k] = sh[size_t(i) * k3 + k];
                project_splat(camera, s, coefficients, sh_degree, projected[i]);
            }
        });
        Frame frame;
        frame.resize(width, height);
        Bins bins;
        bin_splats(ctx->pool, projected, frame.tiles_x, frame.tiles_y, bins);
        const bool depth = out_depth || out_median;
        rasterize(ctx->pool, projected, bins, frame, depth);
        copy_picture(frame, out_rgba);
        for (int y = 0; depth && y < height; y++)
            for (int x = 0; x < width; x++) {
                const size_t at = size_t(y) * frame.stride + x, to = size_t(y) * width + x;
                if (out_depth) out_depth[to] = float(frame.depth[at]);
                if (out_median) out_median[to] = float(frame.median[at]);
            }
        if (out_counts) { /* the backward walk counts; its gradients are of no interest here */
            FrameGrad none;
            none.resize(frame, false);
            std::vector<PairGrad> slots;
            std::vector<ProjectedGrad> grads;
            std::vector<SplatStats> stats;
            rasterize_backward(ctx->pool, projected, bins, frame, none, slots, grads, stats);
            for (int i = 0; i < n; i++) out_counts[i] = stats[i].pixels;
        }
        if (out_radii)
            for (int i = 0; i < n; i++) out_radii[i] = projected[i].radius;
        return PGS_OK;
    }));
}

int32_t pgs_encode_audio(pgs_context* ctx, int32_t first, int32_t count, float* out) {
    return int32_t(guarded(ctx, [&] {
        require(out && count >= 0 && !ctx->data.mel.empty() && ctx->encoder.fc[1].weight.size() > 0, "pgs_encode_audio: expected audio and encoder.");
        for (const Linear* layer : encoder_layers(ctx->encoder)) {
            ctx->backend->fetch(*ctx, layer->weight.value);
            ctx->backend->fetch(*ctx, layer->bias.value);
        }
        EncoderPass pass;
        for (int i = 0; i < count; i++) {
            encoder_window(ctx->data, first + i, WindowDraw(), pass);
            encoder_forward(ctx->encoder, pass);
            for (int k = 0; k < PGS_AUDIO_FEAT_DIM; k++) out[size_t(i) * PGS_AUDIO_FEAT_DIM + k] = float(pass.feat[k]);
        }
        return PGS_OK;
    }));
}

int32_t pgs_spatial_features(pgs_context* ctx, int32_t branch, float* out, uint8_t* inside) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(out && inside && b.planes.size() > 0, "pgs_spatial_features: expected buffers and feature planes.");
        ctx->backend->fetch(*ctx, b.means.value);
        ctx->backend->fetch(*ctx, b.planes.value);
        for (int i = 0; i < b.n; i++) {
            real feat[PGS_SPATIAL_FEAT_DIM] = {0};
            inside[i] = inside_bound(&b.means.value[size_t(i) * 3]) ? 1 : 0;
            if (inside[i]) encode_planes(b.layout, b.planes.value.data(), &b.means.value[size_t(i) * 3], feat);
            for (int k = 0; k < PGS_SPATIAL_FEAT_DIM; k++) out[size_t(i) * PGS_SPATIAL_FEAT_DIM + k] = float(feat[k]);
        }
        return PGS_OK;
    }));
}

}  // extern "C"
