"""Is it the same? The library under test against the CPU library on the same contexts, and its optimiser against the rule itself."""

import numpy as np

import pgs
from report import FAILED, PASSED, relative_error
from scenes import make_scene, open_context
from sections.bars import FORWARD, GRADIENT, GRADIENT_FULL_SIZE, MASKS, STAGE_NAMES, STAGES, label, trained_by

# Parameters after 20 steps of Adam, which divides by the gradient's own size: a gradient that is all rounding error moves its value
# as far as any other. The CPU library in float32 differs from itself in float64 by up to 1.8e-2 (feature planes), so this finds
# gross faults only; the rule itself is checked to 1e-6.
AFTER_STEPS, STEPS = 5e-2, 20


def parity(run):
    """The library under test against the CPU library: the same context in both, small to full size."""
    sizes = [(50, 37, (300, 60)), (64, 64, (5, 80)), (33, 16, (1, 1))]
    if run.quick:
        sizes.append((96, 80, (1500, 300)))
    else:
        sizes += [(256, 256, (8000, 1500)), (512, 512, (30000, 4000))]
    for width, height, splats in sizes:
        scene = make_scene(width, height, splats, frames=3, provoke=True, seed=11, variants=3)

        def name(text, width=width, height=height, splats=splats):
            return f"{width}x{height}, {sum(splats)} splats: {text}"

        with open_context(run.library, scene) as ours, open_context(run.cpu, scene) as cpu:
            gradient = GRADIENT_FULL_SIZE if width >= 512 else GRADIENT
            for frame, deform in ((0, False), (2, True)):
                pictures = [c.render_frame(frame, deform, scene.shape) for c in (ours, cpu)]
                for branch, a, b in zip(pgs.BRANCHES, *pictures):
                    run.report.compare(name(f"{branch} picture, {'deformed' if deform else 'canonical'}"), a, b, FORWARD)
            for stage, branch in STAGES:
                for b in pgs.BRANCHES:
                    ours.stats_reset(b), cpu.stats_reset(b)
                losses = [c.loss(stage, MASKS[branch], 1, grads=True) for c in (ours, cpu)]
                run.report.compare(name(f"{label(stage, branch)} loss"), *losses, FORWARD)
                grads = [n + ".grad" for n in trained_by(stage, branch, cpu.parameters())]
                _worst_of(run, name(f"{label(stage, branch)} gradients"), ours, cpu, grads, gradient)
                if branch is not None:
                    sums = [f"{branch}.{statistic}" for statistic in pgs.STATISTICS]
                    _worst_of(run, name(f"{label(stage, branch)} statistics"), ours, cpu, sums, gradient)
            for c in (ours, cpu):
                c.set(iteration=7, audio_specAugment=8, audio_noise=0.1, audio_jitter=3, audio_dropout=0.2)
            losses = [c.hearing_loss([0, 2, 1, 1, 0], grads=True) for c in (ours, cpu)]
            run.report.compare(name("hearing loss, windows changed"), *losses, FORWARD)
            grads = [n + ".grad" for n in cpu.parameters() if n.startswith("encoder.")]
            _worst_of(run, name("hearing gradients"), ours, cpu, grads, gradient)
            run.report.compare(name("f_a"), ours.encode_audio(0, 3), cpu.encode_audio(0, 3), FORWARD)
            for branch in pgs.BRANCHES:
                (fa, ia), (fb, ib) = ours.spatial_features(branch), cpu.spatial_features(branch)
                run.report.same_bits(name(f"{branch} inside the planes"), ia, ib)
                run.report.compare(name(f"{branch} f_s"), fa, fb, FORWARD)
            _densify(run, name, ours, cpu)

    scene = make_scene(48, 40, (100, 30), seed=12)
    with open_context(run.library, scene, draw_nets=False) as ours, open_context(run.cpu, scene, draw_nets=False) as cpu:
        networks = [n for n in cpu.parameters() if n.split(".")[1] not in scene.splats["face"]]
        run.report.same_bits("networks as initialised", *({n: c.tensor(n).astype(np.float32) for n in networks} for c in (ours, cpu)))


def _worst_of(run, name, ours, cpu, tensors, bar):
    """One row for many tensors: the worst of their errors, named. A tensor that is all zero on one side must be on the other."""
    worst, where, largest = -1.0, "", 0.0
    for tensor in tensors:
        actual = ours.tensor(tensor).astype(np.float64)
        if run.report.perturb and run.report.perturb[0] in f"parity/{tensor}":
            actual = actual * (1 + run.report.perturb[1])
        error = relative_error(actual, cpu.tensor(tensor))
        if error[0] > worst:
            worst, largest, where = error[0], error[1], tensor
    verdict = PASSED if worst <= bar else FAILED
    run.report.row(name, verdict, worst, bar, f"worst of {len(tensors)}: {where}", largest)


