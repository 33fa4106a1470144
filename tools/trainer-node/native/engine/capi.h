/* What the C edge's files share: one lock, exceptions turned into status codes, checked arguments. */
#pragma once
#include <new>
#include "backend.h"
#include "failure.h"
#include "state.h"

struct pgs_context : pgs::Context {
    using pgs::Context::Context;
};

namespace pgs {

/* One call in flight, no exception past the edge. */
template <class F> int64_t guarded(pgs_context* ctx, F&& body) {
    if (!ctx) return PGS_E_ARGUMENT;
    std::unique_lock<std::mutex> lock(ctx->running, std::try_to_lock);
    if (!lock.owns_lock() || ctx->closed) return PGS_E_BUSY;
    try {
        return body();
    } catch (const Failure& failure) {
        ctx->error = failure.message;
        return failure.status;
    } catch (const std::bad_alloc&) {
        ctx->error = "memory: the allocation failed. Train fewer frames, a smaller picture or fewer splats.";
        return PGS_E_MEMORY;
    } catch (const std::exception& e) {
        ctx->error = e.what();
        return PGS_E_ARGUMENT;
    }
}

inline Branch& branch_of(pgs_context* ctx, int32_t branch) {
    require(branch == FACE || branch == MOUTH, "branch: expected 0 (face) or 1 (mouth), got " + std::to_string(branch) + ".");
    return ctx->branch[branch];
}

inline void require_frame(pgs_context* ctx, int32_t frame) {
    require(frame >= 0 && size_t(frame) < ctx->data.frames.size() && ctx->data.frames[frame].is_put,
            "frame: expected one of the " + std::to_string(ctx->data.frames.size()) + " frames put with pgs_data_frame, got " + std::to_string(frame) + ".");
}

inline void require_model(pgs_context* ctx, int32_t mask, bool deform) {
    for (int b = 0; b < BRANCHES; b++) {
        if (!(mask & (1 << b))) continue;
        require(ctx->branch[b].n > 0, std::string(BRANCH_NAMES[b]) + ": expected splats, got none. Call pgs_splats_resize first.");
        require(!deform || ctx->branch[b].planes.size() > 0, std::string(BRANCH_NAMES[b]) + ": expected networks. Call pgs_nets_init first.");
        const Linear& expressions = ctx->branch[b].layers[PROJ_EXPR];
        require(!deform || expressions.out == 0 || expressions.in == ctx->data.expressions,
                std::string(BRANCH_NAMES[b]) + ": expected a dataset of " + std::to_string(expressions.in) +
                    " expressions, as when pgs_nets_init was called, got " + std::to_string(ctx->data.expressions) + ".");
    }
    require(!deform || ctx->encoder.fc[1].weight.size() > 0, "encoder: expected weights. Call pgs_encoder_init first.");
    require(!deform || !ctx->data.mel.empty(), "audio: expected feature frames. Call pgs_data_audio first.");
}

}  // namespace pgs
