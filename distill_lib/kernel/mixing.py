r"""Targets mixed with the ground truth: every round fits labels and teacher at once.

Round :math:`\tau` minimizes, for labels :math:`y`, teacher values :math:`p = y^{(\tau-1)}` and the
weight :math:`\alpha` on the labels,

.. math::
    \tfrac\alpha2\|f(X) - y\|^2 + \tfrac{1-\alpha}2\|f(X) - p\|^2
        + \tfrac\lambda2\|f\|_{\mathcal H}^2 ,

and :math:`y^{(0)} = y`, so that round 1 is the ordinary fit whatever its weight. Up to a constant
this is one ridge fit to the *mixed target* :math:`\alpha y + (1-\alpha) p`. Hence every later model
is a combination of the plain refits :math:`S y, S^2 y, \dots` with
:math:`S = K(K+\lambda I)^{-1}`, and all questions about weights are least squares.

Source: Borup and Andersen (2021); chapters 7 and 8. The joint optimum of all weights, the condition
for feasible varying weights and the exact meaning of dampening are derived in the book.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg
from scipy.optimize import nnls

from distill_lib import _validation as check
from distill_lib.kernel import constrained, filters
from distill_lib.kernel.spectrum import as_spectrum, check_gram

__all__ = [
    "MixedPath",
    "OptimalPath",
    "Posterior",
    "contraction",
    "distance_to_limit",
    "distill",
    "filter_ratio",
    "gp_posterior",
    "limit_ratio",
    "mixed_target",
    "never_collapses",
    "objective",
    "optimal_alpha",
    "optimal_path",
    "path_from_refits",
    "power_weights",
    "ratio_threshold",
    "refit_predictions",
    "stays_feasible",
    "weights_per_round",
]

#: Predictions that differ by less than this share of their size are the same up to rounding.
_COINCIDE = 1e-13

#: A budget of which no more than this share is left counts as used up exactly.
_USED_UP = 1e-13

#: Refits whose differences are dependent up to this share count as dependent.
_DEPENDENT = 1e-10


# ----------------------------------------------------------------------- one round


def mixed_target(y, teacher, alpha, *, unrestricted=False):
    r"""Targets of a round, :math:`m = \alpha y + (1-\alpha) p`.

    Parameters
    ----------
    y, teacher : array_like, shape (n,) or (n, q)
        Labels and teacher values :math:`p`, of the same shape.
    alpha : float
        Weight on the labels, in [0, 1].
    unrestricted : bool, default False
        Allow a weight outside [0, 1].

    Returns
    -------
    ndarray, shape (n,) or (n, q)

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite or `alpha` is out of range.

    Notes
    -----
    Source: chapter 7; Borup and Andersen (2021).

    Examples
    --------
    >>> mixed_target([1.0, 0.0], [0.5, 0.5], alpha=0.2)
    array([0.6, 0.4])
    """
    y, teacher = _alike(("y", y), ("teacher", teacher))
    alpha = _one_weight(alpha, unrestricted)
    return alpha * y + (1 - alpha) * teacher


def objective(K, dual, y, teacher, lam, alpha):
    r"""Value of the weighted objective at :math:`f = \sum_i c_i k(\cdot, x_i)`.

    .. math::
        \tfrac\alpha2\|Kc - y\|^2 + \tfrac{1-\alpha}2\|Kc - p\|^2 + \tfrac\lambda2 c^\top K c

    Parameters
    ----------
    K : array_like, shape (n, n)
        Kernel matrix.
    dual : array_like, shape (n,) or (n, q)
        Coefficients :math:`c`.
    y, teacher : array_like, shape (n,) or (n, q)
        Labels and teacher values :math:`p`.
    lam : float
        Ridge, > 0.
    alpha : float
        Weight on the labels, in [0, 1].

    Returns
    -------
    float
        Summed over the outputs.

    Raises
    ------
    ValueError
        If `K` is not a kernel matrix, shapes do not match or an argument is out of range.

    Notes
    -----
    Source: chapter 7; Borup and Andersen (2021).
    """
    K = check_gram(K)
    y, teacher = _alike(("y", y), ("teacher", teacher))
    dual, _ = _alike(("dual", dual), ("y", y))
    if len(y) != len(K):
        raise ValueError(f"y has {len(y)} rows, but the kernel matrix has {len(K)}")
    lam = check.single("lam", check.positive("lam", lam))
    alpha = _one_weight(alpha)
    fitted = K @ dual
    misses = alpha * ((fitted - y) ** 2).sum() + (1 - alpha) * ((fitted - teacher) ** 2).sum()
    return float((misses + lam * (dual * fitted).sum()) / 2)


# ----------------------------------------------------- all rounds: closed form, limit


def power_weights(alpha, rounds, *, unrestricted=False):
    r"""Weights of the plain refits in every mixed fit: the closed form of the recursion.

    With :math:`S = K(K+\lambda I)^{-1}` and one weight :math:`\alpha^{(i)}` a round,

    .. math::
        y^{(\tau)} = \sum_{k=1}^{\tau} w^{(\tau)}_k S^k y, \qquad
        w^{(\tau)}_k = \alpha^{(\tau-k+1)} \prod_{j=\tau-k+2}^{\tau} (1-\alpha^{(j)}),

    where :math:`\alpha^{(1)}` counts as 1. The weights add up to 1, and for :math:`\alpha` in
    [0, 1] they are not negative. The same weights mix the *predictions* of the plain refits at any
    input, and their leave-one-out predictions.

    Parameters
    ----------
    alpha : float or array_like, shape (rounds,)
        Weight on the labels; with one weight a round the first is unused.
    rounds : int
        Number of fits, >= 1.
    unrestricted : bool, default False
        Allow weights outside [0, 1].

    Returns
    -------
    ndarray, shape (rounds, rounds)
        Row :math:`\tau - 1` belongs to :math:`\tau` fits, column :math:`k - 1` to :math:`S^k`;
        zero to the right of the diagonal.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If `alpha` is out of range or has not one weight a round.

    Notes
    -----
    Source: chapter 7; Borup and Andersen (2021).

    Examples
    --------
    >>> power_weights(0.25, rounds=3)
    array([[1.    , 0.    , 0.    ],
           [0.25  , 0.75  , 0.    ],
           [0.25  , 0.1875, 0.5625]])
    """
    rounds = check.scalar_whole("rounds", rounds, minimum=1)
    alpha = _weights(alpha, rounds, unrestricted)
    alpha = np.concatenate([[1.0], alpha[1:]])
    W = np.zeros((rounds, rounds))
    for tau in range(1, rounds + 1):
        latest_first = alpha[:tau][::-1]
        W[tau - 1, :tau] = latest_first * np.cumprod(np.r_[1.0, 1 - latest_first[:-1]])
    return W


def weights_per_round(w):
    r"""Invert `power_weights`: the :math:`\alpha^{(i)}` whose last row is `w`.

    From the last round backwards, the labels' share of what is left,

    .. math:: \alpha^{(\tau-k+1)} = \frac{w_k}{w_k + w_{k+1} + \dots + w_\tau}.

    Parameters
    ----------
    w : array_like, shape (rounds,)
        Weights of :math:`S y, \dots, S^\tau y`; they must add up to 1 (to 1e-9, and if they are
        huge to their rounding).

    Returns
    -------
    ndarray, shape (rounds,)
        The weight of every round; the first, which is unused, is 1. In a round before which
        nothing is left any weight gives the same model, and 1 is returned.

    Raises
    ------
    ValueError
        If the weights do not add up to 1, or if no sequence gives them: a remainder
        :math:`w_k + \dots + w_\tau` is 0 although one of its terms is not.

    Notes
    -----
    Source: chapter 8.

    Examples
    --------
    >>> weights_per_round([0.25, 0.1875, 0.5625])
    array([1.  , 0.25, 0.25])
    """
    w = check.finite_array("w", w, ndim=1)
    scale = np.abs(w).max()
    if abs(w.sum() - 1) > 1e-9 + len(w) * np.finfo(float).eps * scale:
        raise ValueError(f"w must add up to 1, got {w.sum()}")
    left = np.cumsum(w[::-1])[::-1]  # w_k + ... + w_tau
    nothing = np.cumsum(np.abs(w[::-1]))[::-1] == 0
    if ((left == 0) & ~nothing).any():
        k = int(np.flatnonzero((left == 0) & ~nothing)[0])
        raise ValueError(f"w cannot be reached: its entries from number {k + 1} on cancel to 0")
    alpha = np.where(nothing, 1.0, w / np.where(nothing, 1.0, left))
    return alpha[::-1].copy()


def distance_to_limit(d, lam, alpha, rounds):
    r"""How far a filter is from its limit: :math:`b^{(\tau)} - b^{(\infty)}`, exactly.

    .. math::
        b^{(\tau)} - b^{(\infty)} = \bigl((1-\alpha)a\bigr)^\tau (1 - b^{(\infty)}), \qquad
        a = \frac{d}{d+\lambda},\quad b^{(\infty)} = \frac{\alpha d}{\alpha d + \lambda}.

    It is never negative: a path comes to its limit from above.

    Parameters
    ----------
    d : array_like, shape (..., r)
        Eigenvalues, >= 0.
    lam : array_like
        Ridge, > 0.
    alpha : array_like
        Weight on the labels, in [0, 1], the same in every round.
    rounds : int or array_like of int
        Number of fits, >= 0; at 0 the filter is that of the labels themselves, 1.

    Returns
    -------
    ndarray
        Shape of the broadcast arguments.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 7, derived there; the limit is that of Borup and Andersen (2021).

    Examples
    --------
    >>> distance_to_limit(1.0, lam=1.0, alpha=0.5, rounds=[0, 1, 2]).round(4)
    array([0.6667, 0.1667, 0.0417])
    """
    d, lam = check.non_negative("d", d), check.positive("lam", lam)
    alpha = check.weight("alpha", alpha)
    rounds = check.whole("rounds", rounds, minimum=0)
    return _shrinking_power(d, lam, alpha, rounds) * (lam / (alpha * d + lam))


def _shrinking_power(d, lam, alpha, rounds):
    """((1 - alpha) a)^rounds through logarithms: exact to |log| * eps for many rounds too."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        power = np.exp(rounds * (np.log1p(-alpha) - np.log1p(lam / d)))
    return np.where(rounds == 0, 1.0, power)


