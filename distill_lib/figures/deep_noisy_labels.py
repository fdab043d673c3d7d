"""Figures of chapter 15: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from distill_lib.figures import style

__all__ = ["decay_grid", "gains", "locked_in", "memorisation", "students"]

_DASHED, _DOTTED = (0, (5, 2)), (0, (2, 1.5))
_LOOKS = {  # one look a method, through the whole chapter
    "given labels": (style.ACCENT, (0, (6, 1.5, 1.5, 1.5))),
    "soft": (style.TEACHER, _DASHED),
    "hard": (style.STUDENT, "-"),
    "hard, slow": (style.STUDENT, "-"),
    "hard refit": (style.TRUTH, _DOTTED),
}
_MARKS = {"given labels": "s", "hard": "o", "hard, slow": "o", "hard refit": "^"}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def students(epochs, panels, burn_in, *, level=None):
    """Draw accuracy over the epochs for three ways to learn, mean and spread over the seeds.

    Parameters
    ----------
    epochs : ndarray of int, shape (m,)
        Epochs done.
    panels : dict of str to dict of str to ndarray, shape (m, seeds)
        Label of the axis -> accuracies in [0, 1] of "given labels", "soft" and "hard".
    burn_in : int
        Last epoch with the given labels alone.
    level : float, optional
        Thin line at this accuracy, "best stop", in the first panel.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), squeeze=False)
    for ax, (label, curves) in zip(axes[0], panels.items(), strict=True):
        ends = {name: 100 * values[-1].mean() for name, values in curves.items()}
        height = _apart(ends, 0.12 * _range(curves))
        for name, values in curves.items():
            color, dash = _LOOKS[name]
            _band(ax, epochs, values, color, dash)
            style.label_line(ax, epochs[-1], height[name], name.replace(" ", "\n"), color=color)
        ax.axvline(burn_in, color=style.NOISE, linewidth=0.9, linestyle=":")
        ax.set(xlabel="epoch", ylabel=f"{label} (%)")
    if level is not None:
        axes[0, 0].axhline(100 * level, color=style.NOISE, linewidth=0.9)
        style.label_line(axes[0, 0], epochs[-1], 100 * level, "best stop", color="#5A5A5A",
                         ha="right", va="bottom", xytext=(0, 1), fontsize=8)  # fmt: skip
    return figure


