"""Figures of chapter 13: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullFormatter, ScalarFormatter

from distill_lib.figures import style

__all__ = ["alpha_grid", "decay_curves", "gains", "per_round"]

_DASHED = (0, (4, 2))
_LOOKS = {
    "test": (style.STUDENT, "-", "o"),
    "given labels": (style.NOISE, _DASHED, "s"),
}


def per_round(panels, levels=None, level_name=""):
    """Draw accuracy over the rounds, mean and standard deviation over seeds.

    Parameters
    ----------
    panels : dict of str to dict of str to ndarray, shape (rounds, seeds)
        Name of a panel -> name of a curve ("test" or "given labels") -> accuracies in [0, 1].
    levels : dict of str to dict of str to float, optional
        Name of a panel -> name of a curve -> an accuracy to compare with, a dotted line.
    level_name : str, default ""
        What the dotted lines are, written at that of "test".

    Returns
    -------
    matplotlib.figure.Figure
    """
    size = (6.4, 3.6 if len(panels) == 1 else 3.2)
    figure, axes = style.axes(len(panels), size=size, squeeze=False, sharey=True)
    for ax, (panel, curves) in zip(axes[0], panels.items(), strict=True):
        for name, values in curves.items():
            color, line, mark = _LOOKS[name]
            mean, spread = 100 * values.mean(1), 100 * values.std(1, ddof=1)
            rounds = np.arange(1, len(mean) + 1)
            ax.fill_between(
                rounds, mean - spread, mean + spread, color=color, alpha=0.15, linewidth=0
            )
            ax.plot(rounds, mean, color=color, linestyle=line, marker=mark)
            above = "test" in name
            edge = (mean + spread if above else mean - spread)[-2:]
            style.label_line(
                ax, rounds[-1], edge.max() if above else edge.min(), name, color=color, ha="right",
                va="bottom" if above else "top", xytext=(0, 3 if above else -3),
            )  # fmt: skip
            if (level := (levels or {}).get(panel, {}).get(name)) is not None:
                ax.axhline(100 * level, color=color, linewidth=1, linestyle=":")
                if above:
                    style.label_line(
                        ax, rounds[-1], 100 * level, level_name, color=color, ha="right",
                        va="top", xytext=(0, -10),
                    )  # fmt: skip
        ax.margins(y=0.1)
        ax.set_xticks(rounds)
        ax.set_xlabel("round")
        if panel:
            _name(ax, panel)
    axes[0, 0].set_ylabel("accuracy (%)")
    return figure


def decay_curves(decays, accuracy, coarse=()):
    """Draw test accuracy over the weight decay, one curve a round.

    Parameters
    ----------
    decays : ndarray, shape (w,)
        Weight decays, on a log axis.
    accuracy : ndarray, shape (rounds, w)
        Mean accuracies in [0, 1].
    coarse : sequence of int, default ()
        Places of a coarse grid; they get rings on the first curve and lines down to the axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    colors = [style.TEACHER, *style.round_colors(len(accuracy))[1:]]
    marks = "osD^vP"
    for k, (row, color) in enumerate(zip(100 * accuracy, colors, strict=True)):
        ax.semilogx(
            decays, row, color=color, marker=marks[k % 6], markersize=3.5,
            linewidth=1.5 if k else 2.2,
        )  # fmt: skip
        best = int(row.argmax())
        style.label_line(
            ax, decays[best], row[best], f"round {k + 1}" if k == 0 else f"{k + 1}", color=color,
            ha="center", va="bottom", xytext=(0, 4),
        )  # fmt: skip
    top = 100 * np.nanmax(accuracy)
    low = max(100 * np.nanmin(accuracy) - 1, top - 16)
    for place in coarse:
        ring = 100 * accuracy[0, place]
        ax.plot([decays[place]] * 2, [low, ring], color=style.NOISE, linewidth=0.8, linestyle=":")
        ax.plot(decays[place], ring, "o", markersize=10, fillstyle="none", color=style.TRUTH)
    ax.set_ylim(low, top + 1.5)
    ticks = decays[coarse[0] % 2 if len(coarse) else 0 :: 2]
    ax.set_xticks(ticks, [f"{decay:.2g}" for decay in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("weight decay")
    ax.set_ylabel("test accuracy (%)")
    return figure


def gains(names, means, errors, *, reference):
    """Draw mean gains with two standard errors each way, one row a grid.

    A mark is hollow where the two standard errors reach zero.

    Parameters
    ----------
    names : sequence of str
        From top to bottom.
    means, errors : array_like, shape (k,)
        Mean paired differences, and their standard errors, in points.
    reference : int
        Place of the row that looks different: the fine grid.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes(size=(6.4, 0.9 + 0.42 * len(names)))
    for k, (mean, error) in enumerate(zip(means, errors, strict=True)):
        fine = k == reference
        ax.errorbar(
            mean, k, xerr=2 * error, fmt="s" if fine else "o",
            color=style.ACCENT if fine else style.STUDENT, markersize=6, linewidth=1.6,
            fillstyle="none" if abs(mean) <= 2 * error else "full",
        )  # fmt: skip
    ax.axvline(0, color=style.TRUTH, linewidth=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("test accuracy, rounds minus tuned weight decay (points)")
    return figure


def alpha_grid(alphas, panels):
    """Draw validation error and test accuracy over the weight on the labels.

    Parameters
    ----------
    alphas : ndarray, shape (g,)
        The grid.
    panels : dict of str to tuple
        Name of a setting -> ``(error (g,), test (g,), estimate, estimated_error, estimated_test)``:
        means over seeds; error on the validation labels, test accuracy in [0, 1], the mean of the
        clipped estimates and what its students have.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), rows=2, size=(6.4, 4.4), sharex=True, squeeze=False)
    for column, (name, values) in enumerate(panels.items()):
        error, test, estimate, its_error, its_test = values
        top, bottom = axes[:, column]
        top.plot(alphas, error, color=style.TEACHER, marker="o")
        bottom.plot(alphas, 100 * np.asarray(test), color=style.STUDENT, marker="s")
        top.plot(estimate, its_error, "*", color=style.TRUTH, markersize=12, zorder=4)
        bottom.plot(estimate, 100 * its_test, "*", color=style.TRUTH, markersize=12, zorder=4)
        for ax in (top, bottom):
            ax.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
            ax.margins(y=0.15)
        _name(top, name)
        bottom.set_xlabel(r"weight on the labels $\alpha$")
    axes[0, 0].set_ylabel("validation error")
    axes[1, 0].set_ylabel("test accuracy (%)")
    return figure


def _name(ax, text):
    """Write the name of a panel above its axes."""
    ax.annotate(text, (0.5, 1.01), xycoords="axes fraction", ha="center", va="bottom", fontsize=9)