def contraction(d_max, lam, alpha):
    r"""Factor by which one round shrinks the distance to the limit, at least.

    .. math::
        \|y^{(\tau)} - y^{(\infty)}\| \le q^\tau \|y - y^{(\infty)}\|, \qquad
        q = \frac{(1-\alpha)\,d_{\max}}{d_{\max} + \lambda} < 1 .

    Parameters
    ----------
    d_max : array_like
        Largest eigenvalue of the kernel matrix, >= 0.
    lam : array_like
        Ridge, > 0.
    alpha : array_like
        Weight on the labels, in [0, 1], the same in every round.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 7, derived there; the limit is that of Borup and Andersen (2021).

    Examples
    --------
    >>> float(contraction(1.0, lam=1.0, alpha=0.5))
    0.25
    """
    d_max, lam = check.non_negative("d_max", d_max), check.positive("lam", lam)
    return (1 - check.weight("alpha", alpha)) * (d_max / (d_max + lam))


# -------------------------------------------------------------------- dampening


def filter_ratio(d_strong, d_weak, lam, alpha, rounds):
    r"""Ratio of two filter values, :math:`\rho_\tau = b^{(\tau)}(d_k)/b^{(\tau)}(d_j)`.

    For :math:`d_k > d_j > 0` it lies between :math:`\rho_1` and :math:`\rho_1^\tau`, and for
    :math:`\tau \ge 2` it falls as :math:`\alpha` rises: that is the dampening. In the round it is
    *not* monotone.

    Parameters
    ----------
    d_strong, d_weak : array_like
        The two eigenvalues, > 0, ``d_strong >= d_weak``.
    lam : array_like
        Ridge, > 0.
    alpha : array_like
        Weight on the labels, in [0, 1], the same in every round; arguments broadcast.
    rounds : int or array_like of int
        Number of fits, >= 1.

    Returns
    -------
    ndarray
        Infinite where it exceeds the largest double.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 7, where bounds and dampening are proved; the filter is that of Borup and
    Andersen (2021).

    Examples
    --------
    The eigenvalues for which a = 0.2 and 0.01; the ratio rises, then falls.

    >>> filter_ratio(0.25, 1 / 99, lam=1.0, alpha=0.5, rounds=[1, 2, 3, 4]).round(2)
    array([20.  , 23.76, 22.29, 22.13])
    """
    d_strong, d_weak, lam, alpha = _pair(d_strong, d_weak, lam, alpha)
    rounds = check.whole("rounds", rounds, minimum=1)
    # b = a (alpha + (1 - alpha) b_before), so only the factor in the brackets depends on the round,
    # and it is at least alpha; without labels the ratio is a power, which needs no small numbers.
    strong, weak = (_target_filter(d, lam, alpha, rounds) for d in (d_strong, d_weak))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        first = (d_strong / d_weak) * ((d_weak + lam) / (d_strong + lam))
        return np.where(alpha == 0, first**rounds, first * (strong / weak))


