"""Figures of chapter 8: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from distill_lib.figures import style

__all__ = [
    "excess",
    "forest",
    "mistuned",
    "overfit",
    "parabolas",
    "shortcut",
    "slope",
    "zigzag",
]

_DASHED = (0, (4, 2))
_MARKS = "osD^v"
_METHODS = (style.NOISE, style.TEACHER, style.STUDENT)


def zigzag(x, y, grid, truth, fits, errors):
    """Draw two neighbouring fits of a chain, and beside them the error of every fit.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Points and targets.
    grid, truth : ndarray, shape (m,)
        Points of the curves and the truth there.
    fits : dict of int to ndarray, shape (m,)
        Number of the fit -> its curve; two entries.
    errors : ndarray, shape (rounds,)
        Error against the truth after every fit.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.2))
    left.plot(x, y, "o", color=style.NOISE, markersize=3.5)
    left.plot(grid, truth, color=style.TRUTH, linestyle=":", linewidth=1.4)
    place = {"xycoords": "axes fraction", "ha": "right", "fontsize": 9}
    left.annotate("truth (dotted)", (1, 0.97), color=style.TRUTH, **place)
    looks = zip(fits.items(), (style.TEACHER, style.STUDENT), ("-", _DASHED), strict=True)
    for k, ((number, curve), color, line) in enumerate(looks):
        left.plot(grid, curve, color=color, linestyle=line)
        text = f"fit {number}" + (" (dashed)" if k else "")
        left.annotate(text, (1, 0.89 - 0.08 * k), color=color, **place)
    rounds = np.arange(1, len(errors) + 1)
    right.plot(rounds, errors, color=style.STUDENT, marker="o")
    right.set_ylim(0, 1.18 * errors.max())
    right.set_xticks(rounds)
    right.set_xlabel("number of fits")
    right.set_ylabel("error against the truth")
    left.set_xlabel("x")
    return figure


def parabolas(weights, losses, best, names):
    """Draw held-out errors over the weight on the labels, one parabola a ridge.

    Parameters
    ----------
    weights : ndarray, shape (w,)
        Weights on the labels.
    losses : sequence of ndarray, shape (w,)
        Held-out errors of the second fit.
    best : sequence of pairs
        Weight and error of the minimum of each.
    names : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.axvspan(0, 1, color=style.NOISE, alpha=0.13, linewidth=0)
    ax.annotate(
        "a mix", (0.5, 0.02), xycoords=("data", "axes fraction"), ha="center", color=style.NOISE,
        fontsize=9,
    )  # fmt: skip
    colors = style.round_colors(len(names) + 1)[1:]
    for curve, (where, value), name, color, mark in zip(
        losses, best, names, colors, _MARKS, strict=False
    ):
        ax.plot(weights, curve, color=color)
        ax.plot(where, value, mark, color=color, markersize=8, zorder=4)
        style.label_line(ax, where, value, name, color=color, ha="center", va="top", xytext=(0, -8))
    top = max(value for _, value in best)
    low = min(value for _, value in best)
    ax.set_ylim(low - 0.45 * (top - low), low + 4.5 * (top - low))
    ax.set_xlim(weights[0], weights[-1])
    ax.set_xlabel(r"weight on the labels $\alpha$")
    ax.set_ylabel("held-out error of fit 2")
    return figure


def slope(lams, first, second, alphas):
    """Draw the error of one fit and of the best second fit over the ridge, and the best weight.

    Parameters
    ----------
    lams : ndarray, shape (l,)
        Ridges, on a log axis.
    first, second : ndarray, shape (l,)
        Held-out error of the first fit and of the second one with its best weight.
    alphas : ndarray, shape (l,)
        That weight.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (top, bottom) = style.axes(rows=2, size=(6.4, 4.6), sharex=True)
    top.semilogx(lams, first, color=style.TEACHER)
    top.semilogx(lams, second, color=style.STUDENT, linestyle=_DASHED)
    at = len(lams) * 4 // 5
    style.label_line(top, lams[at], first[at], "first fit ", color=style.TEACHER, ha="right",
                     va="bottom", xytext=(-4, 2))  # fmt: skip
    style.label_line(top, lams[at], second[at], "second fit, best weight", color=style.STUDENT,
                     ha="center", va="top", xytext=(0, -6))  # fmt: skip
    top.set_ylim(second.min() - 0.3 * (first.max() - second.min()))
    tuned = int(np.argmin(first))
    bottom.semilogx(lams, alphas, color=style.STUDENT)
    bottom.axhspan(0, 1, color=style.NOISE, alpha=0.13, linewidth=0)
    bottom.axhline(1, color=style.TRUTH, linewidth=0.8, linestyle=":")
    for ax in (top, bottom):
        ax.axvline(lams[tuned], color=style.ACCENT, linewidth=1, linestyle="-.")
    low = alphas.min()
    style.label_line(bottom, lams[tuned], low, " tuned ridge", color=style.ACCENT, va="bottom")
    for text, height, edge in (("away from the teacher", 1.15, "bottom"),
                               ("away from the labels", -0.2, "top")):  # fmt: skip
        style.label_line(bottom, lams[0], height, text, color=style.NOISE, va=edge)
    bottom.margins(y=0.08)
    bottom.set_xlabel(r"ridge $\lambda$")
    bottom.set_ylabel(r"best weight $\alpha^\star$")
    top.set_ylabel("held-out error")
    return figure


