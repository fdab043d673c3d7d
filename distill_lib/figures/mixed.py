"""Figures of chapter 7: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = [
    "distances",
    "losses",
    "norms_by_round",
    "ratios",
    "refit_weights",
    "two_bands",
    "two_chains",
]

_DASHES = (0, (5, 2.5))
_MARKERS = "osD^vP"


def _shades(count):
    """Colours for a family of weights, pale to dark, without the palest."""
    return style.round_colors(count + 1)[1:]


def two_chains(x, y, grid, truth, first, without, mixed, errors_without, errors_mixed):
    """Draw where two chains of fits end, and their errors on the way.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Data.
    grid, truth : ndarray, shape (m,)
        Points of the curves, and the true curve.
    first, without, mixed : ndarray, shape (m,)
        The common first fit, and the last fit of the chain without and with labels in the mix.
    errors_without, errors_mixed : ndarray, shape (rounds,)
        Error of each fit of the two chains.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.3))
    rounds = np.arange(1, len(errors_mixed) + 1)
    left.plot(grid, truth, color=style.TRUTH, linestyle=_DASHES, linewidth=1.1)
    left.plot(x, y, "o", color=style.NOISE, zorder=4)
    left.plot(grid, first, color=style.TEACHER)
    left.plot(grid, mixed, color=style.STUDENT)
    left.plot(grid, without, color=style.STUDENT, linestyle=":")
    where = {"xycoords": "axes fraction", "fontsize": 9, "ha": "right"}
    left.annotate("first fit", (0.99, 0.94), color=style.TEACHER, **where)
    left.annotate(f"fit {rounds[-1]}, labels mixed in", (0.99, 0.87), color=style.STUDENT, **where)
    left.annotate(
        f"fit {rounds[-1]}, no labels (dotted)", (0.99, 0.8), color=style.STUDENT, **where
    )
    at = 3 * len(grid) // 4
    style.label_line(
        left, grid[at], truth[at], "true curve", color=style.TRUTH, va="top", ha="center",
        xytext=(2, -6),
    )  # fmt: skip
    left.set_ylim(1.3 * min(y.min(), first.min()), 1.45 * max(y.max(), first.max()))
    left.set_xlabel("x")
    right.plot(rounds, errors_mixed, color=style.STUDENT, marker="o", markersize=3)
    right.plot(rounds, errors_without, color=style.STUDENT, linestyle=":", marker="s", markersize=3)
    right.plot(1, errors_mixed[0], "o", color=style.TEACHER, markersize=6, zorder=5)
    at = int(0.55 * len(rounds))
    style.label_line(
        right, rounds[at], errors_without[at], "no labels", color=style.STUDENT, va="bottom",
        ha="right", xytext=(-8, 4),
    )  # fmt: skip
    style.label_line(
        right, rounds[at], errors_mixed[at], "labels mixed in", color=style.STUDENT, va="bottom",
        ha="center", xytext=(0, 7),
    )  # fmt: skip
    right.set_ylim(0, 1.08 * errors_without.max())
    right.set_xlabel("number of fits")
    right.set_ylabel("error against the true curve")
    return figure


def refit_weights(weights):
    """Draw, for some weights on the labels, how often the labels in the last fit were fitted.

    Parameters
    ----------
    weights : dict of float to ndarray, shape (rounds,)
        Weight on the labels -> share of the labels that were fitted 1, 2, ... times.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(weights), size=(6.4, 2.6), sharey=True, squeeze=False)
    for ax, (alpha, w), color in zip(axes[0], weights.items(), _shades(len(weights)), strict=True):
        times = np.arange(1, len(w) + 1)
        bars = ax.bar(times, w, color=color, width=0.8)
        bars[-1].set(hatch="////", edgecolor=style.BACKGROUND, linewidth=0)
        ax.annotate(
            rf"$\alpha$ = {alpha:g}", (0.96, 0.95), xycoords="axes fraction", ha="right", va="top"
        )
        ax.set_xticks(np.unique(np.linspace(1, len(w), 4).round()))
        ax.set_xlabel("times fitted")
    axes[0, 0].set_ylabel("share in the last fit")
    return figure


def distances(rounds, measured, bounds):
    """Draw the distance to the limit over the rounds, on a log axis, with its bound.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits, from 0.
    measured, bounds : dict of float to ndarray, shape (T,)
        Weight on the labels -> distance, and its upper bound.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    shades = _shades(len(measured))
    for (alpha, curve), color, marker in zip(measured.items(), shades, _MARKERS, strict=False):
        ax.semilogy(rounds, curve, color=color, marker=marker)
        ax.semilogy(rounds, bounds[alpha], color=style.ACCENT, linestyle=_DASHES, linewidth=1)
        style.label_line(
            ax, rounds[-1], curve[-1], rf"$\alpha$ = {alpha:g}", color=style.TRUTH, xytext=(8, 0)
        )
    at = len(rounds) // 2
    top = next(iter(bounds.values()))
    style.label_line(
        ax, rounds[at], top[at], "bound", color=style.ACCENT, va="bottom", xytext=(2, 4)
    )
    ax.set_xlim(rounds[0] - 0.3, rounds[-1] * 1.16)
    ax.set_xlabel("number of fits")
    ax.set_ylabel("distance to the limit")
    return figure