def limit_ratio(d_strong, d_weak, lam, alpha):
    r"""Ratio of two filter values in the limit of many rounds.

    .. math::
        \rho_\infty = \frac{1 + \lambda/(\alpha d_j)}{1 + \lambda/(\alpha d_k)}
            \le \frac{d_k}{d_j} \quad (\alpha > 0),

    and infinity for :math:`\alpha = 0`, if the eigenvalues differ.

    Parameters
    ----------
    d_strong, d_weak : array_like
        The two eigenvalues, > 0, ``d_strong >= d_weak``.
    lam : array_like
        Ridge, > 0.
    alpha : array_like
        Weight on the labels, in [0, 1]; arguments broadcast.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 7, derived there.

    Examples
    --------
    >>> limit_ratio(2.0, 1.0, lam=1.0, alpha=[0.0, 0.5, 1.0])
    array([       inf, 1.5       , 1.33333333])
    """
    d_strong, d_weak, lam, alpha = _pair(d_strong, d_weak, lam, alpha)
    ratio = (d_strong / d_weak) * ((alpha * d_weak + lam) / (alpha * d_strong + lam))
    return np.where((alpha == 0) & (d_strong > d_weak), np.inf, ratio)


def ratio_threshold(d_strong, d_weak, lam, alpha, rounds):
    r"""Return the number that the weight is compared with: below it the ratio of filters rises.

    It is not a weight at which the behaviour changes, since it depends on :math:`\alpha` itself.
    With :math:`b = b^{(\tau-1)}` (:math:`b^{(0)} = 1`), for :math:`d_k > d_j`,

    .. math::
        \mathrm{sgn}(\rho_\tau - \rho_{\tau-1}) = \mathrm{sgn}(\alpha_c - \alpha), \qquad
        \alpha_c = \frac{a_k - a_j}{a_j(1/b_j - 1) - a_k(1/b_k - 1)} .

    From the second round on the denominator is at least :math:`a_k - a_j`, so that
    :math:`0 < \alpha_c \le 1`, with equality in round 2. In round 1 it is 0 and the ratio rises:
    infinity is returned.

    Parameters
    ----------
    d_strong, d_weak : array_like
        The two eigenvalues, > 0, ``d_strong > d_weak``.
    lam : array_like
        Ridge, > 0.
    alpha : array_like
        Weight on the labels in [0, 1], the same in every round; it enters through b.
    rounds : int or array_like of int
        The round :math:`\tau \ge 1`.

    Returns
    -------
    ndarray
        :math:`\alpha_c`; compare it with `alpha`.

    Raises
    ------
    TypeError
        If `rounds` is not whole.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 7, which derives it. Borup and Andersen (2021) are remembered to give a sign
    criterion at this place; the wording was not compared.

    Examples
    --------
    >>> ratio_threshold(0.25, 1 / 99, lam=1.0, alpha=0.5, rounds=[1, 2, 3]).round(3)
    array([  inf, 1.   , 0.377])
    """
    d_strong, d_weak, lam, alpha = _pair(d_strong, d_weak, lam, alpha)
    if (d_strong == d_weak).any():
        raise ValueError(
            "d_strong must be > d_weak, got equal eigenvalues: their ratio is always 1"
        )
    rounds = check.whole("rounds", rounds, minimum=1)
    gap = lam * (d_strong - d_weak) / ((d_strong + lam) * (d_weak + lam))  # a_k - a_j
    # With T the filter of the target of the round before, a / b = 1 / T there. So the denominator
    # is the gap plus 1/T_j - 1/T_k, and nothing cancels but a difference of two filters, taken of
    # what they keep or of what they miss.
    earlier = np.maximum(rounds - 2, 0)
    missed = [_missed(d, lam, alpha, earlier) for d in (d_weak, d_strong)]
    weak, strong = (
        _target_filter(d, lam, alpha, np.maximum(rounds - 1, 1)) for d in (d_weak, d_strong)
    )
    kept = np.where(
        missed[1] < 0.5, missed[0] - missed[1], (strong - weak) / (1 - alpha + (alpha == 1))
    )
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        threshold = gap / (gap + (1 - alpha) * kept / (weak * strong))
    # It is positive; where filters underflow (no labels, many rounds) a tiny number stands in.
    threshold = np.where(threshold > 0, threshold, np.finfo(float).tiny)
    return np.where(rounds == 1, np.inf, threshold)


