"""Figures of one data set on the line and one kernel; the spectral explorer is the first."""

from __future__ import annotations

import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib.figures import style
from distill_lib.figures.live.base import LiveFigure, key_above, rounded, scalar
from distill_lib.kernel import _equal_error as equal_error
from distill_lib.kernel.kernels import as_kernel
from distill_lib.kernel.spectrum import Spectrum

__all__ = ["SpectralExplorer"]

TEACHER_LINE = {"color": style.TEACHER, "linewidth": 1.2, "zorder": 3}
STUDENT_LINE = {"color": style.STUDENT, "linewidth": 2.6}


class SpectralFigure(LiveFigure):
    """What figures of one data set on the line and one kernel have in common.

    The stored state holds one entry an eigenspace, so that neither the sign of an eigenvector nor
    the basis of a repeated eigenvalue can change it: the eigenvalue, its multiplicity, the squared
    norm of the projection of `y`, and the curve that this projection contributes.
    """

    def __init__(self, x, y, grid, truth, *, kernel, **settings):
        self._x, self._y = _same_length(("x", x), ("y", y))
        self._grid, self._truth = _same_length(("grid", grid), ("truth", truth))
        if (np.diff(self._grid) <= 0).any():
            raise ValueError("grid must be strictly increasing")
        evaluate = as_kernel(kernel)
        points = self._x[:, None]
        self._spectrum = Spectrum.from_gram(evaluate(points))
        self._d = self._spectrum.eigenvalues
        self._z = self._spectrum.expand(self._y)
        # Column j is the curve that eigenvector j contributes when it is kept in full.
        one_each = self._spectrum.dual(np.eye(len(self._d)), self._y).T
        self._curves = evaluate(self._grid[:, None], points) @ one_each
        super().__init__(data=self._state(), **settings)

    def _state(self):
        """Return the part of the state that no slider changes."""
        first = _eigenspaces(self._d)
        # Nine significant digits keep the filters and errors to 1e-8; a curve is a sum of many
        # terms, whose absolute error counts, so it is cut at a fixed decimal of the data's scale.
        scale = max(np.abs(self._y).max(), np.abs(self._truth).max()) or 1.0
        return {
            "x": rounded(self._x),
            "y": rounded(self._y),
            "grid": rounded(self._grid),
            "truth": rounded(self._truth),
            "d": rounded(self._d[first]),
            "count": np.diff([*first, len(self._d)]).tolist(),
            "energy": rounded(np.add.reduceat(self._z**2, first)),
            "curves": rounded(
                np.add.reduceat(self._curves, first, axis=1).T,
                decimals=9 - int(np.ceil(np.log10(scale))),
            ),
        }

    def _truth_error(self, curve):
        return float(np.mean((curve - self._truth) ** 2))

    def _plain(self):
        return f"n={len(self._y)}"

    def _draw_data(self, ax):
        """Draw data and truth, which every figure shows in the same way."""
        ax.plot(self._x, self._y, "o", color=style.NOISE, markersize=4, label="data")
        truth = {"color": style.TRUTH, "linestyle": (0, (5, 3)), "linewidth": 1.2}
        ax.plot(self._grid, self._truth, label="truth", **truth)
        values = np.concatenate([self._y, self._truth])
        margin = 0.1 * (np.ptp(values) or 1.0)
        ax.set(xlabel="x", ylim=(values.min() - margin, values.max() + margin))

    def _draw_filters(self, ax, shown, color, outlines):
        """Draw the filter `shown` as bars and each of `outlines`, (filter, look), as stairs."""
        edges = np.arange(len(self._d) + 1) + 0.5
        ax.bar(edges[:-1] + 0.5, shown, width=0.72, color=color, alpha=0.8)
        for keep, look in outlines:
            ax.stairs(keep, edges, baseline=None, **look)
        ax.set(xlabel="eigenvector", ylabel="share kept", ylim=(0, 1.04))
        ax.xaxis.get_major_locator().set_params(integer=True)


