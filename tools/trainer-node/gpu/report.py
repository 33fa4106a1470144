"""What a check says: rows with an error, a bar and a verdict, as a table on the screen and as JSON."""

import json
import math
import sys
import time

try:
    import numpy as np
except ImportError:
    np = None

PASSED, FAILED, SKIPPED, MEASURED = "pass", "FAIL", "SKIPPED", "-"


def relative_error(actual, expected):
    """(||a - b|| / ||b||, max|a - b| / max|b|); where b is all zero, the norms of a itself: it should be zero too. Infinite for NaN."""
    actual, expected = np.asarray(actual, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    if actual.shape != expected.shape or not (np.isfinite(actual).all() and np.isfinite(expected).all()):
        return math.inf, math.inf
    if actual.size == 0:
        return 0.0, 0.0
    difference = actual - expected
    norm, largest = np.linalg.norm(expected), np.abs(expected).max()
    return (float(np.linalg.norm(difference) / (norm or 1)), float(np.abs(difference).max() / (largest or 1)))


class Report:
    """Collects rows. perturb: (text, share): float comparisons whose name holds the text are spoiled by that share on purpose."""

    def __init__(self, perturb=None, stream=None):
        self.rows, self.tables, self.section, self.perturb = [], {}, "", perturb
        self.stream = stream or sys.stdout
        self.started = time.time()

    def say(self, text=""):
        print(text, file=self.stream, flush=True)

    def open_section(self, name, title):
        self.section = name
        self.say(f"\n{name}: {title}")

    def row(self, name, verdict, value=None, bar=None, note="", largest=None):
        self.rows.append({"section": self.section, "name": name, "verdict": verdict, "value": value, "largest": largest, "bar": bar,
                          "note": note})

        def shown(x, form):
            return "" if x is None else format(x, form)

        numbers = f"{shown(value, '10.3g'):>10} {shown(largest, '9.2g'):>9} {shown(bar, '9.2g'):>9}"
        self.say(f"  {name[:56]:<56} {numbers}  {verdict}{'  ' + note if note else ''}")

    def compare(self, name, actual, expected, bar, note=""):
        """Passes where the relative error of the whole array is below the bar. NaN never passes."""
        actual = np.asarray(actual, np.float64)
        if self.perturb and self.perturb[0] in f"{self.section}/{name}":
            actual = actual * (1 + self.perturb[1])
        error, largest = relative_error(actual, expected)
        self.row(name, PASSED if error <= bar else FAILED, error, bar, note, largest)

    def same_bits(self, name, actual, expected):
        """Passes where two arrays, or two dicts of arrays, are the same bytes."""
        pairs = [(k, actual[k], expected.get(k)) for k in actual] if isinstance(actual, dict) else [("", actual, expected)]
        different = [k for k, a, b in pairs if b is None or a.tobytes() != b.tobytes()]
        if isinstance(actual, dict):
            different += [k for k in expected if k not in actual]
        note = f"{len(pairs)} arrays" if not different else "differ: " + ", ".join(different[:6])
        self.row(name, FAILED if different else PASSED, len(different), 0, note)

    def claim(self, name, holds, note="", value=None, bar=None):
        self.row(name, PASSED if holds else FAILED, value, bar, note)

    def measure(self, name, value, note=""):
        """A number without a bar."""
        self.row(name, MEASURED, value, None, note)

    def skip(self, name, why):
        self.row(name, SKIPPED, note=why)

    def count(self, verdict):
        return sum(row["verdict"] == verdict for row in self.rows)

    def to_json(self, facts):
        finite = [{k: (None if isinstance(v, float) and not math.isfinite(v) else v) for k, v in row.items()} for row in self.rows]
        summary = {"passed": self.count(PASSED), "failed": self.count(FAILED), "skipped": self.count(SKIPPED),
                   "seconds": round(time.time() - self.started, 1)}
        return json.dumps({**facts, "summary": summary, "rows": finite, **self.tables}, indent=1)