def _missed(d, lam, alpha, rounds):
    """1 - b, to full relative accuracy; 0 before the first round."""
    return (1 - _shrinking_power(d, lam, alpha, rounds)) * (lam / (alpha * d + lam))


def _target_filter(d, lam, alpha, rounds):
    """Filter of the mixed target of a round: alpha + (1 - alpha) b of the round before."""
    # Two more axes: a one-dimensional alpha is a grid here, and not one weight a round.
    wide = (np.asarray(v)[..., None, None] for v in (d, lam, np.maximum(rounds - 1, 1), alpha))
    before = np.where(rounds > 1, filters.distilled(*wide)[..., 0, 0], 1.0)
    return alpha + (1 - alpha) * before


def _pair(d_strong, d_weak, lam, alpha):
    d_strong = check.positive("d_strong", d_strong)
    d_weak = check.positive("d_weak", d_weak)
    if (d_weak > d_strong).any():
        raise ValueError(
            f"d_strong must be >= d_weak, got {d_strong.min():.6g} and {d_weak.max():.6g}"
        )
    lam, alpha = check.positive("lam", lam), check.weight("alpha", alpha)
    return np.broadcast_arrays(d_strong, d_weak, lam, alpha)


# ----------------------------------------------------------------- the best weight


def optimal_alpha(y, truth_prediction, teacher_prediction, *, clip=False):
    r"""Weight of least held-out error, in closed form.

    Problem solved: :math:`\min_\alpha \|\alpha\hat f + (1-\alpha)\hat g - y\|^2` over **all real**
    :math:`\alpha`, with the solution

    .. math:: \alpha^\star = \frac{(y - \hat g)^\top(\hat f - \hat g)}{\|\hat f - \hat g\|^2}.

    Here :math:`\hat f` are held-out predictions of the model fitted to the labels
    (:math:`\alpha = 1`) and :math:`\hat g` those of the one fitted to the teacher
    (:math:`\alpha = 0`). For a ridge fit the model with weight :math:`\alpha` predicts exactly the
    mix; for a network this is a surrogate.

    Parameters
    ----------
    y : array_like, shape (m,) or (m, q)
        Held-out targets.
    truth_prediction : array_like, shape (m,) or (m, q)
        :math:`\hat f`, predictions of the model that learned from the labels alone.
    teacher_prediction : array_like, shape (m,) or (m, q)
        :math:`\hat g`, predictions of the model that learned from its teacher alone.
    clip : bool, default False
        Return the best weight in [0, 1], which is the nearest one, since the error is a parabola.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes differ or a value is not finite; or if the two predictions coincide up to
        rounding: then every weight gives the same model, and none is optimal. That is so in the
        first round, and when the teacher fits the labels exactly.

    Notes
    -----
    Several outputs share one weight (Frobenius products). Source: chapter 8; Borup and Andersen
    (2021).

    Examples
    --------
    >>> optimal_alpha([1.0, 0.0], truth_prediction=[0.75, 0.5], teacher_prediction=[0.25, 0.5])
    1.5
    >>> optimal_alpha([1.0, 0.0], [0.75, 0.5], [0.25, 0.5], clip=True)
    1.0
    """
    y, f = _alike(("y", y), ("truth_prediction", truth_prediction))
    _, g = _alike(("y", y), ("teacher_prediction", teacher_prediction))
    if _coincide(f, g):
        raise ValueError(
            "truth_prediction and teacher_prediction coincide, so every alpha gives the same model "
            "(as in the first round); there is no optimal alpha"
        )
    gap = f - g
    scale = np.abs(gap).max()  # squares of tiny gaps must not underflow
    alpha = float((((y - g) / scale) * (gap / scale)).sum() / ((gap / scale) ** 2).sum())
    return min(max(alpha, 0.0), 1.0) if clip else alpha


