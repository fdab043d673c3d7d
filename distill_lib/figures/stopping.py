"""Figures of chapter 9: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from distill_lib.figures import style

__all__ = [
    "flow_and_ridge",
    "gain_over_ridge",
    "kept_and_missing",
    "ratio_over_error",
    "student_paths",
]

_DASHES = ((0, (5, 2)), (0, (2, 1.5)), "-.")
_LOOKS = {  # one look a procedure, through the whole chapter
    "ridge": {"color": style.ACCENT, "linestyle": "-.", "marker": "s"},
    "one stop": {"color": style.TEACHER, "linestyle": "-", "marker": "o"},
    "both stop": {"color": style.STUDENT, "linestyle": ":", "marker": "D"},
    "refits": {"color": style.STUDENT, "linestyle": (0, (5, 2)), "marker": "^"},
}


def student_paths(times, teacher, stops, students, *, levels=False):
    """Draw the error of a teacher over its training time, and that of students of stopped ones.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Training time, of the teacher or of a student; both axes are logarithmic.
    teacher : ndarray, shape (m,)
        Error of the teacher.
    stops : sequence of float
        Where it was stopped, once for each student; A, B, C in the figure.
    students : sequence of ndarray, shape (m,)
        Errors of the students.
    levels : bool, default False
        Draw a thin line at the error of each stopped teacher.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.loglog(times, teacher, color=style.TEACHER)
    style.label_line(ax, times[-1], teacher[-1], "teacher", color=style.TEACHER)
    for k, (stop, errors) in enumerate(zip(stops, students, strict=True)):
        reached = np.interp(np.log(stop), np.log(times), teacher)
        if levels:
            ax.hlines(reached, stop, times[-1], color=style.NOISE, linewidth=0.6)
        ax.loglog(times, errors, color=style.STUDENT, linestyle=_DASHES[k % 3])
        name = "ABC"[k]
        ax.plot(stop, reached, "o", color=style.TEACHER, markersize=6, zorder=4)
        beside = {"ha": "left", "xytext": (5, 9)} if k == 0 else {"ha": "right", "xytext": (-4, 4)}
        style.label_line(ax, stop, reached, name, color=style.TEACHER, fontweight="bold",
                         va="bottom", **beside)  # fmt: skip
        style.label_line(ax, times[-1], errors[-1], f"student of {name}", color=style.STUDENT)
    ax.set_xlim(times[0], times[-1])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("training time")
    ax.set_ylabel("expected error")
    return figure


def flow_and_ridge(x, variance, bias, peak, times, flow, ridge, worst):
    """Draw the ratio of flow to ridge in one direction, and both risks along the path.

    Parameters
    ----------
    x : ndarray, shape (m,)
        Time times eigenvalue.
    variance, bias : ndarray, shape (m,)
        Flow over ridge: variance and squared bias of one direction.
    peak : pair of float
        Where the variance ratio is largest, and its value.
    times : ndarray, shape (p,)
        Stopping times.
    flow, ridge : ndarray, shape (p,)
        Risks at the time t and at the ridge 1/t.
    worst : float
        Bound on their ratio; the band between ridge and bound is shaded.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.4))
    left.semilogx(x, variance, color=style.TEACHER)
    left.semilogx(x, bias, color=style.NOISE, linestyle=_DASHES[0])
    left.axhline(1, color=style.TRUTH, linewidth=0.6)
    left.plot(*peak, "o", color=style.TRUTH, zorder=4)
    note = {"color": style.TRUTH, "ha": "center", "va": "bottom", "xytext": (0, 5)}
    style.label_line(left, *peak, f"{peak[1]:.4f}", **note)
    low, high = np.searchsorted(x, [4e-2, 4.0])
    style.label_line(left, x[low], variance[low], "variance", color=style.TEACHER, ha="center",
                     va="bottom", xytext=(0, 8))  # fmt: skip
    style.label_line(left, x[high], bias[high], "bias", color=style.NOISE, ha="left",
                     va="bottom", xytext=(6, 4))  # fmt: skip
    left.set_ylim(0, 1.9)
    left.set_xlabel("time × eigenvalue")
    left.set_ylabel("flow / ridge, one direction")
    right.fill_between(times, ridge, worst * ridge, color=style.ACCENT, alpha=0.15, linewidth=0)
    right.loglog(times, ridge, color=style.ACCENT, linestyle="-.")
    right.loglog(times, flow, color=style.TEACHER)
    for name, risk, color, place, beside in (
        ("ridge", ridge, style.ACCENT, 0.55, {"ha": "left", "va": "top", "xytext": (6, -4)}),
        ("flow", flow, style.TEACHER, 0.22, {"ha": "right", "va": "top", "xytext": (-4, -4)}),
    ):
        at = int(place * len(times))
        style.label_line(right, times[at], risk[at], name, color=color, **beside)
        best = int(np.argmin(risk))
        right.plot(times[best], risk[best], "*", color=color, markersize=11, zorder=5)
    right.set_xlabel("time t (ridge with λ = 1/t)")
    right.set_ylabel("risk")
    return figure


def kept_and_missing(filters, strong):
    """Draw what each procedure keeps of every direction, and what is missing of the strong ones.

    Parameters
    ----------
    filters : dict of str to ndarray, shape (r,)
        Filters of ``"ridge"``, ``"one stop"`` and ``"refits"``, strongest direction first.
    strong : int
        Number of directions in the right panel.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2)
    names = {  # where the name goes: left panel, right panel
        "ridge": ({"xytext": (0, 8)}, {"xytext": (15, 37), "ha": "center"}),
        "one stop": ({"xytext": (-3, -8), "ha": "right"}, {"xytext": (8, -2)}),
        "refits": ({"xytext": (6, 6)}, {"xytext": (-4, -9)}),
    }
    for name, b in filters.items():
        direction = np.arange(1, len(b) + 1)
        look = _LOOKS[name] | {"markersize": 3.5, "linewidth": 1.2}
        left.semilogy(direction, b, markevery=4, **look)
        right.semilogy(direction[:strong], 1 - b[:strong], **look)
        kept, missing = int(0.7 * len(b)), int(np.argmax(1 - b > 2e-3))
        beside, beside_strong = ({"color": look["color"]} | where for where in names[name])
        style.label_line(left, direction[kept], b[kept], name, **beside)
        style.label_line(right, direction[missing], 1 - b[missing], name, **beside_strong)
    left.set_ylim(3e-4, 1.5)
    right.set_ylim(2e-3, 1.5)
    for ax, what in ((left, "kept"), (right, "missing")):
        ax.set_xlabel("direction")
        ax.set_ylabel(f"share {what}")
    right.set_xticks(np.arange(1, strong + 1))
    return figure


def ratio_over_error(procedures, caps):
    """Draw how unequally two directions are kept, against the training error.

    Parameters
    ----------
    procedures : sequence of (str, str, ndarray, ndarray, float)
        Kind of procedure (``"ridge"``, ``"one stop"``, ``"both stop"`` or ``"refits"``), label,
        training errors, ratios of filter values, and the training error at which to put the label;
        on the right of the curve if it is negative. The second curve of a kind is thicker.
    caps : dict of str to float
        Label and height of horizontal lines.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    drawn = []
    for kind, label, errors, ratios, place in procedures:
        look = _LOOKS[kind] | {"marker": "", "linewidth": 2.8 if kind in drawn else 1.5}
        ax.loglog(errors, ratios, **look)
        drawn.append(kind)
        at = int(np.argmin(np.abs(errors - abs(place))))
        left = {"ha": "right", "va": "bottom", "xytext": (-5, 2)}
        beside = left if place > 0 else {"xytext": (6, -6)}
        style.label_line(ax, errors[at], ratios[at], label, color=look["color"], **beside)
    for label, height in caps.items():
        ax.axhline(height, color=style.TRUTH, linewidth=0.8, linestyle=_DASHES[0])
        style.label_line(ax, 1, height, label, color=style.TRUTH, ha="right", va="bottom",
                         xytext=(0, 2))  # fmt: skip
    ax.set_xlim(0.02, 1)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(1, 30 * max(caps.values()))
    ax.set_xlabel("training error / mean square of the labels")
    ax.set_ylabel("ratio of two filter values")
    return figure


def gain_over_ridge(exponents, gains):
    """Draw what tuned procedures gain over the tuned ridge, for signals of growing sharpness.

    Parameters
    ----------
    exponents : ndarray, shape (m,)
        Exponent of the signal.
    gains : dict of str to ndarray, shape (m,)
        Kind of procedure and its relative gain; the ridge is the line at 0.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axhline(0, color=style.ACCENT, linestyle="-.")
    style.label_line(ax, exponents[-1], 0, "tuned ridge", color=style.ACCENT)
    for name, gain in gains.items():
        look = _LOOKS[name] | {"markersize": 3.5, "markevery": 3}
        ax.plot(exponents, 100 * gain, **look)
        style.label_line(ax, exponents[-1], 100 * gain[-1], name, color=look["color"])
    ax.set_xlim(exponents[0], exponents[-1])
    ax.set_xlabel("signal exponent s")
    ax.set_ylabel("gain over the tuned ridge (%)")
    return figure
