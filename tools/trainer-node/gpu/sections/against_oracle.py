"""Is it right? The engine, and the kernels of one view, against PyTorch in float64."""

import numpy as np

import pgs
from constants import CONSTANTS
from scenes import make_scene, open_context
from sections.bars import DOUBLE, FORWARD, GRADIENT, MASKS, STAGES, label, trained_by


def oracle(run):
    """Every loss, gradient, statistic and picture of small scenes against PyTorch in float64, for each library at hand."""
    import torch

    from oracle import Oracle, encode_audio, pose, project, rasterize, spatial_features

    torch.manual_seed(0)
    scenes = [make_scene(48, 40, (60, 26), provoke=True, seed=5), make_scene(37, 29, (44, 30), provoke=True, seed=6)]
    scenes[1].settings.update(sh_degree=1, weight_alpha=0.3, weight_dssim=0.7)
    if not run.quick:
        scenes.append(make_scene(64, 33, (90, 31), provoke=True, seed=7, degree=1))
    for library in run.oracle_libraries():
        forward, gradient = (DOUBLE, DOUBLE) if library.real_bytes == 8 else (FORWARD, GRADIENT)
        # Pictures and features leave every library as float32.
        picture_bar = 1e-6 if library.real_bytes == 8 else FORWARD
        for scene in scenes:
            def name(text, library=library, scene=scene):
                return f"{run.short(library)} {scene.camera['width']}x{scene.camera['height']} {text}"

            with open_context(library, scene, threads=1) as context:
                truth = Oracle(scene, {n: context.tensor(n) for n in context.parameters()})
                for stage, branch in STAGES:
                    for b in pgs.BRANCHES:
                        context.stats_reset(b)
                    loss = context.loss(stage, MASKS[branch], 1, grads=True)
                    expected, grads, statistics = truth.stage(stage, branch, 1)
                    what = label(stage, branch)
                    run.report.compare(name(f"{what} loss"), loss, expected, forward)
                    for tensor in trained_by(stage, branch, grads):
                        run.report.compare(name(f"{what} {tensor}.grad"), context.tensor(tensor + ".grad"), grads[tensor], gradient)
                    _statistics(run, name, context, what, branch, statistics, forward, gradient)
                value = context.hearing_loss([0, 1, 1], grads=True)
                expected, grads = truth.hearing([0, 1, 1])
                run.report.compare(name("hearing loss"), value, expected, forward)
                for tensor in (n for n in grads if n.startswith("encoder.")):
                    run.report.compare(name(f"hearing {tensor}.grad"), context.tensor(tensor + ".grad"), grads[tensor], gradient)

                with torch.no_grad():
                    pictures = context.render_frame(1, True, scene.shape)
                    for branch, picture in zip(pgs.BRANCHES, pictures):
                        drawn, _ = truth.draw(branch, 1, True)
                        alpha = 1 - drawn["trans"][..., None]
                        expected = torch.cat([drawn["color"], alpha], 2).numpy()
                        run.report.compare(name(f"{branch} picture"), picture, expected, picture_bar)
                        features, inside = context.spatial_features(branch)
                        means = truth.p[f"{branch}.means"].reshape(-1, 3)
                        within = (abs(means) <= CONSTANTS["PLANE_BOUND"]).all(1)
                        run.report.same_bits(name(f"{branch} inside the planes"), inside, within.numpy().astype(np.uint8))
                        run.report.compare(name(f"{branch} f_s"), features[inside > 0],
                                           spatial_features(truth.p, branch, means[within]).numpy(), picture_bar)
                    run.report.compare(name("f_a"), context.encode_audio(1, 1)[0], encode_audio(truth.p, scene, 1).numpy(), picture_bar)
                    moved, _ = pose(truth.p, scene, "face", 1)
                    # As float32: what pgs_render_splats takes.
                    moved = {k: v.to(torch.float32).to(torch.float64) for k, v in moved.items()}
                    projected = project(moved, scene.degree, scene.view(1))
                    drawn = rasterize(projected, scene.camera["width"], scene.camera["height"])
                    out = context.render_splats({k: v.numpy() for k, v in moved.items()}, scene.degree, scene.view(1))
                for key in ("depth", "median"):
                    run.report.compare(name(f"face {key}"), out[key], drawn[key].numpy(), picture_bar)
                _counts(run, name("face pixels reached"), out["counts"], drawn["counts"].numpy(), drawn["doubtful"].numpy())
                run.report.same_bits(name("face radii"), out["radii"], projected["radii"].detach().numpy().astype(np.int32))


