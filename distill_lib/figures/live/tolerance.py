"""The live figure of the tolerance form."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib.figures import style
from distill_lib.figures.live.base import key_above, rounded, scalar
from distill_lib.figures.live.spectral import STUDENT_LINE, TEACHER_LINE, SpectralFigure
from distill_lib.kernel import constrained

__all__ = ["ToleranceRounds"]

_MOST_ROUNDS = 60  # of the tolerance form: what a slider and a panel can hold


class ToleranceRounds(SpectralFigure, module="tolerance_rounds"):
    r"""Rounds in the tolerance form: curve, filter and norm of each round, with sliders.

    Round t is the simplest function within the tolerance of the values of the round before,

    .. math::
        \min_{f \in \mathcal H} \|f\|_{\mathcal H}^2 \quad\text{subject to}\quad
        \frac1n \sum_{i=1}^n (f(x_i) - y_{t,i})^2 \le \varepsilon,
        \qquad y_{t+1,i} = f_t(x_i),

    a ridge fit until the zero function is within the tolerance: then the path has collapsed. On
    the left are the data, the truth, the first fit and the curve of the round; then the filter
    :math:`B_t` over the eigenvectors, and the relative norm
    :math:`r_t = \|y_t\|/\sqrt{n\varepsilon}` of the targets, which lies between
    :math:`r_0 - t` and :math:`\sqrt{r_0^2 - t}` as long as the path has not collapsed.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Points on the line and targets.
    grid, truth : array_like, shape (m,)
        Increasing points and the true curve on them.
    kernel : str, sklearn.gaussian_process.kernels.Kernel or callable
        As in `distill_lib.kernel.kernels.as_kernel`.
    tolerance : float, default 0.045
        Mean squared error of each round to its targets, > 0. If no function is within it, the
        figure says so and names the smallest tolerance.
    round : int, default 0
        Round that is shown, >= 0; 0 is the ordinary fit. A path shows at most 60 rounds.
    controls : sequence of str
        Which of the two settings get a control.
    alt : str, optional
        What the figure shows, in words; by default a sentence with its numbers.

    Attributes
    ----------
    path : distill_lib.kernel.constrained.ConstrainedPath or None
        The rounds at the current tolerance, at most 60; None if the tolerance is infeasible.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit. Setting a trait later is checked
        alike.

    Notes
    -----
    Source: chapter 4; Mobahi, Farajtabar and Bartlett (2020).

    Examples
    --------
    >>> from distill_lib import datasets, kernel
    >>> figure = ToleranceRounds(*datasets.sinusoid(), kernel=kernel.kernels.SplineGreen())
    >>> figure.round = 1
    >>> figure
    ToleranceRounds(n=11, tolerance=0.045, round=1)
    >>> figure.path.rounds
    4
    """

    settings = ("tolerance", "round")
    columns = ((366,), (170, 170))

    tolerance = t.Float().tag(sync=True)
    round = t.Int().tag(sync=True)

    def __init__(
        self,
        x,
        y,
        grid,
        truth,
        *,
        kernel,
        tolerance=0.045,
        round=0,
        controls=("tolerance", "round"),
        alt=None,
    ):
        super().__init__(
            x,
            y,
            grid,
            truth,
            kernel=kernel,
            controls=controls,
            alt=alt,
            tolerance=scalar("tolerance", tolerance),
            round=check.scalar_whole("round", round, minimum=0),
        )

    @t.validate("tolerance")
    def _valid_tolerance(self, proposal):
        return float(check.positive("tolerance", proposal["value"]))

    @t.validate("round")
    def _valid_round(self, proposal):
        return check.scalar_whole("round", proposal["value"], minimum=0)

    def _state(self):
        self._smallest = constrained.smallest_tolerance(self._spectrum, self._y)
        power = float(np.mean(self._y**2)) or 1.0
        # To more digits than the rest, since just above it the budget of round 0 is a difference;
        # rounding noise becomes 0.
        decimals = 13 - int(np.ceil(np.log10(power)))
        return super()._state() | {"smallest": rounded(self._smallest, decimals=decimals)}

    @property
    def path(self):
        """The rounds at the current tolerance; None if no function is within it."""
        is_zero = np.sum(self._y**2) <= len(self._y) * self.tolerance
        if not is_zero and self.tolerance <= self._smallest:
            return None
        return constrained.distill(self._spectrum, self._y, self.tolerance, _MOST_ROUNDS)

    def filter_values(self):
        """Return the filter of the round, one value an eigenvalue, ndarray of shape (n,)."""
        return self._filter(self.path, self.round)

    def curve(self):
        """Return the curve of the round on the grid, ndarray of shape (m,)."""
        return self._curves @ self.filter_values()

    def truth_error(self):
        """Return the mean squared difference between the curve of the round and the truth."""
        return self._truth_error(self.curve())

    def _filter(self, path, round_):
        """Return the filter of a round: zero where the path has collapsed."""
        if path is None or not path.rounds:
            return np.zeros(len(self._d))
        shown = _shown(path, round_)
        return path.filters[shown] if shown < path.rounds else np.zeros(len(self._d))

    def _describe(self):
        path = self.path
        if path is None:
            return f"{len(self._y)} noisy points and the true curve. {self._story(path)}"
        shown = _shown(path, self.round)
        name = f"round {shown}" if shown < path.rounds else f"the zero curve of round {shown}"
        return (
            f"{len(self._y)} noisy points, the true curve, the first fit and {name} at the "
            f"tolerance {self.tolerance:.3g}; beside it the filter over the eigenvectors and the "
            f"norms of the targets. Error against the truth {self.truth_error():.2g}. "
            f"{self._story(path)}"
        )

    def _story(self, path):
        """Say how the path goes on."""
        if path is None:
            return f"No function is within this tolerance: it must be above {self._smallest:.4g}."
        if not path.rounds:
            return "The zero function is within the tolerance: no round is a fit."
        count = f"{path.rounds} round{'s' if path.rounds > 1 else ''}"
        if not path.collapsed:
            count = f"More than {count}"
        certain = constrained.guaranteed_rounds(self._spectrum, self._y, self.tolerance).lower
        return f"{count}, then collapse. {certain} {'is' if certain == 1 else 'are'} certain."

    def _draw(self):
        figure = plt.figure()
        axes = figure.subplot_mosaic([["curve", "filter"], ["curve", "norm"]])
        path = self.path
        first, shown = self._filter(path, 0), self.filter_values()
        self._draw_data(axes["curve"])
        if path is not None:
            self._draw_fits(axes["curve"], path, first, shown)
        self._draw_norms(axes["norm"], path)
        self._draw_filters(axes["filter"], shown, style.STUDENT, [(first, TEACHER_LINE)])
        key_above(figure, *axes["curve"].get_legend_handles_labels())
        figure.supxlabel(self._story(path), fontsize=9)
        return figure

    def _draw_fits(self, ax, path, first, shown):
        """Draw the curves of round 0 and of the round that is shown."""
        at = _shown(path, self.round)
        ax.plot(self._grid, self._curves @ first, label=self._label(path, 0), **TEACHER_LINE)
        if at:
            ax.plot(self._grid, self._curves @ shown, label=self._label(path, at), **STUDENT_LINE)
        if at == path.rounds:
            place = self._grid[0] + 0.7 * np.ptp(self._grid)
            style.label_line(
                ax, place, 0, "collapsed", color=style.STUDENT, va="bottom", xytext=(0, 3)
            )

    def _label(self, path, at):
        """Return the name of a round with its numbers, for the key."""
        error = f"truth {self._truth_error(self._curves @ self._filter(path, at)):.3f}"
        if at == path.rounds:
            return f"round {at}, collapsed\n{error}"
        return f"round {at}, $c$ = {path.multipliers[at]:.2e}\n{error}"

    def _draw_norms(self, ax, path):
        """Draw the norms of the targets, what is certain about them, and the level of collapse."""
        norms, at = np.array([constrained.relative_norm(self._y, self.tolerance)]), 0
        if path is not None:
            norms, at = path.relative_norms, _shown(path, self.round)
        last = max(len(norms) - 1, 6)
        if len(norms) > 1:
            t = np.linspace(0, min(last, norms[0] ** 2), 200)
            lower, upper = np.maximum(norms[0] - t, 0), np.sqrt(norms[0] ** 2 - t)
            ax.fill_between(t, lower, upper, color=style.NOISE, alpha=0.16, linewidth=0)
            for bound in (lower, upper):
                ax.plot(t, bound, color=style.NOISE, linestyle=":", linewidth=1.1)
        ax.axhline(1, color=style.TRUTH, linewidth=0.8)
        style.label_line(
            ax, last, 1, "collapse", color=style.TRUTH, ha="right", va="bottom", xytext=(0, 2)
        )
        ax.plot(norms, "o-", color=style.STUDENT, linewidth=1.4, markersize=4)
        ax.plot(at, norms[at], "o", color=style.TRUTH, markersize=8, fillstyle="none")
        ax.set(xlabel="round", ylabel="norm $r$", xlim=(-0.3, last + 0.3))
        ax.set_ylim(0, 1.08 * max(norms[0], 1.5))
        ax.xaxis.get_major_locator().set_params(integer=True)


def _shown(path, asked):
    """Return the round that is shown: after the collapse, or the end of what was run, the last."""
    return min(asked, path.rounds if path.collapsed else path.rounds - 1)
