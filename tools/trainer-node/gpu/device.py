"""
Asks the NVIDIA driver itself (libcuda through ctypes) what the GPU is and how much memory is in use: no toolkit, no PyTorch needed.
"""

import ctypes
import os
import subprocess

# CUdevice_attribute values of cuda.h.
_CLOCK_KHZ, _MULTIPROCESSORS, _MEMORY_CLOCK_KHZ, _BUS_BITS, _MAJOR, _MINOR = 13, 16, 36, 37, 75, 76


class Device:
    """The first GPU. `bandwidth` bytes/s and `flops` fp32 operations/s are the peaks of its clocks, None where the driver hides them."""

    def __init__(self):
        self.cuda = ctypes.CDLL("libcuda.so.1")
        self._check("cuInit", 0)
        handle = ctypes.c_int()
        self._check("cuDeviceGet", ctypes.byref(handle), 0)
        self.handle = handle.value
        name = ctypes.create_string_buffer(256)
        self._check("cuDeviceGetName", name, len(name), self.handle)
        self.name = name.value.decode()
        version = ctypes.c_int()
        self._check("cuDriverGetVersion", ctypes.byref(version))
        self.driver_cuda = f"{version.value // 1000}.{version.value % 1000 // 10}"
        self.architecture = f"sm_{self._attribute(_MAJOR)}{self._attribute(_MINOR)}"
        self.multiprocessors = self._attribute(_MULTIPROCESSORS)
        bytes_per_clock = self._attribute(_BUS_BITS) / 8 * 2
        self.bandwidth = bytes_per_clock * self._attribute(_MEMORY_CLOCK_KHZ) * 1e3 or None
        # Multiply-adds of float32 a clock and multiprocessor.
        lanes = 64 if self.architecture in ("sm_70", "sm_75", "sm_80") else 128
        self.flops = 2.0 * lanes * self.multiprocessors * self._attribute(_CLOCK_KHZ) * 1e3 or None

    def _check(self, call, *arguments):
        status = getattr(self.cuda, call)(*arguments)
        if status != 0:
            raise OSError(f"{call}: the driver answered {status}")

    def _attribute(self, which):
        value = ctypes.c_int()
        self._check("cuDeviceGetAttribute", ctypes.byref(value), which, self.handle)
        return value.value

    def used(self):
        """Bytes of GPU memory in use, by anyone."""
        context, free, total = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
        # The primary context is the one that the CUDA runtime inside the engine uses, so nothing more is allocated for the question.
        self._check("cuDevicePrimaryCtxRetain", ctypes.byref(context), self.handle)
        try:
            self._check("cuCtxPushCurrent_v2", context)
            self._check("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
            self._check("cuCtxPopCurrent_v2", ctypes.byref(context))
        finally:
            self._check("cuDevicePrimaryCtxRelease_v2", self.handle)
        return total.value - free.value

    def facts(self):
        return {"name": self.name, "architecture": self.architecture, "multiprocessors": self.multiprocessors,
                "driverCuda": self.driver_cuda, "peakBytesPerSecond": self.bandwidth, "peakFlopsPerSecond": self.flops}


def find_device():
    """(Device, None), or (None, why there is none)."""
    try:
        return Device(), None
    except (OSError, AttributeError) as error:
        return None, str(error)


def processor():
    """Name of the CPU and its cores, for the rows of a table."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
        return f"{len(names)} x {names[0]}"
    except (OSError, IndexError):
        return f"{os.cpu_count()} cores"


def commit(folder):
    """Short id of the checkout, with a + where the working tree differs; "unknown" where it travelled without git."""
    try:
        def git(*words):
            return subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, timeout=20, check=True).stdout.strip()
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
