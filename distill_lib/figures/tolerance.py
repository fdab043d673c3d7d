"""Figures of chapter 4: from arrays to a matplotlib figure."""

from __future__ import annotations

import itertools

import numpy as np

from distill_lib.figures import style

__all__ = [
    "curves_by_round",
    "error_over_tolerance",
    "filters_by_round",
    "multipliers_and_norms",
    "one_equation",
    "share_helped",
]

_LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))


def _colors(rounds):
    """Teacher's colour for round 0, then the ramp of rounds."""
    return [style.TEACHER, *style.round_colors(2 * rounds)[rounds + 1 :]]


def curves_by_round(x, y, grid, truth, curves):
    """Draw the data, the true curve and the fitted curve of each round.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Data.
    grid, truth : ndarray, shape (m,)
        The true curve.
    curves : ndarray, shape (rounds, m)
        Fitted curves, round 0 first.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(grid, truth, color=style.TRUTH, linestyle=(0, (5, 3)), linewidth=1.3)
    low = int(np.argmin(curves[0]))  # in this valley the curves lie apart: their names start there
    ax.plot(x, y, "o", color=style.NOISE, zorder=4)
    style.label_line(ax, x[2], y[2], "data", color=style.NOISE, xytext=(6, 5))
    at = len(grid) // 3
    style.label_line(ax, grid[at], truth[at], "true curve", color=style.TRUTH, xytext=(5, 5))
    heights = _spread([curve[low] for curve in curves], gap=0.2)
    for t, (curve, color) in enumerate(zip(curves, _colors(len(curves)), strict=True)):
        ax.plot(grid, curve, color=color, linestyle=_LINES[t % len(_LINES)])
        ax.annotate(
            f"round {t}", (grid[low], curve[low]), (1.04, heights[t]), color=color, fontsize=9,
            va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "alpha": 0.6},
        )  # fmt: skip
    ax.set_xlim(grid[0] - 0.02, grid[-1] + 0.14)
    ax.set_xticks(np.linspace(grid[0], grid[-1], 6))
    ax.set_xlabel("x")
    return figure


def _spread(values, gap):
    """Move values up, smallest first, until neighbours are at least `gap` apart."""
    order = np.argsort(values)
    moved = np.array(values, dtype=float)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def one_equation(lams, errors, tolerance, root, bracket):
    """Draw the training error over the ridge, the tolerance, the root and its bracket.

    Parameters
    ----------
    lams, errors : ndarray, shape (l,)
        Ridges and mean squared training errors of single fits.
    tolerance : float
    root : float
        The ridge at which the error is the tolerance.
    bracket : tuple of two float
        Lower and upper bound on the root.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axvspan(*bracket, color=style.ACCENT, alpha=0.12, linewidth=0)
    middle = np.sqrt(bracket[0] * bracket[1])
    style.label_line(
        ax, middle, 0.985 * errors.max(), "bracket", color=style.ACCENT, ha="center", va="top"
    )
    ax.semilogx(lams, errors, color=style.TEACHER)
    ax.axhline(tolerance, color=style.NOISE, linestyle="--", linewidth=1.3)
    style.label_line(
        ax, lams[0], tolerance, "tolerance", color=style.NOISE, va="bottom", xytext=(4, 2)
    )
    ax.plot(root, tolerance, "o", color=style.STUDENT, markersize=7)
    style.label_line(
        ax, root, tolerance, "the ridge that the\ntolerance sets", color=style.STUDENT, va="bottom",
        xytext=(-4, 9),
    )  # fmt: skip
    at = int(np.argmin(np.abs(errors - 0.75 * errors.max())))
    style.label_line(
        ax, lams[at], errors[at], "training error ", color=style.TEACHER, ha="right", va="bottom"
    )
    ax.set_xlim(lams[0], lams[-1])
    ax.set_ylim(0, 1.05 * errors.max())
    ax.set_xlabel("ridge")
    ax.set_ylabel("mean squared error\non the targets")
    return figure