def _coincide(f, g):
    """Whether two predictions are equal up to rounding."""
    return bool(np.abs(f - g).max() <= _COINCIDE * max(np.abs(f).max(), np.abs(g).max()))


class OptimalPath(NamedTuple):
    r"""Best weights of every round, chosen one after the other (greedy) and all at once (joint).

    Attributes
    ----------
    greedy_alphas : ndarray, shape (rounds,)
        Entry :math:`\tau - 1` is chosen in round :math:`\tau`, the ones before being kept; the
        first is unused and 1.
    greedy_losses : ndarray, shape (rounds,)
        Mean squared held-out error after each round.
    joint_alphas : tuple of ndarray
        Entry :math:`\tau - 1`, shape (tau,), is the best sequence for exactly :math:`\tau` fits.
    joint_losses : ndarray, shape (rounds,)
        Its error: the least that :math:`\tau` fits reach with any weights (in [0, 1], if clipped),
        unless that is only approached and not attained (`optimal_path`).
        It never rises, and is never above that of the greedy path, both up to rounding.
    """

    greedy_alphas: np.ndarray
    greedy_losses: np.ndarray
    joint_alphas: tuple[np.ndarray, ...]
    joint_losses: np.ndarray


def refit_predictions(K, y, lam, K_new, rounds):
    r"""Predictions of the plain refits :math:`\tau = 1, \dots` (:math:`\alpha = 0`) at new points.

    With the rows of `power_weights` they give every mixed model: no refitting.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix of the training points.
    y : array_like, shape (n,) or (n, q)
        Labels.
    lam : float
        Ridge, > 0.
    K_new : array_like, shape (m, n)
        Kernel between new and training points.
    rounds : int
        Number of fits, >= 1.

    Returns
    -------
    ndarray, shape (rounds, m) or (rounds, m, q)

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit.

    Notes
    -----
    Source: chapters 7 and 8.
    """
    spectrum = as_spectrum(K)
    lam = check.single("lam", check.positive("lam", lam))
    tau = np.arange(1, check.scalar_whole("rounds", rounds, minimum=1) + 1)[:, None]
    return spectrum.predict(K_new, filters.distilled(spectrum.eigenvalues, lam, tau), y)


def optimal_path(K, y, lam, K_validation, y_validation, rounds, *, clip=False):
    r"""Best weights for a chain of fits, by held-out data: greedy, and jointly over all rounds.

    *Greedy*: in round :math:`\tau` take the weight of least held-out error given all earlier
    rounds (`optimal_alpha`), then go on; this is the rule of Borup and Andersen (2021). *Joint*:
    minimize over all weights of all rounds at once. In the coordinates :math:`w` of
    `power_weights` a prediction is linear, so this is a least-squares problem too,

    .. math:: \min_w \Bigl\|\tilde y - \sum_{k=1}^\tau w_k \hat g_k\Bigr\|^2
        \quad\text{subject to}\quad \sum_k w_k = 1,

    with the held-out predictions :math:`\hat g_k` of the plain refits; with `clip` also
    :math:`w \ge 0`, which is the same as weights in [0, 1].

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix of the training points.
    y : array_like, shape (n,) or (n, q)
        Labels.
    lam : float
        Ridge, > 0.
    K_validation : array_like, shape (m, n)
        Kernel between held-out and training points.
    y_validation : array_like, shape (m,) or (m, q)
        Held-out targets.
    rounds : int
        Number of fits, >= 1.
    clip : bool, default False
        Keep all weights in [0, 1].

    Returns
    -------
    OptimalPath

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit.

    Notes
    -----
    Where a round's two predictions coincide every weight is as good, and 1 is kept. The joint
    optimum over all real weights is that of the *coordinates*; where these have no sequence of
    weights (`weights_per_round`), it can be approached and not attained, and a sequence that is not
    the best is returned. With more rounds than held-out numbers or than different eigenvalues there
    are many joint optima; one of them is returned.

    Refits look more and more alike. Beyond about eight rounds the real weights of a joint optimum
    can be so large that double precision does not carry them, neither here nor in a chain that uses
    them; directions below 1e-10 of the largest are left out, and the losses are those of the
    weights that are returned. Weights in [0, 1] have no such trouble.

    Source: chapter 8. The joint optimum is derived there.

    Examples
    --------
    >>> K = np.diag([4.0, 1.0])
    >>> best = optimal_path(K, [2.0, 1.0], 1.0, np.eye(2) * 3, [1.0, 0.1], rounds=3)
    >>> bool((best.joint_losses <= best.greedy_losses + 1e-12).all())
    True
    """
    refits = refit_predictions(K, y, lam, K_validation, rounds)
    return path_from_refits(refits, y_validation, clip=clip)


