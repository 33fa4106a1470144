"""
Synthetic training contexts: a seeded head with all five labels, splats of both branches, networks whose output layers are not zero,
and sound. Everything is rounded to float32, so that libraries of both precisions and the oracle start from the same numbers.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np

from constants import CONSTANTS
from pgs import BRANCHES

MEL_BANDS = int(CONSTANTS["MEL_BANDS"])
HOPS = int(CONSTANTS["HOPS_PER_FRAME"])
PLANES = {"face": (16, 38), "mouth": (16, 64)}


def plane_scales(branch):
    """Texels less one that the bound spans, level by level. Multiplied as the engine does: a rounding error decides the last side."""
    base, finest = PLANES[branch]
    levels = int(CONSTANTS["PLANE_LEVELS"])
    growth = (finest / base) ** (1 / (levels - 1))
    return [base * growth**level - 1 for level in range(levels)]


def plane_sides(branch):
    """Texels along a side of each level's square, for the levels of one plane."""
    return [int(np.ceil(scale)) + 2 for scale in plane_scales(branch)]


def _stream(seed, name):
    return np.random.RandomState((seed * 1000003 + zlib.crc32(name.encode())) % (1 << 32))


def _single(array):
    return np.asarray(array, np.float32).astype(np.float64)


@dataclass
class Scene:
    """What a context is filled with. camera: lens and size, px; frames: as pgs_data_frame takes them."""

    camera: dict
    frames: list
    mel: np.ndarray  # [variants, mel_frames, MEL_BANDS]
    silence: np.ndarray
    splats: dict  # branch -> field -> [n, ...]
    degree: int
    settings: dict
    seed: int
    nets: bool = True
    tensors: dict = field(default_factory=dict)  # name -> values that replace the drawn ones

    @property
    def shape(self):
        return self.camera["height"], self.camera["width"]

    @property
    def num_expressions(self):
        return len(self.frames[0]["expression"])

    def view(self, frame):
        return {**self.camera, "viewmat": self.frames[frame]["viewmat"]}


def _viewmat(yaw, roll, offset):
    """World -> camera, OpenCV: half a metre in front of the face, turned by yaw and rolled."""
    c, s, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    flip = np.array([[cr, sr, 0], [sr, -cr, 0], [0, 0, -1]])
    view = np.eye(4)
    view[:3, :3] = flip @ turn
    view[:3, 3] = [offset, 0, 0.5]
    return view.reshape(-1)


