"""How fast is it? Every pass beside its floor (floors.py), and iterations a second of each stage."""

import time

import numpy as np

import floors
import pgs
from scenes import make_scene, open_context, plane_sides

FACE_BAR = 2000  # iterations a second, face, deformation stage, 30 000 splats, 512 x 512, on an H200
BAR_DEVICES = ("H200",)
PAIR_SIGMA = 1.95e-3  # m, median size of a splat of the 30 000; deformed, they make 130 000 pairs


def bench(run):
    """us a pass, floor and ratio; face, mouth, both and fine-tuning at 512 x 512, the face also with 60 000 splats and at 1024 x 1024."""
    cases = [("face", pgs.DEFORM, pgs.FACE, 30000, 4000, 512), ("mouth", pgs.DEFORM, pgs.MOUTH, 30000, 4000, 512),
             ("both", pgs.DEFORM, pgs.BOTH, 30000, 4000, 512), ("finetune", pgs.FINETUNE, pgs.BOTH, 30000, 4000, 512),
             ("static", pgs.STATIC, pgs.FACE, 30000, 4000, 512)]
    if not run.quick:
        cases += [("face60k", pgs.DEFORM, pgs.FACE, 60000, 4000, 512), ("both60k", pgs.DEFORM, pgs.BOTH, 60000, 4000, 512),
                  ("face1024", pgs.DEFORM, pgs.FACE, 60000, 4000, 1024)]
    elif run.stand_in:  # a CPU in the kernels' place: try the code, do not wait
        cases = [(name, stage, mask, 600, 100, 96) for name, stage, mask, *_ in cases]
    table = run.report.tables.setdefault("bench", [])
    for name, stage, mask, face, mouth, side in cases:
        # Splat sizes that give about the 127 000 pairs of the head that the floors were counted on.
        scene = make_scene(side, side, (face, mouth), frames=8, seed=71, sigma=PAIR_SIGMA * np.sqrt(30000 / face))
        with open_context(run.library, scene) as context:
            # Hold the scene still: its pairs are part of the measurement.
            context.set(weight_delta=1e-5, lr_means=1e-6, lr_scales=1e-5, lr_opacity=1e-4)
            warm = 3 if run.stand_in else 50
            context.train(stage, mask, warm)  # clocks rise, graphs are captured
            seconds = context.train(stage, mask, warm)[7] / warm
            enough = max(warm, min(2000, int(run.bench_seconds / max(seconds, 1e-6))))
            runs = [context.train(stage, mask, enough)[7] / enough for _ in range(3)]
            passes = context.bench(stage, mask, max(enough // 10, warm))
        step = float(np.median(runs))
        # Beside seconds, pgs_bench gives counts: pairs, longest tiles, bytes on the GPU.
        counts = {name: passes.pop(name) for name in list(passes) if name.endswith(("Pairs", "LongestTile", "Bytes", "OnGpu"))}
        pairs = {b: counts.get(f"{b}Pairs", 0) for b in pgs.BRANCHES}
        benched = passes.pop("step", 0)
        works = _works(mask, stage, (face, mouth), pairs, side, scene)
        every = [work for by_pass in works for work in by_pass.values()]
        floor = floors.step_floor(every, *run.roofline) if run.roofline else None
        has_bar = name == "face" and not run.stand_in and any(device in run.device.name for device in BAR_DEVICES)
        note = f"step {step * 1e6:.1f} us, {sum(pairs.values())} pairs"
        note += f", floor {floor * 1e6:.1f} us, ratio {step / floor:.2f}" if floor else ""
        what = f"{name}: it/s, {face if mask != pgs.MOUTH else mouth} splats, {side} px"
        if has_bar:
            run.report.claim(what, 1 / step >= FACE_BAR, note, 1 / step, FACE_BAR)
        else:
            run.report.measure(what, 1 / step, note)
        rows = []
        for kernel, seconds in passes.items():
            least = floors.pass_seconds(kernel, works, *run.roofline) if run.roofline else None
            rows.append({"pass": kernel, "us": seconds * 1e6, "floorUs": least and least * 1e6, "ratio": least and seconds / least})
            beside = f"floor {least * 1e6:.2f}, ratio {seconds / least:.1f}" if least else ""
            run.report.measure(f"  {name} {kernel}: us", seconds * 1e6, beside)
        table.append({"case": name, "stage": stage, "splatsFace": face, "splatsMouth": mouth, "side": side, "stepUs": step * 1e6,
                      "iterationsPerSecond": 1 / step, "floorUs": floor and floor * 1e6, "ratio": floor and step / floor, "pairs": pairs,
                      "counts": counts, "benchStepUs": benched * 1e6, "passes": rows})
    if "pgs_cuda_view" in run.library.exports:
        _view(run)


def _works(mask, stage, splats, pairs, side, scene):
    """Work of the branches that take part; what a stage leaves out is left out."""
    works = []
    for number, branch in enumerate(pgs.BRANCHES):
        if not mask & (1 << number):
            continue
        lips = scene.frames[0]["lips"]
        compared = side * side if branch == "face" else (lips[2] - lips[0] + 49) * (lips[3] - lips[1] + 49)
        texels = 3 * sum(side * side for side in plane_sides(branch))
        colours = 3 * (scene.degree + 1) ** 2
        stepped = {pgs.STATIC: splats[number] * (11 + colours), pgs.DEFORM: splats[number] * (11 + colours) + texels,
                   pgs.FINETUNE: splats[number] * (colours + (branch == "face"))}[stage]
        work = floors.pass_work(branch, splats[number], pairs[branch], compared, scene.degree, texels, stepped)
        absent = {pgs.STATIC: ("encoderForward", "encoderBackward", "deformForward", "deformBackward"), pgs.DEFORM: (),
                  pgs.FINETUNE: ("encoderBackward", "deformBackward")}[stage]
        works.append({name: w for name, w in work.items() if name not in absent})
    return works


def _view(run):
    """pgs_cuda_view copies everything in and out: its time is no kernel's, but it shows a view that is wildly slow."""
    side, n = (96, 600) if run.stand_in else (512, 30000)
    scene = make_scene(side, side, (n, 1), seed=72)
    v_rgbt = np.random.RandomState(5).normal(size=(side, side, 4)).astype(np.float32)
    times = []
    for _ in range(5):
        start = time.time()
        run.library.view(scene.splats["face"], scene.degree, scene.view(0), v_rgbt)
        times.append(time.time() - start)
    run.report.measure(f"pgs_cuda_view, {n} splats, {side} px: us with copies", min(times) * 1e6)
