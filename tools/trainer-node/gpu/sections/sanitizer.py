"""Does it race, or read what is not its own? compute-sanitizer's four tools over sanitizer_step.py."""

import glob
import os
import re
import shutil
import subprocess
import sys

from constants import GPU_FOLDER
from report import FAILED, PASSED, SKIPPED

TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")
_SUMMARY = re.compile(r"(?:ERROR SUMMARY|RACECHECK SUMMARY): (\d+)")
FOUND = 97  # exit status that the tool is told to give where it finds something


def find_tool():
    places = [os.environ.get("PGS_COMPUTE_SANITIZER"), shutil.which("compute-sanitizer")]
    for root in [os.environ.get("CUDA_PATH"), os.environ.get("CUDA_HOME"), *sorted(glob.glob("/usr/local/cuda*"), reverse=True)]:
        if root:
            places += [os.path.join(root, "bin", "compute-sanitizer"), os.path.join(root, "compute-sanitizer", "compute-sanitizer")]
    return next((place for place in places if place and os.path.exists(place)), None)


def judge(output, status):
    """(verdict, errors, note) of one tool's run. Without its summary it watched nothing, whatever its exit status."""
    summary = _SUMMARY.findall(output)
    if not summary:
        last = output.strip().splitlines()[-1:] or [""]
        return SKIPPED, None, f"the tool watched nothing (exit {status}): {last[0][:100]}"
    errors = sum(map(int, summary))
    if errors or status != 0 or "the step is done" not in output:
        told = [line for line in output.splitlines() if line.startswith("=========") and "SUMMARY" not in line and "COMPUTE" not in line]
        first = told[0] if told else ""
        return FAILED, errors, f"exit {status}: {first[9:].strip()[:100]}"
    return PASSED, errors, ""


def sanitizer(run):
    tool = find_tool()
    if tool is None:
        where = "not found on the PATH, in CUDA_PATH, or in /usr/local/cuda*; PGS_COMPUTE_SANITIZER may name it"
        run.report.skip("compute-sanitizer", where)
        return
    if run.stand_in:
        run.report.skip("compute-sanitizer", "it watches a GPU; the library in the kernels' place has none")
        return
    for name in TOOLS:
        extra = ["--leak-check", "full"] if name == "memcheck" else []
        program = [sys.executable, os.path.join(GPU_FOLDER, "sanitizer_step.py"), "--library", run.library.path]
        command = [tool, "--tool", name, *extra, "--error-exitcode", str(FOUND), *program]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=run.sanitizer_seconds, cwd=GPU_FOLDER)
        except subprocess.TimeoutExpired:
            run.report.skip(name, f"not done after {run.sanitizer_seconds} s; --sanitizer-seconds gives it more")
            continue
        output = done.stdout + done.stderr
        run.save(f"sanitizer-{name}.log", output)
        verdict, errors, note = judge(output, done.returncode)
        run.report.row(name, verdict, errors, 0, note)
