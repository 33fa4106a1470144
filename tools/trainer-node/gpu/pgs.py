"""
The engine's C ABI (native/include/pgs_trainer.h) through ctypes. Any of its libraries will do: CPU in either precision, CUDA, the
kernels under the emulator. Arrays go in and out as numpy arrays; a negative status becomes a PgsError with the engine's own words.
"""

import ctypes
import json

from constants import ABI_VERSION, CONSTANTS

try:
    import numpy as np
except ImportError:  # Only `device` works then; check.py says so.
    np = None

STATIC, DEFORM, FINETUNE = 0, 1, 2
FACE, MOUTH, BOTH = 1, 2, 3
BRANCHES = ("face", "mouth")
KEEP, CLONE, SPLIT, PRUNE = 0, 1, 2, 3
STATISTICS = ("gradAccum", "weightAccum", "gradAccumPlain", "viewCount", "maxContribution")
E_OVERFLOW = -7

_int, _long, _double, _text, _void = ctypes.c_int32, ctypes.c_int64, ctypes.c_double, ctypes.c_char_p, ctypes.c_void_p

# Result, then arguments; a name that a library does not export is left out when it is opened.
_SIGNATURES = {
    "pgs_abi_version": (_int,),
    "pgs_real_bytes": (_int,),
    "pgs_build_info": (_text,),
    "pgs_create": (_void, _int, ctypes.c_uint64),
    "pgs_destroy": (None, _void),
    "pgs_last_error": (_text, _void),
    "pgs_set": (_int, _void, _text, _double),
    "pgs_get": (_int, _void, _text, _void),
    "pgs_data_begin": (_int, _void, _int, _int, _int, _double, _double, _double, _double, _int),
    "pgs_data_frame": (_int, _void, _int, _void, _void, _void, _void, _void, _void, _double),
    "pgs_data_audio": (_int, _void, _int, _int, _void, _void),
    "pgs_splats_resize": (_int, _void, _int, _int, _int),
    "pgs_splats_count": (_int, _void, _int),
    "pgs_nets_init": (_int, _void, _int, _int, _int),
    "pgs_encoder_init": (_int, _void),
    "pgs_tensor_size": (_long, _void, _text),
    "pgs_tensor_get": (_int, _void, _text, _void, _long),
    "pgs_tensor_set": (_int, _void, _text, _void, _long),
    "pgs_tensor_names": (_long, _void, _void, _long),
    "pgs_order_set": (_int, _void, _int, _void, _int),
    "pgs_train_run": (_int, _void, _int, _int, _int, _void),
    "pgs_hearing_run": (_int, _void, _void, _int, _int, _void),
    "pgs_hearing_loss": (_int, _void, _void, _int, _int, _void),
    "pgs_loss_grad": (_int, _void, _int, _int, _int, _int, _void),
    "pgs_densify_apply": (_int, _void, _int, _void, _int),
    "pgs_stats_reset": (_int, _void, _int),
    "pgs_render_frame": (_int, _void, _int, _int, _void, _void),
    "pgs_render_splats": (_int, _void, _int, _int) + (_void,) * 6 + (_double,) * 4 + (_int, _int) + (_void,) * 5,
    "pgs_encode_audio": (_int, _void, _int, _int, _void),
    "pgs_spatial_features": (_int, _void, _int, _void, _void),
    "pgs_bench": (_int, _void, _int, _int, _int, _void, _int),
    "pgs_cuda_device": (_int, _void, _int),
    "pgs_cuda_view": (_int, _int, _int) + (_void,) * 6 + (_double,) * 4 + (_int, _int, _void, _void, ctypes.c_uint32)
    + (_void,) * 10 + (_void, _int),
}


class PgsError(Exception):
    """A call that the engine refused or could not finish."""

    def __init__(self, call, status, message):
        super().__init__(f"{call}: {message} (status {status})")
        self.status = status


def _pointer(array):
    return None if array is None else array.ctypes.data_as(_void)


def _as(array, dtype):
    return None if array is None else np.ascontiguousarray(array, dtype=dtype)


