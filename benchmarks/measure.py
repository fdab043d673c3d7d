"""Time two routes in turn, so that a busy machine disturbs both alike."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

HEADER = (
    "| task | size | distill_lib | compared with | ratio | spread | target | note |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Result:
    """One line of the table: a ratio, or an amount of memory, with its spread over paired runs."""

    task: str
    size: str
    seconds: float
    baseline: str
    baseline_seconds: float | None
    value: float
    spread: tuple[float, float] | None
    unit: str
    target: str | None
    met: bool | None
    note: str

    def row(self):
        """Return the line in Markdown."""
        baseline = self.baseline
        if self.baseline_seconds is not None:
            baseline += f": {show(self.baseline_seconds)}"
        spread = "" if self.spread is None else " to ".join(map(figure, self.spread))
        verdict = {True: ", met", False: ", **missed**", None: ""}[self.met]
        cells = (
            self.task,
            self.size,
            show(self.seconds),
            baseline,
            f"{figure(self.value)} {self.unit}",
            spread,
            (self.target or "") + verdict,
            self.note,
        )
        return "| " + " | ".join(cells) + " |"


def seconds(function):
    """Processor time of one call, and what it returns."""
    start = time.process_time()
    value = function()
    return time.process_time() - start, value


def show(duration):
    """Write a time with three digits or less."""
    return f"{duration:.3g} s" if duration >= 1 else f"{1000 * duration:.0f} ms"


def figure(value):
    """Write a ratio with three digits, large ones as whole numbers."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def assert_same(ours, theirs, tolerance=1e-8):
    """Refuse to compare times of routes with different predictions."""
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if not error <= tolerance:
        raise AssertionError(f"the two routes differ by {error:.1e}, allowed is {tolerance:.0e}")
