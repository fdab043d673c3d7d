"""The live figure of descent that learns the signal first, and of self-labels that keep it."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import traitlets as t

from distill_lib import _validation as check
from distill_lib import datasets
from distill_lib.figures import style
from distill_lib.figures.live.base import LiveFigure, key_above, rounded, scalar
from distill_lib.kernel import self_labels
from distill_lib.kernel.kernels import ReluNTK
from distill_lib.kernel.spectrum import Spectrum

__all__ = ["Descent", "SignalFirst"]

_SIZES, _SIGNS = (30, 10, 10, 10), (1, -1, 1, -1)
_RATES = (0.2, 0.3, 0.4)
_STEPS = 1000  # of descent
_HIGHEST = (0.5, 9.9)  # of the axes of the two errors
_COSINE, _RADIUS, _FEATURES, _SEED = 0.8, 0.25, 12, 6

PLAIN_LINE = {"color": style.ACCENT, "linewidth": 1.8, "linestyle": (0, (6, 1.5, 1.5, 1.5))}
SELF_LINE = {"color": style.STUDENT, "linewidth": 2.1}
GIVEN_BAR = {"color": style.NOISE, "alpha": 0.4, "linewidth": 0}
PLAIN_BAR = {"color": style.ACCENT, "linewidth": 0}
SELF_DOT = {"color": style.STUDENT, "marker": "D", "linestyle": ""}
LEVEL_LINE = {"color": style.NOISE, "linewidth": 1.0, "linestyle": ":"}
CURSOR_LINE = {"color": style.NOISE, "linewidth": 0.9, "zorder": 1}
BURN_IN_LINE = {"color": style.STUDENT, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1}


class Descent(NamedTuple):
    """A thousand steps of descent.

    Attributes
    ----------
    coefficients : ndarray, shape (1001, n)
        Of the predictions along the eigenvectors, at steps 0 to 1000.
    wrong : ndarray of int, shape (1001,)
        How many signs are not those of the clean labels; no sign is wrong too.
    distance : ndarray, shape (1001,)
        Euclidean distance between the predictions and the clean labels.
    """

    coefficients: np.ndarray
    wrong: np.ndarray
    distance: np.ndarray


class SignalFirst(LiveFigure, module="signal_first"):
    r"""Descent on labels of which some are flipped, plain and with self-labels, with sliders.

    Sixty points in four clusters (30, 10, 10 and 10 points, clean labels +1, -1, +1, -1; points
    within 0.25 of their centres, centres with the cosine 0.8) have the kernel matrix H of a wide
    ReLU network with one hidden layer. In each cluster the same share of labels is flipped. From
    :math:`u_0 = 0` both methods take a thousand steps

    .. math:: u_{t+1} = u_t - \eta H (u_t - y_t), \qquad \eta = 1/d_1,

    plain descent with the given labels, :math:`y_t = y`, and self-labels with

    .. math::
        y_t = \alpha_t\, y + (1 - \alpha_t)\, \mathrm{sign}(u_t), \qquad
        \alpha_t = 1 \ (t \le \text{burn-in}), \quad q^{\,t - \text{burn-in}} \text{ afterwards}.

    On the left are the coefficients along the eigenvectors: of the given and the clean labels and
    of the predictions at step t. The four eigenvectors with the largest eigenvalues hold most of
    the signal; the other 56 hold most of the noise. On the right are the 0-1 and the l2 error to
    the clean labels over the steps.

    Parameters
    ----------
    time : int, default 300
        Step that is shown on the left, from 1 to 1000.
    burn_in : int, default 30
        Last step at which the target is the given labels alone, from 0 to 1000.
    decay : float, default 0.9
        q in [0, 1]. 0 drops the given labels at once; 1 keeps them, which is plain descent: then
        no self-labels are shown, and without a control for it none are mentioned.
    rate : {0.2, 0.3, 0.4}
        Share of labels that are flipped, in every cluster.
    controls : sequence of str
        Which of the four settings get a control.
    alt : str, optional
        What the figure shows, in words; by default a sentence with its numbers.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. Setting a trait later is checked alike.

    Notes
    -----
    Source: chapters 11 and 12; Dong, Hou, Lu and Zhang (2019). The schedule and the data are ours.

    Examples
    --------
    >>> figure = SignalFirst(burn_in=30, decay=0.9, rate=0.3)
    >>> plain, own = figure.plain(), figure.self_labels()
    >>> plain.wrong[[1, 30, 300, 1000]], own.wrong[[1, 30, 300, 1000]]
    (array([20,  0, 10, 18]), array([20,  0,  0,  0]))
    >>> print(f"{plain.distance[1000]:.2f} {own.distance[1000]:.2f}")
    6.57 0.50
    """

    settings = ("time", "burn_in", "decay", "rate")
    switches = ("rate",)
    columns = ((170, 170), (170, 170))

    time = t.Int().tag(sync=True)
    burn_in = t.Int().tag(sync=True)
    decay = t.Float().tag(sync=True)
    rate = t.Float().tag(sync=True)

    def __init__(
        self,
        *,
        time=300,
        burn_in=30,
        decay=0.9,
        rate=0.3,
        controls=("time", "burn_in", "decay", "rate"),
        alt=None,
    ):
        super().__init__(
            controls=controls,
            alt=alt,
            data=_state(),
            time=_step("time", time, minimum=1),
            burn_in=_step("burn_in", burn_in, minimum=0),
            decay=_decay(decay),
            rate=scalar("rate", rate),
        )

    @t.validate("time")
    def _valid_time(self, proposal):
        return _step("time", proposal["value"], minimum=1)

    @t.validate("burn_in")
    def _valid_burn_in(self, proposal):
        return _step("burn_in", proposal["value"], minimum=0)

    @t.validate("decay")
    def _valid_decay(self, proposal):
        return _decay(proposal["value"])

    @t.validate("rate")
    def _valid_rate(self, proposal):
        if proposal["value"] not in _RATES:
            allowed = ", ".join(map(str, _RATES))
            raise ValueError(f"rate must be one of {allowed}, got {proposal['value']!r}")
        return proposal["value"]

    # ------------------------------------------------------------------------- descent

    @property
    def spectrum(self):
        """Return eigenvalues and eigenvectors of H, as stored: to nine digits, six decimals."""
        return _spectrum()

    @property
    def clean(self):
        """Return the clean labels, ndarray of shape (60,) with entries +1 and -1."""
        return _clean()

    @property
    def given(self):
        """Return the given labels, some of them flipped, ndarray of shape (60,)."""
        return _given(self.rate)

    @property
    def informative(self):
        """Return how many eigenvectors are informative: one a cluster."""
        return len(_SIZES)

    def plain(self):
        """Return plain descent on the given labels, a `Descent`."""
        return _descent(self.rate, 0, 1.0)

    def self_labels(self):
        """Return descent with hard self-labels, a `Descent`."""
        return _descent(self.rate, self.burn_in, self.decay)

    def shares(self, coefficients):
        r"""Return how much of the signal and how much of the noise predictions hold.

        Of the signal: the part along the clean labels within the informative eigenvectors, with
        1 for the clean labels. Of the noise: the part along the noise within the others, where
        what the noise has in common with the clean labels is taken off; 0 for the clean labels
        and 1 for the given ones.

        Parameters
        ----------
        coefficients : array_like, shape (60,)
            Of predictions along the eigenvectors.

        Returns
        -------
        tuple of float
        """
        U, k = self.spectrum.eigenvectors, self.informative
        signal, noise = U.T @ self.clean, U.T @ (self.given - self.clean)
        top, rest = signal[:k], signal[k:]
        own = noise[k:] - (noise[k:] @ rest) / (rest @ rest) * rest
        of_signal = (coefficients[:k] @ top) / (top @ top)
        return float(of_signal), float((coefficients[k:] @ own) / (noise[k:] @ own))

    # --------------------------------------------------------------------------- words

    @property
    def _is_plain(self):
        """Whether the given labels are kept for ever."""
        return self.decay == 1

    @property
    def _has_no_rival(self):
        """Whether there are no self-labels and no control that brings them back."""
        return self._is_plain and "decay" not in self.controls

    def _plain(self):
        return f"n={len(self.clean)}"

    def _rows(self):
        return 1 if self._has_no_rival else 2

    def _size(self):
        return f"{super()._size()};--story:1"

    def _story(self):
        """Say how both methods end."""
        return " ".join(self._sentences())

    def _sentences(self):
        plain = _plain_story(self.plain().wrong, len(self.clean))
        return [plain] if self._has_no_rival else [plain, self._self_story()]

    def _self_story(self):
        if self._is_plain:
            return "The labels are kept: no self-labels."
        end = self.self_labels().coefficients[-1]
        is_wrong = (self.spectrum.eigenvectors @ end) * self.clean <= 0
        learned = int((is_wrong & (self.given != self.clean)).sum())
        lost = int(is_wrong.sum()) - learned
        if learned + lost == 0:
            return f"Self-labels: none wrong at step {_STEPS}."
        parts = [
            f"{_count(learned, 'flipped label')} learned" if learned else "",
            f"{_count(lost, 'right label')} lost" if lost else "",
        ]
        return f"Self-labels: {' and '.join(filter(None, parts))}."

    def _describe(self):
        kinds = [("plain descent", self.plain())]
        if not self._is_plain:
            name = f"self-labels with burn-in {self.burn_in} and decay {self.decay:.3g}"
            kinds.append((name, self.self_labels()))
        numbers = "; ".join(f"{name}: {self._numbers(path)}" for name, path in kinds)
        return (
            "Coefficients of the given labels, the clean labels and the predictions along "
            f"{self.informative} informative eigenvectors and along the others; and 0–1 and ℓ2 "
            f"error to the clean labels over {_STEPS} steps, with {100 * self.rate:.0f} % of the "
            f"labels flipped. At step {self.time}, {numbers}. {self._story()}"
        )

    def _numbers(self, path):
        """Write the numbers of a descent at the chosen step."""
        signal, noise = self.shares(path.coefficients[self.time])
        error = path.wrong[self.time] / len(self.clean)
        return (
            f"{_number(signal)} of the signal, {_number(noise)} of the noise, 0–1 error "
            f"{error:.3f}, ℓ2 error {_number(path.distance[self.time])}"
        )

    # ------------------------------------------------------------------------- picture

    def _draw(self):
        figure = plt.figure()
        axes = figure.subplot_mosaic([["top", "wrong"], ["rest", "distance"]])
        plain, own = self.plain(), None if self._is_plain else self.self_labels()
        k = self.informative
        self._draw_coefficients(axes["top"], slice(0, k), plain, own)
        axes["top"].set(xticks=range(1, k + 1), ylabel=f"top {k}")
        self._draw_coefficients(axes["rest"], slice(k, None), plain, own)
        axes["rest"].set(xlabel="eigenvector", ylabel="the others")
        self._draw_errors(axes, plain, own)
        handles = self._key(axes["top"])
        key_above(figure, handles, [handle.get_label() for handle in handles])
        figure.supxlabel("\n".join(self._sentences()), fontsize=9)
        return figure

    def _draw_coefficients(self, ax, part, plain, own):
        """Draw bars for the given labels and plain descent, marks for clean and self-labels."""
        U = self.spectrum.eigenvectors
        given = U.T @ self.given
        turn = np.where(given < 0, -1.0, 1.0)[part]  # the sign of an eigenvector is arbitrary
        at = np.arange(1, len(given) + 1)[part]
        ax.bar(at, turn * given[part], width=0.86, **GIVEN_BAR)
        ax.bar(at, turn * plain.coefficients[self.time][part], width=0.5, **PLAIN_BAR)
        ax.hlines(turn * (U.T @ self.clean)[part], at - 0.43, at + 0.43, color=style.TRUTH, lw=1.3)
        if own is not None:
            size = 5 if len(at) < 10 else 1.8
            ax.plot(at, turn * own.coefficients[self.time][part], markersize=size, **SELF_DOT)
        ax.axhline(0, color=style.TRUTH, linewidth=0.5)
        ax.margins(y=0.1)

    def _draw_errors(self, axes, plain, own):
        """Draw both errors over the steps."""
        n, level = len(self.clean), 2 * self.rate * np.sqrt(len(self.clean))
        panels = [
            (axes["wrong"], "wrong", n, self.rate, f"{100 * self.rate:.0f} % flipped"),
            (axes["distance"], "distance", 1, level, "2ρ√n"),
        ]
        for ax, name, unit, height, note in panels:
            ax.axhline(height, **LEVEL_LINE)
            place = {"xytext": (0, -7), "fontsize": 8.5, "color": "#5A5A5A"}
            style.label_line(ax, 11 if name == "wrong" else 1.1, height, note, **place)
            ax.axvline(self.time, **CURSOR_LINE)
            for path, look in ((own, SELF_LINE), (plain, PLAIN_LINE)):
                if path is not None:
                    values = getattr(path, name)[1:] / unit
                    ax.plot(np.arange(1, _STEPS + 1), values, clip_on=False, **look)
                    now = values[self.time - 1]
                    ax.plot(self.time, now, "o", color=look["color"], clip_on=False)
            if own is not None:
                ax.axvline(max(self.burn_in, 1), **BURN_IN_LINE)
            ax.set(xscale="log", xlim=(0.93, 1080))
            ax.xaxis.set_major_formatter("{x:g}")
        axes["wrong"].set(ylim=(0, _HIGHEST[0]), ylabel="0–1 error")
        axes["wrong"].tick_params(labelbottom=False)
        axes["distance"].set(ylim=(0, _HIGHEST[1]), ylabel="$\\ell_2$ error", xlabel="step")

    def _key(self, ax):
        """Return the handles of the key."""
        words = [f"plain descent, step {self.time}", f"self-labels, step {self.time}"]
        lines = [
            ax.plot([], [], color=style.NOISE, linewidth=6, alpha=0.5, label="given labels"),
            ax.plot([], [], color=style.TRUTH, linewidth=1.3, label="clean labels"),
            ax.plot([], [], label=words[0], **PLAIN_LINE),
        ]
        if not self._is_plain:
            lines.append(ax.plot([], [], label=words[1], marker="D", markersize=4, **SELF_LINE))
        return [line for (line,) in lines]


# ---------------------------------------------------------------------------------- data


@cache
def _state():
    """Return what the figure is about: the spectrum, the clean labels and which are flipped."""
    rng = np.random.default_rng(_SEED)
    k = len(_SIZES)
    centres = np.zeros((k, _FEATURES))
    centres[:, :k] = np.linalg.cholesky(np.where(np.eye(k), 1.0, _COSINE))
    data = datasets.clusters(
        _SIZES, n_features=_FEATURES, radius=_RADIUS, classes=_SIGNS, centres=centres, seed=rng
    )
    spectrum = Spectrum.from_gram(ReluNTK(depth=1)(data.X))
    orders = [rng.permutation(np.flatnonzero(data.cluster == label)) for label in range(k)]
    flipped = [
        sorted(int(i) for order in orders for i in order[: round(rate * len(order))])
        for rate in _RATES
    ]
    return {
        "d": rounded(spectrum.eigenvalues),
        "vectors": rounded(spectrum.eigenvectors, decimals=6),
        "clean": data.y.tolist(),
        "flipped": flipped,
        "sizes": list(_SIZES),
        "rates": list(_RATES),
        "steps": _STEPS,
    }


def _spectrum():
    state = _state()
    return Spectrum(np.array(state["d"]), np.array(state["vectors"]))


def _clean():
    return np.array(_state()["clean"], dtype=float)


def _given(rate):
    given = _clean()
    given[_state()["flipped"][_RATES.index(rate)]] *= -1
    return given


@lru_cache(maxsize=16)
def _descent(rate, burn_in, decay):
    """Run one descent; a decay of 1 keeps the given labels. The arrays are shared: read only."""
    spectrum, clean = _spectrum(), _clean()
    weights = self_labels.geometric_weights(_STEPS, decay, burn_in=burn_in)
    step = 1 / spectrum.eigenvalues[0]
    path = self_labels.run(spectrum, _given(rate), weights, step=step)
    wrong = (path.predictions * clean <= 0).sum(axis=1)
    distance = np.linalg.norm(path.predictions - clean, axis=1)
    for array in (path.coefficients, wrong, distance):
        array.flags.writeable = False
    return Descent(path.coefficients, wrong, distance)


# --------------------------------------------------------------------------------- words


def _plain_story(wrong, n):
    """Say when plain descent is right and how it ends."""
    least = wrong[1:].min()
    first = int(np.argmax(wrong[1:] == least)) + 1
    last = first
    while last < _STEPS and wrong[last + 1] == least:
        last += 1
    amount = "none" if least == 0 else str(least)
    steps = f"at steps {first}–{last}" if last > first else f"at step {first}"
    return f"Plain descent: {amount} wrong {steps}, {wrong[-1]} of {n} at step {_STEPS}."


def _count(number, name):
    return f"{number} {name}{'' if number == 1 else 's'}"


def _number(value):
    """Write a share or an error."""
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _step(name, value, *, minimum):
    value = check.scalar_whole(name, value, minimum=minimum)
    if value > _STEPS:
        raise ValueError(f"{name} must be <= {_STEPS}, got {value}")
    return value


def _decay(value):
    return check.single("decay", check.weight("decay", value))
