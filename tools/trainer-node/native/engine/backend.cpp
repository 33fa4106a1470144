/* What both back ends do with a context in the same way. */
#include "backend.h"
#include <sstream>
#include "failure.h"
#include "state.h"

namespace pgs {
namespace {

bool all_finite(const std::vector<real>& values) {
    real sum = 0; /* inf - inf and NaN both survive a sum of x * 0 */
    for (real v : values) sum += v * real(0);
    return sum == 0;
}

}  // namespace

const char* const STAGE_NAMES[3] = {"static", "deformation", "fine-tuning"};

void require_finite(Context& ctx, double loss, const char* stage, int64_t iteration) {
    if (std::isfinite(loss)) return;
    std::string culprit = "the loss";
    for (const std::string& name : stored_tensors(ctx))
        if (auto* values = find_tensor(ctx, name)) {
            ctx.backend->fetch(ctx, *values);
            if (all_finite(*values)) continue;
            culprit = name;
            break;
        }
    std::ostringstream message;
    message << culprit << ": expected finite numbers, got NaN or infinity at iteration " << iteration << " of the " << stage
            << " stage. Resume from the last checkpoint with smaller learning rates.";
    throw Failure{PGS_E_DIVERGED, message.str()};
}

int frame_ahead(const Context& ctx, int branch, int64_t ahead) {
    const Branch& b = ctx.branch[branch];
    return b.order[size_t((b.cursor + ahead) % int64_t(b.order.size()))];
}

}  // namespace pgs
