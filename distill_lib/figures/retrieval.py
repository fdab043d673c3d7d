"""Figures of chapter 11: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullFormatter, ScalarFormatter

from distill_lib.figures import style

__all__ = ["energies", "over_radius", "stops", "stored_energies", "two_agreements"]

_DASHES = ((0, (5, 2)), (0, (2, 1.5)))
_CLEAN = {"color": style.TRUTH}
_NOISE = {"color": style.NOISE, "linestyle": _DASHES[0]}
_LEVEL = {"color": style.ACCENT, "linewidth": 1.2, "linestyle": _DASHES[1]}


def two_agreements(times, true, given):
    """Draw the share of true and of given labels that a model reproduces over its training.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Logarithmic axis.
    true, given : ndarray, shape (m,)
        Shares of training points.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.semilogx(times, true, **_CLEAN)
    ax.semilogx(times, given, **_NOISE)
    best = int(np.argmax(true))
    ax.plot(times[best], true[best], "o", color=style.TRUTH, markersize=6)
    below = {"ha": "center", "xytext": (0, -11)}
    at = len(times) - len(times) // 8
    for curve, name, look in ((true, "clean labels", _CLEAN), (given, "given labels", _NOISE)):
        style.label_line(ax, times[at], curve[at], name, color=look["color"], **below)
    ax.set(xlabel="training time", ylabel="share reproduced", ylim=(0.5, 1.03))
    ax.set_xlim(times[0], times[-1])
    return figure


def energies(clean, noise, informative):
    """Draw where the energy of labels and noise lies: per eigenvector and from the top on.

    Parameters
    ----------
    clean, noise : ndarray, shape (n,)
        Shares of the energy along each eigenvector, in the order of descending eigenvalues.
    informative : int
        Number of eigenvectors left of the dotted line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2)
    shown = np.arange(1, min(3 * informative, len(clean)) + 1)
    for values, shift, look, name in (
        (clean, -0.2, {"color": style.TRUTH}, "clean labels"),
        (noise, 0.2, {"color": style.NOISE, "hatch": "////", "edgecolor": "white"}, "noise"),
    ):
        left.bar(shown + shift, values[shown - 1], width=0.4, linewidth=0, label=name, **look)
    left.legend(fontsize=9)
    left.set(xlabel="eigenvector", ylabel="share of the energy", xticks=shown[::2] + 1)
    count = np.arange(1, len(clean) + 1)
    right.semilogx(count, np.cumsum(clean), **_CLEAN)
    right.semilogx(count, np.cumsum(noise), **_NOISE)
    right.axvline(informative, **_LEVEL)
    at = min(3 * informative, len(clean)) - 1
    place = {"ha": "center", "xytext": (0, -11)}
    style.label_line(right, count[at], np.cumsum(clean)[at], "clean labels", color=style.TRUTH,
                     **place)  # fmt: skip
    style.label_line(right, count[at], np.cumsum(noise)[at], "noise", color=style.NOISE, **place)
    right.set(xlabel="eigenvectors, from the top", ylabel="share, added up", ylim=(0, 1.04))
    _plain_ticks(right, (1, informative, 20, len(clean)))
    return figure


def stops(panels):
    """Draw the distance to the clean labels over the steps, with its limit and its bound.

    Parameters
    ----------
    panels : sequence of (str, ndarray of shape (m,), float, float)
        Label, distance after 0, 1, ..., m - 1 steps, distance of the limit, lower bound.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 3.2))
    for ax, (name, distance, limit, bound) in zip(np.atleast_1d(axes), panels, strict=True):
        steps = np.arange(len(distance))
        ax.axhline(limit, color=style.NOISE, linewidth=1.2, linestyle=_DASHES[0])
        ax.axhline(bound, **_LEVEL)
        ax.plot(steps, distance, color=style.TEACHER, marker="o", markersize=3)
        best = int(np.argmin(distance))
        ax.plot(best, distance[best], "D", color=style.STUDENT, markersize=6)
        right = {"ha": "right", "va": "bottom", "xytext": (0, 2), "fontsize": 8}
        is_apart = bound < 0.99 * limit
        name_limit = "limit" if is_apart else "limit = bound"
        style.label_line(ax, steps[-1], limit, name_limit, color="#5A5A5A", **right)
        if is_apart:
            style.label_line(ax, steps[-1], bound, "bound", color=style.ACCENT, **right)
        ax.set(xlabel=f"step\n({name})", ylim=(0, None))
    np.atleast_1d(axes)[0].set_ylabel("distance to the clean labels")
    return figure