def path_from_refits(refits, y, *, clip=False):
    r"""Find best weights from predictions of the plain refits, wherever these come from.

    The same as `optimal_path` for predictions that are already there: at held-out points, at the
    training points by leave-one-out, or the exact risk: with rows
    :math:`(\theta_j a_j^k, \sigma a_j^k)` and targets :math:`(\theta_j, 0)` the squared error is
    the risk of chapter 3.

    Parameters
    ----------
    refits : array_like, shape (rounds, m) or (rounds, m, q)
        Predictions after 1, 2, ... plain refits.
    y : array_like, shape (m,) or (m, q)
        Targets there.
    clip : bool, default False
        Keep all weights in [0, 1].

    Returns
    -------
    OptimalPath

    Raises
    ------
    ValueError
        If shapes do not match or a value is not finite.

    Notes
    -----
    Source: chapter 8.
    """
    refits = check.finite_array("refits", refits, ndim=(2, 3))
    y = check.finite_array("y", y, ndim=(1, 2))
    if refits.shape[1:] != y.shape:
        raise ValueError(f"refits must have shape (rounds, *{y.shape}), got {refits.shape}")
    refits, y = refits.reshape(len(refits), -1), y.ravel()
    greedy_alphas, greedy_losses = _greedy(refits, y, clip)
    joint_alphas, joint_losses = [np.ones(1)], [greedy_losses[0]]
    for tau in range(2, len(refits) + 1):
        # A first refit with weight 1 changes nothing: so one round more is never worse.
        candidates = [greedy_alphas[:tau], np.r_[1.0, joint_alphas[-1]]]
        with suppress(ValueError):  # then no sequence has these coordinates
            candidates.append(weights_per_round(_joint(refits[:tau], y, clip)))
        losses = [_sequence_loss(alphas, refits, y) for alphas in candidates]
        best = int(np.argmin(losses))
        joint_alphas.append(candidates[best])
        joint_losses.append(losses[best])
    return OptimalPath(greedy_alphas, greedy_losses, tuple(joint_alphas), np.array(joint_losses))


def _loss(prediction, y):
    return float(((prediction - y) ** 2).mean())


def _sequence_loss(alphas, refits, y):
    """Error of the last round of a sequence of weights."""
    w = power_weights(alphas, len(alphas), unrestricted=True)[-1]
    return _loss(w @ refits[: len(w)], y)


def _greedy(refits, y, clip):
    """Weights and losses when each round takes its own best weight."""
    w, f = np.array([1.0]), refits[0]
    alphas, losses = [1.0], [_loss(f, y)]
    for tau in range(2, len(refits) + 1):
        g = w @ refits[1:tau]  # one more fit to the values of the last round
        alpha = 1.0 if _coincide(f, g) else optimal_alpha(y, f, g, clip=clip)
        w = np.r_[alpha, (1 - alpha) * w]
        alphas.append(alpha)
        losses.append(_loss(w @ refits[:tau], y))
    return np.array(alphas), np.array(losses)


def _joint(refits, y, clip):
    """Coordinates w, of sum 1, with the least squared error; not negative if `clip`."""
    if clip:
        return _joint_convex(refits, y)
    steps = (refits[1:] - refits[0]).T
    scale = np.sqrt((steps**2).sum(0))
    scale[scale == 0] = 1.0
    later = linalg.lstsq(steps / scale, y - refits[0], cond=_DEPENDENT)[0] / scale
    return np.r_[1 - np.sum(later), later]


def _joint_convex(refits, y):
    """Least squares over the simplex by one non-negative least-squares problem.

    On rays of the cone the sum s of w is free, and min over s of s^2 q + (s - 1)^2 = q / (1 + q)
    rises with q, the squared error at sum 1. So the ray of the cone's optimum is the simplex's.
    """
    misses = refits - y
    scale = np.sqrt((misses**2).sum(1).min()) or 1.0
    system = np.vstack([misses.T / scale, np.ones(len(refits))])
    w = nnls(system, np.r_[np.zeros(len(y)), 1.0])[0]
    return w / w.sum()


# ------------------------------------------------------------------ tolerance form


@dataclass(frozen=True, eq=False)
class MixedPath(constrained.ConstrainedPath):
    r"""Rounds of the tolerance form with labels in the mix; fields of `ConstrainedPath` and these.

    Here ``filters`` holds
    :math:`b_t = \frac{d}{d+\lambda_t}\bigl(\alpha_t + (1-\alpha_t)\,b_{t-1}\bigr)`, and
    ``function_norms`` do not grow with the same weight in every round, but can with others.

    Attributes
    ----------
    alphas : ndarray, shape (rounds,)
        Weight on the labels in each round that was fitted; the first is 1.
    feasible : bool
        False if the path ended because no function is within the tolerance of the next round.
    """

    alphas: np.ndarray
    feasible: bool


