/* What an iteration reads, drawn as the CPU engine draws it. */
#pragma once
#include "../engine/state.h"
#include "frames.h"
#include "iteration.h"

namespace pgs {

/* Everything but where the frame's pixels are. `deform` false: no window is drawn up. */
void fill_step(const Context& ctx, int branch, int frame, const Draw& draw, bool deform, const FramePlace& place, StepInput& out);
/* Rates of the iteration `ahead` of the context's step counts, 0: the next one. */
void fill_rates(const Context& ctx, int ahead, AdamRates out[ALL_RATES]);

}  // namespace pgs
