r"""Learning from one's own predictions: labels mixed with what the model says at this moment.

With a fixed kernel matrix :math:`H`, given labels :math:`y` (some of them wrong) and a weight
:math:`\alpha_t` on them, every step moves towards a target that the model has a share in,

.. math::
    u_{t+1} = u_t - \eta H (u_t - y_t), \qquad y_t = \alpha_t\,y + (1-\alpha_t)\,h(u_t),
    \qquad u_0 = 0,

where no gradient passes through the target. With :math:`h(u) = u` this is gradient descent with
the smaller step :math:`\alpha_t\eta`: early stopping and nothing else. With hard labels
:math:`h = \mathrm{sign}` or the one-hot arg max, and clusters whose points coincide, it can reach
the clean labels. Two warnings come with it: a weight that drops too fast can lose a small cluster,
and whatever the model predicts when the weight is gone is locked in, right or wrong.

Labels are vectors of 1 and -1, shape (n,), or one-hot (soft) rows, shape (n, q).

Source: chapter 12; Dong, Hou, Lu and Zhang (2019) for the algorithm. The theorem, its window of
burn-in and decay, the energy and the counter-examples are derived in the book.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from distill_lib import _validation as check
from distill_lib.kernel import filters
from distill_lib.kernel._clusters import cluster_sizes, flip_rates, weighted_norm
from distill_lib.kernel.spectrum import Spectrum, as_spectrum

__all__ = [
    "Adaptive",
    "SelfLabelPath",
    "WindowBounds",
    "burn_in_length",
    "class_burn_in_length",
    "class_largest_decrement",
    "class_limit_error",
    "constant_weights",
    "effective_time",
    "energy",
    "fastest_decay",
    "geometric_weights",
    "hard",
    "largest_decrement",
    "run",
    "sharpened",
    "soft",
    "survives_drop",
    "window_bounds",
]

TARGETS = ("hard", "soft", "sharpened")


@dataclass(frozen=True)
class Adaptive:
    r"""Accuracy-adaptive weights, for `run`: as much weight as the model disagrees.

    :math:`\alpha_t = 1` for :math:`t <` `burn_in`; from then on it is the share of points whose
    current hard label *differs* from the given one. So the hard prediction gets the agreement. An
    exact tie agrees with nothing.

    Parameters
    ----------
    steps : int
        Number of weights, >= 1.
    burn_in : int
        Length of the burn-in, >= 0.

    Raises
    ------
    TypeError
        If an argument is not whole.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 12, where its limit is derived; the rule is that of known re-implementations of
    Dong et al. (2019), which take the agreement on a batch.
    """

    steps: int
    burn_in: int

    def __post_init__(self):
        check.scalar_whole("steps", self.steps, minimum=1)
        check.scalar_whole("burn_in", self.burn_in, minimum=0)


@dataclass(frozen=True, eq=False)
class SelfLabelPath:
    """What `run` returns.

    Attributes
    ----------
    times : ndarray of int, shape (m,)
        Recorded times, in relabellings; time 0 is the start.
    predictions : ndarray, shape (m, n) or (m, n, q)
        Predictions on the training points at these times.
    weights : ndarray, shape (T,)
        The weight on the given labels in each relabelling, recorded or not. The one at index t
        leads from time t to t + 1.
    coefficients : ndarray, shape (m, r) or (m, r, q)
        Predictions in the eigenbasis; 0 along eigenvectors with eigenvalue 0.
    spectrum : Spectrum
        Of the kernel matrix.
    """

    times: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray
    coefficients: np.ndarray
    spectrum: Spectrum

    @cached_property
    def dual(self):
        """Dual coefficients, shape (m, n) or (m, n, q): ``K_new @ dual[i]`` predicts anywhere.

        Computed when first asked for. For ``K_new`` of shape (k, n) and (m, n) duals,
        ``dual @ K_new.T`` predicts at all recorded times.
        """
        d = self.spectrum.eigenvalues
        with np.errstate(divide="ignore"):
            inverse = np.where(d > 0, 1 / d, 0.0)
        basis = self.spectrum.eigenvectors * inverse
        if self.coefficients.ndim == 2:
            return self.coefficients @ basis.T
        return np.matmul(basis, self.coefficients)


class WindowBounds(NamedTuple):
    """What the theorem promises at the times from the end of the burn-in on, arrays (m,)."""

    times: np.ndarray
    delta: np.ndarray
    distance: np.ndarray
    margin: np.ndarray


# ------------------------------------------------------------------------------------ targets


def hard(u):
    r"""Hard labels: the sign of each number, or the one-hot arg max of each row.

    Where there is no opinion it has none: the sign of 0 is 0, and equal largest entries of a row
    share the 1.

    Parameters
    ----------
    u : array_like, shape (n,) or (n, q), q >= 2

    Returns
    -------
    ndarray, of the same shape
        A (sub)gradient of :math:`\sum_i |u_i|`, or of the sum of the largest entries of the rows.

    Raises
    ------
    ValueError
        If a value is not finite or there is one column only.

    Notes
    -----
    Source: chapter 12.

    Examples
    --------
    >>> hard([0.3, -2.0, 0.0])
    array([ 1., -1.,  0.])
    >>> hard([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    array([[0. , 1. , 0. ],
           [0.5, 0.5, 0. ]])
    """
    return _hard(_signs_or_classes("u", u))


def soft(u):
    r"""Soft labels: the prediction itself, the gradient of :math:`\tfrac12\|u\|^2`.

    Parameters
    ----------
    u : array_like, shape (n,) or (n, q)

    Returns
    -------
    ndarray, of the same shape

    Raises
    ------
    ValueError
        If a value is not finite.

    Notes
    -----
    Source: chapter 12.
    """
    return check.finite_array("u", u, ndim=(1, 2)).copy()


def sharpened(u, temperature):
    r"""Sharpened labels: :math:`\tanh(u/T)`, or the softmax of each row of :math:`u/T`.

    Parameters
    ----------
    u : array_like, shape (n,) or (n, q), q >= 2
    temperature : float
        :math:`T` > 0, in the units of `u`. For T to 0 it becomes `hard`.

    Returns
    -------
    ndarray, of the same shape
        The gradient of :math:`T\sum\log\cosh(u_i/T)`, or of :math:`T` log-sum-exp of the rows.

    Raises
    ------
    ValueError
        If an argument is out of range, or there is one column only.

    Notes
    -----
    Source: chapter 12.

    Examples
    --------
    >>> sharpened([0.5, -0.5], temperature=0.5).round(3)
    array([ 0.762, -0.762])
    >>> sharpened([[1.0, 0.0]], temperature=0.5).round(3)
    array([[0.881, 0.119]])
    """
    return _sharpened(_signs_or_classes("u", u), _temperature(temperature))


# ---------------------------------------------------------------------------------- schedules


def constant_weights(steps, alpha, *, burn_in=0):
    r"""Weights on the given labels: 1 for :math:`t <` `burn_in`, then `alpha`, a sudden drop.

    Parameters
    ----------
    steps : int
        Number of weights, >= 1.
    alpha : float
        Weight after the burn-in, in [0, 1].
    burn_in : int, default 0
        Length of the burn-in, >= 0.

    Returns
    -------
    ndarray, shape (steps,)

    Raises
    ------
    TypeError
        If `steps` or `burn_in` is not whole.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 12.

    Examples
    --------
    >>> constant_weights(4, 0.2, burn_in=2)
    array([1. , 1. , 0.2, 0.2])
    """
    alpha = check.single("alpha", check.weight("alpha", alpha))
    return np.where(_after(steps, burn_in) < 0, 1.0, alpha)


def geometric_weights(steps, q, *, burn_in):
    r"""Weights on the given labels: 1 for :math:`t \le` `burn_in`, then :math:`q^{t-T_0}`.

    Parameters
    ----------
    steps : int
        Number of weights, >= 1.
    q : float
        Factor of each step, in [0, 1].
    burn_in : int
        Last step :math:`T_0` >= 0 with the given labels alone. Steps count from 0, so there are
        :math:`T_0 + 1` of them, one more than in `constant_weights` with the same burn-in.

    Returns
    -------
    ndarray, shape (steps,)

    Raises
    ------
    TypeError
        If `steps` or `burn_in` is not whole.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 12.

    Examples
    --------
    >>> geometric_weights(5, 0.5, burn_in=2)
    array([1.  , 1.  , 1.  , 0.5 , 0.25])
    """
    q = check.single("q", check.weight("q", q))
    return q ** np.maximum(_after(steps, burn_in), 0)


def effective_time(weights, step):
    r"""Total time :math:`\eta\sum_t\alpha_t` that the given labels act.

    With soft labels of the current prediction it is all that counts: small steps come to the
    filter :math:`1 - e^{-d\,\eta\sum\alpha_t}` of gradient flow.

    Parameters
    ----------
    weights : array_like, shape (T,)
        Weights on the given labels, in [0, 1].
    step : float
        Step size :math:`\eta` > 0.

    Returns
    -------
    float
        In the units of `step`, those of 1/`d`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 12.

    Examples
    --------
    >>> effective_time([1.0, 0.5, 0.25], step=2.0)
    3.5
    """
    return float(_step(step) * _weights(weights).sum())


# ------------------------------------------------------------------------------- the dynamics


def run(
    spectrum,
    y,
    weights,
    *,
    step,
    target="hard",
    temperature=None,
    updates=1,
    lag=0,
    record=None,
    start=None,
):
    r"""Train on labels mixed with one's own predictions; the exact trajectory in the eigenbasis.

    .. math::
        u_{t+1} = u_t - g(H)\,(u_t - y_t), \qquad
        y_t = \alpha_t\,y + (1-\alpha_t)\,h(u_{\max(t-L,\,0)}), \qquad g(d) = 1-(1-\eta d)^k ,

    with :math:`k` = `updates` gradient steps a relabelling (the target stays for them) and
    :math:`L` = `lag`. For :math:`k = 1`, :math:`g(H) = \eta H`.

    Parameters
    ----------
    spectrum : Spectrum or array_like, shape (n, n)
        Of the kernel matrix :math:`H`.
    y : array_like, shape (n,) or (n, q)
        Given labels.
    weights : array_like, shape (T,), or Adaptive
        Weight on the given labels in each of the T relabellings, in [0, 1].
    step : float
        Step size :math:`\eta` > 0, with ``step * d < 2``.
    target : {"hard", "soft", "sharpened"} or callable, default "hard"
        :math:`h`. A callable gets the predictions and returns an array of their shape.
    temperature : float, optional
        Of ``"sharpened"``, > 0; needed there and refused elsewhere.
    updates : int, default 1
        Gradient steps with one target, >= 1: an epoch of a network that is labelled once an epoch.
    lag : int, default 0
        How many relabellings old the prediction in the target is, >= 0.
    record : array_like of int, shape (m,), optional
        Times to keep, increasing, from 0 to T; all by default. Each costs about 16 n q bytes.
    start : array_like, shape (n,) or (n, q), optional
        Predictions :math:`u_0` to start from, in the range of :math:`H`; 0 by default.

    Returns
    -------
    SelfLabelPath
        ``times (m,)``, ``predictions (m, n[, q])``, ``weights (T,)``, ``coefficients`` and
        ``dual``.

    Raises
    ------
    TypeError
        If a count is not whole.
    ValueError
        If an argument is out of range, a step is unstable, shapes do not match, hard or sharpened
        labels or adaptive weights meet a single column, adaptive weights meet a given label
        without a class, or `start` lies outside the range.

    Notes
    -----
    Source: chapter 12; Dong et al. (2019) for self-labels from the epoch before.

    Examples
    --------
    Six points that coincide; the first label is wrong:

    >>> y = np.array([-1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    >>> weights = geometric_weights(40, 0.5, burn_in=5)
    >>> path = run(np.ones((6, 6)), y, weights, step=0.1, record=[5, 40])
    >>> path.predictions[:, 0].round(3)
    array([0.66, 1.  ])
    """
    spectrum, plan = as_spectrum(spectrum), _plan(weights)
    z = spectrum.expand(y)
    y = np.asarray(y, dtype=np.float64)
    label = _target(target, temperature, y)
    adapted = _disagreement(y) if isinstance(weights, Adaptive) else None
    progress = _progress(spectrum, step, updates)
    times = _times(record, len(plan))
    lag = check.scalar_whole("lag", lag, minimum=0)
    inside = spectrum.eigenvalues > 0
    basis = spectrum.eigenvectors if inside.all() else spectrum.eigenvectors[:, inside]
    gain = progress[inside].reshape((-1,) + (1,) * (y.ndim - 1))
    kept, predictions, used = _follow(
        basis, z[inside], gain, plan, adapted, label, lag, times, _start(start, basis, z[inside])
    )
    coefficients = np.zeros((len(times), *z.shape))
    coefficients[:, inside] = kept
    return SelfLabelPath(times, predictions, used, coefficients, spectrum)


def _follow(basis, z, gain, plan, adapted, label, lag, times, a):
    """Run the recursion of the coefficients `a`; return those of the given times."""
    plan, wanted = plan.copy(), set(times.tolist())
    recent = deque(maxlen=lag + 1)  # the oldest entry is what the target looks at
    kept, predictions, pull = [], [], _remembered(lambda h: basis.T @ h)
    for t in range(len(plan) + 1):
        u = basis @ a
        recent.append(u)
        if t in wanted:
            kept.append(a)
            predictions.append(u)
        if t < len(plan):
            if np.isnan(plan[t]):
                plan[t] = adapted(u)
            own = pull(label(recent[0])) if plan[t] < 1 else 0.0
            a = a + gain * (plan[t] * z + (1 - plan[t]) * own - a)
    return np.array(kept), np.array(predictions), plan


def _remembered(function):
    """Call `function` only if its argument differs from the last one: hard labels settle."""
    last = [None, None]

    def call(argument):
        if last[0] is None or not np.array_equal(last[0], argument):
            last[:] = argument, function(argument)
        return last[1]

    return call


# -------------------------------------------------------------- the window of the theorem: signs


def burn_in_length(sizes, rates, mu, *, step):
    r"""Return the smallest burn-in of the theorem, for labels 1 and -1.

    The least integer :math:`T_0 \ge 1` with

    .. math::
        T_0 \ge \frac{\log\bigl(2\,\|(1-2\rho_\ell)\|_N \,/\, (\sqrt{n_{\min}}\,(1-2\rho))\bigr)}
            {-\log(1-\eta\mu)}, \qquad \|v\|_N^2 = \sum_\ell n_\ell v_\ell^2,\quad
            \rho = \max_\ell\rho_\ell .

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1/2).
    mu : float
        Smallest eigenvalue of :math:`H^C N`, > 0: the last of `retrieval.cluster_eigenvalues`.
    step : float
        Step size :math:`\eta` > 0, at most 1 over the largest eigenvalue; so ``step * mu <= 1``.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.

    Examples
    --------
    >>> burn_in_length([10, 90], 0.4, mu=1.7403, step=0.010177)
    104
    """
    sizes, rates, shrink = _window(sizes, rates, mu, step)
    margin = np.sqrt(sizes.min()) * (1 - 2 * rates.max())
    return _steps_to_shrink(2 * weighted_norm(1 - 2 * rates, sizes) / margin, shrink)


def largest_decrement(sizes, rates, mu, *, step):
    r"""Largest decrement of the weight in a step that the theorem allows,

    .. math:: \alpha_t - \alpha_{t+1}
        \le \frac{\eta\mu\sqrt{n_{\min}}\,(1-2\rho)}{4\rho\sqrt n}.

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1/2); :math:`\rho` is the largest.
    mu : float
        Smallest eigenvalue of :math:`H^C N`, > 0.
    step : float
        Step size :math:`\eta` > 0, with ``step * mu <= 1``.

    Returns
    -------
    float
        Infinite without noise. A value >= 1 allows everything.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.
    """  # noqa: D400 (the formula is the summary)
    sizes, rates, shrink = _window(sizes, rates, mu, step)
    rho = rates.max()
    if rho == 0:
        return np.inf
    room = np.sqrt(sizes.min()) * (1 - 2 * rho) / (4 * rho * np.sqrt(sizes.sum()))
    return float(shrink * room)


def fastest_decay(sizes, rates, mu, *, step):
    r"""Smallest factor :math:`q` of a geometric schedule that the theorem allows.

    The first decrement :math:`1 - q` of :math:`\alpha_t = q^{t-T_0}` is its largest, so
    :math:`q \ge 1 -` `largest_decrement`.

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1/2).
    mu : float
        Smallest eigenvalue of :math:`H^C N`, > 0.
    step : float
        Step size :math:`\eta` > 0, with ``step * mu <= 1``.

    Returns
    -------
    float
        In [0, 1); 0 if every decrement is allowed.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.

    Examples
    --------
    >>> print(f"{fastest_decay([10, 90], 0.4, mu=1.7403, step=0.010177):.4f}")
    0.9993
    """
    return max(0.0, 1 - largest_decrement(sizes, rates, mu, step=step))


def window_bounds(sizes, rates, mu, weights, *, step):
    r"""Distance and margin that the theorem promises at each time from the burn-in on.

    With :math:`\delta_{T_0} = (1-\eta\mu)^{T_0}\|(1-2\rho_\ell)\|_N`,

    .. math::
        \delta_{t+1} = (1-\eta\mu)\,\delta_t + 2(\alpha_t-\alpha_{t+1})\rho\sqrt n, \qquad
        \|u_t - \tilde y\| \le \delta_t + 2\alpha_t\rho\sqrt n, \qquad
        \tilde y_i u_{t,i} \ge 1 - 2\alpha_t\rho - \frac{\delta_t}{\sqrt{n_{\min}}} .

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1/2).
    mu : float
        Smallest eigenvalue of :math:`H^C N`, > 0.
    weights : array_like, shape (T,)
        Weight on the given labels in each step: 1 up to and with index :math:`T_0`
        (`burn_in_length`), then non-increasing by no more than `largest_decrement` a step.
    step : float
        Step size :math:`\eta` > 0, at most 1 over the largest eigenvalue.

    Returns
    -------
    WindowBounds
        ``times`` are :math:`T_0, \dots, T`, with ``delta``, ``distance`` and ``margin`` for each;
        they go with ``path.predictions[times]`` of a full `run`. After the last step the weight
        counts as unchanged.

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range, shapes do not match, or the weights leave the window.

    Notes
    -----
    Source: chapter 12, derived there.
    """
    weights = _weights(weights)
    T0 = burn_in_length(sizes, rates, mu, step=step)
    _check_window(weights, T0, largest_decrement(sizes, rates, mu, step=step))
    sizes, rates, shrink = _window(sizes, rates, mu, step)
    noise = 2 * rates.max() * np.sqrt(sizes.sum())
    delta = [(1 - shrink) ** T0 * weighted_norm(1 - 2 * rates, sizes)]
    alpha = np.append(weights[T0:], weights[-1])
    for drop in -np.diff(alpha):
        delta.append((1 - shrink) * delta[-1] + drop * noise)
    delta = np.array(delta)
    margin = 1 - 2 * alpha * rates.max() - delta / np.sqrt(sizes.min())
    return WindowBounds(np.arange(T0, len(weights) + 1), delta, delta + alpha * noise, margin)


def survives_drop(sizes, rates, alpha):
    r"""Whether a sudden drop of the weight from 1 to `alpha` after the burn-in is known to be safe.

    .. math::
        (1-\alpha)\bigl(\|(\rho_\ell)\|_N - \rho\sqrt{n_{\min}}\bigr)
            < \tfrac12\sqrt{n_{\min}}\,(1-2\rho)

    Then all signs stay right after `burn_in_length` steps, and the distance to the clean labels
    ends at `retrieval.limit_error`. The condition is sufficient, not necessary.

    Parameters
    ----------
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    rates : float or array_like, shape (K,)
        Flipped fractions :math:`\rho_\ell`, in [0, 1/2); :math:`\rho` is the largest.
    alpha : float
        Weight after the drop, in [0, 1].

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If `sizes` is not whole.
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.

    Examples
    --------
    >>> survives_drop([10, 90], 0.4, alpha=0.2), survives_drop([10, 90], 0.4, alpha=0.95)
    (False, True)
    """
    sizes = cluster_sizes(sizes)
    rates = flip_rates(rates, sizes, below_half=True)
    alpha = check.single("alpha", check.weight("alpha", alpha))
    small = np.sqrt(sizes.min())
    moved = (1 - alpha) * (weighted_norm(rates, sizes) - rates.max() * small)
    return bool(moved < small * (1 - 2 * rates.max()) / 2)


# ----------------------------------------------------------- the window of the theorem: classes


def class_burn_in_length(shares, sizes, mu, *, step, classes=None):
    r"""Return the smallest burn-in for several classes with one-hot labels.

    With the gap :math:`\gamma_\ell = p_{\ell s_\ell} - \max_{c\ne s_\ell} p_{\ell c} > 0` between
    the share of the true class in cluster :math:`\ell` and the next one (a plurality is enough) and
    :math:`\gamma = \min\gamma_\ell`, the least integer :math:`T_0 \ge 1` with

    .. math::
        T_0 \ge \frac{\log\bigl(2\sqrt2\,\|p\|_N / (\sqrt{n_{\min}}\,\gamma)\bigr)}
            {-\log(1-\eta\mu)}, \qquad \|p\|_N^2 = \sum_\ell n_\ell\|p_\ell\|^2 .

    Parameters
    ----------
    shares : array_like, shape (K, C)
        Share of each given class in each cluster, rows that sum to 1, C >= 2.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    mu : float
        Smallest eigenvalue of :math:`H^C N`, > 0.
    step : float
        Step size :math:`\eta` > 0, at most 1 over the largest eigenvalue; so ``step * mu <= 1``.
    classes : array_like of int, shape (K,), optional
        True class of each cluster; by default the one with the largest share.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If `sizes` or `classes` is not whole.
    ValueError
        If an argument is out of range, the true class of a cluster has not the largest share, or
        shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.
    """
    shares, sizes, _, gap = _class_window(shares, sizes, classes)
    norm = 2 * np.sqrt(2) * weighted_norm(shares, sizes)
    return _steps_to_shrink(norm / (np.sqrt(sizes.min()) * gap), _shrink(mu, step))


def class_largest_decrement(shares, sizes, mu, *, step, classes=None):
    r"""Largest decrement of the weight in a step for several classes,

    .. math:: \alpha_t - \alpha_{t+1}
        \le \frac{\eta\mu\sqrt{n_{\min}}\,\gamma}{2\sqrt2\,\|e\|_N}, \qquad
        \|e\|_N^2 = \sum_\ell n_\ell\,\|p_\ell - e_{s_\ell}\|^2 .

    Parameters
    ----------
    shares : array_like, shape (K, C)
        Share of each given class in each cluster, rows that sum to 1, C >= 2.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    mu : float
        Smallest eigenvalue of :math:`H^C N`, > 0.
    step : float
        Step size :math:`\eta` > 0, with ``step * mu <= 1``.
    classes : array_like of int, shape (K,), optional
        True class of each cluster; by default the one with the largest share.

    Returns
    -------
    float
        Infinite without noise. A geometric schedule needs :math:`q \ge 1 -` this.

    Raises
    ------
    TypeError
        If `sizes` or `classes` is not whole.
    ValueError
        If an argument is out of range, the true class of a cluster has not the largest share, or
        shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.
    """  # noqa: D400 (the formula is the summary)
    shares, sizes, clean, gap = _class_window(shares, sizes, classes)
    noise = weighted_norm(shares - clean, sizes)
    if noise == 0:
        return np.inf
    return float(_shrink(mu, step) * np.sqrt(sizes.min()) * gap / (2 * np.sqrt(2) * noise))


def class_limit_error(shares, sizes, alpha=1.0, *, classes=None):
    r"""Distance :math:`\alpha_\infty\,\|e\|_N` of the limit to the clean one-hot labels.

    With :math:`\alpha = 1` it is that of gradient descent, else that of self-labels whose weight
    ends at :math:`\alpha`, *if* every arg max stays right.

    Parameters
    ----------
    shares : array_like, shape (K, C)
        Share of each given class in each cluster, rows that sum to 1, C >= 2.
    sizes : array_like of int, shape (K,)
        Points in each cluster, >= 1.
    alpha : array_like, default 1
        Final weight on the given labels, in [0, 1].
    classes : array_like of int, shape (K,), optional
        True class of each cluster; by default the one with the largest share.

    Returns
    -------
    ndarray
        Shape of `alpha`.

    Raises
    ------
    TypeError
        If `sizes` or `classes` is not whole.
    ValueError
        If an argument is out of range, the true class of a cluster has not the largest share, or
        shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.
    """
    shares, sizes, clean, _ = _class_window(shares, sizes, classes)
    return check.weight("alpha", alpha) * weighted_norm(shares - clean, sizes)


# ----------------------------------------------------------------------------------- the energy


def energy(u, y, alpha, *, target="hard", temperature=None):
    r"""Energy that self-labels with a constant weight descend.

    .. math::
        \Phi_\alpha(u) = \tfrac\alpha2\|u-y\|^2
            + (1-\alpha)\bigl(\tfrac12\|u\|^2 - \psi(u)\bigr), \qquad h = \nabla\psi

    :math:`\psi` is :math:`\sum|u_i|` or the sum of the rows' largest entries (hard),
    :math:`\tfrac12\|u\|^2` (soft), :math:`T\sum\log\cosh(u_i/T)` or :math:`T` log-sum-exp of the
    rows of :math:`u/T` (sharpened). The gradient is :math:`g = u - \alpha y - (1-\alpha)h(u)`, so a
    step of `run` is :math:`u - \eta Hg`: preconditioned descent, by which the energy falls at least
    by :math:`\eta(1-\tfrac12\eta d_1)\,g^\top Hg`.

    Parameters
    ----------
    u : array_like, shape (..., n) or (..., n, q)
        Predictions; leading axes are times or a grid. Its last axes are those of `y`.
    y : array_like, shape (n,) or (n, q)
        Given labels.
    alpha : float
        Weight on them, in [0, 1].
    target : {"hard", "soft", "sharpened"}, default "hard"
    temperature : float, optional
        Of ``"sharpened"``, > 0; needed there and refused elsewhere.

    Returns
    -------
    ndarray
        Shape of the leading axes; a float without any.

    Raises
    ------
    ValueError
        If an argument is out of range or shapes do not match.

    Notes
    -----
    Source: chapter 12, derived there.

    Examples
    --------
    Without given labels the hard energy has two wells, at 1 and -1:

    >>> energy([[-1.0], [0.0], [1.0]], [1.0], alpha=0.0)
    array([-0.5,  0. , -0.5])
    """
    u, y = check.finite_array("u", u), check.finite_array("y", y, ndim=(1, 2))
    if u.ndim < y.ndim or u.shape[u.ndim - y.ndim :] != y.shape:
        raise ValueError(f"the last axes of u must be those of y, {y.shape}, got {u.shape}")
    alpha = check.single("alpha", check.weight("alpha", alpha))
    temperature = _named_target(target, temperature, y)
    axes = tuple(range(-y.ndim, 0))
    fit = alpha / 2 * ((u - y) ** 2).sum(axis=axes)
    if target == "soft":
        return fit
    potential = _potential(u, y.ndim == 2, temperature)
    return fit + (1 - alpha) * ((u**2).sum(axis=axes) / 2 - potential.sum(axis=-1))


# ----------------------------------------------------------------------------------- the pieces


def _hard(u):
    if u.ndim == 1:
        return np.sign(u)
    top = u == u.max(axis=1, keepdims=True)
    return top / top.sum(axis=1, keepdims=True)


def _sharpened(u, temperature):
    with np.errstate(over="ignore", under="ignore"):
        if u.ndim == 1:
            return np.tanh(u / temperature)
        e = np.exp((u - u.max(axis=1, keepdims=True)) / temperature)
    return e / e.sum(axis=1, keepdims=True)


def _potential(u, classes, temperature):
    """Return psi of every point, (..., n); without a temperature that of hard labels."""
    if temperature is None:
        return u.max(axis=-1) if classes else np.abs(u)
    with np.errstate(over="ignore", under="ignore"):
        if classes:
            top = u.max(axis=-1, keepdims=True)
            above = np.log(np.exp((u - top) / temperature).sum(axis=-1))
            return top[..., 0] + temperature * above
        # log cosh x = log1p(2 sinh(x/2)^2) = x + log1p(exp(-2x)) - log 2: the first for small x
        x = np.abs(u) / temperature
        small = np.log1p(2 * np.sinh(np.minimum(x, 1) / 2) ** 2)
        large = np.abs(u) + temperature * (np.log1p(np.exp(-2 * x)) - np.log(2))
    return np.where(x < 1, temperature * small, large)


def _target(target, temperature, y):
    """Return h as a function of predictions that have the shape of `y`."""
    temperature = _named_target(target, temperature, y, allow_callable=True)
    if callable(target):
        return partial(_custom, target)
    if target == "soft":
        return lambda u: u
    return _hard if temperature is None else partial(_sharpened, temperature=temperature)


def _custom(function, u):
    labels = check.finite_array("target(u)", function(u.copy()))
    if labels.shape != u.shape:
        raise ValueError(f"target(u) must have the shape of u, {u.shape}, got {labels.shape}")
    return labels.copy()


def _named_target(target, temperature, y, *, allow_callable=False):
    """Return the checked temperature of a target, None unless it is "sharpened"."""
    if not (allow_callable and callable(target)) and target not in TARGETS:
        extra = " or a callable" if allow_callable else ""
        raise ValueError(f"target must be one of {TARGETS}{extra}, got {target!r}")
    if target in ("hard", "sharpened"):
        _signs_or_classes("y", y)
    if target == "sharpened":
        return _temperature(temperature)
    if temperature is not None:
        raise ValueError(f"temperature goes with target='sharpened' only, got {temperature!r}")
    return None


def _temperature(temperature):
    if temperature is None:
        raise ValueError("target='sharpened' needs a temperature > 0")
    return check.single("temperature", check.positive("temperature", temperature))


def _signs_or_classes(name, u):
    u = check.finite_array(name, u, ndim=(1, 2))
    if u.ndim == 2 and u.shape[1] < 2:
        raise ValueError(
            f"{name} must be 1-dimensional (labels 1 and -1) or have one column a class, at least "
            f"two, got shape {u.shape}"
        )
    return u


def _disagreement(y):
    """Return the function that says which share of predictions disagrees with labels `y`."""
    given = _hard(_signs_or_classes("y", y))
    if not np.isin(given, (1, -1) if y.ndim == 1 else (0, 1)).all():
        raise ValueError("adaptive weights need a class in every label of y, got a tie")
    differs = partial(np.not_equal, given)
    return lambda u: float(differs(_hard(u)).reshape(len(given), -1).any(axis=1).mean())


def _plan(weights):
    """Return the weights as an array; NaN stands for one that the run decides."""
    if isinstance(weights, Adaptive):
        return np.where(_after(weights.steps, weights.burn_in) < 0, 1.0, np.nan)
    return _weights(weights)


def _weights(weights):
    weights = check.weight("weights", weights)
    if weights.ndim != 1:
        raise ValueError(f"weights must be 1-dimensional, got shape {weights.shape}")
    return weights


def _after(steps, burn_in):
    """Return how many steps after the burn-in each of the `steps` is; negative before."""
    steps = check.scalar_whole("steps", steps, minimum=1)
    return np.arange(steps) - check.scalar_whole("burn_in", burn_in, minimum=0)


def _step(step):
    return check.single("step", check.positive("step", step))


def _progress(spectrum, step, updates):
    updates = check.scalar_whole("updates", updates, minimum=1)
    return filters.gradient_descent(spectrum.eigenvalues, _step(step), updates)


def _times(record, last):
    if record is None:
        return np.arange(last + 1)
    times = check.whole("record", record, minimum=0)
    if times.ndim != 1 or (np.diff(times) <= 0).any():
        raise ValueError(f"record must be a sequence of increasing times, got {record!r:.80}")
    if times[-1] > last:
        raise ValueError(f"record must be <= {last}, the number of weights, got {times[-1]}")
    return times


def _start(start, basis, like):
    """Return the coefficients of the start, shape of `like`."""
    if start is None:
        return np.zeros_like(like)
    start = check.finite_array("start", start)
    if start.shape != (len(basis), *like.shape[1:]):
        raise ValueError(
            f"start must have the shape of y, {(len(basis), *like.shape[1:])}, got {start.shape}"
        )
    a = basis.T @ start
    missed = np.linalg.norm(start - basis @ a)
    if missed > 1e-8 * np.linalg.norm(start):
        raise ValueError(
            f"start must lie in the range of the kernel matrix, got a part of length {missed:.3g} "
            f"outside"
        )
    return a


def _shrink(mu, step):
    """Return step * mu, at most 1 (one cluster and step = 1 / mu may exceed it by rounding)."""
    shrink = check.single("mu", check.positive("mu", mu)) * _step(step)
    if shrink > 1 + 1e-12:
        raise ValueError(f"step * mu must be <= 1, got {shrink}")
    return min(shrink, 1.0)


def _window(sizes, rates, mu, step):
    sizes = cluster_sizes(sizes)
    return sizes, flip_rates(rates, sizes, below_half=True), _shrink(mu, step)


def _steps_to_shrink(ratio, shrink):
    """Return the least integer T >= 1 with (1 - shrink)^T ratio <= 1."""
    if shrink == 1:
        return 1
    return max(1, int(np.ceil(np.log(ratio) / -np.log1p(-shrink))))


def _check_window(weights, T0, allowed):
    if len(weights) < T0 or (weights[: T0 + 1] < 1).any():
        raise ValueError(f"weights must be 1 up to index {T0}, the end of the burn-in")
    drops = -np.diff(weights)
    if (drops < 0).any():
        raise ValueError(f"weights must not increase, got a step up by {-drops.min():.3g}")
    if (drops > allowed + 4 * np.finfo(float).eps).any():
        raise ValueError(
            f"weights may fall by at most {allowed:.3g} a step, got a drop of {drops.max():.3g}"
        )


def _class_window(shares, sizes, classes):
    """Return shares, sizes, the clean one-hot rows and the smallest gap."""
    sizes, shares = cluster_sizes(sizes), check.finite_array("shares", shares, ndim=2)
    K, C = shares.shape
    if len(sizes) != K or C < 2:
        raise ValueError(
            f"shares must have one row a cluster ({len(sizes)}) and at least two columns, got "
            f"shape {shares.shape}"
        )
    if (shares < 0).any() or (np.abs(shares.sum(axis=1) - 1) > 1e-9).any():
        raise ValueError("each row of shares must be >= 0 and sum to 1")
    classes = (
        shares.argmax(axis=1) if classes is None else check.whole("classes", classes, minimum=0)
    )
    if classes.shape != (K,) or (classes >= C).any():
        raise ValueError(f"classes must be {K} whole numbers < {C}, got {classes!r:.80}")
    clean = np.eye(C)[classes]
    gaps = shares[np.arange(K), classes] - np.where(clean == 1, -np.inf, shares).max(axis=1)
    if (gaps <= 0).any():
        raise ValueError(
            f"the true class must have the largest share in every cluster; in cluster "
            f"{gaps.argmin()} it is ahead by {gaps.min():.3g}"
        )
    return shares, sizes, clean, float(gaps.min())
