"""Does it behave? The same bits each time, resumable, growing where a view needs more room, finite, and giving memory back."""

import numpy as np

import pgs
from scenes import make_scene, open_context

RANDOM = {"weight_delta": 1e-5, "audio_specAugment": 6, "audio_noise": 0.05, "audio_jitter": 2, "audio_dropout": 0.1,
          "expression_exchange": 0.2}
FRAMES = 5
# MiB. Chosen: a tenth of the smallest GPU that is supported (16 GB); less than one context's pictures and pairs.
MEMORY_BAR, LEAK_BAR = 1536, 64


def everything(context):
    return {name: context.tensor(name) for name in context.names()}


def finite(tensors):
    return [name for name, values in tensors.items() if not np.isfinite(values).all()]


def whole_run(context, iterations, chunk):
    """Each stage, hearing and density control, in calls of `chunk` iterations. The face's loss on frame 0 before and after its stage."""
    losses = [context.loss(pgs.STATIC, pgs.FACE, 0)]
    context.hearing_run(np.arange(40) % FRAMES, 8)
    for stage in (pgs.STATIC, pgs.DEFORM, pgs.FINETUNE):
        for _ in range(0, iterations, chunk):
            context.train(stage, pgs.BOTH, chunk)
        losses.append(context.loss(stage, pgs.FACE, 0))
        for number, branch in enumerate(pgs.BRANCHES):
            rng = np.random.RandomState(stage * 2 + number)
            context.densify(branch, rng.choice(4, context.count(branch), p=[0.8, 0.08, 0.08, 0.04]))
    context.train(pgs.DEFORM, pgs.BOTH, FRAMES)
    return losses[:2]


def repeat(run):
    """Two whole runs must end in the same bits, whatever the size of the calls; and a resumed run in those of one never stopped."""
    side, splats, iterations, chunk = (64, (500, 100), 20, 10) if run.quick else (192, (6000, 1000), 200, 50)
    scene = make_scene(side, side, splats, frames=FRAMES, seed=41, variants=3)
    ends = []
    for threads, size in ((0, chunk), (1, chunk), (0, iterations)):
        with open_context(run.library, scene, threads) as context:
            context.set(**RANDOM)
            before, after = whole_run(context, iterations, size)
            ends.append(everything(context))
        if len(ends) == 1:
            run.report.claim("every tensor finite", not finite(ends[0]), ", ".join(finite(ends[0])[:4]))
            run.report.claim("the face's loss falls while static", after < before, f"{before:.4f} -> {after:.4f}")
    run.report.same_bits(f"two runs, {iterations} iterations of each stage", ends[1], ends[0])
    run.report.same_bits("the same in longer calls", ends[2], ends[0])

    with open_context(run.library, scene) as whole, open_context(run.library, scene) as parts, open_context(run.library, scene) as resumed:
        for context in (whole, parts, resumed):
            context.set(**RANDOM)
        whole.train(pgs.DEFORM, pgs.BOTH, 2 * FRAMES)
        for _ in range(2 * FRAMES):
            parts.train(pgs.DEFORM, pgs.BOTH, 1)
        run.report.same_bits("one call, or a call an iteration", everything(parts), everything(whole))
        saved = everything(whole)
        whole.train(pgs.DEFORM, pgs.BOTH, FRAMES)
        for name, values in saved.items():
            resumed.put(name, values)
        resumed.set(iteration=2 * FRAMES)
        resumed.train(pgs.DEFORM, pgs.BOTH, FRAMES)
        run.report.same_bits("resumed from tensors, or never stopped", everything(resumed), everything(whole))


def overflow(run):
    """Splats that grow until a view needs many times the pairs that there was room for: the step is taken again, not half, not twice."""
    side, splats, steps, little, ample = (96, (400, 80), 10, 512, 1 << 17) if run.quick else (512, (20000, 3000), 12, 1 << 14, 1 << 24)
    scene = make_scene(side, side, splats, frames=FRAMES, seed=51, sigma=0.0004 if run.quick else 0.0002)

    def grown(library, chunk, room):
        with open_context(library, scene) as context:
            # Splats that hardly show, wanted opaque at any cost: every step widens them.
            context.set(gpu_pairs=room, lr_scales=0.6, lr_opacity=0.5, weight_alpha=50)
            losses = [context.train(pgs.STATIC, pgs.BOTH, chunk)[:2] for _ in range(0, steps, chunk)]
            context.set(lr_scales=0.003, lr_opacity=0.05, weight_alpha=0.001, weight_delta=1e-5)
            # A jump from one call to the next, larger than any growth so far.
            sizes = context.tensor("face.logScales")
            context.put("face.logScales", np.maximum(sizes, np.log(0.02)))
            context.train(pgs.DEFORM, pgs.BOTH, 2)
            counted = [context.get("iteration"), *(float(context.tensor(f"step.{of}")[0]) for of in (*pgs.BRANCHES, "nets"))]
            return everything(context), counted, np.mean(losses, 0), context.bench(pgs.STATIC, pgs.BOTH, 1).get("facePairs", 0)

    tensors, counted, losses, pairs = grown(run.library, steps, little)
    run.report.claim("pairs grew beyond their room", pairs > 8 * little, f"{little} -> {pairs}")
    run.report.claim("every iteration counted once", counted == [steps + 2] * 3 + [2], f"{counted[0]:.0f} of {steps + 2}")
    run.report.claim("every tensor finite", not finite(tensors), ", ".join(finite(tensors)[:4]))
    run.report.same_bits("growing inside a call, or between calls", grown(run.library, 1, little)[0], tensors)
    run.report.same_bits("growing, or room from the start", grown(run.library, steps, ample)[0], tensors)
    _, _, expected, expected_pairs = grown(run.cpu, steps, little)
    # Adam's first steps are signs of gradients, so splats whose gradient is rounding error may grow or shrink: sums only.
    run.report.compare("mean losses beside the CPU library", losses, expected, 1e-2)
    run.report.compare("pairs at the end beside the CPU library", pairs, expected_pairs, 5e-2)


def memory(run):
    """What a full-size context takes, and that contexts give it back."""
    if run.stand_in:
        run.report.skip("memory", "the library in the kernels' place uses no GPU memory")
        return
    frames = 4
    scene = make_scene(512, 512, (30000, 4000), frames=frames, seed=61)

    def use():
        with open_context(run.library, scene) as context:
            context.train(pgs.DEFORM, pgs.BOTH, 4)
            context.train(pgs.FINETUNE, pgs.BOTH, 2)
            return run.device.used()

    use()  # what the driver keeps for itself after the first
    rest = run.device.used()
    busy = use()
    mib = (busy - rest) / 2**20
    what = "MiB of a context, 512x512, 34000 splats, both branches"
    run.report.claim(what, mib < MEMORY_BAR, f"{frames} frames of 1 MiB included", mib, MEMORY_BAR)
    for _ in range(4):
        use()
    lost = (run.device.used() - rest) / 2**20
    run.report.claim("MiB kept after five contexts", lost < LEAK_BAR, "", lost, LEAK_BAR)
