"""Figures of chapter 5: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = [
    "guaranteed_over_actual",
    "index_over_tolerance",
    "last_bars",
    "norms_and_bounds",
    "ratio_over_rounds",
    "two_truths",
]

_FLOOR = 1e-6  # bars below are not drawn: less than a millionth of the tallest


def last_bars(filters, names):
    """Draw the last filter of some paths as bars relative to the tallest, one panel a path.

    Parameters
    ----------
    filters : sequence of ndarray, shape (r,)
        Filter values after the last fit, largest eigenvalue first.
    names : sequence of str
        What is written below each panel.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(filters), size=(6.4, 2.9), sharey=True, squeeze=False)
    for ax, b, name in zip(axes[0], filters, names, strict=True):
        direction = np.arange(1, len(b) + 1)
        ax.bar(direction, b / b.max(), color=style.STUDENT, width=0.8)
        ax.axhline(0.01, color=style.NOISE, linestyle="--", linewidth=1)
        ax.set_yscale("log")
        ax.set_ylim(_FLOOR, 2)
        ax.set_yticks([1e-6, 1e-4, 1e-2, 1])
        ax.minorticks_off()
        ax.set_xlim(0.3, len(b) + 0.7)
        ax.set_xticks(direction[::2])
        ax.set_xlabel(name)
    style.label_line(
        axes[0, -1], len(filters[-1]), 0.01, "one per cent", color=style.NOISE, ha="right",
        va="bottom", xytext=(0, 2),
    )  # fmt: skip
    axes[0, 0].set_ylabel("part that is kept,\nrelative to the first")
    return figure


def norms_and_bounds(norms, lower, upper, paper):
    """Draw the relative norm of the targets over the rounds, between what is certain.

    Parameters
    ----------
    norms : ndarray, shape (rounds + 1,)
        Relative norms; at or below 1 the path has collapsed.
    lower, upper, paper : ndarray, shape (rounds + 1,)
        The bounds by the triangle inequality, by the squares, and the paper's lower bound.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    t = np.arange(len(norms))
    ax.axhspan(0, 1, color=style.NOISE, alpha=0.15, linewidth=0)
    style.label_line(ax, t[-1] / 4, 0.5, "collapse", color=style.NOISE)
    ax.plot(t, upper, color=style.ACCENT, linestyle="-.")
    ax.plot(t, lower, color=style.ACCENT, linestyle="--")
    says = paper >= 0
    ax.plot(t[says], paper[says], color=style.TEACHER, linestyle=":", marker="s")
    ax.plot(t, norms, color=style.STUDENT, marker="o")
    middle = len(t) // 2
    style.label_line(ax, t[middle], upper[middle], "at most", color=style.ACCENT, va="bottom",
                     xytext=(2, 4))  # fmt: skip
    style.label_line(ax, t[middle], lower[middle], "at least ", color=style.ACCENT, ha="right",
                     va="top", xytext=(-4, -3))  # fmt: skip
    style.label_line(ax, t[middle], norms[middle], "targets", color=style.STUDENT, va="bottom",
                     xytext=(4, 4))  # fmt: skip
    style.label_line(ax, t[-1] / 12, 0.28 * norms[0], "at least,\nwith the\ncondition\nnumber",
                     color=style.TEACHER)  # fmt: skip
    ax.set_xlim(-0.2, t[-1] + 0.3)
    ax.set_ylim(0, 1.06 * norms[0])
    ax.set_xlabel("round")
    ax.set_ylabel("norm of the targets\nover what may be missed")
    return figure


def guaranteed_over_actual(kappas, paper, ours):
    """Draw the actual number of rounds over the guaranteed one, against the condition number.

    Parameters
    ----------
    kappas : ndarray, shape (m,)
    paper, ours : ndarray, shape (m,)
        Actual rounds divided by the guarantee with and without the condition number.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.loglog(kappas, paper, "s", color=style.TEACHER, markersize=3.5, alpha=0.7)
    ax.loglog(kappas, ours, "o", color=style.STUDENT, markersize=3.5, alpha=0.7)
    ax.axhline(1, color=style.NOISE, linestyle="--", linewidth=1)
    right = kappas.max()
    style.label_line(ax, right, 2.2 * paper.max(), "guarantee with the condition number",
                     color=style.TEACHER, ha="right", va="top")  # fmt: skip
    style.label_line(ax, right, 0.88, "guarantee without it", color=style.STUDENT, ha="right",
                     va="top")  # fmt: skip
    ax.set_ylim(0.55, 2.5 * paper.max())
    ax.set_xlabel("condition number")
    ax.set_ylabel("actual rounds over\nguaranteed rounds")
    return figure


