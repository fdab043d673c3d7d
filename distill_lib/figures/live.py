"""Figures with sliders: widgets in Jupyter, the same JavaScript on the site, a picture elsewhere.

`LiveFigure` is what they have in common. A subclass names its JavaScript module in ``static/``,
computes its state once in Python and draws the picture for places without JavaScript.
"""

from __future__ import annotations

import base64
import html
import io
import json
from typing import ClassVar

import anywidget
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib.figures import _bundle, style
from distill_lib.figures import _equal_error as equal_error
from distill_lib.kernel import constrained
from distill_lib.kernel.kernels import as_kernel
from distill_lib.kernel.spectrum import Spectrum

__all__ = ["LiveFigure", "SpectralExplorer", "ToleranceRounds"]

_MOST_ROUNDS = 60  # of the tolerance form: what a slider and a panel can hold
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class LiveFigure(anywidget.AnyWidget):
    """A figure with sliders that runs with or without a kernel.

    Jupyter shows the widget, and its settings are traits: ``link``, ``observe`` and
    ``interactive_output`` of ipywidgets work on them. A stored notebook, and with it the site,
    holds a ``<figure>`` with the state and a picture; on the site a script brings it to life.
    Everything else shows the picture.

    A subclass is declared with the name of its JavaScript module, lists its `settings` and
    defines `_draw`, `_plain` and `_describe`.

    Attributes
    ----------
    alt : str
        What the figure shows, in words.
    controls : list of str
        Settings for which a control is shown, in this order.
    data : dict
        What the JavaScript needs beside the settings; computed once.
    """

    settings: ClassVar[tuple[str, ...]] = ()
    switches: ClassVar[tuple[str, ...]] = ()  # the settings whose control is no slider
    columns: ClassVar[tuple[tuple[int, ...], ...]] = ((236,), (236,))  # heights of the panels
    _module: ClassVar[str]

    alt = t.Unicode().tag(sync=True)
    controls = t.List(t.Unicode()).tag(sync=True)
    data = t.Dict().tag(sync=True)

    def __init_subclass__(cls, *, module=None, **options):
        if module is not None:  # traitlets derives a class of its own for each instance
            cls._module = module
            cls._esm = _bundle.module_source(module)
            cls._css = _bundle.STYLE.read_text("utf8")
        super().__init_subclass__(**options)

    def __init__(self, *, controls, alt, **state):
        if alt is not None and not isinstance(alt, str):
            raise TypeError(f"alt must be a string or None, got {alt!r:.80}")
        super().__init__(controls=self._checked_controls(controls), **state)
        self.alt = self._describe() if alt is None else alt

    def _checked_controls(self, controls):
        if isinstance(controls, str):
            raise TypeError(f"controls must be a sequence of names, got the string {controls!r}")
        names = list(controls)
        unknown = [name for name in names if name not in self.settings]
        if unknown:
            allowed = ", ".join(self.settings)
            raise ValueError(f"controls must be among {allowed}, got {unknown[0]!r}")
        if len(set(names)) != len(names):
            raise ValueError(f"controls must not name a setting twice, got {names}")
        return names

    def png(self):
        """Return the picture of the current state as the bytes of a PNG file."""
        with mpl.rc_context():
            mpl.rcdefaults()  # the reader's own settings must not change the stored picture
            style.use()
            figure = self._draw()
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", metadata={"Software": None})
            plt.close(figure)
        return buffer.getvalue()

    def to_html(self):
        """Return the ``<figure>`` with state and picture that a script on the site makes live."""
        return self._html(base64.b64encode(self.png()).decode())

    def _html(self, picture):
        width, height = (round(100 * inches) for inches in style.SIZE)
        return (
            f'<figure class="distill-live" data-module="{self._module}" style="{self._size()}">'
            f'<script type="application/json">{self._state_json()}</script>'
            f'<img alt="{html.escape(self.alt)}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{picture}"></figure>'
        )

    def _size(self):
        """Return what the style sheet needs to keep the place of panels, controls and table.

        Heights of panels are in percent of the width that they share; a panel is 360 wide.
        """
        tallest = max(self.columns, key=sum)
        panels = [height for column in self.columns for height in column]
        switches = sum(name in self.switches for name in self.controls)
        numbers = {
            "sliders": len(self.controls) - switches,
            "switches": switches,
            "rows": self._rows(),
            "wide": f"{100 * sum(tallest) / (360 * len(self.columns)):.1f}",
            "wide-headings": len(tallest),
            "narrow": f"{100 * sum(panels) / 360:.1f}",
            "narrow-headings": len(panels),
        }
        return ";".join(f"--{name}:{value}" for name, value in numbers.items())

    def _rows(self):
        """Return for how many rows of the table there is a place."""
        return 2

    def _state_json(self):
        names = (*self.settings, "controls", "alt", "data")
        state = {name: getattr(self, name) for name in names}
        text = json.dumps(state, separators=(",", ":"), allow_nan=False)
        # Inside <script> these would end the element or open a comment; JSON knows them by number.
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

    def _repr_mimebundle_(self, **options):
        bundle, metadata = super()._repr_mimebundle_(**options)
        picture = base64.b64encode(self.png()).decode()
        data = {
            "text/plain": repr(self),
            "image/png": picture,
            "text/html": self._html(picture),
            WIDGET_VIEW: bundle[WIDGET_VIEW],
        }
        return data, metadata

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({self._plain()}, {values})"

    def _draw(self):
        """Return a matplotlib figure of the current state."""
        raise NotImplementedError

    def _plain(self):
        """Return the size of the problem in a word or two, for the text form."""
        raise NotImplementedError

    def _describe(self):
        """Return the alternative text of the current state."""
        raise NotImplementedError