class Library:
    """One shared library. `real` is the numpy type of its tensors."""

    def __init__(self, path):
        self.path = path
        self.handle = ctypes.CDLL(path)
        self.exports = set()
        for name, (result, *arguments) in _SIGNATURES.items():
            try:
                function = getattr(self.handle, name)
            except AttributeError:
                continue
            function.restype, function.argtypes = result, arguments
            self.exports.add(name)
        if "pgs_abi_version" not in self.exports:
            raise PgsError(path, 0, "expected an engine library, got one without pgs_abi_version")
        abi = self.handle.pgs_abi_version()
        if abi != ABI_VERSION:
            raise PgsError(path, 0, f"expected ABI version {ABI_VERSION}, got {abi}. Build the libraries again")
        # A library that cannot train has no tensors whose precision it could name.
        self.real_bytes = self.handle.pgs_real_bytes() if "pgs_real_bytes" in self.exports else 4
        self.real = None if np is None else (np.float32 if self.real_bytes == 4 else np.float64)
        self.build_info = self.handle.pgs_build_info().decode() if "pgs_build_info" in self.exports else "unknown build"

    @property
    def can_train(self):
        return {"pgs_create", "pgs_loss_grad", "pgs_train_run", "pgs_tensor_get"} <= self.exports

    def device(self):
        """(status, text) of pgs_cuda_device; None for a library that has no GPU to name."""
        if "pgs_cuda_device" not in self.exports:
            return None
        text = ctypes.create_string_buffer(512)
        status = self.handle.pgs_cuda_device(text, len(text))
        return status, text.value.decode()

    def create(self, threads=0, seed=0):
        return Context(self, threads, seed)

    def view(self, splats, degree, camera, v_rgbt=None, v_depth=None, depth=False, pair_capacity=1 << 22):
        """pgs_cuda_view: one view forward and, with v_rgbt [H,W,4], backward. A dict of arrays named as in the header."""
        width, height, n = camera["width"], camera["height"], len(splats["logitOpacities"])
        given = [_as(splats[k], np.float32) for k in ("means", "quats", "logScales", "logitOpacities", "sh")]
        out = {"rgbt": np.zeros((height, width, 4), np.float32)}
        if depth:
            out["depth"], out["median"] = np.zeros((2, height, width), np.float32)
        if v_rgbt is not None:
            out.update(counts=np.zeros(n, np.float32), max=np.zeros(n, np.float32))
            for name, array in zip(("means", "quats", "logScales", "logitOpacities", "sh"), given):
                out["v_" + name] = np.zeros_like(array)
        text = ctypes.create_string_buffer(512)
        v_rgbt, v_depth, viewmat = _as(v_rgbt, np.float32), _as(v_depth, np.float32), _as(camera["viewmat"], np.float64)
        names = ("rgbt", "depth", "median", "counts", "max", "v_means", "v_quats", "v_logScales", "v_logitOpacities", "v_sh")
        status = self.handle.pgs_cuda_view(
            n, degree, *map(_pointer, given), _pointer(viewmat), camera["fx"], camera["fy"], camera["cx"], camera["cy"], width, height,
            _pointer(v_rgbt), _pointer(v_depth), pair_capacity, *(_pointer(out.get(name)) for name in names), text, len(text))
        if status < 0:
            raise PgsError("pgs_cuda_view", status, text.value.decode())
        return out