class SpectralExplorer(SpectralFigure, module="spectral_explorer"):
    r"""Repeated distillation, ridge and gradient flow as filters of one spectrum, with sliders.

    On the left data, truth and fitted curves; on the right the filter :math:`b(d_j)` over the
    eigenvectors. With `procedure` ``"ridge"`` or ``"flow"`` the strength (the ridge
    :math:`\lambda'` or the time :math:`t`) is the one at which the training error

    .. math::
        \frac1n \sum_i (f(x_i) - y_i)^2 = \frac1n \sum_j (1 - b_j)^2 z_j^2,
        \qquad z = U^\top y,

    equals that of the distilled fit at the current `lam`, `alpha` and `rounds`. So one sees what
    differs between procedures that fit the data equally well.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Points on the line and targets.
    grid, truth : array_like, shape (m,)
        Increasing points and the true curve on them.
    kernel : str, sklearn.gaussian_process.kernels.Kernel or callable
        As in `distill_lib.kernel.kernels.as_kernel`.
    lam : float, default 1e-4
        Ridge, > 0.
    alpha : float, default 0.0
        Weight on the ground truth, in [0, 1].
    rounds : int, default 1
        Number of fits, >= 1; 1 is the ordinary fit.
    procedure : {"distilled", "ridge", "flow"}
        What is shown.
    controls : sequence of str
        Which of the four settings get a control.
    alt : str, optional
        What the figure shows, in words; by default a sentence with its numbers.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit. Setting a trait later is checked
        alike.

    Notes
    -----
    Source: chapters 2, 3 and 9.

    Examples
    --------
    >>> from distill_lib import datasets, kernel
    >>> figure = SpectralExplorer(*datasets.sinusoid(), kernel=kernel.kernels.SplineGreen())
    >>> figure.rounds = 3
    >>> figure.procedure = "ridge"
    >>> figure
    SpectralExplorer(n=11, lam=0.0001, alpha=0.0, rounds=3, procedure='ridge')
    """

    settings = ("lam", "alpha", "rounds", "procedure")
    switches = ("procedure",)

    lam = t.Float().tag(sync=True)
    alpha = t.Float().tag(sync=True)
    rounds = t.Int().tag(sync=True)
    procedure = t.Unicode().tag(sync=True)

    def __init__(
        self,
        x,
        y,
        grid,
        truth,
        *,
        kernel,
        lam=1e-4,
        alpha=0.0,
        rounds=1,
        procedure="distilled",
        controls=("lam", "alpha", "rounds", "procedure"),
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
            # Python's own numbers: the text form shows them, the front end takes no others.
            lam=scalar("lam", lam),
            alpha=scalar("alpha", alpha),
            rounds=check.scalar_whole("rounds", rounds, minimum=1),
            procedure=procedure,
        )

    @t.validate("lam")
    def _valid_lam(self, proposal):
        return float(check.positive("lam", proposal["value"]))

    @t.validate("alpha")
    def _valid_alpha(self, proposal):
        return float(check.weight("alpha", proposal["value"]))

    @t.validate("rounds")
    def _valid_rounds(self, proposal):
        return check.scalar_whole("rounds", proposal["value"], minimum=1)

    @t.validate("procedure")
    def _valid_procedure(self, proposal):
        if proposal["value"] not in ("distilled", "ridge", "flow"):
            raise ValueError(
                f"procedure must be 'distilled', 'ridge' or 'flow', got {proposal['value']!r}"
            )
        return proposal["value"]

    def _distilled(self, rounds=None):
        return equal_error.distilled(self._d, self.lam, rounds or self.rounds, self.alpha)

    def _rows(self):
        return 3 if "procedure" in self.controls or self.procedure != "distilled" else 2

    def _filter(self):
        if self.procedure == "distilled":
            return self._distilled()
        return equal_error.with_strength(self.procedure, self._d, self.strength())

    def strength(self):
        """Return the ridge or the stopping time with the training error of the distilled fit.

        Returns
        -------
        float or None
            None if `procedure` is ``"distilled"``; 0 or infinity if the distilled fit is, to
            machine precision, the zero fit or the unregularised one.
        """
        if self.procedure == "distilled":
            return None
        otherwise = self.lam if self.procedure == "ridge" else 1 / self.lam
        return equal_error.matched_strength(
            self.procedure, self._d, self._z**2, self._distilled(), otherwise
        )

    def filter_values(self):
        """Return the filter that is shown, one value an eigenvalue, ndarray of shape (n,)."""
        return self._filter().keep

    def curve(self):
        """Return the fitted curve that is shown, on the grid, ndarray of shape (m,)."""
        return self._curves @ self.filter_values()

    def training_error(self):
        """Return the mean squared difference between fitted values and targets."""
        return self._training_error(self._filter())

    def truth_error(self):
        """Return the mean squared difference between fitted curve and truth on the grid."""
        return self._truth_error(self.curve())

    def _training_error(self, filter_):
        return float(np.sum(filter_.rest**2 * self._z**2) / len(self._y))

    def _describe(self):
        return (
            f"{len(self._y)} noisy points, the true curve and {self._name()}; beside it the "
            f"filter over the eigenvectors. Training error {self.training_error():.2g}, error "
            f"against the truth {self.truth_error():.2g}."
        )

    def _name(self):
        """Say which fit is shown, in words."""
        fits = "1 fit" if self.rounds == 1 else f"{self.rounds} fits"
        if self.procedure == "distilled":
            return f"the distilled curve after {fits}"
        rival = "a ridge fit" if self.procedure == "ridge" else "gradient flow"
        return f"the curve of {rival} with the training error of {fits}"

    def _draw(self):
        figure, (left, right) = style.axes(2)
        lines = self._lines()
        self._draw_data(left)
        for name, filter_, look in lines:
            curve = self._curves @ filter_.keep
            errors = f"training {self._training_error(filter_):.3f}"
            errors += f"\ntruth {self._truth_error(curve):.3f}"
            left.plot(self._grid, curve, label=f"{name}\n{errors}", **look)
        *others, (_, shown, look) = lines
        outlines = [(filter_.keep, other_look) for _, filter_, other_look in others]
        self._draw_filters(right, shown.keep, look["color"], outlines)
        key_above(figure, *left.get_legend_handles_labels())
        return figure

    def _lines(self):
        """Return name, filter and look of each fit in the order of drawing."""
        rival = {"color": style.ACCENT, "linewidth": 1.8, "linestyle": "-."}
        lines = [("first fit", self._distilled(rounds=1), TEACHER_LINE)]
        if self.rounds > 1:
            lines.append((f"{self.rounds} fits", self._distilled(), STUDENT_LINE))
        if self.procedure != "distilled":
            name = "ridge, $\\lambda'$" if self.procedure == "ridge" else "flow, $t$"
            lines.append((f"{name} = {self.strength():.3g}", self._filter(), rival))
        return lines


def _same_length(*pair):
    """Return two vectors after checking that they match."""
    (name, values), (other_name, others) = pair
    values = check.finite_array(name, values, ndim=1)
    others = check.finite_array(other_name, others, ndim=1)
    if len(values) != len(others):
        raise ValueError(
            f"{other_name} must have as many values as {name} ({len(values)}), got {len(others)}"
        )
    return values, others


def _eigenspaces(d):
    """Return where each run of equal eigenvalues starts; `d` is in descending order."""
    drop = d[:-1] - d[1:]
    return np.concatenate([[0], 1 + np.flatnonzero(drop > 1e-9 * d[:-1])])
