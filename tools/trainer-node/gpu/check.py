#!/usr/bin/env python3
"""
Checks and times the GPU training library on a machine with CUDA; see README.md. run.sh builds what is missing and calls this.

Exit status: 0 every bar met; 1 a bar missed; 2 wrong options; 3 no bar missed, but something asked for could not be run; 4 the
library under test cannot be loaded.
"""

import argparse
import csv
import datetime
import io
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True  # a checkout stays as it was

import device as devices
import pgs
from constants import BUILD_FOLDER, REPOSITORY
from report import FAILED, SKIPPED, Report

OK, MISSED, INCOMPLETE, NO_LIBRARY = 0, 1, 3, 4

# name -> (module, title, what it needs). Order: what a short loan must not miss comes first, what takes longest last.
SECTIONS = {
    "device": (None, "what this is", ()),
    "oracle": ("against_oracle", "losses, gradients, statistics, pictures against float64 PyTorch", ("numpy", "torch")),
    "view": ("against_oracle", "the kernels of a view against float64 PyTorch", ("device", "numpy", "torch")),
    "parity": ("against_cpu", "the library under test against the CPU library", ("device", "numpy", "training", "cpu")),
    "adam": ("against_cpu", "the optimisers", ("device", "numpy", "training", "cpu")),
    "repeat": ("behaviour", "the same bits each time", ("device", "numpy", "training")),
    "overflow": ("behaviour", "views that need more room than there was", ("device", "numpy", "training", "cpu")),
    "bench": ("speed", "time of every pass beside its floor", ("device", "numpy", "training")),
    "memory": ("behaviour", "GPU memory", ("device", "numpy", "training")),
    "sanitizer": ("sanitizer", "compute-sanitizer", ("device", "numpy", "training")),
    "train": ("training", "a head from a dataset, end to end", ("device", "training")),
}


def section_list(text):
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in SECTIONS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"expected sections out of {', '.join(SECTIONS)}, got '{text}'")
    return names


def perturbation(text):
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected NAME=SHARE, got '{text}'") from None


