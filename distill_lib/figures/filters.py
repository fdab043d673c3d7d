"""Figures of chapter 2: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = ["bent_beams", "filter_curves", "sampled_waves", "volume_knobs"]

# Flow, its student and descent stand side by side in one figure, so each has its own colour.
_TIMED = (style.ACCENT, "#8E4585", "#555555")
_LINES = ("-", "--", "-.", ":", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))


def volume_knobs(x, y, grid, curves, filters):
    """Draw fitted curves on the left; on the right, how much of each wave they keep.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Data.
    grid : ndarray, shape (m,)
    curves : dict of str to ndarray, shape (m,)
        Name of the procedure -> fitted curve; three at most.
    filters : dict of str to ndarray, shape (r,)
        The same names -> kept share of wave 1, 2, ..., r.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, gridspec_kw={"width_ratios": [1.15, 1]})
    colors = (style.TEACHER, style.ACCENT, style.STUDENT)
    left.plot(x, y, "o", color=style.NOISE, zorder=4)
    for curve, color, line in zip(curves.values(), colors, _LINES, strict=False):
        left.plot(grid, curve, color=color, linestyle=line)
    style.label_line(left, x[2], y[2], "data", color=style.NOISE, xytext=(6, 4))
    left.set_xlabel("x")
    for (name, kept), color, line, marker in zip(
        filters.items(), colors, _LINES, "os^", strict=False
    ):
        waves = np.arange(1, len(kept) + 1)
        right.semilogy(waves, 100 * kept, color=color, linestyle=line, marker=marker)
        style.label_line(right, waves[-1], 100 * kept[-1], name, color=color)
    right.set_xticks(waves)
    right.set_xlim(0.6, waves[-1] + 4.2)
    right.set_yticks([0.1, 1, 10, 100], ["0.1 %", "1 %", "10 %", "100 %"])
    right.minorticks_off()
    right.set_xlabel("wave")
    right.set_ylabel("kept")
    return figure


def bent_beams(grid, kernels, curvatures, points):
    """Draw kernel functions g(., x) on the left and their negative second derivatives on the right.

    Parameters
    ----------
    grid : ndarray, shape (m,)
    kernels, curvatures : ndarray, shape (m, k)
        One column a point.
    points : ndarray, shape (k,)

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(2)
    for ax, columns, label in zip(
        axes, (1000 * kernels, curvatures), ("1000 g(s, x)", "$-\\partial^2 g/\\partial s^2$"),
        strict=True,
    ):  # fmt: skip
        for column, point, line in zip(columns.T, points, _LINES, strict=False):
            ax.plot(grid, column, color=style.TEACHER, linestyle=line)
            top = int(np.argmax(column))
            style.label_line(
                ax, grid[top], column[top], f"x = {point:g}", color=style.TEACHER,
                ha="center", va="bottom", xytext=(0, 3),
            )  # fmt: skip
        ax.set_ylim(0, 1.15 * columns.max())
        ax.set_xlabel("s")
        ax.set_ylabel(label)
    return figure


def sampled_waves(x, vectors, grid, waves, eigenvalues):
    """Draw each eigenvector as points, and the wave through them, strongest first.

    Parameters
    ----------
    x : ndarray, shape (n,)
    vectors : ndarray, shape (n, r)
        Eigenvectors, one a column.
    grid : ndarray, shape (m,)
    waves : ndarray, shape (m, r)
        Their continuations to the grid.
    eigenvalues : ndarray, shape (r,)

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = 3
    rows = -(-len(eigenvalues) // columns)
    figure, axes = style.axes(
        columns, rows, size=(6.4, 1.2 * rows + 0.3), sharex=True, sharey=True, squeeze=False
    )
    for j, ax in enumerate(axes.flat):
        if j >= len(eigenvalues):
            ax.set_visible(False)
            continue
        ax.axhline(0, color=style.NOISE, linewidth=0.6)
        ax.plot(grid, waves[:, j], color=style.TEACHER)
        ax.plot(x, vectors[:, j], "o", color=style.NOISE, markersize=3.5, zorder=4)
        ax.annotate(
            f"{j + 1}: d = {eigenvalues[j]:.1e}", (0, 1), xytext=(1, 2), fontsize=9,
            xycoords="axes fraction", textcoords="offset points", va="bottom",
        )  # fmt: skip
        ax.set_xticks([0, 0.5, 1])
    for ax in axes[-1]:
        ax.set_xlabel("x")
    return figure


def _families(names):
    """Colour and line style of each filter, by the family that its name belongs to.

    Ridge is the teacher's blue, refits are the student's ramp; of what runs in time the first is
    the accent.
    """
    refits = [name for name in names if "fits" in name]
    timed = [name for name in names if name not in refits and name != "ridge"]
    families = {"ridge": (style.TEACHER, "-")}
    ramp = style.round_colors(len(refits) + 1)[1:]  # the first colour is too pale for one line
    for name, color, line in zip(refits, ramp, _LINES[1:], strict=False):
        families[name] = color, line
    for name, color, line in zip(timed, _TIMED, ("-", "--", ":"), strict=False):
        families[name] = color, line
    return families


def filter_curves(ratio, curves, places):
    """Draw filters that agree at one eigenvalue: plainly on the left, as log-odds on the right.

    Parameters
    ----------
    ratio : ndarray, shape (m,)
        Eigenvalue in units of the one at which every filter is 1/2.
    curves : dict of str to ndarray, shape (m,)
        Name -> filter values; NaN where the procedure is unstable. At most three of them are
        neither "ridge" nor fits.
    places : list of tuple
        (name, panel, ratio, value, alignment): where the name is written, panel 0 or 1.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(2, size=(6.4, 3.9), gridspec_kw={"width_ratios": [1, 1.35]})
    families = _families(curves)
    for ax in axes:
        for name, b in curves.items():
            color, line = families[name]
            ax.plot(ratio, b, color=color, linestyle=line)
        ax.plot(1, 0.5, "o", color=style.TRUTH, zorder=5)
        ax.set_xscale("log")
        ax.set_xlim(ratio[0], ratio[-1])
        ax.set_xlabel("d, in units of the halved one")
    axes[0].axhline(1, color=style.NOISE, linewidth=0.6)
    axes[0].set_ylim(-0.03, 1.4)
    axes[0].set_ylabel("filter b")
    axes[1].set_yscale("logit")
    axes[1].set_ylim(1e-6, 1 - 1e-5)
    axes[1].set_yticks([1e-4, 1e-2, 0.5, 0.99, 0.9999], ["0.0001", "0.01", "0.5", "0.99", "0.9999"])
    axes[1].minorticks_off()
    axes[1].set_ylabel("the same, log-odds axis")
    for name, panel, at, value, align in places:
        style.label_line(
            axes[panel], at, value, name, color=families[name][0], ha=align, xytext=(0, 0)
        )
    return figure
