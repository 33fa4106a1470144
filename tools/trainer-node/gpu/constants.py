"""Numbers that the engine's two headers define, read from the headers themselves so that they cannot drift apart."""

import os
import re

GPU_FOLDER = os.path.dirname(os.path.abspath(__file__))
TRAINER_FOLDER = os.path.dirname(GPU_FOLDER)
REPOSITORY = os.path.dirname(os.path.dirname(TRAINER_FOLDER))
NATIVE_FOLDER = os.path.join(TRAINER_FOLDER, "native")
BUILD_FOLDER = os.path.join(NATIVE_FOLDER, "build")

_DEFINE = re.compile(r"^#define (PGS_[A-Z0-9_]+) (-?[0-9.eE+-]+)\s*$", re.MULTILINE)


def read_defines(*path):
    """`PGS_*` numbers of a header inside the native folder, without the prefix."""
    with open(os.path.join(NATIVE_FOLDER, *path), encoding="utf-8") as header:
        return {name[4:]: float(value) for name, value in _DEFINE.findall(header.read())}


CONSTANTS = read_defines("generated", "pgs_constants.h")
ABI_VERSION = int(read_defines("include", "pgs_trainer.h")["ABI_VERSION"])