def roofline(text):
    try:
        gigabytes, gigaflops = map(float, text.split(","))
        return gigabytes * 1e9, gigaflops * 1e9
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected GB/s,GFLOP/s, got '{text}'") from None


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default=os.path.join(BUILD_FOLDER, "libpgs_cuda.so"), help="the library under test")
    parser.add_argument("--cpu-library", default=os.path.join(BUILD_FOLDER, "libpgs_cpu.so"), help="what it is compared with")
    parser.add_argument("--only", type=section_list, default=list(SECTIONS), metavar="A,B", help=f"sections, out of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="smaller scenes, fewer iterations; the bench keeps its size")
    parser.add_argument("--out", default=os.environ.get("OUT") or "gpu-report", help="folder for JSON, CSV and logs")
    parser.add_argument("--json", help="a second place for the JSON; gpu-check.json in the folder of --out is always written")
    parser.add_argument("--data", help="dataset folder for the section train")
    parser.add_argument("--cpu-psnr", type=float, help="head PSNR, dB, that the CPU trainer reached with the same preset and data")
    parser.add_argument("--train-options", default="--device cuda", help="what the section train adds to `pgstalker train`")
    parser.add_argument("--train-seconds", type=float, default=900, help="limit of the section train")
    parser.add_argument("--sanitizer-seconds", type=float, default=240, help="limit of each tool of compute-sanitizer")
    parser.add_argument("--bench-seconds", type=float, default=0.5, help="time of one repetition in the bench")
    parser.add_argument("--time-limit", type=float, default=0, help="seconds after which no further section is started; 0: none")
    parser.add_argument("--roofline", type=roofline, help="peaks for the floors, GB/s,GFLOP/s; default: from the driver's clocks")
    parser.add_argument("--perturb", type=perturbation, metavar="NAME=SHARE",
                        help="spoil what is compared under this name by this share: proves that a wrong number is found")
    return parser.parse_args(arguments)


class Run:
    """What the sections are given: libraries, options, the report, a folder for logs."""

    def __init__(self, options, library):
        self.options, self.library, self.report = options, library, Report(options.perturb)
        self.quick, self.out, self.data = options.quick, options.out, options.data
        self.cpu_psnr, self.train_seconds, self.train_options = options.cpu_psnr, options.train_seconds, options.train_options.split()
        self.sanitizer_seconds, self.bench_seconds = options.sanitizer_seconds, options.bench_seconds
        self.device, self.no_device = devices.find_device()
        told = library.device()
        # A library that names no GPU is the CPU's, or the kernels under the emulator: good for trying these scripts, no proof.
        self.stand_in = told is None or self.device is None or "emulator" in told[1]
        self.gpu_missing = told[1] if told is not None and told[0] < 1 else None
        self.told = told[1] if told is not None else f"no GPU in this library: {library.build_info}"
        self.roofline = options.roofline
        if self.roofline is None and self.device is not None and self.device.bandwidth and self.device.flops:
            self.roofline = self.device.bandwidth, self.device.flops
        self.cpu, self.no_cpu = None, None
        try:
            self.cpu = pgs.Library(options.cpu_library)
        except (OSError, pgs.PgsError) as error:
            self.no_cpu = str(error)

    def short(self, library):
        return os.path.basename(library.path).replace("libpgs_", "").replace(".so", "")

    def oracle_libraries(self):
        """The CPU library in both precisions, where built, and the one under test, where it can run; each once."""
        double = os.path.join(os.path.dirname(self.options.cpu_library), "libpgs_cpu_f64.so")
        libraries = [pgs.Library(double)] if os.path.exists(double) else []
        libraries += [self.cpu] if self.cpu is not None else []
        missing = self.lacks(("device", "training"))
        if missing is None:
            libraries.append(self.library)
        else:
            self.report.skip(self.short(self.library), missing)
        return list({os.path.realpath(library.path): library for library in libraries}.values())

    def save(self, name, text):
        is_new = not os.path.isdir(self.out)
        os.makedirs(self.out, exist_ok=True)
        for path, content in [(name, text)] + [(".gitignore", "*\n")] * is_new:
            with open(os.path.join(self.out, path), "w", encoding="utf-8") as file:
                file.write(content)

    def lacks(self, needs):
        """Why a section cannot run, or None."""
        if "device" in needs and self.gpu_missing:
            return f"no usable GPU: {self.gpu_missing}"
        if "numpy" in needs and pgs.np is None:
            return "no numpy in this Python; install it (python3-numpy)"
        if "training" in needs and not self.library.can_train:
            return f"{self.short(self.library)} exports no training: {', '.join(sorted(self.library.exports))}"
        if "cpu" in needs and self.cpu is None:
            return f"no CPU library to compare with: {self.no_cpu}"
        if "torch" in needs:
            try:
                import torch  # noqa: F401
            except ImportError:
                return "no PyTorch in this Python"
        return None


def say_device(run):
    report = run.report
    report.say(f"  library     {run.library.path}")
    report.say(f"  it says     {run.told}")
    report.say(f"  compared to {run.cpu.path + ', ' + run.cpu.build_info if run.cpu else run.no_cpu}")
    report.say(f"  driver      {run.device.facts() if run.device else run.no_device}")
    report.say(f"  host        {devices.processor()}, Python {sys.version.split()[0]}")
    if run.gpu_missing:
        report.skip("a usable GPU", run.gpu_missing)
    elif run.stand_in:
        report.measure("stand-in for a GPU", None, "this run tries the scripts; it says nothing of kernels on a GPU")
    else:
        report.claim("a usable GPU", True, run.told)
    if run.roofline is None:
        report.measure("floors", None, "unknown peaks: the bench gives times without ratios; see --roofline")


def run_sections(run, after_each):
    for name, (module, title, needs) in SECTIONS.items():
        if name not in run.options.only:
            continue
        run.report.open_section(name, title)
        if module is None:
            say_device(run)
            after_each()
            continue
        missing = run.lacks(needs)
        spent = time.time() - run.report.started
        if run.options.time_limit and spent > run.options.time_limit:
            missing = f"{spent:.0f} s of {run.options.time_limit:.0f} s are spent"
        if missing:
            run.report.skip(name, missing)
            continue
        start = time.time()
        try:
            section = getattr(__import__(f"sections.{module}", fromlist=[name]), name)
            section(run)
        except Exception as error:  # a section that breaks is a failure, and the others still run
            run.report.claim(name, False, f"{type(error).__name__}: {error}"[:200])
            run.report.say(traceback.format_exc())
        run.report.say(f"  ({time.time() - start:.1f} s)")
        after_each()


def csv_text(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_tables(run, facts):
    """gpu-check.json ("exit" is null until the end), and two CSV files whose rows can be appended to tables of measurements."""
    text = run.report.to_json(facts) + "\n"
    run.save("gpu-check.json", text)
    path = run.options.json or os.path.join(run.out, "gpu-check.json")
    if run.options.json:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    machine = run.device.name if run.device else f"no GPU ({run.short(run.library)}, {devices.processor()})"
    common = [facts["date"], machine, facts["commit"]]
    verdicts = []
    for name in SECTIONS:
        of = [row["verdict"] for row in run.report.rows if row["section"] == name]
        verdicts.append("" if not of else "FAIL" if FAILED in of else "skipped" if SKIPPED in of else "pass")
    failed = "; ".join(f"{row['section']}/{row['name']}" for row in run.report.rows if row["verdict"] == FAILED)
    header = ["date", "machine", "commit", "mode", *SECTIONS, "missed"]
    run.save("gpu-check.csv", csv_text(header, [[*common, facts["mode"], *verdicts, failed]]))

    def shown(value, digits=2):
        return "" if value is None else f"{value:.{digits}f}"

    header = ["date", "machine", "commit", "case", "splatsFace", "splatsMouth", "side", "itPerSecond", "stepUs", "floorUs", "ratio"]
    header += ["pairs", "passUs", "passRatio"]
    rows = []
    for case in run.report.tables.get("bench", []):
        passes = " ".join(f"{p['pass']}={p['us']:.1f}" for p in case["passes"])
        ratios = " ".join(f"{p['pass']}={p['ratio']:.1f}" for p in case["passes"] if p["ratio"])
        sizes = [case["case"], case["splatsFace"], case["splatsMouth"], case["side"]]
        speeds = [shown(case["iterationsPerSecond"], 1), shown(case["stepUs"], 1), shown(case["floorUs"], 1), shown(case["ratio"])]
        rows.append([*common, *sizes, *speeds, sum(case["pairs"].values()), passes, ratios])
    if rows:
        run.save("gpu-step.csv", csv_text(header, rows))
    return path


def main(arguments=None):
    options = parse(arguments)
    try:
        library = pgs.Library(os.path.abspath(options.library))
    except (OSError, pgs.PgsError) as error:
        print(f"the library under test cannot be loaded: {error}", file=sys.stderr)
        return NO_LIBRARY
    run = Run(options, library)
    facts = {
        "date": datetime.date.today().isoformat(),
        "commit": devices.commit(REPOSITORY),
        "mode": "quick" if options.quick else "full",
        "arguments": sys.argv[1:] if arguments is None else arguments,
        "exit": None,
        "standIn": run.stand_in,
        "library": options.library,
        "libraryBuild": run.told,
        "cpuLibrary": run.cpu.build_info if run.cpu else None,
        "device": run.device.facts() if run.device else None,
        "host": devices.processor(),
    }
    run_sections(run, lambda: write_tables(run, facts))  # what is known is on disk if the machine is taken away
    failed, skipped = run.report.count(FAILED), run.report.count(SKIPPED)
    facts["exit"] = status = MISSED if failed else INCOMPLETE if skipped else OK
    path = write_tables(run, facts)
    say = run.report.say
    say(f"\n{run.report.count('pass')} passed, {failed} failed, {skipped} skipped; {path}")
    for row in run.report.rows:
        if row["verdict"] in (FAILED, SKIPPED):
            say(f"  {row['verdict']}  {row['section']}/{row['name']}  {row['note']}")
    if skipped:
        say("  What was skipped is not proved.")
    if run.stand_in:
        say("  No GPU took part: this run tries the scripts, it proves nothing of kernels on a GPU.")
    return status


if __name__ == "__main__":
    sys.exit(main())