def _picture(width, height, rng, open_mouth):
    """Labels of a bust and a picture of soft blobs: noise alone would have no structure for SSIM to find."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = (x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1
    labels = np.zeros((height, width), np.uint8)
    labels[(v > 0.55) & (abs(u) < 0.75)] = 4
    labels[u**2 / 0.36 + v**2 / 0.49 < 1] = 1
    labels[(u**2 / 0.36 + v**2 / 0.49 < 1) & (v < -0.35)] = 2
    labels[(abs(u) < 0.2) & (abs(v - 0.25) < 0.05 + 0.1 * open_mouth)] = 3
    rgb = np.zeros((height, width, 3))
    for c in range(3):
        for _ in range(6):
            a, b, p = rng.uniform(-9, 9), rng.uniform(-9, 9), rng.uniform(0, 6.3)
            rgb[..., c] += np.sin(a * u + b * v + p)
    rgb = 0.5 + 0.09 * rgb + rng.uniform(-0.06, 0.06, rgb.shape)
    rgb[labels == 0] = [0.5, 0.5, 0.5]
    lips = [0.36 * width, 0.53 * height, 0.64 * width, 0.72 * height]
    eyes = [0.3 * width, 0.33 * height, 0.7 * width, 0.45 * height]
    return np.clip(rgb * 255, 0, 255).astype(np.uint8), labels, lips, eyes


def _shell(n, rng, spread, sigma, degree):
    """Splats on an ellipsoid: a head's surface. spread [3] its half axes, m; sigma: median size of a splat, m."""
    direction = rng.normal(size=(n, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    means = direction * np.asarray(spread) * (1 + 0.05 * rng.normal(size=(n, 1)))
    sh = rng.uniform(-0.4, 0.4, size=(n, (degree + 1) ** 2, 3))
    sh[:, 0] *= 2.5
    return {"means": means, "quats": rng.normal(size=(n, 4)), "logScales": np.log(sigma) + 0.5 * rng.normal(size=(n, 3)),
            "logitOpacities": rng.uniform(-2, 3, size=n), "sh": sh}


def _provoke(splats, rng):
    """Moves the first splats to where the rules bite: behind the camera, outside the planes, beyond 1.3 of the field of view, opaque
    enough for the clamp of alpha, stacked until no light is left, one colour below zero."""
    n = len(splats["means"])
    if n < 24:
        return
    splats["means"][0] = [0, 0, 0.6]
    splats["means"][1] = [0.02, 0.01, 0.31]
    splats["means"][2:4, 0] = [0.16, -0.17]
    splats["means"][4:7] = [[0.24, 0.02, 0.03], [-0.25, 0.05, 0], [0.03, 0.26, 0.02]]
    splats["logScales"][4:7] = np.log(0.07)
    splats["logitOpacities"][4:7] = -1
    splats["means"][7:17] = [0.03, 0.02, 0.0] + rng.uniform(-0.004, 0.004, (10, 3))
    splats["logScales"][7:17] = np.log(0.014)
    splats["logitOpacities"][7:17] = rng.uniform(2, 7, 10)
    splats["sh"][17:21, 0] = -2.2


def make_scene(width, height, splats, frames=2, degree=2, seed=5, sigma=None, provoke=False, variants=1, num_expressions=5):
    """splats: (face, mouth). sigma: median splat size, m; None: such that neighbours on the head overlap."""
    rng = _stream(seed, "scene")
    camera = {"fx": 1.5 * width, "fy": 1.45 * width, "cx": 0.49 * width, "cy": 0.52 * height, "width": width, "height": height}
    clip = []
    for i in range(frames):
        opening = 0.2 + 0.6 * (i % 5) / 4
        rgb, labels, lips, eyes = _picture(width, height, rng, opening)
        clip.append({"rgb": rgb, "labels": labels, "viewmat": _viewmat(0.1 + 0.07 * np.sin(i), 0.1, 0.01), "lips": lips, "eyes": eyes,
                     "expression": _single(rng.uniform(0, 1, num_expressions)), "mouthOpen": opening})
    mel = rng.normal(size=(variants, frames * HOPS + 8, MEL_BANDS)).astype(np.float32)
    parts = {}
    for branch, n, spread in zip(BRANCHES, splats, ((0.1, 0.12, 0.09), (0.04, 0.02, 0.03))):
        size = sigma or 0.9 * np.mean(spread) * np.sqrt(4 / max(n, 1))
        parts[branch] = _shell(n, _stream(seed, branch), spread, size * (1 if branch == "face" else 0.5), degree)
        if provoke:
            _provoke(parts[branch], _stream(seed, "provoke." + branch))
        parts[branch] = {name: _single(values) for name, values in parts[branch].items()}
    settings = {"sh_degree": degree, "weight_alpha": 0.05, "weight_delta": 0.01, "weight_lips": 2, "weight_eyes": 3,
                "background_r": 0.5, "background_g": 0.45, "background_b": 0.4}
    return Scene(camera, clip, mel, rng.normal(size=MEL_BANDS).astype(np.float32), parts, degree, settings, seed)


def open_context(library, scene, threads=0, draw_nets=True):
    """A context of `library` that holds the scene. draw_nets False: networks as the engine's own initialisation leaves them."""
    context = library.create(threads, scene.seed)
    context.data_begin(len(scene.frames), scene.camera, scene.num_expressions)
    for index, frame in enumerate(scene.frames):
        context.data_frame(index, frame)
    context.data_audio(scene.mel, scene.silence)
    if scene.nets:
        context.encoder_init()
    for branch in BRANCHES:
        part = scene.splats[branch]
        context.splats_resize(branch, len(part["means"]), scene.degree)
        for name, values in part.items():
            context.put(f"{branch}.{name}", values)
        if scene.nets:
            context.nets_init(branch, *PLANES[branch])
        context.order(branch, np.arange(len(scene.frames)))
    if scene.nets and draw_nets:
        for name in context.parameters():
            if name.split(".")[1] not in scene.splats["face"]:
                context.put(name, drawn(name, context.size(name), scene.seed))
    for name, values in scene.tensors.items():
        context.put(name, values)
    context.set(**scene.settings)
    return context


def drawn(name, size, seed):
    """Values of a network's tensor: the same in every library. Biases lie away from a rectifier's corner."""
    rng = _stream(seed, name)
    if name.endswith(".planes"):
        return _single(rng.uniform(-0.1, 0.1, size))
    if name.endswith(".bias"):
        return _single(rng.uniform(-0.2, 0.2, size))
    if name.endswith("mlp2.weight"):
        return _single(rng.uniform(-0.3, 0.3, size))
    fan_in = {"conv0": 120, "conv1": 96, "conv2": 96, "conv3": 192, "fc0": 128, "fc1": 64}.get(name.split(".")[1], 64)
    return _single(rng.uniform(-1, 1, size) * np.sqrt(4.0 / fan_in))
