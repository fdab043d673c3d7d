"""The live figure of the mix of labels and teacher."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib.figures import style
from distill_lib.figures.live.base import key_above
from distill_lib.figures.live.spectral import STUDENT_LINE, TEACHER_LINE, SpectralFigure
from distill_lib.kernel import filters, mixing

__all__ = ["Dampening", "GreedyPath"]

_ROUNDS = 15  # fits that are shown
_CURVES = 5  # filters that are drawn, at most
_APART = 0.05  # labels of filters that were closer would overlap
# The stored curves are cut at 1e-9 of the data's scale: what is closer than this coincides.
_COINCIDE = 1e-9

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

LIMIT_LINE = {"color": style.ACCENT, "linewidth": 1.4, "linestyle": (0, (6, 3))}
BEST_LINE = {"color": style.STUDENT, "linewidth": 1.1, "linestyle": ":", "marker": "o"}


class GreedyPath(NamedTuple):
    """Weights chosen one round after the other, each of least error against the truth.

    Attributes
    ----------
    alphas : ndarray, shape (rounds,)
        The weights, of any size and sign; the first fit has no teacher, and its weight is 1.
    filters : ndarray, shape (rounds, n)
        Filter of each fit.
    errors : ndarray, shape (rounds,)
        Mean squared error of each fit against the truth.
    """

    alphas: np.ndarray
    filters: np.ndarray
    errors: np.ndarray


class Dampening(SpectralFigure, module="dampening"):
    r"""Fifteen fits to a mix of the labels and the fit before: filters and errors, with sliders.

    With :math:`a_j = d_j/(d_j+\lambda)` fit :math:`\tau` keeps the share

    .. math::
        b_j^{(1)} = a_j, \qquad
        b_j^{(\tau)} = a_j \bigl(\alpha + (1-\alpha)\, b_j^{(\tau-1)}\bigr)
        \;\to\; \frac{\alpha d_j}{\alpha d_j + \lambda}

    along eigenvector j. The figure shows data, truth, the first fit, the chosen fit and the limit;
    the filters of a few eigenvalues over the rounds, with their limits; and the error against the
    truth over the rounds, for the chosen weight and for the weight that each round would choose
    for itself, if it knew the truth on the grid (any real number, see `optimal_path`).

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Points on the line and targets.
    grid, truth : array_like, shape (m,)
        Increasing points and the true curve on them.
    kernel : str, sklearn.gaussian_process.kernels.Kernel or callable
        As in `distill_lib.kernel.kernels.as_kernel`.
    lam : float, default 0.2
        Ridge, > 0, the same in every round. The eigenvalues whose filters are drawn are picked for
        this value.
    alpha : float, default 0.35
        Weight on the ground truth, in [0, 1], the same in every round.
    round : int, default 6
        Fit that is shown, from 1 (the ordinary fit) to 15.
    controls : sequence of str
        Which of the three settings get a control; by default `alpha` and `round`.
    alt : str, optional
        What the figure shows, in words; by default a sentence with its numbers.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit. Setting a trait later is checked
        alike.

    Notes
    -----
    Source: chapters 7 and 8; Borup and Andersen (2021).

    Examples
    --------
    >>> from distill_lib import datasets, kernel
    >>> rbf = kernel.kernels.as_kernel("rbf", gamma=80)
    >>> figure = Dampening(*datasets.sinusoid(grid_size=101), kernel=rbf)
    >>> figure
    Dampening(n=11, lam=0.2, alpha=0.35, round=6)
    >>> round(figure.truth_error(), 5), round(figure.limit_error(), 5)
    (0.14948, 0.14959)
    >>> figure.optimal_path.alphas[:3].round(3).tolist()
    [1.0, -0.622, 0.33]
    """

    settings = ("lam", "alpha", "round")
    columns = ((170, 170), (366,))

    lam = t.Float().tag(sync=True)
    alpha = t.Float().tag(sync=True)
    round = t.Int().tag(sync=True)

    def __init__(
        self,
        x,
        y,
        grid,
        truth,
        *,
        kernel,
        lam=0.2,
        alpha=0.35,
        round=6,
        controls=("alpha", "round"),
        alt=None,
    ):
        self._first_lam = _ridge(lam)
        super().__init__(
            x,
            y,
            grid,
            truth,
            kernel=kernel,
            controls=controls,
            alt=alt,
            lam=self._first_lam,
            alpha=_weight(alpha),
            round=_round(round),
        )

    @t.validate("lam")
    def _valid_lam(self, proposal):
        return _ridge(proposal["value"])

    @t.validate("alpha")
    def _valid_alpha(self, proposal):
        return _weight(proposal["value"])

    @t.validate("round")
    def _valid_round(self, proposal):
        return _round(proposal["value"])

    def _state(self):
        state = super()._state()
        return state | {"shown": _spread_out(np.array(state["d"]), self._first_lam)}

    def filter_values(self):
        """Return the filter of the chosen fit, one value an eigenvalue, ndarray of shape (n,)."""
        return filters.distilled(self._d, self.lam, self.round, self.alpha)

    def curve(self):
        """Return the curve of the chosen fit on the grid, ndarray of shape (m,)."""
        return self._curves @ self.filter_values()

    def truth_error(self):
        """Return the mean squared difference between the chosen fit and the truth on the grid."""
        return self._truth_error(self.curve())

    def limit_error(self):
        """Return the mean squared difference between the limit of the fits and the truth."""
        return self._truth_error(self._curves @ self._limit())

    def errors(self):
        """Return the error against the truth of each fit, ndarray of shape (15,)."""
        return np.array([self._truth_error(self._curves @ keep) for keep in self._filters()])

    @property
    def optimal_path(self):
        """The rounds with the best weight in each; 1 where every weight gives the same fit."""
        # From the stored state, which is the same on every machine: one weight leads to the next,
        # and over many rounds a change in the tenth digit can grow to one in the fifth.
        d, curves = (np.array(self.data[name]) for name in ("d", "curves"))
        alphas, kept = [1.0], [filters.ridge(d, self.lam)]
        while len(kept) < _ROUNDS:
            alphas.append(self._best_weight(kept[0] @ curves, (kept[0] * kept[-1]) @ curves))
            weights = np.array(alphas)
            kept.append(filters.distilled(d, self.lam, len(alphas), weights, unrestricted=True))
        errors = [self._truth_error(keep @ curves) for keep in kept]
        all_kept = np.repeat(kept, self.data["count"], axis=1)
        return GreedyPath(np.array(alphas), all_kept, np.array(errors))

    def _best_weight(self, first, refit):
        """Return the best weight for the mix of two curves."""
        scale = max(np.abs(self._y).max(), np.abs(self._truth).max())
        if np.abs(first - refit).max() <= _COINCIDE * scale:
            return 1.0
        return mixing.optimal_alpha(self.data["truth"], first, refit)

    def _filters(self):
        """Return the filters of all rounds, shape (15, n)."""
        rounds = np.arange(1, _ROUNDS + 1)[:, None]
        return filters.distilled(self._d, self.lam, rounds, self.alpha)

    def _limit(self):
        return filters.distilled_limit(self._d, self.lam, self.alpha)

    def _rows(self):
        return 5

    def _size(self):
        return f"{super()._size()};--wraps:3"  # names are short: not all rows are two lines high

    def _describe(self):
        first, fit, limit = (
            _number(error, 4)
            for error in (self.errors()[0], self.truth_error(), self.limit_error())
        )
        return (
            f"{len(self._y)} noisy points, the true curve, the first fit, fit {self.round} with "
            f"the weight {self.alpha:.3g} and the limit of the fits; filters of eigenvalues that "
            f"fall, round by round, to their limits; and the errors against the truth: {first} for "
            f"the first fit, {fit} for fit {self.round}, {limit} in the limit. "
            f"{self._describe_best()}{self._story()}"
        )

    def _describe_best(self):
        if self.round == 1:
            return ""
        alphas, _, errors = self.optimal_path
        error, alpha = errors[self.round - 1], alphas[self.round - 1]
        return (
            f"With the best weight in each round, here {_number(alpha)}, it is "
            f"{_number(error, 4)}. "
        )

    def _story(self):
        """Say which fit is best and what the limit is."""
        if self.alpha == 1:
            return "With α = 1 every fit is the first one."
        verdict = _verdict(self.errors(), self.limit_error())
        if self.alpha == 0:
            return f"{verdict} The limit is the zero function."
        return f"{verdict} The limit is a ridge fit with λ/α = {_number(self.lam / self.alpha)}."

    def _draw(self):
        figure = plt.figure()
        axes = figure.subplot_mosaic([["curve", "filter"], ["error", "filter"]])
        self._draw_fits(axes["curve"])
        self._draw_errors(axes["error"])
        self._draw_shares(axes["filter"])
        key_above(figure, *axes["curve"].get_legend_handles_labels())
        figure.supxlabel(self._story(), fontsize=9)
        return figure

    def _draw_fits(self, ax):
        """Draw data, truth, and the curves of the first fit, of the chosen one and of the limit."""
        self._draw_data(ax)
        fits = [
            ("first fit", filters.ridge(self._d, self.lam), TEACHER_LINE),
            (f"fit {self.round}", self.filter_values(), STUDENT_LINE),
            ("limit", self._limit(), LIMIT_LINE | {"zorder": 4}),
        ]
        for name, keep, look in fits:
            curve = self._curves @ keep
            label = f"{name}\nerror {_number(self._truth_error(curve), 4)}"
            ax.plot(self._grid, curve, label=label, **look)

    def _draw_shares(self, ax):
        """Draw the filters of some eigenvalues over the rounds, with their limits."""
        spaces = np.cumsum([0, *self.data["count"]])[self.data["shown"]]
        kept, limits = self._filters()[:, spaces], self._limit()[spaces]
        for share, limit in zip(kept.T, limits, strict=True):
            ax.hlines(limit, 1, _ROUNDS, **LIMIT_LINE)
            _draw_rounds(ax, share)
        place = {"ha": "right", "xytext": (-6, 0)}
        for d, height in zip(self._d[spaces], _label_heights(kept[0]), strict=True):
            style.label_line(ax, 1, height, f"d = {_number(d, 2)}", color=style.TRUTH, **place)
        self._mark_round(ax)
        ax.set(xlabel="round $\\tau$", ylabel="share kept $b$", ylim=(-0.02, 1.04))
        ax.set(xlim=(-4.6, _ROUNDS + 0.5), xticks=[1, 5, 10, 15])

    def _draw_errors(self, ax):
        """Draw the errors over the rounds, for the chosen weight and for the best in each round."""
        errors, best, limit = self.errors(), self.optimal_path.errors, self.limit_error()
        ax.hlines(limit, 1, _ROUNDS, **LIMIT_LINE)
        rounds = np.arange(1, _ROUNDS + 1)
        ax.plot(rounds[1:], best[1:], markersize=3.6, markerfacecolor=style.BACKGROUND, **BEST_LINE)
        _draw_rounds(ax, errors)
        self._mark_round(ax)
        values = [*errors, *best, limit]
        margin = max(0.08 * np.ptp(values), 0.01 * max(values)) or 1.0
        name = {"color": style.STUDENT, "xytext": (5, -9), "fontsize": 8.5}
        style.label_line(ax, 2, best[1], "best α in each round", **name)
        ax.set(xlabel="round $\\tau$", ylabel="error", xlim=(0.4, _ROUNDS + 0.6))
        ax.set(ylim=(min(values) - 3 * margin, max(values) + margin), xticks=[1, 5, 10, 15])

    def _mark_round(self, ax):
        ax.axvline(self.round, color=style.NOISE, linewidth=0.9, zorder=1)


def _draw_rounds(ax, values):
    """Draw one value a round; the first is that of the first fit."""
    rounds = np.arange(1, len(values) + 1)
    ax.plot(rounds, values, "o-", color=style.STUDENT, linewidth=1.4, markersize=3.6, zorder=3)
    ax.plot(1, values[0], "o", color=style.TEACHER, markersize=3.6, zorder=4)


def _spread_out(d, lam):
    """Return a few places of `d`, descending, at which the first filters spread most evenly.

    They go from the largest filter to the smallest, or to a twentieth of the largest.
    """
    if not d.any():
        return [0]
    keep = filters.ridge(d[d > 0], lam)
    levels = np.linspace(keep[0], max(keep[-1], keep[0] / 20), _CURVES)
    nearest = np.abs(keep[:, None] - levels).argmin(axis=0)
    return sorted(set(nearest.tolist()))


def _label_heights(shares):
    """Return heights for the labels of descending shares: near them, without an overlap."""
    heights = []
    for share in shares:
        heights.append(min(share, heights[-1] - _APART) if heights else share)
    for k in reversed(range(len(heights))):
        floor = heights[k + 1] + _APART if k + 1 < len(heights) else 0.0
        heights[k] = max(heights[k], floor)
    return heights


def _verdict(errors, limit):
    """Say which of the fits, or of them and their limit, is best."""
    values = np.array([*errors, limit])
    slack = 1e-6 * values.max()
    if np.ptp(values) <= slack:
        return "Every fit has the same error."
    best = int(np.argmax(values <= values.min() + slack))
    if best == len(errors):
        return "No fit is as good as the limit."
    if best == len(errors) - 1:
        return f"Best at fit {best + 1}, the last one shown."
    return f"Best at fit {best + 1}." if best else "The first fit is best."


def _number(value, digits=3):
    """Write a number as the JavaScript does: 0.0312, 1.20·10⁻⁵."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.{max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))}f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_RAISED)}"


def _ridge(value):
    return check.single("lam", check.positive("lam", value))


def _weight(value):
    return check.single("alpha", check.weight("alpha", value))


def _round(value):
    value = check.scalar_whole("round", value, minimum=1)
    if value > _ROUNDS:
        raise ValueError(f"round must be <= {_ROUNDS}, got {value}")
    return value
