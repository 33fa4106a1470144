"""
The training losses in float64 PyTorch, written from the equations: no tiles, no early ends, no derivative by hand. Every splat meets
every pixel, autograd does the rest. What it shares with the engine are the constants of pgs_constants.h and the names of tensors.
Slow and in need of memory on purpose: for pictures of some 2000 pixels and some 100 splats.
"""

import numpy as np
import torch
import torch.nn.functional as F

from constants import CONSTANTS as C
from pgs import BRANCHES, DEFORM, FINETUNE, STATIC
from scenes import plane_scales, plane_sides

BOUND = C["PLANE_BOUND"]
BACKGROUND, SKIN, HAIR, INSIDE_MOUTH, TORSO = range(5)
MOUTH_MARGIN = 24  # px around the lips box in which the mouth branch is compared
# A sample this close to a threshold may fall on the other side in float32: relative for alpha and light, px for the radius.
NEAR_ALPHA, NEAR_LIGHT, NEAR_RADIUS = 1e-4, 1e-3, 1e-3


def real(values):
    return torch.as_tensor(np.asarray(values, np.float64))


# ---- splats to pictures ------------------------------------------------------------------------------------------------------------


def rotation(quats):
    """[N,4] wxyz of any length -> [N,3,3]."""
    w, x, y, z = (quats / quats.norm(dim=1, keepdim=True)).unbind(1)
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]
    return torch.stack(rows, 1).reshape(-1, 3, 3)


def harmonics(direction, degree):
    """Real spherical harmonics [N,(degree+1)^2] of unit directions, up to degree 2."""
    x, y, z = direction.unbind(1)
    basis = [torch.full_like(x, C["SH_C0"])]
    if degree >= 1:
        basis += [-C["SH_C1"] * y, C["SH_C1"] * z, -C["SH_C1"] * x]
    if degree >= 2:
        basis += [C["SH_C2_0"] * x * y, -C["SH_C2_0"] * y * z, C["SH_C2_1"] * (3 * z * z - (x * x + y * y + z * z)),
                  -C["SH_C2_0"] * x * z, C["SH_C2_2"] * (x * x - y * y)]
    return torch.stack(basis, 1)


def project(splats, degree, camera):
    """EWA projection and Eq. 4. A dict: means2d [N,2] px, conics [N,2,2], depths, opacities, colors [N,3], radii; radius 0: culled."""
    view = real(camera["viewmat"]).reshape(4, 4)
    turn, shift = view[:3, :3], view[:3, 3]
    fx, fy, width, height = camera["fx"], camera["fy"], camera["width"], camera["height"]
    t = splats["means"] @ turn.T + shift
    z = t[:, 2]
    in_front = z > C["DEPTH_MIN"]
    z = torch.where(in_front, z, torch.ones_like(z))
    limit = torch.tensor([C["FOV_CLAMP"] * 0.5 * width / fx, C["FOV_CLAMP"] * 0.5 * height / fy], dtype=torch.float64)
    slope = torch.maximum(torch.minimum(t[:, :2] / z[:, None], limit), -limit)
    zero = torch.zeros_like(z)
    rows = [torch.stack([fx / z, zero, -fx * slope[:, 0] / z], 1), torch.stack([zero, fy / z, -fy * slope[:, 1] / z], 1)]
    jacobian = torch.stack(rows, 1)
    spread = rotation(splats["quats"]) * splats["logScales"].exp()[:, None, :]
    sigma = spread @ spread.transpose(1, 2)
    to_screen = jacobian @ turn
    cov = to_screen @ sigma @ to_screen.transpose(1, 2) + C["COV2D_DILATION"] * torch.eye(2, dtype=torch.float64)
    means2d = torch.stack([fx * t[:, 0] / z + camera["cx"], fy * t[:, 1] / z + camera["cy"]], 1)
    longest = torch.linalg.eigvalsh(cov.detach())[:, 1]
    radii = torch.ceil(C["RADIUS_SIGMAS"] * longest.sqrt())
    x, y = means2d.detach().unbind(1)
    reaches = (x > -radii) & (x < width + radii) & (y > -radii) & (y < height + radii)
    direction = splats["means"] + turn.T @ shift  # the camera's centre is -R^T t
    direction = direction / direction.norm(dim=1, keepdim=True)
    active = (degree + 1) ** 2
    colors = (harmonics(direction, degree)[:, :, None] * splats["sh"][:, :active]).sum(1) + 0.5
    return {"means2d": means2d, "conics": torch.linalg.inv(cov), "depths": z, "opacities": torch.sigmoid(splats["logitOpacities"]),
            "colors": colors.clamp(min=0), "radii": torch.where(in_front & reaches, radii, torch.zeros_like(radii))}


