"""The one plot style of the book: size, colours with one meaning, labels on the curves.

Colours follow Okabe and Ito and mean the same everywhere: teacher, student, truth, noise, and one
sequential ramp for rounds. A second channel (line style or marker) always goes with them.
"""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt

TEACHER = "#0072B2"
STUDENT = "#D55E00"
TRUTH = "#000000"
NOISE = "#7A7A7A"
ACCENT = "#009E73"  # a baseline that is neither teacher nor student: a tuned ridge, gradient flow
BACKGROUND = "#FDFDFC"
SIZE = (6.4, 3.6)

_RC = {
    "figure.figsize": SIZE,
    "figure.facecolor": BACKGROUND,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 200,
    "savefig.facecolor": BACKGROUND,
    "axes.facecolor": BACKGROUND,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": 10,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "font.size": 10,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "legend.frameon": False,
    "svg.hashsalt": "distill_lib",
}


def use():
    """Make matplotlib draw in the book's style; call it once at the top of a notebook."""
    mpl.rcParams.update(_RC)


def axes(columns=1, rows=1, *, size=SIZE, **options):
    """Return ``(figure, axes)`` in the book's style, whatever the caller's settings are.

    Parameters
    ----------
    columns, rows : int
        Grid of axes.
    size : tuple of float
        Width and height in inches.
    **options
        Passed to ``matplotlib.pyplot.subplots``.
    """
    with mpl.rc_context(_RC):
        return plt.subplots(rows, columns, figsize=size, **options)


def round_colors(rounds):
    """Return one colour a round, from pale (first) to dark (last) on one sequential ramp.

    Parameters
    ----------
    rounds : int
        Number of rounds, >= 1.
    """
    ramp = mpl.colormaps["YlOrBr"]
    return [ramp(0.35 + 0.6 * k / max(rounds - 1, 1)) for k in range(rounds)]


def label_line(ax, x, y, text, *, color, **options):
    """Write `text` at the data point (`x`, `y`) in the colour of its curve, instead of a legend."""
    settings = {
        "fontsize": 9,
        "ha": "left",
        "va": "center",
        "xytext": (4, 0),
        "annotation_clip": False,
    }
    return ax.annotate(
        text, (x, y), textcoords="offset points", color=color, **(settings | options)
    )