def rounded(values, *, decimals=None, digits=9):
    """Return nested lists of floats that are the same on every machine, last digits apart.

    Parameters
    ----------
    values : ndarray
    decimals : int, optional
        Decimal places to keep; without it `digits` significant digits are kept.
    digits : int
        Significant digits.
    """
    if decimals is None:
        kept = np.vectorize(lambda v: float(f"{v:.{digits - 1}e}"), otypes=[float])(values)
    else:
        kept = np.round(values, decimals)
    return (kept + 0.0).tolist()  # adding 0.0 turns -0.0 into 0.0


class _SpectralFigure(LiveFigure):
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


_TEACHER = {"color": style.TEACHER, "linewidth": 1.2, "zorder": 3}
_STUDENT = {"color": style.STUDENT, "linewidth": 2.6}


class SpectralExplorer(_SpectralFigure, module="spectral_explorer"):
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
            lam=_scalar("lam", lam),
            alpha=_scalar("alpha", alpha),
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
        _key_above(figure, *left.get_legend_handles_labels())
        return figure

    def _lines(self):
        """Return name, filter and look of each fit in the order of drawing."""
        rival = {"color": style.ACCENT, "linewidth": 1.8, "linestyle": "-."}
        lines = [("first fit", self._distilled(rounds=1), _TEACHER)]
        if self.rounds > 1:
            lines.append((f"{self.rounds} fits", self._distilled(), _STUDENT))
        if self.procedure != "distilled":
            name = "ridge, $\\lambda'$" if self.procedure == "ridge" else "flow, $t$"
            lines.append((f"{name} = {self.strength():.3g}", self._filter(), rival))
        return lines


class ToleranceRounds(_SpectralFigure, module="tolerance_rounds"):
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
            tolerance=_scalar("tolerance", tolerance),
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
        self._draw_filters(axes["filter"], shown, style.STUDENT, [(first, _TEACHER)])
        _key_above(figure, *axes["curve"].get_legend_handles_labels())
        figure.supxlabel(self._story(path), fontsize=9)
        return figure

    def _draw_fits(self, ax, path, first, shown):
        """Draw the curves of round 0 and of the round that is shown."""
        at = _shown(path, self.round)
        ax.plot(self._grid, self._curves @ first, label=self._label(path, 0), **_TEACHER)
        if at:
            ax.plot(self._grid, self._curves @ shown, label=self._label(path, at), **_STUDENT)
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


def _key_above(figure, handles, labels):
    """Write the key over a figure, each text in the colour of its line."""
    key = figure.legend(
        handles, labels, loc="outside upper left", ncols=5, fontsize=8.5, handlelength=1.8,
        columnspacing=1.6,
    )  # fmt: skip
    for text, line in zip(key.get_texts(), key.get_lines(), strict=True):
        text.set_color(line.get_color())


def _scalar(name, value):
    """Return one finite float; the traits check its range."""
    value = check.finite_array(name, value)
    if value.ndim:
        raise ValueError(f"{name} must be one number, got shape {value.shape}")
    return float(value)


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