def ratio_over_rounds(ratios, bound, price):
    """Draw the ratio of two filter values over the number of fits, with two lower bounds.

    Parameters
    ----------
    ratios, bound, price : ndarray, shape (rounds,)
        The ratio after 1, 2, ... fits; the geometric bound; the bound by the norm that was paid.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes(size=(6.4, 3.3))
    fits = np.arange(1, len(ratios) + 1)
    ax.semilogy(fits, ratios, color=style.STUDENT, marker="o")
    ax.semilogy(fits, bound, color=style.TEACHER, linestyle=":", marker="s")
    ax.semilogy(fits, price, color=style.ACCENT, linestyle="--")
    for row, text, color in (
        (ratios, "ratio", style.STUDENT),
        (bound, "by rounds", style.TEACHER),
        (price, "by norm", style.ACCENT),
    ):
        style.label_line(ax, fits[-1], row[-1], text, color=color, xytext=(7, 0))
    ax.set_xlim(0.6, fits[-1] * 1.16)
    ticks = [1, 1.5, 2, 3, 4, 6, 10, 20]
    ax.set_yticks([v for v in ticks if v <= 1.1 * ratios.max()])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.set_xlabel("number of fits")
    ax.set_ylabel("one filter value\nover the next one")
    return figure


def index_over_tolerance(tolerances, horizons, limit, cap):
    """Draw the sparsity index over the tolerance, at three horizons, with limit and cap.

    Parameters
    ----------
    tolerances : ndarray, shape (m,)
    horizons : dict of str to ndarray, shape (m,)
        Index at each horizon; NaN where there is none.
    limit : float
        Limit of the lower bound at the shortest horizon.
    cap : float
        What one fit cannot exceed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    looks = (("s", ":", style.TEACHER), ("v", "--", style.ACCENT), ("o", "-", style.STUDENT))
    for (name, values), (marker, line, color) in zip(horizons.items(), looks, strict=True):
        ax.loglog(tolerances, values, color=color, marker=marker, linestyle=line)
        style.label_line(ax, tolerances.min(), values[np.argmin(tolerances)], name, color=color,
                         xytext=(8, 0))  # fmt: skip
    ax.axhline(limit, color=style.NOISE, linestyle="--", linewidth=1)
    ax.axhline(cap, color=style.NOISE, linestyle="-.", linewidth=1)
    right = tolerances.max()
    style.label_line(ax, right, limit, "limit of the bound", color=style.NOISE, va="top",
                     xytext=(-2, -3))  # fmt: skip
    style.label_line(ax, right, cap, "cap of one fit", color=style.NOISE, va="bottom",
                     xytext=(-2, 2))  # fmt: skip
    ax.set_xlim(2 * right, tolerances.min() / 60)  # smaller tolerances to the right
    ax.set_xticks([10.0**k for k in range(-12, 1) if 0.99 * tolerances.min() < 10.0**k <= right])
    ax.set_yticks([1, 1.5, 2, 3, 5, 10, 20])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.set_ylim(0.9, 1.3 * np.nanmax(list(horizons.values())))
    ax.set_xlabel("tolerance (smaller to the right)")
    ax.set_ylabel("sparsity index")
    return figure


def two_truths(errors, best, names):
    """Draw the error against the truth over the rounds, one panel a truth.

    Parameters
    ----------
    errors : sequence of ndarray, shape (rounds,)
        Error of each round.
    best : sequence of float
        Error of one fit with the best tolerance.
    names : sequence of str
        What is written below each panel.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(errors), size=(6.4, 3.0), sharey=True, squeeze=False)
    for ax, row, level, name in zip(axes[0], errors, best, names, strict=True):
        t = np.arange(len(row))
        ax.plot(t, row, color=style.STUDENT, marker="o")
        ax.plot(0, row[0], "o", color=style.TEACHER, markersize=7)
        ax.axhline(level, color=style.ACCENT, linestyle="--", linewidth=1.3)
        ax.set_xticks(t)
        ax.set_xlabel(f"round\n{name}")
    top = max(row.max() for row in errors)
    axes[0, 0].set_ylim(0, 1.08 * top)
    style.label_line(axes[0, -1], len(errors[-1]) - 1, best[-1], "one fit, tuned", ha="right",
                     color=style.ACCENT, va="bottom", xytext=(0, 3))  # fmt: skip
    style.label_line(axes[0, 0], 0, errors[0][0], "one fit", color=style.TEACHER, va="bottom",
                     xytext=(4, 5))  # fmt: skip
    axes[0, 0].set_ylabel("mean squared error\nagainst the truth")
    return figure