def rasterize(projected, width, height):
    """Front-to-back blending of every splat at every pixel. color [H,W,3] premultiplied, trans [H,W], depth, median, and per splat:
    counts (Eq. 5), most (largest alpha * T), doubtful (samples of it that a rounding error could turn)."""
    order = torch.argsort(projected["depths"].detach(), stable=True)
    order = order[projected["radii"][order] > 0]
    n = len(projected["radii"])
    ys, xs = torch.meshgrid(torch.arange(height, dtype=torch.float64) + 0.5, torch.arange(width, dtype=torch.float64) + 0.5, indexing="ij")
    offset = torch.stack([xs.reshape(-1), ys.reshape(-1)], 1)[None] - projected["means2d"][order][:, None]
    power = -0.5 * torch.einsum("npi,nij,npj->np", offset, projected["conics"][order], offset)
    raw = projected["opacities"][order][:, None] * power.exp()
    alpha = raw.clamp(max=C["ALPHA_MAX"])
    visible = alpha.detach() >= C["ALPHA_MIN"]
    # The light left never grows, so "stop before the splat that would take the last of it" is one comparison a sample.
    left = torch.cumprod(torch.where(visible, 1 - alpha, torch.ones_like(alpha)), 0)
    taken = visible & (left.detach() >= C["TRANSMITTANCE_MIN"])
    through = torch.where(taken, 1 - alpha, torch.ones_like(alpha))
    after = torch.cumprod(through, 0) if len(order) else torch.ones((0, width * height), dtype=torch.float64)
    before = torch.cat([torch.ones((1, width * height), dtype=torch.float64), after])[: len(order)]
    weight = torch.where(taken, alpha * before, torch.zeros_like(alpha))
    trans = after[-1] if len(order) else torch.ones(width * height, dtype=torch.float64)
    depths = projected["depths"][order]
    crossing = taken & (before.detach() > 0.5) & (after.detach() <= 0.5)
    near_centre = (offset.detach() ** 2).sum(2) < projected["radii"][order][:, None] ** 2
    doubt = visible & (abs(left.detach() / C["TRANSMITTANCE_MIN"] - 1) < NEAR_LIGHT)
    doubt |= abs(alpha.detach() / C["ALPHA_MIN"] - 1) < NEAR_ALPHA
    behind_doubt = torch.cumsum(doubt.to(torch.int64), 0) > 0
    doubt = behind_doubt & visible
    doubt |= taken & (abs((offset.detach() ** 2).sum(2).sqrt() - projected["radii"][order][:, None]) < NEAR_RADIUS)

    def per_splat(values):
        return torch.zeros(n, dtype=torch.float64).index_put((order,), values.to(torch.float64))

    return {"color": (weight.T @ projected["colors"][order]).reshape(height, width, 3), "trans": trans.reshape(height, width),
            "depth": (weight.T @ depths).reshape(height, width),
            "median": (crossing.to(torch.float64).T @ depths.detach()).reshape(height, width),
            "counts": per_splat((taken & near_centre).sum(1)), "doubtful": per_splat(doubt.sum(1)),
            "most": per_splat(weight.detach().max(1).values if len(order) else torch.zeros(0))}


# ---- sound, planes, networks (Eqs. 6-9) -----------------------------------------------------------------------------------------------