def ratios(rounds, curves, limits, cap):
    """Draw the ratio of two filter values over the rounds, one curve a weight, on a log axis.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    curves : dict of float to ndarray, shape (T,)
        Weight on the labels -> ratio.
    limits : dict of float to float
        Weight on the labels -> ratio in the limit; infinite ones are not drawn.
    cap : float
        Ratio of the eigenvalues.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axhline(cap, color=style.ACCENT, linestyle=_DASHES, linewidth=1.3)
    style.label_line(
        ax, rounds[-1], cap, "ratio of the\neigenvalues", color=style.ACCENT, va="bottom",
        xytext=(8, 3),
    )  # fmt: skip
    shades = _shades(len(curves))
    top = 3 * max(curve.max() for alpha, curve in curves.items() if np.isfinite(limits[alpha]))
    for (alpha, curve), color, marker in zip(curves.items(), shades, _MARKERS, strict=False):
        ax.semilogy(rounds, curve, color=color, marker=marker, clip_on=curve.max() > top)
        name = rf"$\alpha$ = {alpha:g}"
        if curve.max() > top:  # it leaves the picture: name it where it does
            at = int(np.argmax(curve > top)) - 1
            style.label_line(
                ax, rounds[at], curve[at], name, color=style.TRUTH, ha="right", xytext=(-8, 6)
            )
            continue
        peak = int(np.argmax(curve))
        if peak:
            style.label_line(
                ax, rounds[peak], curve[peak], name, color=style.TRUTH, va="bottom", xytext=(5, 3)
            )
        else:
            style.label_line(
                ax, rounds[-1], curve[-1], name, color=style.TRUTH, va="top", xytext=(8, -2)
            )
    ax.set_ylim(0.7 * min(curve.min() for curve in curves.values()), top)
    ax.set_xlim(rounds[0] - 0.3, rounds[-1] * 1.2)
    ax.set_xticks(rounds)
    ax.set_xlabel("number of fits")
    ax.set_ylabel("ratio of two filter values")
    return figure


def losses(rounds, curves, limits, tuned):
    """Draw the loss of each fit for some weights, with their limits and the best single ridge.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    curves : dict of float to ndarray, shape (T,)
        Weight on the labels -> loss of each fit.
    limits : dict of float to float
        Weight on the labels -> loss in the limit; it is drawn where it is inside the picture.
    tuned : float
        Loss of the best single ridge.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    shades = _shades(len(curves))
    low = min(tuned, *(curve.min() for curve in curves.values()))
    high = max(curve[0] for curve in curves.values())
    bottom, top = low - 0.06 * (high - low), high + 0.12 * (high - low)
    ax.axhline(tuned, color=style.ACCENT, linestyle=_DASHES, linewidth=1.3)
    style.label_line(
        ax, rounds[0], tuned, "best single ridge", color=style.ACCENT, va="top", xytext=(-4, -3)
    )
    for (alpha, curve), color, marker in zip(curves.items(), shades, _MARKERS, strict=False):
        ax.plot(rounds, curve, color=color, marker=marker)
        inside = np.flatnonzero(curve <= top)
        at, name = int(inside[-1]), rf"$\alpha$ = {alpha:g}"
        on_the_line = abs(curve[at] - tuned) < 0.03 * (top - bottom)
        beside = (8, 8 if on_the_line else 0)
        style.label_line(ax, rounds[at], curve[at], name, color=style.TRUTH, xytext=beside)
        if limits[alpha] <= top:
            ax.plot(rounds[-1] * 1.22, limits[alpha], marker, color=color, clip_on=False)
    ax.plot(rounds[0], high, "o", color=style.TEACHER, markersize=7, zorder=5)
    style.label_line(ax, rounds[0], high, "first fit", color=style.TEACHER, xytext=(9, 3))
    highest = max(limit for limit in limits.values() if limit <= top)
    style.label_line(
        ax, rounds[-1] * 1.22, highest, "limits", color=style.TRUTH, ha="center", va="bottom",
        xytext=(0, 6),
    )  # fmt: skip
    ax.set_ylim(bottom, top)
    ax.set_xlim(rounds[0] - 0.3, rounds[-1] * 1.27)
    ax.set_xticks(rounds[:: max(len(rounds) // 7, 1)])
    ax.set_xlabel("number of fits")
    ax.set_ylabel("mean squared error\nagainst the true curve")
    return figure


def norms_by_round(norms, limits):
    """Draw the relative norm of what each round takes from the one before, in the tolerance form.

    Parameters
    ----------
    norms : dict of float to ndarray, shape (rounds + 1,)
        Weight on the labels -> relative norms; at or below 1 without labels a path has collapsed.
    limits : dict of float to float
        Weight on the labels -> relative norm of the limit; NaN if the path collapses.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    last, ended = max(len(r) for r in norms.values()) - 1, 0
    for (alpha, r), color, marker in zip(
        norms.items(), _shades(len(norms)), _MARKERS, strict=False
    ):
        ax.plot(np.arange(len(r)), r, color=color, marker=marker)
        name = rf"$\alpha$ = {alpha:g}"
        if np.isnan(limits[alpha]):  # it ends with the zero function
            ax.plot([len(r) - 1, len(r)], [r[-1], 0], color=color, linestyle=":")
            ax.plot(len(r), 0, "x", color=color, markersize=7, clip_on=False, zorder=5)
            beside = {"xytext": (7, 1)} if ended else {"xytext": (-7, 1), "ha": "right"}
            style.label_line(ax, len(r), 0, name, color=style.TRUTH, va="bottom", **beside)
            ended += 1
        else:
            ax.hlines(limits[alpha], 0, last, color=style.ACCENT, linestyle=_DASHES, linewidth=1)
            style.label_line(ax, last, r[-1], name, color=style.TRUTH, xytext=(8, 0))
    ax.set_xlim(-0.4, last * 1.17)
    ax.set_xticks(np.arange(0, last + 1, max(last // 7, 1)))
    ax.set_ylim(0, 1.06 * max(r[0] for r in norms.values()))
    ax.set_xlabel("round")
    ax.set_ylabel("norm of the teacher's values\nover what may be missed")
    return figure


def two_bands(x, y, grid, mean, narrow, wide):
    """Draw one posterior mean with two standard deviations around it, from two readings.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Data.
    grid : ndarray, shape (m,)
        Points of the curves.
    mean, narrow, wide : ndarray, shape (m,)
        The common mean, and the standard deviation of the chain and of its limit.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes(size=(6.4, 3.2))
    ax.fill_between(grid, mean - wide, mean + wide, color=style.ACCENT, alpha=0.15, linewidth=0)
    for side in (-1, 1):
        ax.plot(grid, mean + side * wide, color=style.ACCENT, linewidth=1, linestyle=_DASHES)
        ax.plot(grid, mean + side * narrow, color=style.STUDENT, linewidth=1, linestyle=":")
    ax.plot(grid, mean, color=style.STUDENT)
    ax.plot(x, y, "o", color=style.NOISE, zorder=4)
    end = grid[-1]
    gap = 0.13 * np.ptp(ax.get_ylim())
    levels = [mean[-1] + max(wide[-1], gap), mean[-1], mean[-1] - max(narrow[-1], gap)]
    names = (
        ("limit, \N{PLUS-MINUS SIGN} 1 sd", style.ACCENT),
        ("mean of both", style.STUDENT),
        ("chain, \N{PLUS-MINUS SIGN} 1 sd", style.STUDENT),
    )
    for level, (name, color) in zip(levels, names, strict=True):
        ax.annotate(
            name, (end, level), (6, 0), textcoords="offset points", color=color, fontsize=9,
            va="center", annotation_clip=False,
        )  # fmt: skip
    ax.set_xlim(grid[0] - 0.02, end + 0.22 * np.ptp(grid))
    ax.set_xticks(np.linspace(grid[0], end, 6))
    ax.set_xlabel("x")
    return figure