class Context:
    """One training context. Close it, or use it in a `with`: a GPU's memory is not the garbage collector's to keep."""

    def __init__(self, library, threads, seed):
        self.library, self.handle = library, library.handle
        self.pointer = self.handle.pgs_create(threads, seed)
        if not self.pointer:
            raise PgsError("pgs_create", 0, "got no context; the device may be missing or full")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.pointer:
            self.handle.pgs_destroy(self.pointer)
            self.pointer = None

    def _call(self, name, *arguments):
        status = getattr(self.handle, name)(self.pointer, *arguments)
        if status < 0:
            raise PgsError(name, status, self.handle.pgs_last_error(self.pointer).decode())
        return status

    def set(self, **settings):
        """Settings of native/engine/settings.h, an underscore for the dot: set(lr_means=1e-4)."""
        for name, value in settings.items():
            self._call("pgs_set", name.replace("_", ".", 1).encode(), float(value))

    def get(self, name):
        value = _double()
        self._call("pgs_get", name.encode(), ctypes.byref(value))
        return value.value

    def data_begin(self, frames, camera, num_expressions):
        self._call("pgs_data_begin", frames, camera["width"], camera["height"], camera["fx"], camera["fy"], camera["cx"], camera["cy"],
                   num_expressions)

    def data_frame(self, index, frame):
        arrays = [_as(frame["rgb"], np.uint8), _as(frame["labels"], np.uint8)]
        arrays += [_as(frame[k], np.float64) for k in ("viewmat", "expression", "lips", "eyes")]
        self._call("pgs_data_frame", index, *map(_pointer, arrays), float(frame["mouthOpen"]))

    def data_audio(self, mel, silence):
        mel, silence = _as(mel, np.float32), _as(silence, np.float32)
        self._call("pgs_data_audio", mel.shape[0], mel.shape[1], _pointer(mel), _pointer(silence))

    def splats_resize(self, branch, n, degree):
        self._call("pgs_splats_resize", BRANCHES.index(branch), n, degree)

    def count(self, branch):
        return self._call("pgs_splats_count", BRANCHES.index(branch))

    def nets_init(self, branch, base, finest):
        self._call("pgs_nets_init", BRANCHES.index(branch), base, finest)

    def encoder_init(self):
        self._call("pgs_encoder_init")

    def size(self, name):
        return self._call("pgs_tensor_size", name.encode())

    def tensor(self, name):
        """A flat copy in the library's own precision."""
        out = np.zeros(self.size(name), self.library.real)
        self._call("pgs_tensor_get", name.encode(), _pointer(out), out.size)
        return out

    def put(self, name, values):
        values = _as(values, self.library.real).reshape(-1)
        self._call("pgs_tensor_set", name.encode(), _pointer(values), values.size)

    def names(self):
        """Every stored tensor: parameters, moments, statistics, step counts."""
        room = self._call("pgs_tensor_names", None, 0) + 1
        text = ctypes.create_string_buffer(room)
        self._call("pgs_tensor_names", text, room)
        return text.value.decode().split()

    def parameters(self):
        moments = (".adam1", ".adam2")
        return [n for n in self.names() if not n.endswith(moments) and not n.startswith("step.") and n.split(".")[1] not in STATISTICS]

    def order(self, branch, frames):
        frames = _as(frames, np.int32)
        self._call("pgs_order_set", BRANCHES.index(branch), _pointer(frames), frames.size)

    def train(self, stage, mask, iterations):
        stats = np.zeros(8, np.float64)
        self._call("pgs_train_run", stage, mask, iterations, _pointer(stats))
        return stats

    def loss(self, stage, mask, frame, grads=False):
        value = _double()
        self._call("pgs_loss_grad", stage, mask, frame, int(grads), ctypes.byref(value))
        return value.value

    def hearing_loss(self, frames, grads=False):
        frames, value = _as(frames, np.int32), _double()
        self._call("pgs_hearing_loss", _pointer(frames), frames.size, int(grads), ctypes.byref(value))
        return value.value

    def hearing_run(self, frames, batch):
        frames, value = _as(frames, np.int32), _double()
        self._call("pgs_hearing_run", _pointer(frames), frames.size, batch, ctypes.byref(value))
        return value.value

    def densify(self, branch, actions):
        actions = _as(actions, np.uint8)
        return self._call("pgs_densify_apply", BRANCHES.index(branch), _pointer(actions), actions.size)

    def stats_reset(self, branch):
        self._call("pgs_stats_reset", BRANCHES.index(branch))

    def render_frame(self, frame, deform, shape):
        """Two pictures [H,W,4], premultiplied: face, mouth. shape: (H, W)."""
        face, mouth = np.zeros((2, *shape, 4), np.float32)
        self._call("pgs_render_frame", frame, int(deform), _pointer(face), _pointer(mouth))
        return face, mouth

    def render_splats(self, splats, degree, camera):
        width, height, n = camera["width"], camera["height"], len(splats["logitOpacities"])
        arrays = [_as(splats[k], np.float32) for k in ("means", "quats", "logScales", "logitOpacities", "sh")]
        arrays.append(_as(camera["viewmat"], np.float64))
        out = {"rgba": np.zeros((height, width, 4), np.float32), "depth": np.zeros((height, width), np.float32),
               "median": np.zeros((height, width), np.float32), "counts": np.zeros(n, np.uint32), "radii": np.zeros(n, np.int32)}
        self._call("pgs_render_splats", n, degree, *map(_pointer, arrays), camera["fx"], camera["fy"], camera["cx"], camera["cy"], width,
                   height, *map(_pointer, out.values()))
        return out

    def encode_audio(self, first, count):
        out = np.zeros((count, int(CONSTANTS["AUDIO_FEAT_DIM"])), np.float32)
        self._call("pgs_encode_audio", first, count, _pointer(out))
        return out

    def spatial_features(self, branch):
        n = self.count(branch)
        out, inside = np.zeros((n, int(CONSTANTS["SPATIAL_FEAT_DIM"])), np.float32), np.zeros(n, np.uint8)
        self._call("pgs_spatial_features", BRANCHES.index(branch), _pointer(out), _pointer(inside))
        return out, inside

    def bench(self, stage, mask, iterations):
        """Mean seconds of each pass, and what else the engine counts."""
        text = ctypes.create_string_buffer(4096)
        self._call("pgs_bench", stage, mask, iterations, text, len(text))
        return json.loads(text.value.decode())