def memorisation(panels):
    """Draw what networks learn of the given labels, of the true ones, and of new images.

    Parameters
    ----------
    panels : sequence of (str, Curves)
        Name of the noise, and curves as of `distill_lib.deep.digit_noise.train_digits`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), squeeze=False, sharey=True)
    lines = (
        ("given", "given\nlabels", style.NOISE, _DOTTED),
        ("repaired", "true\nlabels", style.TRUTH, _DASHED),
        ("test", "new\nimages", style.STUDENT, "-"),
    )
    for k, (ax, (name, curves)) in enumerate(zip(axes[0], panels, strict=True)):
        values = {label: getattr(curves, field) for field, label, *_ in lines}
        height = _apart({label: 100 * v[-1].mean() for label, v in values.items()}, 13)
        for _, label, color, dash in lines:
            _band(ax, curves.epochs, values[label], color, dash)
            if k == len(panels) - 1:
                style.label_line(ax, curves.epochs[-1], height[label], label, color=color)
        peak = int(curves.test.mean(1).argmax())
        ax.plot(curves.epochs[peak], 100 * curves.test.mean(1)[peak], "*", color=style.STUDENT,
                markersize=10, zorder=5)  # fmt: skip
        ax.set_xlabel(f"epoch\n({name})")
    axes[0, 0].set(ylabel="accuracy (%)", ylim=(0, 102))
    return figure


def gains(names, panels):
    """Draw mean differences from a baseline with two standard errors, one row a method.

    Orange circles are better and grey squares worse by more than that; the rest is hollow.

    Parameters
    ----------
    names : sequence of str
        Methods, from top to bottom.
    panels : sequence of (str, ndarray (m,), ndarray (m,))
        Label of each panel, means and standard errors in points, one a method.

    Returns
    -------
    matplotlib.figure.Figure
    """
    size = (6.4, 0.34 * len(names) + 1.1)
    figure, axes = style.axes(len(panels), size=size, sharey=True, squeeze=False)
    rows = np.arange(len(names))
    for ax, (label, mean, error) in zip(axes[0], panels, strict=True):
        ax.axvline(0, color=style.TRUTH, linewidth=0.6)
        better, worse = mean > 2 * error, mean < -2 * error
        for side, color, marker, fill in (
            (better, style.STUDENT, "o", "full"),
            (worse, style.NOISE, "s", "full"),
            (~(better | worse), style.TRUTH, "o", "none"),
        ):
            ax.errorbar(mean[side], rows[side], xerr=2 * error[side], color=color, fmt=marker,
                        markersize=5, linewidth=1.4, fillstyle=fill)  # fmt: skip
        ax.set(xlabel=f"points\n({label})", yticks=rows, yticklabels=names)
        ax.set_ylim(len(names) - 0.5, -0.5)
    return figure


def decay_grid(panels, coarse=()):
    """Draw test accuracy over the weight decay: given labels, hard self-labels and refits.

    Parameters
    ----------
    panels : sequence of (str, ndarray (w,), dict of str to ndarray (w, seeds))
        Label, weight decays > 0, and accuracies of "given labels", "hard" or "hard, slow", and
        "hard refit"; a curve may end before the last weight decay.
    coarse : sequence of float
        Weight decays of a coarse grid: rings on the curve of the given labels.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(len(panels), squeeze=False)
    for ax, (label, decays, curves) in zip(axes[0], panels, strict=True):
        height = _apart({name: 100 * v[-1].mean() for name, v in curves.items()}, 3)
        for name, values in curves.items():
            color, dash = _LOOKS[name]
            x = decays[: len(values)]
            _band(ax, x, values, color, dash, marker=_MARKS[name])
            if ax is axes[0, -1]:
                style.label_line(ax, x[-1], height[name], name.replace(" ", "\n"), color=color)
        rings = [k for k, decay in enumerate(decays) if np.isclose(decay, coarse).any()]
        ax.plot(decays[rings], 100 * curves["given labels"].mean(1)[rings], "o", markersize=11,
                fillstyle="none", color=style.TRUTH)  # fmt: skip
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xticks(decays[:: 2 if len(decays) > 4 else 1])
        ax.set_xlabel(f"weight decay\n({label})")
    axes[0, 0].set_ylabel("accuracy on new images (%)")
    return figure


def locked_in(groups):
    """Draw the share of right predictions on training points at the end over that before.

    Parameters
    ----------
    groups : sequence of (str, ndarray (seeds,), ndarray (seeds,))
        Name of the noise; share of right predictions, in [0, 1], when the labels begin to fade and
        at the end, one point a seed. Names that begin with "pairs" have a hue of their own.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.plot([0, 100], [0, 100], color=style.TRUTH, linewidth=0.7)
    style.label_line(ax, 48, 48, "kept as it is", color=style.TRUTH, ha="left", va="top",
                     xytext=(4, 0), fontsize=8)  # fmt: skip
    paired = [name.startswith("pairs") for name, *_ in groups]
    ramp = iter(style.round_colors(max(len(groups) - sum(paired), 1)))
    for k, (name, before, after) in enumerate(groups):
        color = style.TEACHER if paired[k] else next(ramp)
        ax.plot(100 * before, 100 * after, _MARKERS[k % 7], color=color, markersize=6,
                markeredgecolor=style.TRUTH, markeredgewidth=0.5, label=name)  # fmt: skip
    low = 100 * min(min(b.min(), a.min()) for _, b, a in groups)
    ax.set(xlim=(max(low - 8, 0), 101), ylim=(max(low - 8, 0), 101))
    ax.set(xlabel="right when the labels begin to fade (%)", ylabel="right at the end (%)")
    figure.legend(fontsize=8, loc="outside right center", title="wrong labels", title_fontsize=8)
    return figure


def _band(ax, x, values, color, dash, **options):
    """Draw the mean over the seeds, and a band of a standard deviation either way."""
    mean, spread = 100 * values.mean(1), 100 * values.std(1, ddof=1)
    ax.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.15, linewidth=0)
    ax.plot(x, mean, color=color, linestyle=dash, **options)


def _range(curves):
    """Return the range of the means of some curves in points."""
    means = np.concatenate([100 * values.mean(1) for values in curves.values()])
    return np.ptp(means) or 1.0


def _apart(heights, gap):
    """Move labels up so that neighbours are `gap` apart; the lowest stays."""
    placed, last = {}, -np.inf
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        last = placed[name] = max(height, last + gap)
    return placed
