r"""How a network deviates from its teacher: slopes with intervals, fidelity, calibration.

The deviation plot itself, `confidence_logits` and `fit_line`, is that of
`distill_lib.kernel.deviations`. Everything takes arrays or tensors, on any device, and returns
plain numbers or arrays.

Source: chapter 14.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from distill_lib import _validation as check
from distill_lib.kernel import deviations as of_arrays
from distill_lib.kernel.deviations import ConfidenceLogits, Line

__all__ = [
    "ConfidenceLogits",
    "Line",
    "SlopeInterval",
    "agreement",
    "calibration_error",
    "confidence_logits",
    "fit_line",
    "mean_kl",
    "slope_interval",
]


def _plain(values):
    """Return a tensor as an array on the CPU without its gradient; leave the rest as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def _of_tensors(function):
    """Let a function of arrays take tensors too."""

    @functools.wraps(function)
    def wrapped(*args, **keywords):
        return function(*map(_plain, args), **{k: _plain(v) for k, v in keywords.items()})

    return wrapped


confidence_logits = _of_tensors(of_arrays.confidence_logits)
fit_line = _of_tensors(of_arrays.fit_line)


class SlopeInterval(NamedTuple):
    """Slope of the least-squares line, with the ends of its bootstrap interval."""

    slope: float
    low: float
    high: float


def slope_interval(x, y, *, n_bootstrap=1000, level=0.95, rng):
    r"""Slope of the line of `y` on `x`, with a percentile interval over resampled points.

    Points are drawn with replacement, n of n, and the line is fitted again, `n_bootstrap` times;
    the interval holds the middle `level` of the slopes.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Coordinates of the deviation plot, for instance; at least three different values in `x`.
    n_bootstrap : int, default 1000
        Number of samples.
    level : float, default 0.95
        Probability between the two ends, 0 < level < 1.
    rng : numpy.random.Generator

    Returns
    -------
    SlopeInterval

    Raises
    ------
    TypeError
        If `rng` is no generator or `n_bootstrap` is not a whole number.
    ValueError
        If shapes differ, `x` has fewer than three values, or a number is out of range.

    Notes
    -----
    The interval is about the *points* for this one teacher and this one student. It does not
    contain the spread over seeds: repeat the training and report both.
    Samples without two different values in `x`, which have no slope, are drawn again.

    Source: chapter 14; the interval is that of Efron (1979).

    Examples
    --------
    >>> x = np.arange(20.0)
    >>> found = slope_interval(x, 2 * x, rng=np.random.default_rng(0))
    >>> print(" ".join(f"{value:.3f}" for value in found))
    2.000 2.000 2.000
    """
    n_bootstrap = check.scalar_whole("n_bootstrap", n_bootstrap, minimum=1)
    level = check.single("level", check.positive("level", level))
    if level >= 1:
        raise ValueError(f"level must be < 1, got {level}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}")
    x, y = _numbers("x", x), _numbers("y", y)
    slope = fit_line(x, y).slope
    if len(np.unique(x)) < 3:
        raise ValueError("x must have at least three different values, got two")
    slopes = np.array([_resampled_slope(x, y, rng) for _ in range(n_bootstrap)])
    low, high = np.quantile(slopes, [(1 - level) / 2, (1 + level) / 2])
    return SlopeInterval(slope, float(low), float(high))


def _resampled_slope(x, y, rng):
    """Return the slope on n points drawn with replacement."""
    while True:
        chosen = rng.integers(len(x), size=len(x))
        if np.ptp(x[chosen]) > 1e-12 * np.ptp(x):
            return fit_line(x[chosen], y[chosen]).slope


def agreement(p, q):
    r"""Fraction of points on which two networks predict one class.

    .. math:: \frac1n \sum_i \mathbb 1\{\arg\max_c p_{ic} = \arg\max_c q_{ic}\}

    Parameters
    ----------
    p, q : array_like, shape (n, classes)
        Probabilities or logits, one row a point. Of equal entries the first counts.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes differ or there is but one class.

    Notes
    -----
    Source: chapter 14; Stanton et al. (2021), top-1 agreement.

    Examples
    --------
    >>> agreement([[0.9, 0.1], [0.4, 0.6]], [[2.0, -1.0], [0.7, 0.3]])
    0.5
    """
    p, q = _rows("p", p), _rows("q", q)
    _same_shape(p, q)
    return float((p.argmax(1) == q.argmax(1)).mean())


