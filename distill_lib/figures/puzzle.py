"""Figures of chapter 1: from arrays to a matplotlib figure."""

from __future__ import annotations

import itertools

import numpy as np

from distill_lib.figures import style

__all__ = [
    "born_again",
    "digits_rounds",
    "eleven_points",
    "share_helped",
    "two_errors",
    "two_paths",
]


def born_again(errors):
    """Draw the test error of a teacher and its students, one line a network.

    Parameters
    ----------
    errors : dict of str to sequence of float
        Name of the network -> test error in percent of the teacher and of each student in turn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    longest = max(len(row) for row in errors.values())
    heights = _apart([row[-1] for row in errors.values()], gap=0.2)
    for (name, row), height, marker in zip(errors.items(), heights, "os^Dv<>", strict=False):
        ax.plot(range(len(row)), row, color=style.STUDENT, marker=marker)
        ax.plot(0, row[0], color=style.TEACHER, marker=marker, markersize=7)
        style.label_line(ax, len(row) - 1, height, name, color=style.TRUTH, xytext=(8, 0))
    ax.set_xticks(range(longest), ["teacher", *(f"student {k}" for k in range(1, longest))])
    ax.set_xlim(-0.2, longest - 0.2)
    ax.set_ylabel("test error (%)")
    return figure


def eleven_points(x, y, grid, truth, fits):
    """Draw the data, the true curve and one or more fitted curves, each with its name on it.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Data.
    grid, truth : ndarray, shape (m,)
        The true curve.
    fits : dict of str to ndarray, shape (m,)
        Label -> fitted curve. The first is drawn as the teacher, the others as students, from
        pale to dark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(grid, truth, color=style.TRUTH, linestyle=(0, (5, 3)), linewidth=1.3)
    at = len(grid) // 3
    style.label_line(ax, grid[at], truth[at], "true curve", color=style.TRUTH, xytext=(5, 5))
    ax.plot(x, y, "o", color=style.NOISE, zorder=4)
    style.label_line(ax, x[2], y[2], "data", color=style.NOISE, xytext=(6, 5))
    students = len(fits) - 1
    colors = [style.TEACHER, *style.round_colors(2 * students)[students:]]
    lines = itertools.cycle(("-", "-.", (0, (1, 1))))
    # Names stand in a column at the height where each curve ends, moved apart where they collide.
    heights = _apart([curve[-1] for curve in fits.values()], gap=0.2)
    for (name, curve), height, color in zip(fits.items(), heights, colors, strict=True):
        ax.plot(grid, curve, color=color, linestyle=next(lines))
        style.label_line(ax, grid[-1], height, name, color=color)
    ax.set_xlim(grid[0] - 0.02, grid[-1] + 0.12)
    ax.set_xlabel("x")
    return figure


def _apart(values, gap):
    """Move values up, smallest first, until neighbours are at least `gap` apart."""
    order = np.argsort(values)
    moved = np.array(values, dtype=float)
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] + gap)
    return moved