def distill(K, y, tolerance, alpha, max_rounds):
    r"""Distil in the tolerance form with labels in the mix.

    Round 0 is the ordinary fit within the tolerance. Round :math:`t \ge 1` solves

    .. math::
        \min \|f\|_{\mathcal H}^2 \quad\text{subject to}\quad
        \alpha\|f(X) - y\|^2 + (1-\alpha)\|f(X) - y_t\|^2 \le n\varepsilon,

    with :math:`y_t` the values of the round before. By completing the square this is the tolerance
    form with the mixed target and the smaller budget
    :math:`n\varepsilon - \alpha(1-\alpha)\|y - y_t\|^2`.

    Parameters
    ----------
    K : array_like, shape (n, n), or Spectrum
        Kernel matrix, not divided by n.
    y : array_like, shape (n,) or (n, q)
        Labels.
    tolerance : float
        :math:`\varepsilon > 0`, a mean squared error.
    alpha : float or array_like, shape (max_rounds,)
        Weight on the labels, in [0, 1]; with one weight a round the first is unused.
    max_rounds : int
        Number of rounds after which to stop: with labels in the mix a path need not end.

    Returns
    -------
    MixedPath
        It ends early with ``collapsed=True`` when the zero function is within the tolerance of
        the next round, or with ``feasible=False`` when no function is: then the distance between
        labels and teacher exceeds the budget. That cannot happen while `stays_feasible` holds, in
        particular not with the same weight in every round. A budget that is used up exactly, to
        1e-13, leaves the interpolant of the mixed target, with ridge 0.

    Raises
    ------
    TypeError
        If `max_rounds` is not whole.
    ValueError
        If an argument is out of range, or no function meets the tolerance in round 0.

    Notes
    -----
    Source: chapter 7; the variant is that of Borup and Andersen (2021), the conditions are derived
    in the book.

    Examples
    --------
    >>> path = distill(np.diag([2.0, 1.0]), [3.0, 1.0], tolerance=0.5, alpha=0.2, max_rounds=40)
    >>> path.rounds, path.collapsed, path.feasible
    (40, False, True)
    """
    spectrum, y, tolerance = constrained.checked_problem(K, y, tolerance)
    max_rounds = check.scalar_whole("max_rounds", max_rounds, minimum=1)
    alphas = _weights(alpha, max_rounds, unrestricted=False).copy()
    alphas[0] = 1.0
    if (y**2).sum() > len(y) * tolerance:
        constrained.refuse_infeasible(spectrum, y, tolerance)
    rank, outside = spectrum.rank, constrained.null_energy(spectrum, y)
    d = spectrum.eigenvalues[:rank]
    energy = (spectrum.expand(y)[:rank].reshape(rank, -1) ** 2).sum(1)
    b, ridges, kept, state = np.ones(rank), [], [], "goes on"
    for alpha_t in alphas:
        b, lam, state = _mixed_round(d, energy, outside, b, alpha_t, len(y) * tolerance)
        if state != "goes on":
            break
        ridges.append(lam)
        kept.append(b)
    full = np.zeros((len(ridges), len(spectrum.eigenvalues)))
    full[:, :rank] = np.reshape(kept, (len(ridges), rank))
    fitted = spectrum.apply(full, y) if ridges else np.empty((0, *y.shape))
    return MixedPath(
        np.array(ridges) / len(y),
        full,
        np.concatenate([y[None], fitted]),
        state == "collapsed",
        tolerance,
        spectrum,
        alphas[: len(ridges)],
        state != "infeasible",
    )


def _mixed_round(d, energy, outside, b, alpha, budget):
    """One round in the eigenbasis: the new filter, the ridge, and how it went.

    `b` is the filter of the teacher; before round 0 it is 1, and the labels are the only target.
    `outside` is the energy of the labels that no function of the space can fit.
    """
    target = alpha + (1 - alpha) * b
    # alpha (1 - alpha) |y - p|^2 plus alpha^2 |the unreachable part of y|^2
    spent = alpha * (1 - alpha) * ((1 - b) ** 2 * energy).sum() + alpha * outside
    left, wanted = budget - spent, target**2 * energy
    if constrained.is_within(wanted, left):
        return np.zeros_like(b), None, "collapsed"
    if left < -_USED_UP * budget:
        return b, None, "infeasible"
    if left <= _USED_UP * budget:
        return target, 0.0, "goes on"
    lam = constrained.solve_ridge(d, wanted, left)
    return d / (d + lam) * target, lam, "goes on"


def never_collapses(y, tolerance, alpha):
    r"""Whether the labels alone keep every feasible round from collapsing.

    The condition is :math:`\alpha\|y\|^2 > n\varepsilon`: then the zero function misses the labels
    by too much, whatever the teacher says.

    Parameters
    ----------
    y : array_like, shape (n,) or (n, q)
        Labels.
    tolerance : float
        :math:`\varepsilon > 0`.
    alpha : float or array_like
        Weight on the labels, in [0, 1]; of the weights of rounds 1, 2, ... the smallest decides.
        Round 0 has no weight of its own.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 7.

    Examples
    --------
    >>> never_collapses([1.0, 1.0], tolerance=0.2, alpha=0.25)
    True
    """
    alpha = float(check.weight("alpha", alpha).min())
    return bool(alpha * constrained.relative_norm(y, tolerance) ** 2 > 1)


