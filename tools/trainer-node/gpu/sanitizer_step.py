"""
One small step of everything, for compute-sanitizer to watch: 64 px, all stages, hearing, density control, pictures.

    compute-sanitizer --tool memcheck python3 sanitizer_step.py --library libpgs_cuda.so
"""

import argparse
import sys

sys.dont_write_bytecode = True  # a checkout stays as it was

import numpy as np

import pgs
from scenes import make_scene, open_context


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True)
    library = pgs.Library(parser.parse_args().library)
    scene = make_scene(64, 60, (300, 60), frames=2, provoke=True, seed=81, variants=2)
    with open_context(library, scene) as context:
        context.hearing_run([0, 1, 1, 0], 2)
        for stage in (pgs.STATIC, pgs.DEFORM, pgs.FINETUNE):
            context.loss(stage, pgs.BOTH, 0, grads=True)
            context.train(stage, pgs.BOTH, 2)
        for branch in pgs.BRANCHES:
            context.densify(branch, np.arange(context.count(branch)) % 4)
            context.spatial_features(branch)
        context.train(pgs.DEFORM, pgs.BOTH, 1)
        context.render_frame(1, True, scene.shape)
        context.render_splats(scene.splats["face"], scene.degree, scene.view(0))
        context.encode_audio(0, 2)
        broken = [name for name in context.names() if not np.isfinite(context.tensor(name)).all()]
    if "pgs_cuda_view" in library.exports:
        v_rgbt = np.ones((*scene.shape, 4), np.float32)
        library.view(scene.splats["face"], scene.degree, scene.view(0), v_rgbt, v_rgbt[..., 0], depth=True)
    if broken:
        raise SystemExit(f"not finite: {', '.join(broken)}")
    print("the step is done")


if __name__ == "__main__":
    main()
