#include "emu_scenes.h"
#include <limits>
#include "../core/density.h"
#include "../core/rng.h"

namespace pgs {
namespace {

/* How a scene's splats are drawn. */
struct Recipe {
    int splats;
    double size;      /* mean log scale, ln m */
    double spread;    /* standard deviation of it */
    double opacity;   /* mean logit */
    double box = 0.1; /* half the side of the cube of means, m */
};

Scene make(const char* name, int width, int height, const Recipe& recipe, uint64_t seed) {
    Scene scene;
    scene.name = name;
    scene.width = width;
    scene.height = height;
    /* A little off the axes, so that no product is zero; the cube fills the picture and leaves it at the corners. */
    const double s = 0.28125, c = 0.9375; /* exact in float32, as are the others: the camera survives the C edge bit by bit */
    const double viewmat[16] = {c, 0, s, 0.00390625, 0, -1, 0, 0.001953125, s, 0, -c, 0.59375, 0, 0, 0, 1};
    set_camera(scene.camera, viewmat, 2.625 * width, 2.625 * height, 0.5 * width + 0.25, 0.5 * height - 0.75, width, height);
    Rng rng(seed, 1);
    for (int i = 0; i < recipe.splats; i++) {
        for (int k = 0; k < 3; k++) scene.means.push_back(float((2 * rng.uniform() - 1) * recipe.box));
        for (int k = 0; k < 4; k++) scene.quats.push_back(float(rng.normal() + (k == 0 ? 1e-3 : 0)));
        for (int k = 0; k < 3; k++) scene.log_scales.push_back(float(recipe.size + recipe.spread * rng.normal()));
        scene.logit_opacities.push_back(float(recipe.opacity + 1.5 * rng.normal()));
        for (int k = 0; k < scene.sh_k() * 3; k++) scene.sh.push_back(float((k < 3 ? 0.8 : 0.2) * rng.normal()));
    }
    return scene;
}

/* One of each thing that must be culled or bear no colour, among splats that are well. */
Scene poisoned() {
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    Scene scene = make("poisoned, 50x41", 50, 41, {64, -4.5, 0.4, 0.5}, 9);
    scene.depth = true;
    scene.means[0 * 3] = nan;
    scene.means[1 * 3 + 2] = inf;
    scene.means[2 * 3 + 2] = 5.0f; /* behind the camera */
    for (int k = 0; k < 4; k++) scene.quats[3 * 4 + k] = 0.0f;
    scene.quats[4 * 4] = nan;
    scene.log_scales[5 * 3] = nan;
    scene.log_scales[6 * 3] = 40.0f;                                 /* far beyond any picture: culled */
    for (int k = 0; k < 3; k++) scene.log_scales[7 * 3 + k] = -1.2f; /* 0.3 m: covers the picture */
    scene.log_scales[8 * 3] = -80.0f;                                /* flat */
    scene.logit_opacities[9] = nan;
    scene.logit_opacities[10] = -30.0f; /* never reaches ALPHA_MIN */
    scene.logit_opacities[11] = 40.0f;  /* clamps at ALPHA_MAX */
    scene.sh[12 * 27] = nan;
    scene.means[13 * 3] = 100.0f;    /* beside the picture */
    scene.quats[14 * 4 + 1] = 1e20f; /* its square is infinite */
    return scene;
}

}  // namespace

std::vector<Scene> all_scenes() {
    std::vector<Scene> scenes;
    scenes.push_back(make("no splats, 33x17", 33, 17, {0, 0, 0, 0}, 1));
    scenes.push_back(make("one splat, 40x24", 40, 24, {1, -3.6, 0.1, 3, 0.01}, 2));
    scenes.push_back(make("one pixel", 1, 1, {40, -4, 0.3, 0}, 3));
    scenes.push_back(make("whole tiles, 32x16", 32, 16, {150, -4.6, 0.4, 0}, 4));
    scenes.push_back(make("odd sides, 90x70", 90, 70, {400, -4.6, 0.5, 0}, 5));
    scenes.push_back(make("depth, 61x83", 61, 83, {300, -4.5, 0.5, 0.5}, 6));
    scenes.back().depth = true;
    scenes.push_back(make("empty tiles, 130x50", 130, 50, {60, -5.2, 0.3, 1, 0.03}, 7));
    scenes.push_back(make("opaque, 35x35", 35, 35, {900, -3.8, 0.3, 4}, 8));
    scenes.push_back(make("degree 1 of 2, 48x30", 48, 30, {120, -4.5, 0.4, 0}, 10));
    scenes.back().degree = 1;
    scenes.push_back(make("stored degree 0, 30x48", 30, 48, {120, -4.5, 0.4, 0}, 11));
    Scene& flat = scenes.back();
    flat.sh_degree = flat.degree = 0;
    flat.sh.resize(size_t(flat.count()) * 3);
    /* More tiles than threads of the scan, more splats than a block of the count. */
    scenes.push_back(make("1066 tiles, 410x650", 410, 650, {700, -6.2, 0.3, 1, 0.12}, 13));
    scenes.push_back(poisoned());
    /* More than two runs of the sort; depths repeat, so ties are broken by index. */
    scenes.push_back(make("tile of 4500, 16x16", 16, 16, {4500, -4.0, 0.2, -3.4, 0.07}, 12));
    for (size_t i = 0; i + 3 < scenes.back().means.size(); i += 6)
        for (size_t k = 0; k < 3; k++) scenes.back().means[i + 3 + k] = scenes.back().means[i + k];
    scenes.push_back(make("too many pairs, 90x70", 90, 70, {400, -4.6, 0.5, 0}, 5));
    scenes.back().pair_capacity = 1000;
    return scenes;
}

void run_twin(const Scene& scene, Twin& twin) {
    Pool pool(1);
    const int n = scene.count(), k3 = scene.sh_k() * 3;
    const auto splat_at = [&](int i) {
        Splat s;
        for (int k = 0; k < 3; k++) {
            s.mean[k] = scene.means[size_t(i) * 3 + k];
            s.log_scale[k] = scene.log_scales[size_t(i) * 3 + k];
        }
        for (int k = 0; k < 4; k++) s.quat[k] = scene.quats[size_t(i) * 4 + k];
        s.logit_opacity = scene.logit_opacities[i];
        return s;
    };
    twin.projected.assign(n, Projected{});
    for (int i = 0; i < n; i++) project_splat(scene.camera, splat_at(i), scene.sh.data() + size_t(i) * k3, scene.degree, twin.projected[i]);
    Frame& frame = twin.frame;
    frame.resize(scene.width, scene.height);
    bin_splats(pool, twin.projected, frame.tiles_x, frame.tiles_y, twin.bins);
    rasterize(pool, twin.projected, twin.bins, frame, scene.depth);

    twin.frame_grad.resize(frame, scene.depth);
    uint64_t seed = 77;
    for (char letter : scene.name) seed = seed * 131 + uint64_t(letter);
    Rng rng(seed, 2);
    for (size_t p = 0; p < frame.pixels(); p++) {
        for (auto& plane : twin.frame_grad.color) plane[p] = float(rng.normal());
        twin.frame_grad.trans[p] = float(rng.normal());
        if (scene.depth) twin.frame_grad.depth[p] = float(rng.normal());
    }
    std::vector<ProjectedGrad> grads;
    rasterize_backward(pool, twin.projected, twin.bins, frame, twin.frame_grad, twin.slots, grads, twin.stats);

    twin.v_means.assign(size_t(n) * 3, 0);
    twin.v_quats.assign(size_t(n) * 4, 0);
    twin.v_log_scales.assign(size_t(n) * 3, 0);
    twin.v_logit_opacities.assign(n, 0);
    twin.v_sh.assign(size_t(n) * k3, 0);
    for (auto* sums : {&twin.grad_accum, &twin.weight_accum, &twin.grad_accum_plain, &twin.view_count, &twin.max_contribution})
        sums->assign(n, 0);
    const DensitySumsT<float> density = {twin.grad_accum.data(), twin.weight_accum.data(), twin.grad_accum_plain.data(),
                                         twin.view_count.data(), twin.max_contribution.data()};
    for (int i = 0; i < n; i++) {
        if (twin.projected[i].radius == 0) continue;
        SplatGrad out{};
        float* v_sh = twin.v_sh.data() + size_t(i) * k3;
        project_splat_vjp(scene.camera, splat_at(i), scene.sh.data() + size_t(i) * k3, scene.degree, twin.projected[i], grads[i], out,
                          [v_sh](int at, float value) { v_sh[at] += value; });
        for (int k = 0; k < 3; k++) {
            twin.v_means[size_t(i) * 3 + k] = out.mean[k];
            twin.v_log_scales[size_t(i) * 3 + k] = out.log_scale[k];
        }
        for (int k = 0; k < 4; k++) twin.v_quats[size_t(i) * 4 + k] = out.quat[k];
        twin.v_logit_opacities[i] = out.logit_opacity;
        add_view(density, size_t(i), grads[i].x, grads[i].y, 0.5f * float(scene.width), 0.5f * float(scene.height), twin.stats[i].pixels,
                 twin.stats[i].max_weight);
    }
}

}  // namespace pgs