def mel_window(scene, frame):
    """[1, MEL_BANDS, WINDOW_FRAMES] of variant 0; silence outside the clip."""
    first = frame * int(C["HOPS_PER_FRAME"]) + int(C["WINDOW_FIRST"])
    rows = [scene.mel[0, at] if 0 <= at < scene.mel.shape[1] else scene.silence for at in range(first, first + int(C["WINDOW_FRAMES"]))]
    return real(rows).T[None]


def encode_audio(p, scene, frame):
    """f_a [32]."""
    x = mel_window(scene, frame)
    for layer in range(4):
        weight, bias = p[f"encoder.conv{layer}.weight"], p[f"encoder.conv{layer}.bias"]
        x = F.leaky_relu(F.conv1d(x, weight.reshape(len(bias), -1, 3), bias, stride=2, padding=1), C["LEAKY_SLOPE"])
    hidden = F.leaky_relu(linear(p, "encoder.fc0", x.reshape(1, -1)), C["LEAKY_SLOPE"])
    return linear(p, "encoder.fc1", hidden)[0]


def linear(p, name, x):
    bias = p[name + ".bias"]
    return F.linear(x, p[name + ".weight"].reshape(len(bias), -1), bias)


def spatial_features(p, branch, means):
    """f_s [M,36] of means inside the bound: bilinear look-ups, written as tent functions over all texels of a level."""
    tables = p[f"{branch}.planes"].reshape(3, -1)
    features = []
    for plane, (a, b) in enumerate(((0, 1), (1, 2), (0, 2))):
        at = 0
        for scale, side in zip(plane_scales(branch), plane_sides(branch)):
            table = tables[plane, at : at + side * side].reshape(side, side)  # rows run along the plane's second axis
            at += side * side
            texel = torch.arange(side, dtype=torch.float64)
            tents = [(1 - abs((means[:, axis, None] + BOUND) / (2 * BOUND) * scale + 0.5 - texel)).clamp(min=0) for axis in (a, b)]
            features.append(torch.einsum("mb,ba,ma->m", tents[1], table, tents[0]))
    return torch.stack(features, 1)


def predict(p, branch, feat, audio, expression):
    """Deltas [M,10] (face: means, log scales, quats) or [M,3] (mouth)."""
    def layer(name, x):
        return linear(p, f"{branch}.{name}", x)

    rows = len(feat)
    projected_audio = layer("projAudio", audio[None])
    if branch == "face":  # Eqs. 8, 9
        expr = layer("projExpr", expression[None])
        gate = torch.sigmoid(layer("gate", torch.cat([projected_audio, expr], 1)))
        fused = torch.cat([torch.cat([audio[None], gate * projected_audio, expr], 1).expand(rows, -1), feat], 1)
    else:  # Eqs. 6, 7
        spatial = layer("projSpatial", feat)
        wide = projected_audio.expand(rows, -1)
        gate = torch.sigmoid(layer("gate", torch.cat([spatial, wide], 1)))
        fused = torch.cat([spatial, gate * wide], 1)
    y = layer("mlp2", torch.relu(layer("mlp1", torch.relu(layer("mlp0", fused)))))
    return torch.cat([C["MEAN_DELTA_SCALE"] * y[:, :3], y[:, 3:]], 1)


def splats_of(p, branch, degree):
    widths = {"means": (3,), "quats": (4,), "logScales": (3,), "logitOpacities": (), "sh": ((degree + 1) ** 2, 3)}
    return {name: p[f"{branch}.{name}"].reshape(-1, *width) for name, width in widths.items()}


def pose(p, scene, branch, frame):
    """The branch's splats as frame `frame` moves them, and the mean absolute deltas."""
    splats = splats_of(p, branch, scene.degree)
    inside = (abs(splats["means"].detach()) <= BOUND).all(1)
    audio = encode_audio(p, scene, frame)
    means = splats["means"][inside]
    deltas = predict(p, branch, spatial_features(p, branch, means), audio, real(scene.frames[frame]["expression"]))
    moved, at = dict(splats), 0
    size = torch.zeros((), dtype=torch.float64)
    for name, width in (("means", 3), ("logScales", 3), ("quats", 4)):
        if at == deltas.shape[1]:
            break
        delta = deltas[:, at : at + width]
        at += width
        full = torch.zeros_like(splats[name]).index_put((inside.nonzero()[:, 0],), delta)
        moved[name] = splats[name] + full
        size = size + abs(delta).mean()
    return moved, size


