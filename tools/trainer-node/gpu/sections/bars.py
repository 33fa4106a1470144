"""
What the sections that compare numbers share: the bars, the stages, and which tensors each stage trains.

A forward value of float32 must lie within 1e-4 of the oracle, a gradient within 1e-3; in float64 both within 1e-9. Measured on the CPU
libraries: 1.3e-5 in float32, 1.4e-13 in float64, so the bars leave room for another order of additions and for nothing else.
"""

import pgs

FORWARD, GRADIENT, DOUBLE = 1e-4, 1e-3, 1e-9
# With 30 000 splats at 512 x 512 some samples of some ten million fall on the other side of a threshold: the CPU library in float32
# differs from itself in float64 by up to 5.2e-4 there.
GRADIENT_FULL_SIZE = 2e-3
STAGES = ((pgs.STATIC, "face"), (pgs.STATIC, "mouth"), (pgs.DEFORM, "face"), (pgs.DEFORM, "mouth"), (pgs.FINETUNE, None))
STAGE_NAMES = ("static", "deform", "finetune")
MASKS = {"face": pgs.FACE, "mouth": pgs.MOUTH, None: pgs.BOTH}


def label(stage, branch):
    return f"{STAGE_NAMES[stage]}{'' if branch is None else '/' + branch}"


def trained_by(stage, branch, names):
    """Tensors whose gradients a stage must leave. Fine-tuning moves colours, and the face's opacities."""
    if stage == pgs.FINETUNE:
        return [n for n in names if n in ("face.sh", "mouth.sh", "face.logitOpacities")]
    splats = ("means", "quats", "logScales", "logitOpacities", "sh")
    own = [n for n in names if n.startswith(branch + ".")]
    if stage == pgs.STATIC:
        return [n for n in own if n.split(".")[1] in splats]
    return own + [n for n in names if n.startswith("encoder.") and ".opening." not in n]