def _counts(run, name, counts, expected, doubtful):
    """Pixel counts must be equal but for samples so near a threshold that rounding decides."""
    beyond = np.abs(counts.astype(np.float64) - expected) > doubtful
    note = f"{int(doubtful.sum())} of {int(expected.sum())} samples near a threshold"
    run.report.claim(name, not beyond.any(), note, int(beyond.sum()), 0)


def _statistics(run, name, context, what, branch, statistics, forward, gradient):
    if branch is None:
        return
    doubtful = statistics.pop("doubtful")
    _counts(run, name(f"{what} weightAccum"), context.tensor(f"{branch}.weightAccum"), statistics.pop("weightAccum"), doubtful)
    for statistic, values in statistics.items():
        bar = gradient if statistic.startswith("grad") else forward
        run.report.compare(name(f"{what} {statistic}"), context.tensor(f"{branch}.{statistic}"), values, bar)


def view(run):
    """pgs_cuda_view, the kernels of a view on host arrays, against the oracle, gradients of depth included."""
    if "pgs_cuda_view" not in run.library.exports:
        run.report.skip("pgs_cuda_view", f"{run.short(run.library)} does not export it")
        return
    import torch

    from oracle import project, rasterize, real

    for width, height, n, degree in ((48, 40, 60, 2), (37, 29, 45, 1), (16, 16, 1, 0), (24, 17, 0, 0)):
        scene = make_scene(width, height, (n, 1), provoke=True, degree=degree, seed=31)
        splats, camera = scene.splats["face"], scene.view(1)
        rng = np.random.RandomState(4)
        v_rgbt, v_depth = rng.normal(size=(height, width, 4)).astype(np.float32), rng.normal(size=(height, width)).astype(np.float32)
        p = {k: real(v).requires_grad_(True) for k, v in splats.items()}
        projected = project(p, degree, camera)
        drawn = rasterize(projected, width, height)
        out = run.library.view(splats, degree, camera, v_rgbt, v_depth, depth=True)
        what = f"{width}x{height}, {n} splats: "
        rgbt = torch.cat([drawn["color"], drawn["trans"][..., None]], 2)
        run.report.compare(what + "picture", out["rgbt"], rgbt.detach().numpy(), FORWARD)
        run.report.compare(what + "expected depth", out["depth"], drawn["depth"].detach().numpy(), FORWARD)
        run.report.compare(what + "median depth", out["median"], drawn["median"].numpy(), FORWARD)
        run.report.compare(what + "largest contribution", out["max"], drawn["most"].numpy(), FORWARD)
        _counts(run, what + "pixels reached", out["counts"], drawn["counts"].numpy(), drawn["doubtful"].numpy())
        if n == 0:
            continue
        scalar = (rgbt * real(v_rgbt)).sum() + (drawn["depth"] * real(v_depth)).sum()
        for (field, _), gradient in zip(p.items(), torch.autograd.grad(scalar, list(p.values()))):
            run.report.compare(what + f"v_{field}", out["v_" + field], gradient.numpy(), GRADIENT)
        again = run.library.view(splats, degree, camera, v_rgbt, v_depth, depth=True)
        run.report.same_bits(what + "twice the same bits", again, out)
        if n > 1:
            try:
                run.library.view(splats, degree, camera, v_rgbt, pair_capacity=3)
                run.report.claim(what + "room for 3 pairs is refused", False)
            except pgs.PgsError as error:
                run.report.claim(what + "room for 3 pairs is refused", error.status == pgs.E_OVERFLOW, str(error)[:90])