# ---- losses (Eqs. 10-13) --------------------------------------------------------------------------------------------------------------


def structural_similarity(x, y):
    """SSIM [H,W,3] of pictures [H,W,3]: 11 x 11 Gaussian window, sigma 1.5, zero outside."""
    tap = torch.exp(-torch.arange(-5, 6, dtype=torch.float64) ** 2 / 4.5)
    tap = tap / tap.sum()
    window = (tap[:, None] * tap[None]).reshape(1, 1, 11, 11)

    def blur(picture):
        return F.conv2d(picture.permute(2, 0, 1)[:, None], window, padding=5)[:, 0].permute(1, 2, 0)

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4))


def box_mask(box, width, height):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (x >= box[0]) & (x <= box[2]) & (y >= box[1]) & (y <= box[3])


def covered_share(labels):
    """Share of each pixel's 3 x 3 neighbourhood that is not background; the border repeats."""
    solid = torch.as_tensor((labels != BACKGROUND).astype(np.float64))[None, None]
    return F.avg_pool2d(F.pad(solid, (1, 1, 1, 1), mode="replicate"), 3, stride=1)[0, 0]


class Oracle:
    """values: name -> flat array of every parameter. The scene gives data and settings."""

    def __init__(self, scene, values):
        self.scene = scene
        self.p = {name: real(array).clone().requires_grad_(True) for name, array in values.items()}
        self.setting = {name.replace("_", ".", 1): value for name, value in scene.settings.items()}
        self.background = real([self.setting[f"background.{c}"] for c in "rgb"])

    def draw(self, branch, frame, deform):
        """(picture with statistics, size of deltas) of one branch; pictures remember their projection."""
        width, height = self.scene.camera["width"], self.scene.camera["height"]
        splats, size = pose(self.p, self.scene, branch, frame) if deform else (splats_of(self.p, branch, self.scene.degree), 0)
        projected = project(splats, int(self.setting["sh.degree"]), self.scene.view(frame))
        return {**rasterize(projected, width, height), "projected": projected}, size

    def boxes(self, difference, frame, with_eyes):
        """Extra L1 inside the boxes; difference [H,W,3], zero where nothing is compared."""
        data, (height, width) = self.scene.frames[frame], self.scene.shape
        loss = torch.zeros((), dtype=torch.float64)
        for name, wanted in (("lips", True), ("eyes", with_eyes)):
            if wanted:
                inside = box_mask(data[name], width, height)[..., None]
                loss = loss + self.setting[f"weight.{name}"] * abs(difference * inside).sum() / difference.numel()
        return loss

    def branch_loss(self, stage, branch, frame):
        """Eqs. 11, 12 of one branch alone, with the alpha loss against its mask. (loss, picture)"""
        data, (height, width) = self.scene.frames[frame], self.scene.shape
        picture, size = self.draw(branch, frame, stage != STATIC)
        labels, recorded = torch.as_tensor(data["labels"]), real(data["rgb"]) / 255
        lips = box_mask(data["lips"], width, height)
        background = self.background.expand(height, width, 3)
        if branch == "face":
            solid = (labels == SKIN) | (labels == HAIR) | (labels == TORSO)
            empty, compared = ~solid, torch.ones_like(solid)
            # Exchanging the background for itself changes nothing: pgs_loss_grad draws the recorded one.
            target = torch.where((labels == INSIDE_MOUTH)[..., None], background, recorded)
            x0, y0, x1, y1 = 0, 0, width, height
        else:
            solid = labels == INSIDE_MOUTH
            empty, compared = ~solid & ~lips, solid | ~lips  # elsewhere in the lips box the face covers it
            target = torch.where(solid[..., None], recorded, background)
            x0, y0 = (int(min(max(v - MOUTH_MARGIN, 0), side)) for v, side in zip(data["lips"][:2], (width, height)))
            x1, y1 = (int(min(max(v + MOUTH_MARGIN + 1, 0), side)) for v, side in zip(data["lips"][2:], (width, height)))
        shown = picture["color"] + picture["trans"][..., None] * background
        shown = torch.where(compared[..., None], shown, background)
        shown, target = shown[y0:y1, x0:x1], target[y0:y1, x0:x1]
        norm = 3.0 * width * height
        difference = torch.zeros((height, width, 3), dtype=torch.float64)
        difference[y0:y1, x0:x1] = shown - target
        alpha = 1 - picture["trans"][y0:y1, x0:x1]
        wrong = torch.where(solid[y0:y1, x0:x1], 1 - alpha, torch.where(empty[y0:y1, x0:x1], alpha, torch.zeros_like(alpha)))
        loss = abs(difference).sum() / norm + self.boxes(difference, frame, branch == "face")
        loss = loss + self.setting.get("weight.dssim", 0.2) * (1 - structural_similarity(shown, target)).sum() / norm
        loss = loss + self.setting["weight.alpha"] * wrong.sum() / (width * height) + self.setting["weight.delta"] * size
        return loss, picture

    def composite_loss(self, frame):
        """Eq. 13 without LPIPS, on Eq. 10's composite over the recorded background. (loss, pictures)"""
        pictures = [self.draw(branch, frame, True)[0] for branch in BRANCHES]
        face, mouth = pictures
        behind = mouth["color"] + mouth["trans"][..., None] * self.background
        shown, target = face["color"] + face["trans"][..., None] * behind, real(self.scene.frames[frame]["rgb"]) / 255
        difference = shown - target
        dssim = (1 - structural_similarity(shown, target)).mean()
        return abs(difference).mean() + self.setting.get("weight.dssim", 0.2) * dssim + self.boxes(difference, frame, True), pictures

    def stage(self, stage, branch, frame):
        """(loss, gradients by name, statistics by name) of a stage, as pgs_loss_grad gives them. branch: None for fine-tuning."""
        if stage == FINETUNE:
            loss, pictures = self.composite_loss(frame)
        else:
            loss, picture = self.branch_loss(stage, branch, frame)
            pictures = [picture]
        means2d = [picture["projected"]["means2d"] for picture in pictures]
        found = torch.autograd.grad(loss, [*self.p.values(), *means2d], allow_unused=True)
        grads = {name: (torch.zeros_like(p) if g is None else g).numpy() for (name, p), g in zip(self.p.items(), found)}
        statistics = {}
        if stage != FINETUNE:
            height, width = self.scene.shape
            norm = (found[-1] * torch.tensor([0.5 * width, 0.5 * height], dtype=torch.float64)).norm(dim=1)
            drawn = (picture["projected"]["radii"] > 0).to(torch.float64)
            statistics = {"gradAccum": picture["counts"] * norm, "weightAccum": picture["counts"], "gradAccumPlain": norm * drawn,
                          "viewCount": drawn, "maxContribution": picture["most"]}
            statistics = {name: values.detach().numpy() for name, values in statistics.items()}
            statistics["doubtful"] = picture["doubtful"].numpy()
        return loss.item(), grads, statistics

    def hearing(self, frames):
        """(loss, gradients by name) of the mean of (opening(f_a) - mouth_open)^2 / 2."""
        loss = torch.zeros((), dtype=torch.float64)
        for frame in frames:
            heard = linear(self.p, "encoder.opening", encode_audio(self.p, self.scene, frame)[None])[0, 0]
            loss = loss + (heard - self.scene.frames[frame]["mouthOpen"]) ** 2 / 2 / len(frames)
        found = torch.autograd.grad(loss, list(self.p.values()), allow_unused=True)
        return loss.item(), {name: (torch.zeros_like(p) if g is None else g).numpy() for (name, p), g in zip(self.p.items(), found)}
