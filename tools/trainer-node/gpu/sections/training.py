"""Does it train? The Node trainer from a dataset to a head on the GPU, with its time and its quality."""

import json
import os
import shutil
import subprocess
import time

from constants import TRAINER_FOLDER

MINUTES_BAR = 3.0  # the paper's schedule on an H200
QUALITY_BAR = 0.2  # dB of head PSNR below the CPU's


def find_node():
    return os.environ.get("PGS_NODE") or shutil.which("node")


def head_psnr(report):
    """Head PSNR on the test split, dB, of a HEAD.report.json."""
    return report["evaluation"]["regions"]["head"]["psnr"]


def train(run):
    node = find_node()
    if run.data is None:
        run.report.skip("end to end", "no dataset; --data FOLDER names one (rendered-f1)")
        return
    if node is None:
        run.report.skip("end to end", "no node on the PATH; PGS_NODE may name one")
        return
    if run.stand_in and "cuda" in run.train_options:
        run.report.skip("end to end", "the library in the kernels' place is not what --device cuda loads")
        return
    output = os.path.join(run.out, "gpu-head.glb")
    preset = "tiny" if run.quick else "paper"
    program = os.path.join(TRAINER_FOLDER, "bin", "pgstalker.mjs")
    command = [node, program, "train", run.data, "-o", output, "--preset", preset, *run.train_options]
    shutil.rmtree(os.path.splitext(output)[0] + ".run", ignore_errors=True)
    environment = {**os.environ, "PGS_NATIVE_DIR": os.path.dirname(os.path.abspath(run.library.path))}
    start = time.time()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=run.train_seconds, env=environment)
    except subprocess.TimeoutExpired:
        run.report.claim("end to end", False, f"not done after {run.train_seconds} s")
        return
    minutes = (time.time() - start) / 60
    run.save("train.log", done.stdout + done.stderr)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [""]
        run.report.claim("end to end", False, f"exit {done.returncode}: {last[0][:140]}")
        return
    if preset == "paper":
        run.report.claim(f"minutes, preset {preset}, decoding and export included", minutes <= MINUTES_BAR, "", minutes, MINUTES_BAR)
    else:
        run.report.measure(f"minutes, preset {preset}", minutes)
    with open(os.path.splitext(output)[0] + ".report.json", encoding="utf-8") as text:
        report = json.load(text)
    psnr = head_psnr(report)
    run.report.tables["train"] = {"preset": preset, "minutes": minutes, "headPsnr": psnr, "engine": report.get("engine"),
                                  "sync": report["evaluation"].get("sync")}
    if run.cpu_psnr is None:
        run.report.skip("head PSNR beside the CPU's", f"{psnr:.2f} dB; --cpu-psnr gives the number of a CPU run to compare with")
    else:
        bar = run.cpu_psnr - QUALITY_BAR
        run.report.claim("head PSNR, dB", psnr >= bar, f"CPU {run.cpu_psnr:.2f} dB", psnr, bar)