def excess(rounds, greedy, joint, tuned, shares):
    """Draw one chain with greedy and with joint weights, and the excess of greedy over many.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    greedy, joint : ndarray, shape (T,)
        Held-out error of the two for one problem.
    tuned : float
        Held-out error of one fit with a tuned ridge, for the same problem.
    shares : dict of str to ndarray, shape (m,)
        For each name the relative excess of the greedy error over the joint one, as percentages.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.3))
    left.semilogy(rounds, greedy, color=style.STUDENT, marker="o")
    left.semilogy(rounds, joint, color=style.ACCENT, marker="s", linestyle=_DASHED)
    last = rounds[-1] + 0.15
    style.label_line(left, last, greedy[-1], "greedy", color=style.STUDENT)
    style.label_line(left, last, joint[-1], "joint", color=style.ACCENT)
    left.axhline(tuned, color=style.TEACHER, linewidth=1.2, linestyle=":")
    style.label_line(left, 1.3 * rounds[-1], tuned, "tuned ridge", color=style.TEACHER,
                     ha="right", va="bottom", xytext=(0, 2))  # fmt: skip
    left.set_xlim(rounds[0] - 0.3, 1.3 * rounds[-1])
    left.set_xticks(rounds)
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter(ScalarFormatter())
    left.yaxis.set_minor_formatter(NullFormatter())
    left.set_xlabel("number of fits")
    left.set_ylabel("error, one problem")
    looks = zip(shares.items(), (style.STUDENT, style.TEACHER), ("-", _DASHED), strict=False)
    for k, ((name, values), color, line) in enumerate(looks):
        ordered = np.sort(np.maximum(values, 1e-2))
        share = np.arange(1, len(ordered) + 1) / len(ordered)
        right.step(ordered, share, where="post", color=color, linestyle=line)
        at = np.searchsorted(share, 0.45 if k == 0 else 0.93)
        place = {"ha": "left"} if k == 0 else {"ha": "right", "va": "top", "xytext": (60, -8)}
        style.label_line(right, ordered[at], share[at], name, color=color, **place)
    right.set_xscale("log")
    right.set_ylim(0, 1.02)
    right.set_xlabel("excess of greedy over joint (%)")
    right.set_ylabel("share of problems with at most this")
    return figure


def shortcut(rounds, exact, short, brute, ratios):
    """Draw leave-one-out errors over the fits, exact and by the short cut, and their ratio.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    exact, short : ndarray, shape (T,)
        Error at one ridge, exactly and by the short cut.
    brute : ndarray, shape (T,)
        Error by refitting without each point; drawn as dots.
    ratios : dict of str to ndarray, shape (T,)
        Name of a ridge -> short cut over exact.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (left, right) = style.axes(2, size=(6.4, 3.3))
    left.plot(rounds, exact, color=style.STUDENT)
    left.plot(rounds, short, color=style.NOISE, linestyle=_DASHED)
    left.plot(rounds, brute, "o", color=style.TRUTH, markersize=3.5)
    third = len(rounds) // 3
    style.label_line(left, rounds[third], short[third], "short cut", color=style.NOISE,
                     va="bottom", xytext=(6, 5))  # fmt: skip
    style.label_line(left, rounds[third], exact[third], "exact", color=style.STUDENT, ha="right",
                     va="top", xytext=(-4, -6))  # fmt: skip
    left.annotate("dots: refitted without\neach point", (0.98, 0.97), xycoords="axes fraction",
                  ha="right", va="top", fontsize=9)  # fmt: skip
    left.set_ylabel("leave-one-out error")
    colors = style.round_colors(len(ratios) + 1)[1:]
    for (name, curve), color, mark in zip(ratios.items(), colors, _MARKS, strict=False):
        right.plot(rounds, curve, color=color, marker=mark, markersize=3)
        style.label_line(right, rounds[-1], curve[-1], name, color=color, xytext=(7, 0))
    right.axhline(1, color=style.TRUTH, linewidth=0.8, linestyle=":")
    right.set_xlim(rounds[0] - 0.5, 1.45 * rounds[-1])
    right.set_ylabel("short cut over exact")
    for ax in (left, right):
        ax.set_xticks(rounds[1::2])
        ax.set_xlabel("number of fits")
    return figure