def _densify(run, name, ours, cpu):
    """Density control copies rows and draws children from counted random numbers: the rows must be the same, children to rounding."""
    rng = np.random.RandomState(3)
    for branch in pgs.BRANCHES:
        n = cpu.count(branch)
        actions = rng.choice([pgs.KEEP, pgs.CLONE, pgs.SPLIT, pgs.PRUNE], n, p=[0.6, 0.15, 0.15, 0.1]).astype(np.uint8)
        fields = [f"{branch}.{f}" for f in ("means", "quats", "logScales", "logitOpacities", "sh")]
        for tensor in fields:  # moments that differ from row to row
            for moment in (".adam1", ".adam2"):
                values = rng.uniform(0, 1, cpu.size(tensor)).astype(np.float32)
                ours.put(tensor + moment, values), cpu.put(tensor + moment, values)
            ours.put(tensor, cpu.tensor(tensor))
        counts = [c.densify(branch, actions) for c in (ours, cpu)]
        run.report.claim(name(f"{branch} splats after density control"), counts[0] == counts[1], f"{n} -> {counts[1]}")
        exact = [t + m for t in fields for m in ("", ".adam1", ".adam2") if m or t.split(".")[1] not in ("means", "logScales")]
        exact += [f"{branch}.{s}" for s in pgs.STATISTICS]
        rows = [{t: c.tensor(t).astype(np.float32) for t in exact} for c in (ours, cpu)]
        run.report.same_bits(name(f"{branch} rows after density control"), *rows)
        for tensor in (f"{branch}.means", f"{branch}.logScales"):
            run.report.compare(name(f"{tensor} after density control"), ours.tensor(tensor), cpu.tensor(tensor), 1e-6)


def adam(run):
    """The optimisers' rule, recomputed in float64 from the library's own moments; then 20 iterations against the CPU library."""
    scene = make_scene(48, 40, (200, 40), seed=21)
    with open_context(run.library, scene) as context:
        context.set(weight_delta=1e-5, decay_encoder=0.02)
        for stage in (pgs.STATIC, pgs.DEFORM, pgs.FINETUNE):
            before = {n: context.tensor(n).astype(np.float64) for n in context.parameters()}
            context.train(stage, pgs.BOTH, 1)
            moving = {n for s, b in STAGES if s == stage for n in trained_by(s, b, before)}
            if stage == pgs.DEFORM:
                moving |= {n for n in before if n.startswith("encoder.")}
            worst, where = 0.0, ""
            for tensor, old in before.items():
                new, expected = context.tensor(tensor).astype(np.float64), old
                if tensor in moving:
                    expected = _adam_step(context, tensor, old)
                error = relative_error(new, expected)[1]
                if error > worst:
                    worst, where = error, tensor
            run.report.row(f"{STAGE_NAMES[stage]}: values after a step", PASSED if worst < 1e-6 else FAILED, worst, 1e-6,
                           f"{len(moving)} tensors move, {len(before) - len(moving)} stay; worst: {where or 'none'}")
    side, splats = (64, (600, 120)) if run.quick else (256, (8000, 1500))
    scene = make_scene(side, side, splats, frames=5, seed=22, variants=3)
    for stage, branch in STAGES[:4:2] + STAGES[4:]:
        with open_context(run.library, scene) as ours, open_context(run.cpu, scene) as cpu:
            for c in (ours, cpu):
                c.set(weight_delta=1e-5, audio_specAugment=6, audio_noise=0.05, audio_jitter=2, audio_dropout=0.1)
                c.set(expression_exchange=0.2)
            stats = [c.train(stage, pgs.BOTH, STEPS) for c in (ours, cpu)]
            what = f"{STAGE_NAMES[stage]}: {STEPS} iterations"
            run.report.compare(f"{what}, losses", stats[0][:4], stats[1][:4], FORWARD * 10)
            run.report.same_bits(f"{what}, splats and iterations", stats[0][4:7], stats[1][4:7])
            errors = {n: relative_error(ours.tensor(n), cpu.tensor(n))[0] for n in cpu.parameters()}
            where = max(errors, key=errors.get)
            verdict = PASSED if errors[where] <= AFTER_STEPS else FAILED
            run.report.row(f"{what}, parameters", verdict, errors[where], AFTER_STEPS, f"worst of {len(errors)}: {where}")
            for n in ("step.face", "step.mouth", "step.nets"):
                run.report.same_bits(f"{what}, {n}", ours.tensor(n).astype(np.float64), cpu.tensor(n).astype(np.float64))


def _adam_step(context, name, old):
    """What `old` becomes, given the moments after the step and the tensor's rates (native/core/adam.h says which)."""
    owner, field = name.split(".")[:2]
    is_splat = field in ("means", "quats", "logScales", "logitOpacities", "sh")
    step = float(context.tensor(f"step.{owner}" if is_splat else "step.nets")[0])
    beta1, beta2, epsilon = (0.9, 0.999, 1e-15) if is_splat else (0.9, 0.99, 1e-8)
    setting = {"means": "lr.means", "quats": "lr.quats", "logScales": "lr.scales", "logitOpacities": "lr.opacity", "sh": "lr.sh",
               "planes": "lr.planes"}.get(field, "lr.encoder" if owner == "encoder" else "lr.layers")
    rate = np.full(old.size, context.get(setting))
    if field == "sh":
        rate.reshape(context.count(owner), -1)[:, 3:] = context.get("lr.shRest")
    decay = context.get("decay.planes") if field == "planes" else 0.0
    if owner == "encoder" and name.endswith(".weight"):
        decay = context.get("decay.encoder")
    m, v = (context.tensor(name + moment).astype(np.float64) for moment in (".adam1", ".adam2"))
    new = old * (1 - rate * decay) - rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + epsilon)
    if field == "quats":
        rows = new.reshape(-1, 4)
        new = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).reshape(-1)
    return new
