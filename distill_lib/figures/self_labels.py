"""Figures of chapter 12: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np

from distill_lib.figures import style

__all__ = ["burn_in_lines", "rivals", "two_students", "wells", "window_paths"]

_DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), "-.", (0, (6, 1.5, 1.5, 1.5)))
_LOOKS = {
    "descent": (style.ACCENT, _DASHES[4]),
    "soft": (style.TEACHER, _DASHES[1]),
    "hard": (style.STUDENT, "-"),
}


def two_students(times, wrong, distance, burn_in, rate):
    """Draw both errors of plain descent and of two students over the steps.

    Parameters
    ----------
    times : ndarray of int, shape (m,)
        Steps, >= 1; logarithmic axis.
    wrong, distance : dict of str to ndarray, shape (m,)
        Share of wrong signs and distance to the clean labels, for "descent", "soft" and "hard".
    burn_in : int
        Last step at which all of them learn the given labels alone.
    rate : float
        Share of wrong given labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.axes(2)
    for ax, curves, label in zip(
        panels, (wrong, distance), ("wrong on training points", "distance to clean"), strict=True
    ):
        for name, values in curves.items():
            color, dash = _LOOKS[name]
            ax.semilogx(times, values, color=color, linestyle=dash)
            style.label_line(ax, times[-1], values[-1], name, color=color)
        ax.axvline(burn_in, color=style.NOISE, linewidth=0.9, linestyle=":")
        ax.set(xlabel="step", ylabel=label, ylim=(0, None))
    panels[0].axhline(rate, color=style.NOISE, linewidth=0.9)
    style.label_line(panels[0], times[0], rate, "given labels", color="#5A5A5A", va="bottom",
                     xytext=(2, 2), fontsize=8)  # fmt: skip
    return figure


def wells(grid, panels):
    """Draw the energy of two cluster values, with wells and paths.

    Parameters
    ----------
    grid : ndarray, shape (g,)
        Values of either cluster.
    panels : sequence of (str, ndarray of shape (g, g), sequence of (str, ndarray (m, 2)))
        Label, energy with the second cluster along the rows, and named paths. The first point of
        a path gets a ring, the last one a diamond.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 3.5), sharey=True)
    for ax, (name, energy, paths) in zip(axes, panels, strict=True):
        low = energy.min()
        levels = low + (energy.max() - low) * np.linspace(0.002, 1, 15) ** 2
        ax.contour(grid, grid, energy, levels=levels, colors=style.NOISE, linewidths=0.6, alpha=0.6,
                   linestyles="solid")  # fmt: skip
        ax.axhline(0, color=style.TRUTH, linewidth=0.4)
        ax.axvline(0, color=style.TRUTH, linewidth=0.4)
        for k, (label, path) in enumerate(paths):
            color = (style.STUDENT, style.TEACHER)[k % 2]
            ax.plot(*path.T, color=color, linestyle=_DASHES[k % 2], linewidth=2)
            ax.plot(*path[0], "o", color=style.TRUTH, fillstyle="none", markersize=7, zorder=4)
            ax.plot(*path[-1], "D", color=color, markersize=6, zorder=5)
            left = path[-1, 0] > 0
            style.label_line(ax, *path[-1], label, color=color, ha="right" if left else "left",
                             va="top", xytext=(6 if left else -6, -7))  # fmt: skip
        ax.plot(1, -1, "*", color=style.TRUTH, markersize=9, zorder=3)
        ax.set(xlabel=f"value on the small cluster\n({name})", aspect="equal")
    axes[0].set_ylabel("value on the large cluster")
    return figure


def window_paths(times, curves, bound):
    """Draw distances to the clean labels over the steps.

    Parameters
    ----------
    times : ndarray, shape (m,)
        Steps, >= 1; logarithmic axis.
    curves : sequence of (str, ndarray of shape (m,))
        Name and distance of each schedule.
    bound : tuple of ndarray
        Times and values of what the theorem promises.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    colors = (style.ACCENT, style.NOISE, style.TRUTH, style.STUDENT)
    for k, (name, values) in enumerate(curves):
        color = colors[k % 4]
        ax.semilogx(times, values, color=color, linestyle=_DASHES[k % 5])
        style.label_line(ax, times[-1], values[-1], name, color=color, va="bottom")
    ax.semilogx(*bound, color=style.NOISE, linewidth=0.9)
    style.label_line(ax, bound[0][0], bound[1][0], "bound", color=style.NOISE, va="bottom",
                     ha="center", xytext=(0, 4))  # fmt: skip
    ax.set(xlabel="step", ylabel="distance to clean", ylim=(0, None))
    return figure


def burn_in_lines(burn_ins, decays, panels):
    """Draw errors over the burn-in, one line a decay, beside descent that stops there.

    Parameters
    ----------
    burn_ins : ndarray, shape (b,)
        Lengths of the burn-in; logarithmic axis.
    decays : ndarray, shape (q,)
        Decays.
    panels : sequence of (str, ndarray of shape (b, q), ndarray of shape (b,))
        Axis label, error of self-labels at their end, and of descent at the end of the burn-in.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels))
    colors = style.round_colors(len(decays))
    for ax, (name, errors, stopped) in zip(axes, panels, strict=True):
        for k, (decay, color) in enumerate(zip(decays, colors, strict=True)):
            ax.semilogx(burn_ins, errors[:, k], color=color, linestyle=_DASHES[k % 4],
                        marker="osD^v>"[k % 6], markersize=3.5, label=f"q = {decay:g}")  # fmt: skip
        ax.semilogx(burn_ins, stopped, color=style.ACCENT, linestyle=_DASHES[4], label="stop there")
        ax.set(xlabel="burn-in (epochs)", ylabel=name)
        ax.set_ylim(0, None)
    axes[0].legend(fontsize=7.5, ncols=2, handlelength=2.4, columnspacing=0.8)
    return figure


def rivals(names, panels):
    """Draw mean differences from a baseline with two standard errors, one row a method.

    Parameters
    ----------
    names : sequence of str
        Methods, from top to bottom.
    panels : sequence of (str, sequence of (str, ndarray (m,), ndarray (m,)))
        Label of each panel; in it named means and standard errors, one point a method.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), size=(6.4, 0.34 * len(names) + 1.2), sharey=True)
    rows = np.arange(len(names))
    looks = ((style.STUDENT, "o"), (style.TEACHER, "s"))
    for ax, (title, series) in zip(np.atleast_1d(axes), panels, strict=True):
        ax.axvline(0, color=style.TRUTH, linewidth=0.6)
        for k, ((label, mean, error), (color, marker)) in enumerate(
            zip(series, looks, strict=False)
        ):
            ax.errorbar(mean, rows + 0.24 * k - 0.12, xerr=2 * error, color=color, fmt=marker,
                        markersize=4, linewidth=1.2, label=label)  # fmt: skip
        ax.set(xlabel=f"points\n({title})", yticks=rows, yticklabels=names)
    axes = np.atleast_1d(axes)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=8, loc="outside upper right",
                  ncols=2)  # fmt: skip
    return figure
