/* Seeded scenes for the kernels, and what the CPU twins make of them. */
#pragma once
#include <string>
#include <vector>
#include "../cpu/raster.h"

namespace pgs {

struct Scene {
    std::string name;
    int width = 0, height = 0, sh_degree = 2, degree = 2; /* degree: the active one */
    bool depth = false;
    uint32_t pair_capacity = 1 << 16;
    Camera camera;
    std::vector<float> means, quats, log_scales, logit_opacities, sh;
    int count() const { return int(logit_opacities.size()); }
    int sh_k() const { return (sh_degree + 1) * (sh_degree + 1); }
};

/* Everything that a view leaves, as the CPU makes it. Gradients as the trainer's tensors. */
struct Twin {
    std::vector<Projected> projected;
    Bins bins;
    Frame frame;
    FrameGrad frame_grad;
    std::vector<PairGrad> slots;
    std::vector<SplatStats> stats;
    std::vector<float> v_means, v_quats, v_log_scales, v_logit_opacities, v_sh;
    std::vector<float> grad_accum, weight_accum, grad_accum_plain, view_count, max_contribution;
};

/* Every scene of the suite, in the order of the report. */
std::vector<Scene> all_scenes();
/* Runs the twins; the picture's gradient is drawn from the scene's name. */
void run_twin(const Scene& scene, Twin& twin);

}  // namespace pgs
