#include "inputs.h"
#include <algorithm>
#include "../core/wanted.h"

namespace pgs {

void fill_step(const Context& ctx, int branch, int frame, const Draw& draw, bool deform, const FramePlace& place, StepInput& out) {
    const TrainFrame& data = ctx.data.frames[frame];
    out.camera = data.camera;
    out.rgb = place.rgb;
    out.label = place.label;
    out.region = compared_region(branch == FACE, data.lips, ctx.data.width, ctx.data.height);
    std::copy(data.lips, data.lips + 4, out.lips);
    std::copy(data.eyes, data.eyes + 4, out.eyes);
    out.lips_only = draw.expression_frame >= 0 ? 1 : 0;
    const char* const recorded[3] = {"background.r", "background.g", "background.b"};
    for (int c = 0; c < 3; c++) {
        out.recorded[c] = float(ctx.setting(recorded[c]));
        out.drawn[c] = float(draw.background[c]);
    }
    out.weight_dssim = float(ctx.setting("weight.dssim"));
    out.weight_alpha = float(ctx.setting("weight.alpha"));
    out.weight_lips = float(ctx.setting("weight.lips"));
    out.weight_eyes = float(ctx.setting("weight.eyes"));
    out.weight_delta = float(ctx.setting("weight.delta"));
    const std::vector<float>& expression = ctx.data.frames[draw.expression_frame < 0 ? frame : draw.expression_frame].expression;
    std::copy(expression.begin(), expression.end(), out.expression);
    if (!deform) return;
    EncoderPass pass;
    encoder_window(ctx.data, frame, draw.window, pass);
    std::copy(pass.act[0].begin(), pass.act[0].end(), out.window);
    std::copy(pass.keep.begin(), pass.keep.end(), out.keep);
}

void fill_rates(const Context& ctx, int ahead, AdamRates out[ALL_RATES]) {
    const LearningRates rates = read_learning_rates([&](const char* name) { return ctx.setting(name); });
    splat_rates(rates, ctx.branch[FACE].step + ahead + 1, out + FACE_RATES);
    splat_rates(rates, ctx.branch[MOUTH].step + ahead + 1, out + MOUTH_RATES);
    net_rates(rates, ctx.net_step + ahead + 1, out + NETS_RATES);
}

}  // namespace pgs