def filters_by_round(filters, marked=None):
    """Draw the filter of each round as bars, one panel a round.

    Parameters
    ----------
    filters : ndarray, shape (rounds, r)
        Filter values along the directions, largest eigenvalue first.
    marked : int, optional
        Direction (counted from 1) whose bars are hatched and carry their value.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rounds, r = filters.shape
    figure, axes = style.axes(rounds, size=(6.4, 2.6), sharey=True, squeeze=False)
    direction = np.arange(1, r + 1)
    for t, (ax, b, color) in enumerate(zip(axes[0], filters, _colors(rounds), strict=True)):
        bars = ax.bar(direction, b, color=color, width=0.8)
        if marked is not None:
            bars[marked - 1].set(hatch="////", edgecolor=style.BACKGROUND, linewidth=0)
            ax.annotate(
                f"{b[marked - 1]:.2f}", (marked, b[marked - 1]), (-3, 3), color=style.TRUTH,
                textcoords="offset points", ha="left", fontsize=9,
            )  # fmt: skip
        ax.set_xticks(direction[::2])
        ax.set_ylim(0, 1.14)
        ax.set_yticks([0, 0.5, 1])
        ax.set_xlabel(f"round {t}")
    axes[0, 0].set_ylabel("part that is kept")
    return figure


def multipliers_and_norms(ridges, low, high, norms):
    """Draw the ridge of each round in its bracket, and the relative norm of its targets.

    Parameters
    ----------
    ridges : ndarray, shape (rounds,)
    low, high : ndarray, shape (rounds,)
        Bracket of each ridge; NaN in `low` where there is no lower bound.
    norms : ndarray, shape (rounds + 1,)
        Relative norm of the targets; at or below 1 the path has collapsed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.2))
    t = np.arange(len(ridges))
    floor = min(np.nanmin(low), ridges.min()) / 4
    left.vlines(t, np.where(np.isnan(low), floor, low), high, color=style.ACCENT, linewidth=5,
                alpha=0.35)  # fmt: skip
    left.semilogy(t, ridges, color=style.STUDENT, marker="o")
    style.label_line(left, t[1], ridges[1], "ridge", color=style.STUDENT, va="top", xytext=(6, -4))
    style.label_line(left, t[0], high[0], "bracket", color=style.ACCENT, va="bottom",
                     xytext=(-2, 4))  # fmt: skip
    left.set_ylim(floor, 4 * high.max())
    left.set_xlim(-0.4, len(ridges) - 0.6)
    left.set_xticks(t)
    left.set_xlabel("round")
    left.set_ylabel("ridge of the round")
    steps = np.arange(len(norms))
    right.axhspan(0, 1, color=style.NOISE, alpha=0.15, linewidth=0)
    style.label_line(right, 0, 0.5, "collapse", color=style.NOISE, ha="left", xytext=(-4, 0))
    right.plot(steps, norms, color=style.STUDENT, marker="o")
    guarantee = norms[0] - steps[steps <= norms[0]]
    right.plot(steps[: len(guarantee)], guarantee, color=style.ACCENT, marker="v", linestyle="--")
    style.label_line(right, steps[1], norms[1], "targets", color=style.STUDENT, va="bottom",
                     xytext=(4, 4))  # fmt: skip
    style.label_line(right, steps[1], guarantee[1], "at least", color=style.ACCENT, ha="right",
                     va="top", xytext=(-4, -4))  # fmt: skip
    right.set_ylim(0, 1.08 * norms[0])
    right.set_xticks(steps)
    right.set_xlabel("round")
    right.set_ylabel("norm of the targets\nover what may be missed")
    return figure


def error_over_tolerance(tolerances, errors, published):
    """Draw the error against the truth over the tolerance, one curve a round.

    Parameters
    ----------
    tolerances : ndarray, shape (l,)
    errors : ndarray, shape (rounds, l)
        NaN where a round does not exist.
    published : float
        Tolerance of the paper's example, drawn as a vertical line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    top = 1.6 * np.nanmax(np.nanmin(errors, axis=1))
    ax.axvline(published, color=style.NOISE, linestyle=":", linewidth=1.3)
    low = 0.8 * np.nanmin(errors)
    style.label_line(
        ax, published, low, f"{published:g}", color=style.NOISE, va="bottom", xytext=(4, 2)
    )
    for t, (row, color) in enumerate(zip(errors, _colors(len(errors)), strict=True)):
        ax.plot(tolerances, row, color=color, linestyle=_LINES[t])
        best = int(np.nanargmin(row))
        ax.plot(tolerances[best], row[best], "o", color=color, markersize=6)
        name = f"round {t}" if t else "round 0: one fit"
        right = int(np.flatnonzero(row <= 0.9 * top)[-1])
        style.label_line(ax, tolerances[right], row[right], name, color=color, xytext=(5, 0))
    ax.set_ylim(low, top)
    ax.set_xlim(0.98 * tolerances[0], tolerances[-1])
    ax.set_xlabel("tolerance")
    ax.set_ylabel("mean squared error\nagainst the truth")
    return figure


def share_helped(tolerances, shares, noise_variance):
    """Draw the share of noise draws in which one distillation helps, over the tolerance.

    Parameters
    ----------
    tolerances, shares : ndarray, shape (l,)
    noise_variance : float
        Drawn as a vertical line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes(size=(6.4, 3.0))
    ax.plot(tolerances, 100 * np.asarray(shares), color=style.STUDENT, marker="o")
    ax.axvline(noise_variance, color=style.NOISE, linestyle=":", linewidth=1.3)
    style.label_line(ax, noise_variance, 92, "variance of\nthe noise", color=style.NOISE,
                     ha="right", va="top", xytext=(-5, 0))  # fmt: skip
    ax.set_ylim(-3, 103)
    ax.set_xlim(0, 1.08 * max(tolerances[-1], noise_variance))
    ax.set_xlabel("tolerance of both rounds")
    ax.set_ylabel("draws in which round 1\nbeats round 0 (%)")
    return figure