def mean_kl(p, q, *, clip=None):
    r"""Mean divergence of a student from its teacher.

    .. math:: \frac1n \sum_i \mathrm{KL}(p_i\,\|\,q_i)
        = \frac1n \sum_i \sum_c p_{ic} \log\frac{p_{ic}}{q_{ic}} \ge 0

    Terms with :math:`p_{ic} = 0` are 0. It is what distillation with full weight on the teacher
    minimises, up to the teacher's entropy.

    Parameters
    ----------
    p : array_like, shape (n, classes)
        Probabilities of the teacher.
    q : array_like, shape (n, classes)
        Probabilities of the student.
    clip : float, optional
        Raise the student's probabilities to at least `clip` first and divide each row by its sum;
        0 < clip < 1 / classes. By default nothing is changed.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If shapes differ, a row is not a probability vector (to 1e-4: single precision), `clip` is
        out of range, or the student gives 0 to a class to which the teacher does not: there the
        divergence is infinite.

    Notes
    -----
    Single precision turns a probability below 1e-45 into 0; either compute the softmax in double
    precision or pass `clip`, and say so. Rows that sum to one only up to rounding can make the
    result negative by as much as their sums are off.

    Source: chapter 14; Stanton et al. (2021), predictive divergence.

    Examples
    --------
    >>> print(round(mean_kl([[1.0, 0.0]], [[0.5, 0.5]]), 6))
    0.693147
    """
    p, q = _probabilities("p", p), _probabilities("q", q)
    _same_shape(p, q)
    if clip is not None:
        clip = check.single("clip", check.positive("clip", clip))
        if clip >= 1 / p.shape[1]:
            raise ValueError(f"clip must be < 1 / classes = {1 / p.shape[1]:.6g}, got {clip}")
        q = np.maximum(q, clip)
        q /= q.sum(1, keepdims=True)
    positive = p > 0
    if (q[positive] == 0).any():
        i, c = np.argwhere(positive & (q == 0))[0]
        raise ValueError(
            f"q gives probability 0 to class {c} at point {i}, where p gives {p[i, c]:.3g}: the "
            "divergence is infinite; pass clip= to bound q from below"
        )
    return float((p[positive] * np.log(p[positive] / q[positive])).sum() / len(p))


def calibration_error(p, labels, *, bins=15):
    r"""Compute the expected calibration error of the predicted class.

    .. math:: \sum_b \frac{n_b}{n}\,\bigl|\text{accuracy}_b - \text{mean confidence}_b\bigr|

    The confidence of a point is its largest probability; bin b holds the :math:`n_b` points with
    confidence in :math:`((b-1)/B, b/B]`.

    Parameters
    ----------
    p : array_like, shape (n, classes)
        Probabilities.
    labels : array_like of int, shape (n,)
        Classes.
    bins : int, default 15
        Number B of bins of equal width.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    TypeError
        If `labels` or `bins` are not whole numbers.
    ValueError
        If shapes do not fit, a row is not a probability vector (to 1e-4) or a label is no class.

    Notes
    -----
    It depends on the number of bins, and for few points a perfectly calibrated network has a
    positive value. Source: Guo et al. (2017).

    Examples
    --------
    >>> p = [[0.75, 0.25]] * 4  # right three times of four, and it says so
    >>> calibration_error(p, [0, 0, 1, 0])
    0.0
    """
    p, bins = _probabilities("p", p), check.scalar_whole("bins", bins, minimum=1)
    labels = check.whole("labels", _plain(labels), minimum=0)
    if labels.shape != (len(p),):
        raise ValueError(f"labels must have shape ({len(p)},), got {labels.shape}")
    if labels.max() >= p.shape[1]:
        raise ValueError(f"labels must lie in 0..{p.shape[1] - 1}, got {labels.max()}")
    confidence, right = p.max(1), p.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    gaps = np.bincount(np.searchsorted(edges, confidence), weights=right - confidence)
    return float(np.abs(gaps).sum() / len(p))


# ------------------------------------------------------------------------------- the pieces


def _numbers(name, values):
    return check.finite_array(name, _plain(values), ndim=1)


def _rows(name, values):
    """Return finite rows with at least two classes."""
    values = check.finite_array(name, _plain(values), ndim=2)
    if values.shape[1] < 2:
        raise ValueError(f"{name} must have at least two classes, got shape {values.shape}")
    return values


def _probabilities(name, values):
    """Return rows that are >= 0 and sum to 1 up to the rounding of single precision."""
    values = _rows(name, values)
    if (values < 0).any():
        raise ValueError(f"{name} must hold probabilities >= 0, got {values.min()}")
    gap = np.abs(values.sum(1) - 1)
    if gap.max() > 1e-4:
        raise ValueError(
            f"each row of {name} must sum to 1, row {gap.argmax()} sums to "
            f"{values[gap.argmax()].sum():.6g}"
        )
    return values


def _same_shape(p, q):
    if p.shape != q.shape:
        raise ValueError(f"p and q must have one shape, got {p.shape} and {q.shape}")
