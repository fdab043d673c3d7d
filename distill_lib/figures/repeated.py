"""Figures of chapter 3: from arrays to a matplotlib figure."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from distill_lib.figures import style

__all__ = [
    "bias_variance",
    "gain_map",
    "look_alikes",
    "ratio_growth",
    "risk_curve",
    "sharper_cut",
]

_RECORD = (0, (4, 2))


def look_alikes(x, targets, grid, fits, errors):
    """Draw two data sets with their first and last fit, and below them the error of every round.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Points of both data sets.
    targets : sequence of two ndarray, shape (n,)
        Targets of the left and of the right data set.
    grid : ndarray, shape (m,)
        Points of the fitted curves.
    fits : sequence of two ndarray, shape (rounds, m)
        Fitted curves of every round.
    errors : sequence of two ndarray, shape (rounds,)
        Error against the truth of every round, positive; drawn on one log scale.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(2, 2, size=(6.4, 4.6), sharex="row", sharey="row")
    rounds = np.arange(1, len(errors[0]) + 1)
    for k, name in enumerate("AB"):
        top, bottom = axes[0, k], axes[1, k]
        top.plot(x, targets[k], "o", color=style.NOISE, markersize=3)
        top.plot(grid, fits[k][0], color=style.TEACHER)
        top.plot(grid, fits[k][-1], color=style.STUDENT, linestyle=_RECORD)
        top.annotate(
            f"data set {name}", (0.97, 0.97), xycoords="axes fraction", ha="right", va="top"
        )
        bottom.semilogy(rounds, errors[k], color=style.STUDENT, marker="o", markersize=3)
        bottom.plot(1, errors[k][0], "o", color=style.TEACHER, markersize=7)
        best = int(np.argmin(errors[k]))
        beside = {"xytext": (0, -10), "ha": "center"} if best else {"xytext": (10, -2)}
        note = f"best: fit {rounds[best]}"
        style.label_line(bottom, rounds[best], errors[k][best], note, color=style.STUDENT, **beside)
        bottom.set_xticks(rounds[::3])
        bottom.set_xlabel("number of fits")
        bottom.margins(y=0.22)
    axes[0, 0].set_ylabel("data and fits")
    axes[1, 0].set_ylabel("error against truth")
    axes[1, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[1, 0].yaxis.set_major_formatter(ScalarFormatter())
    axes[1, 0].yaxis.set_minor_formatter(NullFormatter())
    where = {"xycoords": "axes fraction", "fontsize": 9}
    axes[0, 0].annotate("first fit", (0.04, 0.22), color=style.TEACHER, **where)
    last = f"fit {rounds[-1]} (dashed)"
    axes[0, 0].annotate(last, (0.04, 0.08), color=style.STUDENT, **where)
    return figure


def ratio_growth(rounds, ratios, labels, cap):
    """Draw how the ratio of two filter values grows with the rounds, on a log axis.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    ratios : sequence of ndarray, shape (T,)
        One ratio curve a ridge.
    labels : sequence of str
        Its name.
    cap : float
        Ratio of the eigenvalues, which no single ridge exceeds.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    colors = style.round_colors(len(ratios))
    for curve, label, color, marker in zip(ratios, labels, colors, "osD^v", strict=False):
        ax.semilogy(rounds, curve, color=color, marker=marker)
        style.label_line(ax, rounds[-1], curve[-1], label, color=style.TRUTH, xytext=(8, 0))
    ax.axhline(cap, color=style.ACCENT, linestyle=_RECORD)
    style.label_line(
        ax,
        rounds[4 * len(rounds) // 10],
        cap,
        "cap of any one ridge",
        color=style.ACCENT,
        xytext=(-4, 7),
    )
    ax.set_xlim(rounds[0] - 0.3, rounds[-1] * 1.22)
    ax.set_xlabel("number of fits")
    ax.set_ylabel("ratio of two filter values")
    return figure


def sharper_cut(d, ridge, refits, limit, meeting):
    """Draw the filters of a ridge, of refits and of their limit that all agree at one eigenvalue.

    Parameters
    ----------
    d : ndarray, shape (m,)
        Eigenvalues, on a log axis.
    ridge : ndarray, shape (m,)
        Filter of one ridge.
    refits : dict of int to ndarray, shape (m,)
        Number of fits -> filter.
    limit : ndarray, shape (m,)
        Filter of infinitely many refits with a vanishing ridge.
    meeting : float
        Eigenvalue at which all agree.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.semilogx(d, ridge, color=style.ACCENT, linestyle=_RECORD)
    shades = style.round_colors(len(refits) + 1)[1:]  # without the palest, so that its name reads
    for curve, color in zip(refits.values(), shades, strict=True):
        ax.semilogx(d, curve, color=color)
    ax.semilogx(d, limit, color=style.TRUTH, linestyle=":")
    ax.axvline(meeting, color=style.NOISE, linewidth=0.8)
    named = {"one ridge": ridge, **{f"{k} fits": c for k, c in refits.items()}}
    heights = np.linspace(0.25, 0.55, len(named))
    for (name, curve), color, height in zip(
        named.items(), [style.ACCENT, *shades], heights, strict=True
    ):
        _lead(ax, name, d, curve, color, (d[0] * 1.3, height))
    # from the other side: there the limit is the first curve that its line meets
    _lead(ax, "limit", d, limit, style.TRUTH, (0.5 * meeting, 0.05))
    style.label_line(ax, meeting, 0.02, "matched here", color=style.NOISE)
    ax.set_xlabel("eigenvalue d")
    ax.set_ylabel("filter b(d)")
    return figure


def _lead(ax, name, d, curve, color, where):
    """Write a name at `where`, with a thin line to the low end of its curve."""
    at = int(np.argmin(np.abs(curve - 0.12)))
    line = {"arrowstyle": "-", "color": color, "linewidth": 0.6}
    ax.annotate(
        name, (d[at], curve[at]), xytext=where, fontsize=9, color=color, va="center",
        arrowprops=line,
    )  # fmt: skip


def bias_variance(rounds, bias, variance, draw=None):
    """Draw squared bias, variance and their sum against the rounds, and one draw's error.

    Parameters
    ----------
    rounds : ndarray, shape (T,)
        Number of fits.
    bias, variance : ndarray, shape (T,)
        The two parts.
    draw : ndarray, shape (T,), optional
        Squared error of one draw of the noise.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    risk = bias + variance
    curves = [("bias", bias, style.TEACHER, "-."), ("variance", variance, style.NOISE, _RECORD)]
    curves += [("risk", risk, style.STUDENT, "-")]
    if draw is not None:
        curves += [("this draw", draw, style.TRUTH, ":")]
    for name, curve, color, line in curves:
        ax.plot(rounds, curve, color=color, linestyle=line, marker="o", markersize=3)
        up = {"this draw": 6, "risk": -6}.get(name, 0)
        style.label_line(ax, rounds[-1], curve[-1], name, color=color, xytext=(8, up))
    best = int(np.argmin(risk))
    ax.plot(rounds[best], risk[best], "*", color=style.STUDENT, markersize=12, zorder=5)
    ax.set_xlim(rounds[0] - 0.3, rounds[-1] * 1.17)
    ax.set_ylim(0)
    ax.set_xlabel("number of fits")
    ax.set_ylabel("squared error, sum over points")
    return figure


def risk_curve(rounds, risk, marked):
    """Draw a risk against the rounds on a log axis and mark some rounds with their values.

    Parameters
    ----------
    rounds, risk : ndarray, shape (T,)
        The curve.
    marked : sequence of int
        Rounds to mark.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = style.axes()
    ax.semilogx(rounds, risk, color=style.STUDENT)
    for tau in marked:
        value = risk[np.searchsorted(rounds, tau)]
        ax.plot(tau, value, "o", color=style.TRUTH)
        if tau in (marked[0], marked[-1]):
            beside = {"xytext": (7, 5)}
        else:  # above a crest, below a valley
            beside = {"xytext": (0, 10 if value > risk[0] else -10), "ha": "center"}
        text = f"{tau} fit{'s' if tau > 1 else ''}: {value:.1f}"
        style.label_line(ax, tau, value, text, color=style.TRUTH, **beside)
    ax.margins(y=0.15)
    ax.set_xlabel("number of fits (log scale)")
    ax.set_ylabel("risk")
    return figure


def gain_map(ratios, exponents, rounds, gain):
    """Draw two heat maps over ridge and signal: the best number of fits, and its gain.

    Parameters
    ----------
    ratios : ndarray, shape (c,)
        Ridge in units of the tuned ridge (horizontal, log scale).
    exponents : ndarray, shape (m,)
        Exponent of the signal (vertical).
    rounds : ndarray of int, shape (m, c)
        Best number of fits; drawn on a log scale.
    gain : ndarray, shape (m, c)
        Relative gain over the tuned ridge; blue below 0, orange above, white at 0.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = style.axes(2, size=(6.4, 3.4), sharey=True)
    limit = 100 * max(gain.max(), 1e-3)
    panels = [
        (np.log2(rounds), "YlOrBr", 0, None, "best number of fits", [1, 4, 16, 64]),
        (100 * gain, "PuOr_r", -limit, limit, "gain over the tuned ridge (%)", None),
    ]
    for ax, (values, colors, low, high, name, ticks) in zip(axes, panels, strict=True):
        mesh = ax.pcolormesh(
            ratios, exponents, values, cmap=colors, vmin=low, vmax=high, shading="nearest"
        )
        bar = figure.colorbar(mesh, ax=ax, orientation="horizontal", location="top", extend=(
            "neither" if ticks else "min"))  # fmt: skip
        bar.set_label(name)
        if ticks:
            shown = [t for t in ticks if t <= rounds.max()]
            bar.set_ticks(np.log2(shown), labels=[str(t) for t in shown])
        ax.set_xscale("log")
        ax.axvline(1, color=style.TRUTH, linewidth=0.8, linestyle=":")
        ax.axhline(1, color=style.TRUTH, linewidth=0.8, linestyle=_RECORD)
        ax.set_xlabel("ridge / tuned ridge")
    axes[1].contour(ratios, exponents, gain, levels=[0], colors=style.TRUTH, linewidths=1.2)
    axes[0].set_ylabel("signal exponent s")
    return figure