def stored_energies(counts, shares, steps, errors, distances):
    """Draw cumulative energies of many eigenvectors, and both errors over the steps.

    Parameters
    ----------
    counts : ndarray, shape (k,)
        Numbers of eigenvectors.
    shares : sequence of (str, ndarray of shape (k,))
        Name and share: of the labels, of the noise, of its fluctuation.
    steps : ndarray, shape (t,)
        Numbers of steps; those below 1 are left out.
    errors, distances : ndarray, shape (t,)
        Share of wrong classes, and root mean square distance, to the clean labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2)
    looks = (_CLEAN, _NOISE, {"color": style.ACCENT, "linestyle": _DASHES[1]})
    for k, ((name, share), look) in enumerate(zip(shares, looks, strict=True)):
        left.semilogx(counts, share, **look)
        at = int(np.argmin(np.abs(share - (0.62, 0.47, 0.05)[k])))
        style.label_line(left, counts[at], share[at], name, color=look["color"], ha="right",
                         va="bottom", xytext=(-3, 1), fontsize=8)  # fmt: skip
    left.set(xlabel="eigenvectors, from the top", ylabel="share, added up", ylim=(0, 1.02))
    moves = steps >= 1
    right.semilogx(steps[moves], distances[moves], color=style.TEACHER)
    right.semilogx(steps[moves], errors[moves], color=style.STUDENT, linestyle=_DASHES[0])
    for values, name, color in (
        (distances, "distance", style.TEACHER),
        (errors, "wrong classes", style.STUDENT),
    ):
        best = int(np.argmin(values))
        right.plot(steps[best], values[best], "D", color=color)
        style.label_line(right, steps[best], values[best], name, color=color, ha="center",
                         va="top", xytext=(0, -6))  # fmt: skip
    right.set(xlabel="step", ylabel="error on the training images", ylim=(0, 1.02))
    return figure


def over_radius(radii, clean, noise, best, rate):
    """Draw shares of the energy and the best stop's accuracy over the radius of the clusters.

    Parameters
    ----------
    radii : ndarray, shape (m,)
    clean, noise : ndarray, shape (m,)
        Share in the informative eigenvectors.
    best : ndarray, shape (m,)
        Share of clean labels at the best moment.
    rate : float
        Share of wrong labels; fitting all of them gives 1 - rate.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot(radii, best, color=style.TEACHER, marker="o")
    ax.plot(radii, clean, **_CLEAN, marker="s")
    ax.plot(radii, noise, **_NOISE, marker="^")
    ax.axhline(1 - rate, **_LEVEL)
    end = len(radii) - 1
    notes = (
        (radii[-2], best[-2], "right at the\nbest moment", style.TEACHER, (28, 24)),
        (radii[end // 2], clean[end // 2], "energy of the\nclean labels, top 4", style.TRUTH,
         (-14, -16)),
        (radii[0], noise[0], "of the noise", "#5A5A5A", (58, -13)),
        (radii[0], 1 - rate, "all given labels fitted", style.ACCENT, (126, 7)),
    )  # fmt: skip
    for x, y, text, color, move in notes:
        style.label_line(ax, x, y, text, color=color, ha="right", xytext=move)
    ax.set(xlabel="radius of the clusters", ylabel="share", ylim=(0, 1.04))
    return figure


def _plain_ticks(ax, ticks):
    """Write whole numbers at a logarithmic axis."""
    ax.set_xticks(sorted({int(tick) for tick in ticks}))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