def stays_feasible(alpha, previous=1.0, *, singular=False):
    r"""Whether a round is feasible whatever the labels, given the weight of the round before.

    For a positive definite kernel matrix the condition is

    .. math:: \alpha(1-\alpha) \le \alpha_{prev},

    because then the interpolant of the mixed target is within the tolerance. For a singular one it
    is :math:`\alpha(1-\alpha) \le \alpha_{prev}(1-\alpha^2)`, that is
    :math:`\alpha \le (1+\alpha)\,\alpha_{prev}` or :math:`\alpha = 1`. Both hold if
    :math:`\alpha \le \alpha_{prev}`. They are sufficient, not necessary.

    Parameters
    ----------
    alpha : array_like
        Weight on the labels in this round, in [0, 1].
    previous : array_like, default 1.0
        Weight in the round before; round 0 counts as 1.
    singular : bool, default False
        Whether the kernel matrix has zero eigenvalues.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    ValueError
        If a weight is out of range.

    Notes
    -----
    Round 0 must be strictly feasible. Source: chapter 7.

    Examples
    --------
    >>> stays_feasible([0.3, 0.25, 0.5], previous=[0.3, 0.2, 0.1]).tolist()
    [True, True, False]
    >>> stays_feasible([0.3, 0.25, 0.5], previous=[0.3, 0.2, 0.1], singular=True).tolist()
    [True, True, False]
    """
    alpha, previous = check.weight("alpha", alpha), check.weight("previous", previous)
    return alpha * (1 - alpha) <= previous * (1 - alpha**2 if singular else 1)


# --------------------------------------------------------- Gaussian-process reading


class Posterior(NamedTuple):
    """Mean and covariance of a Gaussian process at new points."""

    mean: np.ndarray
    covariance: np.ndarray


def gp_posterior(K, y, teacher, lam, alpha, K_new, K_new_new):
    r"""Gaussian-process regression in which every latent value is observed twice.

    Model: :math:`f \sim GP(0, k)`; :math:`y = f(X) + e` with noise variance :math:`\lambda/\alpha`,
    and :math:`p = f(X) + e'` with noise variance :math:`\lambda/(1-\alpha)`, all noise independent.
    The posterior mean is the ridge fit to :math:`\alpha y + (1-\alpha) p`; the posterior covariance
    is that of *one* observation with variance :math:`\lambda`.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Kernel matrix.
    y, teacher : array_like, shape (n,) or (n, q)
        The two observations.
    lam : float
        Ridge, > 0.
    alpha : float
        Weight on the labels, strictly between 0 and 1.
    K_new : array_like, shape (m, n)
        Kernel between new and training points.
    K_new_new : array_like, shape (m, m)
        Kernel matrix of the new points.

    Returns
    -------
    Posterior
        ``mean (m,)`` or ``(m, q)`` and ``covariance (m, m)`` of the latent values.

    Raises
    ------
    ValueError
        If shapes do not match or an argument is out of range.

    Notes
    -----
    It solves the system of all 2n observations, so that the identity can be seen and not just
    believed; for predictions use `SelfDistilledKernelRidge`. Source: chapter 7; Borup and Andersen
    (2021).
    """
    K, K_new_new = check_gram(K), check_gram(K_new_new, name="K_new_new")
    y, teacher = _alike(("y", y), ("teacher", teacher))
    K_new = check.finite_array("K_new", K_new, ndim=2)
    lam, alpha = check.single("lam", check.positive("lam", lam)), _one_weight(alpha)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie strictly between 0 and 1, got {alpha}")
    n, m = len(K), len(K_new_new)
    if len(y) != n or K_new.shape != (m, n):
        raise ValueError(
            f"K (n, n), y (n, ...), K_new (m, n) and K_new_new (m, m) must fit together, got "
            f"shapes {K.shape}, {y.shape}, {K_new.shape} and {K_new_new.shape}"
        )
    noise = np.repeat([lam / alpha, lam / (1 - alpha)], n)
    factor = linalg.cho_factor(np.tile(K, (2, 2)) + np.diag(noise), lower=True)
    twice = np.hstack([K_new, K_new])
    mean = twice @ linalg.cho_solve(factor, np.concatenate([y, teacher]))
    return Posterior(mean, K_new_new - twice @ linalg.cho_solve(factor, twice.T))


# ------------------------------------------------------------------------ checks


def _alike(*pair):
    """Return two finite arrays of targets after checking that their shapes are the same."""
    (name, values), (other_name, others) = pair
    values = check.finite_array(name, values, ndim=(1, 2))
    others = check.finite_array(other_name, others, ndim=(1, 2))
    if values.shape != others.shape:
        raise ValueError(
            f"{other_name} must have the shape of {name}, {values.shape}, got {others.shape}"
        )
    return values, others


def _one_weight(alpha, unrestricted=None):
    return check.single("alpha", check.weight("alpha", alpha, unrestricted=unrestricted))


def _weights(alpha, rounds, unrestricted):
    """Weight on the labels in each round, shape (rounds,)."""
    alpha = check.weight("alpha", alpha, unrestricted=unrestricted)
    if alpha.ndim and alpha.shape != (rounds,):
        raise ValueError(
            f"alpha must be one number or one weight a round, shape ({rounds},), "
            f"got shape {alpha.shape}"
        )
    return np.broadcast_to(alpha, (rounds,))