def forest(rows, series, panels, *, label):
    """Draw paired differences with error bars, one row a data set, one mark a method.

    Parameters
    ----------
    rows : sequence of str
        Data sets, from top to bottom.
    series : sequence of str
        Methods.
    panels : dict of str to pair of array_like, shape (methods, data sets)
        Name of a panel -> mean differences, and half the lengths of their bars.
    label : str
        What the horizontal axes show.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(
        len(panels), size=(6.4, 1.5 + 0.4 * len(rows)), sharex=True, sharey=True, squeeze=False
    )
    middle = np.arange(len(rows))
    spread = np.linspace(-0.24, 0.24, len(series)) if len(series) > 1 else [0.0]
    for ax, (panel, (means, errors)) in zip(axes[0], panels.items(), strict=True):
        for k, name in enumerate(series):
            ax.errorbar(
                means[k], middle + spread[k], xerr=errors[k], fmt=_MARKS[k],
                color=_METHODS[k], linewidth=1.4, markersize=4.5, label=name,
            )  # fmt: skip
        ax.axvline(0, color=style.TRUTH, linewidth=0.8)
        _name(ax, panel)
    axes[0, 0].set_yticks(middle, rows)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    figure.supxlabel(label, fontsize=10)
    _key(figure, axes[0, 0])
    return figure


def mistuned(settings, methods, values, *, label):
    """Draw one score of several methods at a tuned and at wrong ridges.

    Parameters
    ----------
    settings : sequence of str
        Ridges, from left to right.
    methods : sequence of str
        The first is the baseline; the others look as in `forest`.
    values : array_like, shape (methods, settings)
        The score; all on one axis.
    label : str
        What the vertical axis shows.

    Returns
    -------
    matplotlib.figure.Figure
    """
    values = np.asarray(values, float)
    figure, ax = style.axes()
    colors, marks = (style.ACCENT, *_METHODS), "^" + _MARKS
    places = np.arange(len(settings))
    spread = np.linspace(-0.3, 0.3, len(methods)) if len(methods) > 1 else [0.0]
    for k, (name, row) in enumerate(zip(methods, values, strict=True)):
        ax.plot(places + spread[k], row, marks[k], color=colors[k], markersize=7, label=name)
    for place in places[1:]:
        ax.axvline(place - 0.5, color=style.NOISE, linewidth=0.8, alpha=0.5)
    ax.set_xticks(places, settings)
    ax.set_ylabel(label)
    ax.margins(y=0.1)
    _key(figure, ax)
    return figure


def overfit(rounds, chosen, test, names, scores):
    """Draw the error by which weights were chosen and the error on other data, over the fits.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    chosen, test : sequence of ndarray, shape (T,)
        Mean of the score that chose, and test error; one curve a panel.
    names, scores : sequence of str
        Names of the panels, and of the score in each.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(names), size=(6.4, 3.1), sharey=True, squeeze=False)
    panels = zip(axes[0], chosen, test, names, scores, strict=True)
    for ax, one, other, name, score in panels:
        ax.plot(rounds, one, color=style.NOISE, marker="s", linestyle=_DASHED)
        ax.plot(rounds, other, color=style.STUDENT, marker="o")
        style.label_line(ax, rounds[-1], one[-1], score, color=style.NOISE,
                         ha="right", va="top", xytext=(0, -7))  # fmt: skip
        style.label_line(ax, rounds[-1], other[-1], "test", color=style.STUDENT, ha="right",
                         va="bottom", xytext=(0, 7))  # fmt: skip
        _name(ax, name)
        ax.set_xticks(rounds)
        ax.set_xlabel("number of fits")
        ax.margins(y=0.15)
    axes[0, 0].set_ylabel("mean squared error")
    return figure


def _name(ax, text):
    """Write the name of a panel above its axes."""
    ax.annotate(text, (0.5, 1.01), xycoords="axes fraction", ha="center", va="bottom", fontsize=9)


def _key(figure, ax):
    """Put one key for all panels above the figure."""
    handles, names = ax.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=len(names), fontsize=8.5,
        handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip
