"""Figures of chapter 6: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = [
    "bound_over_points",
    "bound_parts",
    "index_over_rounds",
    "spectra_and_slices",
    "three_kernels",
]

_LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v")


def _colors(rounds):
    """Teacher's colour for round 0, then the ramp of rounds."""
    return [style.TEACHER, *style.round_colors(2 * rounds)[rounds + 1 :]]


def three_kernels(x, y, grid, curves, slices, at):
    """Draw the first and the last fit, and three candidate kernels as functions of one point.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Data.
    grid : ndarray, shape (m,)
    curves : ndarray, shape (2, m)
        First fit and third student.
    slices : dict of str to ndarray, shape (m,)
        Name of a kernel and its values between `grid` and `at`, each scaled to maximum 1 here; the
        difference of the last two is drawn too, ten times as large.
    at : float
        The fixed second point.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.2))
    left.plot(x, y, "o", color=style.NOISE, zorder=4)
    left.plot(grid, curves[0], color=style.TEACHER)
    left.plot(grid, curves[1], color=style.STUDENT, linestyle="--")
    third, half = len(grid) // 3, len(grid) // 2
    style.label_line(left, grid[third], curves[0][third], "first fit", color=style.TEACHER,
                     xytext=(8, 4))  # fmt: skip
    style.label_line(left, grid[half], curves[1][half], "third student", color=style.STUDENT,
                     va="bottom", xytext=(2, 10))  # fmt: skip
    left.set_xlabel("x")
    scaled = {name: values / values.max() for name, values in slices.items()}
    for k, (name, values) in enumerate(scaled.items()):
        right.plot(grid, values, color=style.TRUTH, linestyle=_LINES[k], linewidth=1.3 + 0.3 * k)
        share, side = ((0.62, "right"), (0.2, "right"), (0.82, "left"))[k % 3]
        place = int(share * (len(grid) - 1))
        style.label_line(
            right, grid[place], values[place], name, color=style.TRUTH, fontweight="bold",
            ha=side, xytext=(-7, -4) if side == "right" else (6, 3),
        )  # fmt: skip
    *_, (before, one), (last, other) = scaled.items()
    right.plot(grid, 10 * (other - one), color=style.ACCENT, linewidth=1.3)
    style.label_line(right, 0.7, 0, f"10 \N{MULTIPLICATION SIGN} ({last} \N{MINUS SIGN} {before})",
                     color=style.ACCENT, ha="center", va="top", xytext=(0, -16))  # fmt: skip
    right.axvline(at, color=style.NOISE, linestyle=":", linewidth=1)
    right.axhline(0, color=style.NOISE, linewidth=0.6)
    right.set_ylim(-0.6, 1.12)
    right.set_xlabel(f"x, second point fixed at {at:g}")
    right.set_ylabel("kernel, scaled to height 1")
    return figure


def spectra_and_slices(eigenvalues, grid, slices, at):
    """Draw the eigenvalues of the kernel of each round, and how its shape changes.

    Parameters
    ----------
    eigenvalues : ndarray, shape (rounds, r)
        Positive, largest first.
    grid : ndarray, shape (m,)
    slices : ndarray, shape (rounds, m)
        Kernel of each round between `grid` and `at`. Each is scaled to maximum 1; drawn is its
        difference to that of round 0.
    at : float

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.4))
    rounds, r = eigenvalues.shape
    direction = np.arange(1, r + 1)
    for t, color in enumerate(_colors(rounds)):
        left.semilogy(
            direction, eigenvalues[t], color=color, marker=_MARKERS[t % 5], linestyle=_LINES[t % 5],
            linewidth=1.2,
        )  # fmt: skip
        style.label_line(left, r, eigenvalues[t, -1], f"{t}", color=color, xytext=(6, 0))
    style.label_line(
        left, r, eigenvalues[0, -1], "round", color=style.TRUTH, ha="right", va="bottom",
        xytext=(14, 9),
    )  # fmt: skip
    left.set_xlim(0.5, r + 1)
    left.set_xticks(direction[::2])
    left.set_xlabel("direction")
    left.set_ylabel("eigenvalue of the kernel")
    scaled = slices / slices.max(axis=1, keepdims=True)
    changes = scaled - scaled[0]
    visible = np.abs(changes).max(axis=1) > 0.1 * np.abs(changes).max()
    for t, (change, color) in enumerate(zip(changes, _colors(rounds), strict=True)):
        right.plot(grid, change, color=color, linestyle=_LINES[t % 5])
        top = int(np.argmax(change))
        if visible[t]:
            style.label_line(right, grid[top], change[top], f"round {t}", color=color,
                             ha="center", va="bottom", xytext=(0, 3))  # fmt: skip
    flat = ", ".join(str(t) for t in np.flatnonzero(~visible))
    style.label_line(right, grid[-1], 0, f"round {flat}", color=_colors(rounds)[0], ha="right",
                     va="top", xytext=(4, -5))  # fmt: skip
    right.set_ylim(1.15 * changes.min(), 1.25 * changes.max())
    right.axvline(at, color=style.NOISE, linestyle=":", linewidth=1)
    right.set_xlabel(f"x, second point fixed at {at:g}")
    right.set_ylabel("kernel at height 1:\nchange against round 0")
    return figure


def bound_parts(empirical, capacity, deviation, expected):
    """Draw the three terms of a bound as stacked bars for each round, and the expected loss.

    Parameters
    ----------
    empirical, capacity, deviation, expected : ndarray, shape (rounds,)

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes(size=(6.4, 3.4))
    t = np.arange(len(empirical))
    parts = (
        ("empirical loss", empirical, style.TEACHER, ""),
        ("capacity", capacity, style.STUDENT, "////"),
        ("deviation", deviation, style.NOISE, "...."),
    )
    base = np.zeros(len(t))
    for name, height, color, hatch in parts:
        ax.bar(
            t, height, bottom=base, width=0.55, color=color, alpha=0.75, hatch=hatch,
            edgecolor=style.BACKGROUND, linewidth=0,
        )  # fmt: skip
        style.label_line(
            ax, t[-1] + 0.3, base[-1] + height[-1] / 2, name, color=color, xytext=(4, 0)
        )
        base = base + height
    ax.plot(t, expected, "D", color=style.TRUTH, markersize=6, zorder=5)
    style.label_line(ax, t[0] - 0.3, expected[0], "new data", color=style.TRUTH, ha="right",
                     xytext=(-3, 0))  # fmt: skip
    ax.axhline(1, color=style.ACCENT, linestyle="--", linewidth=1.3)
    style.label_line(ax, t[0] - 0.3, 1, "largest\nloss", color=style.ACCENT, ha="right",
                     va="bottom", xytext=(-3, 2))  # fmt: skip
    ax.set_xlim(-0.95, t[-1] + 1.15)
    ax.set_ylim(0, 1.06 * max(base.max(), 1.1))
    ax.set_xticks(t)
    ax.set_xlabel("round")
    ax.set_ylabel("loss")
    return figure


def bound_over_points(points, bounds, zero):
    """Draw the bound of each round over the number of training points.

    Parameters
    ----------
    points : ndarray, shape (l,)
    bounds : ndarray, shape (rounds, l)
    zero : float
        Expected loss of the zero function.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    for t, (row, color) in enumerate(zip(bounds, _colors(len(bounds)), strict=True)):
        ax.semilogx(points, row, color=color, linestyle=_LINES[t], marker=_MARKERS[t])
        style.label_line(ax, points[-1], row[-1], f"round {t}", color=color, xytext=(6, 0))
    for level, name in ((1.0, "largest loss"), (zero, "zero function")):
        ax.axhline(level, color=style.ACCENT, linestyle="--", linewidth=1.3)
        style.label_line(ax, points[-1], level, name, color=style.ACCENT, ha="right", va="bottom",
                         xytext=(40, 2))  # fmt: skip
    ax.set_xlim(0.8 * points[0], 2.6 * points[-1])
    ax.set_ylim(0, 1.05 * bounds.max())
    ax.set_xlabel("number of training points")
    ax.set_ylabel("bound on the\nexpected loss")
    return figure


def index_over_rounds(paths, cap):
    """Draw the sparsity index over the number of fits, one curve a tolerance, and the cap.

    Parameters
    ----------
    paths : dict of str to ndarray, shape (rounds,)
        Name of a tolerance and the index after 1, 2, ... fits.
    cap : float
        What the index of one fit stays below, whatever its tolerance.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    colors = style.round_colors(2 * len(paths))[len(paths) :]
    for k, ((name, index), color) in enumerate(zip(paths.items(), colors, strict=True)):
        fits = np.arange(1, len(index) + 1)
        ax.loglog(fits, index, color=color, linestyle=_LINES[k])
        ax.plot(fits[-1], index[-1], _MARKERS[k], color=color, markersize=6)
        style.label_line(ax, fits[-1], index[-1], name, color=color, ha="right", va="bottom",
                         xytext=(-6, 2))  # fmt: skip
    ax.axhline(cap, color=style.ACCENT, linestyle="--", linewidth=1.3)
    style.label_line(ax, 1, cap, "cap of one fit", color=style.ACCENT, va="bottom",
                     xytext=(0, 3))  # fmt: skip
    ticks = [1, 1.5, 2, 3, 5, 10]
    ax.set_yticks(ticks, [f"{v:g}" for v in ticks])
    ax.minorticks_off()
    ax.set_xlabel("number of fits")
    ax.set_ylabel("sparsity index")
    return figure
