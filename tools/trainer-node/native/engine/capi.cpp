/* The C edge: contexts, settings, data, tensors. */
#include "capi.h"

using namespace pgs;

namespace {

/* Colours, and labels with the neighbourhood that wanted_pixel reads. */
void put_picture(TrainFrame& f, int index, const uint8_t* rgb, const uint8_t* labels, int w, int h) {
    f.rgb.assign(rgb, rgb + size_t(w) * h * 3);
    f.label.resize(size_t(w) * h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const uint8_t label = labels[size_t(y) * w + x];
            require(label <= TORSO, "frame " + std::to_string(index) + " labels: expected 0..4, got " + std::to_string(label) + ".");
            int covered = 0; /* of the 3x3 neighbourhood, repeated at the border */
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++) {
                    const int yy = y + dy < 0 ? 0 : (y + dy >= h ? h - 1 : y + dy), xx = x + dx < 0 ? 0 : (x + dx >= w ? w - 1 : x + dx);
                    covered += labels[size_t(yy) * w + xx] != BACKGROUND;
                }
            f.label[size_t(y) * w + x] = uint8_t(label | (covered << 3));
        }
}

}  // namespace

extern "C" {

int32_t pgs_abi_version(void) { return PGS_ABI_VERSION; }
int32_t pgs_real_bytes(void) { return int32_t(sizeof(real)); }
const char* pgs_build_info(void) {
    return
#if defined(PGS_CUDA_BUILD_INFO)
        PGS_CUDA_BUILD_INFO ", "
#endif
        "g++ " __VERSION__
#if defined(__AVX512F__)
           ", avx512"
#elif defined(__AVX2__)
           ", avx2"
#endif
        ;
}

pgs_context* pgs_create(int32_t threads, uint64_t seed) {
    try {
        return new pgs_context(threads, seed);
    } catch (...) {
        return nullptr;
    }
}
void pgs_destroy(pgs_context* ctx) {
    if (!ctx) return;
    pgs_drain(ctx);
    delete ctx;
}
const char* pgs_last_error(pgs_context* ctx) { return ctx ? ctx->error.c_str() : "context: expected one from pgs_create, got null."; }
void pgs_cancel(pgs_context* ctx) {
    if (ctx) ctx->cancel = true;
}
int32_t pgs_drain(pgs_context* ctx) {
    if (!ctx) return PGS_E_ARGUMENT;
    ctx->closed = true;
    ctx->cancel = true;
    std::lock_guard<std::mutex> lock(ctx->running);
    return PGS_OK;
}

int32_t pgs_set(pgs_context* ctx, const char* name, double value) {
    return int32_t(guarded(ctx, [&] {
        require(name && ctx->settings.count(name), "pgs_set: expected a name of native/engine/settings.h, got '" + std::string(name ? name : "null") + "'.");
        require(std::isfinite(value), "pgs_set: expected a finite value for '" + std::string(name) + "'.");
        ctx->settings[name] = value;
        return PGS_OK;
    }));
}
int32_t pgs_get(pgs_context* ctx, const char* name, double* value) {
    return int32_t(guarded(ctx, [&] {
        require(name && value && ctx->settings.count(name), "pgs_get: expected a name of native/engine/settings.h.");
        *value = ctx->settings.at(name);
        return PGS_OK;
    }));
}

int32_t pgs_data_begin(pgs_context* ctx, int32_t frames, int32_t width, int32_t height, double fx, double fy, double cx, double cy, int32_t num_expressions) {
    return int32_t(guarded(ctx, [&] {
        require(frames > 0 && width >= 8 && height >= 8 && width <= 4096 && height <= 4096 && num_expressions >= 0 && num_expressions <= 64,
                "pgs_data_begin: expected 1+ frames of 8..4096 px and 0..64 expressions.");
        require(fx > 0 && fy > 0, "pgs_data_begin: expected positive focal lengths.");
        Dataset& d = ctx->data;
        d = Dataset();
        d.width = width;
        d.height = height;
        d.fx = fx;
        d.fy = fy;
        d.cx = cx;
        d.cy = cy;
        d.expressions = num_expressions;
        d.frames.resize(frames);
        ctx->backend->data_begun(*ctx);
        return PGS_OK;
    }));
}

int32_t pgs_data_frame(pgs_context* ctx, int32_t index, const uint8_t* rgb, const uint8_t* labels, const double* viewmat, const double* expression, const double* lips, const double* eyes, double mouth_open) {
    return int32_t(guarded(ctx, [&] {
        Dataset& d = ctx->data;
        require(!rgb == !labels && viewmat && (expression || d.expressions == 0) && lips,
                "pgs_data_frame: expected no null pointer, but for rgb and labels together.");
        require(index >= 0 && size_t(index) < d.frames.size(), "pgs_data_frame: expected an index below " + std::to_string(d.frames.size()) + ".");
        TrainFrame& f = d.frames[index];
        const int w = d.width, h = d.height;
        if (rgb) put_picture(f, index, rgb, labels, w, h);
        for (int i = 0; i < 16; i++) require(std::isfinite(viewmat[i]), "frame " + std::to_string(index) + " viewmat: expected finite numbers.");
        set_camera(f.camera, viewmat, d.fx, d.fy, d.cx, d.cy, w, h);
        f.expression.assign(d.expressions, real(0));
        for (int i = 0; i < d.expressions; i++) f.expression[i] = real(expression[i]);
        for (int i = 0; i < 4; i++) f.lips[i] = real(lips[i]);
        for (int i = 0; i < 4 && eyes; i++) f.eyes[i] = real(eyes[i]);
        f.mouth_open = mouth_open;
        if (!rgb) return PGS_OK;
        f.is_put = true;
        ctx->backend->frame_put(*ctx, index);
        return PGS_OK;
    }));
}

int32_t pgs_data_audio(pgs_context* ctx, int32_t variants, int32_t mel_frames, const float* mel, const float* silence) {
    return int32_t(guarded(ctx, [&] {
        require(variants >= 1 && mel_frames >= 1 && mel && silence, "pgs_data_audio: expected at least one variant and one feature frame.");
        ctx->data.mel_variants = variants;
        ctx->data.mel_frames = mel_frames;
        ctx->data.mel.assign(mel, mel + size_t(variants) * mel_frames * PGS_MEL_BANDS);
        ctx->data.silence.assign(silence, silence + PGS_MEL_BANDS);
        return PGS_OK;
    }));
}

int32_t pgs_splats_resize(pgs_context* ctx, int32_t branch, int32_t n, int32_t sh_degree) {
    return int32_t(guarded(ctx, [&] {
        Branch& b = branch_of(ctx, branch);
        require(n >= 0 && n <= (1 << 22) && sh_degree >= 0 && sh_degree <= 2, "pgs_splats_resize: expected 0..4194304 splats of degree 0..2.");
        ctx->backend->release(*ctx);
        b.n = n;
        b.sh_degree = sh_degree;
        b.means.resize(size_t(n) * 3);
        b.quats.resize(size_t(n) * 4);
        for (int i = 0; i < n; i++) b.quats.value[size_t(i) * 4] = 1;
        b.log_scales.resize(size_t(n) * 3);
        b.logit_opacities.resize(n);
        b.sh.resize(size_t(n) * b.sh_k() * 3);
        b.step = 0;
        b.reset_statistics();
        ctx->backend->reshaped(*ctx);
        return PGS_OK;
    }));
}
int32_t pgs_splats_count(pgs_context* ctx, int32_t branch) {
    return int32_t(guarded(ctx, [&] { return branch_of(ctx, branch).n; }));
}
int32_t pgs_nets_init(pgs_context* ctx, int32_t branch, int32_t plane_base, int32_t plane_finest) {
    return int32_t(guarded(ctx, [&] {
        branch_of(ctx, branch);
        require(plane_base >= 2 && plane_finest >= plane_base && plane_finest <= 512, "pgs_nets_init: expected 2 <= base <= finest <= 512.");
        ctx->backend->release(*ctx);
        nets_init(*ctx, branch, plane_base, plane_finest);
        ctx->backend->reshaped(*ctx);
        return PGS_OK;
    }));
}
int32_t pgs_encoder_init(pgs_context* ctx) {
    return int32_t(guarded(ctx, [&] {
        ctx->backend->release(*ctx);
        encoder_init(*ctx);
        ctx->backend->reshaped(*ctx);
        return PGS_OK;
    }));
}

int64_t pgs_tensor_size(pgs_context* ctx, const char* name) {
    return guarded(ctx, [&]() -> int64_t {
        require(name != nullptr, "pgs_tensor_size: expected a name.");
        if (find_counter(*ctx, name)) return 1;
        const auto* values = find_tensor(*ctx, name);
        require(values != nullptr, "tensor: no tensor is called '" + std::string(name) + "'.");
        return int64_t(values->size());
    });
}
int32_t pgs_tensor_get(pgs_context* ctx, const char* name, void* out, int64_t count) {
    return int32_t(guarded(ctx, [&] {
        require(name && (out || count == 0), "pgs_tensor_get: expected a name and a buffer.");
        if (const double* counter = find_counter(*ctx, name)) {
            require(count == 1, std::string(name) + ": expected 1 value.");
            *static_cast<real*>(out) = real(*counter);
            return PGS_OK;
        }
        const auto* values = find_tensor(*ctx, name);
        require(values != nullptr, "tensor: no tensor is called '" + std::string(name) + "'.");
        require(count == int64_t(values->size()), std::string(name) + ": expected room for " + std::to_string(values->size()) + " values, got " + std::to_string(count) + ".");
        ctx->backend->fetch(*ctx, *values);
        std::memcpy(out, values->data(), size_t(count) * sizeof(real));
        return PGS_OK;
    }));
}
int32_t pgs_tensor_set(pgs_context* ctx, const char* name, const void* in, int64_t count) {
    return int32_t(guarded(ctx, [&] {
        require(name && (in || count == 0), "pgs_tensor_set: expected a name and a buffer.");
        if (double* counter = find_counter(*ctx, name)) {
            require(count == 1, std::string(name) + ": expected 1 value.");
            *counter = double(*static_cast<const real*>(in));
            return PGS_OK;
        }
        auto* values = find_tensor(*ctx, name);
        require(values != nullptr, "tensor: no tensor is called '" + std::string(name) + "'.");
        require(count == int64_t(values->size()), std::string(name) + ": expected " + std::to_string(values->size()) + " values, got " + std::to_string(count) + ".");
        std::memcpy(values->data(), in, size_t(count) * sizeof(real));
        ctx->backend->written(*ctx, *values);
        return PGS_OK;
    }));
}
int64_t pgs_tensor_names(pgs_context* ctx, char* out, int64_t capacity) {
    return guarded(ctx, [&]() -> int64_t {
        std::string text;
        for (const std::string& name : stored_tensors(*ctx)) text += name + "\n";
        if (out && capacity > int64_t(text.size())) std::memcpy(out, text.c_str(), text.size() + 1);
        return int64_t(text.size()) + 1;
    });
}

}  // extern "C"