def two_errors(rounds, train, truth):
    """Draw the error on the given labels and the error against the truth over the rounds.

    Parameters
    ----------
    rounds : ndarray of int, shape (t,)
    train, truth : ndarray, shape (t,)
        Mean squared errors.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(rounds, train, color=style.NOISE, marker="s", linestyle="--")
    ax.plot(rounds, truth, color=style.STUDENT, marker="o")
    best = int(np.argmin(truth))
    ax.plot(rounds[best], truth[best], "o", color=style.STUDENT, markersize=10, fillstyle="none")
    style.label_line(
        ax, rounds[best], truth[best], f"smallest: fit {rounds[best]}", color=style.STUDENT,
        ha="center", va="top", xytext=(0, -9),
    )  # fmt: skip
    style.label_line(
        ax, rounds[0], truth[0], "against the truth", color=style.STUDENT, va="bottom", ha="left",
        xytext=(-4, 8),
    )  # fmt: skip
    middle = len(rounds) // 2
    style.label_line(
        ax, rounds[middle], train[middle], "on the labels it was given", color=style.NOISE,
        va="top", xytext=(8, -4),
    )  # fmt: skip
    ax.set_xticks(rounds)
    ax.set_ylim(0, None)
    ax.set_xlabel("fit")
    ax.set_ylabel("mean squared error")
    return figure


def two_paths(single, refits):
    """Draw error against the truth over training error: single fits, and refits of one of them.

    Parameters
    ----------
    single : tuple of two ndarrays, shape (l,)
        Training error and error against the truth of single fits, one a ridge.
    refits : tuple of two ndarrays, shape (t,)
        The same two errors of repeated fits, one a round.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(*single, color=style.ACCENT, linestyle="--")
    ax.plot(*refits, color=style.STUDENT, marker="o", linestyle="-")
    for count, point in enumerate(zip(*refits, strict=True), start=1):
        style.label_line(
            ax, *point, str(count), color=style.STUDENT, ha="center", va="top", xytext=(0, -6)
        )
    at = int(np.argmin(np.abs(single[0] - 0.72 * refits[0][-1])))
    style.label_line(
        ax, single[0][at], single[1][at], "single fits, every ridge", color=style.ACCENT,
        ha="right", va="bottom", xytext=(-4, 4),
    )  # fmt: skip
    style.label_line(
        ax, refits[0][-1], refits[1][-1], "fits 1, 2, …", color=style.STUDENT,
        ha="left", va="center", xytext=(8, 0),
    )  # fmt: skip
    ax.set_xlim(0, refits[0][-1] * 1.25)
    low, high = min(map(min, (single[1], refits[1]))), max(refits[1])
    ax.set_ylim(low - 0.2 * (high - low), high + 0.15 * (high - low))
    ax.set_xlabel("mean squared error on the given labels")
    ax.set_ylabel("mean squared error against the truth")
    return figure


def digits_rounds(panels):
    """Draw test accuracy over the rounds, with its spread and a tuned single fit beside it.

    Parameters
    ----------
    panels : dict of str to tuple of two ndarrays, shapes (s, t) and (s,)
        Heading -> test accuracy over splits and rounds, and that of the tuned single fit.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), sharey=True, squeeze=False)
    for ax, (heading, (accuracy, tuned)) in zip(axes[0], panels.items(), strict=True):
        rounds = np.arange(1, accuracy.shape[1] + 1)
        mean, spread = 100 * accuracy.mean(axis=0), 100 * accuracy.std(axis=0, ddof=1)
        ax.fill_between(
            rounds, mean - spread, mean + spread, color=style.STUDENT, alpha=0.15, linewidth=0
        )
        ax.plot(rounds, mean, color=style.STUDENT, marker="o")
        ax.axhline(100 * tuned.mean(), color=style.ACCENT, linestyle="--")
        level = 100 * tuned.mean()
        above = max(level, (mean + spread)[len(rounds) // 3 :].max()) + 0.5
        ax.annotate(
            "one fit, tuned ridge", (rounds[-2], level), (rounds[-1], above), color=style.ACCENT,
            fontsize=9, ha="right", va="bottom",
            arrowprops={"arrowstyle": "-", "color": style.ACCENT, "linewidth": 0.7},
        )  # fmt: skip
        style.label_line(
            ax, rounds[-1], (mean - spread)[-1], "refits", color=style.STUDENT,
            ha="right", va="top", xytext=(0, -4),
        )  # fmt: skip
        ax.set_xticks(rounds)
        ax.set_xlabel(f"fit ({heading})")
    axes[0, 0].set_ylabel("test accuracy (%)")
    return figure


def share_helped(lams, shares, marked):
    """Draw the share of noise draws in which a refit helps, over the ridge.

    Parameters
    ----------
    lams, shares : ndarray, shape (l,)
    marked : float
        Ridge of the chapter's example, drawn as a vertical line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.semilogx(lams, 100 * np.asarray(shares), color=style.STUDENT, marker="o")
    ax.axvline(marked, color=style.NOISE, linestyle=":", linewidth=1.3)
    style.label_line(ax, marked, 8, "ridge of this chapter", color=style.NOISE, ha="right",
                     xytext=(-5, 0))  # fmt: skip
    ax.set_xticks(lams, [f"{lam:g}" for lam in lams])
    ax.minorticks_off()
    ax.set_ylim(-3, 103)
    ax.set_xlabel("ridge of every fit")
    ax.set_ylabel("draws in which fit 2\nbeats fit 1 (%)")
    return figure
